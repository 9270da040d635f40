"""Modbus/TCP, bytes in and values out: MBAP frames, read requests and their answers, fields.

Sources: MODBUS Application Protocol Specification V1.1b3 (sections 4.1, 6.1–6.4, 7) and MODBUS
Messaging on TCP/IP Implementation Guide V1.0b (section 3.1.3).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

PORT = 502
MAX_REGISTERS = 125  # of one read
MAX_BITS = 2000  # of one read
MAX_ADDRESS = 0xFFFF
FRAMES_MAX = 64  # in one piece of the stream: one request is in flight, the rest are strays

FUNCTIONS: Mapping[str, int] = MappingProxyType(
    {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
)
WORDS: Mapping[str, int] = MappingProxyType({"u16": 1, "i16": 1, "u32": 2, "i32": 2, "f32": 2})

ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3
NO_PATH = 0x0A
NO_ANSWER = 0x0B
EXCEPTIONS: Mapping[int, str] = MappingProxyType(
    {
        1: "illegal function",
        ILLEGAL_ADDRESS: "illegal data address",
        ILLEGAL_VALUE: "illegal data value",
        4: "device failure",
        5: "acknowledge, not ready yet",
        6: "device busy",
        7: "negative acknowledge",
        8: "memory parity error",
        NO_PATH: "gateway path unavailable",
        NO_ANSWER: "gateway target device failed to respond",
    }
)

_HEAD = struct.Struct(">HHH")  # transaction id, protocol id (0), bytes that follow
_FRAME = struct.Struct(">HHHB")  # … and the unit id, the first of them
_READ = struct.Struct(">BHH")
_LEAST, _MOST = 3, 254  # unit, function and one byte; unit and the longest PDU (253)
_CODES = {"u16": "H", "i16": "h", "u32": "I", "i32": "i", "f32": "f"}
_BITS = tuple(tuple(bool(byte >> bit & 1) for bit in range(8)) for byte in range(256))

_NAMES = {1: "coils", 2: "discrete inputs", 3: "holding registers", 4: "input registers"}


class Malformed(Exception):
    """Bytes that are no MBAP frame, or an answer that does not fit its request."""


class Declined(Exception):
    """The answer is an exception (section 7); the text names it."""

    def __init__(self, code: int) -> None:
        self.code = code
        name = EXCEPTIONS.get(code)
        super().__init__(f"exception {code}: {name}" if name else f"exception {code}")


# --- framing -----------------------------------------------------------------------------------

Frame = tuple[int, int, bytes]
"""Transaction id, unit id, PDU."""


class Frames:
    """Cuts a TCP stream into MBAP frames, in whatever pieces it comes; keeps < 260 bytes."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    @property
    def partial(self) -> int:
        """Bytes of a frame that has begun and not ended."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes. Raises Malformed: then the stream is lost, for there
        is no mark by which to find the next frame."""
        if self._rest:
            data = self._rest + data
        frames: list[Frame] = []
        start, size = 0, len(data)
        while size - start >= _HEAD.size:
            transaction, protocol, length = _HEAD.unpack_from(data, start)
            if protocol or not _LEAST <= length <= _MOST or len(frames) == FRAMES_MAX:
                raise _lost(data[start : start + 8], protocol, length)
            end = start + _HEAD.size + length
            if end > size:
                break
            frames.append((transaction, data[start + 6], data[start + 7 : end]))
            start = end
        self._rest = data[start:]
        return frames


def frame(transaction: int, unit: int, pdu: bytes) -> bytes:
    """One MBAP frame."""
    return _FRAME.pack(transaction, 0, len(pdu) + 1, unit) + pdu


def _lost(head: bytes, protocol: int, length: int) -> Malformed:
    if protocol:
        return Malformed(f"expected protocol id 0 in a Modbus frame, got {head.hex(' ')}")
    if not _LEAST <= length <= _MOST:
        return Malformed(f"expected a length of {_LEAST} to {_MOST} in a frame, got {length}")
    return Malformed(f"expected one answer, got more than {FRAMES_MAX} frames at once")


