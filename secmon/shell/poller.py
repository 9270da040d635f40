"""When each probe is asked, for how long, on which bus: polls become observations here.

A poll is due at start + n·interval, offset by a hash of device and probe: no drift, no thundering
herd, the same after a restart. A turn that was missed is counted, not made up. Devices with one
bus key are asked one at a time; a dead unit there gets less time and fewer turns than the living.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack

from secmon.api import Clock, Layout
from secmon.core.model import Observation
from secmon.shell.runner import CLOSING, Runner
from secmon.shell.setup import Bus, Hooks, Setup

__all__ = ["Hooks", "Poller", "Setup"]

FIRST_SPREAD = 0.01  # seconds per probe over which the first polls after a start are spread
LAYOUTS = 10_000

Key = tuple[str, str]  # device, probe label


class Poller:
    """Runs a task per probe; takes new set-ups while it runs, and leaves untouched ones alone."""

    def __init__(self, clock: Clock, hooks: Hooks) -> None:
        self._clock = clock
        self._hooks = hooks
        self._runners: dict[Key, Runner] = {}
        self._of_device: dict[str, list[Runner]] = {}
        self._buses: dict[str, Bus] = {}
        self._shared: dict[str, object] = {}
        self._wanted: deque[tuple[Sequence[Setup], asyncio.Future[None]]] = deque()
        self._news = asyncio.Event()
        self._ended = False
        self._deadline = math.inf  # tick by which the set-ups that are being taken up are
        self._layouts: dict[tuple[tuple[str, ...], tuple[str, ...]], Layout] = {}

    async def adopt(self, setups: Sequence[Setup]) -> None:
        """Starts what is new, stops what is gone or changed, leaves the rest running."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wanted.append((setups, done))
        self._news.set()
        await done

    async def poll(self, device: str) -> list[Observation]:
        """Polls every probe of a device now, through the bus locks. A probe that a new site file
        takes away meanwhile says nothing; whoever still waits when the poller ends is cancelled."""
        runners = () if self._ended else self._of_device.get(device, ())
        waiting = [runner.poke() for runner in runners]
        if waiting:
            await asyncio.wait(waiting)
        if self._ended:
            raise asyncio.CancelledError("the poller has ended")
        return [one.result() for one in waiting if not one.cancelled()]

    def ask(self, devices: Collection[str]) -> None:
        """Asks devices at once, without waiting for what they say."""
        for device in devices:
            for runner in self._of_device.get(device, ()):
                runner.ask()

    def stuck(self, grace_s: float) -> str:
        """The probe that is furthest past its deadline by over `grace_s` seconds: its turn did not
        come, or its poll overstays its time and cannot be cut off. Nothing where all goes on."""
        oldest = self._clock.tick() - grace_s
        if self._deadline < oldest:
            return "a probe that was taken away does not end"
        (device, label), runner = min(
            self._runners.items(), key=lambda one: one[1].deadline, default=(("", ""), None)
        )
        if runner is None or runner.deadline >= oldest:
            return ""
        late_s = self._clock.tick() - runner.deadline
        return f"probe {label} of {device} is {late_s:.0f} s past its time"

    async def run(self) -> None:
        """Polls until cancelled. What drivers share is opened here and closed here."""
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
            try:
                await self._take_up_all(stack, tasks)
            finally:
                self._ended = True

    async def _take_up_all(self, stack: AsyncExitStack, tasks: asyncio.TaskGroup) -> None:
        while True:
            while self._wanted:
                setups, done = self._wanted.popleft()
                self._deadline = self._clock.tick() + CLOSING
                await self._swap(stack, tasks, setups)
                self._deadline = math.inf
                if not done.done():
                    done.set_result(None)
            self._news.clear()
            await self._news.wait()

    async def _swap(
        self, stack: AsyncExitStack, tasks: asyncio.TaskGroup, setups: Sequence[Setup]
    ) -> None:
        wanted = {(setup.device, setup.label): setup for setup in setups}
        await self._stop(
            [key for key, runner in self._runners.items() if _gone(runner, wanted, key)]
        )
        self._lay(wanted.values())
        new = {key: setup for key, setup in wanted.items() if key not in self._runners}
        spread = len(new) * FIRST_SPREAD
        for key, setup in new.items():
            runner = Runner(
                setup,
                self._clock,
                self._hooks,
                bus=self._buses[setup.bus] if setup.bus is not None else None,
                shared=await self._share(stack, setup),
                spread=spread,
                intern=self._intern,
            )
            self._runners[key] = runner
            self._of_device.setdefault(setup.device, []).append(runner)
            runner.task = tasks.create_task(runner.run(), name=f"{setup.device}/{setup.label}")

    async def _stop(self, gone: Sequence[Key]) -> None:
        """Ends these, all at once, and waits until their connections are closed."""
        ending: list[asyncio.Task[None]] = []
        for key in gone:
            runner = self._runners.pop(key)
            self._of_device[key[0]].remove(runner)
            if runner.task is not None:
                runner.task.cancel()
                ending.append(runner.task)
        if ending:
            await asyncio.wait(ending)

    def _lay(self, setups: Collection[Setup]) -> None:
        """Who is on which bus now. What is new there counts as living."""
        for bus in self._buses.values():
            bus.units.clear()
        for setup in setups:
            if setup.bus is not None:
                bus = self._buses.setdefault(setup.bus, Bus())
                bus.units.add(setup.device)
                if (setup.device, setup.label) not in self._runners:
                    bus.dead.discard(setup.device)
        for key, bus in list(self._buses.items()):
            bus.dead &= bus.units
            if not bus.units:
                del self._buses[key]

    async def _share(self, stack: AsyncExitStack, setup: Setup) -> object:
        driver = setup.driver
        if driver.shared is not None and driver.name not in self._shared:
            self._shared[driver.name] = await stack.enter_async_context(driver.shared())
        return self._shared.get(driver.name)

    def _intern(self, layout: Layout) -> Layout:
        """One object for equal layouts: a thousand sensors of one model share theirs."""
        if len(self._layouts) > LAYOUTS:
            self._layouts.clear()
        return self._layouts.setdefault((layout.names, layout.parts), layout)


def _gone(runner: Runner, wanted: Mapping[Key, Setup], key: Key) -> bool:
    setup = wanted.get(key)
    return setup is None or not runner.same(setup)
