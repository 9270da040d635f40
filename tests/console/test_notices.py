"""Notices that were given up: kept, seen, counted, and sent again by an admin's word."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.adapters.notify.given import Server, says, serving
from tests.console.site import Lab, lab

REFUSED = {"errcode": 93000, "errmsg": "invalid webhook url"}


@pytest.fixture
async def dead(tmp_path: Path) -> AsyncIterator[tuple[Lab, Server, str]]:
    """A site whose robot refuses everything, and the number of the ticket it should have told."""
    async with serving(says(REFUSED)) as robot:
        (tmp_path / "hook").write_text(f"{robot.base}/send?key=a-secret-key")
        more = "notify: [{id: group, channel: wecom, webhook: {file: hook}}]"
        async with lab(tmp_path, more) as site:
            number = await site.hot()
            async with asyncio.timeout(5):
                while not (await site.get("/api/v1/notices")).json["notices"]:
                    await asyncio.sleep(0.01)
            yield site, robot, number


async def metric(site: Lab, name: str) -> list[str]:
    async with site.session.get(f"{site.base}/metrics") as page:
        return [line for line in (await page.text()).splitlines() if line.startswith(name)]


async def test_it_is_kept_with_the_reason(dead: tuple[Lab, Server, str]) -> None:
    site, _, number = dead
    [row] = (await site.get("/api/v1/notices?state=never", "auditor")).json["notices"]
    assert row["ticket"] == number
    assert row["channel"] == "group"
    assert row["why"] == "wecom at 127.0.0.1: expected code 0 (got 93000: invalid webhook url)"
    assert "Machine room" in row["text"] or "temperature" in row["text"].lower()
    assert "a-secret-key" not in str(row)
    assert (await site.get("/api/v1/notices?state=pending")).json["notices"] == []


async def test_it_is_counted_and_the_channel_is_down(dead: tuple[Lab, Server, str]) -> None:
    site, robot, _ = dead
    assert await metric(site, "secmon_outbox_given_up") == [
        'secmon_outbox_given_up{site="lab"} 1.0'
    ]
    up = 'secmon_channel_up{channel="group",site="lab"}'
    assert await metric(site, "secmon_channel_up") == [f"{up} 0.0"]
    assert await metric(site, "secmon_channel_last") == []
    robot.answers[:] = [says({"errcode": 0})]
    assert (await site.post("/api/v1/channels/group/test")).status == 200
    assert await metric(site, "secmon_channel_up") == [f"{up} 1.0"]
    assert len(await metric(site, "secmon_channel_last_success_timestamp_seconds")) == 1


async def test_an_admin_sends_it_again(dead: tuple[Lab, Server, str]) -> None:
    site, robot, number = dead
    [row] = (await site.get("/api/v1/notices")).json["notices"]
    robot.answers[:] = [says({"errcode": 0})]
    path = f"/api/v1/notices/{row['id']}/resend"
    for role in ("operator", "manager", "viewer"):
        assert (await site.post(path, role=role)).status == 403
    assert (await site.post(path, role="admin")).json == {"id": row["id"], "state": "pending"}
    async with asyncio.timeout(5):
        while len(robot.got) < 2:
            await asyncio.sleep(0.01)
    assert number in robot.got[-1].json["text"]["content"]
    assert (await site.get("/api/v1/notices")).json["notices"] == []
    assert (await site.post(path, role="admin")).status == 404, "and once only"


@pytest.mark.parametrize("one", ["0", "x", "-1", "9" * 40, "１"])
async def test_what_is_no_such_notice(dead: tuple[Lab, Server, str], one: str) -> None:
    site, _, _ = dead
    assert (await site.post(f"/api/v1/notices/{one}/resend", role="admin")).status == 404


async def test_a_state_that_is_none(dead: tuple[Lab, Server, str]) -> None:
    site, _, _ = dead
    assert (await site.get("/api/v1/notices?state=told")).status == 400
