"""The signed webhook: one POST per notice to a program of the user's.

The receiver checks `X-Secmon-Signature: sha256=HEX`, HEX = HMAC-SHA256(secret, timestamp + "." +
body), refuses old timestamps and drops what it saw before by `id`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit

import aiohttp
from aiohttp import ClientResponse, ClientSession
from pydantic import AfterValidator

from secmon.adapters.notify import Context, NotifierKind, Secrets, as_bytes
from secmon.adapters.notify.exchange import AGAIN, new_session, pause_s, place_of
from secmon.api import Clock, Delivery, Later, Never, Notifier
from secmon.core.tickets import stamp
from secmon.settings import Secret, Section
from secmon.settings.values import SomeText
from secmon.texts.clean import clean

ANSWER_BYTES = 4096  # of a refusal, for its text


def web_address(value: str) -> str:
    """An address over HTTP, checked."""
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ValueError("expected an address like https://example.org/hook")
    return value


class Options(Section):
    """The site file's keys beside `id` and `channel`."""

    url: Annotated[SomeText, AfterValidator(web_address)]
    secret: Secret


@dataclass(frozen=True, slots=True)
class Webhook:
    """Posts to `url`; `place` is how texts name it: no log-in, no query, for both may be secret."""

    url: str = field(repr=False)
    place: str
    key: bytes = field(repr=False)
    clock: Clock
    session: ClientSession

    async def send(self, delivery: Delivery, text: str) -> None:
        """Told at 2xx. Later: 408, 429, 5xx, no proper answer. Never: any other answer."""
        body = as_bytes(
            {
                "id": delivery.key,
                "reason": delivery.notice.reason,
                "at": stamp(delivery.notice.at),
                "text": text,
                "ticket": delivery.ticket,
            }
        )
        headers = sign(body, self.key, self.clock.now())
        try:
            async with self.session.post(
                self.url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                await self._judge(answer)
        except (aiohttp.ClientError, OSError) as error:
            raise Later(f"{self.place}: no proper answer: {self._told(error)}") from None

    async def _judge(self, answer: ClientResponse) -> None:
        if 200 <= answer.status < 300:
            return
        if 300 <= answer.status < 400:
            raise Never(f"{self.place}: expected 2xx (got {answer.status}): no redirects")
        said = clean((await answer.content.read(ANSWER_BYTES)).decode("utf-8", "replace"))
        text = f"{self.place}: expected 2xx (got {answer.status}{': ' + said if said else ''})"
        if answer.status in AGAIN or answer.status >= 500:
            raise Later(text, pause_s(answer.headers.get("Retry-After", ""), self.clock.now()))
        raise Never(text)

    def _told(self, error: BaseException) -> str:
        """aiohttp's texts may hold the address."""
        words = str(error).replace(self.url, self.place)
        return clean(f"{type(error).__name__}: {words}" if words else type(error).__name__)


def sign(body: bytes, key: bytes, now: datetime) -> dict[str, str]:
    """The headers that let a receiver know who posted this, and when."""
    timestamp = str(int(now.timestamp()))
    digest = hmac.new(key, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "X-Secmon-Timestamp": timestamp,
        "X-Secmon-Signature": f"sha256={digest}",
    }


@asynccontextmanager
async def _open(options: Options, secrets: Secrets, context: Context) -> AsyncIterator[Notifier]:
    key = secrets.secret(options.secret).encode()
    async with new_session() as session:
        yield Webhook(options.url, place_of(options.url), key, context.clock, session)


NOTIFIER = NotifierKind("webhook", Options, _open)
