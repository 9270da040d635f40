"""RTSP 1.0 over one TCP connection (RFC 2326): requests as bytes; bytes as responses and as the
RTP packets that are interleaved with them (10.12). Everything that comes is bounded."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

PORT = 554
HEAD_MAX = 16 * 1024  # bytes of one response's status line and headers
HEADERS_MAX = 100
MESSAGES_MAX = 100  # of one connection, packets apart: a poll asks five times
BODY_MAX = 64 * 1024
URL_MAX = 2048
ECHO = "surrogateescape"  # bytes that are no UTF-8 go back to the other side as they came

Packet = tuple[int, bytes]
"""(channel, what came on it): RTP, RTCP or anything else. A tuple, for there are thousands."""

# How a message of a server may begin: an answer, or a request that RFC 2326 lets it make.
_STARTS = (
    b"RTSP/1.",
    b"OPTIONS ",
    b"ANNOUNCE ",
    b"SET_PARAMETER ",
    b"GET_PARAMETER ",
    b"REDIRECT ",
)
_STATUS = re.compile(rb"RTSP/1\.[0-9] +([1-5][0-9]{2})(?: (.{0,200}))?")
_BLANK = re.compile(rb"\r?\n\r?\n")
_LINE = re.compile(rb"\r?\n")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_LENGTH = re.compile(r"[0-9]{1,19}")
_URL = re.compile(
    r"(?i:rtsp)://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<rest>[/?][!-~]*)?"
)
_LOGIN = re.compile(r"^(?i:rtsp)://[^/?#]*@")
_VISIBLE = re.compile(r"[!-~]+")
_SESSION = re.compile(r"([!-:<-~]{1,200})[ \t]*(?:;.*)?")
_CHANNELS = re.compile(r"interleaved=([0-9]{1,3})(?:-[0-9]{1,3})?", re.IGNORECASE)


class Malformed(Exception):
    """Bytes that are no RTSP, or more of them than a camera has reason to send."""


@dataclass(frozen=True, slots=True)
class Url:
    """Where a stream is. `text` has no user and no password and is what requests name."""

    host: str
    port: int
    path: str = field(repr=False)  # and query, which may hold what a camera takes for a password
    text: str = field(repr=False)


def url(text: str) -> Url:
    """`rtsp://host[:port]/path`. ValueError without repeating it: it may hold a password."""
    found = _URL.fullmatch(text)
    if found is None or len(text) > URL_MAX:
        raise ValueError("expected a URL like rtsp://192.0.2.7:554/stream")
    port = int(found["port"] or PORT)
    if not 1 <= port <= 65535:
        raise ValueError(f"expected a port from 1 to 65535, got {port}")
    return Url(found["host"].strip("[]"), port, found["rest"] or "/", text)


def at_host(text: str, host: str) -> Url:
    """A URL that a device gave of itself, without its log-in and at the address where it answers:
    what it names may lie on the other side of a router, or be a stranger. ValueError."""
    known = url(_LOGIN.sub("rtsp://", text, count=1))
    name = f"[{host}]" if ":" in host else host
    return url(f"rtsp://{name}:{known.port}{known.path}")


def request(method: str, uri: str, sequence: int, headers: Mapping[str, str]) -> bytes:
    """One request. ValueError for what would not stay on its line."""
    lines = [f"{method} {uri} RTSP/1.0", f"CSeq: {sequence}", "User-Agent: secmon"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    text = "\r\n".join((*lines, "", ""))
    if text.count("\n") != len(lines) + 1 or text.count("\r") != len(lines) + 1:
        raise ValueError("a header of a request holds a line break")
    return text.encode("utf-8", ECHO)


@dataclass(frozen=True, slots=True)
class Response:
    """One answer. Header names are in lower case; WWW-Authenticate may come several times."""

    status: int
    words: str  # the device's own, safe to show
    headers: Mapping[str, str]
    challenges: tuple[str, ...]
    body: bytes = b""

    @property
    def sequence(self) -> int | None:
        """CSeq, or None where it is missing or no number."""
        text = self.headers.get("cseq", "").strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None

    def session(self) -> str:
        """The session's identifier without its timeout. Raises Malformed."""
        found = _SESSION.fullmatch(self.headers.get("session", "").strip())
        if found is None:
            raise Malformed("expected a Session header, got none that can be used")
        return found[1]

    def channel(self) -> int:
        """On which channel RTP comes: what the Transport header says, else the 0 that was asked
        for. Raises Malformed."""
        text = self.headers.get("transport", "")
        if text and "TCP" not in text.upper():
            raise Malformed(f"expected the stream inside this connection, got {text[:60]!a}")
        found = _CHANNELS.search(text)
        number = int(found[1]) if found is not None else 0
        if number > 255:
            raise Malformed(f"expected a channel from 0 to 255, got {number}")
        return number


