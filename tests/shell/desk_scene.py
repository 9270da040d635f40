"""What the tests of the desk share: a desk at work over the real store, and what it said."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from secmon.adapters.store.sqlite import SqliteStore
from secmon.api import Change, Contact, Delivery, Stored, StoreDown
from secmon.core.model import (
    EMPTY_LAYOUT,
    Action,
    Failure,
    Observation,
    Policy,
    Reason,
    Refusal,
    Ticket,
    Value,
    Verb,
)
from secmon.shell.desk import Desk
from tests.core.world import layout
from tests.shell.told import a_store
from tests.virtual import VirtualClock

FULL = "database or disk is full"


@dataclass
class Disk:
    """The real store on a disk that can be held up or full; writes down what it was given."""

    store: SqliteStore
    full: bool = False
    takes_s: float = 0.0
    free: asyncio.Event = field(default_factory=asyncio.Event)
    tries: int = 0
    at_once: int = 0  # commits under way
    kept: list[Change] = field(default_factory=list)

    async def load(self) -> Stored:
        return await self.store.load()

    async def commit(self, change: Change) -> Change:
        self.tries += 1
        self.at_once += 1
        assert self.at_once == 1, "two commits at once: the second was judged on an old world"
        try:
            if self.takes_s:
                await asyncio.sleep(self.takes_s)
            await self.free.wait()
            if self.full and change.durable:
                raise StoreDown(FULL)
            self.kept.append(await self.store.commit(change))
        finally:
            self.at_once -= 1
        return self.kept[-1]

    async def pending(
        self, now: datetime, limit: int, but: Collection[str] = ()
    ) -> Sequence[Delivery]:
        return await self.store.pending(now, limit, but)

    async def settle(
        self,
        deliveries: Collection[int],
        outcome: str,
        next_at: datetime | None = None,
        why: str = "",
    ) -> None:
        await self.store.settle(deliveries, outcome, next_at, why)

    async def outstanding(self) -> int:
        return await self.store.outstanding()

    async def contacts(self, names: Collection[str]) -> Sequence[Contact]:
        return await self.store.contacts(names)


@dataclass
class Scene:
    """A desk, its disk and its clock; what it asked, said and told."""

    desk: Desk
    disk: Disk
    clock: VirtualClock
    asked: list[frozenset[str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    told: list[tuple[Change, frozenset[str]]] = field(default_factory=list)
    running: asyncio.Task[None] | None = None

    def good(self, device: str, probe: str = "tcp", **brought: Value) -> None:
        """A good poll now: `good("room", temperature_celsius=26.0)`."""
        shape = layout(tuple(brought), ("",) * len(brought))
        now, tick = self.clock.now(), self.clock.tick()
        self.desk.observe(Observation(device, probe, now, tick, shape, list(brought.values())))

    def fails(self, device: str, probe: str = "tcp", reason: Reason = Reason.TIMEOUT) -> None:
        """A failed poll now."""
        failure = Failure(reason, f"expected an answer (got {reason})")
        now, tick = self.clock.now(), self.clock.tick()
        self.desk.observe(Observation(device, probe, now, tick, EMPTY_LAYOUT, (), failure))

    async def polls(self, device: str, seconds: float, **brought: Value) -> None:
        """Good polls from now on, or failed ones where nothing is brought."""
        for _ in range(int(seconds / 30)):
            if brought:
                self.good(device, "tcp", **brought)
            else:
                self.fails(device)
            await asyncio.sleep(30)

    async def act(self, verb: Verb, number: str = "", **said: object) -> Ticket | Refusal:
        """The outcome of a verb on the one open ticket, or on another."""
        subject = number or self.only().number
        action = Action(subject, verb, "wang", self.clock.now(), **said)  # type: ignore[arg-type]
        return await self.desk.act(action)

    def only(self) -> Ticket:
        (ticket,) = self.desk.world.tickets.values()
        return ticket

    async def settled(self) -> None:
        """Until what was given is committed and applied; no time passes."""
        await asyncio.sleep(0.001)


@asynccontextmanager
async def a_desk(
    folder: Path, policy: Policy, *, clock: VirtualClock | None = None, run: bool = True
) -> AsyncIterator[Scene]:
    """A desk over the store in this folder, taken up where the last one stopped, and at work."""
    clock = clock or VirtualClock()
    async with a_store(folder, clock) as store:
        disk = Disk(store)
        disk.free.set()
        asked: list[frozenset[str]] = []
        said: list[str] = []
        told: list[tuple[Change, frozenset[str]]] = []

        def ask(devices: Collection[str]) -> None:
            asked.append(frozenset(devices))

        def heard(change: Change, devices: Collection[str]) -> None:
            told.append((change, frozenset(devices)))

        desk = Desk(disk, policy, clock, ask=ask, store_said=said.append)
        desk.listeners.append(heard)
        scene = Scene(desk, disk, clock, asked, said, told)
        await desk.open(await disk.load())
        if not run:
            yield scene
            return
        async with asyncio.TaskGroup() as tasks:
            scene.running = tasks.create_task(desk.run())
            yield scene
            disk.free.set()
            scene.running.cancel()
