"""One HTTP exchange of a channel: bounded, without redirects, and told without its secrets.

Addresses of robots and gateways hold tokens, so no text names more than their `place`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import aiohttp
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from yarl import URL

from secmon.api import Later, Never
from secmon.texts.clean import clean

ANSWER_BYTES = 16 * 1024
LONGEST_PAUSE_S = 300.0  # whatever Retry-After says
AGAIN = (408, 429)  # RFC 9110, 15.5.9; RFC 6585, 4
TRIES = 5  # of what a peer refuses with a code that nobody documented


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `body` is cut at ANSWER_BYTES."""

    status: int
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Mapping[str, object]:
        """The JSON object; empty for anything else."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


def new_session() -> ClientSession:
    """For rare and short exchanges; whoever uses it sets the deadline."""
    return ClientSession(
        connector=TCPConnector(force_close=True, limit=4),  # notices are rare: no stale keep-alive
        cookie_jar=DummyCookieJar(),
        timeout=ClientTimeout(total=None, sock_connect=None),
        headers={"Accept-Encoding": "identity", "User-Agent": "secmon"},
        auto_decompress=False,
        trust_env=False,
    )


async def exchange(
    session: ClientSession,
    method: str,
    url: str,
    place: str,
    now: datetime,
    *,
    data: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    exact: bool = False,
) -> Answer:
    """The answer, whatever its status below 500. Later: none, 408, 429, 5xx. Never: a redirect.

    `exact`: the address goes out to the letter, for what was signed.
    """
    try:
        async with session.request(
            method, URL(url, encoded=exact), data=data, headers=headers, allow_redirects=False
        ) as answer:
            body = await _read(answer.content)
            status, retry_after = answer.status, answer.headers.get("Retry-After", "")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise Later(f"{place}: no proper answer: {told(error)}") from None
    if 300 <= status < 400:
        raise Never(f"{place}: expected 2xx (got {status}): no redirects")
    if status in AGAIN or status >= 500:
        raise Later(f"{place}: expected 2xx (got {status})", pause_s(retry_after, now))
    return Answer(status, body)


async def _read(content: aiohttp.StreamReader) -> bytes:
    """At most ANSWER_BYTES; the rest is not waited for."""
    found = b""
    while len(found) < ANSWER_BYTES:
        chunk = await content.read(ANSWER_BYTES - len(found))
        if not chunk:
            break
        found += chunk
    return found


def told(error: BaseException) -> str:
    """What went wrong, without the address: aiohttp's own texts may hold it."""
    cause = getattr(error, "os_error", None) or getattr(error, "certificate_error", None)
    why = getattr(cause or error, "strerror", None) or (str(cause) if cause else "")
    return clean(f"{type(error).__name__}: {why}" if why else type(error).__name__)


def refused(text: str, tries: int) -> Exception:
    """For a refusal that nobody documented: a few tries more, then never."""
    return Later(text) if tries < TRIES else Never(text)


def pause_s(retry_after: str, now: datetime) -> float | None:
    """Retry-After in either form of RFC 9110, 10.2.3, within bounds; None if it says nothing."""
    if retry_after.isascii() and retry_after.isdecimal():
        seconds = float(retry_after[:9])
    else:
        try:
            moment = parsedate_to_datetime(retry_after[:64])
        except (ValueError, IndexError, OverflowError):
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (moment - now).total_seconds()
    return min(max(seconds, 1.0), LONGEST_PAUSE_S)


def place_of(url: str) -> str:
    """The address for texts: scheme, host, port and path."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
