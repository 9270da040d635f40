"""The desk: the one place where decide, commit and apply happen, and the only writer.

A batch that changes nothing lasting is applied at once; else it is committed first, and whatever
arrives meanwhile forms the next batch (one fsync for all). While the store is away nothing of the
world moves on: observations wait for the next try, actions are refused.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from secmon.api import Change, Clock, Store, Stored, StoreDown
from secmon.core.decide import adopt, apply, decide, revive, wake
from secmon.core.model import Action, Observation, Policy, Refusal, Ticket
from secmon.core.world import World

log = logging.getLogger(__name__)

INBOX = 50_000  # observations kept while the store is away; the oldest go first
PATIENCE = (1.0, 2.0, 5.0, 10.0)  # seconds between tries to commit

After = Callable[[Change, Collection[str]], None]


@dataclass(slots=True)
class _Given:
    """One input, and who waits for its outcome."""

    given: Observation | Action
    answer: asyncio.Future[Ticket | Refusal] | None = None


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
        self._busy = False
        self._tries = 0
        self._work = asyncio.Event()

    async def open(self, stored: Stored) -> None:
        """Takes up the world as the store has it."""
        now = self._clock.now()
        if stored.committed_at is not None and now < stored.committed_at:
            self.holds_until = stored.committed_at
            log.error(
                "clock is earlier than the last commit: nothing is judged until it has passed"
                " now=%s last_commit=%s",
                now.isoformat(),
                stored.committed_at.isoformat(),
            )
        self.world, change = revive(
            stored.faults,
            stored.tickets,
            stored.facts,
            self.policy,
            now=now,
            tick=self._clock.tick(),
            alive_at=stored.alive_at,
        )
        if change.durable:
            await self._commit([], change)

    # --- the three sources ---

    def observe(self, seen: Observation) -> None:
        """Takes an observation. Never waits: a commit under way makes it part of the next batch."""
        if self._held():
            return
        known = self.world.probes.get((seen.device, seen.probe))
        self._take(_Given(seen))
        if known is None or known.reached is not seen.reached:
            self._tell(Change(at=seen.at), (seen.device,))

    async def act(self, action: Action) -> Ticket | Refusal:
        """The ticket after the action, committed; or why nothing changed. Raises StoreDown."""
        if self._held():
            raise StoreDown(f"the clock is earlier than the last commit at {self.holds_until}")
        if not self.store_up:
            raise StoreDown("the store is away: nothing can be written now")
        answer: asyncio.Future[Ticket | Refusal] = asyncio.get_running_loop().create_future()
        self._take(_Given(action, answer))
        return await answer

    async def run(self) -> None:
        """Commits what was judged, and judges again when time alone matters. Runs for ever."""
        while True:
            await self._sleep()
            self._work.clear()
            if self._held():
                continue
            if not self._busy:
                self._busy = True
                self._judged = self._judge_inbox()
            while self._judged is not None:
                batch, change = self._judged
                await self._carry_out(batch, change)
                self._judged = self._judge_inbox()
            self._busy = False

    async def adopt(self, policy: Policy) -> None:
        """Judges by a new policy from now on. Raises StoreDown, and keeps the old one then."""
        while self._busy:
            if not self.store_up:
                raise StoreDown("the store is away: the new site file can't be taken up now")
            await asyncio.sleep(0.01)
        self._busy = True
        old, self.policy = self.policy, policy
        try:
            await self._commit([], adopt(self.world, policy, self._clock.now()))
        except StoreDown:
            self.policy = old
            raise
        finally:
            self._busy = False
            self._work.set()

    # --- batches ---

    def _held(self) -> bool:
        if self.holds_until is not None and self._clock.now() >= self.holds_until:
            log.warning("clock has passed the last commit: judging goes on")
            self.holds_until = None
        return self.holds_until is not None

    def _take(self, given: _Given) -> None:
        self._inbox.append(given)
        if self._busy:
            if len(self._inbox) > INBOX:
                self._drop_oldest()
            return
        taken, self._inbox = self._inbox, []
        judged = self._judge(taken)
        if judged is not None:
            self._busy = True
            self._judged = judged
            self._work.set()

    def _drop_oldest(self) -> None:
        for place, waiting in enumerate(self._inbox):
            if waiting.answer is None:
                del self._inbox[place]
                return

    def _judge_inbox(self) -> tuple[list[_Given], Change] | None:
        """All that waits; a store that was away is tried even where nothing waits."""
        taken, self._inbox = self._inbox, []
        judged = self._judge(taken)
        if judged is None and not self.store_up:
            return [], Change(at=self._clock.now())
        return judged

    def _judge(self, batch: list[_Given]) -> tuple[list[_Given], Change] | None:
        """Judges a batch; applies it at once if nothing of it lasts."""
        inputs: Sequence[Observation | Action] = [one.given for one in batch]
        change = decide(self.world, inputs, self.policy, self._clock.now())
        for place, what in change.dropped.items():
            self._bug(batch[place], what)
        if change.durable:
            return batch, change
        self._apply(batch, change)
        return None

    def _bug(self, given: _Given, what: str) -> None:
        self.dropped += 1
        log.error("input dropped: it broke the judge (our bug) input=%r bug=%s", given.given, what)
        if given.answer is not None and not given.answer.done():
            given.answer.set_result(Refusal("internal", "this action broke the judge: a bug"))

    async def _carry_out(self, batch: list[_Given], change: Change) -> None:
        """Commits and applies; if the store is away, puts the batch back and waits a little."""
        try:
            await self._commit(batch, change)
        except StoreDown as down:
            self._refuse(batch, down)
            self._inbox = [one for one in batch if one.answer is None] + self._inbox
            await asyncio.sleep(PATIENCE[min(self._tries, len(PATIENCE) - 1)])
            self._tries += 1
        else:
            self._tries = 0

    async def _commit(self, batch: list[_Given], change: Change) -> None:
        try:
            kept = await self._store.commit(change)
        except StoreDown as down:
            if self.store_up:
                self.store_up = False
                log.error("store is away, polling goes on: %s", down)
                self._store_said(str(down))
            raise
        if not self.store_up:
            self.store_up = True
            log.warning("store is back")
            self._store_said("")
        self._apply(batch, kept)

    def _refuse(self, batch: list[_Given], down: StoreDown) -> None:
        for one in batch:
            if one.answer is not None and not one.answer.done():
                one.answer.set_exception(StoreDown(str(down)))

    def _apply(self, batch: list[_Given], change: Change) -> None:
        apply(self.world, change, self.policy.words)
        for place, outcome in change.outcomes.items():
            answer = batch[place].answer
            if answer is not None and not answer.done():
                said = change.tickets[outcome] if isinstance(outcome, str) else outcome
                answer.set_result(said)
        if change.durable:
            self._note(change)
            self._tell(change, {key.device for key in change.faults})
        if change.asks:
            self._ask(change.asks)

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
        """Until there is something to commit, or time alone matters."""
        moment = wake(self.world)
        if self.holds_until is not None:
            moment = self.holds_until
        if moment is None:
            await self._work.wait()
            return
        seconds = max((moment - self._clock.now()).total_seconds(), 0.0)
        try:
            async with asyncio.timeout(seconds + 0.001):
                await self._work.wait()
        except TimeoutError:
            return
