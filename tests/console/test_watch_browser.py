"""The workplace of the operator on duty in Chromium: roster, hand-overs, plans, the alarm."""

import re
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.cli.place import Place, place
from tests.console.browsing import FLAGS, SIZES, Person, chromium, person
from tests.console.watching import PHONE, duty, floors, prepare
from tests.equipment import equipment
from tests.peers.need import need
from tests.peers.process import Server, eventually

pytestmark = [pytest.mark.peers, pytest.mark.timeout(90)]

SIZES.setdefault("wall", (1920, 1080))
FLOOR = "/plan/F1%20%E5%A4%A7%E5%8E%85"
METER = (Path(__file__).parent / "testdata" / "meter.js").read_text()
ALL_OPEN = """() => {
  for (const one of document.querySelectorAll("details")) { one.name = ""; one.open = true; }
}"""


@dataclass(frozen=True, slots=True)
class Scene:
    browser: Browser
    here: Place
    server: Server
    made: dict[str, str]  # what `prepare` made: tokens, tickets, a hand-over


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with ExitStack() as stack:
        things = stack.enter_context(equipment())
        browser = stack.enter_context(chromium())
        folder = tmp_path_factory.mktemp("site")
        floors(folder)
        often = "every: 1s, timeout: 1s"
        here = place(folder, things, slow=often, more=duty(datetime.now(UTC)))
        server = stack.enter_context(here.daemon())
        yield Scene(browser, here, server, prepare(here, things))


# --- what it looks like ---


@pytest.mark.parametrize(
    ("size", "language", "dark"),
    [("desk", "zh", False), ("phone", "en", True), ("phone", "zh", False), ("wall", "en", False)],
)
def test_every_page_of_the_watch_fits_and_can_be_used(
    scene: Scene, size: str, language: str, dark: bool
) -> None:
    number, handover = scene.made["cam"], scene.made["handover"]
    paths = ["/duty", "/duty?week=2027-01-04", "/hand-overs", f"/hand-overs/{handover}"]
    paths += [f"/tickets/{number}", "/plan", f"{FLOOR}?edit=1&zoom=2", "/wall"]
    scene.here.http("POST", f"/api/v1/tickets/{number}/plans/video", scene.made["token"], {})
    with person(scene.browser, scene.here, "sun", size=size, language=language, dark=dark) as one:
        for path in ["/wall"] if size == "wall" else paths:
            one.open(path)
            one.page.evaluate(ALL_OPEN)
            one.is_well()


@pytest.mark.parametrize("size", ["desk", "phone"])
def test_the_other_pages_are_behind_more(scene: Scene, size: str) -> None:
    with person(scene.browser, scene.here, "wang", size=size) as one:
        one.open("/")
        menu, more = one.page.locator("#more-pages"), one.page.get_by_role("button", name="More")
        expect(menu).to_be_hidden()
        more.focus()
        one.page.keyboard.press("Enter")
        expect(menu).to_be_visible()
        box, (width, height) = menu.bounding_box(), SIZES[size]
        assert box is not None
        assert box["x"] >= 0 and box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height
        one.page.keyboard.press("Escape")
        expect(menu).to_be_hidden()
        more.click()
        menu.get_by_role("link", name="Status").click()
        expect(one.page).to_have_url(re.compile("/status$"))
        expect(more).to_have_attribute("data-here", "")


# --- the roster ---


