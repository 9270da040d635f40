"""Every page and verb in Chromium, at both sizes, against the daemon as a process of its own."""

import re
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.cli.place import Place, place
from tests.console.browsing import PASSWORD, SIZES, Person, add_user, chromium, person
from tests.equipment import Equipment, equipment
from tests.peers.process import Server

pytestmark = [pytest.mark.peers, pytest.mark.timeout(90)]

OFTEN = "every: 1s, timeout: 1s"
HTML = "<img src=x onerror=alert(1)><script>alert(2)</script>"
FOCUS = """() => {
  const one = document.activeElement, style = getComputedStyle(one);
  return [one.tagName, one.textContent.trim(), style.outlineStyle, parseFloat(style.outlineWidth)];
}"""
ALL_OPEN = """() => {
  for (const one of document.querySelectorAll("details")) { one.name = ""; one.open = true; }
}"""
LATER = """(ms) => {
  for (const clock of document.querySelectorAll(".countdown")) {
    for (const end of ["due", "start"]) clock.dataset[end] -= ms;
  }
}"""
GREY_S = 10.0  # within which a page that lost the daemon says so


@dataclass(frozen=True, slots=True)
class Scene:
    """The daemon, its equipment, a browser, and an API token."""

    browser: Browser
    here: Place
    things: Equipment
    server: Server
    token: str

    def room(self, tenths: int, unit: int = 1) -> None:
        self.things.set(unit, input={1: tenths})

    def ticket(self, device: str) -> str:
        """The number of the device's open ticket, as soon as there is one."""
        deadline = time.monotonic() + 8
        while time.monotonic() < deadline:
            found = self.here.get(f"/api/v1/tickets?device={device}&state=open", self.token)[1]
            if found["tickets"]:
                return str(found["tickets"][0]["number"])
            time.sleep(0.05)
        raise AssertionError(f"{device} has no open ticket")

    def report(self, device: str, note: str) -> str:
        body = {"device": device, "note": note}
        return str(self.here.http("POST", "/api/v1/tickets", self.token, body)[1]["number"])


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with ExitStack() as stack:
        things = stack.enter_context(equipment())
        browser = stack.enter_context(chromium())
        here = place(tmp_path_factory.mktemp("site"), things, slow=OFTEN)
        server = stack.enter_context(here.daemon())
        for name in ("wang", "li"):
            add_user(here, name)
        add_user(here, "gao", "manager")
        add_user(here, "shen", "auditor")
        said = here.command("user", "add", "program", "--role", "manager", "--token")
        yield Scene(browser, here, things, server, said.out.strip())


def paths(number: str) -> list[str]:
    return [
        *("/", "/tickets", "/tickets?state=ended&q=x", f"/tickets/{number}", "/devices"),
        *("/devices/room-1", "/devices/supply-1", "/status", "/nothing", "/tickets/WX-2020-0001"),
        *("/windows", "/my", "/kpi", "/labels", "/devices/room-1/label", "/devices/cam-1?report=1"),
    ]


# --- what it looks like ---


@pytest.mark.parametrize(
    ("size", "language", "dark"),
    [("desk", "zh", False), ("desk", "en", True), ("phone", "zh", True), ("phone", "en", False)],
)
def test_every_page_fits_and_can_be_used(
    scene: Scene, size: str, language: str, dark: bool
) -> None:
    number = scene.report("cam-1", "一" * 300 + " " + "x" * 400)
    with person(scene.browser, scene.here, size=size, dark=dark) as one:
        one.open(f"/login?lang={language}")
        one.is_well()
        one.log_in("wang")
        for path in paths(number):
            one.open(path)
            one.page.evaluate(ALL_OPEN)
            one.is_well()
    scene.here.http("POST", f"/api/v1/tickets/{number}/cancel", scene.token, {"note": "a test"})


def test_the_keyboard_reaches_everything_and_shows_where_it_is(scene: Scene) -> None:
    number = scene.report("cam-1", "keys")
    with person(scene.browser, scene.here, "gao") as one:
        one.open(f"/tickets/{number}")
        seen = []
        for _ in range(40):
            one.page.keyboard.press("Tab")
            said = one.page.evaluate(FOCUS)
            if said[0] == "BODY":
                break
            seen.append(said)
        assert all(style == "solid" and width >= 2 for _, _, style, width in seen), seen
        names = [name for _, name, _, _ in seen]
        assert names[0] == "Skip to content"
        for name in ("Overview", "Devices", "Log out", "Acknowledge", "Assign", "Cancel"):
            assert any(one.startswith(name) for one in names), (name, names)
        one.page.locator("#verb-note > summary").focus()
        one.page.keyboard.press("Enter")
        one.page.locator("[data-verb=note] textarea").focus()
        one.page.keyboard.type("by keyboard")
        one.page.keyboard.press("Tab")
        one.page.keyboard.press("Enter")
        expect(one.page.locator("#ticket-journal")).to_contain_text("by keyboard")


