"""A page over HTTP or HTTPS: its status, a text in it, and when its certificate ends.

A redirect is a status like any other and is not followed. Of a server whose certificate is not
trusted nothing is asked; that is no failure of the poll, for it tells when the certificate ends.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pydantic import Field, field_validator

from probes.wire import http_page, login, x509
from probes.wire.local import cause, ours, why
from secmon.api import (
    EMPTY_LAYOUT,
    Batch,
    Driver,
    Garbled,
    Layout,
    Part,
    Probe,
    ProbeError,
    Reading,
    Refused,
    Target,
    Unreachable,
    arrange,
)
from secmon.api import Options as ApiOptions

READ_MAX = 16 * 1024  # bytes taken at once
CHARSETS = ("utf-8", "gb18030")  # in which the expected text is looked for


class Expect(ApiOptions):
    """What a good page is like."""

    status: tuple[int, ...] = Field(default=(200,), min_length=1, max_length=20)
    text: str = Field(default="", max_length=1000)
    """Stands in the first 64 kB of the page; empty: whatever it says."""

    @field_validator("status", mode="before")
    @classmethod
    def _one_or_several(cls, given: object) -> object:
        return (given,) if isinstance(given, int) else given

    @field_validator("status")
    @classmethod
    def _are_statuses(cls, given: tuple[int, ...]) -> tuple[int, ...]:
        if not all(200 <= one <= 599 for one in given):
            raise ValueError("expected statuses from 200 to 599")
        return given


class Options(ApiOptions):
    """The keys of an `http` probe in the site file."""

    url: str
    """`http://` or `https://`, without a log-in: that belongs to `credentials`."""
    expect: Expect = Expect()
    tls_verify: bool = True
    """False takes any certificate; when it ends is read all the same."""

    @field_validator("url")
    @classmethod
    def _is_a_url(cls, text: str) -> str:
        if "@" in text:
            raise ValueError("expected a URL without a log-in: that belongs to `credentials`")
        http_page.url(text)
        return text


@dataclass(frozen=True, slots=True)
class Trust:
    """Reading the system's certificate authorities takes 20 ms, so it is done once per daemon."""

    verifying: ssl.SSLContext
    believing: ssl.SSLContext  # believes everybody


def trust() -> Trust:
    """Whom the system trusts, and everybody."""
    believing = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    believing.check_hostname = False
    believing.verify_mode = ssl.CERT_NONE
    return Trust(ssl.create_default_context(), believing)


class _Untrusted(Exception):
    """The certificate did not pass; the text is OpenSSL's."""


