"""The running hour of five-minute values of every probe, in memory until the store has it."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, repeat
from math import nan
from zlib import crc32

from secmon.api import SLOT_S, TRACE_SLOTS, Trace

SERIES = 300  # of one probe at most: a device may name as many parts as it likes
WAITING = 20_000  # ended traces kept at most, while the store is away

Key = tuple[str, str]  # device, probe
Series = tuple[tuple[str, str], ...]  # (reading, part)
Numbers = tuple[Sequence[float], Sequence[float], Sequence[float]]  # lowest, highest, mean


@dataclass(slots=True)
class _Open:
    """A trace that still grows. Slots are counted from 1970."""

    first: int
    series: Series
    numbers: array[float]
    slots: int = 0


class Traces:
    """Takes five minutes at a time, and hands over what the store does not have yet."""

    def __init__(self) -> None:
        self._open: dict[Key, _Open] = {}
        self._changed: dict[Key, None] = {}
        self._done: list[Trace] = []

    def add(self, key: Key, slot: int, series: Series, numbers: Numbers) -> None:
        """One probe's five minutes. What comes late for five minutes that it has is left out."""
        series, width = series[:SERIES], min(len(series), SERIES)
        running = self._open.get(key)
        if running is not None:
            last = running.first + running.slots - 1
            if slot == last:
                return
            if slot < last or running.series != series or _begins(key, running.first, slot):
                self._end(key, running)
                running = None
        if running is None:
            running = self._open[key] = _Open(slot, series, array("f"))
        missed = slot - running.first - running.slots
        running.numbers.extend(repeat(nan, missed * width * 3))
        columns = (column[:width] for column in numbers)
        running.numbers.extend(chain.from_iterable(zip(*columns, strict=True)))
        running.slots += missed + 1
        self._changed[key] = None

    def end_all(self) -> None:
        """All traces end where they are: what they hold may mean something else from now on."""
        for key, running in list(self._open.items()):
            self._end(key, running)

    def take(self) -> list[Trace]:
        """What the store does not have yet; `give_back` what it did not take."""
        taken, self._done = self._done, []
        taken += (_trace(key, self._open[key]) for key in self._changed if key in self._open)
        self._changed.clear()
        return taken

    def give_back(self, traces: Sequence[Trace]) -> None:
        for one in traces:
            key, running = (one.device, one.probe), self._open.get((one.device, one.probe))
            if running is not None and _moment(running.first) == one.at:
                self._changed[key] = None
            else:
                self._done.append(one)
        del self._done[:-WAITING]

    def of(self, device: str) -> Iterator[Trace]:
        """What of a device may not be in the store yet."""
        yield from (one for one in self._done if one.device == device)
        for key, running in self._open.items():
            if key[0] == device:
                yield _trace(key, running)

    def _end(self, key: Key, running: _Open) -> None:
        if key in self._changed:
            del self._changed[key]
            self._done.append(_trace(key, running))
            del self._done[:-WAITING]
        del self._open[key]


def _begins(key: Key, first: int, slot: int) -> bool:
    """Does a new trace begin between these slots? Devices begin theirs at different times of the
    hour, so that not all are let go of at once."""
    shift = crc32(key[0].encode("utf-8", "replace"))
    return (first + shift) // TRACE_SLOTS != (slot + shift) // TRACE_SLOTS


def _moment(slot: int) -> datetime:
    return datetime.fromtimestamp(slot * SLOT_S, UTC)


def _trace(key: Key, running: _Open) -> Trace:
    return Trace(*key, _moment(running.first), running.series, running.numbers[:])
