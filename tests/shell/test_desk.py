"""The desk over the real store, in virtual time: batches, outages, the clock, reloads, the end."""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from secmon.api import Change, StoreDown
from secmon.core.model import (
    Action,
    FaultKey,
    FaultState,
    Observation,
    ProbePlan,
    Refusal,
    Ticket,
    TicketState,
    Verb,
)
from secmon.shell import desk as desk_module
from secmon.shell.desk import Desk
from tests.core.world import SILENCE, WARM, device, layout, policy
from tests.shell.desk_scene import FULL, Scene, a_desk
from tests.virtual import START, VirtualClock, virtual_time

HOUR = 3600.0
ROOM = device("room", kind="machine-room")
ROOMS = [device(f"room-{number}", kind="machine-room") for number in range(300)]
SITE = policy([ROOM, *ROOMS])
WARMTH = FaultKey("room", WARM.id)


async def opened(scene: Scene) -> Ticket:
    """The room is too warm for two minutes: its ticket opens."""
    await scene.polls("room", 150, temperature_celsius=26.0)
    return scene.only()


# --- batches ---------------------------------------------------------------------------------


@virtual_time
async def test_what_comes_during_a_commit_is_one_batch(tmp_path: Path) -> None:
    async with a_desk(tmp_path, SITE) as scene:
        scene.disk.free.clear()
        scene.good("room", temperature_celsius=26.0)
        await asyncio.sleep(1)
        for room in ROOMS[:50]:
            scene.good(room.id, temperature_celsius=26.0)
        scene.disk.free.set()
        await scene.settled()
        assert [len(change.faults) for change in scene.disk.kept] == [1, 50]


@virtual_time
async def test_the_world_advances_only_after_the_commit(tmp_path: Path) -> None:
    async with a_desk(tmp_path, SITE) as scene:
        scene.disk.free.clear()
        scene.good("room", temperature_celsius=26.0)
        await asyncio.sleep(1)
        assert scene.desk.world.faults == {}
        assert scene.desk.world.probes == {}
        scene.disk.free.set()
        await scene.settled()
        assert list(scene.desk.world.faults) == [WARMTH]
        assert (await scene.disk.load()).faults[0].key == WARMTH


@virtual_time
async def test_what_does_not_last_is_not_committed(tmp_path: Path) -> None:
    async with a_desk(tmp_path, SITE) as scene:
        scene.good("room", temperature_celsius=22.0)
        assert ("room", "tcp") in scene.desk.world.probes, "at once: nothing is to be kept"
        await scene.polls("room", HOUR, temperature_celsius=22.5)
        assert scene.disk.tries == 0


@virtual_time
async def test_an_action_is_answered_after_its_commit(tmp_path: Path) -> None:
    async with a_desk(tmp_path, SITE) as scene:
        ticket = await opened(scene)
        scene.disk.free.clear()
        async with asyncio.TaskGroup() as people:
            acting = people.create_task(scene.act(Verb.ACKNOWLEDGE))
            await asyncio.sleep(10)
            assert not acting.done()
            assert scene.only() == ticket
            scene.disk.free.set()
            done = await acting
        assert isinstance(done, Ticket)
        assert done.state is TicketState.ACKNOWLEDGED
        assert done == await scene.disk.store.ticket(ticket.number) == scene.only()


@pytest.mark.parametrize("in_one_batch", [True, False])
def test_of_two_at_the_same_moment_one_wins(tmp_path: Path, in_one_batch: bool) -> None:
    @virtual_time
    async def story() -> None:
        async with a_desk(tmp_path, SITE) as scene:
            ticket = await opened(scene)
            if in_one_batch:
                scene.disk.free.clear()
                scene.good("room-1", temperature_celsius=26.0)
            async with asyncio.TaskGroup() as people:
                first = people.create_task(scene.act(Verb.ACKNOWLEDGE, version=ticket.version))
                second = people.create_task(scene.act(Verb.ACKNOWLEDGE, version=ticket.version))
                await asyncio.sleep(1)
                scene.disk.free.set()
            won, lost = first.result(), second.result()
            assert isinstance(won, Ticket)
            assert isinstance(lost, Refusal)
            assert lost.ticket == won, "the loser is shown what is true now"
            journal = await scene.disk.store.journal(ticket.id)
            assert [line.what for line in journal] == ["opened", "acknowledge"]

    story()


