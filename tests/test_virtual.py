"""The virtual loop: waiting is free, threads are waited for, the wall clock can be stepped."""

import asyncio
import time
from datetime import timedelta
from pathlib import Path

import aiosqlite

from tests.virtual import START, VirtualClock, virtual_time


@virtual_time
async def test_a_day_of_waiting_takes_no_time() -> None:
    began, clock = time.monotonic(), VirtualClock()
    for _ in range(24):
        await asyncio.sleep(3600)
    assert clock.now() == START + timedelta(days=1)
    assert time.monotonic() - began < 1


@virtual_time
async def test_timers_fire_in_order_and_at_their_time() -> None:
    fired: list[tuple[str, float]] = []

    async def wait(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        fired.append((name, asyncio.get_running_loop().time()))

    async with asyncio.TaskGroup() as group:
        group.create_task(wait("late", 300.0))
        group.create_task(wait("soon", 0.5))
    assert fired == [("soon", 0.5), ("late", 300.0)]


@virtual_time
async def test_time_stands_still_while_a_thread_works(tmp_path: Path) -> None:
    async def sleep_an_hour() -> None:
        await asyncio.sleep(3600)

    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        sleeping = group.create_task(sleep_an_hour())
        await asyncio.to_thread(time.sleep, 0.02)
        async with aiosqlite.connect(tmp_path / "x.db") as store:
            await store.execute("CREATE TABLE x (y)")
        assert loop.time() == 0
        assert not sleeping.done()
    assert loop.time() == 3600


@virtual_time
async def test_a_stepped_wall_clock_leaves_the_tick_alone() -> None:
    clock = VirtualClock()
    await asyncio.sleep(5)
    clock.step(timedelta(hours=-1))
    assert clock.now() == START + timedelta(seconds=5) - timedelta(hours=1)
    assert clock.tick() == 5
