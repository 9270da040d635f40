"""A moving picture in H.264 without an encoder: still blocks in plain samples, one of them lit.

Macroblocks are written as I_PCM, that is as their samples; what did not change since the last frame
is skipped. Source: ITU-T H.264 (08/2021), clauses by number; Baseline profile, no deblocking, so a
decoder shows exactly these samples.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

WIDE, HIGH = 4, 3  # macroblocks of 16×16: a picture of 64×48
BLOCKS = WIDE * HIGH
GOP = 10  # frames from one key frame to the next
FRAMES = 60  # after which all repeats: the lit block is then where it began, at a key frame
LIT, DARKEST, STEP = 235, 40, 9  # luma of the lit block, of block 0, from block to block
SPS, PPS, IDR, SLICE = 0x67, 0x68, 0x65, 0x61  # 7.3.1: NAL headers of what is all referred to
I_PCM, I_PCM_IN_P = 25, 30  # 7.4.5, mb_type in slices of I and of P

_PATTERN = re.compile(rb"\x00\x00(?=[\x00-\x03])")  # 7.4.1: what must not stand inside a NAL unit


def frames(tint: int) -> list[tuple[bytes, ...]]:
    """The NAL units of each of `FRAMES` frames; a key frame brings its parameter sets. `tint`, 0 to
    255, tells one camera from another by its colour."""
    return [_frame(number, tint) for number in range(FRAMES)]


def parameter_sets() -> tuple[bytes, bytes]:
    """SPS and PPS (7.3.2.1, 7.3.2.2)."""
    sps = _Bits()
    sps.raw(bytes((66, 0xC0, 10)))  # Baseline, level 1
    sps.put(_ue(0) + _ue(0) + _ue(2) + _ue(1) + "0")  # frame_num of 4 bits, output as decoded
    sps.put(_ue(WIDE - 1) + _ue(HIGH - 1) + "1" + "1" + "0" + "0")
    pps = _Bits()
    pps.put(_ue(0) + _ue(0) + "0" + "0" + _ue(0) + _ue(0) + _ue(0) + "0" + "00")
    pps.put(_ue(0) + _ue(0) + _ue(0) + "1" + "0" + "0")  # the filter can be switched off
    return _unit(SPS, sps), _unit(PPS, pps)


def luma(number: int) -> list[int]:
    """What each block of a frame shows, row by row, 16 to 235."""
    lit = number % BLOCKS
    return [LIT if block == lit else DARKEST + STEP * block for block in range(BLOCKS)]


def _frame(number: int, tint: int) -> tuple[bytes, ...]:
    if number % GOP == 0:
        return *parameter_sets(), _key_slice(number, tint)
    return (_changed_slice(number, tint),)


def _key_slice(number: int, tint: int) -> bytes:
    """7.3.3 and 7.3.4 of a slice that is a whole picture by itself."""
    bits = _Bits()
    bits.put(_ue(0) + _ue(7) + _ue(0) + "0000" + _ue(0))
    bits.put("00" + _ue(0) + _ue(1))  # no long-term reference, qp as it is, no filter
    for shade in luma(number):
        bits.put(_ue(I_PCM))
        bits.raw(_samples(shade, tint))
    return _unit(IDR, bits)


def _changed_slice(number: int, tint: int) -> bytes:
    """The blocks that differ from the frame before; the others are skipped."""
    bits = _Bits()
    bits.put(_ue(0) + _ue(5) + _ue(0) + f"{number % GOP:04b}")
    bits.put("0" + "0" + "0" + _ue(0) + _ue(1))  # references as they are, qp too, no filter
    skipped = 0
    for before, shade in zip(luma(number - 1), luma(number), strict=True):
        if shade == before:
            skipped += 1
            continue
        bits.put(_ue(skipped) + _ue(I_PCM_IN_P))
        bits.raw(_samples(shade, tint))
        skipped = 0
    if skipped:
        bits.put(_ue(skipped))
    return _unit(SLICE, bits)


def _samples(shade: int, tint: int) -> bytes:
    """7.3.5: 256 of luma, 64 of Cb, 64 of Cr."""
    return bytes((shade,)) * 256 + bytes((64 + tint // 2,)) * 64 + bytes((191 - tint // 2,)) * 64


def _unit(header: int, bits: _Bits) -> bytes:
    """7.3.1, with emulation prevention."""
    return bytes((header,)) + _PATTERN.sub(b"\x00\x00\x03", bits.end())


def _ue(number: int) -> str:
    """9.1: Exp-Golomb code; of 0 the same as se(0)."""
    text = f"{number + 1:b}"
    return "0" * (len(text) - 1) + text


@dataclass(slots=True)
class _Bits:
    """A bit string that grows: bits as text, or whole bytes."""

    _data: bytearray = field(default_factory=bytearray)
    _open: str = ""  # bits that do not fill a byte yet

    def put(self, bits: str) -> None:
        bits = self._open + bits
        whole = len(bits) & ~7
        self._data += bytes(int(bits[at : at + 8], 2) for at in range(0, whole, 8))
        self._open = bits[whole:]

    def raw(self, data: bytes) -> None:
        """From the next whole byte on; what is left of the present one is zero."""
        if self._open:
            self.put("0" * (8 - len(self._open)))
        self._data += data

    def end(self) -> bytes:
        """7.3.2.11: a one, then zeros up to a whole byte."""
        self.put("1")
        self.raw(b"")
        return bytes(self._data)
