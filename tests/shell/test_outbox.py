"""The outbox in virtual time, over the real store: what happens to a notice that is not told."""

import asyncio
import sqlite3
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from secmon.api import Contact, Delivery, Later, Never, Role
from secmon.core.model import Notice
from secmon.shell.outbox import Outbox
from secmon.shell.trying import BROKEN_TRIES
from tests.shell.told import Flaky, Recorder, a_store, commit, opened, running, texts
from tests.virtual import VirtualClock, virtual_time

HOUR = 3600.0


def numbers(recorder: Recorder) -> list[int]:
    """The ticket numbers told, in order."""
    return [int(key.split("/")[0][-4:]) for key in recorder.keys]


@virtual_time
async def test_told_at_once_and_in_order_after_a_wake(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as store:
        channel = Recorder(clock)
        async with running(Outbox(store, {"mq": channel}, texts, clock)) as outbox:
            await asyncio.sleep(5)
            await commit(store, 5, "mq")
            outbox.wake()
            await asyncio.sleep(0.001)
            assert numbers(channel) == [1, 2, 3, 4, 5]
            assert await store.outstanding() == 0


@virtual_time
async def test_the_words_are_made_at_delivery(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as store:
        channel, language = Recorder(clock, [Later("away", after_s=60)]), ["zh"]
        outbox = Outbox(store, {"mq": channel}, lambda: texts(language[0]), clock)
        await commit(store, 1, "mq")
        async with running(outbox):
            await asyncio.sleep(30)
            language[0] = "en"
            await asyncio.sleep(60)
    assert channel.told[0][1] == (
        "[major] Machine room too warm: 主机房 (一层) 27.1 °C, limit 25 °C, since 10:00:00;"
        " ticket WX-2026-0001; due: respond 10:30, arrive 14:00, repair 18:00"
    )
    told = channel.tickets[0]
    assert isinstance(told, dict)
    assert told["summary"] == "Machine room too warm: 主机房 (一层) 27.1 °C, limit 25 °C"


@virtual_time
async def test_people_are_reached_by_what_is_known_at_delivery(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as store:
        await store.add_user("wang", Role.OPERATOR)
        change = opened(1)
        notice = Notice("mail", "t1", "opened", clock.now(), people=("wang", "gone"))
        await store.commit(replace(change, effects=(notice,)))
        await store.set_contact(Contact("wang", "王强", email="wang@example.org"))
        channel = Recorder(clock)
        async with running(Outbox(store, {"mail": channel}, texts, clock)):
            await asyncio.sleep(1)
    assert channel.people == [[Contact("wang", "王强", email="wang@example.org")]]


@virtual_time
async def test_pauses_double_up_to_five_minutes_and_nothing_is_given_up(tmp_path: Path) -> None:
    clock, counted = VirtualClock(), Counter[tuple[str, str]]()
    async with a_store(tmp_path, clock) as store:
        channel = Recorder(clock, [Later("away")] * 12)
        outbox = Outbox(
            store, {"mq": channel}, texts, clock, count=lambda *pair: counted.update([pair])
        )
        await commit(store, 2, "mq")
        async with running(outbox):
            await asyncio.sleep(HOUR)
        assert channel.gaps_s == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 0]
        assert numbers(channel) == [1, 2]
        assert counted == {("mq", "later"): 12, ("mq", "told"): 2}


@virtual_time
async def test_a_channel_may_say_how_long_it_wants_to_be_left_alone(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as store:
        asked = [Later("busy", after_s=17), Later("busy", after_s=1e9), Later("busy", after_s=0)]
        channel = Recorder(clock, list(asked))
        await commit(store, 1, "mq")
        async with running(Outbox(store, {"mq": channel}, texts, clock)):
            await asyncio.sleep(HOUR)
        assert channel.gaps_s == [17, 300, 0.05]


@virtual_time
async def test_a_dead_channel_holds_up_no_other(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as store:
        dead, alive = Recorder(clock, takes_s=1e6), Recorder(clock)
        await commit(store, 300, "dead", "alive")
        async with running(Outbox(store, {"dead": dead, "alive": alive}, texts, clock)):
            await asyncio.sleep(29)
            assert numbers(alive) == list(range(1, 301))
            await asyncio.sleep(4)
            # given up after 30 s, left alone for 1 s, and tried again with the same notice
            assert dead.tried == [(0, dead.tried[0][1]), (31, dead.tried[0][1])]


@virtual_time
async def test_poison_is_tried_ten_times_and_the_next_one_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock, counted = VirtualClock(), Counter[tuple[str, str]]()
    given_up: list[tuple[str, str]] = []

    def gave_up(delivery: Delivery, why: str) -> None:
        given_up.append((delivery.key, why))

    async with a_store(tmp_path, clock) as store:
        poisoned = Recorder(clock, [KeyError("our bug")] * BROKEN_TRIES)
        other = Recorder(clock)
        outbox = Outbox(
            store,
            {"mq": poisoned, "hook": other},
            texts,
            clock,
            count=lambda *pair: counted.update([pair]),
            gave_up=gave_up,
        )
        await commit(store, 2, "mq", "hook")
        async with running(outbox):
            await asyncio.sleep(HOUR)
        assert numbers(other) == [1, 2]
        assert numbers(poisoned) == [2]
        assert len(poisoned.tried) == 11
        assert poisoned.tried[-1][0] < 300
        assert await store.outstanding() == 0
        assert [row.key for row in await store.given_up()] == [poisoned.tried[0][1]]
    assert given_up == [
        ("WX-2026-0001/1/opened/mq", "broke the notifier 10 times: KeyError('our bug')")
    ]
    assert counted["mq", "later"] == 9
    assert counted["mq", "never"] == 1
    assert sum("Traceback" in (record.exc_text or "") for record in caplog.records) == 1


@virtual_time
async def test_a_row_that_cannot_be_read_is_told_as_such(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as store:
        channel = Recorder(clock)
        await commit(store, 3, "mq")
        with sqlite3.connect(store.path) as other:
            other.execute("UPDATE outbox SET data = '{\"to\":' WHERE id = 1")
            other.execute("UPDATE outbox SET data = '{}' WHERE id = 2")
        other.close()
        async with running(Outbox(store, {"mq": channel}, texts, clock)):
            await asyncio.sleep(1)
        assert numbers(channel) == [1, 2, 3]
        assert channel.told[0][1].startswith(
            "【通知损坏】一条通知已无法读取（WX-2026-0001/1/opened/mq: "
        )
        assert await store.outstanding() == 0


@virtual_time
async def test_what_a_channel_refuses_is_given_up_at_once(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as store:
        channel = Recorder(clock, [None, Never("expected 2xx (got 400)")])
        await commit(store, 3, "mq")
        async with running(Outbox(store, {"mq": channel}, texts, clock)):
            await asyncio.sleep(1)
        assert numbers(channel) == [1, 3]
        assert len(await store.given_up()) == 1


@virtual_time
async def test_rows_of_a_channel_that_was_removed_are_given_up(tmp_path: Path) -> None:
    clock = VirtualClock()
    given_up: list[str] = []
    async with a_store(tmp_path, clock) as store:
        channel = Recorder(clock)
        await commit(store, 2, "removed", "mq")
        outbox = Outbox(
            store, {"mq": channel}, texts, clock, gave_up=lambda row, _: given_up.append(row.key)
        )
        async with running(outbox):
            await asyncio.sleep(1)
        assert given_up == ["WX-2026-0001/1/opened/removed", "WX-2026-0002/1/opened/removed"]
        assert numbers(channel) == [1, 2]
        assert await store.outstanding() == 0


@virtual_time
async def test_without_any_channel_nothing_piles_up(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as store:
        await commit(store, 2, "removed")
        async with running(Outbox(store, {}, texts, clock)):
            await asyncio.sleep(1)
        assert await store.outstanding() == 0


@virtual_time
async def test_what_was_told_is_not_told_again_because_the_store_is_away(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as real:
        store, channel = Flaky(real, writes_down=True), Recorder(clock)
        await commit(store, 2, "mq")
        async with running(Outbox(store, {"mq": channel}, texts, clock)):
            await asyncio.sleep(600)
            assert numbers(channel) == [1]
            store.writes_down = False
            await asyncio.sleep(15)
        assert numbers(channel) == [1, 2]


@virtual_time
async def test_a_store_that_cannot_be_read_is_waited_for(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as real:
        store, channel = Flaky(real, reads_down=True), Recorder(clock)
        await commit(store, 1, "mq")
        async with running(Outbox(store, {"mq": channel}, texts, clock)):
            await asyncio.sleep(600)
            store.reads_down = False
            await asyncio.sleep(15)
        assert numbers(channel) == [1]
        assert store.looks < 80


@virtual_time
async def test_a_crash_between_telling_and_settling_repeats_the_same_id(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as real:
        store, first, second = Flaky(real, writes_down=True), Recorder(clock), Recorder(clock)
        await commit(store, 1, "mq")
        async with running(Outbox(store, {"mq": first}, texts, clock, stop_s=1)):
            await asyncio.sleep(1)
        store.writes_down = False
        async with running(Outbox(store, {"mq": second}, texts, clock)):
            await asyncio.sleep(1)
        assert first.keys == second.keys == ["WX-2026-0001/1/opened/mq"]


@virtual_time
async def test_a_restart_tries_at_once_whatever_waits(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as store:
        first, second = Recorder(clock, [Later("away", after_s=300)]), Recorder(clock)
        await commit(store, 1, "mq")
        async with running(Outbox(store, {"mq": first}, texts, clock)):
            await asyncio.sleep(1)
        async with running(Outbox(store, {"mq": second}, texts, clock)):
            await asyncio.sleep(1)
        assert numbers(second) == [1]


@virtual_time
async def test_a_wall_clock_set_back_holds_back_no_notice(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as store:
        channel = Recorder(clock, [Later("away"), Later("away")])
        await commit(store, 1, "mq")
        async with running(Outbox(store, {"mq": channel}, texts, clock)):
            await asyncio.sleep(0.5)
            clock.step(timedelta(hours=-6))
            await asyncio.sleep(10)
        assert channel.gaps_s == [1, 2]
        assert numbers(channel) == [1]


@virtual_time
async def test_stopping_finishes_the_delivery_in_hand(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as store:
        channel = Recorder(clock, takes_s=3)
        await commit(store, 3, "mq")
        async with running(Outbox(store, {"mq": channel}, texts, clock)):
            await asyncio.sleep(4)  # the second one is in hand
        assert numbers(channel) == [1, 2]
        assert await store.outstanding() == 1
        assert clock.tick() == pytest.approx(6)


@virtual_time
async def test_stopping_by_a_group_that_ends(tmp_path: Path) -> None:
    """As the daemon does it: the group's task is cancelled, and the group cancels the outbox."""
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as store:
        channel = Recorder(clock, takes_s=3)
        outbox = Outbox(store, {"mq": channel}, texts, clock)

        async def daemon() -> None:
            async with asyncio.TaskGroup() as group:
                task = group.create_task(outbox.run())
                try:
                    await asyncio.Event().wait()
                finally:
                    task.cancel()

        await commit(store, 3, "mq")
        running_daemon = asyncio.create_task(daemon())
        await asyncio.sleep(4)
        running_daemon.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running_daemon
        assert numbers(channel) == [1, 2]
        assert clock.tick() == pytest.approx(6)


@virtual_time
async def test_stopping_has_a_deadline(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as store:
        channel = Recorder(clock, takes_s=29)
        await commit(store, 1, "mq")
        async with running(Outbox(store, {"mq": channel}, texts, clock, stop_s=10)):
            await asyncio.sleep(1)
        assert clock.tick() == pytest.approx(11)
        assert channel.told == []
        assert await store.outstanding() == 1


@virtual_time
async def test_many_wakes_are_one_look(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as real:
        store, channel = Flaky(real), Recorder(clock)
        async with running(Outbox(store, {"mq": channel}, texts, clock)) as outbox:
            await asyncio.sleep(1)
            before = store.looks
            for _ in range(1000):
                outbox.wake()
            await asyncio.sleep(1)
            assert store.looks == before + 1
            await asyncio.sleep(HOUR)
            assert store.looks <= before + 62  # once a minute while nothing happens


@virtual_time
async def test_a_resting_channel_is_not_looked_up(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as real:
        store, channel = Flaky(real), Recorder(clock, [Later("away", after_s=300)] * 99)
        await commit(store, 50, "mq")
        async with running(Outbox(store, {"mq": channel}, texts, clock)) as outbox:
            for _ in range(1000):
                await asyncio.sleep(0.1)
                outbox.wake()
            assert store.looks == 1


@virtual_time
async def test_said_past_the_store_and_at_once(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as real:
        store = Flaky(real, reads_down=True, writes_down=True)
        good, bad = Recorder(clock), Recorder(clock, [Never("expected 2xx (got 404)")])
        outbox = Outbox(store, {"mq": good, "hook": bad}, texts, clock)
        async with running(outbox):
            wrong = await outbox.say("store_down", {"text": "disk is full"})
            assert await outbox.say("test", {}, "hook") == []
    assert wrong == ["hook: expected 2xx (got 404)"]
    assert [text for _, text in good.told] == [
        "【存储不可用】无法写入存储（disk is full）：轮询和指标照常，但在恢复之前不开工单、不改工单"
    ]
    assert bad.told[0][1].startswith("【测试】")
