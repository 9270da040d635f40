"""Asks one device during one poll: signs what needs a log-in, and says what an answer amounts to.

Rules that hold here:
- A log-in that the device refuses is final: Refused with `credentials=True`, so that the shell does
  not ask again. Cameras lock an account after four bad ones, some for half an hour.
- Only two things are tried again, once: HTTP digest when the device asks for it, where the message
  had been signed the SOAP way; and a digest whose nonce has aged.
- The password is never sent, only digests of it; HTTP Basic is not spoken.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from xml.etree.ElementTree import Element

from probes.onvif.link import HungUp, Link, failure_of, open_link
from probes.wire import http, http_digest, soap
from probes.wire.onvif import Operation, Place
from secmon.api import Cause, Credentials, Garbled, Refused

HIDDEN_MIN = 4  # characters: a shorter password would make holes in every text
_LOCKED = re.compile(
    r"(?<![a-z])lock(ed|out)|(account|user)[ _-]?(is )?lock|lockStatus>\s*lock\s*<|锁定",
    re.IGNORECASE,
)


@dataclass(slots=True)
class LogIn:
    """How a device is to be signed for, as learned so far. Begun anew when the credentials change.

    `ahead`: seconds by which the device's clock is ahead of ours.
    """

    username: str
    password: str = field(repr=False)
    ahead: float = 0.0
    digest: http_digest.Digest | None = None  # None: messages are signed the SOAP way

    def __post_init__(self) -> None:
        if not (self.username + self.password).isprintable():
            raise ValueError("a log-in holds control characters")

    def same(self, other: LogIn) -> bool:
        """Are these the same credentials?"""
        return (self.username, self.password) == (other.username, other.password)

    def hide(self, text: str) -> str:
        """A device that knows the password may write it anywhere."""
        return text.replace(self.password, "***") if len(self.password) >= HIDDEN_MIN else text


def log_in(credentials: Credentials) -> LogIn:
    """Raises Refused for credentials that no message can carry."""
    try:
        return LogIn(credentials.get("username"), credentials.get("password"))
    except ValueError:
        raise Refused("the user name or the password holds control characters") from None


class Session:
    """Open for one poll. `now` gives wall time in UTC."""

    def __init__(
        self, address: str, log_in: LogIn, now: Callable[[], datetime], where: str
    ) -> None:
        self._address = address
        self._log_in = log_in
        self._now = now
        self._where = where
        self._links: dict[int, Link] = {}
        self.last: http.Response | None = None

    async def ask(self, place: Place, operation: Operation, *, signed: bool = True) -> Element:
        """The answer's element. Raises Unreachable, Refused, Garbled."""
        return self.open(await self.fetch(place, operation, signed=signed), operation)

    async def fetch(
        self, place: Place, operation: Operation, *, signed: bool = True
    ) -> http.Response:
        """An answer that is not yet opened. Raises Unreachable, Refused, Garbled."""
        signed = signed and bool(self._log_in.username)
        response = await self._exchange(place, operation, signed)
        if response.status == 401 and self._challenged(response) and signed:
            response = await self._exchange(place, operation, signed)
        if response.status in (401, 403):
            if signed:
                self._log_in.digest = None  # who asks after this, by a person's word, begins anew
            raise self._denied(operation, response)
        if signed and self._log_in.digest is not None:
            self._log_in.digest.taken = True
        return response

    def open(self, response: http.Response, operation: Operation) -> Element:
        """Raises Refused, Garbled."""
        try:
            return soap.parse(response.body, operation.answer)
        except soap.Fault as fault:
            if fault.denied:
                raise self._denied(operation, response) from None
            said = self._log_in.hide(str(fault))
            raise Refused(f"{self._asked(operation)}: the device refuses: {said}") from None
        except soap.Malformed as wrong:
            if response.status >= 400:
                says = "404: there is no ONVIF here" if response.status == 404 else response.status
                none = Cause.WRONG_SERVICE if response.status == 404 else Cause.UNKNOWN
                raise Refused(f"{self._asked(operation)}: HTTP {says}", cause=none) from None
            raise Garbled(f"{self._asked(operation)}: {self._log_in.hide(str(wrong))}") from None

    def close(self) -> None:
        for link in self._links.values():
            link.close()

    async def _exchange(self, place: Place, operation: Operation, signed: bool) -> http.Response:
        """A device may close a connection that it has answered on: then it is asked on another."""
        link = await self._link(place.port)
        try:
            try:
                response = await link.ask(self._message(place, operation, signed))
            except HungUp:
                if not link.answers:
                    raise
                link = await self._link(place.port)
                response = await link.ask(self._message(place, operation, signed))
        except (HungUp, http.Malformed) as error:
            raise failure_of(error, self._asked(operation)) from None
        self.last = response
        return response

    async def _link(self, port: int) -> Link:
        link = self._links.get(port)
        if link is None or not link.usable:
            link = self._links[port] = await open_link(self._address, port, self._where)
        return link

    def _message(self, place: Place, operation: Operation, signed: bool) -> bytes:
        if not signed:
            return _unsigned(self._address, place, operation)
        known, headers, security = self._log_in, [soap.CONTENT_TYPE], b""
        if known.digest is not None:
            headers.append(known.digest.header("POST", place.path, secrets.token_hex(8)))
        else:
            created = self._now() + timedelta(seconds=known.ahead)
            nonce = secrets.token_bytes(16)
            security = soap.security(known.username, known.password, nonce, created)
        envelope = soap.envelope(operation.body, security)
        return http.request(self._address, place.port, place.path, envelope, headers)

    def _challenged(self, response: http.Response) -> bool:
        """Is there a log-in to be tried that has not been: HTTP digest, or its next nonce?"""
        known = self._log_in
        challenge = http_digest.challenge(response.all("www-authenticate"))
        if challenge is None or not known.username:
            return False
        if known.digest is not None:
            aged = challenge.stale or known.digest.taken
            if challenge.nonce == known.digest.challenge.nonce or not aged:
                return False
        known.digest = http_digest.Digest(challenge, known.username, known.password)
        return True

    def _denied(self, operation: Operation, response: http.Response) -> Refused:
        """The one text that matters most: whoever reads it must know what to do."""
        text = self._asked(operation)
        said = self._log_in.hide(_reason(response))
        if not self._log_in.username:
            none = f"{text}: it wants a log-in, and the probe has no `credentials:`{said}"
            return Refused(none, cause=Cause.NO_LOGIN)
        who = soap.clean(self._log_in.username)
        if _LOCKED.search(response.body[:4096].decode("utf-8", "replace")):
            locked = f"{text}: the account {who!r} is locked{said}"
            return Refused(locked, credentials=True, cause=Cause.LOCKED)
        if _only_basic(response):
            said = "; it asks for HTTP Basic, which sends passwords readable: not done"
        return Refused(f"{text}: the log-in of {who!r} is refused{said}", credentials=True)

    def _asked(self, operation: Operation) -> str:
        return f"{self._where}: {operation.name}"


@lru_cache(maxsize=1024)
def _unsigned(address: str, place: Place, operation: Operation) -> bytes:
    envelope = soap.envelope(operation.body)
    return http.request(address, place.port, place.path, envelope, [soap.CONTENT_TYPE])


def _reason(response: http.Response) -> str:
    """What the device says of it, in brackets."""
    try:
        soap.parse(response.body, "")
    except soap.Fault as fault:
        return f" (HTTP {response.status}: {fault})"
    except soap.Malformed:
        pass
    return f" (HTTP {response.status})"


def _only_basic(response: http.Response) -> bool:
    asked = http_digest.schemes(response.all("www-authenticate"))
    return bool(asked) and all(scheme == "basic" for scheme, _ in asked)
