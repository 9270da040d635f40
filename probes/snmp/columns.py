"""Readings of one name at several parts: raw values of one poll in, values for the layout out.

Each column keeps what it made last and makes it anew only when a raw value moved. `holes` are the
places of the parts that have no value this time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import is_
from typing import Protocol

from probes.snmp.uptime import RESTARTED, TICKS_PER_S
from probes.snmp.values import number
from probes.wire.snmp_values import Raw
from secmon.api import Value

Convert = Callable[[Raw], Value | None]

SPAN = 1 << 32  # of a Counter32
MASK = SPAN - 1
GIGABIT = 125e6  # bytes per second
FRAME = 84  # bytes on the wire of the shortest Ethernet frame with its gap (IEEE 802.3)


COMBINE: Mapping[str, Callable[[list[int | float]], int | float]] = {
    "max": max,
    "min": min,
    "sum": sum,
}


class Column(Protocol):
    @property
    def reading(self) -> str: ...
    @property
    def parts(self) -> tuple[str, ...]: ...
    @property
    def values(self) -> Sequence[Value]: ...
    @property
    def holes(self) -> tuple[int, ...]: ...

    def take(self, raw: list[Raw], plain: bool, passed: int | None) -> None:
        """The raw values of a poll, one per part. `plain`: all are whole numbers. `passed`: ticks
        of the device's clock since the last good poll, RESTARTED, or None: nobody knows."""
        ...


class Mapped:
    """Values that need nothing but themselves: states, speeds, texts, scalars."""

    __slots__ = ("_convert", "_raw", "holes", "parts", "reading", "values")

    def __init__(self, reading: str, parts: tuple[str, ...], convert: Convert) -> None:
        self.reading = reading
        self.parts = parts
        self._convert = convert
        self._raw: list[Raw] | None = None
        self.values: list[Value] = []
        self.holes: tuple[int, ...] = tuple(range(len(parts)))

    def take(self, raw: list[Raw], _plain: bool, _passed: int | None) -> None:
        if raw == self._raw:
            return
        self._raw = raw
        made = [self._convert(value) for value in raw]
        self.values, self.holes = split(made)

    def differs(self, raw: list[Raw]) -> bool:
        """Are these raw values others than the last ones?"""
        return self._raw is not None and self._raw != raw


class Combined:
    """All rows of a table in one value: the load of the fullest output, for one."""

    __slots__ = ("_combine", "_convert", "holes", "parts", "reading", "values")

    def __init__(self, reading: str, convert: Convert, combine: str) -> None:
        self.reading = reading
        self.parts = ("",)
        self._convert = convert
        self._combine = COMBINE[combine]
        self.values: list[Value] = []
        self.holes: tuple[int, ...] = (0,)

    def take(self, raw: list[Raw], _plain: bool, _passed: int | None) -> None:
        made = [self._convert(value) for value in raw]
        numbers = [value for value in made if value is not None and not isinstance(value, str)]
        self.values = [self._combine(numbers)] if numbers else []
        self.holes = () if numbers else (0,)


class Counter64:
    """Counters that are 64 bits wide: as they come."""

    __slots__ = ("holes", "parts", "reading", "values")

    def __init__(self, reading: str, parts: tuple[str, ...]) -> None:
        self.reading = reading
        self.parts = parts
        self.values: Sequence[Value] = ()
        self.holes: tuple[int, ...] = tuple(range(len(parts)))

    def take(self, raw: list[Raw], plain: bool, _passed: int | None) -> None:
        if plain and min(raw) >= 0:  # type: ignore[operator,type-var] # plain: all are int
            self.values = raw  # type: ignore[assignment] # the same
            self.holes = ()
            return
        self.values, self.holes = split([count(value) for value in raw])


