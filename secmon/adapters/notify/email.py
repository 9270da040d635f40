"""E-mail over SMTP: implicit TLS, STARTTLS or, where somebody says so, none.

Each person gets a mail of their own, for its link is theirs alone. What a server refuses for good
(5xx) concerns the one recipient; 4xx is tried again, for that one only.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Annotated, Literal

import aiosmtplib
from aiosmtplib import SMTP
from pydantic import AfterValidator, Field, model_validator

from secmon.adapters.notify import Context, NotifierKind, Secrets
from secmon.adapters.notify.mail import is_address, message, subject_of
from secmon.adapters.notify.recipients import Recipient, Round, joined, recipients_of
from secmon.api import Clock, Contact, Delivery, Later, Never, Notifier
from secmon.loading.problems import ConfigError
from secmon.settings import Section
from secmon.settings.values import Address, SomeText
from secmon.texts.clean import clean

PORTS = {"implicit": 465, "starttls": 587, "off": 25}
STEP_S = 10.0  # for one command to be answered; the outbox has the deadline for all of it
QUIT_S = 1.0
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}")
LONGEST = 100_000  # bytes of a digest
PLENTY = 1000  # mails have no limit that we know


def _mailbox(value: str) -> str:
    if not is_address(value):
        raise ValueError("expected a mail address like duty@example.org")
    return value


Mailbox = Annotated[str, AfterValidator(_mailbox)]


class Options(Section):
    """The site file's keys beside `id` and `channel`."""

    host: Address
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    tls: Literal["implicit", "starttls", "off"] = "implicit"
    ca: SomeText | None = None  # PEM; relative as a secret's file is. Without: the system's
    credentials: str | None = None
    sender: Annotated[Mailbox, Field(alias="from")]
    to: list[Mailbox] = Field(default_factory=list)  # for notices that are meant for nobody by name

    @model_validator(mode="after")
    def _no_clear_log_in(self) -> Options:
        if self.tls == "off" and self.credentials:
            raise ValueError("expected tls: implicit or starttls with credentials, not off")
        return self


@dataclass(frozen=True, slots=True)
class Mailer:
    """The notifier (api.Joiner)."""

    options: Options
    place: str
    trust: ssl.SSLContext | None
    username: str
    password: str = field(repr=False)
    clock: Clock = field(repr=False)
    round: Round = field(default_factory=Round, repr=False)
    longest: int = LONGEST

    def room(self) -> tuple[int, float]:
        return PLENTY, 0.0

    async def send(self, delivery: Delivery, text: str) -> None:
        """Told when the server took every mail. Later: 4xx, or no server. Never: 5xx."""
        await self._tell(delivery, text, subject_of(delivery))

    async def send_many(self, deliveries: Sequence[Delivery], text: str) -> None:
        await self._tell(joined(deliveries), text, text.partition("\n")[0])

    async def _tell(self, delivery: Delivery, text: str, subject: str) -> None:
        people, unreachable = recipients_of(delivery, _address, self.options.to)
        async with self._connected(bool(people)) as line:

            async def send(one: Recipient) -> None:
                mail = message(
                    self.options.sender, one, delivery, (subject, text), self.clock.now()
                )
                await self._mail(line, one, mail)

            await self.round.tell(delivery.key, people, unreachable, send)

    @asynccontextmanager
    async def _connected(self, needed: bool) -> AsyncIterator[SMTP]:
        """A connection, logged in. Later where there is none; Never where the log-in is refused."""
        line = SMTP(
            hostname=self.options.host,
            port=self.options.port or PORTS[self.options.tls],
            use_tls=self.options.tls == "implicit",
            start_tls=self.options.tls == "starttls",
            tls_context=self.trust,
            timeout=STEP_S,
            local_hostname=_own_name(),
        )
        try:
            if needed:
                await self._log_in(line)
            yield line
            if needed:
                with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                    async with asyncio.timeout(QUIT_S):
                        await line.quit()
        finally:
            line.close()

    async def _log_in(self, line: SMTP) -> None:
        try:
            await line.connect()
            if self.username:
                await line.login(self.username, self.password)
        except aiosmtplib.SMTPAuthenticationError as error:
            raise self._refused(error.code, f"log-in: {error.message}") from None
        except aiosmtplib.SMTPResponseException as error:
            raise self._refused(error.code, error.message) from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise Later(f"{self.place}: no proper answer: {clean(error)}") from None

    async def _mail(self, line: SMTP, one: Recipient, mail: bytes) -> None:
        try:
            await line.sendmail(self.options.sender, [one.address], mail)
        except aiosmtplib.SMTPRecipientsRefused as error:
            first = error.recipients[0]
            raise self._refused(first.code, f"{one.address}: {first.message}") from None
        except aiosmtplib.SMTPResponseException as error:
            raise self._refused(error.code, f"{one.address}: {error.message}") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Later(f"{self.place}: no proper answer: {clean(error)}") from None

    def _refused(self, code: int, words: str) -> Exception:
        text = f"{self.place}: expected 2xx (got {code}: {clean(words)})"
        return Never(text) if code >= 500 else Later(text)


def _own_name() -> str:
    """What EHLO says. Without it DNS would be asked for the whole name, and may be what is down."""
    name = socket.gethostname()
    return name if NAME.fullmatch(name) else "localhost"


def _address(one: Contact) -> str:
    return one.email if is_address(one.email) else ""


def _trust(options: Options, secrets: Secrets) -> ssl.SSLContext | None:
    if options.tls == "off":
        return None
    path = secrets.path(options.ca) if options.ca else None
    try:
        return ssl.create_default_context(cafile=path)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            [f"notify.ca: expected a PEM file of certificates (got {path}: {error})"]
        ) from None


@asynccontextmanager
async def _open(options: Options, secrets: Secrets, context: Context) -> AsyncIterator[Notifier]:
    login = secrets.credentials(options.credentials) if options.credentials else None
    port = options.port or PORTS[options.tls]
    yield Mailer(
        options,
        f"smtp://{options.host}:{port}",
        await asyncio.to_thread(_trust, options, secrets),
        login.get("username") if login else "",
        login.get("password") if login else "",
        context.clock,
    )


def _flaws(options: Options, secrets: Secrets) -> list[tuple[str, str]]:
    try:
        _trust(options, secrets)
    except ConfigError as error:
        return [("ca", error.problems[0].removeprefix("notify.ca: "))]
    return []


NOTIFIER = NotifierKind("email", Options, _open, for_people=True, flaws=_flaws)
