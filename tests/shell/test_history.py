"""Values by the hour and by five minutes: what is summed up and handed over, and that nothing is
lost or counted twice."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from math import isnan
from pathlib import Path

import pytest

from secmon.api import SLOT_S, Hour, StoreDown, Trace
from secmon.core.model import (
    Device,
    Failure,
    Layout,
    Observation,
    Op,
    Policy,
    ProbePlan,
    Reason,
    Rule,
    Sla,
    Word,
)
from secmon.shell import history
from secmon.shell.history import Recorder
from secmon.shell.traces import SERIES
from tests.shell.told import a_store
from tests.virtual import VirtualClock, virtual_time

AT = datetime(2026, 11, 1, 8, 50, tzinfo=UTC)
Row = tuple[float, float, float]
LATER = AT + timedelta(days=30)  # whatever ran is over
ROOM = Layout(("temperature_celsius", "temperature_celsius", "door_open"), ("in", "out", ""))
HALF_HOUR = timedelta(minutes=30)
PROBES = tuple(ProbePlan(label, label, 30, 5) for label in ("snmp", "modbus"))
DEVICE = Device("room", "主机房", "center", "machine-room", probes=PROBES)
AJAR = Rule("ajar", "door_open", Op.IS, True)


def word(name: str, log: bool) -> Word:
    return Word(name, name, {}, "", "gauge", log, 0, False, False, "", {})


WORDS = {
    w.name: w
    for w in (
        word("temperature_celsius", True),
        word("door_open", False),
        word("humidity_ratio", False),
    )
}


def policy(*rules: Rule) -> Policy:
    sla = Sla(HALF_HOUR, HALF_HOUR, HALF_HOUR)
    return Policy("lab", "Asia/Shanghai", sla, {"room": DEVICE}, rules, (), WORDS)


def seen(minutes: float, *values: float, layout: Layout = ROOM, probe: str = "snmp") -> Observation:
    at = AT + timedelta(minutes=minutes)
    return Observation("room", probe, at, minutes * 60, layout, [*values, False])


class Disk:
    """Takes the hours, or is away."""

    def __init__(self) -> None:
        self.away = False
        self.hours: list[Hour] = []
        self.traces: dict[tuple[str, datetime], Trace] = {}

    async def add(self, hours: Sequence[Hour]) -> None:
        if self.away:
            raise StoreDown("no disk")
        self.hours += hours

    async def put(self, traces: Sequence[Trace]) -> None:
        if self.away:
            raise StoreDown("no disk")
        self.traces |= {(one.probe, one.at): one for one in traces}


def recorder(disk: Disk, *rules: Rule) -> Recorder:
    return Recorder(policy(*rules), VirtualClock(start=LATER), disk.add, disk.put)


def rows_of(traces: Iterable[Trace], reading: str, part: str = "") -> dict[int, Row]:
    """Minutes since AT → (lowest, highest, mean), where there is something."""
    found: dict[int, Row] = {}
    for one in traces:
        if (reading, part) not in one.series:
            continue
        width, place = len(one.series), one.series.index((reading, part))
        assert len(one.numbers) % (3 * width) == 0 and len(one.numbers) <= 12 * 3 * width
        for slot in range(len(one.numbers) // (3 * width)):
            low, high, mean = one.numbers[3 * (slot * width + place) :][:3]
            if not isnan(low):
                minute = round((one.at - AT).total_seconds() / 60) + 5 * slot
                assert minute not in found, "the same five minutes twice"
                found[minute] = (low, high, mean)
    return found


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
        book = Recorder(policy(), clock, store.add_hours, store.put_traces)
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
    book = Recorder(policy(), clock, slow, Disk().put)
    async with asyncio.TaskGroup() as tasks:  # raises if it does
        running = tasks.create_task(book.run())
        await asyncio.sleep(1)
        book.observe(seen(0, 20, 5))
        running.cancel()
        await asyncio.wait((running,))
        assert clock.tick() == pytest.approx(3)
    assert "the last values are lost" in caplog.text


@virtual_time
async def test_what_is_being_flushed_when_the_end_comes_is_flushed(tmp_path: Path) -> None:
    clock = VirtualClock(start=AT)
    async with a_store(tmp_path, clock) as store, asyncio.TaskGroup() as tasks:
        waits = [10.0, 0.0]

        async def slow_once(hours: Sequence[Hour]) -> None:
            await asyncio.sleep(waits.pop(0))
            await store.add_hours(hours)

        book = Recorder(policy(), clock, slow_once, store.put_traces)
        running = tasks.create_task(book.run())
        await asyncio.sleep(1)
        book.observe(seen(0, 20, 5))
        await asyncio.sleep(SLOT_S + 20)
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


# --- five minutes ---


async def test_what_is_judged_or_logged_is_kept_by_five_minutes() -> None:
    disk = Disk()
    book = recorder(disk, AJAR)
    layout = Layout(
        ("temperature_celsius", "temperature_celsius", "humidity_ratio", "door_open"),
        ("in", "out", "", ""),
    )

    def poll(minutes: float, inside: float, door: bool) -> None:
        at = AT + timedelta(minutes=minutes)
        values = [inside, 5, 0.5, door]
        book.observe(Observation("room", "snmp", at, minutes * 60, layout, values))

    for minutes, inside, door in ((0, 20, False), (1, 26, True), (4.9, 20, False), (5, 21, False)):
        poll(minutes, inside, door)
    late, failure = AT + timedelta(minutes=6), Failure(Reason.TIMEOUT, "-")
    book.observe(Observation("room", "snmp", late, 360, failure=failure))
    poll(16, 30, True)  # nobody asked for two times five minutes
    await book.flush(running=True)
    kept = disk.traces.values()
    assert {(one.device, one.probe) for one in kept} == {("room", "snmp")}
    assert rows_of(kept, "temperature_celsius", "in") == {
        0: (20, 26, 22),
        5: (21, 21, 21),
        15: (30, 30, 30),
    }
    ajar = rows_of(kept, "door_open")
    assert ajar[0] == pytest.approx((0, 1, 1 / 3)) and ajar[15] == (1, 1, 1)
    assert rows_of(kept, "humidity_ratio") == {}, "no rule speaks of it"


async def test_polls_that_failed_are_seen_and_our_own_bugs_are_not() -> None:
    disk = Disk()
    book = recorder(disk)

    def failed(minutes: float, reason: Reason) -> None:
        at = AT + timedelta(minutes=minutes)
        failure = Failure(reason, "no answer")
        book.observe(Observation("room", "snmp", at, minutes * 60, failure=failure))

    failed(0, Reason.TIMEOUT)  # before anything is known of it
    book.observe(seen(5, 20, 5))
    failed(6, Reason.INTERNAL)
    book.observe(seen(10, 20, 5))
    failed(11, Reason.REFUSED)
    failed(15, Reason.UNREACHABLE)
    failed(20, Reason.INTERNAL)
    await book.flush(running=True)
    kept = disk.traces.values()
    assert rows_of(kept, "probe_success", "snmp") == {
        0: (0, 0, 0),
        5: (1, 1, 1),
        10: (0, 1, 0.5),
        15: (0, 0, 0),
    }
    assert list(rows_of(kept, "temperature_celsius", "in")) == [5, 10]


async def test_a_trace_ends_within_the_hour_and_the_store_has_each_five_minutes_once() -> None:
    disk = Disk()
    book = recorder(disk)
    for slot in range(36):
        book.observe(seen(5 * slot, slot, 5))
        if slot % 7 == 0:
            await book.flush()
    await book.flush(running=True)
    rows = rows_of(disk.traces.values(), "temperature_celsius", "in")
    assert {minute: row[2] for minute, row in rows.items()} == {5 * n: n for n in range(36)}
    assert len(disk.traces) in (3, 4)


async def test_what_is_not_in_the_store_yet_can_be_asked_for() -> None:
    disk = Disk()
    book = recorder(disk)
    book.observe(seen(0, 20, 5))
    book.observe(seen(5, 24, 5))
    book.observe(seen(6, 26, 5))
    found = book.traces("room")
    rows = rows_of(found, "temperature_celsius", "in")
    assert rows == {0: (20, 20, 20), 5: (24, 26, 25)}
    assert book.traces("elsewhere") == []


async def test_five_minutes_wait_for_the_store_too() -> None:
    disk = Disk()
    book = recorder(disk)
    disk.away = True
    for slot in range(30):
        book.observe(seen(5 * slot, slot, 5))
        await book.flush()
    disk.away = False
    await book.flush(running=True)
    rows = rows_of(disk.traces.values(), "temperature_celsius", "in")
    assert {minute: row[2] for minute, row in rows.items()} == {5 * n: n for n in range(30)}


async def test_a_device_that_names_thousands_of_parts_is_bounded() -> None:
    disk = Disk()
    book = recorder(disk)
    many = Layout(("temperature_celsius",) * 5_000, tuple(map(str, range(5_000))))
    book.observe(Observation("room", "snmp", AT, 0, many, [20.0] * 5_000))
    await book.flush(running=True)
    (one,) = disk.traces.values()
    assert len(one.series) == SERIES and len(one.numbers) == 3 * SERIES
    assert len(disk.hours) == 5_000


async def test_another_policy_keeps_other_values() -> None:
    disk = Disk()
    book = recorder(disk)
    book.observe(seen(0, 20, 5))
    book.adopt(policy(AJAR))
    book.observe(seen(5, 20, 5))
    await book.flush(running=True)
    kept = sorted(disk.traces.values(), key=lambda one: one.at)
    assert [("door_open", "") in one.series for one in kept] == [False, True]
    assert sum(hour.count for hour in disk.hours if hour.part == "in") == 2


async def test_a_clock_set_back_begins_another_trace() -> None:
    disk = Disk()
    book = recorder(disk)
    for minutes, inside in ((40, 1), (45, 2), (25, 3), (30, 4), (35, 5)):
        book.observe(seen(minutes, inside, 5))
    await book.flush(running=True)
    rows = rows_of(disk.traces.values(), "temperature_celsius", "in")
    assert {minute: row[2] for minute, row in rows.items()} == {40: 1, 45: 2, 25: 3, 30: 4, 35: 5}
