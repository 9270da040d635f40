"""The pages of those who do the work, in Chromium: charts, spares, labels, my tickets, figures."""

import asyncio
import csv
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, expect

from secmon.adapters.store.sqlite import SqliteStore
from secmon.core.kpi import Watched
from tests.cli.place import Place, place
from tests.console.browsing import SIZES, Person, add_user, chromium, person
from tests.console.seeded import seed
from tests.equipment import Equipment, equipment

pytestmark = [pytest.mark.peers, pytest.mark.timeout(90)]

MANY = 60  # devices beside, for sheets of labels
ALL_OPEN = """() => {
  for (const one of document.querySelectorAll("details")) { one.name = ""; one.open = true; }
}"""


@dataclass(frozen=True, slots=True)
class Scene:
    browser: Browser
    here: Place
    things: Equipment
    token: str
    hot: str  # the ticket of a room that is too warm

    def report(self, device: str, note: str) -> str:
        return str(self.api("/api/v1/tickets", device=device, note=note)["number"])

    def api(self, path: str, **body: str) -> dict[str, object]:
        status, answer = self.here.http("POST", path, self.token, body)
        assert status in (200, 201), answer
        return dict(answer)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "conf.d").mkdir()
    many = ", ".join(
        f"{{id: door-{n}, name: '门 {n}', system: access, kind: door, location: 3 号楼 {n} 层}}"
        for n in range(MANY)
    )
    (folder / "conf.d" / "more.yaml").write_text(
        f"devices: [{many}, {{id: cam-9, name: 旧摄像机, system: video, kind: camera, "
        "installed: '2015-05-01', warranty_until: '2016-05-01', parent: room-1}]\n"
    )
    with ExitStack() as stack:
        things = stack.enter_context(equipment())
        here = place(folder, things, slow="every: 1s, timeout: 1s")
        asyncio.run(_past(folder / "secmon.db"))
        stack.enter_context(here.daemon())
        for name in ("wang", "li"):
            add_user(here, name)
        said = here.command("user", "add", "program", "--role", "manager", "--token")
        browser = stack.enter_context(chromium())
        made = Scene(browser, here, things, said.out.strip(), "")
        things.set(1, input={1: 300})
        yield Scene(browser, here, things, made.token, _ticket(made, "room-1"))


async def _past(file: Path) -> None:
    async with SqliteStore(file, site="lab", timezone="Asia/Shanghai") as store:
        await seed(store)
        month = "2026-02"
        await store.add_watched(
            [
                Watched("room-1", "center", month, 1000, 999, 1000, 998),
                Watched("cam-1", "video", month, 1000, 800, 1000, 900),
            ]
        )


def _ticket(made: Scene, device: str) -> str:
    deadline = datetime.now(UTC).timestamp() + 8
    while datetime.now(UTC).timestamp() < deadline:
        found = made.here.get(f"/api/v1/tickets?device={device}&state=open", made.token)[1]
        if found["tickets"]:
            return str(found["tickets"][0]["number"])
    raise AssertionError(f"{device} has no open ticket")


@pytest.mark.parametrize(
    ("size", "language", "dark"),
    [("desk", "zh", True), ("desk", "en", False), ("phone", "zh", False), ("phone", "en", True)],
)
def test_every_page_fits_and_can_be_used(
    scene: Scene, size: str, language: str, dark: bool
) -> None:
    spare = {"spare": "风扇" * 40, "model": "x" * 150, "serial": "S" * 60, "condition": "新换"}
    scene.here.http("POST", f"/api/v1/tickets/{scene.hot}/note", scene.token, spare)
    scene.api(f"/api/v1/tickets/{scene.hot}/assign", to="wang")
    with person(scene.browser, scene.here, "wang", size=size, language=language, dark=dark) as one:
        for path in (
            *(f"/tickets/{scene.hot}", "/devices/room-1", "/devices/cam-9?report=1", "/my"),
            *("/kpi", "/kpi?month=2026-02", "/labels", "/devices/room-1/label"),
        ):
            one.open(path)
            one.page.evaluate(ALL_OPEN)
            one.is_well()
        one.open(f"/tickets/{scene.hot}")
        chart = one.page.get_by_role("img", name="温度" if language == "zh" else "Temperature")
        expect(chart).to_be_visible()
        assert high(one, ".chart") > 100
        letters = one.page.evaluate(
            "Math.min(...[...document.querySelectorAll('.chart text')]"
            ".map((one) => one.getBoundingClientRect().height))"
        )
        assert letters >= 10, "the labels can be read"
    scene.here.http(
        "POST", f"/api/v1/tickets/{scene.hot}/note", scene.token, {**spare, "quantity": -1}
    )


