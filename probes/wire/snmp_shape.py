"""A reply to a known request that differs from the last good one in its numbers alone.

Most replies of a poll do. Such a reply is compared with the last one byte by byte, but for the
holes where the request-id and the values stand, and all values are read in one step: what was
checked once (lengths, OIDs, types) need not be walked again.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from probes.wire.snmp_values import INTEGER, OCTET_STRING, UNSIGNED, Raw, readable, value

Place = tuple[int, int, int]  # a value's tag, where its content starts and stops


class Shape:
    """One good reply with holes where its request-id and values stand.

    A datagram fits if it is as long and equal in every byte outside the holes: then its OIDs,
    types and lengths are those that were checked already.
    """

    __slots__ = ("_fixed", "_mask", "_masks", "_odd", "_size", "_struct")

    def __init__(self, data: bytes, places: Sequence[Place]) -> None:
        """`data` is a reply that was decoded; `places` are in the order of the bytes."""
        mask = bytearray(b"\xff" * len(data))
        layout = _Holes(mask)
        for tag, start, stop in places:
            layout.add(tag, start, stop, readable(tag, data[start:stop]))
        self._size = len(data)
        self._mask = int.from_bytes(mask, "big")
        self._fixed = int.from_bytes(data, "big") & self._mask
        self._struct = struct.Struct(layout.format(len(data)))
        self._masks = tuple(layout.masks)
        self._odd = tuple(layout.odd)

    def read(self, data: bytes) -> list[Raw] | None:
        """The values of a datagram that fits, else None."""
        if len(data) != self._size or int.from_bytes(data, "big") & self._mask != self._fixed:
            return None
        out: list[Raw] = list(self._struct.unpack(data))
        for i, mask in self._masks:
            out[i] &= mask  # type: ignore[operator] # an int: `_Holes.unsigned` made it
        for i, tag in self._odd:
            out[i] = value(tag, out[i])  # type: ignore[arg-type] # bytes: `_Holes.add` made it
        return out


class _Holes:
    """Builds the format that reads all holes of a reply at once."""

    __slots__ = ("_at", "_codes", "_mask", "count", "masks", "odd")

    def __init__(self, mask: bytearray) -> None:
        self._mask = mask
        self._codes = [">"]
        self._at = 0
        self.count = 0
        self.masks: list[tuple[int, int]] = []  # which value holds bytes before its own
        self.odd: list[tuple[int, int]] = []  # which value is decoded by its tag

    def add(self, tag: int, start: int, stop: int, fits: bool) -> None:
        """`fits`: if it is a number, it is one that can be read."""
        size = stop - start
        if tag in UNSIGNED and fits:
            self._unsigned(start, stop)
            return
        code = " bh i   q"[size] if tag == INTEGER and size in (1, 2, 4, 8) else f"{size}s"
        if code[-1] == "s" and tag != OCTET_STRING:
            self.odd.append((self.count, tag))
        self._hole(start, stop)
        self._take(start, stop, code)

    def _unsigned(self, start: int, stop: int) -> None:
        """Of 3, 5, 6, 7 bytes: read with the bytes before, which a mask takes away again."""
        if stop - start == 9:  # the leading zero of a 64-bit number must stay one
            start += 1
        size = stop - start
        room = next(room for room in (1, 2, 4, 8) if room >= size)
        if room > size:
            self.masks.append((self.count, (1 << 8 * size) - 1))
        self._hole(start, stop)
        self._take(stop - room, stop, " BH I   Q"[room])

    def _hole(self, start: int, stop: int) -> None:
        self._mask[start:stop] = bytes(stop - start)

    def _take(self, start: int, stop: int, code: str) -> None:
        if start > self._at:
            self._codes.append(f"{start - self._at}x")
        self._codes.append(code)
        self._at = stop
        self.count += 1

    def format(self, size: int) -> str:
        return "".join(self._codes) + (f"{size - self._at}x" if size > self._at else "")
