"""Looks at every device once a minute and counts what it saw, for the month's figures."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from secmon.api import Clock, StoreDown
from secmon.core import kpi
from secmon.core.kpi import Look, Watched
from secmon.core.model import Device, Policy
from secmon.core.world import World

log = logging.getLogger(__name__)

EVERY = 60.0  # seconds between two looks
FLUSH = 15  # looks between two writes: what a kill can lose
LAST = 2.0  # seconds that the write at the end may take
AT_ONCE = 500  # devices looked at before others have their turn

Key = tuple[str, str, str]  # device, system, month
View = Callable[[], tuple[World, Policy]]


@dataclass(slots=True)
class _Sums:
    looks: int = 0
    intact: int = 0
    asked: int = 0
    online: int = 0

    def add(self, seen: Look) -> None:
        self.looks += 1
        self.intact += seen.intact
        self.asked += seen.online is not None
        self.online += bool(seen.online)


class Tally:
    """`view` gives the present; `counts` says of a device whether its minutes count now: those of
    planned work do not."""

    def __init__(
        self,
        view: View,
        clock: Clock,
        keep: Callable[[Sequence[Watched]], Awaitable[None]],
        counts: Callable[[Device], bool] = lambda _: True,
    ) -> None:
        self._view = view
        self._clock = clock
        self._keep = keep
        self._counts = counts
        self._sums: dict[Key, _Sums] = {}

    async def run(self) -> None:
        """For ever; what was counted is kept at the end too."""
        looks = 0
        try:
            while True:
                await asyncio.sleep(EVERY)
                await self.look()
                looks += 1
                if looks % FLUSH == 0:
                    await self.flush()
        finally:
            await self._flush_last()

    async def look(self) -> None:
        """One look at every device."""
        world, policy = self._view()
        month = kpi.month_of(self._clock.now(), ZoneInfo(policy.timezone))
        reported = kpi.reported(world)
        for place, device in enumerate(tuple(policy.devices.values()), 1):
            if self._counts(device):
                seen = kpi.look(world, policy, device)
                if device.id in reported:
                    seen = Look(seen.online, False)
                key = (device.id, device.system, month)
                self._sums.setdefault(key, _Sums()).add(seen)
            if place % AT_ONCE == 0:
                await asyncio.sleep(0)

    def counted(self, month: str) -> list[Watched]:
        """What was counted of this month and is not kept yet."""
        return [row for row in _rows(self._sums) if row.month == month]

    async def flush(self) -> None:
        """Hands over what was counted; keeps it if the store is away, or nobody heard its end."""
        taken, self._sums = self._sums, {}
        if not taken:
            return
        try:
            await self._keep(_rows(taken))
        except StoreDown as why:
            for key, sums in taken.items():
                self._take_back(key, sums)
            log.warning("what was counted for the month's figures waits: %s", why)

    def _take_back(self, key: Key, old: _Sums) -> None:
        new = self._sums.setdefault(key, _Sums())
        new.looks += old.looks
        new.intact += old.intact
        new.asked += old.asked
        new.online += old.online

    async def _flush_last(self) -> None:
        try:
            async with asyncio.timeout(LAST):
                await self.flush()
        except TimeoutError:
            log.warning("the last minutes' figures are lost: the store took over %g s", LAST)


def _rows(sums: Mapping[Key, _Sums]) -> list[Watched]:
    return [Watched(*key, s.looks, s.intact, s.asked, s.online) for key, s in sums.items()]
