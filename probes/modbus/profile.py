"""What the site file and a profile say to the driver `modbus`: `Options`, `Profile`, `Point`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from probes.wire.modbus import FUNCTIONS, MAX_ADDRESS, MAX_BITS, MAX_REGISTERS, PORT, WORDS
from secmon.api import Options as ApiOptions
from secmon.api import Part

ITEMS_MAX = 4096  # of one profile, after `repeat` is unrolled
_OF_REGISTERS = frozenset(
    ("type", "order", "scale", "offset", "invalid", "bit", "bits", "when", "length")
)
_RANGES = {
    "u16": (0, 16),
    "i16": (-1 << 15, 16),
    "u32": (0, 32),
    "i32": (-1 << 31, 32),
}  # lowest value, bits
LATER = ("rtu", "rtu-over-tcp")


class Options(ApiOptions):
    """The driver's keys of a probe in the site file."""

    port: int = Field(default=PORT, ge=1, le=65535)
    unit: int = Field(default=1, ge=0, le=255)
    framing: str = "tcp"

    @field_validator("framing")
    @classmethod
    def _is_there(cls, framing: str) -> str:
        if framing in LATER:
            raise ValueError(f"expected tcp: {framing} is not there yet")
        if framing != "tcp":
            raise ValueError("expected tcp")
        return framing


def _exact(value: object) -> object:
    """0.1 is one tenth here, not the nearest binary fraction."""
    return str(value) if isinstance(value, float) else value


def _fits(value: float, low: int, width: int) -> bool:
    """A signed value may also be written as its bits: 65535 for -1."""
    return isinstance(value, int) and low <= value < 1 << width


Exact = Annotated[Fraction, BeforeValidator(_exact)]


class Repeat(ApiOptions):
    """The same point again, `step` addresses further; `{n}` in `part` counts from `first`."""

    count: int = Field(ge=1, le=MAX_BITS)
    step: int = Field(default=1, ge=1, le=MAX_ADDRESS)
    first: int = Field(default=1, ge=0)


class Point(ApiOptions):
    """One value that a device offers, or one row of such values.

    A number is `raw * scale + offset`. A flag is a coil, a discrete input, a register with `bit` or
    `bits` (true when any of them is set), or one with `when` (true when its raw value is listed).
    """

    reading: str = ""
    fact: str = ""  # model, serial, firmware: asked seldom, kept per device
    part: str = ""
    fn: Literal["coil", "discrete", "holding", "input"]
    addr: int = Field(ge=0, le=MAX_ADDRESS)
    type: Literal["u16", "i16", "u32", "i32", "f32", "text"] = "u16"
    length: int = Field(default=0, ge=0, le=MAX_REGISTERS)  # registers of a text
    order: Literal["big", "little"] | None = None  # of the two words of a 32-bit value
    scale: Exact = Fraction(1)
    offset: Exact = Fraction(0)
    invalid: tuple[int | float, ...] = ()  # raw values that say «not fitted, not known»
    bit: int | None = Field(default=None, ge=0, le=31)
    bits: tuple[Annotated[int, Field(ge=0, le=31)], ...] = ()
    when: tuple[int, ...] = ()
    invert: bool = False
    free: bool = False  # wired freely: the site's `parts` may say what it stands for, and invert it
    repeat: Repeat | None = None

    @property
    def is_bit(self) -> bool:
        return self.fn in ("coil", "discrete")

    @property
    def is_flag(self) -> bool:
        return self.is_bit or bool(self.mask or self.when)

    @property
    def mask(self) -> int:
        single = () if self.bit is None else (self.bit,)
        return sum({1 << bit for bit in (*self.bits, *single)})

    @property
    def scaled(self) -> bool:
        return self.scale != 1 or self.offset != 0

    @property
    def words(self) -> int:
        """Addresses that the value takes."""
        return 1 if self.is_bit else WORDS.get(self.type, self.length)

    @model_validator(mode="after")
    def _makes_sense(self) -> Point:
        for wrong, text in chain(self._place(), self._type(), self._flag()):
            if wrong:
                raise ValueError(text)
        return self

    def _place(self) -> Iterator[tuple[bool, str]]:
        """What may be wrong with where it stands, and the words for it."""
        row = self.repeat or Repeat(count=1)
        end = self.addr + (row.count - 1) * row.step + self.words
        yield bool(self.reading) == bool(self.fact), "expected either `reading` or `fact`"
        yield bool(self.fact and (self.part or self.repeat)), "expected a fact of the whole device"
        counted = "{n}" in self.part
        yield (
            counted != (self.repeat is not None),
            "expected `{n}` in `part` exactly where there is a `repeat`",
        )
        yield end > MAX_ADDRESS + 1, f"expected addresses up to {MAX_ADDRESS}, got {end - 1}"

    def _type(self) -> Iterator[tuple[bool, str]]:
        """… with how its registers are read."""
        text, known = self.type == "text", _RANGES.get(self.type)
        said = ", ".join(sorted(_OF_REGISTERS & self.model_fields_set))
        yield self.is_bit and bool(said), f"expected no {said} with a {self.fn}"
        yield text and not self.fact, "expected a text to be a `fact`"
        yield text != bool(self.length), "expected a `length` in registers with a text, and only so"
        yield text and (self.scaled or self.is_flag), "expected a text to be nothing but text"
        yield text and bool(self.invalid), "expected no `invalid` with a text"
        yield (
            known is not None and not all(_fits(value, *known) for value in self.invalid),
            f"expected invalid values that a {self.type} has",
        )
        yield self.scale == 0, "expected a scale that is not 0"

    def _flag(self) -> Iterator[tuple[bool, str]]:
        """… with what makes it true."""
        real = self.type == "f32"
        yield bool(self.mask and self.when), "expected either bits or `when`"
        yield (
            bool(self.mask) and (real or self.mask >> 16 * self.words != 0),
            f"expected bits that a {self.type} has",
        )
        yield real and bool(self.when), "expected no `when` with a f32"
        yield self.is_flag and self.scaled, "expected no scale or offset with a flag"
        yield self.invert and not self.is_flag, "expected `invert` only with a flag"
        yield (
            self.free and not (self.is_flag and self.part and self.reading),
            "expected a free input to be a flag with a `part`",
        )


