"""The line protocol of NUT's upsd: requests as bytes, answers line by line.

Sources: RFC 9271, and NUT's own docs/net-protocol.txt, whose headings are named here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

PORT = 3493
LINE_MAX = 4096  # bytes of one line; upsd itself stays below 1.5 kB
ROWS_MAX = 1000
ANSWER_MAX = 256 * 1024  # bytes of one answer

_SPECIAL = frozenset(' "\\#=')
_WORD = re.compile(r'[ \t]*(?:"((?:[^"\\]|\\.)*)"|((?:[^" \t\\]|\\.)+))(?=[ \t]|$)', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CODE = re.compile(r"[A-Z][A-Z0-9-]{0,39}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{0,15})?")  # «GET TYPE»: no exponent


class Malformed(Exception):
    """A line that the protocol does not allow, or one that answers another request."""


class Denied(Exception):
    """upsd answered `ERR` («Error responses»); `code` is its word: DATA-STALE."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def request(*words: str) -> bytes:
    """One line for upsd, quoted where it must be. ValueError for what no line can carry."""
    if any(not char.isprintable() for word in words for char in word):
        raise ValueError("a word for upsd holds a control character")
    plain = (word if word and not set(word) & _SPECIAL else quoted(word) for word in words)
    return (" ".join(plain) + "\n").encode()


def quoted(word: str) -> str:
    """As upsd writes every value."""
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def split(line: bytes) -> list[str]:
    """The words of one line, without quotes; a backslash takes the next character as it is.

    Bytes that are no UTF-8 become U+FFFD: a maker's name may hold any. Raises Malformed.
    """
    if len(line) > LINE_MAX:
        raise Malformed(f"expected lines of at most {LINE_MAX} bytes, got {len(line)}")
    if b"\0" in line:
        raise Malformed(f"expected text, got a NUL byte in {shown(line)}")
    text = line.decode("utf-8", "replace").rstrip("\r\n \t")
    words, at = [], 0
    while at < len(text):
        found = _WORD.match(text, at)
        if not found:
            raise Malformed(f"expected words and closed quotes, got {shown(line)}")
        words.append(_ESCAPED.sub(r"\1", found[1] if found[2] is None else found[2]))
        at = found.end()
    return words


def shown(line: bytes) -> str:
    """The beginning of what a stranger sent, safe for a log line."""
    text = line.rstrip(b"\r\n").decode("utf-8", "replace")
    return ascii(text if len(text) <= 60 else text[:60] + "...")


def number(value: str, variable: str) -> float:
    """A NUT number: decimal, a dot, no exponent («GET TYPE»). Raises Malformed."""
    text = value.strip()
    if not _NUMBER.fullmatch(text):
        raise Malformed(f"{variable}: expected a decimal number, got {shown(value.encode())}")
    return float(text)


def confirm(line: bytes) -> bool:
    """True: the answer to USERNAME or PASSWORD is OK, and whole. Its text is never repeated, for
    it may be an echo of the secret. Raises Denied, Malformed."""
    try:
        words = split(line)
    except Malformed:
        words = []
    _raise_denied(words)
    if words[:1] != ["OK"]:
        raise Malformed("expected OK, got something else")
    return True


def _raise_denied(words: list[str]) -> None:
    if words[:1] != ["ERR"]:
        return
    code = words[1] if len(words) > 1 else ""
    if not _CODE.fullmatch(code):
        raise Malformed("expected a code after ERR, got none")
    raise Denied(code)


@dataclass(slots=True)
class Listing:
    """Reads the answer to `LIST …`: `BEGIN LIST query`, rows of a name and a value, `END LIST
    query`. `query` is ("UPS",) or ("VAR", ups)."""

    query: tuple[str, ...]
    rows: dict[str, str] = field(default_factory=dict)
    _begun: bool = False
    _size: int = 0

    @property
    def request(self) -> bytes:
        return request("LIST", *self.query)

    def take(self, line: bytes) -> bool:
        """True when the answer is whole. Raises Denied, Malformed."""
        self._size += len(line)
        if self._size > ANSWER_MAX:
            raise Malformed(f"expected an answer of at most {ANSWER_MAX // 1024} kB, got more")
        words = split(line)
        if not self._begun:
            _raise_denied(words)
            self._expect(words, ["BEGIN", "LIST", *self.query], line)
            self._begun = True
            return False
        if words[:1] == ["END"]:
            self._expect(words, ["END", "LIST", *self.query], line)
            return True
        self._add(words, line)
        return False

    def _expect(self, words: list[str], expected: list[str], line: bytes) -> None:
        if words != expected:
            raise Malformed(f"expected {' '.join(expected)}, got {shown(line)}")

    def _add(self, words: list[str], line: bytes) -> None:
        head = len(self.query)
        if len(words) != head + 2 or tuple(words[:head]) != self.query:
            raise Malformed(f"expected a row of {' '.join(self.query)}, got {shown(line)}")
        name, value = words[head:]
        if not name or not name.isprintable():
            raise Malformed(f"expected a name, got {shown(line)}")
        if name in self.rows:
            raise Malformed(f"expected {shown(name.encode())} once, got it twice")
        if len(self.rows) >= ROWS_MAX:
            raise Malformed(f"expected at most {ROWS_MAX} rows, got more")
        self.rows[name] = value
