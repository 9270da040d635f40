"""What readings were: five-minute values for two days of what is judged or logged, and the hourly
value of what is logged: lowest, highest, mean (DB33/T 830-2011, 4.4.1.2 evidence)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import nan
from typing import cast

from secmon.api import SLOT_S, Clock, Hour, StoreDown, Trace
from secmon.core.model import (
    EMPTY_LAYOUT,
    PROBE_SUCCESS,
    Layout,
    Observation,
    Policy,
    Reason,
)
from secmon.core.rules import plan_for
from secmon.shell.traces import Traces

log = logging.getLogger(__name__)

AFTER = 20.0  # seconds past each five minutes: the polls that began in them have ended
LAST = 2.0  # seconds that the flush at the end may take
WAITING = 100_000  # hours kept in memory at most, while the store is away
LAYOUTS = 50_000
AT_ONCE = 100  # devices or traces between two looks at what else is to be done
HOURS_AT_ONCE = 1_000  # rows of one transaction
HOUR = 3600.0

Key = tuple[str, str, str, float]  # device, part, reading, start of the hour
Sums = tuple[float, float, float, int]  # low, high, total, count


@dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """Which values of a layout are kept: logged ones first."""

    indexes: tuple[int, ...]
    series: tuple[tuple[str, str], ...]  # (reading, part)
    logged: int  # so many of them are summed up by the hour


NOWHERE = _Places((), (), 0)


@dataclass(slots=True)
class _Slot:
    """What one probe has brought in five minutes, by one layout: a list has a place per kept value,
    so that a poll costs four list comprehensions and not a look-up per value."""

    layout: Layout
    places: _Places
    start: float
    next: float  # the timestamp at which another slot begins
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    total: Sequence[float] = ()
    count: int = 0
    failed: int = 0

    def add(self, values: Sequence[float]) -> None:
        if self.count:
            low, high, total = self.low, self.high, self.total
            self.low = [a if a < b else b for a, b in zip(low, values, strict=True)]
            self.high = [a if a > b else b for a, b in zip(high, values, strict=True)]
            self.total = [a + b for a, b in zip(total, values, strict=True)]
        else:
            self.low = self.high = self.total = values
        self.count += 1


class Recorder:
    """Sums up readings and hands the sums to the store now and then."""

    def __init__(
        self,
        policy: Policy,
        clock: Clock,
        add_hours: Callable[[Sequence[Hour]], Awaitable[None]],
        put_traces: Callable[[Sequence[Trace]], Awaitable[None]],
    ) -> None:
        self._clock = clock
        self._add_hours = add_hours
        self._put_traces = put_traces
        self._sums: dict[Key, Sums] = {}
        self._slots: dict[tuple[str, str], _Slot] = {}  # device, probe → the five minutes that run
        self._traces = Traces()
        self._places: dict[tuple[Layout, tuple[int, ...]], _Places] = {}
        self._policy = policy
        self._learn(policy)

    def adopt(self, policy: Policy) -> None:
        """Another site file is in force: what is judged may be something else."""
        self._close(list(self._slots))
        self._traces.end_all()
        self._learn(policy)

    def _learn(self, policy: Policy) -> None:
        words = policy.words.values()
        self._policy = policy
        self._logged = frozenset(word.name for word in words if word.log)
        self._texts = frozenset(word.name for word in words if word.type == "text")
        self._places.clear()

    def observe(self, seen: Observation) -> None:
        """Adds one observation's values."""
        key, at = (seen.device, seen.probe), seen.at.timestamp()
        slot = self._slots.get(key)
        if slot is None or slot.layout is not seen.layout or not slot.start <= at < slot.next:
            slot = self._begin(key, seen, slot, at)
        if seen.failure is not None:
            slot.failed += seen.failure.reason is not Reason.INTERNAL
            return
        given = seen.values
        values = cast("list[float]", [given[place] for place in slot.places.indexes])
        if str not in map(type, values):  # a driver's bug: what is kept are numbers
            slot.add(values)

    async def run(self) -> None:
        """Flushes every five minutes, and once more when it is ended."""
        try:
            while True:
                now = self._clock.now().timestamp()
                await asyncio.sleep(SLOT_S - (now - AFTER) % SLOT_S)
                await self.flush()
        finally:
            await self._flush_last()

    async def _flush_last(self) -> None:
        try:
            async with asyncio.timeout(LAST):
                await self.flush(running=True)
        except TimeoutError:
            log.warning("the last values are lost: the store took over %g s", LAST)

    async def flush(self, *, running: bool = False) -> None:
        """Hands over what has been summed up in five minutes that are over, with `running` also in
        those that are not; keeps it if the store is away."""
        now = self._clock.now().timestamp()
        over = [key for key, slot in self._slots.items() if running or slot.next <= now]
        for start in range(0, len(over), AT_ONCE):
            self._close(over[start : start + AT_ONCE])
            if not running:
                await asyncio.sleep(0)  # polls go on
        await self._hand_over_hours()
        await self._hand_over_traces()

    def traces(self, device: str) -> list[Trace]:
        """What the store does not have yet of a device, the five minutes that run too."""
        found = Traces()
        for key, slot in self._slots.items():
            if key[0] == device and slot.count + slot.failed:
                found.add(key, int(slot.start // SLOT_S), *_numbers(key[1], slot))
        return [*self._traces.of(device), *found.of(device)]

    # --- five minutes ---

    def _begin(
        self, key: tuple[str, str], seen: Observation, old: _Slot | None, at: float
    ) -> _Slot:
        layout = seen.layout if seen.failure is None else old.layout if old else EMPTY_LAYOUT
        start = at // SLOT_S * SLOT_S
        if old is not None:
            if old.start == start and old.layout is layout:
                return old  # a failure says nothing of the layout
            self._close((key,))
        same = old is not None and old.layout is layout
        places = old.places if same and old else self._find(seen, layout)
        slot = self._slots[key] = _Slot(layout, places, start, start + SLOT_S)
        return slot

    def _find(self, seen: Observation, layout: Layout) -> _Places:
        """Numbers and flags that a rule judges on this device, or that are marked `log`."""
        device = self._policy.devices.get(seen.device)
        probe = device.probe(seen.probe) if device else None
        if device is None or probe is None:
            return NOWHERE
        judged = plan_for(self._policy, device, probe, layout).indexes
        known = self._places.get((layout, judged))
        if known is None:
            if len(self._places) > LAYOUTS:
                self._places.clear()
            known = self._places[layout, judged] = self._choose(layout, judged)
        return known

    def _choose(self, layout: Layout, judged: Sequence[int]) -> _Places:
        names = layout.names
        logged = [place for place, name in enumerate(names) if name in self._logged]
        also = [place for place in judged if names[place] not in self._logged | self._texts]
        indexes = (*logged, *also)
        series = tuple((names[place], layout.parts[place]) for place in indexes)
        return _Places(indexes, series, len(logged))

    def _close(self, keys: Sequence[tuple[str, str]]) -> None:
        """Moves what probes brought to where it waits for the next flush."""
        for key in keys:
            slot = self._slots.pop(key)
            if slot.count:
                self._sum_up(key[0], slot)
            if slot.count + slot.failed:
                self._traces.add(key, int(slot.start // SLOT_S), *_numbers(key[1], slot))

    # --- hours ---

    def _sum_up(self, device: str, slot: _Slot) -> None:
        start = slot.start // HOUR * HOUR
        for place in range(slot.places.logged):
            reading, part = slot.places.series[place]
            new = (slot.low[place], slot.high[place], slot.total[place], slot.count)
            self._add((device, part, reading, start), new)

    def _add(self, key: Key, new: Sums) -> None:
        old = self._sums.get(key)
        if old is not None:
            low, high = min(old[0], new[0]), max(old[1], new[1])
            new = (low, high, old[2] + new[2], old[3] + new[3])
        self._sums[key] = new

    async def _hand_over_hours(self) -> None:
        """Whoever is cancelled meanwhile does not know, and keeps what was under way: a mean
        counted twice is the same mean."""
        taken, self._sums = list(self._sums.items()), {}
        for start in range(0, len(taken), HOURS_AT_ONCE):
            some = taken[start : start + HOURS_AT_ONCE]
            try:
                await self._add_hours([_row(key, sums) for key, sums in some])
            except (StoreDown, asyncio.CancelledError) as why:
                for key, sums in taken[start:][-WAITING:]:
                    self._add(key, sums)
                if not isinstance(why, StoreDown):
                    raise
                log.warning("hourly values wait: %s", why)
                return

    async def _hand_over_traces(self) -> None:
        taken = self._traces.take()
        for start in range(0, len(taken), AT_ONCE):
            try:
                await self._put_traces(taken[start : start + AT_ONCE])
            except (StoreDown, asyncio.CancelledError) as why:
                self._traces.give_back(taken[start:])
                if not isinstance(why, StoreDown):
                    raise
                log.warning("five-minute values wait: %s", why)
                return


def _numbers(
    probe: str, slot: _Slot
) -> tuple[tuple[tuple[str, str], ...], tuple[Sequence[float], Sequence[float], Sequence[float]]]:
    """A slot's series and their lowest, highest and mean; the first is whether polls succeeded."""
    polls = slot.count + slot.failed
    series, nothing = slot.places.series, [nan] * len(slot.places.series)
    low = slot.low if slot.count else nothing
    high = slot.high if slot.count else nothing
    mean = [total / slot.count for total in slot.total] if slot.count else nothing
    return ((PROBE_SUCCESS, probe), *series), (
        [float(not slot.failed), *low],
        [float(bool(slot.count)), *high],
        [slot.count / polls, *mean],
    )


def _row(key: Key, sums: Sums) -> Hour:
    device, part, reading, start = key
    low, high, total, count = sums
    at = datetime.fromtimestamp(start, UTC)
    return Hour(device, part, reading, at, float(low), float(high), float(total), count)
