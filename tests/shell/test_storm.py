"""Storms from the desk to the message, in virtual time over the real store: a hall that loses its
power, and a window that ends with hundreds of faults still there."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from secmon.core.model import Device, Policy
from secmon.core.windows import Do, Window
from secmon.shell.outbox import Outbox
from tests.core.world import device, policy
from tests.shell.desk_scene import Scene, a_desk
from tests.shell.test_joining import Robot
from tests.shell.told import Recorder, running, texts
from tests.virtual import START, VirtualClock, virtual_time

EVERY = 30.0


def site(devices: Iterable[Device], *windows: Window) -> Policy:
    known = policy(devices, channels=("ding", "hook"))
    return replace(known, windows=windows, read_by_people=frozenset(("ding",)))


@asynccontextmanager
async def told(folder: Path, known: Policy) -> AsyncIterator[tuple[Scene, Robot, Recorder]]:
    """A desk whose notices a robot and a program are told."""
    clock = VirtualClock()
    async with a_desk(folder, known, clock=clock) as scene:
        robot, hook = Robot(clock), Recorder(clock)
        outbox = Outbox(scene.disk, {"ding": robot, "hook": hook}, texts, clock)
        scene.desk.listeners.append(lambda *_: outbox.wake())
        async with running(outbox):
            yield scene, robot, hook


async def silent(scene: Scene, names: Sequence[str], rounds: int) -> None:
    """All of them are asked once in a round, evenly, and do not answer."""
    for _ in range(rounds):
        for name in names:
            scene.fails(name)
            await asyncio.sleep(EVERY / len(names))


@virtual_time
async def test_five_hundred_devices_without_an_answer(tmp_path: Path) -> None:
    names = [f"cam-{n}" for n in range(500)]
    known = site(device(name, kind="camera", system="video") for name in names)
    async with told(tmp_path, known) as (scene, robot, hook):
        await silent(scene, names, 5)
        await asyncio.sleep(300)
        assert len(scene.desk.world.tickets) == 500
        opened = [one for one in hook.keys if "/opened/" in one]
        assert len(opened) == 500 == len(set(opened))
        first = robot.messages[0][0]
        times = [round(at - first, 1) for at, _, _ in robot.messages]
        assert times[0] == 0.0 and times[1] == 5.0 and times[2] == 60.0
        assert sum(at < 60 for at in times) <= 3
        assert sum(len(numbers) for _, numbers, _ in robot.messages) == 500


@virtual_time
async def test_switches_without_power_are_told_as_roots(tmp_path: Path) -> None:
    switches = [f"sw-{n}" for n in range(3)]
    cameras = {f"cam-{n}": switches[n % 3] for n in range(90)}
    known = site(
        [
            *(device(name) for name in switches),
            *(device(name, above, kind="camera") for name, above in cameras.items()),
            *(device(f"door-{n}", kind="door") for n in range(20)),
        ]
    )
    async with told(tmp_path, known) as (scene, robot, hook):
        await silent(scene, [*cameras, *switches, *(f"door-{n}" for n in range(20))], 5)
        await asyncio.sleep(200)
        tickets = scene.desk.world.tickets.values()
        assert len(tickets) == 23, "no camera has a ticket of its own"
        digest = max(robot.messages, key=lambda one: len(one[1]))[2].splitlines()
        roots = [line for line in digest if "台设备因此无法判断" in line]
        assert roots and digest[1] == roots[0], digest
        assert len(robot.messages) <= 3
        assert len([one for one in hook.keys if "/opened/" in one]) == 23


@virtual_time
async def test_no_burst_when_a_window_ends(tmp_path: Path) -> None:
    names = [f"cam-{n}" for n in range(300)]
    end = START + timedelta(minutes=20)
    work = Window("work", "施工", Do.MUTE, system="video", start=START, end=end)
    known = site((device(name, kind="camera", system="video") for name in names), work)
    async with told(tmp_path, known) as (scene, robot, hook):
        await silent(scene, names, 40)  # twenty minutes
        assert robot.messages == [] == hook.keys
        assert scene.desk.world.tickets == {}
        await silent(scene, names, 6)
        await asyncio.sleep(200)
        tickets = list(scene.desk.world.tickets.values())
        assert len(tickets) == 300
        assert {one.detected_at for one in tickets} == {end}
        first = robot.messages[0][0]
        assert sum(at - first < 60 for at, _, _ in robot.messages) <= 3
