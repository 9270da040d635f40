"""What the tests of telling share: notices in a real store, and a channel that writes down."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from secmon.adapters.store.sqlite import SqliteStore
from secmon.api import Clock, Contact, Delivery, Store, Stored, StoreDown
from secmon.core.change import Change
from secmon.core.model import Clock as Due
from secmon.core.model import Notice, Op, Rule, Severity, Ticket, TicketState, Word
from secmon.shell.outbox import Outbox
from secmon.texts import Texts
from tests.virtual import START

WARM = Rule(
    "warm",
    "temperature_celsius",
    Op.ABOVE,
    25,
    text={"zh": "机房温度过高", "en": "Machine room too warm"},
)
CELSIUS = Word(
    name="temperature_celsius",
    metric="temperature_celsius",
    labels={},
    unit="°C",
    type="gauge",
    log=True,
    depth=0,
    watched=False,
    feeds=False,
    derive="",
    help={"zh": "温度", "en": "Temperature"},
)


def texts(language: str = "zh") -> Texts:
    """Words for a site with one rule."""
    return Texts(language, "Asia/Shanghai", {CELSIUS.name: CELSIUS}, {WARM.id: WARM})


def ticket(number: int = 1, at: datetime = START) -> Ticket:
    """An open ticket about the machine room."""
    return Ticket(
        id=f"t{number}",
        number="",
        version=1,
        device=f"room-{number}",
        device_name="主机房",
        location="一层",
        system="center",
        rule=WARM.id,
        part="",
        severity=Severity.MAJOR,
        state=TicketState.OPEN,
        opened_at=at,
        detected_at=at,
        due={
            Due.RESPOND: at + timedelta(minutes=30),
            Due.ARRIVE: at + timedelta(hours=4),
            Due.REPAIR: at + timedelta(hours=8),
        },
        reading="temperature_celsius",
        value=27.1,
        limit=25,
    )


def opened(number: int, *channels: str, at: datetime = START) -> Change:
    """A change that opens a ticket and tells these channels."""
    made = ticket(number, at)
    effects = tuple(Notice(channel, made.id, "opened", at) for channel in channels)
    return Change(at=at, tickets={made.id: made}, effects=effects)


async def commit(
    store: Store, count: int, *channels: str, first: int = 1, at: datetime = START
) -> None:
    """Opens `count` tickets, each told to these channels."""
    for number in range(first, first + count):
        await store.commit(opened(number, *channels, at=at))


@asynccontextmanager
async def a_store(folder: Path, clock: Clock) -> AsyncIterator[SqliteStore]:
    """The real store, in the test's folder."""
    store = SqliteStore(folder / "secmon.db", site="lab", timezone="Asia/Shanghai", clock=clock)
    async with store:
        yield store


@asynccontextmanager
async def running(outbox: Outbox) -> AsyncIterator[Outbox]:
    """The outbox at work; stopped at the end as SIGTERM does it."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(outbox.run())
        yield outbox
        task.cancel()


@dataclass
class Flaky:
    """The real store behind a disk that can be full; counts how often it is asked."""

    store: SqliteStore
    reads_down: bool = False
    writes_down: bool = False
    looks: int = 0

    async def load(self) -> Stored:
        return await self.store.load()

    async def commit(self, change: Change) -> Change:
        return await self.store.commit(change)

    async def pending(
        self, now: datetime, limit: int, but: Collection[str] = ()
    ) -> Sequence[Delivery]:
        self.looks += 1
        if self.reads_down:
            raise StoreDown("disk I/O error")
        return await self.store.pending(now, limit, but)

    async def settle(
        self,
        deliveries: Collection[int],
        outcome: str,
        next_at: datetime | None = None,
        why: str = "",
    ) -> None:
        if self.writes_down:
            raise StoreDown("database or disk is full")
        await self.store.settle(deliveries, outcome, next_at, why)

    async def outstanding(self) -> int:
        return await self.store.outstanding()

    async def contacts(self, names: Collection[str]) -> Sequence[Contact]:
        return await self.store.contacts(names)


@dataclass
class Recorder:
    """A channel that does as told: `answers` are raised one per try, then all goes well."""

    clock: Clock
    answers: list[BaseException | None] = field(default_factory=list)
    takes_s: float = 0.0
    tried: list[tuple[float, str]] = field(default_factory=list)  # when (loop time), key
    told: list[tuple[str, str]] = field(default_factory=list)  # key, text
    tickets: list[object] = field(default_factory=list)
    people: list[Sequence[Contact]] = field(default_factory=list)

    async def send(self, delivery: Delivery, text: str) -> None:
        self.tried.append((self.clock.tick(), delivery.key))
        if self.takes_s:
            await asyncio.sleep(self.takes_s)
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        self.told.append((delivery.key, text))
        self.tickets.append(delivery.ticket)
        self.people.append(delivery.people)

    @property
    def keys(self) -> list[str]:
        return [key for key, _ in self.told]

    @property
    def gaps_s(self) -> Sequence[float]:
        """Seconds between tries, rounded."""
        times = [at for at, _ in self.tried]
        return [round(b - a, 2) for a, b in itertools.pairwise(times)]