# --- logging in ---


def test_one_logs_in_by_password_by_link_and_out(scene: Scene) -> None:
    with person(scene.browser, scene.here) as one:
        one.open("/devices?state=good")
        expect(one.page).to_have_url(re.compile(r"/login\?next="))
        one.page.fill("[name=name]", "wang")
        one.page.fill("[name=password]", "wrong horse battery")
        one.page.click("button.primary")
        expect(one.page.get_by_role("alert")).to_contain_text("User name or password is wrong.")
        assert one.page.input_value("[name=name]") == "wang"
        one.log_in("wang")
        expect(one.page).to_have_url(re.compile(r"/devices\?state=good$"))
        assert one.page.evaluate("document.cookie") == "", "no script sees the session"
        one.page.get_by_role("button", name="Log out").click()
        expect(one.page).to_have_url(re.compile(r"/login$"))
        one.open("/")
        expect(one.page).to_have_url(re.compile(r"/login\?next="))
    said = scene.here.command("user", "link", "li")
    assert said.code == 0, said
    with person(scene.browser, scene.here) as one, person(scene.browser, scene.here) as late:
        one.page.goto(said.out.strip())
        one.page.get_by_role("button", name="Log in").click()
        expect(one.page.locator(".who")).to_have_text("li")
        late.page.goto(said.out.strip())
        late.page.get_by_role("button", name="Log in").click()
        expect(late.page.get_by_role("alert")).to_contain_text("was used or is too old")


def test_what_was_typed_outlives_the_session(scene: Scene) -> None:
    number = scene.report("cam-1", "session")
    add_user(scene.here, "zhao")
    with person(scene.browser, scene.here, "zhao") as one:
        one.open(f"/tickets/{number}")
        text = one.page.locator("form[data-verb=acknowledge] textarea")
        text.fill("half a sentence")
        expect(one.page.locator("#link")).to_have_text("Live")
        changed = scene.here.command("user", "passwd", "zhao", stdin=PASSWORD + "\n")
        assert changed.code == 0, changed
        scene.here.http("POST", f"/api/v1/tickets/{number}/note", scene.token, {"note": "x"})
        expect(one.page.locator("#lost")).to_contain_text("The session ended at")
        assert text.input_value() == "half a sentence"
        other = one.context.new_page()
        other.goto(f"http://127.0.0.1:{scene.here.port}/login")
        other.fill("[name=name]", "zhao")
        other.fill("[name=password]", PASSWORD)
        other.click("button.primary")
        expect(other.locator(".who")).to_have_text("zhao")
        other.close()
        one.page.bring_to_front()
        expect(one.page.locator("#lost")).to_be_hidden(timeout=20_000)
        assert text.input_value() == "half a sentence"
    scene.here.http("POST", f"/api/v1/tickets/{number}/cancel", scene.token, {"note": "a test"})


# --- a ticket's life ---


@pytest.mark.parametrize("size", SIZES)
def test_a_ticket_lives_by_buttons_and_everybody_sees_it(scene: Scene, size: str) -> None:
    unit = 1 if size == "desk" else 2
    device = f"room-{unit}"
    with (
        person(scene.browser, scene.here, "wang", size=size) as one,
        person(scene.browser, scene.here, "li") as other,
    ):
        one.open("/")
        expect(one.page.locator("#link")).to_have_text("Live")
        scene.room(300, unit)
        number = scene.ticket(device)
        card = one.page.locator("#system-center")
        expect(card).to_contain_text(number)  # nobody reloaded
        expect(card).to_contain_text("30 °C, limit 25 °C")
        card.get_by_role("link", name=number).click()
        other.open(f"/tickets/{number}")
        there = other.page.locator("#ticket-head .ticket-head .state")

        press(one, "acknowledge", note=HTML)
        expect(there).to_have_text("acknowledged")
        expect(other.page.locator("#ticket-journal")).to_contain_text(HTML)
        press(one, "assign", other="Zhao")
        expect(other.page.locator("#ticket-facts")).to_contain_text("Zhao")
        press(one, "transfer", way="phone")
        expect(other.page.locator("#ticket-clocks")).to_contain_text("not applicable")
        press(one, "transfer", way="on_site")
        press(one, "arrive")
        press(one, "repair", content="hardware", note="new fan")
        expect(there).to_have_text("repaired")
        act(one, "verify")
        expect(one.page.get_by_role("alert")).to_contain_text("the fault is still there")
        press(one, "reject", note="still warm")
        press(one, "arrive")
        press(one, "repair")
        scene.room(220, unit)
        expect(one.page.locator("#ticket-head")).to_contain_text("Cleared")
        one.page.reload()
        press(one, "verify")
        expect(there).to_have_text("verified")
        press(one, "note", note="watch it")
        press(one, "close")
        expect(there).to_have_text("closed")
        expect(other.page.locator("#ticket-verbs")).to_contain_text("The ticket has ended")
        assert one.errors == other.errors == []
        one.open("/tickets?state=ended")
        expect(one.page.locator("#tickets")).to_contain_text(number)


