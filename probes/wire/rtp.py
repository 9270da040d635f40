"""RTP packets of one video track → frames, key frames and losses; nothing of a picture is kept.

Sources: RFC 3550 (header 5.1, sequence numbers A.1, losses A.3), RFC 6184 (H.264), RFC 7798
(H.265, without DONL fields), RFC 2435 (JPEG).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

HEADER = 12  # bytes
DROPOUT_MAX = 3000  # a larger gap is a sender that started anew, not a loss (RFC 3550, A.1)
MISORDER_MAX = 100
UNITS_MAX = 64  # NAL units looked at in one aggregation packet

KeyStart = Callable[[bytes, int, int], bool]
"""(packet, start, end of its payload) → does a slice of a key frame begin in it?"""


def h264_key(packet: bytes, at: int, end: int) -> bool:
    """An IDR slice: alone, in a STAP-A, or the first of its FU-A fragments."""
    kind = packet[at] & 0x1F
    if kind == 28:
        return at + 1 < end and packet[at + 1] & 0x9F == 0x85
    if kind == 24:
        return _aggregated(packet, at + 1, end, lambda first: first & 0x1F == 5)
    return kind == 5


def h265_key(packet: bytes, at: int, end: int) -> bool:
    """An IRAP slice (types 16 to 21): alone, in an AP, or the first of its FUs."""
    kind = packet[at] >> 1 & 0x3F
    if kind == 49:
        return at + 2 < end and packet[at + 2] & 0x80 != 0 and _irap(packet[at + 2] & 0x3F)
    if kind == 48:
        return _aggregated(packet, at + 2, end, lambda first: _irap(first >> 1 & 0x3F))
    return _irap(kind)


def jpeg_key(packet: bytes, at: int, end: int) -> bool:
    """Every picture stands alone; its first packet has the fragment offset 0."""
    return at + 4 <= end and packet[at + 1 : at + 4] == b"\0\0\0"


def _irap(kind: int) -> bool:
    return 16 <= kind <= 21


def _aggregated(packet: bytes, at: int, end: int, good: Callable[[int], bool]) -> bool:
    for _ in range(UNITS_MAX):
        if at + 2 >= end:
            break
        if good(packet[at + 2]):
            return True
        at += 2 + (packet[at] << 8 | packet[at + 1])
    return False


KEYS: dict[str, KeyStart] = {"H264": h264_key, "H265": h265_key, "JPEG": jpeg_key}


@dataclass(slots=True)
class Track:
    """What came of one track. Moments are seconds on any monotonic clock, as `take` is given them.

    A frame is a change of timestamp. A key frame counts when its last packet came and none of it
    was lost.
    """

    payload_type: int
    key: KeyStart | None = None  # None: a codec whose key frames we do not know
    octets: int = 0  # of whole RTP packets
    strange: int = 0  # packets that are no RTP, or of another payload type
    late: int = 0  # out of order, or twice
    first_at: float | None = None
    key_at: float | None = None  # the first whole key frame
    _received: int = 0
    _expected: int = 0  # of senders before the present one
    _sender: bytes = b""  # SSRC
    _base: int = 0  # first sequence number of this sender
    _next: int = 0  # the one after the highest, counted on past 65535
    _jumped: int = -1  # the number that would confirm a sender's new start
    _stamp: int = -1
    _stamps: int = 0
    _marks: int = 0
    _torn: bool = False  # something of the present frame is lost
    _keyed: bool = False  # the present frame has a slice of a key frame

    @property
    def frames(self) -> int:
        """Frames that began; by their markers where a sender's timestamps stand still."""
        return self._stamps if self._stamps > 1 else max(self._stamps, self._marks)

    @property
    def loss_ratio(self) -> float:
        """Lost of expected packets, 0 to 1 (RFC 3550, A.3)."""
        expected = self._expected + self._next - self._base
        return max(expected - self._received, 0) / expected if expected else 0.0

    def rates(self, until: float) -> tuple[float, float] | None:
        """(frames, bytes of RTP packets) per second, as received from the first packet until then;
        None if that is no time at all.

        n intervals from the first frame on hold n to n + 1 beginnings: half a one too many.
        """
        if self.first_at is None or until <= self.first_at:
            return None
        seconds = until - self.first_at
        return max(self.frames - 0.5, 0.0) / seconds, self.octets / seconds

    def take(self, packet: bytes, now: float) -> None:
        """One packet of the track's channel, of whatever content; never raises."""
        size = len(packet)
        if size < HEADER or packet[0] >> 6 != 2 or packet[1] & 0x7F != self.payload_type:
            self.strange += 1
            return
        at = HEADER + 4 * (packet[0] & 0x0F)
        if packet[0] & 0x10:
            at += 4 + 4 * int.from_bytes(packet[at + 2 : at + 4], "big")
        end = size - packet[-1] if packet[0] & 0x20 else size
        if at >= end:
            self.strange += 1
            return
        if self.first_at is None:
            self.first_at = now
        self.octets += size
        gap = self._gap(packet[2] << 8 | packet[3], packet[8:12])
        if gap is not None:
            self._frame(packet, now, torn=gap > 0)
            if self.key_at is None and self.key is not None:
                self._look(packet, at, end, now)

    def _gap(self, number: int, sender: bytes) -> int | None:
        """How many packets are missing before this one; None if it is no newer than the last."""
        if sender != self._sender:
            self._sender = sender
            return self._begin(number, 0)
        gap = (number - self._next) & 0xFFFF
        if gap < DROPOUT_MAX:
            self._jumped = -1
            self._next += gap + 1
            self._received += 1
            return gap
        if gap >= 0x10000 - MISORDER_MAX:
            self.late += 1
            self._received += 1
            return None
        if number == self._jumped:
            return self._begin(number, 1)
        self._jumped = (number + 1) & 0xFFFF
        return None

    def _begin(self, number: int, gap: int) -> int:
        """A sender that started anew: what it had sent before is counted for itself."""
        self._expected += self._next - self._base
        self._base, self._next, self._jumped = number, number + 1, -1
        self._received += 1
        return gap

    def _frame(self, packet: bytes, now: float, *, torn: bool) -> None:
        if torn:
            self._keyed = False  # what is missing may be the end of the last frame
        stamp = int.from_bytes(packet[4:8], "big")
        if stamp != self._stamp:
            self._stamps += 1
            self._stamp = stamp
            if self._keyed and self.key_at is None:
                self.key_at = now  # of a sender that marks no frame's end
            self._keyed = False
            self._torn = torn
        self._torn = self._torn or torn
        self._marks += packet[1] >> 7

    def _look(self, packet: bytes, at: int, end: int, now: float) -> None:
        assert self.key is not None
        if not self._keyed and not self._torn and self.key(packet, at, end):
            self._keyed = True
        if self._keyed and packet[1] & 0x80:
            self.key_at = now
