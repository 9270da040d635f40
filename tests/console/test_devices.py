"""Devices are strangers: their texts, their silence, and a site file that changes meanwhile."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from probes.simulators.snmp import SIMULATOR as SNMP
from tests.console.site import Lab, lab

HOSTILE = '<script>alert(1)</script>\x1b[2J\x07\u202e"; rm -rf /'


@asynccontextmanager
async def with_switch(folder: Path, name: str) -> AsyncIterator[Lab]:
    """The site and a switch with a text of its own."""
    async with SNMP.start({"name": name, "description": name, "ports": 2}) as switch:
        (folder / "conf.d").mkdir()
        (folder / "conf.d" / "switch.yaml").write_text(
            "credentials: {access: {community: {file: community}}}\n"
            "devices:\n"
            "  - {id: sw-1, name: 交换机, system: network, kind: switch, address: 127.0.0.1,\n"
            "     probes: [{driver: snmp, credentials: access, every: 1h,"
            f" port: {switch.port}}}]}}\n"
        )
        (folder / "community").write_text("public\n")
        async with lab(folder) as site:
            yield site


async def test_a_devices_own_words_arrive_as_plain_json(tmp_path: Path) -> None:
    async with with_switch(tmp_path, HOSTILE) as site:
        polled = await site.poll("sw-1")
        page = await site.get("/api/v1/devices/sw-1")
        for answer in (polled, page, await site.get("/api/v1/devices")):
            assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
            assert "\x1b" not in answer.text and "\x07" not in answer.text
        assert any("<script>" in text for text in page.json["facts"].values())
        metrics = (await site.get("/metrics")).text
        assert "alert(1)" not in "".join(
            line for line in metrics.splitlines() if not line.startswith("secmon_device_info")
        )
        assert "\x1b" not in metrics


async def test_facts_of_an_event_are_json_too(tmp_path: Path) -> None:
    async with with_switch(tmp_path, HOSTILE) as site:
        await site.poll("sw-1")
        with site.daemon.events() as queue:
            body = {"device": "sw-1", "note": HOSTILE}
            await site.post("/api/v1/tickets", body)
            event = await queue.get()
            assert json.loads(json.dumps(event)) == event


@pytest.mark.parametrize("change", ["timeout: 1s", "every: 1h", ""])
async def test_a_poll_under_way_is_answered_though_the_site_file_changes(
    site: Lab, change: str
) -> None:
    """The device is silent; while somebody waits for it, its probe is changed or taken away."""
    await site.gateway.set(unit=1, silent=True)
    asked = asyncio.ensure_future(site.post("/api/v1/devices/room-1/poll"))
    await asyncio.sleep(0.1)
    file = site.folder / "secmon.yaml"
    lines = file.read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if "unit: 1" in line)
    if change:
        other = {"timeout: 1s": "timeout: 2s", "every: 1h": "every: 2h"}[change]
        lines[at] = lines[at].replace(change, other)
    else:
        lines[at] = "    }"
    file.write_text("\n".join(lines))
    assert await site.daemon.reload() == []
    async with asyncio.timeout(5):
        answer = await asked
    assert answer.status == 200
    assert (await site.get("/api/v1/devices/room-1")).status == 200