def act(one: Person, verb: str, **fields: str) -> None:
    form = one.page.locator(f"form[data-verb={verb}]")
    if not form.is_visible():
        one.page.locator(f"#verb-{verb} > summary").click()
    for name, value in fields.items():
        field = form.locator(f"[name={name}]")
        if name in ("way", "content"):
            field.select_option(value)
        else:
            field.fill(value)
    form.locator("button").click()


def press(one: Person, verb: str, **fields: str) -> None:
    """A verb, and that the page says it was done."""
    act(one, verb, **fields)
    expect(one.page).to_have_url(re.compile(rf"\?done={verb}$"))
    expect(one.page.get_by_role("status").last).to_contain_text("recorded")


def test_two_at_the_same_moment_and_nothing_typed_is_lost(scene: Scene) -> None:
    number = scene.report("cam-1", "two of us")
    with (
        person(scene.browser, scene.here, "wang") as one,
        person(scene.browser, scene.here, "li") as other,
    ):
        one.open(f"/tickets/{number}")
        form = one.page.locator("form[data-verb=acknowledge]")
        form.locator("textarea").fill("I called the guard")
        other.open(f"/tickets/{number}")
        press(other, "acknowledge")
        state = one.page.locator("#ticket-head .ticket-head .state")
        expect(state).to_have_text("acknowledged")  # seen live, the typing untouched
        assert form.locator("textarea").input_value() == "I called the guard"
        form.locator("button").click()
        expect(one.page.get_by_role("alert").first).to_contain_text("Somebody else changed")
        expect(one.page.locator("#link")).to_have_text("Live")
        scene.here.http("POST", f"/api/v1/tickets/{number}/note", scene.token, {"note": "later"})
        expect(one.page.locator("#ticket-journal")).to_contain_text("later")  # looked again
        expect(one.page.locator(".kept")).to_contain_text("I called the guard")
        one.page.locator("#verb-note > summary").click()
        press(one, "note", note="I called the guard")
        assert one.errors == []
    scene.here.http("POST", f"/api/v1/tickets/{number}/cancel", scene.token, {"note": "a test"})


def test_a_device_is_polled_and_reported(scene: Scene) -> None:
    with person(scene.browser, scene.here, "gao", size="phone") as one:
        one.open("/devices/cam-1")
        one.page.get_by_role("button", name="Poll now").click()
        expect(one.page.get_by_role("status").last).to_contain_text("Polled")
        one.page.locator("#report > summary").click()
        form = one.page.locator("#report form")
        form.locator("textarea").fill(HTML)
        form.locator("[name=severity]").select_option("critical")
        form.locator("button").click()
        expect(one.page.locator("h1")).to_have_text(HTML)
        press(one, "cancel", note="a test")
        assert one.errors == []


@pytest.mark.parametrize("size", list(SIZES))
def test_a_device_is_silenced_and_the_silence_ended(scene: Scene, size: str) -> None:
    with person(scene.browser, scene.here, size=size) as one:
        one.open("/devices/room-2?lang=en")
        one.log_in("wang")
        one.open("/devices/room-2")
        one.page.click("text=Silence (planned work)")
        expect(one.page.locator("[name=device]")).to_have_value("room-2")
        one.page.select_option("[name=for]", "4h")
        one.page.fill("[name=note]", "filters changed")
        one.page.click("#add button.primary")
        row = one.page.locator("#windows-present li", has_text="filters changed")
        expect(row).to_contain_text("In force")
        one.is_well()
        one.open("/devices/room-2")
        expect(one.page.locator("#device-head")).to_contain_text("In maintenance until")
        one.is_well()
        one.open("/windows")
        row.locator("button").click()
        expect(one.page.locator("#windows-present")).not_to_contain_text("filters changed")
        one.is_well()


def test_who_may_only_look_has_no_buttons(scene: Scene) -> None:
    number = scene.report("cam-1", "look")
    with person(scene.browser, scene.here, "shen") as one:
        for path in (f"/tickets/{number}", "/devices/cam-1"):
            one.open(path)
            names = one.page.locator("main button").all_text_contents()
            assert names == [], path
    scene.here.http("POST", f"/api/v1/tickets/{number}/cancel", scene.token, {"note": "a test"})


