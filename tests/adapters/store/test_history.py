"""Hours add up whatever the order; what is old goes, tickets and journal never do."""

import math
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from secmon.api import Hour, Role
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