def high(one: Person, selector: str) -> float:
    """In one step: the live page may exchange the element between two."""
    told = "(wanted) => document.querySelector(wanted).getBoundingClientRect().height"
    return float(one.page.evaluate(told, selector))


# --- labels ---


@pytest.mark.parametrize("dark", [False, True])
def test_a_label_is_scanned_and_leads_to_reporting_a_fault(scene: Scene, dark: bool) -> None:
    with person(scene.browser, scene.here, "wang", dark=dark) as one:
        one.open("/devices/cam-1/label")
        (read,) = scan(one.page.locator(".label").screenshot())
        assert read == f"http://127.0.0.1:{scene.here.port}/devices/cam-1"
        one.open("/labels?system=access")
        codes = scan(one.page.screenshot(full_page=True))
        assert set(codes) == {
            f"http://127.0.0.1:{scene.here.port}/devices/door-{n}" for n in range(48)
        }
    with person(scene.browser, scene.here, size="phone", dark=dark) as one:
        one.page.goto(read)  # whoever stands before the camera, not logged in
        expect(one.page).to_have_url(re.compile(r"/login\?next=%2Fdevices%2Fcam-1$"))
        one.log_in("wang")
        button = one.page.get_by_role("link", name="Report a fault", exact=True)
        box = button.bounding_box()
        assert box is not None and box["y"] + box["height"] < SIZES["phone"][1], "without scrolling"
        assert box["height"] >= 44
        button.click()
        field = one.page.locator("#report textarea")
        expect(field).to_be_in_viewport()
        field.fill("lens broken")
        one.page.locator("#report form button").click()
        expect(one.page.locator("h1")).to_have_text("lens broken")
        number = one.page.url.rpartition("/")[2].partition("?")[0]
        one.open("/devices/cam-1")
        expect(one.page.locator("#device-head")).to_contain_text(number)
    scene.api(f"/api/v1/tickets/{number}/cancel", note="a test")


def test_a_sheet_of_labels_is_printed_on_whole_pages(scene: Scene) -> None:
    with person(scene.browser, scene.here, "wang") as one:
        one.open("/labels?system=access")
        printed = one.page.pdf(prefer_css_page_size=True, print_background=True)
        assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 2, "48 labels, 24 to a page"
        one.page.emulate_media(media="print")
        expect(one.page.locator(".bar")).to_be_hidden()
        assert len(scan(one.page.locator(".label").first.screenshot())) == 1


def scan(png: bytes) -> list[str]:
    """What a camera would read."""
    return [found.text for found in zxingcpp.read_barcodes(Image.open(BytesIO(png)))]


# --- my tickets ---


