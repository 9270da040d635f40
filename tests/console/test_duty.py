"""The duty book over the API and the real store: roster, overrides, hand-overs, people."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.console.site import Lab, lab

HOUR = timedelta(hours=1)
SHANGHAI = ZoneInfo("Asia/Shanghai")


def duty(now: datetime) -> str:
    """Two shifts that change in an hour from now: `operator` is on duty, then `engineer`."""
    local = now.astimezone(SHANGHAI) + HOUR
    change, other = f"{local:%H:%M}", f"{local + 12 * HOUR:%H:%M}"
    return f"""
duty:
  shifts: {{first: "{other}-{change}", second: "{change}-{other}"}}
  rotation:
    start: {local.date() - timedelta(days=7)}
    days: [{{first: operator, second: [engineer]}}]
  lead: [viewer]
  manager: [nobody]
"""


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Lab]:
    async with lab(tmp_path, duty(datetime.now(UTC))) as running:
        yield running


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


async def change_at(site: Lab) -> datetime:
    """When the shift ends that is on now."""
    return datetime.fromisoformat((await site.get("/api/v1/duty/now")).json["until"])


# --- who is on duty --------------------------------------------------------------------------


async def test_who_is_on_duty_now_and_who_comes(site: Lab) -> None:
    await site.ask(
        "PUT",
        "/api/v1/users/operator/contact",
        json={"name": "王", "phone": "+86 138 0000 0001", "ids": {"dingtalk": "w1"}},
    )
    answer = await site.get("/api/v1/duty/now")
    assert answer.json["people"] == [
        {"user": "operator", "name": "王", "phone": "+86 138 0000 0001"}
    ]
    assert [one["user"] for one in answer.json["next"]] == ["engineer"]
    assert answer.json["unsigned"] == []
    seen = await site.get("/api/v1/duty/now", role="viewer")
    assert seen.json["people"] == [{"user": "operator", "name": "王", "phone": ""}]


async def test_the_roster_of_two_weeks_and_what_is_wrong_with_it(site: Lab) -> None:
    roster = (await site.get("/api/v1/duty", role="auditor")).json
    assert roster["configured"] and roster["gaps"] == []
    assert [one["people"] for one in roster["stretches"][:3]] in (
        [["operator"], ["engineer"], ["operator"]],
        [["engineer"], ["operator"], ["engineer"]],
    )
    assert 28 <= len(roster["stretches"]) <= 30
    codes = {(one["code"], one["user"]) for one in roster["warnings"]}
    assert {("unknown_user", "nobody"), ("untrained", "operator")} <= codes
    assert ("unreachable", "engineer") in codes


async def test_a_part_of_it_and_times_that_are_none(site: Lab) -> None:
    query = "from=2027-01-01T00:00:00Z&to=2027-01-02T00:00:00%2B00:00"
    assert (await site.get(f"/api/v1/duty?{query}")).json["to"] == "2027-01-02T00:00:00.000Z"
    for bad in ("from=monday", "from=2027-01-01T00:00:00", "from=2027-01-02T00:00:00Z&to=2027-01-01"
                "T00:00:00Z", "from=2027-01-01T00:00:00Z&to=2028-01-01T00:00:00Z",
                "from=9999-12-31T23:59:59Z"):  # fmt: skip
        assert (await site.get(f"/api/v1/duty?{bad}")).status == 400, bad


async def test_without_a_roster_there_is_an_empty_one(tmp_path: Path) -> None:
    async with lab(tmp_path) as bare:
        assert (await bare.get("/api/v1/duty")).json["configured"] is False
        assert (await bare.get("/api/v1/duty/now")).json["people"] == []
        refused = await bare.post(
            "/api/v1/duty/overrides",
            {"from": "2030-01-01T00:00:00Z", "to": "2030-01-01T01:00:00Z", "user": "viewer"},
        )
        assert refused.status == 409
        assert (await bare.get("/api/v1/hand-overs")).json == {"hand_overs": []}
        assert "duty" not in {
            one["id"] for one in (await bare.get("/api/v1/devices")).json["devices"]
        }


async def test_the_watch_is_a_device_and_a_gap_in_it_a_ticket(site: Lab) -> None:
    await site.poll("duty")
    watch = (await site.get("/api/v1/devices/duty")).json
    assert [(one["reading"], one["value"]) for one in watch["readings"]] == [("duty_people", 1)]
    now = datetime.now(UTC)
    body = {"from": stamp(now - HOUR), "to": stamp(now + HOUR / 2), "replaces": "operator"}
    gone = await site.post("/api/v1/duty/overrides", body, role="manager")
    assert gone.status == 201, gone
    await site.poll("duty")
    number = await site.ticket_of("duty")
    ticket = (await site.get(f"/api/v1/tickets/{number}")).json
    assert (ticket["rule"], ticket["severity"]) == ("duty-gap", "critical")
    assert ticket["called"] == ["viewer"]  # nobody is on duty: the lead
    assert [one["to"] for one in ticket["calls"]] == ["next", "lead", "manager"]
    async with site.session.get(f"{site.base}/metrics") as got:
        page = await got.text()
    assert 'secmon_duty_people{site="lab",system="center",kind="duty",device="duty"' in page
    assert any('rule="duty-gap"' in line and line.endswith(" 1") for line in page.splitlines())
    await site.daemon.tally.look()
    await site.daemon.tally.flush()
    counted = await site.store.watched(f"{datetime.now(SHANGHAI):%Y-%m}")
    assert {row.device for row in counted} == {"room-1", "room-2", "panel-1", "cam-1", "supply-1"}
    await site.ask("DELETE", f"/api/v1/duty/overrides/{gone.json['id']}", role="manager")
    await site.poll("duty")
    assert await site.when(number, "cleared_at")


# --- overrides -------------------------------------------------------------------------------


async def test_a_swap_from_asking_to_taking_back(site: Lab) -> None:
    start = await change_at(site)
    body = {"from": stamp(start), "to": stamp(start + HOUR), "replaces": "engineer",
            "user": "operator", "note": "a wedding"}  # fmt: skip
    asked = await site.post("/api/v1/duty/overrides", body)
    assert asked.status == 201 and asked.json["in_force"] is False
    path = f"/api/v1/duty/overrides/{asked.json['id']}"
    assert (await site.post(f"{path}/confirm")).status == 403  # who asked
    done = await site.post(f"{path}/confirm", role="engineer")
    assert done.json["in_force"] and done.json["confirmed_by"] == "engineer"
    now = (await site.get("/api/v1/duty/now")).json
    assert now["until"] != stamp(start)  # operator goes on
    beaten = await site.post("/api/v1/duty/overrides", {**body, "user": "viewer"}, role="admin")
    assert beaten.json["beats"] == [asked.json["id"]]
    again = await site.post("/api/v1/duty/overrides", body, role="admin")
    assert again.status == 409 and asked.json["id"] in again.json["detail"]
    removed = await site.ask("DELETE", path)
    assert removed.json["removed_by"] == "operator" and not removed.json["in_force"]
    assert (await site.ask("DELETE", path)).status == 404


async def test_a_shift_of_a_date_is_named_by_its_name(site: Lab) -> None:
    day = f"{datetime.now(SHANGHAI) + timedelta(days=2):%Y-%m-%d}"
    body = {"date": day, "shift": "second", "replaces": "engineer", "user": "operator"}
    made = await site.post("/api/v1/duty/overrides", body, role="manager")
    assert made.status == 201
    start, end = (datetime.fromisoformat(made.json[key]) for key in ("from", "to"))
    assert end - start == 12 * HOUR
    assert (await site.post("/api/v1/duty/overrides", {**body, "shift": "third"})).status == 400
    assert (await site.post("/api/v1/duty/overrides", {**body, "date": "soon"})).status == 400


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"from": "2030-01-01T00:00:00Z"}, 400),
        ({"from": "2030-01-01T00:00:00Z", "to": "2030-01-01T01:00:00Z", "user": "king"}, 400),
        ({"from": "2030-01-01T00:00:00Z", "date": "2030-01-01"}, 400),
        ({"from": 5}, 400),
        ({"wrong": "x"}, 400),
    ],
)
async def test_what_is_no_override(site: Lab, body: object, status: int) -> None:
    assert (await site.post("/api/v1/duty/overrides", body)).status == status


async def test_who_only_reads_changes_nothing(site: Lab) -> None:
    for method, path in (
        ("POST", "/api/v1/duty/overrides"),
        ("POST", "/api/v1/duty/overrides/x/confirm"),
        ("DELETE", "/api/v1/duty/overrides/x"),
        ("POST", "/api/v1/hand-overs"),
        ("POST", "/api/v1/hand-overs/x/sign"),
        ("POST", "/api/v1/users/viewer/training"),
    ):
        assert (await site.ask(method, path, "auditor")).status == 403, path


# --- hand-overs ------------------------------------------------------------------------------


async def test_a_hand_over_begun_signed_and_sealed(site: Lab) -> None:
    number = await site.hot()
    begun = await site.post("/api/v1/hand-overs")
    assert begun.status == 201, begun
    one = begun.json
    assert (one["outgoing"], one["incoming"]) == (["operator"], ["engineer"])
    tickets = one["content"]["tickets"]["rows"]
    assert [row["number"] for row in tickets] == [number]
    assert list(one["summaries"].values()) == [
        "Machine room is too warm: 主机房 (一层) 30 °C, limit 25 °C"
    ]
    assert one["content"]["rooms"]["rows"][0]["readings"][0]["value"] == 30.0
    assert (await site.get("/api/v1/duty/now")).json["unsigned"] == [one["id"]]
    path = f"/api/v1/hand-overs/{one['id']}"
    assert (await site.post("/api/v1/hand-overs")).status == 409
    signed = await site.post(f"{path}/sign", {"note": "all quiet"})
    assert signed.json["missing"] == ["incoming"]
    assert (await site.post(f"{path}/sign", {})).status == 409  # twice
    assert (await site.post(f"{path}/sign", {"side": "incoming"}, "manager")).status == 400
    done = await site.post(f"{path}/sign", {}, "engineer")
    assert done.json["sealed"] and done.json["intact"] and done.json["missing"] == []
    assert done.json["content"] == one["content"]
    listed = (await site.get("/api/v1/hand-overs?limit=5", "auditor")).json["hand_overs"]
    assert [(row["id"], row["sealed"]) for row in listed] == [(one["id"], True)]
    assert (await site.get(path, "auditor")).json["seal"] == done.json["seal"]


async def test_hand_overs_that_are_none(site: Lab) -> None:
    assert (await site.get("/api/v1/hand-overs/x")).status == 404
    assert (await site.post("/api/v1/hand-overs/x/sign", {})).status == 404
    assert (await site.get("/api/v1/hand-overs?limit=0")).status == 400
    assert (await site.get("/api/v1/hand-overs?before=soon")).status == 400


# --- people ----------------------------------------------------------------------------------


async def test_a_contact_is_one_s_own_or_the_manager_s(site: Lab) -> None:
    path = "/api/v1/users/engineer/contact"
    body = {"phone": "13800000001", "email": "li@example.org", "language": "en"}
    assert (await site.ask("PUT", path, "operator", json=body)).status == 403
    assert (await site.get(path, "operator")).status == 403
    assert (await site.ask("PUT", path, "engineer", json=body)).status == 200
    assert (await site.get(path, "manager")).json["email"] == "li@example.org"
    assert (await site.ask("PUT", path, "manager", json={})).json["phone"] == ""
    assert (await site.get("/api/v1/users/king/contact", "admin")).status == 404


@pytest.mark.parametrize(
    "body",
    [
        {"phone": "call me"},
        {"phone": "1" * 30},
        {"email": "li"},
        {"email": "a@b.c\nBcc: x@y.z"},
        {"language": "fr"},
        {"name": "x" * 65},
        {"name": "a\x07"},
        {"ids": "abc"},
        {"ids": {"dingtalk": 5}},
        {"ids": {f"k{n}": "x" for n in range(11)}},
    ],
)
async def test_contacts_that_reach_nobody_are_refused(site: Lab, body: object) -> None:
    answer = await site.ask("PUT", "/api/v1/users/operator/contact", json=body)
    assert answer.status == 400
    assert (await site.get("/api/v1/users/operator/contact")).json["phone"] == ""


async def test_trainings_are_written_down_and_struck_out(site: Lab) -> None:
    path = "/api/v1/users/operator/training"
    today = datetime.now(SHANGHAI).date()
    body = {"day": str(today), "what": "现场培训"}
    assert (await site.post(path, body)).status == 403
    made = await site.post(path, body, "manager")
    assert [(one["what"], one["by"]) for one in made.json["trainings"]] == [("现场培训", "manager")]
    people = {one["user"]: one for one in (await site.get("/api/v1/duty")).json["people"]}
    assert people["operator"]["trained_until"] == str(today + timedelta(days=365))
    for bad in ({"day": "x", "what": "y"}, {"day": str(today)}, {**body, "until": "2020-01-01"}):
        assert (await site.post(path, bad, "manager")).status == 400
    gone = await site.ask("DELETE", f"{path}?day={today}&what=现场培训", "manager")
    assert gone.json == {"trainings": []}
    assert (await site.ask("DELETE", f"{path}?day={today}&what=x", "manager")).status == 404
