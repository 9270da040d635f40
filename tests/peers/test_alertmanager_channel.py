"""The alertmanager channel and the real server: fire, acknowledge, clear, restart, die."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.notify.given import delivery
from tests.adapters.notify.test_alertmanager import CLEARED, OPEN, Site, alerts
from tests.peers.alertmanager import Alertmanager, alertmanager

pytestmark = pytest.mark.peers

CONFIG = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


async def eventually(good: Callable[[], bool], within_s: float = 10.0) -> None:
    async with asyncio.timeout(within_s):
        while not await asyncio.to_thread(good):
            await asyncio.sleep(0.05)


def firing(server: Alertmanager) -> list[dict[str, Any]]:
    return [one for one in server.alerts() if one["status"]["state"] == "active"]


async def test_fire_and_resolve(tmp_path: Path) -> None:
    site = Site({"WX-2026-0001": OPEN})
    with alertmanager(tmp_path, CONFIG) as server:
        async with alerts(server.url, site, every="1h") as channel:
            await eventually(lambda: len(firing(server)) == 1)
            [alert] = firing(server)
            assert alert["labels"] == {
                "alertname": "warm",
                "severity": "major",
                "site": "lab",
                "system": "center",
                "device": "room-1",
                "ticket": "WX-2026-0001",
            }
            assert alert["annotations"]["summary"] == "机房温度过高"
            assert alert["generatorURL"] == "https://s.example/tickets/WX-2026-0001"
            channel.changed("ticket/WX-2026-0001", CLEARED)
            await channel.send(delivery(), "text")
            await eventually(lambda: server.alerts() == [])
            assert channel.ended == []


async def test_alerts_of_a_daemon_that_died_end_by_themselves(tmp_path: Path) -> None:
    site = Site({"WX-2026-0001": OPEN})
    with alertmanager(tmp_path, CONFIG) as server:
        async with alerts(server.url, site, every="0.5s"):
            await eventually(lambda: len(firing(server)) == 1)
            await asyncio.sleep(2.5)  # longer than one alert holds
            assert len(await asyncio.to_thread(firing, server)) == 1, "it is repeated"
        await eventually(lambda: firing(server) == [])


async def test_a_command_without_a_daemon_fires_what_it_was_told(tmp_path: Path) -> None:
    with alertmanager(tmp_path, CONFIG) as server:
        async with alerts(server.url) as channel:
            await channel.send(delivery(ticket={**OPEN, "number": "WX-2026-0002"}), "text")
            await eventually(lambda: len(firing(server)) == 1)
