"""Every verb and refusal of CONTRACT 5 over HTTP, against the real daemon and store."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest

from tests.console.site import Answer, Lab

TICKET_KEYS = """
    number version device device_name location part system rule severity state summary value limit
    opened_at detected_at cleared_at due marks overdue way content assignee reported_by previous
    suppressed journal"""


def refused(answer: Answer, state: str) -> None:
    """409, with the ticket as it is."""
    assert answer.status == 409, answer.text
    assert answer.json["ticket"]["state"] == state
    assert answer.json["detail"]


def without(ticket: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    return {key: value for key, value in ticket.items() if key not in keys}


# --- devices and faults ---


async def test_devices(site: Lab) -> None:
    answer = await site.get("/api/v1/devices", role="viewer")
    rows = {row["id"]: row for row in answer.json["devices"]}
    assert list(rows) == ["room-1", "room-2", "panel-1", "cam-1", "supply-1"]
    assert {name: row["up"] for name, row in rows.items()} == {
        **dict.fromkeys(("room-1", "room-2", "panel-1", "cam-1"), True),
        "supply-1": None,
    }


async def test_a_device_shows_its_readings_with_units(site: Lab) -> None:
    page = (await site.get("/api/v1/devices/room-1", role="engineer")).json
    shown = {(one["reading"], one["part"]): (one["value"], one["unit"]) for one in page["readings"]}
    assert shown["temperature_celsius", ""] == (23.5, "°C")
    assert page["address"] == "127.0.0.1" and page["location"] == "一层"


async def test_a_poll_is_made_now(site: Lab) -> None:
    await site.gateway.set(unit=1, input={1: 221})
    seen = (await site.poll("room-1")).json["observations"]
    assert [one["probe"] for one in seen] == ["modbus"]
    values = {one["reading"]: one["value"] for one in seen[0]["readings"]}
    assert values["temperature_celsius"] == 22.1


async def test_a_failed_poll_says_why_and_the_device_is_down(site: Lab) -> None:
    await site.gateway.set(unit=1, silent=True)
    seen = (await site.poll("room-1")).json["observations"]
    assert seen[0]["failure"]["reason"] == "timeout"
    page = (await site.get("/api/v1/devices/room-1")).json
    assert page["up"] is False and page["readings"] == []
    faults = (await site.get("/api/v1/faults")).json["faults"]
    assert [(one["device"], one["reading"]) for one in faults] == [("room-1", "device_up")]


@pytest.mark.parametrize("path", ["/api/v1/devices/nobody", "/api/v1/tickets/WX-2026-0001"])
async def test_what_is_not_there_is_404(site: Lab, path: str) -> None:
    assert (await site.get(path)).status == 404


async def test_polling_what_is_not_there_or_has_no_probes(site: Lab) -> None:
    assert (await site.post("/api/v1/devices/nobody/poll")).status == 404
    assert (await site.poll("supply-1")).json == {"observations": []}


# --- the ticket's life ---


async def test_a_ticket_has_every_field_of_the_contract(site: Lab) -> None:
    number = await site.hot()
    ticket = (await site.get(f"/api/v1/tickets/{number}")).json
    assert ticket.keys() >= set(TICKET_KEYS.split())
    year = datetime.now().year
    assert number in (f"WX-{year}-0001", f"WX-{year + 1}-0001")
    assert (ticket["state"], ticket["severity"], ticket["way"]) == ("open", "major", "on_site")
    assert (ticket["value"], ticket["limit"], ticket["version"]) == (30.0, 25, 1)
    assert (ticket["device"], ticket["system"]) == ("room-1", "center")
    assert (ticket["device_name"], ticket["location"]) == ("主机房", "一层")
    assert "30" in ticket["summary"] and ticket["overdue"] == []
    assert [line["what"] for line in ticket["journal"]] == ["opened"]
    detected, due = datetime.fromisoformat(ticket["detected_at"]), ticket["due"]
    hours = {
        clock: (datetime.fromisoformat(moment) - detected).total_seconds() / 3600
        for clock, moment in due.items()
    }
    assert hours == {"respond": 0.5, "arrive": 4, "repair": 8}


async def test_the_whole_life_on_site(site: Lab) -> None:
    number = await site.hot()
    for verb, state, body in (
        ("assign", "open", {"to": "李四"}),
        ("acknowledge", "acknowledged", {"note": "收到"}),
        ("arrive", "on_site", {}),
        ("note", "on_site", {"note": "空调坏了"}),
        ("repair", "repaired", {"note": "换保险", "content": "hardware"}),
    ):
        if verb == "repair":
            await site.room(230)
        answer = await site.act(number, verb, **body)
        assert (answer.status, answer.json["state"]) == (200, state), answer.text
    verified = await site.act(number, "verify")
    assert (verified.status, verified.json["state"]) == (200, "verified"), verified.text
    closed = (await site.act(number, "close")).json
    assert closed["state"] == "closed" and closed["assignee"] == "李四"
    assert closed["content"] == "hardware" and closed["cleared_at"]
    assert set(closed["marks"]) == {"acknowledged", "on_site", "repaired", "verified", "closed"}
    assert {mark["by"] for mark in closed["marks"].values()} == {"operator"}
    said = [(line["what"], line["by"]) for line in closed["journal"] if line["by"] == "operator"]
    verbs = "assign acknowledge arrive note repair verify close"
    assert said == [(verb, "operator") for verb in verbs.split()]
    assert (await site.get("/api/v1/tickets?state=open")).json["tickets"] == []
    again = await site.get(f"/api/v1/tickets/{number}")
    assert without(again.json) == without(closed)


@pytest.mark.parametrize("way", ["phone", "remote", "mail_in"])
async def test_without_going_there_repair_follows_acknowledged(site: Lab, way: str) -> None:
    number = await site.hot()
    await site.act(number, "acknowledge", way=way)
    refused(await site.act(number, "arrive"), "acknowledged")
    await site.room(230)
    answer = await site.act(number, "repair")
    assert answer.json["state"] == "repaired" and answer.json["way"] == way
    assert answer.json["due"]["arrive"] is None


async def test_transfer_changes_the_way_only(site: Lab) -> None:
    number = await site.hot()
    before = (await site.act(number, "acknowledge")).json
    after = (await site.act(number, "transfer", way="mail_in", note="不能解决")).json
    changed = {key for key in before if before[key] != after[key]}
    assert changed == {"way", "version", "journal", "due"}
    assert after["way"] == "mail_in" and after["due"]["arrive"] is None


async def test_reject_goes_back_to_acknowledged(site: Lab) -> None:
    number = await site.hot()
    await site.act(number, "acknowledge", way="remote")
    await site.room(230)
    await site.act(number, "repair")
    answer = await site.act(number, "reject", note="评估不合格")
    assert answer.json["state"] == "acknowledged"
    assert set(answer.json["marks"]) == {"acknowledged"}


async def test_cancelled_ends(site: Lab) -> None:
    number = await site.hot()
    answer = await site.act(number, "cancel", note="误报", role="manager")
    assert answer.json["state"] == "cancelled"
    for verb in ("acknowledge", "note", "close", "cancel", "assign"):
        refused(await site.act(number, verb, role="manager", note="x", to="y"), "cancelled")


async def test_a_cleared_ticket_closes_in_one_step_with_a_word(site: Lab) -> None:
    number = await site.hot()
    refused(await site.act(number, "close", note="自行恢复"), "open")
    await site.room(230)
    await site.when(number, "cleared_at")
    wordless = await site.act(number, "close")
    assert wordless.status == 400 and "note" in wordless.json["detail"]
    answer = await site.act(number, "close", note="自行恢复")
    assert (answer.status, answer.json["state"]) == (200, "closed")


async def test_a_relapse_reuses_the_ticket_and_after_closing_there_is_a_new_one(site: Lab) -> None:
    number = await site.hot()
    await site.act(number, "acknowledge", way="remote")
    await site.room(230)
    await site.act(number, "repair")
    await site.room(300)
    fallen = (await site.get(f"/api/v1/tickets/{number}")).json
    assert (fallen["state"], fallen["cleared_at"]) == ("acknowledged", None)
    await site.room(230)
    await site.act(number, "close", note="好了")
    second = await site.hot()
    ticket = (await site.get(f"/api/v1/tickets/{second}")).json
    assert ticket["previous"] == number and second > number


REFUSED = {
    "open": "arrive repair verify reject close",
    "acknowledged": "acknowledge repair verify reject close",
    "on_site": "acknowledge arrive verify reject close",
    "repaired": "acknowledge arrive repair close",
    "verified": "acknowledge arrive repair verify",
    "closed": "acknowledge assign arrive repair verify reject transfer close cancel note",
}


async def test_what_a_state_does_not_allow_is_409_and_changes_nothing(site: Lab) -> None:
    """Through a whole life; written from CONTRACT 5, not from the table that judges it."""
    number = await site.hot()
    ways = {"acknowledged": "acknowledge", "on_site": "arrive", "repaired": "repair"}
    for state, verbs in REFUSED.items():
        if state in ways:
            await site.act(number, ways[state])
        if state == "repaired":
            pass  # the room is still hot: nothing can be closed in one step
        if state == "verified":
            await site.room(230)
            assert (await site.act(number, "verify")).status == 200
        if state == "closed":
            assert (await site.act(number, "close")).status == 200
        before = (await site.get(f"/api/v1/tickets/{number}")).json
        assert before["state"] == state
        for verb in verbs.split():
            answer = await site.act(number, verb, "manager", note="x", to="y", way="on_site")
            refused(answer, state)
            assert answer.json["ticket"] == before, verb
        assert (await site.get(f"/api/v1/tickets/{number}")).json == before


async def test_a_stale_version_is_409_and_changes_nothing(site: Lab) -> None:
    number = await site.hot()
    seen = (await site.get(f"/api/v1/tickets/{number}")).json
    good = await site.act(number, "note", note="first", version=seen["version"])
    assert good.status == 200 and good.json["version"] == seen["version"] + 1
    stale = await site.act(number, "acknowledge", version=seen["version"])
    refused(stale, "open")
    assert stale.json["ticket"] == good.json == (await site.get(f"/api/v1/tickets/{number}")).json
    future = await site.act(number, "acknowledge", version=10**18)
    assert future.status == 409


async def test_two_operators_in_the_same_second(site: Lab) -> None:
    """One gets the ticket, the other is told who has it; and with versions, one of many writes."""
    number = await site.hot()
    both = await _at_once(
        site.act(number, "acknowledge", role="operator"),
        site.act(number, "acknowledge", role="engineer"),
    )
    assert sorted(answer.status for answer in both) == [200, 409]
    won = next(answer for answer in both if answer.status == 200)
    lost = next(answer for answer in both if answer.status == 409)
    assert lost.json["ticket"]["marks"] == won.json["marks"]
    version = won.json["version"]
    many = await _at_once(
        *(site.act(number, "note", note=f"n{i}", version=version) for i in range(8))
    )
    assert sorted(answer.status for answer in many) == [200] + [409] * 7
    ticket = (await site.get(f"/api/v1/tickets/{number}")).json
    assert ticket["version"] == version + 1
    assert sum(line["what"] == "note" for line in ticket["journal"]) == 1


async def test_many_notes_at_once_are_all_kept(site: Lab) -> None:
    number = await site.hot()
    many = await _at_once(*(site.act(number, "note", note=f"n{i}") for i in range(20)))
    assert {answer.status for answer in many} == {200}
    journal = (await site.get(f"/api/v1/tickets/{number}")).json["journal"]
    assert {line["why"] for line in journal} >= {f"n{i}" for i in range(20)}


@pytest.mark.parametrize(
    ("verb", "body", "named"),
    [
        ("assign", {}, "to"),
        ("transfer", {"note": "x"}, "way"),
        ("note", {}, "note"),
        ("note", {"note": "  "}, "note"),
        ("cancel", {}, "note"),
    ],
)
async def test_a_verb_that_lacks_something_is_400_and_says_what(
    site: Lab, verb: str, body: Mapping[str, Any], named: str
) -> None:
    number = await site.hot()
    before = (await site.get(f"/api/v1/tickets/{number}")).json
    answer = await site.act(number, verb, "manager", **body)
    assert answer.status == 400 and named in answer.json["detail"]
    assert (await site.get(f"/api/v1/tickets/{number}")).json == before


# --- verify ---


async def test_verify_polls_and_waits(site: Lab) -> None:
    """Nobody polls but verify itself: it must see the room as it is now."""
    number = await site.hot()
    await site.act(number, "acknowledge", way="remote")
    await site.act(number, "repair")
    hot = await site.act(number, "verify")
    refused(hot, "repaired")
    assert hot.json["code"] == "unverified"
    await site.gateway.set(unit=1, input={1: 230})
    answer = await site.act(number, "verify")
    assert (answer.status, answer.json["state"]) == (200, "verified"), answer.text
    assert answer.json["cleared_at"]


async def test_verify_is_refused_while_the_device_is_silent(site: Lab) -> None:
    number = await site.hot()
    await site.act(number, "acknowledge", way="remote")
    await site.room(230)
    await site.gateway.set(unit=1, silent=True)  # before the repair: no turn may come in between
    await site.act(number, "repair")
    refused(await site.act(number, "verify"), "repaired")


async def test_a_device_without_probes_is_verified_by_a_word(site: Lab) -> None:
    body = {"device": "supply-1", "note": "灯不亮"}
    number = (await site.post("/api/v1/tickets", body)).json["number"]
    await site.act(number, "acknowledge", way="remote")
    await site.act(number, "repair")
    answer = await site.act(number, "verify", note="看过了")
    assert (answer.status, answer.json["state"]) == (200, "verified")


# --- reported by a person ---


async def test_a_person_reports_a_fault(site: Lab) -> None:
    body = {"device": "cam-1", "note": "画面花屏", "part": "ch1", "severity": "major"}
    answer = await site.post("/api/v1/tickets", body)
    assert answer.status == 201
    ticket = answer.json
    assert (ticket["rule"], ticket["reported_by"]) == ("", "operator")
    assert (ticket["summary"], ticket["part"]) == ("画面花屏", "ch1")
    assert (ticket["state"], ticket["severity"]) == ("open", "major")
    assert (await site.get(f"/api/v1/tickets/{ticket['number']}")).json == ticket
    second = (await site.post("/api/v1/tickets", body)).json
    assert second["number"] > ticket["number"]


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ({"device": "cam-1"}, 400, "note"),
        ({"device": "cam-1", "note": "  "}, 400, "note"),
        ({"note": "x"}, 400, "device"),
        ({"device": "nobody", "note": "x"}, 404, "nobody"),
        ({"device": "cam-1", "note": "x", "severity": "awful"}, 400, "severity"),
        ({"device": "cam-1", "note": "x", "version": 1}, 400, "version"),
    ],
)
async def test_a_report_that_says_too_little(
    site: Lab, body: Mapping[str, object], status: int, named: str
) -> None:
    answer = await site.post("/api/v1/tickets", body)
    assert answer.status == status and named in answer.json["detail"], answer.text
    assert (await site.get("/api/v1/tickets")).json["tickets"] == []


# --- listings ---


async def test_tickets_are_listed_newest_first_by_state_device_and_limit(site: Lab) -> None:
    first, second = await site.hot(1), await site.hot(2)
    await site.act(first, "acknowledge")

    async def numbers(query: str) -> list[str]:
        found = (await site.get(f"/api/v1/tickets{query}")).json["tickets"]
        assert all("journal" not in one for one in found)
        return [one["number"] for one in found]

    assert await numbers("") == await numbers("?state=all") == [second, first]
    assert await numbers("?state=open") == [second]
    assert await numbers("?state=acknowledged,open") == [second, first]
    assert await numbers("?device=room-1") == [first]
    assert await numbers("?device=room-1&state=open") == []
    assert await numbers("?limit=1") == [second]


@pytest.mark.parametrize(
    "query",
    [
        *("state=broken", "state=open,broken"),
        *("limit=0", "limit=-1", "limit=x", "limit=5001"),
        *("limit=000000015000", "limit=" + "9" * 400),
    ],
)
async def test_a_wrong_query_is_400_and_names_the_key(site: Lab, query: str) -> None:
    answer = await site.get(f"/api/v1/tickets?{query}")
    assert answer.status == 400 and answer.json["detail"].startswith(query.partition("=")[0])


async def _at_once(*requests: Any) -> list[Any]:
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(request) for request in requests]
    return [task.result() for task in asked]
