"""HTTP/1.1 as a client sees it (RFC 9112): one request as bytes, one answer from bytes; no I/O.

Nothing is ever asked to be compressed, so a compressed answer is refused before it is unpacked;
heads and bodies have a limit that holds whatever length the other side announces.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from urllib.parse import urlsplit

HEAD_MAX = 16 * 1024  # bytes of all heads before a body, 100 Continue included
BODY_MAX = 1024 * 1024  # bytes of a body
BESIDE_MAX = 256 * 1024  # bytes that chunks may cost beside the body
CHUNK_LINE_MAX = 256  # bytes of a chunk's size and extensions
HEADERS_MAX = 100
REMEMBERED_MAX = 4 * HEADERS_MAX  # bytes of a head that is remembered; too few for more headers
ECHO = "surrogateescape"  # bytes that are no UTF-8 go back to the other side as they came

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_LINE_END = re.compile(rb"\r?\n")
_HEAD = re.compile(  # the first line, the others, an empty one
    r"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\r\n]*)?\r?\n"
    r"((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\x00-\x08\x0a-\x1f\x7f]*\r?\n)*)\r?\n"
)
_DATE = re.compile(rb"\r\nDate: [ -~]{29}(?=\r\n)")  # all that changes between most heads
_FRAMING = re.compile(  # what says where a body ends, in small letters
    r"^(content-length|content-encoding|transfer-encoding|connection):[ \t]*([^\r\n]*?)[ \t]*\r?$",
    re.MULTILINE,
)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # all but tab
_LENGTH = re.compile(r"[0-9]{1,18}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?", re.DOTALL)


class Malformed(Exception):
    """What came is no answer that we take: no HTTP, too much of it, packed, or a redirect."""


@dataclass(frozen=True, slots=True)
class Response:
    """One whole answer. `head`: as it came, with the empty line at its end."""

    status: int
    head: bytes
    body: bytes
    keep: bool  # the connection may carry another request

    def all(self, name: str) -> list[str]:
        """Every value of the header `name`, which is in small letters, in the order they came."""
        return _values(self.head.decode("utf-8", ECHO), name)

    @property
    def date(self) -> datetime | None:
        """The `Date` header in UTC (RFC 9110, 6.6.1), None if there is none that can be read."""
        for value in self.all("date"):
            try:
                found = parsedate_to_datetime(value[:64])
                return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
            except (ValueError, OverflowError):
                return None
        return None


def request(host: str, port: int, path: str, body: bytes, headers: Sequence[str] = ()) -> bytes:
    """A POST of `body`. `headers` are whole lines; ValueError for what no head can carry."""
    name = f"[{host}]" if ":" in host else host
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {name}:{port}",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    said = "".join(lines)
    if " " in path or _CONTROL.search(said):
        raise ValueError("a head of HTTP holds a space or a control character")
    return "\r\n".join((*lines, "", "")).encode("utf-8", ECHO) + body


@dataclass(slots=True)
class Reader:
    """Puts the bytes of one connection together to one answer at a time."""

    _buffer: bytearray = field(default_factory=bytearray)
    _head: _Head | None = None
    _said: bytes = b""  # that head as it came
    _heads: int = 0  # bytes of heads read for this answer
    _body: bytearray = field(default_factory=bytearray)
    _beside: int = 0  # bytes that chunks cost beside the body
    _left: int = 0  # bytes still to come of this chunk; -1: its end of line; -2: the trailer

    @property
    def begun(self) -> bool:
        """True when some of an answer has come, but not all."""
        return bool(self._buffer) or self._head is not None or self._heads > 0

    def feed(self, data: bytes) -> Response | None:
        """The answer as soon as it is whole. Raises Malformed; nothing may be fed after that."""
        if not self.begun and (whole := _at_once(data)):  # as nearly all of them come
            return whole
        searched = max(len(self._buffer) - 3, 0)
        self._buffer += data
        while self._head is None:
            found = _HEAD_END.search(self._buffer, searched)
            if self._heads + (found.end() if found else len(self._buffer)) > HEAD_MAX:
                raise Malformed(f"expected a head of at most {HEAD_MAX // 1024} kB, got more")
            if not found:
                return None
            self._heads += found.end()
            said = bytes(self._buffer[: found.end()])
            head = _head(said)
            del self._buffer[: found.end()]
            searched = 0
            if head.status >= 200:  # what comes before is no answer yet (RFC 9110, 15.2)
                self._head, self._said = head, said
        return self._take(self._head)

    def end(self) -> Response | None:
        """The other side hung up: the answer if that was its end, None if nothing had come.
        Raises Malformed if it is cut off."""
        head = self._head
        if head is not None and not head.chunked and head.length is None:
            return self._whole(head, bytes(self._buffer))
        if self.begun:
            raise Malformed("the answer was cut off")
        return None

    def _take(self, head: _Head) -> Response | None:
        if head.chunked:
            if not self._chunks():
                return None
            return self._whole(head, bytes(self._body), tidy=not self._buffer)
        if head.length is None:
            _limit(len(self._buffer))
            return None
        if len(self._buffer) < head.length:
            return None
        body = bytes(self._buffer[: head.length])
        return self._whole(head, body, tidy=len(self._buffer) == head.length)

    def _chunks(self) -> bool:
        """Moves what came of the chunks to the body (RFC 9112, 7.1); True when the last did."""
        at, buffer = 0, self._buffer
        try:
            while True:
                if self._left > 0:
                    part = buffer[at : at + self._left]
                    _limit(len(self._body) + len(part))
                    self._body += part
                    at += len(part)
                    self._left -= len(part)
                    if self._left:
                        return False
                    self._left = -1
                found = _LINE_END.search(buffer, at, at + CHUNK_LINE_MAX + 2)
                if not found:
                    if len(buffer) - at > CHUNK_LINE_MAX:
                        raise Malformed(f"expected a line of {CHUNK_LINE_MAX} bytes between chunks")
                    return False
                line = bytes(buffer[at : found.start()])
                self._beside += found.end() - at
                if self._beside > BESIDE_MAX:
                    size = BESIDE_MAX // 1024
                    raise Malformed(f"expected at most {size} kB beside chunks, got more")
                at = found.end()
                if self._line(line):
                    return True
        finally:
            del buffer[:at]

    def _line(self, line: bytes) -> bool:
        """A line that is no data: a chunk's size or end, or of the trailer; True at its end."""
        if self._left == -2:
            return not line
        if self._left == -1:
            if line:
                raise Malformed("expected the end of a chunk, got more of it")
            self._left = 0
            return False
        found = _CHUNK.fullmatch(line)
        if not found:
            raise Malformed("expected the size of a chunk, got something else")
        self._left = int(found[1], 16) or -2
        return False

    def _whole(self, head: _Head, body: bytes, tidy: bool = True) -> Response:
        """`tidy`: nothing came behind the answer, where it would be taken for the next one."""
        self._buffer.clear()
        self._body = bytearray()
        self._head, self._heads, self._beside, self._left = None, 0, 0, 0
        return Response(head.status, self._said, body, head.keep and tidy)


