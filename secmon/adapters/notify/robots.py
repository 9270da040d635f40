"""What the group robots of DingTalk, WeCom and Feishu have in common.

They answer HTTP 200 to every failure: only the code in the body says that a message was taken. A
message goes to the whole group and names those whom it is meant for.
"""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qsl, urlsplit

from aiohttp import ClientSession

from secmon.adapters.notify import Context, Payload, Secrets, as_bytes
from secmon.adapters.notify.allowance import Allowance, Window
from secmon.adapters.notify.exchange import Answer, exchange, new_session, refused
from secmon.adapters.notify.fitting import fit_bytes
from secmon.api import Clock, Contact, Delivery, Later, Never, Notifier
from secmon.loading.problems import ConfigError
from secmon.settings import Secret, Section
from secmon.texts.clean import clean

HEADERS = {"Content-Type": "application/json; charset=utf-8"}


class Options(Section):
    """The site file's keys beside `id` and `channel`."""

    webhook: Secret  # the whole address as the platform shows it: it holds the robot's token
    secret: Secret | None = None  # what messages are signed with, where the robot asks for it


class UnsignedOptions(Section):
    """The same for a robot that knows no signatures."""

    webhook: Secret


@dataclass(frozen=True, slots=True)
class Said:
    """A robot's answer: code 0 is success. None: the body holds no code."""

    code: int | None
    words: str


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one platform does differently."""

    name: str
    example: str  # of an address
    longest: int  # bytes of text
    windows: Sequence[Window]
    request: Callable[[str, str, str, Sequence[Contact], datetime], tuple[str, Payload]]
    """(address, secret, text, people, now) → address and body."""
    said: Callable[[Mapping[str, object]], Said]
    rests: Mapping[int, float]  # too fast: seconds of silence that the code asks for
    again: frozenset[int]  # the platform's own trouble
    final: frozenset[int]  # wrong address, signature, keyword …: a repeat is no use


@dataclass(slots=True)
class Robot:
    """The notifier (api.Joiner). `place` is how texts name it: the host alone."""

    dialect: Dialect
    url: str = field(repr=False)
    secret: str = field(repr=False)
    place: str
    clock: Clock
    session: ClientSession
    allowance: Allowance

    @property
    def longest(self) -> int:
        return self.dialect.longest - 200  # for the names of those who are meant

    def room(self) -> tuple[int, float]:
        return self.allowance.room(self.clock.tick())

    async def send(self, delivery: Delivery, text: str) -> None:
        """Told at code 0. Later: too fast, busy, no proper answer. Never: refused."""
        await self._send(text, delivery.links.get("", ""), delivery.people, delivery.tries)

    async def send_many(self, deliveries: Sequence[Delivery], text: str) -> None:
        people = {one.user: one for delivery in deliveries for one in delivery.people}
        await self._send(text, "", tuple(people.values()), deliveries[0].tries)

    async def _send(self, text: str, link: str, people: Sequence[Contact], tries: int) -> None:
        room, rest_s = self.room()
        if room <= 0:
            raise Later(f"{self.place}: as many messages as it may take", rest_s)
        meant = fit_bytes(text, link, self.longest)
        now = self.clock.now()
        url, body = self.dialect.request(self.url, self.secret, meant, people, now)
        self.allowance.take(self.clock.tick())
        answer = await exchange(
            self.session,
            "POST",
            url,
            self.place,
            now,
            data=as_bytes(body),
            headers=HEADERS,
            exact=True,
        )
        self._judge(answer, tries)

    def _judge(self, answer: Answer, tries: int) -> None:
        said = self.dialect.said(answer.json())
        if answer.status == 200 and said.code == 0:
            return
        words = self._masked(said.words)
        if said.code is None:
            raise refused(f"{self.place}: expected a code (got {answer.status} without)", tries)
        told = f"{self.place}: expected code 0 (got {said.code}: {words})"
        if said.code in self.dialect.rests:
            rest_s = self.dialect.rests[said.code]
            self.allowance.rest(self.clock.tick(), rest_s)
            raise Later(told, rest_s)
        if said.code in self.dialect.again:
            raise Later(told)
        raise Never(told) if said.code in self.dialect.final else refused(told, tries)

    def _masked(self, words: str) -> str:
        """What the platform says, without what it may have repeated of our secrets."""
        parts = urlsplit(self.url)
        tokens = [value for _, value in parse_qsl(parts.query)]
        for hidden in (self.secret, parts.path.rpartition("/")[2], *tokens):
            words = words.replace(hidden, "***") if len(hidden) > 7 else words
        return clean(words)


def number(value: object) -> int | None:
    """A code, whether it came as a number or as text; a truth is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.lstrip("-").isdecimal() and len(value) < 12:
        return int(value)
    return value if isinstance(value, int) else None


@asynccontextmanager
async def open_robot(
    dialect: Dialect, webhook: str, secret: str, context: Context
) -> AsyncIterator[Notifier]:
    """The robot behind an address; ConfigError if it is none."""
    url = webhook.strip()
    if not _usable(url):
        raise ConfigError([f"notify.webhook: {_wanted(dialect)}"])
    async with new_session() as session:
        yield Robot(
            dialect,
            url,
            secret.strip(),
            f"{dialect.name} at {urlsplit(url).hostname}",
            context.clock,
            session,
            Allowance(dialect.windows),
        )


def flaws_of(
    dialect: Dialect,
) -> Callable[[Options | UnsignedOptions, Secrets], Sequence[tuple[str, str]]]:
    """NotifierKind.flaws for this platform."""

    def flaws(options: Options | UnsignedOptions, secrets: Secrets) -> Sequence[tuple[str, str]]:
        good = _usable(secrets.secret(options.webhook).strip())
        return () if good else [("webhook", _wanted(dialect))]

    return flaws


def _wanted(dialect: Dialect) -> str:
    return f"expected an address like {dialect.example} (got something else)"


def opened(
    dialect: Dialect,
) -> Callable[[Options | UnsignedOptions, Secrets, Context], AsyncIterator[Notifier]]:
    """NotifierKind.open for this platform, not yet a context manager."""

    async def open_(
        options: Options | UnsignedOptions, secrets: Secrets, context: Context
    ) -> AsyncIterator[Notifier]:
        signed = options.secret if isinstance(options, Options) else None
        secret = secrets.secret(signed) if signed else ""
        async with open_robot(dialect, secrets.secret(options.webhook), secret, context) as robot:
            yield robot

    return open_


def _usable(url: str) -> bool:
    """https; or http on loopback, where a gateway of one's own may stand."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if not host or port == 0 or any(sign.isspace() for sign in url):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _loopback(host))


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