# --- requests and answers ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Read:
    """A request for `count` bits or registers from the wire address `address` on."""

    function: int
    address: int
    count: int
    pdu: bytes = field(init=False)
    size: int = field(init=False)
    """Bytes of data in the answer."""

    def __post_init__(self) -> None:
        bits = self.function in (1, 2)
        most = MAX_BITS if bits else MAX_REGISTERS
        if not (1 <= self.function <= 4 and 1 <= self.count <= most):
            raise ValueError(f"no such read: function {self.function}, count {self.count}")
        if not 0 <= self.address <= MAX_ADDRESS + 1 - self.count:
            raise ValueError(f"no such addresses: {self.address}, count {self.count}")
        object.__setattr__(self, "pdu", _READ.pack(self.function, self.address, self.count))
        object.__setattr__(self, "size", (self.count + 7) // 8 if bits else 2 * self.count)

    def __str__(self) -> str:
        last = self.address + self.count - 1
        span = f"{self.address}-{last}" if self.count > 1 else f"{self.address}"
        return f"{_NAMES[self.function]} {span}"


def check(read: Read, pdu: bytes) -> bytes:
    """`pdu` itself when it is the whole answer to `read`: its data begin at byte 2.

    Raises Declined for an exception, Malformed for another function or another length.
    """
    function = pdu[0]
    if function == read.function and len(pdu) == read.size + 2 and pdu[1] == read.size:
        return pdu
    if function == read.function | 0x80 and len(pdu) == 2:
        raise Declined(pdu[1])
    if function & 0x7F != read.function:
        raise Malformed(f"expected an answer to function {read.function}, got {function}")
    if function & 0x80:
        raise Malformed(f"expected 2 bytes of an exception, got {len(pdu)}")
    raise Malformed(f"expected {read.size} bytes of {read}, got {pdu[1]} in {len(pdu) - 2}")


# --- data ----------------------------------------------------------------------------------------


def bits(pdu: bytes) -> list[bool]:
    """The bits of an answer to function 1 or 2, lowest address first, padded to whole bytes."""
    flags: list[bool] = []
    for byte in pdu[2:]:
        flags += _BITS[byte]
    return flags


@dataclass(frozen=True, slots=True)
class Field:
    """A value among the registers of a block, `offset` registers from its start.

    `type` is one of WORDS, or `text` of `words` registers. `little`: the low word comes first.
    """

    offset: int
    type: str
    words: int = 1
    little: bool = False


Unpack = Callable[[bytes], tuple[int | float | bytes, ...]]


def unpacker(count: int, fields: Sequence[Field]) -> Unpack:
    """Compiles the reading of `fields`, in their order, from an answer of `count` registers."""
    wanted = [offset for item in fields for offset in _offsets(item)]
    layout = struct.Struct(">" + "".join(_code(item) for item in fields))
    if wanted == list(range(count)):
        return lambda pdu: layout.unpack_from(pdu, 2)
    registers = struct.Struct(f">{count}H")
    in_order = struct.Struct(f">{len(wanted)}H")

    def gather(pdu: bytes) -> tuple[int | float | bytes, ...]:
        words = registers.unpack_from(pdu, 2)
        return layout.unpack(in_order.pack(*[words[offset] for offset in wanted]))

    return gather


def text(raw: bytes) -> str:
    """Two characters to a register, padded by blanks or zeros; printable ASCII is kept."""
    shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else " " for byte in raw)
    return " ".join(shown.split())


def _offsets(item: Field) -> Sequence[int]:
    offsets = range(item.offset, item.offset + item.words)
    return offsets[::-1] if item.little else offsets


def _code(item: Field) -> str:
    return f"{2 * item.words}s" if item.type == "text" else _CODES[item.type]