@pytest.mark.parametrize("size", SIZES)
def test_whom_a_ticket_is_given_sees_it_at_once_and_works_by_big_buttons(
    scene: Scene, size: str
) -> None:
    number = scene.report("cam-1", f"for li, {size}")
    with (
        person(scene.browser, scene.here, "wang") as one,
        person(scene.browser, scene.here, "li", size=size) as li,
    ):
        li.open("/my")
        expect(li.page.locator("#link")).to_have_text("Live")
        expect(li.page.locator("#nav-my")).to_have_text("0")
        one.open(f"/tickets/{number}")
        one.page.locator("#verb-assign > summary").click()
        one.page.locator("form[data-verb=assign] select").select_option("li")
        one.page.locator("form[data-verb=assign] button").click()
        job = li.page.locator(f"#job-{number}")
        expect(li.page.locator("#my-jobs").locator(f"#job-{number}")).to_be_visible()
        expect(li.page.locator("#nav-my")).to_have_text("1")
        assert high(li, f"#job-{number} button") >= 44, "for a thumb"
        press(li, number, "acknowledge")
        press(li, number, "arrive")
        job.locator("[data-verb=repair]").click()
        expect(li.page).to_have_url(re.compile(rf"/tickets/{number}#ticket-verbs$"))
        form = li.page.locator("form[data-verb=repair]")
        form.locator("[name=content]").select_option("hardware")
        form.locator("details > summary").click()
        form.locator("[name=spare]").fill("lens")
        form.locator("[name=serial]").fill("L-1")
        form.locator("button").click()
        expect(li.page.locator("#ticket-spares")).to_contain_text("L-1")
        li.open("/my")
        press(li, number, "verify")
        press(li, number, "close")
        expect(li.page.locator("#my-jobs")).to_contain_text("No ticket is yours just now.")
        assert one.errors == li.errors == []


def press(one: Person, number: str, verb: str) -> None:
    """By the keyboard: the button has the focus, Enter sends."""
    button = one.page.locator(f"#job-{number} [data-verb={verb}]")
    button.focus()
    one.page.keyboard.press("Enter")
    expect(one.page).to_have_url(re.compile(rf"/my\?done={verb}$"))


def test_one_takes_what_nobody_has_without_a_script(scene: Scene) -> None:
    number = scene.report("supply-1", "nobody's")
    with person(scene.browser, scene.here, "li", size="phone", scripts=False) as one:
        one.open("/my")
        one.page.locator(f"#my-free #job-{number} button").click()
        expect(one.page.locator(f"#my-jobs #job-{number}")).to_be_visible()
        one.page.locator(f"#job-{number} button[data-verb=acknowledge]").click()
        expect(one.page.locator(f"#job-{number} .state")).to_have_text("acknowledged")
    scene.api(f"/api/v1/tickets/{number}/cancel", note="a test")


# --- spares ---


@pytest.mark.parametrize("scripts", [True, False])
def test_spares_are_noted_and_taken_back(scene: Scene, scripts: bool) -> None:
    number = scene.report("cam-1", "spares")
    with person(scene.browser, scene.here, "wang", size="phone", scripts=scripts) as one:
        one.open(f"/tickets/{number}")
        one.page.locator("#spare-form > summary").click()
        form = one.page.locator("#spare-form form")
        form.locator("[name=spare]").fill("<b>lens</b>")
        form.locator("[name=quantity]").fill("2")
        form.locator("button").click()
        row = one.page.locator(".spare-lines tbody tr")
        expect(row).to_contain_text("<b>lens</b>")
        expect(one.page.locator("#ticket-journal")).to_contain_text("2 × <b>lens</b>")
        row.get_by_role("button", name="Take back").click()
        expect(one.page.locator("#ticket-spares")).to_contain_text("None noted.")
        assert one.errors == []
    scene.api(f"/api/v1/tickets/{number}/cancel", note="a test")


# --- figures ---


@pytest.mark.parametrize("size", SIZES)
def test_figures_of_a_month_are_read_explained_and_taken_along(scene: Scene, size: str) -> None:
    with person(scene.browser, scene.here, "wang", size=size) as one:
        one.open("/kpi")
        one.page.locator("[name=month]").select_option("2026-02")
        one.page.get_by_role("button", name="Show").click()
        expect(one.page.locator("h1")).to_contain_text("2026-02")
        row = one.page.locator("tr", has_text="video surveillance")
        expect(row).to_contain_text("90.00%")
        one.page.locator("#kpi-means > summary").click()
        expect(one.page.locator("#kpi-means")).to_contain_text("once a minute")
        with one.page.expect_download() as taken:
            one.page.get_by_role("link", name="CSV").click()
        table = list(csv.reader(taken.value.path().read_text("utf-8-sig").splitlines()))
        assert table[0][:3] == ["Month", "System", "devices"] and len(table) == 4
        assert taken.value.suggested_filename == "kpi-2026-02.csv"
        assert one.errors == []
