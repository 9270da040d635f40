"""Digests in virtual time, over the real store: a channel with little room joins what waits."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from secmon.adapters.notify.allowance import Allowance, Window
from secmon.adapters.notify.recipients import joined
from secmon.api import Change, Clock, Delivery, Later, Missed, Never, Role, Store
from secmon.core.model import Notice, Severity
from secmon.shell.outbox import Outbox
from tests.shell.told import Flaky, Recorder, a_store, commit, opened, running, texts
from tests.virtual import VirtualClock, virtual_time


@dataclass
class Robot:
    """A channel with the allowance of DingTalk; `answers` are raised one per message."""

    clock: Clock
    answers: list[Exception | None] = field(default_factory=list)
    refuses: str = ""  # Never for a message that tells of this ticket
    longest: int = 2048
    allowance: Allowance = field(default_factory=lambda: Allowance([Window(18, 60.0)]))
    messages: list[tuple[float, list[str], str]] = field(default_factory=list)

    def room(self) -> tuple[int, float]:
        return self.allowance.room(self.clock.tick())

    async def send(self, delivery: Delivery, text: str) -> None:
        await self.send_many([delivery], text)

    async def send_many(self, deliveries: Sequence[Delivery], text: str) -> None:
        numbers = [str(one.ticket["number"]) for one in deliveries]
        self.allowance.take(self.clock.tick())
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        if self.refuses in numbers:
            raise Never("keywords not in content")
        assert len(text.encode()) <= self.longest
        self.messages.append((self.clock.tick(), numbers, text))

    @property
    def told(self) -> list[str]:
        return [number for _, numbers, _ in self.messages for number in numbers]


@asynccontextmanager
async def at_work(robot: Robot, store: Store, clock: Clock, **more: Any) -> AsyncIterator[Outbox]:
    """The outbox after its start: something was told, and a quiet minute has passed."""
    async with running(Outbox(store, {"ding": robot}, texts, clock, **more)) as outbox:
        await store.commit(opened(9999, "ding"))
        outbox.wake()
        await asyncio.sleep(100)
        robot.messages.clear()
        yield outbox


async def storm(store: Store, outbox: Outbox, clock: Clock, count: int, seconds: float) -> None:
    """So many tickets open, evenly within so many seconds."""
    for number in range(1, count + 1):
        await commit(store, 1, "ding", first=number, at=clock.now())
        outbox.wake()
        await asyncio.sleep(seconds / count)


def times(robot: Robot, since: float = 100.0) -> list[tuple[float, int]]:
    """(seconds, how many notices) of each message."""
    return [(round(at - since, 1), len(numbers)) for at, numbers, _ in robot.messages]


@virtual_time
async def test_few_notices_are_told_at_once_and_then_together(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as store:
        robot = Robot(clock)
        async with at_work(robot, store, clock) as outbox:
            await commit(store, 5, "ding", at=clock.now())
            outbox.wake()
            await asyncio.sleep(30)
        assert times(robot) == [(0.0, 1), (5.0, 4)]


@pytest.mark.parametrize(
    ("within", "expected"),
    [
        (1.0, [(0.0, 1), (5.0, 499)]),
        (30.0, [(0.0, 1), (5.0, 83), (60.0, 416)]),
        (200.0, [(0.0, 1), (5.0, 12), (60.0, 138), (120.0, 150), (180.0, 150), (240.0, 49)]),
    ],
    ids=["a second", "half a minute", "minutes"],
)
@virtual_time
async def test_five_hundred_faults(within: float, expected: object, tmp_path: Path) -> None:
    """The first at once, then after 5 s, after a minute, and every minute while it lasts."""
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as store:
        robot = Robot(clock)
        async with at_work(robot, store, clock) as outbox:
            await storm(store, outbox, clock, 500, within)
            await asyncio.sleep(301 - within)
            assert await store.outstanding() == 0
        found = times(robot)
        assert [at for at, _ in found] == [at for at, _ in expected]  # type: ignore[attr-defined]
        assert sum(count for _, count in found) == 500
        assert sum(at < 60 for at, _ in found) <= 3
        text = robot.messages[1][2]
        assert text.startswith(
            f"【汇总】 {found[1][1]} 条通知，重大 {found[1][1]}\n监控中心 · 一层"
        )


@virtual_time
async def test_what_waited_for_a_start_is_told_at_once_and_together(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as store:
        robot = Robot(clock)
        await commit(store, 500, "ding")
        async with running(Outbox(store, {"ding": robot}, texts, clock)):
            await asyncio.sleep(1)
            assert await store.outstanding() == 0
        assert times(robot, 0.0) == [(0.0, 500)]


@virtual_time
async def test_the_first_one_is_the_one_that_says_most(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as store:
        robot = Robot(clock)
        async with at_work(robot, store, clock) as outbox:
            for number in range(1, 21):
                made = opened(number, "ding", at=clock.now())
                (one,) = made.tickets.values()
                if number == 12:
                    one = replace(one, suppressed=("cam-1", "cam-2"), severity=Severity.MINOR)
                if number == 15:
                    one = replace(one, severity=Severity.CRITICAL)
                await store.commit(replace(made, tickets={one.id: one}))
            outbox.wake()
            await asyncio.sleep(30)
        assert robot.messages[0][1] == ["WX-2026-0013"]  # ticket 12: one opened before it
        second = robot.messages[1][2].splitlines()
        assert "紧急 1" in second[0] and "【紧急】" in second[1]


def overdue(number: int, clock: Clock) -> Change:
    notice = Notice("ding", f"t{number}", "overdue", clock.now(), {"clock": "respond"})
    return Change(at=clock.now(), effects=(notice,))


@virtual_time
async def test_what_is_urgent_waits_for_five_seconds_at_most(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as store:
        robot = Robot(clock)
        async with at_work(robot, store, clock) as outbox:
            await storm(store, outbox, clock, 100, 10.0)
            for number, second in enumerate((13.0, 31.5, 33.0), 1):
                await asyncio.sleep(100 + second - clock.tick())
                await store.commit(overdue(number, clock))
                outbox.wake()
            await asyncio.sleep(60)
        told = [at for at, _ in times(robot)]
        assert told[:2] == [0.0, 5.0] and len(told) <= 5
        for second in (13.0, 31.5, 33.0):
            assert any(second <= at <= second + 5 for at in told), told


@virtual_time
async def test_after_an_outage_the_present_state_is_told_once(tmp_path: Path) -> None:
    """1 opened and cleared, 2 opened, cleared and came again, 3 opened and grew graver: while the
    channel was away."""
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as store:
        robot = Robot(clock)
        async with at_work(robot, store, clock) as outbox:
            robot.answers = [Later("away")] * 5
            for number, reason in (
                (1, "cleared"),
                (2, "cleared"),
                (2, "relapsed"),
                (3, "deepened"),
                (9999, "cleared"),
            ):
                known = f"t{number}"
                if number != 9999 and not await store.tickets_by_id([known]):
                    await store.commit(opened(number, "ding", at=clock.now()))
                said = Notice("ding", known, reason, clock.now())
                await store.commit(Change(at=clock.now(), effects=(said,)))
                outbox.wake()
                await asyncio.sleep(5)
            await asyncio.sleep(100)
            assert await store.outstanding() == 0
        ((_, numbers, text),) = robot.messages
        assert len(numbers) == 8, "all of them are settled"
        assert text.splitlines() == [
            "【汇总】 3 条通知",
            "【重大·再次发生】机房温度过高：主机房（一层） WX-2026-0003",
            "【重大·原因更新】机房温度过高：主机房（一层） WX-2026-0004",
            "【重大·已恢复】机房温度过高：主机房（一层） WX-2026-0001",
            "另有 1 起故障已自行恢复",
        ]


@virtual_time
async def test_one_ticket_in_several_states_is_told_as_it_is_now(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as store:
        robot = Robot(clock)
        await store.commit(opened(1, "ding"))
        for reason in ("cleared", "relapsed"):
            said = Notice("ding", "t1", reason, clock.now())
            await store.commit(Change(at=clock.now(), effects=(said,)))
        async with running(Outbox(store, {"ding": robot}, texts, clock)):
            await asyncio.sleep(1)
            assert await store.outstanding() == 0
        ((_, _, text),) = robot.messages
        assert text.startswith("【重大·再次发生】") and "响应" in text


@virtual_time
async def test_a_program_gets_each_in_order_whatever_happens(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as store:
        hook = Recorder(clock, answers=[Later("away")] * 3)
        await commit(store, 300, "hook")
        async with running(Outbox(store, {"hook": hook}, texts, clock)):
            await asyncio.sleep(30)
        assert hook.keys == [f"WX-2026-{n:04d}/1/opened/hook" for n in range(1, 301)]


@virtual_time
async def test_a_digest_that_was_not_settled_is_repeated_as_it_was(tmp_path: Path) -> None:
    """A crash between the message and its settling: after the start the same ones go together, so
    the mail has the same key."""
    clock, keys = VirtualClock(), list[str]()

    class Mail(Robot):
        async def send_many(self, deliveries: Sequence[Delivery], text: str) -> None:
            await super().send_many(deliveries, text)
            keys.append(joined(deliveries).key)

    async with a_store(tmp_path, clock) as real:
        store, mail = Flaky(real, writes_down=True), Mail(clock)
        await commit(real, 20, "ding")
        async with running(Outbox(store, {"ding": mail}, texts, clock, stop_s=0.1)):
            await asyncio.sleep(3)
        assert len(keys) == 1
        store.writes_down = False
        async with running(Outbox(store, {"ding": mail}, texts, clock)):
            await asyncio.sleep(3)
            assert await store.outstanding() == 0
        assert len(keys) == 2 and keys[0] == keys[1]


@virtual_time
async def test_a_notice_every_second_for_four_minutes(tmp_path: Path) -> None:
    """Never more than the robot may take in any minute, and nobody waits for more than that."""
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as store:
        robot = Robot(clock)
        async with running(Outbox(store, {"ding": robot}, texts, clock)) as outbox:
            for number in range(1, 241):
                await commit(store, 1, "ding", first=number)
                outbox.wake()
                await asyncio.sleep(1)
            await asyncio.sleep(60)
        times = [at for at, _, _ in robot.messages]
        for start in times:
            assert sum(start <= at < start + 60 for at in times) <= 18
        told_at = {number: at for at, numbers, _ in robot.messages for number in numbers}
        assert len(told_at) == 240
        late = [told_at[f"WX-2026-{n:04d}"] - (n - 1) for n in range(1, 241)]
        assert max(late) <= 60


@virtual_time
async def test_a_channel_without_room_rests_and_that_is_no_failure(tmp_path: Path) -> None:
    clock, counted = VirtualClock(), list[tuple[str, str]]()
    async with a_store(tmp_path, clock) as real:
        store, robot = Flaky(real), Robot(clock)
        robot.allowance.rest(0.0, 600.0)
        await commit(store, 3, "ding")
        outbox = Outbox(
            store, {"ding": robot}, texts, clock, count=lambda *pair: counted.append(pair)
        )
        async with running(outbox):
            await asyncio.sleep(599)
            assert robot.messages == []
            assert store.looks < 20, "and the store is not asked over and over"
            await asyncio.sleep(2)
        assert len(robot.told) == 3
        assert set(counted) == {("ding", "told")}


@virtual_time
async def test_what_is_refused_together_is_told_singly(tmp_path: Path) -> None:
    """One notice that the robot does not like takes no other with it."""
    clock, given_up = VirtualClock(), list[str]()
    async with a_store(tmp_path, clock) as store:
        robot = Robot(clock, refuses="WX-2026-0007")
        robot.allowance = Allowance([Window(4, 60.0)])
        await commit(store, 10, "ding")
        outbox = Outbox(
            store, {"ding": robot}, texts, clock, gave_up=lambda row, _: given_up.append(row.key)
        )
        async with running(outbox):
            await asyncio.sleep(600)
            assert await store.outstanding() == 0
        assert sorted(robot.told) == [f"WX-2026-{n:04d}" for n in range(1, 11) if n != 7]
        assert given_up == ["WX-2026-0007/1/opened/ding"]
        assert [row.why for row in await store.given_up()] == ["keywords not in content"]


@virtual_time
async def test_a_digest_that_waits_is_settled_as_a_whole(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as store:
        robot = Robot(clock, answers=[Later("busy", after_s=30)])
        await commit(store, 40, "ding")
        async with running(Outbox(store, {"ding": robot}, texts, clock)):
            await asyncio.sleep(10)
            assert robot.messages == []
            waiting = await store.pending(clock.now().replace(year=2030), 100)
            assert {row.tries for row in waiting} == {1}
            await asyncio.sleep(25)
        assert [len(numbers) for _, numbers, _ in robot.messages] == [40]


@virtual_time
async def test_a_digest_is_meant_for_all_whom_its_notices_are_meant_for(tmp_path: Path) -> None:
    clock, named = VirtualClock(), list[set[str]]()

    class Group(Robot):
        async def send_many(self, deliveries: Sequence[Delivery], text: str) -> None:
            await super().send_many(deliveries, text)
            named.append({one.user for one in joined(deliveries).people})

    async with a_store(tmp_path, clock) as store:
        for name in ("wang", "li"):
            await store.add_user(name, Role.OPERATOR)
        for number in range(1, 41):
            name = "wang" if number % 2 else "li"
            notice = Notice("ding", f"t{number}", "opened", clock.now(), people=(name,))
            await store.commit(replace(opened(number), effects=(notice,)))
        robot = Group(clock)
        async with running(Outbox(store, {"ding": robot}, texts, clock)):
            await asyncio.sleep(1)
        assert len(robot.told) == 40 and named == [{"wang", "li"}]


@virtual_time
async def test_of_a_digest_only_those_who_were_missed_are_told_on(tmp_path: Path) -> None:
    clock, given_up = VirtualClock(), list[tuple[str, tuple[str, ...]]]()
    async with a_store(tmp_path, clock) as store:
        for name in ("wang", "li"):
            await store.add_user(name, Role.OPERATOR)
        for number, name in ((1, "wang"), (2, "li")):
            notice = Notice("ding", f"t{number}", "opened", clock.now(), people=(name,))
            await store.commit(replace(opened(number), effects=(notice,)))
        robot = Robot(clock, answers=[Missed("li has no address", ["li"])])
        outbox = Outbox(
            store,
            {"ding": robot},
            texts,
            clock,
            gave_up=lambda row, _: given_up.append((row.notice.subject, row.notice.people)),
        )
        async with running(outbox):
            await asyncio.sleep(1)
        assert given_up == [("t2", ("li",))]


@virtual_time
async def test_who_could_not_be_reached_is_said_and_nobody_else_is_told_twice(
    tmp_path: Path,
) -> None:
    clock, given_up = VirtualClock(), list[tuple[tuple[str, ...], str]]()
    async with a_store(tmp_path, clock) as store:
        for name in ("wang", "li"):
            await store.add_user(name, Role.OPERATOR)
        notice = Notice("mail", "t1", "opened", clock.now(), people=("wang", "li"))
        await store.commit(replace(opened(1), effects=(notice,)))
        mail = Robot(clock, answers=[Missed("li has no address", ["li"])])
        outbox = Outbox(
            store,
            {"mail": mail},
            texts,
            clock,
            gave_up=lambda row, why: given_up.append((row.notice.people, why)),
        )
        async with running(outbox):
            await asyncio.sleep(600)
            assert await store.outstanding() == 0
        assert given_up == [(("li",), "li has no address")]
        assert await store.given_up() == []
