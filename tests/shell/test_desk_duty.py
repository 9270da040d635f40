"""The duty book through the desk and the real store, in virtual time: shifts change while it runs,
while it does not, and while the store is away."""

import asyncio
from datetime import date, timedelta
from pathlib import Path

import pytest

from secmon.api import StoreDown
from secmon.core.handover import HandOver, is_intact
from secmon.core.model import Notice, Refusal
from secmon.core.wishes import Sign, Swap
from tests.core.duty import on_duty, roster
from tests.core.world import device, policy
from tests.shell.desk_scene import Scene, a_desk
from tests.virtual import START, VirtualClock, virtual_time

HOUR = 3600.0
EVENING = START + timedelta(hours=10)  # 20:00 at Shanghai; it starts at 10:00
SITE = on_duty(
    policy([device("room", kind="machine-room")]), roster(start=date(2026, 11, 23)), ("mq",)
)
ID = "20261123T120000Z"


async def archive(scene: Scene) -> list[HandOver]:
    return await scene.disk.store.hand_overs(100)


async def told(scene: Scene) -> list[tuple[str, tuple[str, ...]]]:
    rows = await scene.disk.pending(scene.clock.now(), 100)
    return [(row.notice.reason, row.notice.people) for row in rows]


@virtual_time
async def test_the_shift_changes_by_itself_and_both_sign(tmp_path: Path) -> None:
    async with a_desk(tmp_path, SITE) as scene:
        scene.good("room", temperature_celsius=21.5)
        await asyncio.sleep(10 * HOUR + 1)
        (one,) = await archive(scene)
        assert (one.id, one.due_at, one.outgoing, one.incoming) == (ID, EVENING, ("wang",), ("li",))
        assert abs(one.frozen_at - EVENING) < timedelta(seconds=1)
        for name in ("wang", "li"):
            assert await scene.desk.ask(Sign(ID, name, scene.clock.now())) == ID
        refused = await scene.desk.ask(Sign(ID, "sun", scene.clock.now(), "incoming", "late"))
        assert isinstance(refused, Refusal)
        (done,) = await archive(scene)
        assert done.seal and is_intact(done) and done.content == one.content
        await asyncio.sleep(HOUR)
        assert [reason for reason, _ in await told(scene)] == ["untrained"]


@virtual_time
async def test_a_desk_that_was_away_freezes_afterwards_and_reminds(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with a_desk(tmp_path, SITE, clock=clock):
        await asyncio.sleep(HOUR)
    clock.step(timedelta(hours=9, minutes=31))
    async with a_desk(tmp_path, SITE, clock=clock) as scene:
        assert await archive(scene) == []
        scene.good("room", temperature_celsius=23.0)
        await asyncio.sleep(70)
        (one,) = await archive(scene)
        assert one.remark == "frozen 32 min late: secmon did not run"
        rooms = one.content["rooms"]
        assert isinstance(rooms, dict) and rooms["rows"][0]["readings"][0]["value"] == 23.0
        await asyncio.sleep(15 * 60)
        assert ("unsigned", ("wang", "li")) in await told(scene)


@virtual_time
async def test_a_reminder_is_told_once_over_a_restart(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with a_desk(tmp_path, SITE, clock=clock) as scene:
        await asyncio.sleep(10 * HOUR + 16 * 60)
    for _ in range(3):
        async with a_desk(tmp_path, SITE, clock=clock) as scene:
            await asyncio.sleep(60)
            found = [one for one in await told(scene) if one[0] == "unsigned"]
            assert found == [("unsigned", ("wang", "li"))]


@virtual_time
async def test_nothing_is_promised_while_the_store_is_away(tmp_path: Path) -> None:
    now = START
    wish = Swap("sun", now, EVENING, EVENING + timedelta(hours=1), "li", "qian")
    async with a_desk(tmp_path, SITE) as scene:
        scene.disk.full = True
        with pytest.raises(StoreDown):
            await scene.desk.ask(wish)
        assert scene.desk.world.book.overrides == {}
        scene.disk.full = False
        await asyncio.sleep(30)
        assert isinstance(await scene.desk.ask(wish), str)
        cover = scene.desk.world.book.cover(SITE.duty)
        assert cover is not None and cover.on(EVENING) == ("qian",)


@virtual_time
async def test_the_store_is_away_when_the_shift_changes(tmp_path: Path) -> None:
    async with a_desk(tmp_path, SITE) as scene:
        await asyncio.sleep(10 * HOUR - 60)
        scene.disk.full = True
        await asyncio.sleep(600)
        assert await archive(scene) == []
        scene.disk.full = False
        await asyncio.sleep(60)
        (one,) = await archive(scene)
        assert one.due_at == EVENING


@virtual_time
async def test_what_a_channel_gave_up_is_told_to_the_next_person(tmp_path: Path) -> None:
    async with a_desk(tmp_path, SITE) as scene:
        await scene.polls("room", 150, temperature_celsius=26.0)
        ticket = scene.only()
        lost = Notice("mq", ticket.id, "opened", scene.clock.now(), {}, ("wang",))
        scene.desk.undelivered(lost, "no such number")
        scene.desk.undelivered(lost, "no such number")
        await scene.settled()
        found = [one for one in await told(scene) if one[0] == "undelivered"]
        assert found == [("undelivered", ("li",))]
        lines = await scene.disk.store.journal(ticket.id)
        assert lines[-1].why == "opened by mq: no such number -> li"


@virtual_time
async def test_a_clock_that_is_set_makes_no_hand_over_twice(tmp_path: Path) -> None:
    async with a_desk(tmp_path, SITE) as scene:
        await asyncio.sleep(HOUR)
        scene.clock.step(timedelta(hours=9, minutes=30))  # to 20:30
        await asyncio.sleep(120)
        assert [one.id for one in await archive(scene)] == [ID]
        scene.clock.step(timedelta(hours=-1))  # 19:32, and 20:00 comes again
        await asyncio.sleep(HOUR)
        assert [one.id for one in await archive(scene)] == [ID]
        await asyncio.sleep(12 * HOUR)
        assert [one.id for one in await archive(scene)] == ["20261124T000000Z", ID]
