"""What counts as no progress, for the watchdog, and what does not."""

import asyncio
from pathlib import Path

from secmon.api import Target, Unreachable
from tests.core.world import device, policy
from tests.shell.desk_scene import a_desk
from tests.shell.polling import WARM, Answer, Unit, driver, polling, setup
from tests.virtual import virtual_time

GRACE_S = 30.0
SITE = policy([device("room", kind="machine-room")])  # over 25 degrees for two minutes is a fault


async def hangs(_: Target) -> Answer:
    await asyncio.sleep(1e9)
    return WARM


async def is_dead(_: Target) -> Answer:
    raise Unreachable("nobody there")


class Deaf:
    """Never ends, not even when it is cancelled, until it is let go."""

    def __init__(self) -> None:
        self.let_go = False

    async def __call__(self, _: Target) -> Answer:
        while not self.let_go:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                continue
        return WARM


@virtual_time
async def test_hours_of_good_dead_and_hanging_devices_are_progress() -> None:
    units = {"good": Unit(), "dead": Unit(is_dead), "hangs": Unit(hangs)}
    units |= {f"bus-{n}": Unit(hangs) for n in range(40)}
    speaks = driver(units)
    alone = [setup(name, speaks) for name in ("good", "dead", "hangs")]
    crowd = [setup(f"bus-{n}", speaks, timeout=9, bus="b") for n in range(40)]
    async with polling(*alone, *crowd) as round_:
        for _ in range(2000):
            await asyncio.sleep(3.7)
            assert round_.poller.stuck(0.1) == ""
    assert units["bus-39"].asked, "its first turn on the line came after minutes"


@virtual_time
async def test_a_poll_that_cannot_be_cut_off_is_none() -> None:
    deaf = Deaf()
    units = {"good": Unit(), "deaf": Unit(deaf)}
    speaks = driver(units)
    async with polling(setup("good", speaks), setup("deaf", speaks)) as round_:
        while not units["deaf"].asked:
            await asyncio.sleep(0.01)
        await asyncio.sleep(5 + 2 + GRACE_S - 0.1)  # its timeout, its closing, our patience
        assert round_.poller.stuck(GRACE_S) == ""
        await asyncio.sleep(3600)
        assert round_.poller.stuck(GRACE_S) == "probe test of deaf is 3630 s past its time"
        deaf.let_go = True
        await asyncio.sleep(3600)
        assert round_.poller.stuck(GRACE_S) == ""


@virtual_time
async def test_a_probe_that_does_not_end_when_it_is_taken_away_is_none() -> None:
    deaf = Deaf()
    units = {"good": Unit(), "deaf": Unit(deaf)}
    speaks = driver(units)
    good = setup("good", speaks)
    async with polling(good, setup("deaf", speaks)) as round_:
        while not units["deaf"].asked:
            await asyncio.sleep(0.01)
        async with asyncio.TaskGroup() as tasks:
            adopting = tasks.create_task(round_.poller.adopt([good]))
            await asyncio.sleep(2 + GRACE_S - 0.1)
            assert round_.poller.stuck(GRACE_S) == ""
            await asyncio.sleep(1)
            assert round_.poller.stuck(GRACE_S) == "a probe that was taken away does not end"
            assert not adopting.done()
            deaf.let_go = True
            await adopting
        assert round_.poller.stuck(GRACE_S) == ""


@virtual_time
async def test_a_desk_that_does_not_judge_what_waits_is_none(tmp_path: Path) -> None:
    async with a_desk(tmp_path, SITE, run=False) as scene:
        await asyncio.sleep(3600)
        assert scene.desk.stuck(GRACE_S) == "", "nothing waits"
        scene.good("room", temperature_celsius=99.0)
        await asyncio.sleep(GRACE_S - 1)
        assert scene.desk.stuck(GRACE_S) == ""
        await asyncio.sleep(2)
        why = "the desk has judged nothing for 31 s, though something waits"
        assert scene.desk.stuck(GRACE_S) == why


@virtual_time
async def test_a_desk_that_waits_for_the_store_is_not_stuck(tmp_path: Path) -> None:
    async with a_desk(tmp_path, SITE) as scene:
        scene.disk.free.clear()  # a commit that hangs
        scene.good("room", temperature_celsius=99.0)
        await asyncio.sleep(3600)
        assert scene.disk.at_once == 1 and scene.desk.stuck(GRACE_S) == ""
        scene.disk.full = True  # and one that fails, over and over
        scene.disk.free.set()
        for _ in range(500):
            await asyncio.sleep(3.7)
            assert scene.desk.stuck(GRACE_S) == ""
        assert scene.disk.tries > 100
        scene.disk.full = False
        await asyncio.sleep(60)
        assert scene.desk.stuck(GRACE_S) == "" and len(scene.desk.world.faults) == 1
