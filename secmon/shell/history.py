"""The hourly value of what is logged: lowest, highest, mean (DB33/T 830-2011, 4.4.1.2 evidence)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from secmon.api import Clock, Hour, StoreDown
from secmon.core.model import Layout, Observation, Word

log = logging.getLogger(__name__)

FLUSH = 300.0  # seconds; what a kill can lose
WAITING = 100_000  # hours kept in memory at most, while the store is away

Key = tuple[str, str, str, datetime]  # device, part, reading, start of the hour
Sums = list[float]  # low, high, total, count


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
        self._places: dict[Layout, tuple[tuple[int, str, str], ...]] = {}

    def observe(self, seen: Observation) -> None:
        """Adds one observation's logged values."""
        if seen.failure is not None:
            return
        places = self._places.get(seen.layout)
        if places is None:
            places = self._find(seen.layout)
        if not places:
            return
        hour = seen.at.replace(minute=0, second=0, microsecond=0)
        for index, part, name in places:
            value = seen.values[index]
            if not isinstance(value, str):
                self._add((seen.device, part, name, hour), float(value))

    async def run(self) -> None:
        """Flushes every five minutes, and once more when it is ended."""
        try:
            while True:
                await asyncio.sleep(FLUSH)
                await self.flush()
        finally:
            async with asyncio.timeout(2):
                await self.flush()

    async def flush(self) -> None:
        """Hands over what has been summed up; keeps it if the store is away."""
        taken, self._sums = self._sums, {}
        if not taken:
            return
        try:
            await self._add_hours([_hour(key, sums) for key, sums in taken.items()])
        except StoreDown as down:
            log.warning("hourly values wait: %s", down)
            for key, (low, high, total, count) in list(taken.items())[-WAITING:]:
                sums = self._sums.setdefault(key, [low, high, 0.0, 0])
                sums[:] = min(sums[0], low), max(sums[1], high), sums[2] + total, sums[3] + count

    def _find(self, layout: Layout) -> tuple[tuple[int, str, str], ...]:
        places = tuple(
            (index, layout.parts[index], name)
            for name, (start, end) in layout.spans.items()
            if name in self._logged
            for index in range(start, end)
        )
        if len(self._places) > WAITING:
            self._places.clear()
        self._places[layout] = places
        return places

    def _add(self, key: Key, value: float) -> None:
        sums = self._sums.get(key)
        if sums is None:
            self._sums[key] = [value, value, value, 1]
            return
        if value < sums[0]:
            sums[0] = value
        elif value > sums[1]:
            sums[1] = value
        sums[2] += value
        sums[3] += 1


def _hour(key: Key, sums: Sums) -> Hour:
    device, part, reading, at = key
    low, high, total, count = sums
    return Hour(device, part, reading, at, low, high, total, int(count))
