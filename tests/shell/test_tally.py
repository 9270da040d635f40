"""The minutes that the month's figures are made of: counted once, kept, none lost to the disk."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from secmon.api import StoreDown
from secmon.core.kpi import Watched
from secmon.core.model import Device
from secmon.shell.tally import FLUSH, Tally
from tests.core.world import Site, device, policy
from tests.shell.told import a_store
from tests.virtual import VirtualClock, virtual_time

LAST_MINUTES = datetime(2026, 11, 30, 15, 50, tzinfo=UTC)  # ten minutes to December at Shanghai


def a_site() -> Site:
    site = Site(policy([device("sw"), device("other", system="video")]))
    site.good("sw", 0)
    site.fails("other", 0)
    return site


def tally(site: Site, clock: VirtualClock, keep, counts=lambda _: True) -> Tally:
    return Tally(lambda: (site.world, site.policy), clock, keep, counts)


@virtual_time
async def test_a_look_a_minute_each_in_its_own_month(tmp_path: Path) -> None:
    clock, site = VirtualClock(LAST_MINUTES), a_site()
    async with a_store(tmp_path, clock) as store, asyncio.TaskGroup() as tasks:
        running = tasks.create_task(tally(site, clock, store.add_watched).run())
        await asyncio.sleep(20 * 60 + 1)  # looks at 1 … 20 minutes: nine in November
        running.cancel()
        await asyncio.wait([running])
        november, december = await store.watched("2026-11"), await store.watched("2026-12")
    assert november == [
        Watched("other", "video", "2026-11", looks=9, intact=9, asked=9, online=0),
        Watched("sw", "network", "2026-11", looks=9, intact=9, asked=9, online=9),
    ]
    assert [row.looks for row in december] == [11, 11]


@virtual_time
async def test_minutes_of_planned_work_do_not_count(tmp_path: Path) -> None:
    clock, site = VirtualClock(), a_site()
    rows: list[Watched] = []

    async def keep(some: Sequence[Watched]) -> None:
        rows.extend(some)

    def counts(one: Device) -> bool:
        return one.id != "sw"

    book = tally(site, clock, keep, counts)
    await book.look()
    await book.flush()
    assert [row.device for row in rows] == ["other"]


@virtual_time
async def test_nothing_is_lost_while_the_store_is_away() -> None:
    clock, site = VirtualClock(), a_site()
    rows: list[Watched] = []
    away = True

    async def keep(some: Sequence[Watched]) -> None:
        if away:
            raise StoreDown("no disk")
        rows.extend(some)

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(tally(site, clock, keep).run())
        await asyncio.sleep(60 * FLUSH + 1)
        assert rows == []
        away = False
        await asyncio.sleep(60 * FLUSH)
        running.cancel()
    assert {(row.device, row.looks) for row in rows} == {("sw", 2 * FLUSH), ("other", 2 * FLUSH)}


@virtual_time
async def test_a_device_that_left_is_looked_at_no_more() -> None:
    clock, site = VirtualClock(), a_site()
    rows: list[Watched] = []

    async def keep(some: Sequence[Watched]) -> None:
        rows.extend(some)

    book = tally(site, clock, keep)
    await book.look()
    site.adopt(policy([device("sw")]), 60)
    await book.look()
    await book.flush()
    assert {row.device: row.looks for row in rows} == {"sw": 2, "other": 1}