def test_two_swap_a_shift_and_the_lead_takes_it_back(scene: Scene) -> None:
    with ExitStack() as stack:
        wang = stack.enter_context(person(scene.browser, scene.here, "wang", size="phone"))
        li = stack.enter_context(person(scene.browser, scene.here, "li"))
        sun = stack.enter_context(person(scene.browser, scene.here, "sun"))
        wang.open("/duty")
        call = wang.page.locator("#duty-now .phone").first
        expect(call).to_have_attribute("href", "tel:" + PHONE.replace(" ", ""))
        form = wang.page.locator("#ask form")
        form.locator("[name=date]").fill("2027-02-03")
        form.locator("[name=shift]").select_option("day")
        form.locator("[name=user]").select_option("li")
        form.locator("[name=note]").fill("<b>家里有事</b>")
        form.get_by_role("button").click()
        expect(wang.page.locator("#overrides")).to_contain_text("李梅 for 王建国")
        expect(wang.page.locator("#overrides")).to_contain_text("<b>家里有事</b>")
        assert wang.page.get_by_role("button", name="Confirm").count() == 0, "not one's own"
        form.locator("[name=date]").fill("2027-02-03")
        form.locator("[name=shift]").select_option("day")
        form.locator("[name=user]").select_option("li")
        form.get_by_role("button").click()
        expect(wang.page.get_by_role("alert")).to_contain_text("Not done:")
        li.open("/duty")
        li.page.get_by_role("button", name="Confirm").click()
        expect(li.page.locator("#overrides")).to_contain_text("confirmed by 李梅")
        sun.open("/duty?week=2027-02-03")
        row = sun.page.locator("tr", has_text="02-03")
        expect(row).to_contain_text("李梅 ⇄")
        sun.open("/duty")
        sun.page.get_by_role("button", name="Withdraw").click()
        expect(sun.page.locator("#overrides")).to_contain_text("There are no swaps.")


def test_a_gap_is_red_and_named(scene: Scene) -> None:
    with person(scene.browser, scene.here, "sun", size="phone") as one:
        one.open("/duty")
        form = one.page.locator("#ask form")
        form.locator("[name=date]").fill("2027-03-03")
        form.locator("[name=shift]").select_option("night")
        form.locator("[name=replaces]").select_option("li")
        form.locator("[name=user]").select_option(label="(nobody)")
        form.get_by_role("button").click()
        expect(one.page.get_by_role("status").nth(1)).to_contain_text("Written down.")
        one.open("/duty?week=2027-03-03")
        expect(one.page.get_by_role("alert")).to_contain_text("nobody on duty from 2027-03-03")
        gap = one.page.locator(".piece.gap")
        expect(gap).to_have_count(1)
        expect(gap).to_contain_text("Gap")
        one.is_well()


# --- hand-overs ---


def test_both_sign_and_the_banner_goes(scene: Scene) -> None:
    path = f"/hand-overs/{scene.made['handover']}"
    with ExitStack() as stack:
        wang = stack.enter_context(person(scene.browser, scene.here, "wang"))
        li = stack.enter_context(person(scene.browser, scene.here, "li", size="phone"))
        guest = stack.enter_context(person(scene.browser, scene.here, "guest", size="phone"))
        li.open("/devices")
        li.page.locator("#to-sign a").click()
        expect(li.page).to_have_url(re.compile(path))
        expect(li.page.locator("#frozen-power")).to_contain_text("not monitored")
        expect(li.page.locator("#frozen-rooms")).to_contain_text("30 °C")
        expect(li.page.locator("#frozen-tickets")).to_contain_text(scene.made["room"])
        assert li.page.get_by_role("button", name="Sign as outgoing").count() == 0
        wang.open(path)
        wang.page.locator("#side-outgoing textarea").fill("机房过热，已报修")
        wang.page.get_by_role("button", name="Sign as outgoing").click()
        expect(wang.page.locator("#side-outgoing")).to_contain_text("✓ 王建国 signed at")
        expect(wang.page.locator("#to-sign")).to_be_empty()
        li.open(path)
        li.page.get_by_role("button", name="Sign as incoming").click()
        expect(li.page.locator("#handover-head")).to_contain_text("intact")
        expect(li.page.locator("#side-outgoing")).to_contain_text("机房过热，已报修")
        guest.open("/hand-overs")  # what it says names addresses: not for viewers
        expect(guest.page.locator("#signed")).to_contain_text("王建国 → 李梅")
        assert guest.page.locator("#signed a").count() == 0
        guest.open("/duty")
        expect(guest.page.locator("#duty-now")).to_contain_text("王建国")
        assert "138" not in guest.page.content()
        assert guest.page.locator("#ask").count() == 0