@dataclass(frozen=True, slots=True)
class _Link:
    """One connection, for one request."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def certificate(self) -> bytes | None:
        """DER; None without TLS."""
        tls = self.writer.get_extra_info("ssl_object")
        return None if tls is None else tls.getpeercert(binary_form=True)

    def close(self) -> None:
        self.writer.transport.abort()


@dataclass(slots=True)
class _Site:
    """The probe. Between two polls it keeps the log-in, so that a nonce serves many requests."""

    target: Target
    options: Options
    trust: Trust
    url: http_page.Url = field(init=False)
    where: str = field(init=False)
    _login: login.Login | None = None
    _accepted: bool = False  # the log-in was right once
    _layout: Layout = EMPTY_LAYOUT

    def __post_init__(self) -> None:
        self.url = http_page.url(self.options.url)
        self.where = (
            f"{'HTTPS' if self.url.tls else 'HTTP'} at {self.url.host} port {self.url.port}"
        )

    async def read(self) -> Batch:
        try:
            page, certificate = await self._get()
        except _Untrusted as error:
            return self._batch(None, await self._show(), str(error))
        return self._batch(page, certificate, "")

    # --- asking ---

    async def _get(self) -> tuple[http_page.Page, bytes | None]:
        """The page, logged in where that is wanted; a refused log-in is not tried again."""
        renewed = False
        while True:
            link = await self._connect(verify=self.options.tls_verify)
            try:
                page = await self._ask(link)
                certificate = link.certificate
            finally:
                link.close()
            if page.status != 401 or not self._may_log_in():
                self._accepted = self._accepted or self._login is not None
                return page, certificate
            asked = page.all("www-authenticate")
            if self._login is not None:
                if renewed or not (self._accepted or login.stale(asked)):
                    raise Refused(f"{self.where}: the log-in was refused", credentials=True)
                renewed = True
            self._log_in(asked)

    def _may_log_in(self) -> bool:
        """A 401 that is expected, or that nobody can answer, is a status like any other."""
        return bool(self.target.credentials.get("username")) and (
            401 not in self.options.expect.status
        )

    def _log_in(self, asked: Sequence[str]) -> None:
        known = self.target.credentials
        try:
            self._login = login.log_in(asked, known.get("username"), known.get("password"))
        except ValueError as error:
            raise Refused(f"{self.where}: log-in: {error}", credentials=True) from None

    async def _show(self) -> bytes | None:
        """The certificate that was not trusted. Nothing is asked over this connection."""
        link = await self._connect(verify=False)
        try:
            return link.certificate
        finally:
            link.close()

    async def _connect(self, *, verify: bool) -> _Link:
        context = self.trust.verifying if verify else self.trust.believing
        host, port = self.url.host, self.url.port
        try:
            if not self.url.tls:
                return _Link(*await asyncio.open_connection(host, port, limit=READ_MAX))
            return _Link(*await asyncio.open_connection(host, port, limit=READ_MAX, ssl=context))
        except ssl.SSLCertVerificationError as error:
            raise _Untrusted(error.verify_message) from None
        except ssl.SSLError as error:
            raise Garbled(f"{self.where}: expected TLS, got: {_said(error)}") from None
        except OSError as error:
            failure = ProbeError if ours(error) else Unreachable
            raise failure(
                f"{self.where}: no connection: {why(error)}", cause=cause(error)
            ) from None

    async def _ask(self, link: _Link) -> http_page.Page:
        headers = {}
        if self._login is not None:
            cnonce = secrets.token_hex(8)
            headers["Authorization"] = self._login.authorization("GET", self.url.path, cnonce)
        link.writer.write(http_page.request(self.url, headers))
        page = http_page.Page()
        try:
            while data := await link.reader.read(READ_MAX):
                if page.take(data):
                    return page
            how = "it hung up"
        except http_page.Malformed as error:
            raise Garbled(f"{self.where}: {error}") from None
        except ssl.SSLError as error:
            how = _said(error)
        except OSError as error:
            how = why(error)
        if not page.begun:
            raise Unreachable(f"{self.where}: no answer: {how}")
        try:
            page.end()
        except http_page.Malformed as error:
            raise Garbled(f"{self.where}: {error}: {how}") from None
        return page

    # --- readings ---

    def _batch(
        self, page: http_page.Page | None, certificate: bytes | None, untrusted: str
    ) -> Batch:
        found = []
        facts = {}
        if page is not None:
            problem = self._unexpected(page)
            found += [Reading("http_status", page.status), Reading("http_expected", not problem)]
            facts["http_problem"] = problem
        if self.url.tls:
            if self.options.tls_verify:
                found.append(Reading("tls_trusted", not untrusted))
            left, strange = self._left(certificate)
            found += left
            facts["tls_problem"] = untrusted or strange
        layout, values = arrange(found)
        if layout.names != self._layout.names:
            self._layout = layout
        return Batch(self._layout, values, facts)

    def _left(self, certificate: bytes | None) -> tuple[list[Reading], str]:
        """How long a certificate is still valid, and what is wrong if that cannot be told."""
        if certificate is None or self.target.now is None:
            return [], "no certificate" if certificate is None else ""
        try:
            left = x509.not_after(certificate) - self.target.now()
        except x509.Malformed as error:
            return [], f"a certificate that cannot be read: {error}"
        return [Reading("tls_expiry_seconds", left.total_seconds())], ""

    def _unexpected(self, page: http_page.Page) -> str:
        """What is wrong with a page, in words; empty: nothing."""
        expect = self.options.expect
        if page.status not in expect.status:
            wanted = " or ".join(map(str, expect.status))
            return f"expected status {wanted}, got {page.status}"
        if any(expect.text.encode(charset) in page.body for charset in CHARSETS):
            return ""
        size = f"{len(page.body)} bytes"
        return f"expected the text {expect.text!r}, got {size} of a page without it"


def _said(error: ssl.SSLError) -> str:
    """OpenSSL's reason in words: `wrong version number`."""
    return (error.reason or type(error).__name__).replace("_", " ").lower()


@asynccontextmanager
async def shared() -> AsyncIterator[Trust]:
    yield trust()


@asynccontextmanager
async def connect(
    target: Target, options: Options, profile: ApiOptions | None
) -> AsyncIterator[Probe]:
    """A probe of one page. Every poll has a connection of its own, as a visitor has."""
    known = target.shared if isinstance(target.shared, Trust) else trust()
    yield _Site(target, options, known)


def brings(options: Options, profile: ApiOptions | None, parts: Mapping[str, Part]) -> list[str]:
    """An untrusted certificate leaves the page unasked, so a good poll need not bring a status."""
    if http_page.url(options.url).tls:
        return ["tls_expiry_seconds"]
    return ["http_status", "http_expected"]


DRIVER = Driver("http", Options, None, connect, brings=brings, shared=shared)
