"""When each probe is asked, for how long, on which bus: polls become observations here.

A poll is due at start + n·interval, offset by a hash of device and probe: no drift, no thundering
herd, the same after a restart. A turn that was missed is counted, not made up. Devices with one
bus key are asked one at a time; a dead unit there gets less time and fewer turns than the living.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from secmon.api import (
    Batch,
    Clock,
    Connection,
    Credentials,
    Driver,
    Layout,
    Memory,
    Options,
    Part,
    Probe,
    ProbeError,
    Reading,
    Reason,
    Refused,
    Target,
    Value,
    arrange,
)
from secmon.core.derive import Deriver
from secmon.core.model import Failure, Observation

log = logging.getLogger(__name__)

FIRST_SPREAD = 0.01  # seconds per probe over which the first polls after a start are spread
CLOSING = 2.0  # seconds a connection may take to close
DEAD_SHARE = 0.5  # the dead units of a bus get at most this share of its time
DEAD_FLOOR = 0.3  # seconds that even a dead unit is given to answer
LAYOUTS = 50_000


@dataclass(frozen=True, slots=True)
class Setup:
    """One probe of one device, ready to run. `fingerprint` changes when anything about it does."""

    device: str
    label: str
    driver: Driver[Any, Any]
    options: Options
    profile: Options | None
    address: str
    interval: float
    timeout: float
    credentials: Credentials
    parts: Mapping[str, Part]
    bus: str | None
    fingerprint: str


@dataclass(slots=True)
class Hooks:
    """What the poller needs of the rest of the house."""

    observe: Callable[[Observation, float], None]  # an observation, and how long it took
    deriver: Callable[[str, str], Deriver]
    facts: Callable[[str], Mapping[str, str]]  # live view of a device's facts
    memory: Callable[[str], Memory]
    late: Callable[[float], None] = lambda _: None
    skipped: Callable[[int], None] = lambda _: None


@dataclass(slots=True)
class _Bus:
    """Devices that share one line. `units` is how many, `dead` which of them did not answer."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    units: set[str] = field(default_factory=set)
    dead: set[str] = field(default_factory=set)


