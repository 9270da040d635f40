"""Digests in virtual time, over the real store: a channel with little room joins what waits."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from secmon.adapters.notify.allowance import Allowance, Window
from secmon.api import Clock, Delivery, Later, Missed, Never, Role
from secmon.core.model import Notice
from secmon.shell.outbox import Outbox
from tests.shell.told import Flaky, a_store, commit, opened, running, texts
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


@virtual_time
async def test_few_notices_are_told_singly_and_at_once(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as store:
        robot = Robot(clock)
        await commit(store, 5, "ding")
        async with running(Outbox(store, {"ding": robot}, texts, clock)):
            await asyncio.sleep(0.01)
        assert [len(numbers) for _, numbers, _ in robot.messages] == [1] * 5


@virtual_time
async def test_many_are_joined_and_the_limit_is_kept(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as store:
        robot = Robot(clock)
        await commit(store, 500, "ding")
        async with running(Outbox(store, {"ding": robot}, texts, clock)):
            await asyncio.sleep(1)
            assert await store.outstanding() == 0
        assert sorted(robot.told) == [f"WX-2026-{n:04d}" for n in range(1, 501)]
        assert len(robot.messages) <= 18
        first = robot.messages[0][2]
        assert first.startswith(
            "【汇总】 200 条通知\n【重大】机房温度过高：主机房（一层） WX-2026-00"
        )
        assert "条，请在工单列表中查看" in first


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
async def test_only_what_is_meant_for_the_same_people_is_joined(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with a_store(tmp_path, clock) as store:
        for name in ("wang", "li"):
            await store.add_user(name, Role.OPERATOR)
        for number in range(1, 41):
            name = "wang" if number % 2 else "li"
            notice = Notice("ding", f"t{number}", "opened", clock.now(), people=(name,))
            await store.commit(replace(opened(number), effects=(notice,)))
        robot = Robot(clock)
        async with running(Outbox(store, {"ding": robot}, texts, clock)):
            await asyncio.sleep(1)
        odd = [f"WX-2026-{n:04d}" for n in range(1, 41, 2)]
        assert robot.messages[0][1] == odd
        assert len(robot.told) == 40


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