class Counter32:
    """Counters that start over at 2**32, made into ones that do not.

    How far a counter can have gone is bounded by the speed of its port and the time that passed by
    the device's own clock. Where it may have gone once round or more, or further than the port can
    carry, nobody knows how far it went: that value is left out once and the count begins anew.
    """

    __slots__ = (
        "_frame",
        "_raw",
        "_speeds",
        "_wide",
        "holes",
        "parts",
        "reading",
        "values",
    )

    def __init__(
        self,
        reading: str,
        parts: tuple[str, ...],
        speeds: Speeds,
        frame: int,
        bases: Sequence[tuple[int, int] | None],
    ) -> None:
        """`frame`: bytes on the wire for each count. `bases`: (raw, wide) of the last good poll."""
        self.reading = reading
        self.parts = parts
        self._speeds = speeds
        self._frame = frame
        self._raw: list[Raw] = [base and base[0] for base in bases]
        self._wide: list[int] = [base[1] if base else 0 for base in bases]
        self.values: list[Value] = []
        self.holes: tuple[int, ...] = tuple(range(len(parts)))

    def bases(self) -> list[tuple[int, int] | None]:
        """What a later column of the same counters goes on from."""
        return [
            (raw, wide) if isinstance(raw, int) else None
            for raw, wide in zip(self._raw, self._wide, strict=True)
        ]

    def take(self, raw: list[Raw], plain: bool, passed: int | None) -> None:
        if passed is None:  # without a clock nothing can be said of any of them
            self._raw, self.values, self.holes = [None] * len(raw), [], tuple(range(len(raw)))
            return
        if passed == RESTARTED:
            self._raw = [None] * len(raw)
        passed_s = passed / TICKS_PER_S
        if plain and raw == self._raw and not self.holes and self._once(None, passed_s):
            return
        known = raw if plain else [count(value) for value in raw]
        made = [self._widen(i, now, passed_s) for i, now in enumerate(known)]
        self._raw = [now & MASK if isinstance(now, int) else None for now in known]
        self.values, self.holes = split(made)

    def _widen(self, i: int, now: Raw, passed_s: float) -> int | None:
        before = self._raw[i]
        if not isinstance(now, int):
            return None
        now &= MASK
        if not isinstance(before, int):
            self._wide[i] = now
            return now
        speed = self._speeds.of(self.parts[i])
        moved = (now - before) & MASK
        if not self._once(speed, passed_s) or moved > self._room(speed, now < before, passed_s):
            self._wide[i] = now
            return None
        self._wide[i] += moved
        return self._wide[i]

    def _once(self, speed: float | None, passed_s: float) -> bool:
        """Is the time too short for the counter to go round? Of the fastest port, if None."""
        speed = self._speeds.fastest if speed is None else speed
        return speed / self._frame * (passed_s + 1) < SPAN

    def _room(self, speed: float, wrapped: bool, passed_s: float) -> float:
        """How far it can have gone. The values of a poll are read a little apart, ports may be a
        little fast, and virtual ones name any speed: only a wrap has to be wholly plausible."""
        likely = speed if wrapped else max(speed, GIGABIT)
        return likely / self._frame * 1.25 * (passed_s + 5)


class Speeds:
    """Bytes per second that each port can carry: the faster of what it said last and before."""

    __slots__ = ("_of", "_said", "_settled", "_unknown", "fastest")

    def __init__(self, before: Speeds | None = None) -> None:
        """`before`: what the ports said until now."""
        self._said: list[Sequence[Value]] = []
        self._settled = False
        self._of: dict[str, float] = {} if before is None else before._of
        self._unknown = GIGABIT
        self.fastest = GIGABIT
        """Of all ports; a port that names no speed counts as the fastest, or as a gigabit."""

    def of(self, part: str) -> float:
        return self._of.get(part) or self._unknown

    def note(self, columns: Sequence[Mapped]) -> None:
        """What the ports say this time."""
        said: list[Sequence[Value]] = [column.values for column in columns]
        same = len(said) == len(self._said) and all(map(is_, said, self._said))
        if same and self._settled:
            return
        self._said, self._settled = said, same
        now = {part: float(value) for column in columns for part, value in paired(column)}
        before = {} if same else self._of
        self._of = {part: max(speed, before.get(part, 0.0)) for part, speed in now.items()}
        self.fastest = max(self._of.values(), default=0.0) or GIGABIT
        self._unknown = self.fastest


def paired(column: Column) -> list[tuple[str, Value]]:
    """The parts that have a value, with it."""
    gone = frozenset(column.holes)
    parts = [part for i, part in enumerate(column.parts) if i not in gone]
    return list(zip(parts, column.values, strict=True))


def count(raw: Raw) -> int | None:
    """A counter's value; one that came as text too. None if it is no count."""
    value = number(raw)
    return int(value) if value is not None and value >= 0 else None


def split(made: Sequence[Value | None]) -> tuple[list[Value], tuple[int, ...]]:
    """The values that are there, and the places of those that are not."""
    holes = tuple(i for i, value in enumerate(made) if value is None)
    return [value for value in made if value is not None], holes
