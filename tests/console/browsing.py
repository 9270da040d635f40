"""Chromium at the real daemon: a browser for a module, people logged in, what a page looks like."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from tests.cli.place import Place
from tests.peers.need import need

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZES = {"desk": (1440, 900), "phone": (390, 844)}
SCRIPTS = Path(__file__).parent / "testdata"
PATIENCE_MS = 10_000  # a busy machine takes its time
PASSWORD = "correct horse battery"
CONTRAST = (SCRIPTS / "contrast.js").read_text()
UNREACHABLE = (SCRIPTS / "unreachable.js").read_text()


@dataclass(slots=True)
class Person:
    """Somebody at a browser of their own; `errors` is what the browser complained of."""

    place: Place
    context: BrowserContext
    page: Page
    errors: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        self.page.goto(f"http://127.0.0.1:{self.place.port}{path}")

    def log_in(self, name: str) -> None:
        self.page.fill("[name=name]", name)
        self.page.fill("[name=password]", PASSWORD)
        self.page.click("button.primary")

    def is_well(self) -> None:
        """AssertionError unless the page fits its window and everything on it can be used."""
        page = self.page
        wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide[0] <= wide[1], f"{page.url} is {wide[0]} px wide in a window of {wide[1]}"
        assert page.evaluate(UNREACHABLE) == [], page.url
        assert page.evaluate(CONTRAST) == [], page.url
        assert self.errors == [], page.url

    def heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "status of 4" not in message.text:
            self.errors.append(message.text)


@contextmanager
def chromium() -> Iterator[Browser]:
    path = need("chromium")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def person(
    browser: Browser,
    place: Place,
    name: str = "",
    *,
    size: str = "desk",
    language: str = "en",
    dark: bool = False,
    scripts: bool = True,
) -> Iterator[Person]:
    """A new browser profile; with a name, logged in."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        java_script_enabled=scripts,
    )
    context.set_default_timeout(PATIENCE_MS)
    try:
        page = context.new_page()
        made = Person(place, context, page)
        page.on("console", lambda message: made.heard(message))  # noqa: PLW0108 - slots
        page.on("pageerror", lambda error: made.errors.append(str(error)))
        page.on("dialog", lambda dialog: made.errors.append(f"dialog: {dialog.message}"))
        if name:
            made.open(f"/login?lang={language}")
            made.log_in(name)
        yield made
    finally:
        context.close()


def add_user(place: Place, name: str, role: str = "operator") -> None:
    """As an administrator does: the password comes from standard input."""
    said = place.command("user", "add", name, "--role", role, stdin=PASSWORD + "\n")
    assert said.code == 0, said
