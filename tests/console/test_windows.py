"""Planned work over the API and on its page, with the real daemon, store and equipment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.console.site import Lab, lab

HOUR = timedelta(hours=1)
HOT = {"device": "room-1", "for": "2h", "note": "空调保养"}


def planned() -> str:
    """panel-1 and what hangs on it are left alone from an hour ago to in an hour, every day."""
    local = datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai"))
    start, end = (f"{local + step:%H:%M}" for step in (-HOUR, HOUR))
    return f"""
maintenance:
  - {{id: nightly, name: 每日重启, devices: panel-1, every: "day {start}-{end}", do: skip}}
"""


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Lab]:
    async with lab(tmp_path, planned()) as running:
        yield running


async def metrics(site: Lab) -> list[str]:
    return (await site.get("/metrics", role="")).text.splitlines()


async def test_silenced_no_ticket_ended_a_ticket(site: Lab) -> None:
    made = await site.post("/api/v1/windows", HOT)
    assert made.status == 201
    row = made.json
    assert (row["active"], row["devices"], row["by"], row["note"]) == (
        True,
        ["room-1"],
        "operator",
        "空调保养",
    )
    await site.room(300)
    shown = (await site.get("/api/v1/devices/room-1")).json
    assert [one["muted_by"] for one in shown["faults"]] == [row["id"]]
    assert [one["id"] for one in shown["maintenance"]] == [row["id"]]
    assert (await site.get("/api/v1/tickets?device=room-1")).json["tickets"] == []
    lines = await metrics(site)
    assert any("secmon_maintenance_active" in one and 'device="room-1"' in one for one in lines)
    assert not any("secmon_fault_active{" in one and 'device="room-1"' in one for one in lines)
    assert any(one.endswith(" 30.0") and 'device="room-1"' in one for one in lines), "it is polled"

    ended = await site.ask("DELETE", f"/api/v1/windows/{row['id']}", "engineer")
    assert (ended.status, ended.json["active"], ended.json["ended_by"]) == (200, False, "engineer")
    await site.room(300)
    number = await site.ticket_of("room-1")
    ticket = (await site.get(f"/api/v1/tickets/{number}")).json
    assert ticket["detected_at"] >= ended.json["to"]
    again = await site.ask("DELETE", f"/api/v1/windows/{row['id']}")
    assert (again.status, again.json["code"]) == (409, "state")
    every = (await site.get("/api/v1/windows?over=1")).json["windows"]
    assert [one["id"] for one in every] == ["nightly", row["id"]]


async def test_what_is_skipped_is_asked_by_people_only(site: Lab) -> None:
    page = (await site.get("/api/v1/devices/panel-1")).json
    assert page["up"] is None and page["maintenance"][0]["do"] == "skip"
    runner = next(one for key, one in site.daemon.poller._runners.items() if key[0] == "panel-1")
    before = page["probes"][0]["at"]
    runner.ask()  # as its turn, or the core, would
    await asyncio.sleep(0.2)
    assert (await site.get("/api/v1/devices/panel-1")).json["probes"][0]["at"] == before
    mine = [
        one
        for one in await metrics(site)
        if 'device="panel-1"' in one and "_info" not in one and "_failures_" not in one
    ]
    assert len(mine) == 1 and mine[0].startswith("secmon_maintenance_active")
    assert 'do="skip"' in mine[0]
    await site.poll("panel-1")
    assert (await site.get("/api/v1/devices/panel-1")).json["probes"][0]["at"] > before


async def test_what_is_covered_counts_in_no_figure(site: Lab) -> None:
    await site.daemon.tally.look()
    counted = {key[0] for key in site.daemon.tally._sums}
    assert "panel-1" not in counted and "room-1" in counted


async def test_bad_requests_change_nothing(site: Lab) -> None:
    past = (datetime.now(UTC) - HOUR).isoformat()
    for body, words in (
        ({}, "expected one of device"),
        ({"device": "room-1", "site": True, "for": "1h", "note": "x"}, "expected one of device"),
        ({"device": "room-9", "for": "1h", "note": "x"}, "there is no device"),
        ({"device": "room-1", "note": "x"}, "expected to (a time) or for"),
        ({"device": "room-1", "for": "soon", "note": "x"}, "for: expected a duration"),
        ({"device": "room-1", "to": past, "note": "x"}, "to: expected a time after"),
        ({"device": "room-1", "for": "9999d", "note": "x"}, "at most 92 d"),
        ({"device": "room-1", "for": "1h"}, "note: expected why"),
        ({"device": "room-1", "for": "1h", "note": "x", "do": "stop"}, "do: expected one of"),
    ):
        answer = await site.post("/api/v1/windows", body)
        assert answer.status == 400 and words in answer.json["detail"], (body, answer.json)
    assert (await site.post("/api/v1/windows", HOT, "viewer")).status == 403
    assert (await site.ask("DELETE", "/api/v1/windows/nightly")).status == 409
    assert (await site.ask("DELETE", "/api/v1/windows/none")).status == 404
    assert [one["id"] for one in (await site.get("/api/v1/windows")).json["windows"]] == ["nightly"]


async def test_it_outlives_a_restart_and_stands_in_the_hand_over(site: Lab) -> None:
    made = (await site.post("/api/v1/windows", {**HOT, "part": "", "rule": ""})).json
    stored = await site.store.load()
    assert stored.pages is not None and list(stored.pages.silences) == [made["id"]]


async def test_the_page_without_scripts(site: Lab) -> None:
    shown = await site.get("/windows")
    assert "每日重启" in shown.text and "In force" in shown.text
    form = {"what": "device", "device": "room-1", "for": "2h", "do": "mute", "note": "<b>空调"}
    done = await site.ask("POST", "/windows", data=form, allow_redirects=False)
    assert (done.status, done.headers["Location"]) == (303, "/windows?done=add")
    page = (await site.get("/windows")).text
    assert "&lt;b&gt;空调" in page and "<b>空调" not in page
    device = (await site.get("/devices/room-1")).text
    assert "In maintenance until" in device
    refused = await site.ask("POST", "/windows", data={**form, "device": "room-9"})
    assert refused.status == 400 and 'value="room-9"' in refused.text
    local = datetime.now(ZoneInfo("Asia/Shanghai")) + HOUR
    timed = {**form, "device": "room-2", "to": f"{local:%Y-%m-%dT%H:%M}"}
    await site.ask("POST", "/windows", data=timed, allow_redirects=False)
    rows = (await site.get("/api/v1/windows")).json["windows"]
    (mine,) = [one for one in rows if one["devices"] == ["room-2"]]
    until = datetime.fromisoformat(mine["to"])
    assert abs((until - local).total_seconds()) < 60
    ended = await site.ask("POST", f"/windows/{mine['id']}/end", allow_redirects=False)
    assert ended.status == 303
    wall = (await site.get("/")).text
    assert "in maintenance" in wall


async def test_grey_while_covered(site: Lab) -> None:
    await site.post("/api/v1/windows", HOT)
    await site.room(300)
    page = (await site.get("/devices?state=unknown")).text
    assert "room-1" in page and "panel-1" in page
    assert "room-1" not in (await site.get("/devices?state=faulty")).text
