"""The pages of the operator on duty, without a browser: what they show, to whom, and refuse."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from secmon.adapters.clock import Clock
from secmon.adapters.store.sqlite import SqliteStore
from secmon.api import Contact, Role, StoreDown
from secmon.app.daemon import Daemon
from tests.console.reader import reader
from tests.console.site import Lab, lab
from tests.console.watching import PHONE, duty, floors

PLAN = "/plan/F1%20%E5%A4%A7%E5%8E%85"
PATHS = ("/duty", "/hand-overs", "/plan", PLAN, "/wall")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Lab]:
    floors(tmp_path)
    async with lab(tmp_path, duty(datetime.now(UTC))) as running:
        yield running


# --- everywhere ---


async def test_every_role_reads_and_only_those_who_work_write(site: Lab) -> None:
    async with reader(site, "guest", Role.VIEWER) as guest, reader(site, "shen", Role.AUDITOR) as a:
        for one in (guest, a):
            for path in PATHS:
                assert (await one.get(path)).status == 200, path
            for path in (
                "/duty/overrides",
                "/duty/overrides/x/confirm",
                "/duty/overrides/x/withdraw",
                "/hand-overs",
                "/hand-overs/x/sign",
                "/tickets/WX-2026-0001/plan/center/begin",
                "/tickets/WX-2026-0001/plan/center/1",
                f"{PLAN}/spots",
                f"{PLAN}/spots/cam-1/remove",
            ):
                assert (await one.send(path)).status == 403, path


async def test_forms_of_another_sites_page_do_nothing(site: Lab) -> None:
    async with reader(site, "sun", Role.MANAGER) as sun:
        for path in ("/hand-overs", f"{PLAN}/spots/cam-1/remove", "/duty/overrides"):
            assert (await sun.send(path, origin="http://evil.example")).status == 403, path
    assert (await site.get("/api/v1/hand-overs")).json == {"hand_overs": []}


async def test_without_a_log_in_one_is_sent_to_it(site: Lab) -> None:
    for path in (*PATHS, f"{PLAN}/picture"):
        got = await site.get(path, role="", allow_redirects=False, headers={"Accept": "text/html"})
        assert got.status in (303, 401), path


async def test_without_roster_and_plans_the_pages_say_what_to_do(tmp_path: Path) -> None:
    async with lab(tmp_path) as bare, reader(bare, "sun", Role.MANAGER) as sun:
        assert "no roster" in (await sun.get("/duty")).words
        assert "no hand-overs" in (await sun.get("/hand-overs")).words
        assert "folder `plans`" in (await sun.get("/plan")).words
        assert (await sun.get("/wall")).status == 200
        assert (await sun.send("/duty/overrides", {"user": "sun"})).status == 400
        assert (await sun.send("/hand-overs")).status == 409
        assert (await sun.get("/plan/nothing")).status == 404
        assert (await sun.get("/hand-overs/nothing")).status == 404


async def test_while_the_store_is_away_the_pages_show_what_they_know(
    site: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise StoreDown("disk full")

    async with reader(site, "sun", Role.MANAGER) as sun:
        for name in ("contacts", "overrides", "users", "spots", "put_spot"):
            monkeypatch.setattr(site.daemon, name, away)
        for path in ("/duty", "/plan", "/wall"):
            page = await sun.get(path)
            assert page.status == 200, (path, page.words)
        placed = await sun.send(f"{PLAN}/spots", {"device": "cam-1", "x": "1", "y": "2"})
        assert placed.status == 503


# --- roster ---


async def test_telephone_numbers_are_for_those_who_work(site: Lab) -> None:
    await site.store.set_contact(Contact("operator", "王", PHONE))
    async with reader(site, "guest", Role.VIEWER) as guest, reader(site) as wang:
        for path in ("/duty", "/wall"):
            assert "138 0000" not in (await guest.get(path)).text
        assert 'href="tel:' not in (await guest.get("/duty")).text
        assert (await wang.get("/duty")).status == 200


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({}, "expected from and to, or date and shift"),
        ({"date": "2027-01-01", "shift": "noon", "user": "sun"}, "shift: expected one of"),
        ({"date": "1", "shift": "day", "user": "sun"}, "date: expected a date"),
        ({"date": "2027-01-01", "shift": "day", "user": "nobody"}, "there is no user"),
        ({"from": "2027-01-01T08:00", "user": "sun"}, "to: expected a time like"),
        ({"from": "soon", "to": "2027-01-01T08:00", "user": "sun"}, "from: expected a time"),
        ({"from": "2027-01-01T08:00Z", "to": "2027-01-01T09:00", "user": "sun"}, "from: expected"),
        ({"from": "2027-01-01T09:00", "to": "2027-01-01T08:00", "user": "sun"}, "to: expected a"),
    ],
)
async def test_a_swap_that_cannot_be_comes_back_with_all_that_was_typed(
    site: Lab, form: dict[str, str], says: str
) -> None:
    async with reader(site, "sun", Role.MANAGER) as sun:
        page = await sun.send("/duty/overrides", {**form, "note": "<i>why</i>"})
        assert page.status == 400
        assert says in page.words
        assert "&lt;i&gt;why&lt;/i&gt;" in page.text


async def test_a_part_of_a_shift_by_the_wall_clock_of_the_site(site: Lab) -> None:
    form = {"from": "2027-01-04T09:00", "to": "2027-01-04T10:30", "user": "sun", "note": "x"}
    async with reader(site, "sun", Role.MANAGER) as sun:
        assert (await sun.send("/duty/overrides", form)).status == 303
    query = "from=2027-01-01T00:00:00Z&to=2027-01-08T00:00:00Z"
    (one,) = (await site.get(f"/api/v1/duty?{query}")).json["overrides"]
    assert (one["from"], one["to"]) == ("2027-01-04T01:00:00.000Z", "2027-01-04T02:30:00.000Z")
    assert (one["user"], one["replaces"], one["in_force"]) == ("sun", "", True)


async def test_a_week_that_is_none_is_this_one(site: Lab) -> None:
    async with reader(site) as wang:
        for week in ("x", "2027-02-30", "0001-01-01", "9999-12-31"):
            page = await wang.get(f"/duty?week={week}")
            assert page.status == 200
            assert 'aria-current="date"' in page.text


# --- hand-overs ---


async def test_a_manager_signs_for_others_with_a_word_and_only_one_side(site: Lab) -> None:
    async with reader(site, "sun", Role.MANAGER) as sun, reader(site, "boss", Role.ADMIN) as boss:
        path = (await sun.send("/hand-overs")).location
        assert re.fullmatch(r"/hand-overs/\d{8}T\d{6}Z", path)
        silent = await sun.send(f"{path}/sign", {"side": "outgoing", "note": " "})
        assert silent.status == 400
        assert "says why" in silent.words
        signed = await sun.send(f"{path}/sign", {"side": "outgoing", "note": "他病了"})
        assert signed.status == 303
        assert (await sun.send(f"{path}/sign", {"side": "incoming", "note": "x"})).status == 403
        again = await boss.send(f"{path}/sign", {"side": "outgoing", "note": "x"})
        assert again.status == 409, "two at the same moment: one of them signs"
        assert (await boss.send(f"{path}/sign", {"side": "incoming", "note": "x"})).status == 303
        page = await sun.get(path)
        assert "他病了" in page.words and "intact" in page.words and "for others" in page.words


async def test_what_was_tampered_with_is_called_broken(site: Lab) -> None:
    async with reader(site, "sun", Role.MANAGER) as sun, reader(site, "boss", Role.ADMIN) as boss:
        path = (await sun.send("/hand-overs")).location
        await sun.send(f"{path}/sign", {"side": "outgoing", "note": "a"})
        await boss.send(f"{path}/sign", {"side": "incoming", "note": "b"})
        async with site.store._db.writing() as session:  # by hand, as nobody should
            forge = "UPDATE hand_over SET data = replace(data, '\"a\"', '\"c\"') WHERE site = $1"
            await session.fetch(forge, "lab")
        assert "broken" in (await sun.get(path)).words


# --- emergency plans ---


async def test_a_plan_over_the_api_and_what_it_refuses(site: Lab) -> None:
    number = await site.hot()
    plan = f"/api/v1/tickets/{number}/plans/center"
    assert {one["id"] for one in (await site.get("/api/v1/plans")).json["plans"]} >= {"center"}
    begun = await site.post(plan, {})
    assert begun.status == 201
    assert begun.json["plans"][0]["steps"] == 7
    assert (await site.post(plan, {})).status == 409
    done = await site.post(f"{plan}/steps/2", {"done": True}, role="engineer")
    step = done.json["checklists"]["center"]["steps"][1]["done"]
    assert step["by"] == "engineer"
    assert done.json["journal"][-1]["what"] == "plan step"
    assert (await site.post(f"{plan}/steps/2", {"done": True})).status == 409
    assert (await site.post(f"{plan}/steps/9", {"done": True})).status == 404
    assert (await site.post(f"{plan}/steps/x", {"done": True})).status == 404
    assert (await site.post(f"/api/v1/tickets/{number}/plans/video", {})).status == 404
    assert (await site.post(plan, {}, role="viewer")).status == 403
    undone = await site.post(f"{plan}/steps/2", {"done": False})
    assert undone.json["plans"][0]["done"] == 0


async def test_a_plan_outlives_a_restart(tmp_path: Path) -> None:
    async with lab(tmp_path) as site:
        number = await site.hot()
        await site.post(f"/api/v1/tickets/{number}/plans/center", {})
        await site.post(f"/api/v1/tickets/{number}/plans/center/steps/1", {"done": True})
        loaded = site.daemon.loaded
    clock = Clock()
    store = SqliteStore(loaded.site.store, site="lab", timezone="Asia/Shanghai", clock=clock)
    async with store:
        again = Daemon(loaded, store, clock)
        await again.open()
        (ticket,) = again.world.tickets.values()
        assert ticket.number == number
        assert ticket.checklists["center"].done["1"].by == "operator"


# --- the plan view ---


async def test_a_device_is_placed_moved_and_taken_off(site: Lab) -> None:
    async with reader(site, "sun", Role.MANAGER) as sun, reader(site) as wang:
        form = {"device": "cam-1", "x": "50", "y": "25"}
        assert (await wang.send(f"{PLAN}/spots", form)).status == 403
        assert (await sun.send(f"{PLAN}/spots", form)).status == 303
        assert "translate(800.0 225.0)" in (await wang.get(PLAN)).text
        assert (await sun.send(f"{PLAN}/spots", {**form, "x": "12,5"})).status == 303
        page = (await wang.get(PLAN)).text
        assert "translate(200.0 225.0)" in page and "translate(800.0" not in page
        assert "cam-1" not in (await wang.get("/plan/F2")).text
        for bad in ({"device": "none"}, {"x": "101"}, {"y": "-1"}, {"x": "nan"}, {"y": "1e9"}):
            assert (await sun.send(f"{PLAN}/spots", {**form, **bad})).status == 400, bad
        assert (await sun.send("/plan/none/spots", form)).status == 404
        assert (await sun.send(f"{PLAN}/spots/cam-1/remove")).status == 303
        assert 'class="spot' not in (await wang.get(PLAN)).text


async def test_a_plans_picture_is_only_what_it_says_it_is(site: Lab) -> None:
    headers = {"Authorization": f"Bearer {site.tokens['viewer']}"}
    async with site.session.get(f"{site.base}{PLAN}/picture", headers=headers) as got:
        assert got.status == 200
        assert (await got.read()).startswith(b"\x89PNG")
        assert got.content_type == "image/png"
        assert got.headers["X-Content-Type-Options"] == "nosniff"
        assert got.headers["Cache-Control"].startswith("private")
    assert (await site.get("/plan/..%2Fsecmon/picture")).status == 404