@virtual_time
async def test_a_caller_who_goes_away_breaks_nothing(tmp_path: Path) -> None:
    async with a_desk(tmp_path, SITE) as scene:
        await opened(scene)
        scene.disk.free.clear()
        async with asyncio.TaskGroup() as people:
            gone = people.create_task(scene.act(Verb.ACKNOWLEDGE))
            stays = people.create_task(scene.act(Verb.NOTE, note="on my way"))
            await asyncio.sleep(1)
            gone.cancel()
            await asyncio.sleep(1)
            scene.disk.free.set()
        done = stays.result()
        assert isinstance(done, Ticket)
        assert done.state is TicketState.ACKNOWLEDGED, "what was given is done"


@virtual_time
async def test_caught_up_waits_for_what_was_observed_before(tmp_path: Path) -> None:
    async with a_desk(tmp_path, SITE) as scene:
        await scene.desk.caught_up()
        scene.disk.takes_s = 1
        scene.good("room", temperature_celsius=26.0)
        await asyncio.sleep(0.5)
        scene.good("room-1", temperature_celsius=22.0)  # no change that lasts
        async with asyncio.timeout(1):
            await scene.desk.caught_up()
        assert ("room-1", "tcp") in scene.desk.world.probes
        scene.good("room-2", temperature_celsius=26.0)
        scene.good("room-3", temperature_celsius=26.0)
        await scene.desk.caught_up()
        assert ("room-3", "tcp") in scene.desk.world.probes


@virtual_time
async def test_caught_up_does_not_wait_for_a_new_site_file_only(tmp_path: Path) -> None:
    async with a_desk(tmp_path, SITE) as scene, asyncio.TaskGroup() as people:
        scene.disk.takes_s = 5
        people.create_task(scene.desk.adopt(SITE))
        await asyncio.sleep(1)
        scene.good("room", temperature_celsius=22.0)
        async with asyncio.timeout(10):
            await scene.desk.caught_up()
        assert ("room", "tcp") in scene.desk.world.probes


# --- the store is away -----------------------------------------------------------------------


@virtual_time
async def test_nothing_moves_while_the_store_is_away_and_no_soak_is_lost(tmp_path: Path) -> None:
    async with a_desk(tmp_path, SITE) as scene:
        scene.disk.full = True
        await scene.polls("room", 600, temperature_celsius=26.0)
        assert not scene.desk.store_up
        assert scene.desk.world.faults == {}
        assert scene.disk.tries > 50, "tried again every ten seconds at least"
        assert scene.said == [FULL], "said once"
        scene.disk.full = False
        await asyncio.sleep(10)
        assert scene.desk.store_up
        assert scene.said == [FULL, ""]
        ticket = scene.only()
        assert ticket.detected_at == START, "the first bad observation"
        assert START + timedelta(seconds=600) <= ticket.opened_at <= scene.clock.now()
        back = [line for change in scene.disk.kept for line in change.entries]
        assert [(line.what, line.why) for line in back if line.subject == "secmon"] == [
            ("store back", f"nothing could be kept since 2026-11-23T02:00:00+00:00: {FULL}")
        ]


@virtual_time
async def test_actions_are_refused_while_it_is_away(tmp_path: Path) -> None:
    async with a_desk(tmp_path, SITE) as scene:
        ticket = await opened(scene)
        scene.disk.full = True
        with pytest.raises(StoreDown, match=FULL):  # it is this one that finds out
            await scene.act(Verb.ACKNOWLEDGE)
        async with asyncio.timeout(0.001):
            with pytest.raises(StoreDown, match="away"):
                await scene.act(Verb.ACKNOWLEDGE)
        assert scene.only() == ticket
        scene.disk.full = False
        await asyncio.sleep(2)
        done = await scene.act(Verb.ACKNOWLEDGE)
        assert isinstance(done, Ticket)
        assert done.version == ticket.version + 1, "what was refused is not done later"


@virtual_time
async def test_actions_that_wait_for_the_next_batch_are_refused_too(tmp_path: Path) -> None:
    async with a_desk(tmp_path, SITE) as scene:
        await opened(scene)
        scene.disk.full, scene.disk.takes_s = True, 5
        scene.good("room-1", temperature_celsius=26.0)
        await asyncio.sleep(1)
        async with asyncio.timeout(5):
            with pytest.raises(StoreDown, match=FULL):
                await scene.act(Verb.ACKNOWLEDGE)


