"""What is posted to Alertmanager, against a server that plays its answers; the real one is in
tests/peers/test_alertmanager_channel.py."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from secmon.adapters.clock import Clock
from secmon.adapters.notify import Context, Mirror
from secmon.adapters.notify.alertmanager import NOTIFIER, Alerts, Options
from secmon.api import Later, Never
from tests.adapters.notify.given import TICKET, Given, Server, delivery, says, serving

OPEN: Mapping[str, object] = {
    **TICKET,
    "rule": "warm",
    "system": "center",
    "part": "",
    "state": "open",
    "detected_at": "2026-11-23T02:00:00.000Z",
    "cleared_at": None,
}
CLEARED = {**OPEN, "cleared_at": "2026-11-23T03:00:00.000Z"}


@dataclass
class Site:
    """What the daemon mirrors."""

    tickets: dict[str, Mapping[str, object]] = field(default_factory=dict)
    heard: list[bool] = field(default_factory=list)


@asynccontextmanager
async def alerts(url: str, site: Site | None = None, **keys: Any) -> AsyncIterator[Alerts]:
    options = Options.model_validate({"url": url, "every": "0.1s", **keys})
    context = Context("lab", Clock(), console="https://s.example")
    if site is not None:
        context = replace(
            context,
            snapshot=lambda: [(f"ticket/{n}", one) for n, one in site.tickets.items()],
            healthy=site.heard.append,
        )
    given = Given({"token": "t0ken"}, {"am": {"username": "u", "password": "p"}})
    async with NOTIFIER.open(options, given, context) as made:
        assert isinstance(made, Alerts)
        assert isinstance(made, Mirror)
        yield made


def posted(peer: Server) -> list[list[dict[str, Any]]]:
    return [one.json for one in peer.got]


async def until(peer: Server, count: int) -> None:
    async with asyncio.timeout(5):
        while len(peer.got) < count:
            await asyncio.sleep(0.01)


async def test_what_is_firing_is_repeated_until_it_is_over() -> None:
    site = Site({"WX-2026-0001": OPEN})
    async with serving(says("")) as peer, alerts(f"{peer.base}/", site, every="1h") as made:
        await until(peer, 1)
        [[alert]] = posted(peer)
        until_at = datetime.fromisoformat(alert.pop("endsAt"))
        assert timedelta(hours=3) < until_at - datetime.now(UTC) < timedelta(hours=5)
        assert alert == {
            "labels": {
                "alertname": "warm",
                "severity": "major",
                "site": "lab",
                "system": "center",
                "device": "room-1",
                "ticket": "WX-2026-0001",
            },
            "annotations": {
                "summary": "机房温度过高",
                "device_name": "主机房",
                "location": "一层",
            },
            "startsAt": "2026-11-23T02:00:00.000Z",
            "generatorURL": "https://s.example/tickets/WX-2026-0001",
        }
        assert peer.got[0].target == "/api/v2/alerts"
        made.changed("ticket/WX-2026-0001", CLEARED)
        await made.send(delivery(), "text")
        [over] = posted(peer)[-1]
        assert over["endsAt"] == CLEARED["cleared_at"]
        assert over["labels"] == alert["labels"]
        count = len(peer.got)
        await made.send(delivery(), "text")
        assert len(peer.got) == count, "what is over is said once, when it was heard"


async def test_it_is_repeated_at_each_interval() -> None:
    site = Site({"WX-2026-0001": OPEN})
    async with serving(says("")) as peer, alerts(peer.base, site):
        await until(peer, 3)
        assert all(batch[0]["labels"]["ticket"] == "WX-2026-0001" for batch in posted(peer))
    assert set(site.heard) == {True}


async def test_a_ticket_that_gets_graver_is_a_new_alert_and_the_old_one_ends() -> None:
    site = Site({"WX-2026-0001": OPEN})
    async with serving(says("")) as peer, alerts(peer.base, site, every="1h") as made:
        await until(peer, 1)
        made.changed("ticket/WX-2026-0001", {**OPEN, "severity": "critical"})
        await made.send(delivery(), "text")
        new, old = posted(peer)[-1]
        assert (new["labels"]["severity"], old["labels"]["severity"]) == ("critical", "major")
        assert old["endsAt"] < new["endsAt"]


async def test_a_ticket_that_ends_without_clearing() -> None:
    site = Site({"WX-2026-0001": OPEN})
    async with serving(says("")) as peer, alerts(peer.base, site, every="1h") as made:
        await until(peer, 1)
        made.changed("ticket/WX-2026-0001", None)
        await made.send(delivery(), "text")
        [over] = posted(peer)[-1]
        assert datetime.fromisoformat(over["endsAt"]) <= datetime.now(UTC)
        assert made.firing == {}


async def test_what_is_over_waits_for_a_server_that_is_away() -> None:
    site = Site({"WX-2026-0001": OPEN})
    answers = [says(""), says("", 503), says("")]
    async with serving(*answers) as peer, alerts(peer.base, site, every="1h") as made:
        await until(peer, 1)
        made.changed("ticket/WX-2026-0001", CLEARED)
        with pytest.raises(Later):
            await made.send(delivery(), "text")
        await made.send(delivery(), "text")
        assert posted(peer)[-1] == posted(peer)[-2]
        assert made.ended == []


async def test_away_and_back_is_said_once_each(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    site = Site({"WX-2026-0001": OPEN})
    answers = [says("", 500), says("", 500), says("", 500), says("")]
    async with serving(*answers) as peer, alerts(peer.base, site):
        await until(peer, 5)
    assert site.heard[:4] == [False, False, False, True]
    told = [one for one in caplog.messages if one.startswith("alerts")]
    assert len(told) == 2


async def test_devices_are_no_alerts() -> None:
    async with serving(says("")) as peer, alerts(peer.base, Site(), every="1h") as made:
        made.changed("device/room-1/state", {"up": False})
        await made.send(delivery(), "text")
        assert peer.got == []


async def test_500_at_once_are_one_request() -> None:
    tickets = {f"WX-2026-{n:04d}": OPEN for n in range(1, 1201)}
    async with serving(says("")) as peer, alerts(peer.base, Site(tickets), every="1h"):
        await until(peer, 3)
    assert [len(batch) for batch in posted(peer)] == [500, 500, 200]


async def test_what_the_daemon_says_of_itself() -> None:
    async with serving(says("")) as peer, alerts(peer.base) as made:
        for reason in ("store_down", "store_up", "test"):
            notice = replace(delivery().notice, reason=reason)
            await made.send(replace(delivery(), ticket={}, notice=notice), "磁盘已满")
    down, up, test = (batch[0] for batch in posted(peer))
    assert down["labels"] == up["labels"] == {"alertname": "secmon_store_down", "site": "lab"}
    assert up["endsAt"] < down["endsAt"] or up["endsAt"] <= test["endsAt"]
    assert datetime.fromisoformat(up["endsAt"]) <= datetime.now(UTC)
    assert test["labels"]["alertname"] == "secmon_test"
    assert test["annotations"] == {"summary": "磁盘已满"}


async def test_a_command_without_a_daemon_tells_the_ticket_as_it_was() -> None:
    async with serving(says("")) as peer, alerts(peer.base) as made:
        await made.send(replace(delivery(), ticket=OPEN), "text")
    assert posted(peer)[0][0]["labels"]["ticket"] == "WX-2026-0001"


@pytest.mark.parametrize(
    ("keys", "header"),
    [
        ({"token": {"file": "token"}}, "Bearer t0ken"),
        ({"credentials": "am"}, "Basic dTpw"),
        ({}, None),
    ],
)
async def test_log_in(keys: dict[str, Any], header: str | None) -> None:
    async with serving(says("")) as peer, alerts(peer.base, **keys) as made:
        await made.send(replace(delivery(), ticket=OPEN), "text")
    assert peer.got[0].headers.get("Authorization") == header


async def test_what_is_refused() -> None:
    async with serving(says(json.dumps("bad alert"), 400)) as peer, alerts(peer.base) as made:
        with pytest.raises(Never, match="expected 200"):
            await made.send(replace(delivery(), ticket=OPEN), "text")