def test_without_scripts_the_forms_work_too(scene: Scene) -> None:
    number = scene.report("cam-1", "no script")
    with person(scene.browser, scene.here, "gao", scripts=False) as one:
        one.open(f"/tickets/{number}")
        press(one, "acknowledge", note="by hand")
        press(one, "cancel", note="a test")
        expect(one.page.locator("#ticket-head .ticket-head .state")).to_have_text("cancelled")


# --- time ---


def test_clocks_run_by_the_daemon_s_time_whatever_the_browser_s_says(scene: Scene) -> None:
    number = scene.report("cam-1", "clock")
    with person(scene.browser, scene.here, "wang") as one:
        one.context.add_init_script(
            "const real = Date.now; Date.now = () => real() + 5 * 3600 * 1000;"
        )
        one.open(f"/tickets/{number}")
        shown = one.page.locator("#ticket-clocks .countdown").first
        first = shown.inner_text()
        assert re.fullmatch(r"0:29:[0-5]\d left", first), first
        expect(shown).not_to_have_text(first)
        assert re.fullmatch(r"0:29:[0-5]\d left", shown.inner_text())
    scene.here.http("POST", f"/api/v1/tickets/{number}/cancel", scene.token, {"note": "a test"})


def test_half_of_a_clock_is_a_colour_and_late_a_word(scene: Scene) -> None:
    number = scene.report("cam-1", "pace")
    with person(scene.browser, scene.here, "wang") as one:
        one.open(f"/tickets/{number}")
        clock = one.page.locator("#ticket-clocks .clock").first
        paces = []
        expect(one.page.locator("#link")).to_have_text("Live")
        one.page.wait_for_timeout(500)  # its first look again
        for minutes in (10, 6, 9, 6):  # of 30: 10, 16, 25, 31
            one.page.evaluate(LATER, 60_000 * minutes)
            one.page.wait_for_timeout(1100)
            shown = clock.locator(".countdown").inner_text()
            paces.append((clock.get_attribute("data-pace"), shown))
        assert [pace for pace, _ in paces] == ["calm", "half", "soon", "late"]
        assert re.fullmatch(r"0:01:0\d over", paces[-1][1]), paces
    scene.here.http("POST", f"/api/v1/tickets/{number}/cancel", scene.token, {"note": "a test"})


# --- the daemon is lost ---


def test_a_page_turns_grey_when_the_daemon_is_silent_or_gone(tmp_path: Path, scene: Scene) -> None:
    here = place(tmp_path, scene.things, slow=OFTEN)
    with here.daemon() as server:
        add_user(here, "wang")
        with (
            person(scene.browser, here, "wang") as one,
            person(scene.browser, here, "wang", size="phone", language="zh") as other,
        ):
            other.open("/tickets")
            for each in (one, other):
                expect(each.page.locator("#link")).to_have_attribute("data-state", "alive")
            server.process.send_signal(signal.SIGSTOP)  # as a cable that was pulled: no word more
            grey(one, "No connection to secmon since")
            grey(other, "与 secmon 的连接自")
            assert other.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
                "the banner fits"
            )
            server.process.send_signal(signal.SIGCONT)
            for each in (one, other):
                well(each)
            server.kill()
            grey(one, "No connection to secmon since")
            with here.daemon():
                number = report(here, one, "after the restart")
                well(one)
                well(other)
                expect(other.page.locator("#tickets")).to_contain_text(number)
                expect(one.page.locator("#nav-tickets")).to_have_text("1")


def grey(one: Person, words: str) -> None:
    """Within 10 s, with the time since when."""
    expect(one.page.locator("body")).to_have_class("lost", timeout=GREY_S * 1000)
    banner = one.page.locator("#lost")
    expect(banner).to_be_visible()
    assert re.search(rf"{words} \d\d:\d\d:\d\d", banner.inner_text()), banner.inner_text()
    assert one.page.evaluate("getComputedStyle(document.querySelector('main')).filter") != "none"


def well(one: Person) -> None:
    expect(one.page.locator("body")).not_to_have_class("lost", timeout=15_000)
    expect(one.page.locator("#lost")).to_be_hidden()


def report(here: Place, one: Person, note: str) -> str:
    """Through the API, by the session that outlived the restart."""
    answer = one.context.request.post(
        f"http://127.0.0.1:{here.port}/api/v1/tickets",
        data={"device": "cam-1", "note": note},
        headers={"Origin": f"http://127.0.0.1:{here.port}"},
    )
    assert answer.status == 201, answer.text()
    return str(answer.json()["number"])