class Poller:
    """Runs a task per probe; takes new set-ups while it runs, and leaves untouched ones alone."""

    def __init__(self, clock: Clock, hooks: Hooks) -> None:
        self._clock = clock
        self._hooks = hooks
        self._runners: dict[tuple[str, str], _Runner] = {}
        self._of_device: dict[str, list[_Runner]] = {}
        self._buses: dict[str, _Bus] = {}
        self._shared: dict[str, object] = {}
        self._wanted: deque[tuple[Sequence[Setup], asyncio.Future[None]]] = deque()
        self._news = asyncio.Event()
        self._layouts: dict[tuple[tuple[str, ...], tuple[str, ...]], Layout] = {}

    async def adopt(self, setups: Sequence[Setup]) -> None:
        """Starts what is new, stops what is gone or changed, leaves the rest running."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wanted.append((setups, done))
        self._news.set()
        await done

    async def poll(self, device: str) -> list[Observation]:
        """Polls every probe of a device now, through the bus locks."""
        runners = self._of_device.get(device, [])
        waiting = [runner.poke(by_person=True) for runner in runners]
        return [await one for one in waiting]

    def ask(self, devices: Collection[str]) -> None:
        """Asks devices at once, without waiting for what they say."""
        for device in devices:
            for runner in self._of_device.get(device, ()):
                runner.poke()

    async def run(self) -> None:
        """Polls until cancelled. What drivers share is opened here and closed here."""
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
            while True:
                while self._wanted:
                    setups, done = self._wanted.popleft()
                    await self._swap(stack, tasks, setups)
                    done.set_result(None)
                self._news.clear()
                await self._news.wait()

    async def _swap(
        self, stack: AsyncExitStack, tasks: asyncio.TaskGroup, setups: Sequence[Setup]
    ) -> None:
        wanted = {(setup.device, setup.label): setup for setup in setups}
        for key, runner in list(self._runners.items()):
            setup = wanted.get(key)
            if setup is None or not runner.same(setup):
                await runner.stop()
                del self._runners[key]
        self._of_device = {}
        for bus in self._buses.values():
            bus.units.clear()
        for key, setup in wanted.items():
            if setup.bus is not None:
                self._buses.setdefault(setup.bus, _Bus()).units.add(setup.device)
            if key not in self._runners:
                runner = await self._new(stack, setup, len(wanted))
                self._runners[key] = runner
                runner.task = tasks.create_task(runner.run(), name=f"{setup.device}/{setup.label}")
            self._of_device.setdefault(setup.device, []).append(self._runners[key])

    async def _new(self, stack: AsyncExitStack, setup: Setup, count: int) -> _Runner:
        driver = setup.driver
        if driver.shared is not None and driver.name not in self._shared:
            self._shared[driver.name] = await stack.enter_async_context(driver.shared())
        bus = self._buses.get(setup.bus) if setup.bus is not None else None
        return _Runner(
            setup,
            self._clock,
            self._hooks,
            bus=bus,
            shared=self._shared.get(driver.name),
            spread=count * FIRST_SPREAD,
            intern=self._intern,
        )

    def _intern(self, layout: Layout) -> Layout:
        """One object for equal layouts: a thousand sensors of one model share theirs."""
        if len(self._layouts) > LAYOUTS:
            self._layouts.clear()
        return self._layouts.setdefault((layout.names, layout.parts), layout)


class _Runner:
    """Asks one device by one probe, over and over."""

    def __init__(
        self,
        setup: Setup,
        clock: Clock,
        hooks: Hooks,
        *,
        bus: _Bus | None,
        shared: object,
        spread: float,
        intern: Callable[[Layout], Layout],
    ) -> None:
        self.task: asyncio.Task[None] | None = None
        self._setup = setup
        self._clock = clock
        self._hooks = hooks
        self._bus = bus
        self._shared = shared
        self._intern = intern
        self._deriver = hooks.deriver(setup.device, setup.label)
        self._stack: AsyncExitStack | None = None
        self._probe: Probe | None = None
        self._raw: Layout | None = None  # the driver's own layout, and what stands for it here
        self._layout: Layout | None = None
        self._waiters: list[asyncio.Future[Observation]] = []
        self._turn: asyncio.Future[None] | None = None
        self._refusal: Refused | None = None
        self._streak = 0  # failed polls in a row
        self._turns = 0
        share = crc32(f"{setup.device}/{setup.label}".encode()) / 2**32
        self._offset = share * setup.interval
        self._first = share * min(setup.interval, spread)

    def same(self, setup: Setup) -> bool:
        """Is this still the same probe, so that it may keep its connection?"""
        return (
            self._setup.fingerprint == setup.fingerprint
            and self._setup.credentials == setup.credentials
        )

    def poke(self, *, by_person: bool = False) -> Awaitable[Observation]:
        """The observation of a poll that starts after this call."""
        if by_person:
            self._refusal = None
        waiter: asyncio.Future[Observation] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        if self._turn is not None and not self._turn.done():
            self._turn.set_result(None)
        return waiter

    async def stop(self) -> None:
        """Ends the task and closes the connection."""
        if self.task is not None:
            self.task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait((self.task,))
        for waiter in self._waiters:
            waiter.cancel()

    async def run(self) -> None:
        """Polls for ever."""
        start = self._clock.tick()
        due = start + self._first
        grid = start + self._offset
        try:
            while True:
                asked = await self._wait(due)
                if not asked:
                    late = self._clock.tick() - due
                    self._hooks.late(max(late, 0.0))
                    due = self._next(grid, due, late)
                    if self._yields():
                        self._hooks.skipped(1)
                        continue
                waiters, self._waiters = self._waiters, []
                seen = await self._poll()
                for waiter in waiters:
                    if not waiter.done():
                        waiter.set_result(seen)
        finally:
            await self._close()

    async def _wait(self, due: float) -> bool:
        """Until the turn comes (False) or somebody asks (True)."""
        if self._waiters:
            return True
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._turn = turn
        alarm = loop.call_later(max(due - self._clock.tick(), 0.0), _ring, turn)
        try:
            await turn
        finally:
            alarm.cancel()
            self._turn = None
        return bool(self._waiters)

    def _next(self, grid: float, due: float, late: float) -> float:
        """The next moment on the grid; missed ones are counted."""
        interval = self._setup.interval
        if late > interval:
            missed = int(late / interval)
            self._hooks.skipped(missed)
            due += missed * interval
        turns = math.floor((due - grid) / interval + 1e-9) + 1
        following = grid + turns * interval
        return following if following > due else following + interval

    def _yields(self) -> bool:
        """A dead unit on a shared bus leaves every other turn to the living."""
        self._turns += 1
        crowded = self._bus is not None and len(self._bus.units) > 1
        return crowded and self._streak >= 3 and self._turns % 2 == 0

    # --- one poll ---

    async def _poll(self) -> Observation:
        if self._bus is None:
            return await self._ask(self._setup.timeout)
        async with self._bus.lock:
            seen = await self._ask(self._patience(self._bus))
        failed = seen.failure is not None and not seen.reached
        (self._bus.dead.add if failed else self._bus.dead.discard)(self._setup.device)
        return seen

    def _patience(self, bus: _Bus) -> float:
        """All dead units of a bus together may use up only a share of its time."""
        if self._setup.device not in bus.dead or len(bus.units) < 2:
            return self._setup.timeout
        share = DEAD_SHARE * self._setup.interval / len(bus.dead)
        return min(self._setup.timeout, max(share, DEAD_FLOOR))

    async def _ask(self, timeout_s: float) -> Observation:
        begun = self._clock.tick()
        at = self._clock.now()
        failure: Failure | None = None
        got: Sequence[Reading] | Batch = ()
        try:
            async with asyncio.timeout(timeout_s):
                if self._refusal is not None:
                    raise self._refusal
                if self._probe is None:
                    self._probe = await self._connect()
                got = await self._probe.read()
                seen = self._good(got, at, begun)
        except TimeoutError:
            failure = Failure(Reason.TIMEOUT, f"no complete answer within {timeout_s:g} s")
        except ProbeError as error:
            failure = self._refused_or_not(error)
        except Exception as bug:
            failure = Failure(Reason.INTERNAL, f"{type(bug).__name__}: {bug}")
            log.exception("our bug in a poll device=%s", self._setup.device)
        if failure is not None:
            seen = self._observation(at, begun, failure=failure)
            await self._close()
        self._streak = 0 if failure is None else self._streak + 1
        self._hooks.observe(seen, self._clock.tick() - begun)
        return seen

    def _refused_or_not(self, error: ProbeError) -> Failure:
        if isinstance(error, Refused) and error.credentials and self._refusal is None:
            self._refusal = Refused(
                f"{error}; not asked again until the credentials change", credentials=True
            )
        return Failure(error.reason, str(error)[:500])

    def _good(self, got: Sequence[Reading] | Batch, at: Any, tick: float) -> Observation:
        if isinstance(got, Batch):
            raw, values, facts, evidence = got.layout, got.values, got.facts, got.evidence
        else:
            raw, values = arrange(reading for reading in got if _finite(reading.value))
            facts, evidence = {}, None
        if raw is not self._raw or self._layout is None:
            self._raw, self._layout = raw, self._intern(raw)
        return self._deriver.extend(
            Observation(
                self._setup.device,
                self._setup.label,
                at,
                tick,
                self._layout,
                values,
                None,
                facts,
                evidence,
            )
        )

    def _observation(self, at: Any, tick: float, *, failure: Failure) -> Observation:
        return Observation(self._setup.device, self._setup.label, at, tick, failure=failure)

    # --- the connection ---

    async def _connect(self) -> Probe:
        setup = self._setup
        target = Target(
            device=setup.device,
            address=setup.address,
            timeout=setup.timeout,
            interval=setup.interval,
            credentials=setup.credentials,
            parts=setup.parts,
            facts=self._hooks.facts(setup.device),
            memory=self._hooks.memory(setup.device),
            shared=self._shared,
        )
        stack = AsyncExitStack()
        self._stack = stack
        connection: Connection = setup.driver.connect(target, setup.options, setup.profile)
        return await stack.enter_async_context(connection)

    async def _close(self) -> None:
        stack, self._stack, self._probe = self._stack, None, None
        if stack is None:
            return
        try:
            async with asyncio.timeout(CLOSING):
                await stack.aclose()
        except (TimeoutError, ProbeError, OSError):
            return
        except Exception:
            log.exception("our bug while closing a connection device=%s", self._setup.device)


def _ring(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)


def _finite(value: Value) -> bool:
    return not isinstance(value, float) or math.isfinite(value)
