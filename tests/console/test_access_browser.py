"""Account, people, audit and files in Chromium, at both sizes, against the daemon as a process."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.cli.place import Place, place
from tests.console.browsing import PASSWORD, SIZES, add_user, chromium, person
from tests.console.uploading import pdf, picture
from tests.equipment import equipment

pytestmark = [pytest.mark.peers, pytest.mark.timeout(90)]

NEW = "a quite different one"
ALL_OPEN = """() => {
  for (const one of document.querySelectorAll("details")) { one.name = ""; one.open = true; }
}"""


@dataclass(frozen=True, slots=True)
class Scene:
    browser: Browser
    here: Place
    token: str

    def report(self, note: str) -> str:
        body = {"device": "cam-1", "note": note}
        return str(self.here.http("POST", "/api/v1/tickets", self.token, body)[1]["number"])


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with ExitStack() as stack:
        things = stack.enter_context(equipment())
        browser = stack.enter_context(chromium())
        here = place(tmp_path_factory.mktemp("site"), things, "access: {tries: 3}")
        stack.enter_context(here.daemon())
        for name, role in (("root", "admin"), ("shen", "auditor"), ("wang", "operator")):
            add_user(here, name, role)
        said = here.command("user", "token", "root", "--as", "tests", "--expires", "1d")
        assert said.code == 0, said
        yield Scene(browser, here, said.out.strip())


@pytest.mark.parametrize(
    ("size", "language", "dark"),
    [("desk", "zh", False), ("desk", "en", True), ("phone", "zh", True), ("phone", "en", False)],
)
def test_every_page_fits_and_can_be_used(
    scene: Scene, size: str, language: str, dark: bool
) -> None:
    number = scene.report("a picture")
    for tried in range(4):
        said = scene.here.command(
            "user", "add", f"很长的名字{size}{language}{tried}" * 2, "--role", "viewer", "--token"
        )
        assert said.code == 0, said
    with person(scene.browser, scene.here, "root", size=size, language=language, dark=dark) as one:
        one.open(f"/tickets/{number}")
        one.page.set_input_files(
            "[type=file]",
            {
                "name": "大门" * 30 + ".png",
                "mimeType": "image/png",
                "buffer": picture("PNG", (800, 600)),
            },
        )
        one.page.locator("#ticket-files button").click()
        for path in (
            f"/tickets/{number}",
            "/account",
            "/people",
            "/audit",
            "/audit?check=1",
            "/audit?who=x",
            "/audit?from=x",
        ):
            one.open(path)
            one.page.evaluate(ALL_OPEN)
            one.is_well()


def test_a_password_is_pasted_and_changed(scene: Scene) -> None:
    add_user(scene.here, "li")
    with (
        person(scene.browser, scene.here, "li") as one,
        person(scene.browser, scene.here, "li") as other,
    ):
        one.page.locator(".who").click()
        expect(one.page).to_have_url(re.compile("/account$"))
        one.context.grant_permissions(["clipboard-read", "clipboard-write"])
        one.page.evaluate(f"navigator.clipboard.writeText({NEW!r})")
        one.page.fill("[name=old]", PASSWORD)
        for name in ("password", "again"):
            one.page.focus(f"[name={name}]")
            one.page.keyboard.press("Control+V")
            assert one.page.input_value(f"[name={name}]") == NEW
        one.page.get_by_role("button", name="Change password").click()
        expect(one.page.get_by_role("status").last).to_contain_text("Password changed")
        one.open("/devices")
        expect(one.page).to_have_url(re.compile("/devices$"))
        other.open("/devices")
        expect(other.page).to_have_url(re.compile("/login"))
        assert one.errors == []


def test_a_token_is_made_shown_once_and_revoked(scene: Scene) -> None:
    with person(scene.browser, scene.here, "wang", size="phone") as one:
        one.open("/account")
        one.page.locator("#new-token > summary").click()
        one.page.fill("#new-token [name=name]", "my script")
        one.page.get_by_role("button", name="New token").click()
        secret = one.page.locator("pre.token").inner_text().strip()
        assert scene.here.get("/api/v1/devices", secret)[0] == 200
        assert scene.here.http("POST", "/api/v1/tickets", secret, {"note": "x"})[0] == 403
        one.open("/account")
        assert secret not in one.page.content()
        one.page.get_by_role("button", name="Revoke my script").click()
        expect(one.page.get_by_role("status").last).to_contain_text("Token revoked")
        assert scene.here.get("/api/v1/devices", secret)[0] == 401
        assert one.errors == []


def test_who_is_locked_is_seen_and_unlocked(scene: Scene) -> None:
    add_user(scene.here, "zhao")
    with (
        person(scene.browser, scene.here) as thief,
        person(scene.browser, scene.here, "root") as root,
    ):
        thief.open("/login?lang=en")
        for _ in range(4):
            thief.page.fill("[name=name]", "zhao")
            thief.page.fill("[name=password]", "wrong horse battery")
            thief.page.click("button.primary")
        expect(thief.page.get_by_role("alert")).to_contain_text("Too many tries")
        root.open("/people")
        row = root.page.locator("tr", has_text="zhao")
        expect(row).to_contain_text("locked until")
        row.get_by_role("button", name="Unlock").click()
        expect(root.page.get_by_role("status").last).to_contain_text("Unlocked")
        thief.page.fill("[name=name]", "zhao")
        thief.page.fill("[name=password]", PASSWORD)
        thief.page.click("button.primary")
        expect(thief.page.locator(".who")).to_have_text("zhao")
        expect(thief.page.locator(".last-login")).to_contain_text("first log-in")
        root.open("/people")
        row.get_by_role("combobox").select_option("engineer")
        row.get_by_role("button", name="Change").click()
        expect(root.page.get_by_role("status").last).to_contain_text("Role changed")
        root.open("/audit?subject=zhao&lang=en")
        for words in ("locked", "unlocked", "role changed", "engineer"):
            expect(root.page.locator("table")).to_contain_text(words)
        assert root.errors == []


def test_a_told_password_is_changed_first(scene: Scene) -> None:
    add_user(scene.here, "qian")
    told = scene.here.command("user", "passwd", "qian", "--must-change", stdin=PASSWORD + "\n")
    assert told.code == 0, told
    with person(scene.browser, scene.here, "qian", size="phone") as one:
        expect(one.page).to_have_url(re.compile(r"/account\?must=1$"))
        one.is_well()
        one.open("/tickets")
        expect(one.page).to_have_url(re.compile(r"/account\?must=1$"))
        for name, value in (("old", PASSWORD), ("password", NEW), ("again", NEW)):
            one.page.fill(f"[name={name}]", value)
        one.page.get_by_role("button", name="Change password").click()
        one.open("/tickets")
        expect(one.page).to_have_url(re.compile(r"/tickets$"))


@pytest.mark.parametrize("size", SIZES)
def test_a_picture_is_put_to_a_ticket_and_everybody_sees_it(scene: Scene, size: str) -> None:
    number = scene.report("door")
    with (
        person(scene.browser, scene.here, "wang", size=size) as one,
        person(scene.browser, scene.here, "shen") as other,
    ):
        other.open(f"/tickets/{number}")
        one.open(f"/tickets/{number}")
        files = one.page.locator("#ticket-files")
        for name, body, says in (
            ("door.jpg", picture(), "File added"),
            ("form.pdf", pdf(), "File added"),
        ):
            one.page.set_input_files("[type=file]", {"name": name, "mimeType": "", "buffer": body})
            files.get_by_role("button", name="Upload").click()
            expect(one.page.get_by_role("status").last).to_contain_text(says)
            expect(other.page.locator("#ticket-files")).to_contain_text(name)  # nobody reloaded
        one.page.set_input_files(
            "[type=file]", {"name": "x.jpg", "mimeType": "image/jpeg", "buffer": b"<svg/>"}
        )
        files.get_by_role("button", name="Upload").click()
        expect(one.page.get_by_role("alert").first).to_contain_text("The file was not taken")
        other.page.get_by_role("link", name="door.jpg").click()
        shown = other.page.evaluate(
            "[document.images[0].naturalWidth, document.images[0].naturalHeight]"
        )
        assert shown == [64, 48]
        assert other.page.evaluate("document.scripts.length") == 0
        other.open(f"/tickets/{number}")
        with other.page.expect_download() as came:
            other.page.get_by_role("link", name="form.pdf").click()
        path = came.value.path()
        assert Path(path).read_bytes() == pdf()
        assert other.page.locator("#ticket-files input").count() == 0, "an auditor adds nothing"
        one.is_well()


def test_the_audit_is_read_and_taken_away(scene: Scene) -> None:
    with person(scene.browser, scene.here, "shen") as one:
        one.open("/audit")
        one.page.select_option("[name=what]", "log_in")
        one.page.get_by_role("button", name="Filter").click()
        expect(one.page.locator("table")).to_contain_text("log-in")
        with one.page.expect_download() as came:
            one.page.get_by_role("link", name="CSV").click()
        text = Path(came.value.path()).read_text(encoding="utf-8-sig")
        assert text.startswith("id,at,who,address,what") and ",log_in," in text
        one.page.get_by_role("link", name="Verify").click()
        expect(one.page.get_by_role("status").last).to_contain_text("are whole")
        assert one.errors == []
    said = scene.here.command("audit", "verify")
    assert said.code == 0 and "are whole, head " in said.out