@dataclass(frozen=True, slots=True)
class _Head:
    """What a head says of the answer's end."""

    status: int
    length: int | None  # of the body; None: until the other side hangs up, unless chunked
    chunked: bool
    keep: bool


def _at_once(data: bytes) -> Response | None:
    """The answer, if these bytes are one, no more and no less, with its length said."""
    end = data.find(b"\r\n\r\n") + 4
    if not 4 <= end <= HEAD_MAX:
        return None
    said = data[:end]
    head = _head(said) if end > REMEMBERED_MAX else _remembered(_DATE.sub(b"", said, 1))
    if head.status < 200 or head.length != len(data) - end:
        return None
    return Response(head.status, said, data[end:], head.keep)


@lru_cache(maxsize=512)
def _remembered(data: bytes) -> _Head:
    """Most devices say the same at every poll, many the same as others of their make."""
    return _head(data)


def _head(data: bytes) -> _Head:
    """`data` with the empty line at its end. Raises Malformed."""
    found = _HEAD.fullmatch(data.decode("utf-8", ECHO))
    if not found:
        raise Malformed("expected a head of HTTP/1, got something else")
    status, lines = int(found[2]), found[3]
    if lines.count("\n") > HEADERS_MAX:
        raise Malformed(f"expected at most {HEADERS_MAX} headers, got more")
    if 300 <= status < 400:
        raise Malformed(f"expected an answer, got HTTP {status} to {_origin(lines)}")
    said = {"content-length": "", "content-encoding": "", "transfer-encoding": "", "connection": ""}
    for name, value in _FRAMING.findall(lines.lower()):
        said[name] = value if said[name] in ("", value) else f"{said[name]},{value}"
    if (packed := said["content-encoding"]) not in ("", "identity"):
        raise Malformed(f"expected a body that is not packed, got {packed[:20]!a}")
    if (coded := said["transfer-encoding"]) not in ("", "chunked"):
        raise Malformed(f"expected a body that is chunked at most, got {coded[:20]!a}")
    length = None if coded else _length(status, said["content-length"])
    lasting = "close" not in said["connection"] and (
        found[1] == "1" or "keep-alive" in said["connection"]
    )
    return _Head(status, length, bool(coded), lasting and bool(coded or length is not None))


def _values(lines: str, name: str) -> list[str]:
    found = (line.partition(":") for line in lines.splitlines())
    return [value.strip(" \t") for known, _, value in found if known.lower() == name]


def _origin(lines: str) -> str:
    """Scheme and host of a redirect: what stands behind them may be a secret, or a trap."""
    try:
        where = urlsplit("".join(_values(lines, "location"))[:2000])
        host = where.hostname
    except ValueError:
        return "nowhere"
    return ascii(f"{where.scheme}://{host}"[:100])[1:-1] if host else "another path"


def _length(status: int, said: str) -> int | None:
    if status in (204, 304):
        return 0
    if not said:
        return None
    if not _LENGTH.fullmatch(said):  # two that differ stand here with a comma
        raise Malformed(f"expected one length of the body, got {said[:20]!a}")
    return _limit(int(said))


def _limit(size: int) -> int:
    if size > BODY_MAX:
        raise Malformed(f"expected a body of at most {BODY_MAX // 1024} kB, got more")
    return size