@virtual_time
async def test_it_comes_back_without_any_input(tmp_path: Path) -> None:
    """Another process holds SQLite's write lock: really away, until it lets go."""
    async with a_desk(tmp_path, SITE) as scene:
        await opened(scene)
        scene.disk.store._busy_s = 0
        with closing(sqlite3.connect(tmp_path / "secmon.db", isolation_level=None)) as other:
            await scene.disk.store._db._writer.connection.execute("PRAGMA busy_timeout = 1")
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreDown, match="locked"):
                await scene.act(Verb.ACKNOWLEDGE)
            await asyncio.sleep(120)
            assert not scene.desk.store_up, "it was away all the time"
            other.execute("ROLLBACK")
        await asyncio.sleep(10)
        assert scene.desk.store_up
        assert len(scene.said) == 2
        (line,) = await scene.disk.store.journal("secmon")
        assert line.what == "store back"
        assert "another process keeps it locked" in line.why


@virtual_time
async def test_the_inbox_is_bounded_and_keeps_the_newest_and_all_actions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(desk_module, "INBOX", 100)
    async with a_desk(tmp_path, SITE) as scene:
        await opened(scene)
        scene.disk.free.clear()
        scene.good("room", temperature_celsius=22.0)  # the commit under way
        await asyncio.sleep(1)
        async with asyncio.TaskGroup() as people:
            acting = people.create_task(scene.act(Verb.ACKNOWLEDGE))
            await asyncio.sleep(1)
            for room in ROOMS:
                scene.good(room.id, temperature_celsius=22.0)
            scene.disk.free.set()
        assert isinstance(acting.result(), Ticket)
        known = {name for name, _ in scene.desk.world.probes}
        assert known == {"room", *(room.id for room in ROOMS[-99:])}
        assert caplog.text.count("the inbox is full") == 1


@virtual_time
async def test_a_long_outage_is_judged_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "BATCH", 100)
    async with a_desk(tmp_path, SITE) as scene:
        scene.disk.full = True
        for room in ROOMS:
            scene.good(room.id, temperature_celsius=26.0)
            await asyncio.sleep(0.01)
        scene.disk.full = False
        await asyncio.sleep(5)
        assert len(scene.desk.world.faults) == len(ROOMS)
        assert [len(change.faults) for change in scene.disk.kept] == [100, 100, 100]


# --- poison ----------------------------------------------------------------------------------


@virtual_time
async def test_poison_is_dropped_and_counted_and_the_rest_judged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_desk(tmp_path, SITE) as scene:
        scene.disk.free.clear()
        scene.good("room", temperature_celsius=26.0)
        await asyncio.sleep(1)
        shape = layout(("temperature_celsius",), ("",))
        now, tick = scene.clock.now(), scene.clock.tick()
        poison = Observation("room-1", "tcp", now, tick, shape, [], evidence=b"\xff\xd8 secret")
        async with asyncio.TaskGroup() as people:
            bad = Action("room", Verb.REPORT, "wang", now, None)  # type: ignore[arg-type]
            acting = people.create_task(scene.desk.act(bad))
            await asyncio.sleep(1)
            scene.desk.observe(poison)
            scene.good("room-2", temperature_celsius=26.0)
            scene.disk.free.set()
        await scene.settled()
        outcome = acting.result()
        assert isinstance(outcome, Refusal)
        assert outcome.code == "internal"
        assert scene.desk.dropped == 2
        assert {key.device for key in scene.desk.world.faults} == {"room", "room-2"}
        assert "device=room-1 probe=tcp" in caplog.text
        assert "verb=report" in caplog.text
        assert "secret" not in caplog.text


# --- time alone ------------------------------------------------------------------------------


