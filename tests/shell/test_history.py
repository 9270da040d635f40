"""Hourly values: what is summed up and handed over, and that nothing is lost or counted twice."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from secmon.api import Hour, StoreDown
from secmon.core.model import Failure, Layout, Observation, Reason, Word
from secmon.shell import history
from secmon.shell.history import FLUSH, Recorder
from tests.shell.told import a_store
from tests.virtual import VirtualClock, virtual_time

AT = datetime(2026, 11, 1, 8, 50, tzinfo=UTC)
ROOM = Layout(("temperature_celsius", "temperature_celsius", "door_open"), ("in", "out", ""))


def word(name: str, log: bool) -> Word:
    return Word(name, name, {}, "", "gauge", log, 0, False, False, "", {})


WORDS = {w.name: w for w in (word("temperature_celsius", True), word("door_open", False))}


def seen(minutes: float, *values: float, layout: Layout = ROOM, probe: str = "snmp") -> Observation:
    at = AT + timedelta(minutes=minutes)
    return Observation("room", probe, at, minutes * 60, layout, [*values, False])


class Disk:
    """Takes the hours, or is away."""

    def __init__(self) -> None:
        self.away = False
        self.hours: list[Hour] = []

    async def add(self, hours: Sequence[Hour]) -> None:
        if self.away:
            raise StoreDown("no disk")
        self.hours += hours


def recorder(disk: Disk) -> Recorder:
    return Recorder(WORDS, VirtualClock(), disk.add)


def row(part: str, start: datetime, *sums: float) -> Hour:
    """`sums`: low, high, total, count."""
    low, high, total, count = sums
    return Hour("room", part, "temperature_celsius", start, low, high, total, int(count))


async def test_sums_logged_readings_by_the_hour() -> None:
    disk = Disk()
    book = recorder(disk)
    for minutes, inside, outside in ((0, 20, 5.5), (5, 22, 4), (9, 21, 6), (10, 30, 7)):
        book.observe(seen(minutes, inside, outside))
    await book.flush()
    eight, nine = AT.replace(minute=0), AT.replace(hour=9, minute=0)
    assert sorted(disk.hours, key=lambda h: (h.at, h.part)) == [
        row("in", eight, 20, 22, 63, 3),
        row("out", eight, 4, 6, 15.5, 3),
        row("in", nine, 30, 30, 30, 1),
        row("out", nine, 7, 7, 7, 1),
    ]


async def test_nothing_is_handed_over_twice_or_for_a_failed_poll() -> None:
    disk = Disk()
    book = recorder(disk)
    failure = Failure(Reason.TIMEOUT, "no answer")
    book.observe(Observation("room", "snmp", AT, 0, failure=failure))
    await book.flush()
    assert disk.hours == []
    book.observe(seen(0, 1, 2))
    await book.flush()
    await book.flush()
    assert len(disk.hours) == 2


async def test_a_new_layout_and_a_second_probe_add_to_the_same_hour() -> None:
    disk = Disk()
    book = recorder(disk)
    other = Layout(("temperature_celsius", "door_open"), ("in", ""))
    book.observe(seen(0, 20, 5))
    book.observe(seen(1, 26, layout=other))
    book.observe(seen(2, 10, layout=other, probe="modbus"))
    await book.flush()
    assert row("in", AT.replace(minute=0), 10, 26, 56, 3) in disk.hours
    assert len(disk.hours) == 2


async def test_waits_while_the_store_is_away() -> None:
    disk = Disk()
    book = recorder(disk)
    disk.away = True
    book.observe(seen(0, 20, 5))
    await book.flush()
    disk.away = False
    book.observe(seen(1, 24, 7))
    await book.flush()
    eight = AT.replace(minute=0)
    assert disk.hours == [row("in", eight, 20, 24, 44, 2), row("out", eight, 5, 7, 12, 2)]


async def test_a_clock_set_back_an_hour_is_the_earlier_hour() -> None:
    disk = Disk()
    book = recorder(disk)
    book.observe(seen(15, 20, 5))
    book.observe(seen(0, 30, 6))
    await book.flush()
    assert {hour.at.hour for hour in disk.hours} == {8, 9}


# --- at work, over the real store ------------------------------------------------------------


@virtual_time
async def test_at_work_it_flushes_every_five_minutes_and_at_the_end(tmp_path: Path) -> None:
    clock = VirtualClock(start=AT)
    async with a_store(tmp_path, clock) as store, asyncio.TaskGroup() as tasks:
        book = Recorder(WORDS, clock, store.add_hours)
        running = tasks.create_task(book.run())

        async def kept() -> list[tuple[int, float, int]]:
            rows = await store.hours("room", "temperature_celsius", AT - timedelta(1), clock.now())
            return [(row.at.hour, row.total, row.count) for row in rows if row.part == "in"]

        await asyncio.sleep(1)
        for poll in range(59):  # until 9:19:31
            book.observe(seen(poll / 2, 20, 5))
            await asyncio.sleep(30)
        assert await kept() == [(8, 400, 20), (9, 600, 30)], "the last flush was at 9:15"
        running.cancel()
        await asyncio.wait((running,))
        assert await kept() == [(8, 400, 20), (9, 780, 39)]
        assert running.cancelled()


@virtual_time
async def test_a_store_that_is_too_slow_at_the_end_does_not_make_the_end_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def slow(_: Sequence[Hour]) -> None:
        await asyncio.sleep(60)

    clock = VirtualClock()
    book = Recorder(WORDS, clock, slow)
    async with asyncio.TaskGroup() as tasks:  # raises if it does
        running = tasks.create_task(book.run())
        await asyncio.sleep(1)
        book.observe(seen(0, 20, 5))
        running.cancel()
        await asyncio.wait((running,))
        assert clock.tick() == pytest.approx(3)
    assert "the last hourly values are lost" in caplog.text


@virtual_time
async def test_what_is_being_flushed_when_the_end_comes_is_flushed(tmp_path: Path) -> None:
    clock = VirtualClock(start=AT)
    async with a_store(tmp_path, clock) as store, asyncio.TaskGroup() as tasks:
        waits = [10.0, 0.0]

        async def slow_once(hours: Sequence[Hour]) -> None:
            await asyncio.sleep(waits.pop(0))
            await store.add_hours(hours)

        book = Recorder(WORDS, clock, slow_once)
        running = tasks.create_task(book.run())
        await asyncio.sleep(1)
        book.observe(seen(0, 20, 5))
        await asyncio.sleep(FLUSH)
        running.cancel()
        await asyncio.wait((running,))
        rows = await store.hours("room", "temperature_celsius", AT - timedelta(1), clock.now())
        assert [(row.part, row.total, row.count) for row in rows] == [("in", 20, 1), ("out", 5, 1)]


async def test_what_waits_for_the_store_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "WAITING", 10)
    disk = Disk()
    book = recorder(disk)
    disk.away = True
    for hour in range(100):
        book.observe(seen(60 * hour, hour, 5))
        await book.flush()
    disk.away = False
    await book.flush()
    assert len(disk.hours) <= 10
    assert disk.hours[-1].at == AT.replace(minute=0) + timedelta(hours=99), "the newest stay"
