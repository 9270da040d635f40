"""The hourly value of what is logged: lowest, highest, mean (DB33/T 830-2011, 4.4.1.2 evidence)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from secmon.api import Clock, Hour, StoreDown
from secmon.core.model import Layout, Observation, Word

log = logging.getLogger(__name__)

FLUSH = 300.0  # seconds; what a kill can lose
LAST = 2.0  # seconds that the flush at the end may take
WAITING = 100_000  # hours kept in memory at most, while the store is away
LAYOUTS = 50_000
HOUR = 3600.0

Key = tuple[str, str, str, datetime]  # device, part, reading, start of the hour
Sums = tuple[float, float, float, int]  # low, high, total, count


@dataclass(slots=True)
class _Hour:
    """What one probe has brought in one hour, by one layout: a list has a place per logged value,
    so that a poll costs four list comprehensions and not a look-up per value."""

    layout: Layout
    start: datetime
    next: float  # the timestamp at which another hour begins
    low: list[float]
    high: list[float]
    total: list[float]
    count: int = 1

    def add(self, values: Sequence[float]) -> None:
        low, high, total = self.low, self.high, self.total
        self.low = [a if a < b else b for a, b in zip(low, values, strict=True)]
        self.high = [a if a > b else b for a, b in zip(high, values, strict=True)]
        self.total = [a + b for a, b in zip(total, values, strict=True)]
        self.count += 1


class Recorder:
    """Sums up logged readings by the hour and hands the sums to the store now and then."""

    def __init__(
        self,
        words: Mapping[str, Word],
        clock: Clock,
        add_hours: Callable[[Sequence[Hour]], Awaitable[None]],
    ) -> None:
        self._logged = frozenset(word.name for word in words.values() if word.log)
        self._clock = clock
        self._add_hours = add_hours
        self._sums: dict[Key, Sums] = {}
        self._hours: dict[tuple[str, str], _Hour] = {}  # device, probe → the hour that runs
        self._places: dict[Layout, tuple[int, ...]] = {}

    def observe(self, seen: Observation) -> None:
        """Adds one observation's logged values."""
        if seen.failure is not None:
            return
        places = self._places.get(seen.layout)
        if places is None:
            places = self._find(seen.layout)
        if not places:
            return
        given = seen.values
        values = cast("list[float]", [given[place] for place in places])
        if str in map(type, values):  # a driver's bug: what is logged are numbers
            return
        key, at = (seen.device, seen.probe), seen.at.timestamp()
        hour = self._hours.get(key)
        if hour is not None:
            if hour.layout is seen.layout and hour.next - HOUR <= at < hour.next:
                hour.add(values)
                return
            self._keep(seen.device, hour)
        start = seen.at.replace(minute=0, second=0, microsecond=0)
        next_hour = start.timestamp() + HOUR
        self._hours[key] = _Hour(seen.layout, start, next_hour, values, values, values)

    async def run(self) -> None:
        """Flushes every five minutes, and once more when it is ended."""
        try:
            while True:
                await asyncio.sleep(FLUSH)
                await self.flush()
        finally:
            await self._flush_last()

    async def _flush_last(self) -> None:
        try:
            async with asyncio.timeout(LAST):
                await self.flush()
        except TimeoutError:
            log.warning("the last hourly values are lost: the store took over %g s", LAST)

    async def flush(self) -> None:
        """Hands over what has been summed up; keeps it if the store is away. Whoever is cancelled
        meanwhile does not know, and keeps it too: a mean counted twice is the same mean."""
        for (device, _), hour in self._hours.items():
            self._keep(device, hour)
        self._hours.clear()
        taken, self._sums = self._sums, {}
        if not taken:
            return
        try:
            await self._add_hours([_row(key, sums) for key, sums in taken.items()])
        except (StoreDown, asyncio.CancelledError) as why:
            for key, sums in list(taken.items())[-WAITING:]:
                self._add(key, sums)
            if not isinstance(why, StoreDown):
                raise
            log.warning("hourly values wait: %s", why)

    def _find(self, layout: Layout) -> tuple[int, ...]:
        places = tuple(
            index
            for name, (start, end) in layout.spans.items()
            if name in self._logged
            for index in range(start, end)
        )
        if len(self._places) > LAYOUTS:
            self._places.clear()
        self._places[layout] = places
        return places

    def _keep(self, device: str, hour: _Hour) -> None:
        """Moves what a probe brought to where it waits for the next flush."""
        layout, columns = hour.layout, zip(hour.low, hour.high, hour.total, strict=True)
        for place, (low, high, total) in zip(self._places_of(layout), columns, strict=True):
            key = (device, layout.parts[place], layout.names[place], hour.start)
            self._add(key, (float(low), float(high), float(total), hour.count))

    def _places_of(self, layout: Layout) -> tuple[int, ...]:
        return self._places.get(layout) or self._find(layout)

    def _add(self, key: Key, new: Sums) -> None:
        old = self._sums.get(key)
        if old is not None:
            low, high = min(old[0], new[0]), max(old[1], new[1])
            new = (low, high, old[2] + new[2], old[3] + new[3])
        self._sums[key] = new


def _row(key: Key, sums: Sums) -> Hour:
    device, part, reading, at = key
    return Hour(device, part, reading, at, *sums)