class Profile(ApiOptions):
    """The key `modbus:` of a profile file."""

    points: tuple[Point, ...] = Field(min_length=1)
    order: Literal["big", "little"] = "big"  # of 32-bit values that do not say
    base: Literal[0, 1] = 0  # the address that this profile calls the first
    max_registers: int = Field(default=MAX_REGISTERS, ge=2, le=MAX_REGISTERS)  # of one request
    max_bits: int = Field(default=MAX_BITS, ge=1, le=MAX_BITS)  # of one request
    max_gap: int = Field(default=0, ge=0, le=MAX_REGISTERS)  # unnamed addresses read over

    @model_validator(mode="after")
    def _is_clear(self) -> Profile:
        seen: set[tuple[str, str]] = set()
        free: dict[str, bool] = {}
        for count, item in enumerate(unroll(self, {})):
            if (key := (item.fact or item.reading, item.part)) in seen:
                raise ValueError(f"{' at '.join(filter(None, key))} is given twice")
            if item.part in free and (item.point.free or free[item.part]):
                raise ValueError(f"expected the free input {item.part} to have its part to itself")
            free[item.part] = item.point.free
            if item.address < 0:
                raise ValueError(f"expected addresses from {self.base} on, got {item.point.addr}")
            if item.point.words > self.max_registers:
                raise ValueError(f"{key[0]} is longer than max_registers: {self.max_registers}")
            if count == ITEMS_MAX:
                raise ValueError(f"expected at most {ITEMS_MAX} values")
            seen.add(key)
        return self


@dataclass(frozen=True, slots=True)
class Item:
    """One value to ask for: a point, with `repeat` and the site's parts worked in."""

    point: Point
    reading: str
    fact: str
    part: str
    function: int
    address: int  # on the wire
    words: int
    little: bool
    invert: bool


def unroll(profile: Profile, parts: Mapping[str, Part]) -> Iterator[Item]:
    """Every value of the profile, its free inputs named as the site's `parts` name them."""
    for point in profile.points:
        row = point.repeat or Repeat(count=1)
        for i in range(row.count):
            name = point.part.replace("{n}", str(row.first + i))
            wired = parts.get(name) if point.free else None
            yield Item(
                point=point,
                reading=(wired.reading if wired else "") or point.reading,
                fact=point.fact,
                part=name,
                function=FUNCTIONS[point.fn],
                address=point.addr + i * row.step - profile.base,
                words=point.words,
                little=(point.order or profile.order) == "little" and point.type != "text",
                invert=point.invert != (wired is not None and wired.invert),
            )


def brings(options: Options, profile: Profile | None, parts: Mapping[str, Part]) -> frozenset[str]:
    """Names of the readings that a good poll brings."""
    items = unroll(profile, parts) if profile else ()
    return frozenset(item.reading for item in items if item.reading)
