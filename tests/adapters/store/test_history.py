"""Hours add up whatever the order; what is old goes, tickets and journal never do."""

import math
from array import array
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from secmon.api import Hour, Role, Trace
from tests.adapters.store.made import NOW, change, ended, entry, notice, store, ticket

HOUR = timedelta(hours=1)
ONE = Hour("sw-1", "", "temperature_celsius", NOW, low=20.5, high=21.0, total=41.5, count=2)
DAYS = timedelta(days=1)


async def test_hours_of_one_reading_come_back_in_order(tmp_path: Path) -> None:
    hours = [replace(ONE, at=NOW + n * HOUR, part=part) for n in range(3) for part in ("a", "b")]
    async with store(tmp_path) as kept:
        await kept.add_hours(hours[::-1])
        await kept.add_hours([replace(ONE, device="sw-2"), replace(ONE, reading="humidity_ratio")])
        read = await kept.hours("sw-1", "temperature_celsius", NOW, NOW + 2 * HOUR)
        assert read == hours[:4]


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=6))
async def test_pieces_of_an_hour_are_merged(tmp_path_factory: object, values: list[int]) -> None:
    folder: Path = tmp_path_factory.mktemp("merge")  # type: ignore[attr-defined]
    async with store(folder) as kept:
        for value in values:
            await kept.add_hours([replace(ONE, low=value, high=value, total=value, count=1)])
        (whole,) = await kept.hours("sw-1", "temperature_celsius", NOW, NOW + HOUR)
    expected = (min(values), max(values), sum(values), len(values))
    assert (whole.low, whole.high, whole.total, whole.count) == expected


async def test_sums_that_are_no_number_are_left_out(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        await kept.add_hours([replace(ONE, total=math.nan), replace(ONE, high=math.inf)])
        assert await kept.hours("sw-1", ONE.reading, NOW, NOW + HOUR) == []


async def test_what_is_old_goes(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        opened = await kept.commit(
            change(
                ticket(),
                entries=(entry("t-1"),),
                effects=(notice(ticket()), notice(ticket(), "hook")),
                evidence={"t-1": b"x"},
            )
        )
        await kept.commit(change(ended(opened.tickets["t-1"])))
        rows = await kept.pending(NOW, 10)
        await kept.settle([rows[0].id], "told", None)
        await kept.add_hours([replace(ONE, at=NOW + n * HOUR) for n in range(5)])
        await kept.add_user("bot", Role.VIEWER)
        await kept.add_token("bot", "short", "b" * 64, NOW + HOUR)

        async def left(at: datetime) -> tuple[int, int, int, int]:
            await kept.prune(at, history_for=400 * DAYS, pictures=90 * DAYS)
            sizes = {size.table: size.rows for size in await kept.sizes()}
            assert (sizes["ticket"], sizes["journal"]) == (1, 1)
            return sizes["hour"], sizes["evidence"], sizes["outbox"], sizes["token"]

        assert await left(NOW) == (5, 1, 2, 1)
        assert await left(NOW + 40 * DAYS) == (5, 1, 1, 0)
        assert await left(NOW + 91 * DAYS) == (5, 0, 1, 0)
        assert await left(NOW + 400 * DAYS + 3 * HOUR) == (2, 0, 1, 0)
        assert await kept.outstanding() == 1


# --- five minutes ---


class Hand:
    """A clock that a test sets."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def tick(self) -> float:
        return (self.at - NOW).total_seconds()


def trace(at: datetime, *numbers: float, device: str = "sw-1", probe: str = "snmp") -> Trace:
    series = (("temperature_celsius", "柜内"), ("interface_up", "GE1/0/1"))
    return Trace(device, probe, at, series, array("f", numbers))


async def test_a_trace_comes_back_and_is_written_over(tmp_path: Path) -> None:
    hand = Hand(NOW)
    async with store(tmp_path, clock=hand) as kept:
        await kept.put_traces([trace(NOW, 1, 2, 3), trace(NOW, 0, device="sw-2")])
        grown = trace(NOW, 1, 2, 3, math.nan, 5, 6.5)
        await kept.put_traces([grown, trace(NOW + HOUR, 7), trace(NOW + HOUR, 8, probe="icmp")])
        read = await kept.traces("sw-1", NOW + HOUR / 2, NOW + 2 * HOUR)
        assert [(one.at, one.probe) for one in read] == [
            (NOW, "snmp"),
            (NOW + HOUR, "icmp"),
            (NOW + HOUR, "snmp"),
        ]
        assert read[0].series == grown.series and read[0].numbers.tobytes() == (
            grown.numbers.tobytes()
        )
        assert [one.at for one in await kept.traces("sw-1", NOW, NOW + HOUR)] == [NOW]


async def test_traces_live_for_two_days(tmp_path: Path) -> None:
    hand = Hand(NOW)
    async with store(tmp_path, clock=hand) as kept:
        await kept.put_traces([trace(NOW + n * HOUR, 1, device=f"d-{n}") for n in range(6)])
        hand.at = NOW + 52 * HOUR + HOUR / 2
        await kept.put_traces([trace(hand.at, 1)])  # takes two of the five old starts along
        assert {size.table: size.rows for size in await kept.sizes()}["trace"] == 5
        await kept.prune(hand.at, history_for=400 * DAYS, pictures=90 * DAYS)
        assert {size.table: size.rows for size in await kept.sizes()}["trace"] == 2