@virtual_time
async def test_clock_notices_need_no_input(tmp_path: Path) -> None:
    async with a_desk(tmp_path, SITE) as scene:
        ticket = await opened(scene)
        await asyncio.sleep(9 * HOUR)
        journal = await scene.disk.store.journal(ticket.id)
        seen = [((line.at - START).total_seconds(), line.what, line.why) for line in journal]
        assert seen == [
            (120, "opened", WARM.id),
            (1440, "due_soon", "respond"),
            (1800, "overdue", "respond"),
            (0.8 * 4 * HOUR, "due_soon", "arrive"),
            (4 * HOUR, "overdue", "arrive"),
            (0.8 * 8 * HOUR, "due_soon", "repair"),
            (8 * HOUR, "overdue", "repair"),
        ]
        delays = [
            change.at - change.entries[0].at
            for change in scene.disk.kept
            if change.entries and change.entries[0].what != "opened"
        ]
        assert max(delays) < timedelta(seconds=0.01), "committed when it was due"


@virtual_time
async def test_the_parents_time_passes_without_input(tmp_path: Path) -> None:
    slow = ProbePlan("tcp", "tcp", 300, 90)
    site = policy([device("core", probes=[slow]), device("cam", "core")], [SILENCE])
    async with a_desk(tmp_path, site) as scene:
        await scene.polls("cam", 90)  # failed at 0, 30 and 60: ripe, but its parent has 91 s
        assert scene.desk.world.tickets == {}
        assert scene.asked == [frozenset({"core"})], "the poller is told to ask it at once"
        await asyncio.sleep(2)
        assert scene.only().opened_at - START == pytest.approx(
            timedelta(seconds=91), abs=timedelta(seconds=0.01)
        )


@virtual_time
async def test_a_clock_that_was_set_is_noticed_within_a_minute(tmp_path: Path) -> None:
    async with a_desk(tmp_path, SITE) as scene:
        ticket = await opened(scene)
        await asyncio.sleep(600)
        scene.clock.step(timedelta(days=1))
        await asyncio.sleep(61)
        assert scene.only().told == {
            f"{clock} {what}"
            for clock in ("respond", "arrive", "repair")
            for what in ("due_soon", "overdue")
        }
        assert scene.only().version == ticket.version