def base(answer: Response, asked: Url) -> str:
    """What the tracks' URLs are relative to (RFC 2326, C.1.1). Raises Malformed."""
    for name in ("content-base", "content-location"):
        text = answer.headers.get(name, "")
        if text.lower().startswith("rtsp://"):
            if len(text) > URL_MAX or not _VISIBLE.fullmatch(text):
                raise Malformed(f"expected a {name} of visible ASCII, got {text[:60]!a}")
            return text
    return asked.text


@dataclass(slots=True)
class Inbox:
    """Bytes of one connection in, whole messages out; holds at most one unfinished message."""

    received: int = 0  # bytes
    packets: int = 0
    _messages: int = 0
    _rest: bytes = b""
    _need: int = 0  # bytes of `_rest` below which it is not looked at again

    @property
    def begun(self) -> bool:
        """True in the middle of a message."""
        return bool(self._rest)

    def take(self, data: bytes) -> list[Response | Packet]:
        """Every message that `data` makes whole. Raises Malformed."""
        self.received += len(data)
        data = self._rest + data if self._rest else data
        found: list[Response | Packet] = []
        at, end = 0, len(data)
        while end - at > self._need:
            if data[at] == 0x24:
                stop = at + 4 + (data[at + 2] << 8 | data[at + 3]) if end - at >= 4 else at + 4
                if stop <= end:
                    found.append((data[at + 1], data[at + 4 : stop]))
            elif data[at] in b"\r\n":
                stop = at + 1
            else:
                stop, response = _message(data, at)
                if stop <= end:
                    self._count()
                    found += [] if response is None else [response]
            if stop > end:
                self._need = stop - at - 1
                break
            at, self._need = stop, 0
        self._rest = data[at:]
        self.packets += len(found)
        return found

    def _count(self) -> None:
        self._messages += 1
        if self._messages > MESSAGES_MAX:
            raise Malformed(f"expected at most {MESSAGES_MAX} messages, got more")


def _message(data: bytes, at: int) -> tuple[int, Response | None]:
    """(where it ends, the response) of the message at `at`. Where more is needed to tell, the end
    lies one byte past the data; a request of the device's is no response. Raises Malformed."""
    start = data[at : at + 16]
    if not any(start.startswith(word) or word.startswith(start) for word in _STARTS):
        raise Malformed(f"expected RTSP, got {shown(data[at : at + 40])}")
    blank = _BLANK.search(data, at, at + HEAD_MAX)
    if blank is None:
        if len(data) - at >= HEAD_MAX:
            raise Malformed(f"expected headers of at most {HEAD_MAX} bytes, got more")
        return len(data) + 1, None
    lines = _LINE.split(data[at : blank.start()])
    headers, challenges = _headers(lines[1:])
    length = _length(headers.get("content-length", "0"))
    stop = blank.end() + length
    if not data.startswith(b"RTSP/", at):
        return stop, None
    found = _STATUS.fullmatch(lines[0])
    if found is None:
        raise Malformed(f"expected a status line of RTSP 1.0, got {shown(lines[0])}")
    body = data[blank.end() : stop]
    return stop, Response(int(found[1]), _words(found[2] or b""), headers, challenges, body)


def _headers(lines: Sequence[bytes]) -> tuple[dict[str, str], tuple[str, ...]]:
    if len(lines) > HEADERS_MAX:
        raise Malformed(f"expected at most {HEADERS_MAX} headers, got {len(lines)}")
    headers: dict[str, str] = {}
    challenges = []
    if _CONTROL.search(b"".join(lines)):
        wrong = next(filter(_CONTROL.search, lines))
        raise Malformed(f"expected a header, got {shown(wrong)}")
    for line in lines:
        name, colon, value = line.decode("utf-8", ECHO).partition(":")
        if not colon:
            continue
        name, value = name.strip().lower(), value.strip()
        if name == "www-authenticate":
            challenges.append(value)
        headers.setdefault(name, value)
    return headers, tuple(challenges)


def _length(text: str) -> int:
    if not _LENGTH.fullmatch(text):
        raise Malformed(f"expected a Content-Length, got {text[:40]!a}")
    if int(text) > BODY_MAX:
        raise Malformed(f"expected a body of at most {BODY_MAX} bytes, got one of {int(text)}")
    return int(text)


def _words(text: bytes) -> str:
    words = text.decode("utf-8", "replace")
    return "".join(char for char in words if char.isprintable())[:60].strip()


def shown(data: bytes) -> str:
    """The beginning of what a stranger sent, safe for a log line."""
    text = data[:40].decode("utf-8", "replace")
    return ascii(text + "..." if len(data) > 40 else text)
