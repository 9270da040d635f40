"""One probe of one device, asked over and over: its turns, its connection, what a poll brought.

A driver that overstays its time is cut off and its connection closed. What it raises itself says
why a poll failed; anything but a ProbeError is our bug, also a TimeoutError of its own.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime
from zlib import crc32

from secmon.api import (
    Batch,
    Clock,
    Connection,
    Layout,
    Probe,
    ProbeError,
    Reading,
    Reason,
    Refused,
    Target,
    Value,
    arrange,
)
from secmon.core.model import Failure, Observation
from secmon.shell.setup import Bus, Hooks, Setup
from secmon.texts.clean import clean

log = logging.getLogger(__name__)

CLOSING = 2.0  # seconds a connection may take to close
DEAD_AFTER = 3  # failed polls in a row, after which a unit leaves turns to the living
TEXT = 500  # characters of a failure's text
LARGEST = 2**64  # a whole number beyond is no count of anything


class Runner:
    """Asks one device by one probe. Its first poll comes within `spread` seconds of its start."""

    __slots__ = (
        "_asked",
        "_bug",
        "_bus",
        "_clock",
        "_deriver",
        "_first",
        "_hooks",
        "_intern",
        "_layout",
        "_offset",
        "_probe",
        "_raw",
        "_refusal",
        "_served",
        "_setup",
        "_shared",
        "_stack",
        "_streak",
        "_turn",
        "_turns",
        "_waiters",
        "deadline",
        "task",
    )

    def __init__(
        self,
        setup: Setup,
        clock: Clock,
        hooks: Hooks,
        *,
        bus: Bus | None,
        shared: object,
        spread: float,
        intern: Callable[[Layout], Layout],
    ) -> None:
        self.task: asyncio.Task[None] | None = None
        self.deadline = math.inf  # tick by which its turn has come, or its poll has ended
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
        self._served: list[asyncio.Future[Observation]] = []  # by the poll under way
        self._asked = False  # the core wants to know
        self._turn: asyncio.Future[None] | None = None
        self._refusal: Failure | None = None  # of the log-in: an account may be locked after a few
        self._bug = ""  # the latest, so that its traceback is logged once
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
            and self._setup.timezone == setup.timezone
        )

    def ask(self) -> None:
        """Somebody needs to know: a poll starts at once, or after the one under way."""
        self._asked = True
        if self._turn is not None:
            _ring(self._turn)

    def poke(self) -> asyncio.Future[Observation]:
        """A person asks: the observation of a poll that starts after this call. Cancelled if this
        probe ends before."""
        waiter: asyncio.Future[Observation] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self.ask()
        return waiter

    async def run(self) -> None:
        """Polls for ever."""
        start = self._clock.tick()
        due = start + self._first
        grid = start + self._offset
        try:
            while not _being_cancelled():  # a driver may have swallowed it
                if not await self._wait(due):
                    late = self._clock.tick() - due
                    self._hooks.late(max(late, 0.0))
                    due = self._next(grid, due, late)
                    if self._yields():
                        self._hooks.skipped(1)
                        continue
                if not self._waiters and self._hooks.paused(self._setup.device):
                    self._asked = False
                    await self._close()
                    continue
                seen = await self._poll()
                for waiter in self._served:
                    if not waiter.done():
                        waiter.set_result(seen)
        finally:
            for waiter in (*self._served, *self._waiters):
                waiter.cancel()
            await self._close()

    # --- turns ---

    async def _wait(self, due: float) -> bool:
        """Until the turn comes (False) or somebody asks (True)."""
        self.deadline = due
        if not self._asked:
            loop = asyncio.get_running_loop()
            turn: asyncio.Future[None] = loop.create_future()
            self._turn = turn
            alarm = loop.call_later(max(due - self._clock.tick(), 0.0), _ring, turn)
            try:
                await turn
            finally:
                alarm.cancel()
                self._turn = None
        return self._asked

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
        return crowded and self._streak >= DEAD_AFTER and self._turns % 2 == 0

    # --- one poll ---

    async def _poll(self) -> Observation:
        if self._bus is None:
            return await self._ask(self._setup.timeout, self._take_waiters())
        self.deadline = math.inf  # whoever has the bus has a deadline
        async with self._bus.lock:
            by_person = self._take_waiters()
            timeout_s = self._setup.timeout if by_person else self._bus.patience(self._setup)
            seen = await self._ask(timeout_s, by_person)
        self._bus.heard(self._setup.device, answered=seen.reached is not False)
        return seen

    def _take_waiters(self) -> bool:
        """Whoever waits now is served by this poll. Is one of them a person?"""
        self._served, self._waiters = self._waiters, []
        self._asked = False
        return bool(self._served)

    async def _ask(self, timeout_s: float, by_person: bool) -> Observation:
        at, begun = self._clock.now(), self._clock.tick()
        self.deadline = begun + timeout_s + CLOSING
        if by_person:
            self._refusal = None
        seen = self._refusal_again(at, begun) or await self._read(at, begun, timeout_s)
        self._hooks.observe(seen, self._clock.tick() - begun)
        if seen.failure is None:
            self._streak, self._bug = 0, ""
        else:
            self._streak += 1
            await self._close()
        return seen

    def _refusal_again(self, at: datetime, begun: float) -> Observation | None:
        if self._refusal is None:
            return None
        text = f"{self._refusal.text}; not asked again until the credentials change"
        return self._failed(at, begun, replace(self._refusal, text=text))

    async def _read(self, at: datetime, begun: float, timeout_s: float) -> Observation:
        """One poll under its deadline, whatever comes of it."""
        deadline = asyncio.timeout(timeout_s)
        try:
            async with deadline:
                if self._probe is None:
                    self._probe = await self._connect()
                return self._good(await self._probe.read(), at, begun)
        except asyncio.CancelledError as error:
            if _being_cancelled():
                raise
            stray = RuntimeError(f"a task or future of the driver's was cancelled: {error}")
            return self._internal(at, begun, stray)
        except Exception as error:
            if _being_cancelled():
                raise asyncio.CancelledError from error
            if deadline.expired():
                text = f"no complete answer within {timeout_s:g} s"
                return self._failed(at, begun, Failure(Reason.TIMEOUT, text))
            if not isinstance(error, ProbeError):
                return self._internal(at, begun, error)
            failure = Failure(error.reason, str(error)[:TEXT], error.cause, error.facts)
            if isinstance(error, Refused) and error.credentials:
                self._refusal = failure
            return self._failed(at, begun, failure)

    def _internal(self, at: datetime, begun: float, bug: Exception) -> Observation:
        text = f"{type(bug).__name__}: {clean(bug)}"
        if text != self._bug:
            setup = self._setup
            where = f"device={setup.device} probe={setup.label}"
            log.error("our bug in a poll %s: %s", where, text, exc_info=bug)
        self._bug = text
        return self._failed(at, begun, Failure(Reason.INTERNAL, text))

    def _failed(self, at: datetime, begun: float, failure: Failure) -> Observation:
        setup, failure = self._setup, replace(failure, text=failure.text[:TEXT])
        return Observation(setup.device, setup.label, at, begun, failure=failure)

    def _good(self, got: Sequence[Reading] | Batch, at: datetime, tick: float) -> Observation:
        facts: Mapping[str, str]
        repeated: Collection[tuple[str, str]]
        if isinstance(got, Batch):
            raw, values, facts, evidence = got.layout, got.values, got.facts, got.evidence
            repeated = got.repeated
        else:
            sound = [reading for reading in got if _is_sound(reading.value)]
            raw, values = arrange(sound, self._raw)
            facts, evidence, repeated = {}, None, ()
        if raw is not self._raw or self._layout is None:
            self._raw, self._layout = raw, self._intern(raw)
        setup = self._setup
        return self._deriver.extend(
            Observation(
                setup.device,
                setup.label,
                at,
                tick,
                self._layout,
                values,
                None,
                facts,
                evidence,
                repeated,
            )
        )

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
            now=self._clock.now,
            timezone=setup.timezone,
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


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _is_sound(value: Value) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, int) or -LARGEST < value < LARGEST
