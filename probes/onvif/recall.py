"""The presets of one camera at one poll: are they offered, and is a walk due, allowed, possible.

Most polls only ask for the list. A walk's results are told again at every poll until the next one
should bring others, marked as repeated, so that nobody takes them for new.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from probes.onvif import ledger as ledgers
from probes.onvif.ledger import TRIES_SPARE, Away, Ledger, Record
from probes.onvif.presets import Presets, Window
from probes.onvif.stops import DONE, DOUBTED, UNFINISHED, Blind, Found, Head, Outcome, Pace, Stop
from probes.onvif.walk import Walk
from probes.wire.onvif_ptz import Preset
from secmon.api import Memory, ProbeError, Reading, Refused, StoreDown, Target

DOUBT_S = 30.0  # a person who holds the head has moved on by then
AGAIN_S = 600.0  # after somebody used the head, or a walk could not be made


@dataclass(slots=True)
class Walking:
    """What is known of a head while the daemon runs. `not_before`: loop time."""

    ledger: Ledger | None = None
    not_before: float = 0.0
    doubts_until: float = 0.0
    denied: bool = False  # this log-in may not look at or move it
    said: str = ""
    offered: Sequence[Preset] | None = None
    offered_body: int | None = None  # hash of the answer that told them
    stops: dict[str, str] = field(default_factory=dict)  # preset → what was found


@dataclass(slots=True)
class Told:
    readings: list[Reading] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    repeated: set[tuple[str, str]] = field(default_factory=set)


class Recall:
    """The presets of one probe. `turn` is held by the one camera of the site whose head moves."""

    def __init__(
        self,
        options: Presets,
        target: Target,
        now: Callable[[], datetime],
        turn: asyncio.Lock,
        pace: Pace,
    ) -> None:
        self._options = options
        self._memory = target.memory
        self._facts = target.facts
        self._now = now
        self._zone = ZoneInfo(target.timezone)
        self._turn = turn
        self._pace = pace

    async def poll(
        self,
        known: Walking,
        offered: Sequence[Preset] | None,
        head: Head | None,
        deadline: float,
    ) -> Told:
        """`offered`: None where that cannot be said. `head`: None where there is none. `deadline`:
        loop time. Raises ProbeError where the device fails."""
        told = Told()
        if offered is not None:
            told.readings += [
                Reading("preset_present", _find(offered, name) is not None, name)
                for name in self._options.plan
            ]
        if self._options.recall and self._options.window is not None:
            returned = await self._recall(known, offered or (), head, deadline)
            if returned is not None:
                told.readings.append(Reading("preset_returned", returned))
            if known.ledger is not None and self._results(told, known.ledger, self._options.window):
                await ledgers.write(self._memory, known.ledger)
            told.facts = {f"preset/{name}": said for name, said in known.stops.items()}
            if known.said:
                told.facts["preset_walk"] = known.said
        return told

    # --- is there something to do? ---

    async def _recall(
        self,
        known: Walking,
        offered: Sequence[Preset],
        head: Head | None,
        deadline: float,
    ) -> bool | None:
        """Is the head where it belongs, as far as we moved it? None: not known."""
        if known.ledger is None:
            try:
                known.ledger = await ledgers.read(self._memory)
            except StoreDown:
                known.said = "not moved: the store is away"
                return None
        ledger = known.ledger
        if self._stranger():
            known.said = "not moved: another device is at this address"
            return ledger.away is None
        if ledger.keep_only(self._options.recall):
            await ledgers.write(self._memory, ledger)
        if head is None or known.denied:
            return ledger.away is None
        if ledger.away is not None and asyncio.get_running_loop().time() < known.doubts_until:
            return False if ledger.away.failed else None
        if ledger.blind:
            await self._see_again(ledger, head)
        if ledger.away is None and not self._due(known, ledger, offered):
            return True
        async with self._my_turn(deadline) as mine:
            if not mine:
                known.said = "waits: too little time, or another camera's head is moving"
                return None if ledger.away is not None else True
            return await self._walk(known, ledger, offered, head, deadline)

    def _stranger(self) -> bool:
        """Did the core find that another device answers here (core/identity.py)? Its head is not
        ours to move."""
        return any(text for name, text in self._facts.items() if name.startswith("found_"))

    def _due(self, known: Walking, ledger: Ledger, offered: Sequence[Preset]) -> list[Stop]:
        """What is to be recalled now; those whose place is known first, since they tell whether
        the head moves at all."""
        window, now = self._options.window, self._now()
        if window is None or not window.holds(now, self._zone, self._pace.walk):
            return []
        if asyncio.get_running_loop().time() < known.not_before or ledger.blind:
            return []
        stops = []
        for name in self._options.recall:
            preset = _find(offered, name)
            record = ledger.of(name).on(now.astimezone(self._zone).date())
            if preset is not None and self._may(record, window, now):
                learned = record.baseline if record.baseline_of == preset.token else None
                stops.append(Stop(name, preset.token, preset.position, learned))
        return sorted(stops, key=lambda stop: stop.told is None and stop.known is None)

    def _may(self, record: Record, window: Window, now: datetime) -> bool:
        if record.times >= self._options.per_day:
            return False
        if record.tries >= self._options.per_day + TRIES_SPARE:
            return False
        last = record.moment if record.times else None
        return last is None or now - last >= window.length / (self._options.per_day + 1)

    @asynccontextmanager
    async def _my_turn(self, deadline: float) -> AsyncIterator[bool]:
        """Waits for it as long as there would be time for a whole walk then."""
        spare = deadline - self._pace.walk - asyncio.get_running_loop().time()
        if spare < 0:
            yield False
            return
        try:
            async with asyncio.timeout(spare):
                await self._turn.acquire()
        except TimeoutError:
            yield False
            return
        try:
            yield True
        finally:
            self._turn.release()

    # --- the walk ---

    async def _walk(
        self,
        known: Walking,
        ledger: Ledger,
        offered: Sequence[Preset],
        head: Head,
        deadline: float,
    ) -> bool | None:
        out, failure = Outcome(told=ledger.told), None
        try:
            await self._go(known, ledger, head, offered=offered, deadline=deadline, out=out)
        except Blind:
            out.said = "the camera does not say where its head stands"
            out.returned = False if ledger.away is not None else None
        except Refused as no:
            out.said, out.denied = str(no), no.credentials
            out.returned = False if ledger.away is not None else None
        except ProbeError as error:
            out.said, failure = "cut off: the device failed", error
        except asyncio.CancelledError:
            self._enter(known, ledger, out)
            raise
        self._enter(known, ledger, out)
        await ledgers.write(self._memory, ledger)
        if failure is not None:
            raise failure
        return True if ledger.away is None and out.returned is None else out.returned

    async def _go(
        self,
        known: Walking,
        ledger: Ledger,
        head: Head,
        *,
        offered: Sequence[Preset],
        deadline: float,
        out: Outcome,
    ) -> None:
        book, node = LedgerBook(ledger, self._memory), await head.node()
        walk = Walk(head, node, book, out, deadline=deadline, pace=self._pace)
        if ledger.away is not None:
            await walk.resume(ledger.away)
        else:
            await walk.run(self._due(known, ledger, offered), offered)

    def _enter(self, known: Walking, ledger: Ledger, out: Outcome) -> None:
        """What came of a walk, also of one that was cut off."""
        known.said, known.denied = out.said, out.denied
        ledger.told, ledger.blind = out.told, out.zero
        if out.under_way is not None:
            record = ledger.of(out.under_way.name)
            record.reached = record.ratio = None
            known.stops[out.under_way.name] = "not known: the walk was cut off there"
        if out.confirmed is not None:
            name, ratio = out.confirmed
            known.stops[name] = "stands elsewhere"
            _count(ledger.of(name), Found(Stop(name, ""), "", False, ratio), self._now())
        for found in out.found:
            known.stops[found.stop.name] = found.said
            _count(ledger.of(found.stop.name), found, self._now())
        now = asyncio.get_running_loop().time()
        if out.said not in (DONE, UNFINISHED):
            known.not_before = now + AGAIN_S
        if out.said == DOUBTED:
            known.doubts_until = now + DOUBT_S

    async def _see_again(self, ledger: Ledger, head: Head) -> None:
        """A camera that knew no position may have learned to."""
        try:
            place = (await head.look()).position
        except Refused:
            return
        if place is not None and not place.zero:
            ledger.told, ledger.blind = True, False
            await ledgers.write(self._memory, ledger)

    # --- what is told of it ---

    def _results(self, told: Told, ledger: Ledger, window: Window) -> bool:
        """What the latest recalls found, new or not. True: something is new."""
        over, news = window.over(self._now(), self._zone), False
        for name in self._options.recall:
            record = ledger.of(name)
            at = record.moment
            if at is None or record.reached is None or window.night(at, self._zone) < over:
                continue
            readings = [
                Reading("preset_reached", record.reached, name),
                Reading("preset_recalled_timestamp_seconds", at.timestamp(), name),
            ]
            if record.ratio is not None:
                readings.append(Reading("preset_deviation_ratio", round(record.ratio, 5), name))
            told.readings += readings
            if not record.fresh:
                told.repeated |= {(one.name, one.part) for one in readings}
            news, record.fresh = news or record.fresh, False
        return news


class LedgerBook:
    """What a walk writes down, in the device's memory."""

    __slots__ = ("_ledger", "_memory")

    def __init__(self, ledger: Ledger, memory: Memory) -> None:
        self._ledger = ledger
        self._memory = memory

    async def leave(self, stop: Stop, away: Away) -> bool:
        before = self._ledger.away
        self._ledger.away = away
        self._ledger.of(stop.name).tries += 1
        if await ledgers.write(self._memory, self._ledger):
            return True
        self._ledger.away = before
        return False

    async def note(self, away: Away | None) -> None:
        self._ledger.away = away
        await ledgers.write(self._memory, self._ledger)


def _count(record: Record, found: Found, at: datetime) -> None:
    record.times += 1
    record.at, record.fresh = at.isoformat(), True
    record.reached, record.ratio = found.reached, found.ratio
    if found.learned is not None:
        record.baseline, record.baseline_of = found.learned, found.stop.token


def _find(offered: Sequence[Preset], name: str) -> Preset | None:
    """By token, else by name."""
    return next(
        (one for one in offered if one.token == name),
        next((one for one in offered if one.name == name), None),
    )
