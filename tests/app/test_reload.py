"""A new site file for the running daemon, over the real store and simulated equipment: what it
changes, and that a bad one, or a store that is away, changes nothing at all."""

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from secmon.app.setups import setups_of
from secmon.loading import load
from tests.console.site import Lab, lab

LIMIT = "limit: 25, clear: 24.5"


def rewritten(site: Lab, *changes: tuple[str, str]) -> None:
    """Replaces pieces of the site file; every one must be there."""
    file = site.folder / "secmon.yaml"
    text = file.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


def without(site: Lab, device: str) -> None:
    """Takes a device out of the site file."""
    file = site.folder / "secmon.yaml"
    text = file.read_text(encoding="utf-8")
    less = re.sub(rf"  - {{id: {device},.*?\n(?=  - |rules)", "", text, flags=re.DOTALL)
    assert less != text
    file.write_text(less, encoding="utf-8")


async def page(site: Lab) -> str:
    return (await site.get("/metrics")).text


async def successful(site: Lab) -> bool:
    return 'secmon_config_last_reload_successful{site="lab"} 1.0' in await page(site)


async def fault_devices(site: Lab) -> set[str]:
    return {fault["device"] for fault in (await site.get("/api/v1/faults")).json["faults"]}


@asynccontextmanager
async def locked(site: Lab) -> AsyncIterator[None]:
    """Another process holds the store's write lock."""
    with closing(sqlite3.connect(site.folder / "secmon.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Lab]:
    async with lab(tmp_path) as running:
        yield running


# --- what it changes -------------------------------------------------------------------------


async def test_a_changed_limit_is_judged_at_the_next_observation(site: Lab) -> None:
    await site.room(270)
    number = await site.ticket_of("room-1")
    rewritten(site, (LIMIT, "limit: 30, clear: 29"))
    assert await site.daemon.reload() == []
    assert await fault_devices(site) == {"room-1"}, "nothing was observed since"
    await site.poll("room-1")
    cleared = await site.when(number, "cleared_at")
    assert cleared["state"] == "open"
    assert await fault_devices(site) == set()


async def test_a_removed_device_takes_its_fault_and_leaves_its_ticket(site: Lab) -> None:
    number = await site.hot()
    assert 'device="room-1"' in await page(site)
    without(site, "room-1")
    assert await site.daemon.reload() == []
    assert await fault_devices(site) == set()
    assert 'device="room-1"' not in await page(site)
    assert (await site.get("/api/v1/devices/room-1")).status == 404
    ticket = (await site.get(f"/api/v1/tickets/{number}")).json
    assert ticket["state"] == "open"
    lines = [(line["what"], line["why"]) for line in ticket["journal"]]
    assert lines[-1] == ("removed", "device removed from the site file")
    assert (await site.act(number, "close", note="taken down")).status == 200


async def test_a_removed_rule_takes_its_faults_and_leaves_their_tickets(site: Lab) -> None:
    number = await site.hot()
    rewritten(
        site, ("for: 0s, severity: major}\n  - {reading: zone", "off: true}\n  - {reading: zone")
    )
    assert await site.daemon.reload() == []
    assert await fault_devices(site) == set()
    ticket = (await site.get(f"/api/v1/tickets/{number}")).json
    assert ticket["journal"][-1]["what"] == "removed"
    await site.poll("room-1")
    assert await fault_devices(site) == set()


async def test_a_new_device_is_polled_and_shown(site: Lab) -> None:
    room = "  - {id: room-2,"
    rewritten(site, (room, room.replace("room-2", "room-3") + _rest(site) + room))
    assert await site.daemon.reload() == []
    await site.poll("room-3")
    temperature = 'secmon_temperature_celsius{site="lab",system="center",kind="machine-room"'
    assert f'{temperature},device="room-3"}} 23.5' in await page(site)


def _rest(site: Lab) -> str:
    text = (site.folder / "secmon.yaml").read_text(encoding="utf-8")
    found = re.search(r"{id: room-2,(.*?}\n)(?=  - )", text, re.DOTALL)
    assert found is not None
    return found[1]


async def test_another_language_is_spoken_at_once(site: Lab) -> None:
    number = await site.hot()
    before = (await site.get(f"/api/v1/tickets/{number}")).json["summary"]
    rewritten(site, ("language: en", "language: zh"))
    assert await site.daemon.reload() == []
    after = (await site.get(f"/api/v1/tickets/{number}")).json["summary"]
    assert before != after
    assert re.search(r"[\u4e00-\u9fff]{4}", after)


async def test_what_is_untouched_keeps_its_connection_and_its_state(site: Lab) -> None:
    number = await site.hot()
    connections: set[Any] = set(site.gateway.clients)  # type: ignore[attr-defined]
    assert len(connections) == 1
    without(site, "room-2")
    rewritten(site, ("name: 大厅摄像机", "name: 门厅摄像机"))
    for _ in range(3):
        assert await site.daemon.reload() == []
        await site.poll("room-1")
    assert set(site.gateway.clients) == connections  # type: ignore[attr-defined]
    ticket = (await site.get(f"/api/v1/tickets/{number}")).json
    assert ticket["version"] == 1
    assert [line["what"] for line in ticket["journal"]] == ["opened"]


async def test_channels_may_come_and_go(site: Lab) -> None:
    hook = (
        'notify: [{id: hook, channel: webhook, url: "http://127.0.0.1:9/", secret: {file: key}}]\n'
    )
    (site.folder / "key").write_text("secret")
    file = site.folder / "secmon.yaml"
    plain = file.read_text(encoding="utf-8")
    for _ in range(2):
        file.write_text(plain + hook, encoding="utf-8")
        assert await site.daemon.reload() == []
        assert 'channel="hook"' in await page(site)
        file.write_text(plain, encoding="utf-8")
        assert await site.daemon.reload() == []
        assert 'channel="hook"' not in await page(site)


async def test_a_part_that_is_armed_by_another_timezone_is_derived_anew(site: Lab) -> None:
    rewritten(site, ("{name: 防拆, reading: zone_tamper}", "{name: 防拆, armed: '18:00-07:00'}"))
    before = {one.device: one.fingerprint for one in setups_of(load(site.daemon.loaded.file))}
    rewritten(site, ("site: {id: lab,", "site: {id: lab, timezone: Asia/Tokyo,"))
    made = setups_of(load(site.daemon.loaded.file))
    after = {one.device: one.fingerprint for one in made}
    assert {one.timezone for one in made} == {"Asia/Tokyo"}  # a driver may need it
    assert {name for name in before if before[name] != after[name]} == {"panel-1"}


# --- what changes nothing --------------------------------------------------------------------


async def test_a_bad_file_keeps_the_old_one(site: Lab) -> None:
    number = await site.hot()
    old = site.daemon.loaded
    without(site, "room-1")
    rewritten(site, (LIMIT, "limit: warm"))
    problems = await site.daemon.reload()
    assert any("limit" in text and "secmon.yaml:" in text for text in problems)
    assert not await successful(site)
    assert site.daemon.loaded is old
    assert site.daemon.policy is old.policy
    assert await fault_devices(site) == {"room-1"}
    assert (await site.poll("room-1")).json["observations"]
    rewritten(site, ("limit: warm", LIMIT))
    assert await site.daemon.reload() == []
    assert await successful(site)
    journal = (await site.get(f"/api/v1/tickets/{number}")).json["journal"]
    assert journal[-1]["what"] == "removed"


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [("/secmon.db", "/other.db", "store"), ("id: lab,", "id: annex,", "site.id")],
)
async def test_what_needs_a_restart_is_refused_with_all_the_rest(
    site: Lab, old: str, new: str, key: str
) -> None:
    await site.hot()
    rewritten(site, (old, new))
    without(site, "room-1")
    assert await site.daemon.reload() == [f"{key}: a change needs a restart (kept the old one)"]
    assert not await successful(site)
    assert await fault_devices(site) == {"room-1"}


async def test_a_store_that_is_away_keeps_everything_as_it_was(site: Lab) -> None:
    await site.hot()
    old = site.daemon.loaded
    without(site, "room-1")
    async with locked(site):
        for _ in range(2):
            (problem,) = await site.daemon.reload()
            assert problem.startswith("nothing can be written now: ")
        assert not await successful(site)
        assert site.daemon.loaded is old
        assert site.daemon.policy is old.policy
        assert await fault_devices(site) == {"room-1"}
        assert len((await site.poll("room-1")).json["observations"]) == 1, "polling goes on"
    async with asyncio.timeout(10):
        while not site.daemon.desk.store_up:
            await asyncio.sleep(0.05)
    assert await site.daemon.reload() == []
    assert await successful(site)
    assert await fault_devices(site) == set()


async def test_two_reloads_at_once_come_one_after_the_other(site: Lab) -> None:
    without(site, "room-2")
    async with asyncio.TaskGroup() as people:
        asked = [people.create_task(site.daemon.reload()) for _ in range(5)]
        polled = people.create_task(site.daemon.poll("room-1"))
    assert [task.result() for task in asked] == [[]] * 5
    assert len(polled.result()) == 1
    assert "room-2" not in site.daemon.policy.devices
