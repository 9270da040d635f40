"""SMS through any gateway that speaks HTTP: address, headers and body are the site file's."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Literal
from urllib.parse import quote, urlsplit

from aiohttp import ClientSession, encode_basic_auth
from pydantic import AfterValidator, Field, model_validator

from secmon.adapters.notify import Context, NotifierKind, Secrets
from secmon.adapters.notify.exchange import Answer, exchange, new_session, refused
from secmon.adapters.notify.fitting import fit_signs
from secmon.adapters.notify.phones import PLACES, Phone, filled, reach, unknown_places, values
from secmon.adapters.notify.recipients import Recipient, Round, joined
from secmon.api import Clock, Credentials, Delivery, Notifier
from secmon.settings import Secret, Section
from secmon.settings.values import SomeText
from secmon.texts.clean import clean

LOGIN = frozenset(("username", "password"))
TYPES = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "text": "text/plain",
}
PLENTY = 1000


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        named = "{" in parts.netloc
    except ValueError:
        good, named = False, True
    if not good or named:
        raise ValueError("expected an address like https://sms.example.org/send?to={phone}")
    return value


def _regex(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"expected a regular expression: {error}") from None
    return value


class Expect(Section):
    """What a good answer holds, beside a status of 2xx."""

    match: Annotated[SomeText, AfterValidator(_regex)] | None = None  # found anywhere in the body
    path: SomeText | None = None  # in a JSON body: `result.code`, `list.0.status`
    value: SomeText | None = None  # what stands there, as text

    @model_validator(mode="after")
    def _whole(self) -> Expect:
        if (self.path is None) != (self.value is None) or not (self.match or self.path):
            raise ValueError("expected match, or path with value")
        return self


class Options(Section):
    """The site file's keys beside `id` and `channel`."""

    url: Annotated[SomeText, AfterValidator(_url)]
    method: Literal["GET", "POST", "PUT"] = "POST"
    headers: dict[SomeText, SomeText] = Field(default_factory=dict)
    body: str = ""
    type: Literal["json", "form", "text"] = "json"  # of the body: how what is filled in is escaped
    credentials: str | None = None  # for {username} and {password}; where neither is named: Basic
    token: Secret | None = None  # as `Authorization: Bearer`
    expect: Expect | None = None
    longest: Annotated[int, Field(ge=20, le=1000)] = 200  # characters, the link included
    to: list[Phone] = Field(default_factory=list)  # for notices that are meant for nobody by name

    @model_validator(mode="after")
    def _known(self) -> Options:
        for template in (self.url, self.body, *self.headers.values()):
            wrong = unknown_places(template, PLACES | LOGIN)
            if wrong:
                raise ValueError(f"expected {{phone}}, {{text}} … (got {{{wrong[0]}}})")
        if "{phone}" not in self.url + self.body:
            raise ValueError("expected {phone} in url or body")
        return self


@dataclass(frozen=True, slots=True)
class Gateway:
    """The notifier (api.Joiner). `place` is how texts name it: without path and query."""

    options: Options
    place: str
    login: Credentials
    token: str = field(repr=False)
    clock: Clock = field(repr=False)
    session: ClientSession = field(repr=False)
    round: Round = field(default_factory=Round, repr=False)
    longest: int = 600  # bytes of a digest

    def room(self) -> tuple[int, float]:
        return PLENTY, 0.0

    async def send(self, delivery: Delivery, text: str) -> None:
        """Told when the gateway's answer is as expected, for every person."""
        people, unreachable = reach(delivery, self.options.to)

        async def send(one: Recipient) -> None:
            await self._sms(delivery, one, fit_signs(text, one.link, self.options.longest))

        await self.round.tell(delivery.key, people, unreachable, send)

    async def send_many(self, deliveries: Sequence[Delivery], text: str) -> None:
        await self.send(joined(deliveries), " ".join(text.split()))

    async def _sms(self, delivery: Delivery, one: Recipient, text: str) -> None:
        known = {**values(delivery, text, one), **{k: self.login.get(k) for k in LOGIN}}
        escaped = {name: _escape(self.options.type, value) for name, value in known.items()}
        quoted = {name: quote(value, safe="") for name, value in known.items()}
        answer = await exchange(
            self.session,
            self.options.method,
            filled(self.options.url, quoted),
            self.place,
            self.clock.now(),
            data=filled(self.options.body, escaped).encode() or None,
            headers=self._headers(known),
        )
        self._judge(answer, delivery.tries)

    def _headers(self, known: Mapping[str, str]) -> dict[str, str]:
        made = {
            name: clean(filled(value, known), 2000) for name, value in self.options.headers.items()
        }
        if self.options.body:
            made.setdefault("Content-Type", f"{TYPES[self.options.type]}; charset=utf-8")
        if self.token:
            made["Authorization"] = f"Bearer {self.token}"
        elif self.options.credentials and not self._names_login:
            login = self.login.get("username"), self.login.get("password")
            made["Authorization"] = encode_basic_auth(*login, "utf-8")
        return made

    @property
    def _names_login(self) -> bool:
        everything = self.options.url + self.options.body + "".join(self.options.headers.values())
        return "{username}" in everything or "{password}" in everything

    def _judge(self, answer: Answer, tries: int) -> None:
        expect = self.options.expect
        shown = clean(self._masked(answer.text))
        if not 200 <= answer.status < 300:
            raise refused(f"{self.place}: expected 2xx (got {answer.status}: {shown})", tries)
        if expect is None:
            return
        if expect.match and not re.search(expect.match, answer.text):
            raise refused(f"{self.place}: expected {expect.match!r} (got {shown})", tries)
        if expect.path and (found := _at(answer, expect.path)) != expect.value:
            wanted = f"{expect.path} = {expect.value}"
            raise refused(f"{self.place}: expected {wanted} (got {found}: {shown})", tries)

    def _masked(self, words: str) -> str:
        for hidden in (self.token, self.login.get("password")):
            words = words.replace(hidden, "***") if len(hidden) > 3 else words
        return words


def _escape(kind: str, value: str) -> str:
    escapes: Mapping[str, Callable[[str], str]] = {
        "json": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
        "form": lambda text: quote(text, safe=""),
    }
    return escapes[kind](value) if kind in escapes else value


def _at(answer: Answer, path: str) -> str:
    """What stands at `a.b.0.c` of a JSON body, as text; empty where there is nothing."""
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return ""
    for step in path.split("."):
        if isinstance(found, dict):
            found = found.get(step)
        elif isinstance(found, list) and step.isdecimal() and int(step[:6]) < len(found):
            found = found[int(step[:6])]
        else:
            return ""
    return "" if found is None else found if isinstance(found, str) else json.dumps(found)


@asynccontextmanager
async def _open(options: Options, secrets: Secrets, context: Context) -> AsyncIterator[Notifier]:
    login = secrets.credentials(options.credentials) if options.credentials else Credentials()
    token = secrets.secret(options.token) if options.token else ""
    parts = urlsplit(options.url)
    place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    async with new_session() as session:
        yield Gateway(options, place, login, token, context.clock, session)


NOTIFIER = NotifierKind("sms", Options, _open, for_people=True)
