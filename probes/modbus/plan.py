"""What is asked of a device, and how the answers become values: compiled once per profile.

Values that lie side by side are asked for together, never over a hole wider than the profile
allows. What the device then refuses is asked for in halves (`halve`).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Any

from probes.modbus.profile import Item, Point, Profile, unroll
from probes.wire.modbus import Field, Read, bits, text, unpacker
from secmon.api import Part, Value

Raw = int | float | bytes
Convert = Callable[[Sequence[Any]], Sequence[Value | None]]
"""Raw values of one point → values; None: the device says that it has none."""

_FORMATS = {"i16": (">H", ">h"), "i32": (">I", ">i")}


# --- requests ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Block:
    """One request and what it brings."""

    read: Read
    items: tuple[Item, ...]


def blocks(items: Iterable[Item], profile: Profile) -> tuple[Block, ...]:
    """The fewest requests for `items` that keep to the profile's limits."""
    found: list[Block] = []
    group: list[Item] = []
    for item in sorted(items, key=lambda item: (item.function, item.address, item.words)):
        if group and not _joins(group, item, profile):
            found.append(_block(group))
            group = []
        group.append(item)
    if group:
        found.append(_block(group))
    return tuple(found)


def halve(block: Block) -> tuple[Block, ...]:
    """The block in two; nothing when all of it begins at one address."""
    starts = sorted({item.address for item in block.items})
    if len(starts) == 1:
        return ()
    middle = starts[len(starts) // 2]
    low = [item for item in block.items if item.address < middle]
    high = [item for item in block.items if item.address >= middle]
    return _block(low), _block(high)


def _joins(group: Sequence[Item], item: Item, profile: Profile) -> bool:
    most = profile.max_bits if item.point.is_bit else profile.max_registers
    start, end = group[0].address, _end(group)
    return (
        item.function == group[0].function
        and item.address <= end + profile.max_gap
        and max(end, item.address + item.words) - start <= most
    )


def _block(items: Sequence[Item]) -> Block:
    start = items[0].address
    return Block(Read(items[0].function, start, _end(items) - start), tuple(items))


def _end(items: Sequence[Item]) -> int:
    return max(item.address + item.words for item in items)


# --- answers -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """Requests, and the items that their answers bring: those of one name side by side."""

    blocks: tuple[Block, ...]
    items: tuple[Item, ...]
    _readers: tuple[Callable[[bytes], Sequence[Raw]], ...]  # one per block
    _places: tuple[int, ...]  # where each item's raw value stands in what the readers give
    _converts: tuple[tuple[slice, Convert], ...]  # for the items whose raw value is not the value

    def decode(self, answers: Sequence[bytes]) -> list[Any]:
        """The value of each item, or None, from one checked PDU per block."""
        raw = list(
            chain.from_iterable(read(pdu) for read, pdu in zip(self._readers, answers, strict=True))
        )
        values: list[Any] = [raw[place] for place in self._places]
        for run, convert in self._converts:
            values[run] = convert(values[run])
        return values


def plan(asked: Sequence[Block]) -> Plan:
    """Compiles the reading of these blocks."""
    readers: list[Callable[[bytes], Sequence[Raw]]] = []
    by_name: dict[str, list[tuple[Item, int]]] = {}
    base = 0
    for block in asked:
        reader, places, size = _reader(block)
        readers.append(reader)
        for item, place in zip(block.items, places, strict=True):
            by_name.setdefault(item.fact or item.reading, []).append((item, base + place))
        base += size
    placed = list(chain.from_iterable(by_name.values()))
    items = tuple(item for item, _ in placed)
    return Plan(
        blocks=tuple(asked),
        items=items,
        _readers=tuple(readers),
        _places=tuple(place for _, place in placed),
        _converts=tuple(_runs(items)),
    )


def _runs(items: Sequence[Item]) -> Iterator[tuple[slice, Convert]]:
    """A row of one point is converted in one go."""
    start = 0
    for _, row in groupby(items, lambda item: (id(item.point), item.invert)):
        first, *others = row
        end = start + 1 + len(others)
        if (convert := _convert(first)) is not None:
            yield slice(start, end), convert
        start = end


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Plans:
    """A profile, compiled: what is asked at every poll, and what seldom."""

    readings: Plan
    facts: Plan


def compiled(profile: Profile, parts: Mapping[str, Part]) -> Plans:
    """The profile's requests and how their answers are read, for a site's `parts`."""
    items = list(unroll(profile, parts))
    return Plans(
        readings=plan(blocks((item for item in items if item.reading), profile)),
        facts=plan(blocks((item for item in items if item.fact), profile)),
    )


def _reader(block: Block) -> tuple[Callable[[bytes], Sequence[Raw]], list[int], int]:
    """How a block's answer is read, where each item then stands, and how many values there are."""
    start = block.read.address
    if block.items[0].point.is_bit:
        return bits, [item.address - start for item in block.items], 8 * block.read.size
    fields = [
        Field(item.address - start, item.point.type, item.words, item.little)
        for item in block.items
    ]
    once = list(dict.fromkeys(fields))  # several flags may stand in one register
    return unpacker(block.read.count, once), [once.index(each) for each in fields], len(once)


def _convert(item: Item) -> Convert | None:
    point = item.point
    if point.is_bit:
        return (lambda raws: [not raw for raw in raws]) if item.invert else None
    if point.type == "text":
        return lambda raws: [text(raw) for raw in raws]
    convert = _flag(point, item.invert) if point.is_flag else _number(point)
    if point.type == "f32":
        return _finite(convert, frozenset(_as_f32(value) for value in point.invalid))
    if point.invalid:
        return _known(convert, frozenset(_as_read(point.type, v) for v in point.invalid))
    return convert


def _flag(point: Point, invert: bool) -> Convert:
    if mask := point.mask:
        return lambda raws: [(raw & mask != 0) is not invert for raw in raws]
    when = frozenset(point.when)
    return lambda raws: [(raw in when) is not invert for raw in raws]


def _number(point: Point) -> Convert | None:
    """Whole numbers as long as it goes: a counter stays exact, and 3 tenths are 0.3."""
    by = math.lcm(point.scale.denominator, point.offset.denominator)
    times, plus = int(point.scale * by), int(point.offset * by)
    if (times, plus, by) == (1, 0, 1):
        return None
    if by == 1:
        return lambda raws: [raw * times + plus for raw in raws]
    if (times, plus) == (1, 0):
        return lambda raws: [raw / by for raw in raws]
    return lambda raws: [(raw * times + plus) / by for raw in raws]


def _finite(convert: Convert | None, invalid: frozenset[float]) -> Convert:
    def of_floats(raws: Sequence[float]) -> Sequence[Value | None]:
        known = [math.isfinite(raw) and raw not in invalid for raw in raws]
        return _where(known, convert(raws) if convert else raws)

    return of_floats


def _known(convert: Convert | None, invalid: frozenset[int]) -> Convert:
    def of_known(raws: Sequence[int]) -> Sequence[Value | None]:
        return _where([raw not in invalid for raw in raws], convert(raws) if convert else raws)

    return of_known


def _where(known: Sequence[bool], values: Sequence[Value | None]) -> list[Value | None]:
    return [value if there else None for value, there in zip(values, known, strict=True)]


def _as_f32(value: float) -> float:
    nearest: float = struct.unpack(">f", struct.pack(">f", value))[0]
    return nearest


def _as_read(kind: str, value: float) -> int:
    """A sentinel may be written as the register shows it (65535) or as it is read (-1)."""
    if kind not in _FORMATS or value < 0:
        return int(value)
    unsigned, signed = _FORMATS[kind]
    number: int = struct.unpack(signed, struct.pack(unsigned, int(value)))[0]
    return number
