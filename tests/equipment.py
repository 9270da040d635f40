"""Simulated equipment on a loop of its own in a thread, for tests that are not async themselves."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager

from probes.simulators import Running
from probes.simulators.modbus import SIMULATOR as MODBUS
from probes.simulators.tcp import SIMULATOR as TCP

ROOM = {1: 235, 2: 456}  # profile xy-md02: 23.5 °C, 45.6 %RH


class Equipment:
    """A Modbus gateway with rooms and a panel behind it, and a TCP port."""

    def __init__(self) -> None:
        self.gateway: Running
        self.cam: Running
        self._loop = asyncio.new_event_loop()

    def set(self, unit: int, **state: object) -> None:
        """What a unit of the gateway shows from now on."""
        self._do(self.gateway, unit=unit, **state)

    def listen(self, listening: bool) -> None:
        """Whether the TCP port accepts."""
        self._do(self.cam, listening=listening)

    def _do(self, one: Running, **state: object) -> None:
        asyncio.run_coroutine_threadsafe(one.set(**state), self._loop).result(5)

    def _run(self, units: Mapping[int, Mapping[str, object]], ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._end = asyncio.Event()
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(units, ready))

    async def _serve(
        self, units: Mapping[int, Mapping[str, object]], ready: threading.Event
    ) -> None:
        async with AsyncExitStack() as stack:
            options: dict[str, object] = {"units": units}
            self.gateway = await stack.enter_async_context(MODBUS.start(options))
            self.cam = await stack.enter_async_context(TCP.start({}))
            ready.set()
            await self._end.wait()


@contextmanager
def equipment(rooms: int = 2, panels: int = 1) -> Iterator[Equipment]:
    """Units 1 … are rooms, units 101 … panels with 16 quiet inputs."""
    units: dict[int, Mapping[str, object]] = {n: {"input": dict(ROOM)} for n in range(1, rooms + 1)}
    quiet = dict.fromkeys(range(16), 0)
    units |= {100 + n: {"discrete": dict(quiet)} for n in range(1, panels + 1)}
    made, ready = Equipment(), threading.Event()
    thread = threading.Thread(target=made._run, args=(units, ready), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield made
    finally:
        made._loop.call_soon_threadsafe(made._end.set)
        thread.join(10)