@virtual_time
async def test_a_clock_before_the_last_commit_judges_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The battery of the clock is empty: after a restart it is 2020, until NTP comes."""
    async with a_desk(tmp_path, SITE) as scene:
        ticket = await opened(scene)
        scene.good("room-1", temperature_celsius=26.0)
        await scene.settled()
    wrong = VirtualClock(start=START - timedelta(days=2500) - timedelta(seconds=160))
    site = policy([ROOM, *ROOMS, device("new", kind="machine-room")])
    async with a_desk(tmp_path, site, clock=wrong) as scene:
        assert "clock is earlier than the last commit" in caplog.text
        assert "now=2020-01-19T" in caplog.text
        for _ in range(10):
            scene.good("room", temperature_celsius=22.0)
            scene.good("new", temperature_celsius=26.0)
            await asyncio.sleep(30)
        assert scene.only() == ticket, "known, and neither cleared nor overdue"
        assert scene.desk.world.probes == {}
        with pytest.raises(StoreDown, match="clock is earlier"):
            await scene.act(Verb.ACKNOWLEDGE)
        with pytest.raises(StoreDown, match="clock is earlier"):
            await scene.desk.adopt(SITE)
        stored = await scene.disk.load()
        assert stored.committed_at is not None
        assert stored.committed_at >= START, "the next start must see it too"
        wrong.step(timedelta(days=2500, seconds=200))
        await asyncio.sleep(1.1)
        assert scene.desk.holds_until is None, "without any input"
        await scene.polls("room-1", 150, temperature_celsius=26.0)
        tickets = {one.device: one for one in scene.desk.world.tickets.values()}
        assert set(tickets) == {"room", "room-1"}
        assert tickets["room-1"].detected_at > START + timedelta(seconds=300), "its soak began anew"


@virtual_time
async def test_a_clock_set_back_while_running_opens_nothing_early(tmp_path: Path) -> None:
    async with a_desk(tmp_path, SITE) as scene:
        scene.good("room", temperature_celsius=26.0)
        await asyncio.sleep(30)
        scene.clock.step(-timedelta(hours=3))
        await scene.polls("room", 60, temperature_celsius=26.0)
        assert scene.desk.world.tickets == {}
        await scene.polls("room", 60, temperature_celsius=26.0)
        assert scene.only().detected_at == START


# --- a new site file -------------------------------------------------------------------------


@virtual_time
async def test_a_new_policy_waits_for_the_commit_under_way(tmp_path: Path) -> None:
    async with a_desk(tmp_path, SITE) as scene:
        await scene.polls("room", 120, temperature_celsius=26.0)
        scene.disk.free.clear()
        scene.good("room", temperature_celsius=26.0)  # opens the ticket
        await asyncio.sleep(1)
        smaller = policy(ROOMS)
        async with asyncio.TaskGroup() as people:
            adopting = people.create_task(scene.desk.adopt(smaller))
            await asyncio.sleep(5)
            assert not adopting.done()
            assert scene.desk.policy is SITE
            scene.disk.free.set()
        assert scene.desk.policy is smaller
        assert scene.desk.world.faults == {}
        assert scene.only().removed, "the ticket that was being opened stays, for a person's word"
        assert scene.told[-1][1] == {"room"}, "listeners hear of devices that went"


@virtual_time
async def test_what_comes_while_a_policy_is_taken_up_is_judged_by_it(tmp_path: Path) -> None:
    """The timer rings meanwhile: it must not let anything past the commit under way."""
    async with a_desk(tmp_path, SITE) as scene:
        await opened(scene)
        await asyncio.sleep(1440 - 150 - 1)  # 80 % of the time to respond is a second away
        scene.disk.free.clear()
        hot = replace(WARM, limit=30, clear=29)
        async with asyncio.TaskGroup() as people:
            people.create_task(scene.desk.adopt(policy([ROOM, *ROOMS], [hot])))
            await asyncio.sleep(5)
            scene.good("room-1", temperature_celsius=28.0)
            scene.good("room-2", temperature_celsius=31.0)
            await asyncio.sleep(5)
            scene.disk.free.set()
        await scene.settled()
        assert {key.device for key in scene.desk.world.faults} == {"room", "room-2"}
        assert scene.only().told == {"respond due_soon"}


@virtual_time
async def test_a_new_policy_is_not_kept_waiting_by_a_storm(tmp_path: Path) -> None:
    async with a_desk(tmp_path, SITE) as scene, asyncio.TaskGroup() as people:
        scene.disk.takes_s = 0.02

        async def storm() -> None:
            for turn in range(1000):
                for room in ROOMS[:3]:
                    scene.good(room.id, temperature_celsius=26.0 if turn % 2 else 22.0)
                await asyncio.sleep(0.01)

        raging = people.create_task(storm())
        await asyncio.sleep(1)
        async with asyncio.timeout(0.1):
            await scene.desk.adopt(policy([ROOM, *ROOMS]))
        raging.cancel()


@virtual_time
async def test_an_adopted_policy_that_can_not_be_kept_is_not_used(tmp_path: Path) -> None:
    async with a_desk(tmp_path, SITE) as scene:
        await opened(scene)
        scene.disk.full = True
        with pytest.raises(StoreDown, match=FULL):
            await scene.desk.adopt(policy(ROOMS))
        with pytest.raises(StoreDown, match="away"):
            await scene.desk.adopt(policy(ROOMS))
        assert scene.desk.policy is SITE
        assert scene.desk.world.faults[WARMTH].state is FaultState.ACTIVE
        assert scene.said == [FULL]
        scene.disk.full = False
        await asyncio.sleep(10)
        assert scene.desk.store_up
        await scene.desk.adopt(policy(ROOMS))
        assert scene.only().removed


@virtual_time
async def test_a_policy_that_waits_is_refused_when_the_commit_fails(tmp_path: Path) -> None:
    async with a_desk(tmp_path, SITE) as scene:
        scene.disk.takes_s, scene.disk.full = 5, True
        scene.good("room", temperature_celsius=26.0)
        await asyncio.sleep(1)
        async with asyncio.timeout(5):
            with pytest.raises(StoreDown, match=FULL):
                await scene.desk.adopt(policy(ROOMS))
        assert scene.desk.policy is SITE


@virtual_time
async def test_who_wanted_a_new_policy_may_go_away(tmp_path: Path) -> None:
    async with a_desk(tmp_path, SITE) as scene:
        scene.disk.free.clear()
        scene.good("room", temperature_celsius=26.0)
        await asyncio.sleep(1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await scene.desk.adopt(policy(ROOMS))
        scene.disk.free.set()
        await scene.settled()
        assert scene.desk.policy is SITE
        await scene.desk.adopt(policy([ROOM]))
        assert set(scene.desk.policy.devices) == {"room"}
        assert scene.told[-1][1] == {room.id for room in ROOMS}, "mirrors show them no longer"


# --- who is told -----------------------------------------------------------------------------


@virtual_time
async def test_listeners_are_told_when_a_device_comes_and_goes(tmp_path: Path) -> None:
    async with a_desk(tmp_path, policy([ROOM, device("door")], [WARM])) as scene:
        ups: list[tuple[str, bool | None]] = []

        def heard(change: Change, devices: object) -> None:
            for name in sorted(devices):  # type: ignore[call-overload]
                ups.append((name, scene.desk.world.probes[name, "tcp"].reached))

        scene.desk.listeners.append(heard)
        for _ in range(3):
            scene.good("door")
            await asyncio.sleep(30)
        scene.fails("door")
        scene.fails("door")
        scene.good("door")
        assert ups == [("door", True), ("door", False), ("door", True)]
        ups.clear()
        scene.disk.free.clear()
        scene.good("room", temperature_celsius=26.0)
        await asyncio.sleep(1)
        scene.fails("door")
        await asyncio.sleep(1)
        assert ups == [], "not before it is true"
        scene.disk.free.set()
        await scene.settled()
        assert ups == [("room", True), ("door", False)]


# --- start and end ---------------------------------------------------------------------------


@virtual_time
async def test_a_restart_takes_up_what_was_committed(tmp_path: Path) -> None:
    async with a_desk(tmp_path, SITE) as scene:
        ticket = await opened(scene)
    clock = VirtualClock(start=START + timedelta(seconds=200))
    async with a_desk(tmp_path, SITE, clock=clock) as scene:
        assert scene.only() == ticket
        assert scene.disk.tries == 0, "nothing changed"
        done = await scene.act(Verb.ACKNOWLEDGE)
        assert isinstance(done, Ticket)


@virtual_time
async def test_what_came_before_it_ran_is_committed_when_it_runs(tmp_path: Path) -> None:
    async with a_desk(tmp_path, SITE, run=False) as scene:
        scene.good("room", temperature_celsius=26.0)
        scene.good("room-1", temperature_celsius=26.0)
        assert scene.desk.world.faults == {}
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(scene.desk.run())
            await scene.settled()
            running.cancel()
        assert len(scene.desk.world.faults) == 2


@virtual_time
async def test_its_end_leaves_nobody_waiting(tmp_path: Path) -> None:
    async with a_desk(tmp_path, SITE) as scene:
        await opened(scene)
        assert scene.running is not None
        scene.disk.free.clear()
        async with asyncio.TaskGroup() as people:
            under_way = people.create_task(_refused(scene, Verb.ACKNOWLEDGE))
            await asyncio.sleep(1)
            waits = people.create_task(_refused(scene, Verb.NOTE))
            adopting = people.create_task(_not_adopted(scene.desk))
            late = people.create_task(scene.desk.caught_up())
            await asyncio.sleep(1)
            scene.running.cancel()
            async with asyncio.timeout(1):
                await asyncio.wait((under_way, waits, adopting, late))
        assert scene.running.cancelled()
        assert {under_way.result(), waits.result()} == {"the daemon is stopping"}
        assert await _refused(scene, Verb.NOTE) == "the daemon is stopping"
        assert await _not_adopted(scene.desk) == "the daemon is stopping"


async def _refused(scene: Scene, verb: Verb) -> str:
    with pytest.raises(StoreDown) as refused:
        await scene.act(verb, note="hello")
    return str(refused.value)


async def _not_adopted(desk: Desk) -> str:
    with pytest.raises(StoreDown) as refused:
        await desk.adopt(SITE)
    return str(refused.value)


@virtual_time
async def test_a_store_that_can_not_be_written_at_the_start_is_an_error(tmp_path: Path) -> None:
    async with a_desk(tmp_path, SITE) as scene:
        await opened(scene)
        stored = await scene.disk.load()
        scene.disk.full = True
        with pytest.raises(StoreDown, match=FULL):
            await Desk(scene.disk, policy(ROOMS), scene.clock).open(stored)
