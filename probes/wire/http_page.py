"""The beginning of a page as a browser would get it (RFC 9112): a GET as bytes, and of the answer
its status and the first 64 kB. A redirect is an answer like any other; no I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from probes.wire.http import CHUNK_LINE_MAX, ECHO, HEAD_MAX, HEADERS_MAX, Malformed

PAGE_MAX = 64 * 1024  # bytes of a body that are read
URL_MAX = 2048

__all__ = ["PAGE_MAX", "Malformed", "Page", "Url", "request", "url"]

_URL = re.compile(
    r"(?P<scheme>(?i:https?))://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<path>[/?][!-~]*)?"
)
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: .*)?", re.DOTALL)
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_LINE_END = re.compile(rb"\r?\n")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_LENGTH = re.compile(r"[0-9]{1,18}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Url:
    """Where a page is. `path` holds the query too, which may be a secret."""

    tls: bool
    host: str
    port: int
    path: str = field(repr=False)

    @property
    def authority(self) -> str:
        """As the Host header has it."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == (443 if self.tls else 80) else f"{name}:{self.port}"


def url(text: str) -> Url:
    """`https://host[:port]/path`. ValueError without repeating it: it may hold a password."""
    found = _URL.fullmatch(text.partition("#")[0])
    if found is None or len(text) > URL_MAX:
        raise ValueError("expected a URL like https://192.0.2.8/status")
    tls = found["scheme"].lower() == "https"
    port = int(found["port"] or (443 if tls else 80))
    if not 1 <= port <= 65535:
        raise ValueError(f"expected a port from 1 to 65535, got {port}")
    path = found["path"] or "/"
    return Url(tls, found["host"].strip("[]"), port, path if path[0] == "/" else f"/{path}")


def request(where: Url, headers: Mapping[str, str]) -> bytes:
    """A GET that asks for nothing packed. ValueError for what would not stay on its line."""
    lines = [
        f"GET {where.path} HTTP/1.1",
        f"Host: {where.authority}",
        "User-Agent: secmon",
        "Accept: */*",
        "Accept-Encoding: identity",
        "Connection: close",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    if any(_CONTROL.search(line) for line in lines):
        raise ValueError("a header of a request holds a control character")
    return "\r\n".join((*lines, "", "")).encode("utf-8", ECHO)


@dataclass(slots=True)
class Page:
    """Takes the bytes of one answer as they come. `headers` are (lower-case name, value)."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    _rest: bytes = b""
    _heads: int = 0  # bytes
    _chunked: bool = False
    _left: int = -1  # bytes of the body, or of this chunk; -1: till it hangs up, or a chunk's size

    @property
    def begun(self) -> bool:
        """True as soon as a byte came."""
        return bool(self.status or self._rest or self._heads)

    def all(self, name: str) -> list[str]:
        """Every value of the header `name`."""
        return [value for known, value in self.headers if known == name]

    def take(self, data: bytes) -> bool:
        """True when the answer is whole, or as much of it as is read. Raises Malformed."""
        self._rest += data
        while not self.status:
            if not self._take_head():
                return False
        if self._chunked:
            return self._take_chunks()
        part, self._rest = self._rest, b""
        self._keep(part if self._left < 0 else part[: self._left])
        if self._left >= 0:
            self._left = max(self._left - len(part), 0)
        return self._left == 0 or len(self.body) >= PAGE_MAX

    def end(self) -> None:
        """The other side hung up. Raises Malformed if the answer was cut off."""
        if not self.status or self._chunked or self._left > 0:
            raise Malformed("expected a whole answer, got one that was cut off")

    def _keep(self, part: bytes) -> None:
        self.body += part[: PAGE_MAX - len(self.body)]

    # --- the head ---

    def _take_head(self) -> bool:
        found = _HEAD_END.search(self._rest)
        self._heads += found.end() if found is not None else 0
        if self._heads + (0 if found is not None else len(self._rest)) > HEAD_MAX:
            raise Malformed(f"expected a head of at most {HEAD_MAX // 1024} kB, got more")
        if found is None:
            return False
        head, self._rest = self._rest[: found.start()], self._rest[found.end() :]
        first, *lines = _LINE_END.split(head)
        status = _STATUS.fullmatch(first)
        if status is None:
            raise Malformed(f"expected an answer of HTTP/1, got {_shown(first)}")
        if status[1][0] != ord("1"):  # what comes before is no answer yet (RFC 9110, 15.2)
            self._read(int(status[1]), lines)
        return True

    def _read(self, status: int, lines: list[bytes]) -> None:
        if len(lines) > HEADERS_MAX:
            raise Malformed(f"expected at most {HEADERS_MAX} headers, got more")
        for line in lines:
            name, colon, value = line.decode("utf-8", ECHO).partition(":")
            if not colon or _CONTROL.search(value):
                raise Malformed(f"expected a header, got {_shown(line)}")
            self.headers.append((name.strip().lower(), value.strip(" \t")))
        self.status = status
        coded, sized = self.all("transfer-encoding"), self.all("content-length")
        if status in (204, 304):
            self._left = 0
        elif coded:
            if [one.lower() for one in coded] != ["chunked"]:
                raise Malformed(f"expected a body that is chunked at most, got {coded[0][:20]!a}")
            self._chunked = True
        elif sized:
            if len(set(sized)) > 1 or not _LENGTH.fullmatch(sized[0]):
                raise Malformed(f"expected the length of the body, got {sized[0][:20]!a}")
            self._left = int(sized[0])

    # --- chunks (RFC 9112, 7.1) ---

    def _take_chunks(self) -> bool:
        """True when the last one came, or enough. The trailer is not waited for."""
        data, at = self._rest, 0
        while len(self.body) < PAGE_MAX:
            if self._left > 0:
                part = data[at : at + self._left]
                self._keep(part)
                at += len(part)
                self._left -= len(part)
                if self._left > 0:
                    break
            found = _LINE_END.search(data, at, at + CHUNK_LINE_MAX)
            if found is None:
                if len(data) - at >= CHUNK_LINE_MAX:
                    raise Malformed("expected the size of a chunk, got a longer line")
                break
            line, at = data[at : found.start()], found.end()
            if self._left == 0:  # the end of the chunk before
                if line:
                    raise Malformed(f"expected the end of a chunk, got {_shown(line)}")
                self._left = -1
                continue
            size = _CHUNK.fullmatch(line)
            if size is None:
                raise Malformed(f"expected the size of a chunk, got {_shown(line)}")
            self._left = int(size[1], 16)
            if self._left == 0:
                return True
        self._rest = data[at:]
        return len(self.body) >= PAGE_MAX


def _shown(data: bytes) -> str:
    """The beginning of what a stranger sent, safe for a log line."""
    text = data[:40].decode("utf-8", "replace")
    return ascii(text + "..." if len(data) > 40 else text)