def test_a_hand_over_prints_on_white_paper_without_buttons(scene: Scene) -> None:
    with person(scene.browser, scene.here, "sun", dark=True) as one:
        one.open(f"/hand-overs/{scene.made['handover']}")
        one.page.emulate_media(media="print")
        expect(one.page.locator(".bar")).to_be_hidden()
        expect(one.page.locator("#frozen-tickets")).to_be_visible()
        expect(one.page.locator("#side-outgoing")).to_be_visible()
        assert one.page.evaluate("getComputedStyle(document.body).backgroundColor") == (
            "rgb(255, 255, 255)"
        )


# --- emergency plans ---


def test_two_tick_one_plan_and_the_slower_is_told(scene: Scene) -> None:
    path = f"/tickets/{scene.made['room']}"
    with ExitStack() as stack:
        wang = stack.enter_context(person(scene.browser, scene.here, "wang", size="phone"))
        li = stack.enter_context(person(scene.browser, scene.here, "li"))
        slow = stack.enter_context(person(scene.browser, scene.here, "li", scripts=False))
        wang.open(path)
        wang.page.locator("#begin-center").click()
        expect(wang.page.locator("#plan-center .flag")).to_have_text("0/7")
        li.open(path)
        slow.open(path)
        first = "#tick-center-1"
        expect(li.page.locator(first)).to_have_attribute("aria-checked", "false")
        wang.page.locator(first).click()
        expect(wang.page.locator(first)).to_have_attribute("aria-checked", "true")
        expect(li.page.locator(first)).to_have_attribute("aria-checked", "true")  # by itself
        expect(li.page.locator("#plan-center")).to_contain_text("wang")
        slow.page.locator(first).click()
        expect(slow.page.get_by_role("alert")).to_contain_text("Somebody else was quicker")
        expect(slow.page.locator("#plan-center .flag")).to_have_text("1/7")
        li.page.locator("#tick-center-2").focus()
        li.page.keyboard.press("Enter")
        expect(wang.page.locator("#plan-center .flag")).to_have_text("2/7")
        li.page.locator("#tick-center-2").click()  # by mistake, so again
        expect(li.page.locator("#plan-center .flag")).to_have_text("1/7")
        expect(li.page.locator("#ticket-journal")).to_contain_text("plan step undone")


# --- the plan view ---


