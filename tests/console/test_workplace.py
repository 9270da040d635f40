"""The pages of those who do the work, over HTTP: history, spares, labels, my tickets, figures."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import pytest

from secmon.api import Contact, Hour, Role, StoreDown
from secmon.core.kpi import Watched
from tests.console.reader import reader
from tests.console.seeded import seed
from tests.console.site import Lab, lab
from tests.console.test_pages import Outline

# --- the value around the fault ---


async def test_the_value_around_the_fault_is_drawn_and_said(site: Lab) -> None:
    await seed(site.store)
    number = await site.hot()
    await site.act(number, "acknowledge")
    async with reader(site) as one:
        page = await one.get(f"/tickets/{number}")
        Outline(page.text)
        figure = page.text.partition('id="ticket-around"')[2].partition("</section>")[0]
        assert figure.count('class="band"') == 1 and figure.count('class="limit"') == 1
        signs = re.findall(r'class="sign"[^>]*>(.)</text>', figure)
        assert signs == ["①", "②"]
        assert 'role="img"' in figure and 'aria-describedby="around-about"' in figure
        said = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", figure))
        assert re.search(r"Lowest 2\d(\.\d)? °C, highest 30 °C\.", said), said
        assert "Limit 25 °C (dashed line). Beyond it for about 5 min." in said
        assert "① Detected" in said and "② acknowledged" in said


async def test_an_old_fault_is_drawn_by_hours_and_an_older_one_says_that_nothing_is_kept(
    site: Lab,
) -> None:
    number = await site.hot()
    ticket = site.daemon.world.tickets[site.daemon.world.numbers[number]]
    long_ago = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=3)
    object.__setattr__(ticket, "detected_at", long_ago)
    async with reader(site) as one:
        page = (await one.get(f"/tickets/{number}")).words
        assert "No values of this time are kept." in page
        await site.store.add_hours(
            [
                Hour(
                    "room-1",
                    "",
                    "temperature_celsius",
                    long_ago + timedelta(hours=n),
                    20 + n,
                    21 + n,
                    41 + 2 * n,
                    2,
                )
                for n in range(6)
            ]
        )
        page = (await one.get(f"/tickets/{number}")).words
        assert "Lowest 20 °C, highest 26 °C." in page
        assert "Beyond it for about 1 h" in page


async def test_without_the_store_the_pages_show_all_but_the_past(
    site: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await site.hot()

    async def away(*_: object) -> object:
        raise StoreDown("the disk is full")

    monkeypatch.setattr(type(site.store), "traces", away)
    async with reader(site) as one:
        page = await one.get(f"/tickets/{number}")
        assert page.status == 200 and "The values cannot be read just now." in page.words
        assert (await one.get("/devices/room-1")).status == 200


async def test_a_reported_fault_has_no_chart(site: Lab) -> None:
    told = await site.post("/api/v1/tickets", {"device": "room-1", "note": "smells odd"})
    async with reader(site) as one:
        page = (await one.get(f"/tickets/{told.json['number']}")).text
        assert 'id="ticket-around"' not in page and 'id="ticket-spares"' in page


# --- spares ---


async def test_spares_come_with_a_form_a_repair_and_the_api(site: Lab) -> None:
    number = await site.hot()
    for verb in ("acknowledge", "arrive"):
        await site.act(number, verb)
    async with reader(site) as one:
        form = {"spare": "fan  unit", "model": "KFR", "quantity": "2", "serial": "A-1"}
        sent = await one.send(f"/tickets/{number}/note", {**form, "condition": "new"})
        assert sent.location == f"/tickets/{number}?done=note"
        sent = await one.send(
            f"/tickets/{number}/repair", {"spare": "filter", "quantity": "", "note": "done"}
        )
        assert sent.status == 303
        ticket = (await site.get(f"/api/v1/tickets/{number}")).json
        fan = {"name": "fan unit", "model": "KFR", "quantity": 2, "serial": "A-1"}
        assert ticket["spares"] == [
            {**fan, "condition": "new"},
            {"name": "filter", "model": "", "quantity": 1, "serial": "", "condition": ""},
        ]
        lines = [(line["what"], line["why"]) for line in ticket["journal"]]
        assert ("spare", "2 × fan unit KFR, SN A-1, new") in lines
        page = (await one.get(f"/tickets/{number}")).text
        undo = page.partition('id="ticket-spares"')[2].partition("</form>")[0]
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', undo))
        assert hidden["quantity"] == "-2"
        sent = await one.send(f"/tickets/{number}/note", hidden)
        assert sent.status == 303
        left = (await site.get(f"/api/v1/tickets/{number}")).json["spares"]
        assert [spare["name"] for spare in left] == ["filter"]
        again = await one.send(f"/tickets/{number}/note", hidden)
        assert again.status == 409, "it was pressed on a page that is out of date"


@pytest.mark.parametrize(
    "wrong", [{"quantity": "0"}, {"quantity": "many"}, {"quantity": "99999"}, {"spare": " "}]
)
async def test_a_spare_that_is_refused_keeps_what_was_typed(
    site: Lab, wrong: dict[str, str]
) -> None:
    number = await site.hot()
    async with reader(site) as one:
        form = {"spare": "fan", "model": "<b>KFR</b>", "quantity": "1", **wrong}
        sent = await one.send(f"/tickets/{number}/note", form)
        assert sent.status == 400
        box = sent.text.partition('id="spare-form"')[2].partition("</form>")[0]
        assert box.startswith(" open") and 'value="&lt;b&gt;KFR&lt;/b&gt;"' in box
        assert 'data-live="held"' in sent.text.partition('id="ticket-spares"')[2][:80]
        assert (await site.get(f"/api/v1/tickets/{number}")).json["spares"] == []


# --- the device ---


async def test_a_device_shows_its_day_its_warranty_and_its_life(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    today = datetime.now(UTC).date()
    (tmp_path / "conf.d" / "old.yaml").write_text(
        "devices: [{id: cam-9, name: Old, system: video, kind: camera, installed: '2015-05-01', "
        f"warranty_until: '{today + timedelta(days=31)}', parent: room-1}}]\n"
    )
    async with lab(tmp_path) as site, reader(site) as one:
        await seed(site.store)
        page = await one.get("/devices/room-1")
        sparks = re.findall(r'class="spark"[^>]* aria-label="([^"]*)"', page.text)
        assert any(re.match(r"Past 24 hours: lowest 20\.8 °C", said) for said in sparks), sparks
        assert any("Past 24 hours: lowest 40%, highest" in said for said in sparks)
        assert any(
            said.startswith("Past 24 hours: Last poll succeeded") or "100%" in said
            for said in sparks
        )
        assert "Old" in page.words.partition("Feeds")[2]
        old = (await one.get("/devices/cam-9")).words
        assert re.search(r"Warranty until \d{4}-\d\d-\d\d 3[012] days left", old), old
        assert "6 years" in old and "until 2021-05-01" in old and "days over" in old
        assert "A suggestion: the standard does not list this kind of device" in old
        panel = (await one.get("/devices/panel-1")).words
        assert "DB33/T 830-2011 5.1.2 k alarm controller" in panel
        assert "A suggestion" not in panel and "(no date of installation)" in panel


async def test_a_label_leads_to_the_device_and_says_if_only_this_machine_can_go_there(
    site: Lab,
) -> None:
    async with reader(site) as one:
        page = await one.get("/devices/room-1/label")
        assert f'href="{site.base}/devices/room-1"' in page.text
        assert "主机房" in page.words and "room-1" in page.words and "一层" in page.words
        assert "which only this machine can open" in page.words
        sheet = await one.get("/labels")
        assert sheet.text.count('class="label"') == 5
        some = await one.get("/labels?system=center")
        assert re.findall(r'id="label-([\w-]+)"', some.text) == ["room-1", "room-2"]
        assert (await one.get("/devices/none/label")).status == 404
        assert "No device matches." in (await one.get("/labels?system=nothing")).words


async def test_sheets_of_many_devices_have_pages(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    many = ", ".join(
        f"{{id: many-{n}, name: M{n}, system: video, kind: camera}}" for n in range(60)
    )
    (tmp_path / "conf.d" / "many.yaml").write_text(f"devices: [{many}]\n")
    more = "\n"
    async with lab(tmp_path, more) as site, reader(site) as one:
        first = await one.get("/labels?system=video")
        assert first.text.count('class="label"') == 48
        following = unescape(re.findall(r'href="(/labels\?[^"]*page=2)"', first.text)[0])
        second = await one.get(following)
        assert second.text.count('class="label"') == 13
        assert "page=3" not in second.text


# --- my tickets ---


async def test_my_tickets_are_mine_first_due_first_with_the_next_step(site: Lab) -> None:
    hot = await site.hot()
    reported = (await site.post("/api/v1/tickets", {"device": "cam-1", "note": "dirty"})).json
    other = (await site.post("/api/v1/tickets", {"device": "room-2", "note": "noisy"})).json
    for verb in ("acknowledge", "arrive"):
        await site.act(hot, verb)
    await site.act(hot, "assign", to="wang")
    async with reader(site) as one, reader(site, "li") as li:
        await site.store.set_contact(Contact("wang", name="老王"))
        sent = await li.send(f"/tickets/{reported['number']}/assign", {"other": " 老王 "})
        assert sent.status == 303
        assert (await site.get(f"/api/v1/tickets/{reported['number']}")).json["assignee"] == "wang"
        page = await one.get("/my")
        Outline(page.text)
        jobs = page.text.partition('id="my-jobs"')[2].partition("</section>")[0]
        assert re.findall(r'id="job-(WX[\d-]+)"', jobs) == [reported["number"], hot]
        assert re.findall(r'data-verb="(\w+)"', jobs) == ["acknowledge", "repair"]
        assert 'id="nav-my" data-live class="count">2<' in page.text
        free = page.text.partition('id="my-free"')[2]
        assert re.findall(r'id="job-(WX[\d-]+)"', free) == [other["number"]]
        version = re.findall(r'name="version" value="(\d+)"', jobs)[0]
        form = {"version": version, "back": "/my"}
        sent = await one.send(f"/tickets/{reported['number']}/acknowledge", form)
        assert (sent.status, sent.location) == (303, "/my?done=acknowledge")
        assert "Acknowledge: recorded" in (await one.get(sent.location)).words
        late = await one.send(f"/tickets/{reported['number']}/acknowledge", form)
        assert late.status == 409 and "Somebody else changed" in late.words
        sent = await li.send(
            f"/tickets/{other['number']}/assign",
            {"to": "li", "back": "https://example.org/my"},
        )
        assert sent.location == f"/tickets/{other['number']}?done=assign", "no way out of here"
        assert other["number"] in (await li.get("/my")).text.partition("my-free")[0]
    async with reader(site, "shen", Role.AUDITOR) as auditor:
        page = await auditor.get("/my")
        assert "No ticket is yours just now." in page.words and "my-free" not in page.text


async def test_the_ticket_s_page_offers_those_who_may_be_sent(site: Lab) -> None:
    number = await site.hot()
    async with reader(site) as one, reader(site, "li"):
        await site.store.set_contact(Contact("li", name="李工"))
        page = (await one.get(f"/tickets/{number}")).text
        box = page.partition('data-verb="assign"')[2].partition("</form>")[0]
        names = re.findall(r'<option value="([^"]*)"', box)
        assert {"wang", "li", "engineer", "operator"} <= set(names)
        assert "viewer" not in names and "auditor" not in names
        assert "李工 (li)" in box and "wang · me" in box
        assert (await one.send(f"/tickets/{number}/assign", {"to": "", "other": ""})).status == 400
        sent = await one.send(f"/tickets/{number}/assign", {"to": "li", "other": "Zhao"})
        assert sent.status == 303
        assert (await site.get(f"/api/v1/tickets/{number}")).json["assignee"] == "li"
        take = (await one.get(f"/tickets/{number}")).text.partition('class="verb mine"')[2]
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', take[:400]))
        assert hidden["to"] == "wang"
        assert (await one.send(f"/tickets/{number}/assign", hidden)).status == 303
        assert 'class="verb mine"' not in (await one.get(f"/tickets/{number}")).text


# --- figures ---


async def test_the_month_s_figures_as_a_page_and_a_table(site: Lab) -> None:
    number = await site.hot()
    await site.act(number, "acknowledge")
    month = "2026-02"
    rows = [
        Watched("room-1", "center", month, 1000, 999, 1000, 998),
        Watched("cam-1", "video", month, 1000, 800, 1000, 900),
        Watched("x", "=cmd|' /C calc'!A0", month, 10, 10, 0, 0),
    ]
    await site.store.add_watched(rows)
    async with reader(site) as one:
        page = await one.get(f"/kpi?month={month}")
        Outline(page.text)
        assert "99.80%" in page.words and "90.00%" in page.words
        assert re.findall(r'<td data-name="Online" class="low">([^<]*)', page.text)[0] == "90.00%"
        assert page.words.index("video surveillance") < page.words.index("control room")
        assert "The month is not over" not in page.words
        assert "Mean time from detection to acknowledgement" in page.words
        now = await one.get("/kpi")
        assert "The month is not over" in now.words and "(1/1)" in now.words
        sheet = await one.get(f"/kpi.csv?month={month}")
        assert sheet.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert f'filename="kpi-{month}.csv"' in sheet.headers["Content-Disposition"]
        assert sheet.text.startswith("\ufeff")
        table = list(csv.DictReader(io.StringIO(sheet.text.removeprefix("\ufeff"))))
        by_system = {row["System"]: row for row in table}
        assert by_system["video surveillance"]["online_ratio"] == "0.9"
        assert by_system["示范工程"]["devices"] == "3"
        assert "'=cmd|' /C calc'!A0" in by_system, "no formula of anybody's"
        assert by_system["control room"]["mttr_seconds"] == ""
        for wrong in ("2026-13", "x", "2026-11-01"):
            assert (await one.get(f"/kpi?month={wrong}")).status == 400
            assert (await one.get(f"/kpi.csv?month={wrong}")).status == 400
        assert "Nothing was counted in this month." in (await one.get("/kpi?month=2020-02")).words
