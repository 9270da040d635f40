"""BER as SNMP uses it (X.690, definite lengths): tag-length-value in and out, strictly bounded."""

from __future__ import annotations

MAX_LENGTH = 0xFFFF  # no datagram holds more, so no honest length says more
MAX_ARCS = 128  # RFC 2578, 3.5: sub-identifiers of an OBJECT IDENTIFIER
MAX_ARC = 0xFFFFFFFF


class Malformed(Exception):
    """The bytes are not what the protocol allows; the text says what was expected."""


def tlv(tag: int, content: bytes) -> bytes:
    """One element with the shortest definite length. ValueError above 65535 bytes."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    if size < 0x100:
        return bytes((tag, 0x81, size)) + content
    if size > MAX_LENGTH:
        raise ValueError(f"expected at most {MAX_LENGTH} bytes (got {size})")
    return bytes((tag, 0x82, size >> 8, size & 0xFF)) + content


def integer(value: int) -> bytes:
    """The shortest two's complement content of a number, at least one byte."""
    size = (value if value >= 0 else ~value).bit_length() // 8 + 1
    return value.to_bytes(size, "big", signed=True)


def element(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """(tag, start, stop) of the element at `at`; its content lies within `end`. Malformed."""
    if at + 2 > end:
        raise Malformed(f"expected an element at byte {at} (got the end at {end})")
    size = data[at + 1]
    start = at + 2
    if size & 0x80:
        octets = size & 0x7F
        if not 1 <= octets <= 4 or start + octets > end:
            raise Malformed(f"expected a length of 1 to 4 octets at byte {at + 1} (got {octets})")
        size = int.from_bytes(data[start : start + octets], "big")
        start += octets
    if start + size > end:
        raise Malformed(f"expected {size} bytes at byte {start} (got {end - start})")
    return data[at], start, start + size


def content(data: bytes, at: int, end: int, tag: int, what: str) -> tuple[int, int]:
    """(start, stop) of the content of the element at `at`, which must have this tag. Malformed."""
    found, start, stop = element(data, at, end)
    if found != tag:
        raise Malformed(f"expected {what} (tag {tag:02x}) at byte {at} (got tag {found:02x})")
    return start, stop


def number(data: bytes, at: int, end: int, what: str) -> tuple[int, int]:
    """(value, stop) of the INTEGER of at most 4 bytes at `at`. Malformed."""
    start, stop = content(data, at, end, 0x02, what)
    if not 1 <= stop - start <= 4:
        raise Malformed(f"expected {what} of 1 to 4 bytes (got {stop - start})")
    return int.from_bytes(data[start:stop], "big", signed=True), stop


def oid(dotted: str) -> bytes:
    """`1.3.6.1.2.1.1.3.0` → its content bytes. ValueError says what is wrong with it."""
    parts = dotted.strip(".").split(".")
    if not 2 <= len(parts) <= MAX_ARCS or not all(p.isascii() and p.isdigit() for p in parts):
        raise ValueError(f"expected an object identifier like 1.3.6.1.2.1.1.3.0 (got {dotted!r})")
    arcs = [int(part) for part in parts]
    if arcs[0] > 2 or (arcs[0] < 2 and arcs[1] > 39) or max(arcs) > MAX_ARC:
        raise ValueError(f"expected an object identifier with arcs below 2**32 (got {dotted!r})")
    out = bytearray()
    for arc in (arcs[0] * 40 + arcs[1], *arcs[2:]):
        out += _arc(arc)
    return bytes(out)


def dotted(content: bytes) -> str:
    """The content bytes of an object identifier → `1.3.6.…`. Malformed."""
    first, *rest = arcs(content)
    root = min(first // 40, 2)
    return ".".join(map(str, (root, first - 40 * root, *rest)))


def arcs(content: bytes) -> list[int]:
    """The sub-identifiers of an object identifier or of the end of one. Malformed."""
    out: list[int] = []
    arc = 0
    for byte in content:
        arc = arc << 7 | byte & 0x7F
        if arc > MAX_ARC:
            raise Malformed("expected arcs of at most 32 bits")
        if not byte & 0x80:
            out.append(arc)
            arc = 0
    if not content or content[-1] & 0x80 or len(out) > MAX_ARCS:
        raise Malformed(f"expected 1 to {MAX_ARCS} whole arcs (got {content[:32].hex() or 'none'})")
    return out


def _arc(arc: int) -> bytes:
    out = [arc & 0x7F]
    while arc := arc >> 7:
        out.append(arc & 0x7F | 0x80)
    return bytes(reversed(out))
