"""What the tests of polling share: a driver for units that do as told, and a poller at work."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

from secmon.api import Batch, Credentials, Driver, Memory, Options, Probe, Reading, Target
from secmon.app.once import Nothing
from secmon.core.derive import Deriver
from secmon.core.model import Observation
from secmon.shell.poller import Hooks, Poller, Setup
from tests.core.world import WORDS, device
from tests.virtual import VirtualClock

Answer = Sequence[Reading] | Batch
WARM = [Reading("temperature_celsius", 21.5)]


@dataclass
class Unit:
    """A device on the wall. `answers` is called at each poll, with the target; `closes` at each
    close. Written down: loop times of polls, and of connections opened and closed."""

    answers: Callable[[Target], Awaitable[Answer]] | None = None
    closes: Callable[[], Awaitable[None]] | None = None
    asked: list[float] = field(default_factory=list)
    opened: list[float] = field(default_factory=list)
    closed: list[float] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)  # one per connection
    targets: list[Target] = field(default_factory=list)


@dataclass
class _Connected:
    unit: Unit
    target: Target

    async def read(self) -> Answer:
        self.unit.asked.append(asyncio.get_running_loop().time())
        if self.unit.answers is None:
            return WARM
        return await self.unit.answers(self.target)


def driver(units: Mapping[str, Unit], name: str = "test", **more: object) -> Driver:
    """A protocol whose only way to a unit is its device's id."""

    @asynccontextmanager
    async def connect(target: Target, options: Options, profile: object) -> AsyncIterator[Probe]:
        unit = units[target.device]
        now = asyncio.get_running_loop().time
        unit.opened.append(now())
        unit.targets.append(target)
        probe = _Connected(unit, target)
        unit.probes.append(probe)
        try:
            yield probe
        finally:
            unit.closed.append(now())
            if unit.closes is not None:
                await unit.closes()

    return Driver(name, Options, None, connect, **more)  # type: ignore[arg-type]


def setup(
    name: str,
    speaks: Driver,
    *,
    every: float = 10,
    timeout: float = 5,
    bus: str | None = None,
    credentials: Credentials | None = None,
    fingerprint: str = "",
    label: str = "",
) -> Setup:
    return Setup(
        device=name,
        label=label or speaks.name,
        driver=speaks,
        options=Options(),
        profile=None,
        address="192.0.2.1",
        interval=every,
        timeout=timeout,
        credentials=credentials or Credentials(),
        parts={},
        bus=bus,
        fingerprint=fingerprint,
    )


@dataclass
class Round:
    """A poller at work, and what it brought."""

    poller: Poller
    clock: VirtualClock
    seen: list[Observation] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    skipped: int = 0
    task: asyncio.Task[None] | None = None
    facts: dict[str, dict[str, str]] = field(default_factory=dict)
    memory: Memory = field(default_factory=Nothing)

    def observe(self, seen: Observation, took: float) -> None:
        self.seen.append(seen)
        self.took.append(took)

    def skip(self, polls: int) -> None:
        self.skipped += polls

    def reasons(self) -> list[str]:
        """How the polls ended."""
        return [str(one.failure.reason) if one.failure else "good" for one in self.seen]

    def texts(self) -> list[str]:
        return [one.failure.text for one in self.seen if one.failure]


def a_deriver(name: str, label: str, interval: float = 10) -> Deriver:
    return Deriver(device(name), WORDS, ZoneInfo("UTC"), interval)


@asynccontextmanager
async def polling(*setups: Setup, start: bool = True) -> AsyncIterator[Round]:
    """A poller that runs these, in virtual time; cancelled at the end."""
    clock = VirtualClock()
    done = Round(None, clock)  # type: ignore[arg-type]  # the hooks need it first
    hooks = Hooks(
        done.observe,
        a_deriver,
        lambda name: done.facts.setdefault(name, {}),
        lambda _: done.memory,
        done.late.append,
        done.skip,
    )
    done.poller = Poller(clock, hooks)
    async with asyncio.TaskGroup() as tasks:
        done.task = tasks.create_task(done.poller.run())
        if start:
            await done.poller.adopt(setups)
        yield done
        done.task.cancel()


def changed(one: Setup, **what: object) -> Setup:
    return replace(one, **what)  # type: ignore[arg-type]
