"""The outbox: carries committed notices to their channels, in order, until told or given up.

- A row is settled `told` only after its delivery. A crash between the two repeats the notice, under
  the same key.
- Each channel has its own task: one that is away, slow or broken holds up no other.
- Pauses are kept by the loop's clock: a stepped wall clock holds back no notice. After a restart
  whatever waits is tried at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from secmon.api import Clock, Delivery, Notifier, Store, StoreDown, Value
from secmon.core.model import Notice
from secmon.shell.joining import Message, Pace, next_message
from secmon.shell.trying import Trier
from secmon.shell.wording import Links, Wording
from secmon.texts import Texts
from secmon.texts.clean import clean

log = logging.getLogger(__name__)

SEND_S = 30.0  # for one delivery, whatever the notifier does
STOP_S = 10.0  # for the deliveries in hand when the daemon stops
STORE_PAUSES_S = (1.0, 2.0, 5.0, 10.0)
LOOK_S = 60.0  # the store is asked at least as often
ROWS = 2000  # of all channels that may be given some
EVER = datetime.max.replace(tzinfo=UTC)

Count = Callable[[str, str], None]
GaveUp = Callable[[Delivery, str], None]


@dataclass(slots=True, eq=False)
class _Lane:
    """One channel: what it has in hand, and until when it is left alone."""

    channel: str
    trier: Trier
    run: list[Delivery] = field(default_factory=list)  # in order; empty: it may be given more
    given: asyncio.Event = field(default_factory=asyncio.Event)
    rests_until: float = 0.0  # loop time
    failing: bool = False  # said in the log
    anew: bool = True  # nothing was sent since the start
    pace: Pace = field(default_factory=Pace)
    alone: set[int] = field(default_factory=set)  # a message of several was refused: now singly


class Outbox:
    """`run` it; `wake` it after every commit. `texts` is asked at each delivery.

    `count(channel, outcome)`: told, later or never, once per try. `gave_up(delivery, why)`: nobody
    will be told of it through this channel, or not those whom its notice names then. `links` and
    `home`: see Wording. `quiet`: channels that only a test reaches. `send_s` and `stop_s` are
    deadlines in seconds.
    """

    def __init__(
        self,
        store: Store,
        notifiers: Mapping[str, Notifier],
        texts: Callable[[], Texts],
        clock: Clock,
        *,
        count: Count = lambda *_: None,
        gave_up: GaveUp = lambda *_: None,
        links: Links = lambda _: {},
        home: str = "",
        quiet: Collection[str] = (),
        send_s: float = SEND_S,
        stop_s: float = STOP_S,
    ) -> None:
        self._store = store
        wording = Wording(store, texts, links, home)
        self._lanes = {
            channel: _Lane(channel, Trier(channel, notifier, wording, send_s))
            for channel, notifier in notifiers.items()
        }
        self._clock = clock
        self._count = count
        self._gave_up = gave_up
        self._stop_s = stop_s
        self._wake = asyncio.Event()
        self._stopping = False
        self._quiet = quiet

    def wake(self) -> None:
        """There may be something new. Cheap; never waits."""
        self._wake.set()

    async def run(self) -> None:
        """Delivers until it is cancelled; then the deliveries in hand get `stop_s` to end."""
        async with asyncio.TaskGroup() as group:
            lanes = [group.create_task(self._drive(lane)) for lane in self._lanes.values()]
            try:
                await self._feed()
            finally:
                await self._stop(lanes)

    async def say(
        self,
        reason: str,
        facts: Mapping[str, Value],
        channel: str = "",
        people: tuple[str, ...] = (),
    ) -> list[str]:
        """Tells all channels, or one, past the store and at once: `test`, `store_down`, `store_up`.

        Gives what went wrong, one text per channel that could not be told; [] is good.
        """
        at = self._clock.now()
        notice = Notice(channel, "", reason, at, facts, people)
        delivery = Delivery(0, f"{reason}-{at:%Y%m%dT%H%M%S.%fZ}", notice, {}, at)
        heard = {channel} if channel else self._lanes.keys() - set(self._quiet)
        lanes = [lane for lane in self._lanes.values() if lane.channel in heard]
        async with asyncio.TaskGroup() as group:
            told = [group.create_task(self._say(lane, delivery)) for lane in lanes]
        wrong = [task.result() for task in told]
        return [text for text in wrong if text]

    # --- from the store to the lanes ---

    async def _feed(self) -> None:
        down = 0
        while True:
            self._wake.clear()
            try:
                await self._look()
                wait_s, down = self._next_look_s(), 0
            except StoreDown as error:
                if not down:
                    log.warning("outbox cannot read the store: %s", clean(error))
                wait_s = STORE_PAUSES_S[min(down, len(STORE_PAUSES_S) - 1)]
                down += 1
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()

    async def _look(self) -> None:
        """Gives every lane that is idle and rested its rows; rows of no lane are given up."""
        now = asyncio.get_running_loop().time()
        idle = [each for each in self._lanes.values() if not each.run and each.rests_until <= now]
        if self._lanes and not idle:
            return
        busy = self._lanes.keys() - {lane.channel for lane in idle}
        rows = await self._store.pending(EVER, ROWS, busy)
        for lane in idle:
            lane.run += [row for row in rows if row.notice.to == lane.channel]
            if lane.run:
                lane.given.set()
        for row in rows:
            if row.notice.to not in self._lanes:
                why = "this channel is no longer in the site file"
                await self._store.settle([row.id], "never", None, why)
                self._end(row, "never", why)

    def _next_look_s(self) -> float:
        now = asyncio.get_running_loop().time()
        rests = [lane.rests_until - now for lane in self._lanes.values() if not lane.run]
        return min([LOOK_S, *(rest for rest in rests if rest > 0)])

    # --- one lane ---

    async def _drive(self, lane: _Lane) -> None:
        while not self._stopping:
            await lane.given.wait()
            lane.given.clear()
            while lane.run and not self._stopping:
                message = self._next(lane)
                if message.rest_s:
                    lane.rests_until = asyncio.get_running_loop().time() + message.rest_s
                    break
                if not await self._deliver(lane, message):
                    break
            lane.run.clear()
            self.wake()

    def _next(self, lane: _Lane) -> Message:
        return next_message(
            lane.run,
            lane.trier.notifier,
            lane.pace,
            asyncio.get_running_loop().time(),
            now=self._clock.now(),
            after_outage=lane.failing or lane.anew,
            alone=lane.alone,
        )

    async def _deliver(self, lane: _Lane, message: Message) -> bool:
        """One try, and what came of it into the store. True: the next one may go."""
        rows = message.rows
        came = await lane.trier.attempt(rows)
        if came.outcome == "apart":
            log.warning("digest refused, each alone channel=%s why=%r", lane.channel, came.why)
            lane.alone |= {row.id for row in rows}
            return True
        if came.outcome == "later":
            lane.rests_until = asyncio.get_running_loop().time() + came.pause_s
            next_at = self._clock.now() + timedelta(seconds=came.pause_s)
            await self._settle(rows, came.outcome, next_at)
            for _ in rows:
                self._count(lane.channel, came.outcome)
            if not lane.failing:
                key = rows[0].key
                log.warning("notice waits channel=%s key=%s why=%r", lane.channel, key, came.why)
            lane.failing = True
            return False
        await self._settle(rows, came.outcome, None, came.why)
        lane.anew = False
        lane.pace.told(asyncio.get_running_loop().time())
        if lane.failing and came.outcome == "told":
            log.info("channel tells again channel=%s key=%s", lane.channel, rows[0].key)
            lane.failing = False
        for row in rows:
            lane.run.remove(row)
            lane.alone.discard(row.id)
            people = row.notice.people
            missed = [name for name in came.missed if name in people] if people else came.missed
            self._end(row, came.outcome, came.why, missed)
        return True

    async def _settle(
        self, rows: Sequence[Delivery], outcome: str, next_at: datetime | None, why: str = ""
    ) -> None:
        """Until the store has it: what was told must not be told again."""
        ids, down = [row.id for row in rows], 0
        while True:
            try:
                await self._store.settle(ids, outcome, next_at, why)
            except StoreDown:
                await asyncio.sleep(STORE_PAUSES_S[min(down, len(STORE_PAUSES_S) - 1)])
                down += 1
            else:
                return

    def _end(self, row: Delivery, outcome: str, why: str, missed: Sequence[str] = ()) -> None:
        channel = row.notice.to
        self._count(channel, outcome)
        if outcome == "never":
            log.error("notice given up channel=%s key=%s why=%r", channel, row.key, why)
            self._gave_up(row, why)
        elif missed:
            who = ", ".join(missed)
            log.error("not told channel=%s key=%s who=%r why=%r", channel, row.key, who, why)
            self._gave_up(replace(row, notice=replace(row.notice, people=tuple(missed))), why)

    async def _say(self, lane: _Lane, delivery: Delivery) -> str:
        """One try past the store. What went wrong, or nothing."""
        notice = replace(delivery.notice, to=lane.channel)
        came = await lane.trier.attempt([replace(delivery, notice=notice)])
        self._count(lane.channel, came.outcome)
        if came.outcome == "told" and not came.missed:
            return ""
        log.warning("not told channel=%s reason=%s why=%r", lane.channel, notice.reason, came.why)
        return f"{lane.channel}: {came.why}"

    # --- the end ---

    async def _stop(self, lanes: Sequence[asyncio.Task[None]]) -> None:
        """Lanes with a delivery in hand may end it; the others end at once."""
        self._stopping = True
        busy = [
            task
            for task, lane in zip(lanes, self._lanes.values(), strict=True)
            if lane.run and not task.done()
        ]
        for task in lanes:
            if task not in busy:
                task.cancel()
        if busy:
            await asyncio.wait(busy, timeout=self._stop_s)
        for task in busy:
            task.cancel()
