"""Links that messages carry: who holds one may acknowledge one ticket, for a day.

A token is `payload.mac`, both base64url: ticket number, channel, expiry and the person, signed by
the store's own key. A link without a person stands in a group; its page asks who it is.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from secmon.api import Clock, User
from secmon.core.model import Action, Refusal, Ticket
from secmon.texts import Texts

VALID = timedelta(hours=24)
LONGEST = 400  # characters of a token that is looked at
MAC = 16  # bytes: 128 bits that nobody guesses
PURPOSE = b"secmon link 1|"  # the key signs nothing else in this form


@dataclass(frozen=True, slots=True)
class Link:
    """What a token says. `user` is empty for a group."""

    number: str
    channel: str
    user: str
    until: datetime

    def expired(self, now: datetime) -> bool:
        return now >= self.until


def token(key: bytes, number: str, channel: str, user: str, now: datetime) -> str:
    """Good for VALID, to the full hour: a repeat within the hour is the same text."""
    until = int((now + VALID).timestamp()) // 3600 * 3600 + 3600
    payload = f"{number}|{channel}|{until:x}|{user}".encode("utf-8", "replace")
    return f"{_text(payload)}.{_text(_mac(key, payload))}"


def read(key: bytes, text: str) -> Link | None:
    """What the token says; None if we never made it."""
    if len(text) > LONGEST:
        return None
    head, _, tail = text.partition(".")
    payload, mac = _raw(head), _raw(tail)
    if payload is None or mac is None or not hmac.compare_digest(mac, _mac(key, payload)):
        return None
    number, channel, until, user = payload.decode().split("|", 3)
    return Link(number, channel, user, datetime.fromtimestamp(int(until, 16), UTC))


def _mac(key: bytes, payload: bytes) -> bytes:
    return hmac.new(key, PURPOSE + payload, hashlib.sha256).digest()[:MAC]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _raw(text: str) -> bytes | None:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if _text(raw) == text else None  # one text only for each token


class LinkDesk(Protocol):
    """What the pages behind links need of the daemon."""

    clock: Clock
    link_key: bytes

    @property
    def texts(self) -> Texts: ...
    @property
    def public_url(self) -> str: ...
    async def ticket(self, number: str) -> Ticket | None: ...
    async def act(self, action: Action) -> Ticket | Refusal: ...
    async def users(self) -> Sequence[User]: ...
    async def claimants(self) -> Collection[str]:
        """User names of those on shift: who may claim a ticket in a group."""
        ...
