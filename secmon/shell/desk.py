"""The desk: the one place where decide, commit and apply happen, and the only writer.

A batch that changes nothing lasting is applied at once; else it is committed first, and whatever
arrives meanwhile forms the next batch (one fsync for all). While the store is away nothing of the
world moves on: observations wait for the next try, actions are refused. `run` alone commits.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from secmon.api import Change, Clock, Store, Stored, StoreDown
from secmon.core.decide import Input, adopt, apply, decide, revive, wake
from secmon.core.draft import OURSELVES
from secmon.core.model import Action, Entry, Notice, Observation, Policy, Refusal, Ticket
from secmon.core.wishes import Undelivered, Wish
from secmon.core.world import World

log = logging.getLogger(__name__)

INBOX = 50_000  # observations kept while the store is away; the oldest go first
BATCH = 2_000  # inputs judged in one go: 60 ms at most in which nothing else happens
PATIENCE = (1.0, 2.0, 5.0, 10.0)  # seconds between tries to commit
LOOK = 60.0  # seconds after which the clock is looked at again: it may have been set
LOOK_HELD = 1.0  # … while it is earlier than the last commit

After = Callable[[Change, Collection[str]], None]


@dataclass(slots=True)
class _Given:
    """One input, and who waits for its outcome."""

    given: Input
    answer: asyncio.Future[Any] | None = None


class Desk:
    """Owns the World. `after` is told of every lasting change and of devices that came or went."""

    def __init__(
        self,
        store: Store,
        policy: Policy,
        clock: Clock,
        *,
        ask: Callable[[Collection[str]], None] = lambda _: None,
        store_said: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.policy = policy
        self.world = World()
        self.store_up = True
        self.dropped = 0  # inputs that broke the judge: our bugs
        self.holds_until: datetime | None = None
        self.listeners: list[After] = []
        self._store = store
        self._clock = clock
        self._ask = ask
        self._store_said = store_said
        self._inbox: list[_Given] = []
        self._judged: tuple[list[_Given], Change] | None = None
        self._committing: list[_Given] = []
        self._plans: deque[tuple[Policy, asyncio.Future[None]]] = deque()  # to be adopted
        self._busy = False
        self._moved = clock.tick()  # when it became busy, or ended a batch
        self._at_store = False  # waiting for it
        self._ended = False
        self._down: tuple[datetime, str] | None = None  # since when the store is away, and why
        self._tries = 0
        self._full = False  # said in the log
        self._tried = asyncio.Event()  # pulses after every batch, kept or not
        self._work = asyncio.Event()

    async def open(self, stored: Stored) -> None:
        """Takes up the world as the store has it."""
        now, alive_at = self._clock.now(), stored.alive_at
        if stored.committed_at is not None and now < stored.committed_at:
            self.holds_until = stored.committed_at
            log.error(
                "clock is earlier than the last commit: nothing is judged until it has passed"
                " now=%s last_commit=%s",
                now.isoformat(),
                stored.committed_at.isoformat(),
            )
            now, alive_at = stored.committed_at, None  # how long we were away, nobody knows
        self.world, change = revive(
            stored.faults,
            stored.tickets,
            stored.facts,
            self.policy,
            now=now,
            tick=self._clock.tick(),
            alive_at=alive_at,
            pages=stored.pages,
        )
        self._apply([], await self._keep(change) if change.durable else change)

    # --- the three sources ---

    def observe(self, seen: Observation) -> None:
        """Takes an observation. Never waits: a commit under way makes it part of the next batch."""
        if not self._held():
            self._take(_Given(seen))

    async def act(self, action: Action) -> Ticket | Refusal:
        """The ticket after the action, committed; or why nothing changed. Raises StoreDown."""
        self._may_write()
        answer: asyncio.Future[Ticket | Refusal] = asyncio.get_running_loop().create_future()
        self._take(_Given(action, answer))
        return await answer

    async def ask(self, wish: Wish) -> str | Refusal:
        """The id of what the wish changed in the duty book, committed; or why nothing changed.
        Raises StoreDown."""
        self._may_write()
        answer: asyncio.Future[str | Refusal] = asyncio.get_running_loop().create_future()
        self._take(_Given(wish, answer))
        return await answer

    def undelivered(self, notice: Notice, why: str) -> None:
        """A channel gave up on this notice. Never waits."""
        if not self._held() and not self._ended:
            self._take(_Given(Undelivered(notice, why, self._clock.now())))

    async def adopt(self, policy: Policy) -> None:
        """Judges by a new policy from now on. Raises StoreDown, and keeps the old one then."""
        self._may_write()
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._plans.append((policy, done))
        self._work.set()
        await done

    async def caught_up(self) -> None:
        """Until all that was observed before is in the world; at once where the store is away."""
        for _ in range(2):  # the commit under way, and the one that takes what now waits
            if self._busy and self.store_up and not self._ended:
                await self._tried.wait()

    def stuck(self, grace_s: float) -> str:
        """Has what waits been waiting for over `grace_s` seconds, and not for the store?"""
        waited_s = self._clock.tick() - self._moved
        if not self._busy or self._at_store or not self.store_up or waited_s <= grace_s:
            return ""
        return f"the desk has judged nothing for {waited_s:.0f} s, though something waits"

    async def run(self) -> None:
        """Commits what was judged, and judges again when time alone matters. Runs for ever."""
        try:
            while True:
                await self._sleep()
                self._work.clear()
                if not self._held():
                    await self._work_off()
        finally:
            self._ended = True
            self._refuse("the daemon is stopping")
            self._pulse()

    async def _work_off(self) -> None:
        """Until nothing waits any more. A new policy comes between two batches."""
        self._busy = True
        judged, self._judged = self._judged or self._judge_inbox(), None
        while judged or self._plans or self._inbox or not self.store_up:
            if judged:
                await self._carry_out(*judged)
            if self._plans:
                await self._take_up(*self._plans.popleft())
            if not judged:
                await asyncio.sleep(0)
            judged = self._judge_inbox()
        self._busy = False
        self._pulse()

    async def _take_up(self, policy: Policy, done: asyncio.Future[None]) -> None:
        if done.done():  # whoever wanted it has gone
            return
        old = self.policy
        try:
            kept = await self._keep(adopt(self.world, policy, self._clock.now()))
        except StoreDown as down:
            _fail(done, str(down))
            return
        self.policy = policy
        self._apply([], kept)
        came_or_went = old.devices.keys() ^ policy.devices.keys()
        if came_or_went:
            self._tell(Change(at=kept.at), came_or_went)
        if not done.done():
            done.set_result(None)

    # --- batches ---

    def _may_write(self) -> None:
        if self._ended:
            raise StoreDown("the daemon is stopping")
        if self._held():
            raise StoreDown(f"the clock is earlier than the last commit at {self.holds_until}")
        if not self.store_up:
            raise StoreDown("the store is away: nothing can be written now")

    def _held(self) -> bool:
        if self.holds_until is not None and self._clock.now() >= self.holds_until:
            log.warning("clock has passed the last commit: judging goes on")
            self.holds_until = None
        return self.holds_until is not None

    def _take(self, given: _Given) -> None:
        if self._busy:
            self._inbox.append(given)
            if len(self._inbox) > INBOX:
                self._drop_oldest()
            return
        judged = self._judge([given])
        if judged is not None:
            self._busy = True
            self._moved = self._clock.tick()
            self._judged = judged
            self._work.set()

    def _drop_oldest(self) -> None:
        if not self._full:
            log.error("the inbox is full: the oldest observations are dropped inputs=%d", INBOX)
            self._full = True
        for place, waiting in enumerate(self._inbox):
            if waiting.answer is None:
                del self._inbox[place]
                return

    def _judge_inbox(self) -> tuple[list[_Given], Change] | None:
        """The oldest of what waits. A store that was away is tried even where nothing lasts, by
        the journal's line that says so."""
        taken, self._inbox = self._inbox[:BATCH], self._inbox[BATCH:]
        judged = self._judge(taken)
        if self._down is None:
            return judged
        since, why = self._down
        batch, change = judged or ([], Change(at=self._clock.now()))
        words = f"nothing could be kept since {since.isoformat(timespec='seconds')}: {why}"
        line = Entry(change.at, OURSELVES, "store back", words, OURSELVES)
        return batch, replace(change, entries=(*change.entries, line))

    def _judge(self, batch: list[_Given]) -> tuple[list[_Given], Change] | None:
        """Judges a batch; applies it at once if nothing of it lasts."""
        inputs: Sequence[Input] = [one.given for one in batch]
        change = decide(self.world, inputs, self.policy, self._clock.now())
        for place, what in change.dropped.items():
            self._bug(batch[place], what)
        if change.durable:
            return batch, change
        self._apply(batch, change)
        return None

    def _bug(self, given: _Given, what: str) -> None:
        self.dropped += 1
        log.error(
            "input dropped: it broke the judge (our bug) %s bug=%s", _named(given.given), what
        )
        if given.answer is not None and not given.answer.done():
            given.answer.set_result(Refusal("internal", "this action broke the judge: a bug"))

    async def _carry_out(self, batch: list[_Given], change: Change) -> None:
        """Commits and applies; if the store is away, puts the batch back and waits a little."""
        self._committing = batch
        try:
            kept = await self._keep(change)
        except StoreDown as down:
            self._refuse(str(down))
            seen = [one for one in self._committing if one.answer is None]
            self._committing, self._inbox = [], seen + self._inbox
            self._pulse()
            await asyncio.sleep(PATIENCE[min(self._tries, len(PATIENCE) - 1)])
            self._tries += 1
        else:
            self._committing, self._tries, self._full = [], 0, False
            self._apply(batch, kept)
            self._pulse()

    async def _keep(self, change: Change) -> Change:
        """The change as the store has it. Raises StoreDown; says so once, and once when it is
        back."""
        self._at_store = True
        try:
            kept = await self._store.commit(change)
        except StoreDown as down:
            if self.store_up:
                self.store_up = False
                self._down = self._clock.now(), str(down)
                log.error("store is away, polling goes on: %s", down)
                self._store_said(str(down))
            raise
        finally:
            self._at_store, self._moved = False, self._clock.tick()
        if not self.store_up:
            self.store_up = True
            self._down = None
            log.warning("store is back")
            self._store_said("")
        return kept

    def _pulse(self) -> None:
        self._moved = self._clock.tick()
        self._tried.set()
        self._tried.clear()

    def _refuse(self, why: str) -> None:
        """Every action and new policy that waits; observations wait on."""
        for one in (*self._committing, *self._inbox):
            if one.answer is not None:
                _fail(one.answer, why)
        self._inbox = [one for one in self._inbox if one.answer is None]
        while self._plans:
            _fail(self._plans.popleft()[1], why)

    def _apply(self, batch: list[_Given], change: Change) -> None:
        turned = self._turned(change)
        apply(self.world, change, self.policy.words)
        for place, outcome in change.outcomes.items():
            answer = batch[place].answer
            if answer is not None and not answer.done():
                if isinstance(batch[place].given, Action) and isinstance(outcome, str):
                    answer.set_result(change.tickets[outcome])
                else:
                    answer.set_result(outcome)
        if change.durable:
            self._note(change)
            turned.update(key.device for key in change.faults)
            self._tell(change, turned)
        elif turned:
            self._tell(change, turned)
        if change.asks:
            self._ask(change.asks)

    def _turned(self, change: Change) -> set[str]:
        """Devices that came, went or were asked for the first time."""
        before = self.world.probes
        return {
            key[0]
            for key, state in change.probes.items()
            if (known := before.get(key)) is None or known.reached is not state.reached
        }

    def _tell(self, change: Change, devices: Collection[str]) -> None:
        for listener in self.listeners:
            listener(change, devices)

    def _note(self, change: Change) -> None:
        """One line per change of state."""
        for entry in change.entries:
            ticket = change.tickets.get(entry.subject) or self.world.tickets.get(entry.subject)
            log.info(
                "%s ticket=%s device=%s rule=%s why=%r by=%s",
                entry.what,
                ticket.number if ticket else "-",
                ticket.device if ticket else entry.subject,
                ticket.rule if ticket else "-",
                entry.why,
                entry.by,
            )

    async def _sleep(self) -> None:
        """Until there is something to commit, or time alone matters. The clock may be set, so no
        moment is waited for in one piece."""
        moment, seconds = wake(self.world), LOOK
        if self.holds_until is not None:
            moment, seconds = self.holds_until, LOOK_HELD
        if moment is not None:
            left = (moment - self._clock.now()).total_seconds()
            seconds = min(max(left, 0.0) + 0.001, seconds)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._work.wait()


def _fail(answer: asyncio.Future[Any], why: str) -> None:
    if not answer.done():
        answer.set_exception(StoreDown(why))


def _named(given: Input) -> str:
    """Whose input it was; not what it says."""
    if isinstance(given, Observation):
        return f"device={given.device} probe={given.probe}"
    if isinstance(given, Action):
        return f"subject={given.subject} verb={given.verb} by={given.by}"
    return f"wish={type(given).__name__} by={given.by}"