def test_devices_are_placed_by_a_press_or_by_numbers_and_flash_until_taken_up(
    scene: Scene,
) -> None:
    with ExitStack() as stack:
        sun = stack.enter_context(person(scene.browser, scene.here, "sun"))
        plain = stack.enter_context(person(scene.browser, scene.here, "sun", scripts=False))
        wang = stack.enter_context(person(scene.browser, scene.here, "wang", size="phone"))
        sun.open(f"{FLOOR}?edit=1")
        sun.page.select_option("#place [name=device]", "cam-1")
        box = sun.page.locator("#floor").bounding_box()
        assert box is not None
        sun.page.mouse.click(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
        assert abs(float(sun.page.input_value("#place [name=x]")) - 25) < 0.3
        sun.page.get_by_role("button", name="Put it here").click()
        expect(sun.page.locator("#spot-cam-1")).to_be_visible()
        sun.is_well()
        plain.open(f"{FLOOR}?edit=1")
        plain.page.select_option("#place [name=device]", "room-2")
        plain.page.fill("#place [name=x]", "70")
        plain.page.fill("#place [name=y]", "20.5")
        plain.page.get_by_role("button", name="Put it here").click()
        place_of = plain.page.locator(".spot", has_text="弱电间")
        expect(place_of).to_have_attribute("transform", "translate(1120.0 184.5)")
        wang.open(f"{FLOOR}?edit=1")
        assert wang.page.locator("#place").count() == 0, "an operator moves nothing"
        marker = wang.page.locator(".spot", has_text="摄像机")
        expect(marker).to_have_class("spot faulty calls")
        halo = "getComputedStyle(document.querySelector('.calls .halo')).animationName"
        assert wang.page.evaluate(halo) == "flash"
        wang.page.emulate_media(reduced_motion="reduce")
        assert wang.page.evaluate(halo) == "none"
        wang.is_well()
        cam = f"/api/v1/tickets/{scene.made['cam']}/acknowledge"
        scene.here.http("POST", cam, scene.made["token"], {})
        expect(marker).to_have_class("spot faulty")  # by itself
        wang.page.locator("#spot-cam-1").click()
        expect(wang.page).to_have_url(re.compile("/devices/cam-1$"))
        sun.page.locator("li", has_text="摄像机").get_by_role("button").click()
        expect(sun.page.locator("#spot-cam-1")).to_have_count(0)


# --- the wall ---


def loudness(one: Person) -> float:
    """Now. Asked again and again from here: the page's policy lets no text become script in it."""
    one.page.wait_for_timeout(30)
    measured: float = one.page.evaluate("loudness()")
    return measured


def loud(one: Person) -> None:
    assert eventually(lambda: loudness(one) > 0.1, 20)


def quiet(one: Person) -> None:
    """For longer than the pause between two tones."""
    since = time.monotonic()

    def long_enough() -> bool:
        nonlocal since
        if loudness(one) > 0.01:
            since = time.monotonic()
        return time.monotonic() - since > 3.2

    assert eventually(long_enough, 20)


def test_the_alarm_sounds_until_somebody_acknowledges_and_otherwise_when_secmon_is_lost(
    scene: Scene,
) -> None:
    with person(scene.browser, scene.here, size="wall") as one:
        one.context.add_init_script(METER)
        one.open("/login?lang=en")
        one.log_in("wang")
        one.open("/wall")
        expect(one.page.locator("#alarm")).to_contain_text("not acknowledged")
        expect(one.page.locator("#sound")).to_contain_text("Sound is off")
        assert one.page.evaluate("loudness()") == 0
        one.page.keyboard.press("Shift")
        expect(one.page.locator("#sound")).to_have_text("Sound is on")
        loud(one)
        assert 600 < one.page.evaluate("pitch()") < 900
        one.page.reload()
        one.page.mouse.click(900, 700)
        loud(one)
        for device in ("room-1", "cam-1"):
            listed = scene.here.get(f"/api/v1/tickets?device={device}", scene.made["token"])[1]
            for ticket in listed["tickets"]:
                path = f"/api/v1/tickets/{ticket['number']}/acknowledge"
                scene.here.http("POST", path, scene.made["token"], {})
        expect(one.page.locator("#alarm")).to_have_class(re.compile("calm"))
        quiet(one)
        scene.server.process.send_signal(signal.SIGSTOP)
        try:
            expect(one.page.locator("body")).to_have_class(re.compile("lost"), timeout=15_000)
            loud(one)
            assert one.page.evaluate("pitch()") < 400, "another tone than a ticket's"
        finally:
            scene.server.process.send_signal(signal.SIGCONT)
        expect(one.page.locator("body")).not_to_have_class(re.compile("lost"))
        expect(one.page.locator("body")).to_have_attribute("data-sounds", "quiet")


def test_a_kiosk_needs_no_press(scene: Scene) -> None:
    flags = [*FLAGS, "--autoplay-policy=no-user-gesture-required"]
    kiosk = scene.browser.browser_type.launch(executable_path=need("chromium"), args=flags)
    try:
        with person(kiosk, scene.here, size="wall") as one:
            one.open("/login?lang=en")
            one.log_in("wang")
            one.open("/wall")
            expect(one.page.locator("#sound")).to_have_text("Sound is on")
    finally:
        kiosk.close()
