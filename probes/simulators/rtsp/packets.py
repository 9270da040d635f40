"""NAL units → payloads of RTP (RFC 6184, non-interleaved mode) → bytes of an RTSP connection."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PAYLOAD_MAX = 1400  # bytes, so that a packet fits into a frame of Ethernet
PAYLOAD_TYPE = 96
CLOCK = 90_000  # Hz
_STAP_A, _FU_A = 24, 28


def payloads(units: Sequence[bytes]) -> tuple[bytes, ...]:
    """What carries the units of one frame: the small ones before a slice together (5.7.1), a large
    one in fragments (5.8)."""
    made: list[bytes] = []
    *sets, piece = units
    if sets:
        header = max(unit[0] & 0x60 for unit in sets) | _STAP_A
        sized = (len(unit).to_bytes(2) + unit for unit in sets)
        made.append(bytes((header,)) + b"".join(sized))
    if len(piece) <= PAYLOAD_MAX:
        made.append(piece)
    else:
        made.extend(_fragments(piece))
    return tuple(made)


def _fragments(unit: bytes) -> Iterable[bytes]:
    indicator, kind = unit[0] & 0xE0 | _FU_A, unit[0] & 0x1F
    room = PAYLOAD_MAX - 2
    for at in range(1, len(unit), room):
        first, last = at == 1, at + room >= len(unit)
        header = first << 7 | last << 6 | kind
        yield bytes((indicator, header)) + unit[at : at + room]


@dataclass(slots=True)
class Sender:
    """One RTP stream of one session: numbers its packets and frames them (RFC 2326, 10.12)."""

    channel: int
    source: int  # SSRC
    sequence: int
    stamp: int

    def frame(self, pieces: Sequence[bytes], ticks: int) -> bytes:
        """One frame as it goes out; the next is `ticks` later."""
        out = []
        for number, piece in enumerate(pieces, 1):
            marker = 0x80 if number == len(pieces) else 0
            out.append(struct.pack(">cBH", b"$", self.channel, 12 + len(piece)))
            head = (0x80, marker | PAYLOAD_TYPE, self.sequence, self.stamp, self.source)
            out.append(struct.pack(">BBHII", *head))
            out.append(piece)
            self.sequence = (self.sequence + 1) & 0xFFFF
        self.stamp = (self.stamp + ticks) & 0xFFFFFFFF
        return b"".join(out)
