"""Chromium at the real daemon: a browser for a module, people logged in, what a page looks like."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

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
PASSWORD = "correct horse battery"

# Every visible text against what is behind it: the ratio of WCAG 2.2, 1.4.3, where it is too low.
CONTRAST = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const over = (top, low) => [0, 1, 2].map((i) => top[i] * (top[3] ?? 1) + low[i] * (1 - (top[3] ?? 1)));
  const light = (rgb) => {
    const [r, g, b] = rgb.map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    const layers = [];
    for (let one = node; one; one = one.parentElement) layers.push(parse(getComputedStyle(one).backgroundColor));
    return layers.reverse().reduce((low, top) => over(top, low), [255, 255, 255]);
  };
  const bad = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((one) => one.nodeType === 3 && one.textContent.trim());
    if (!own || !node.checkVisibility() || node.matches("noscript, script, option")) continue;
    const style = getComputedStyle(node), low = ground(node);
    const [a, b] = [light(over(parse(style.color), low)), light(low)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) bad.push(`${node.tagName}.${node.className} ${node.textContent.trim().slice(0, 20)} ${ratio.toFixed(2)}`);
  }
  return bad;
}"""

# Buttons, fields and links that nobody could press: outside, covered, or without a name.
UNREACHABLE = """() => {
  const bad = [];
  for (const node of document.querySelectorAll("button, a[href], input:not([type=hidden]), select, textarea, summary")) {
    if (!node.checkVisibility() || node.matches(".skip")) continue;
    node.scrollIntoView({ block: "center" });
    const box = [...node.getClientRects()][0], x = box.x + box.width / 2, y = box.y + box.height / 2;
    const hit = document.elementFromPoint(x, y);
    const name = node.textContent.trim() || node.getAttribute("aria-label") || node.labels?.length;
    if (!hit || !(node.contains(hit) || hit.contains(node)) || box.x < 0 || box.right > innerWidth + 0.5 || !name) {
      bad.push(`${node.tagName} ${node.textContent.trim().slice(0, 30)} ${Math.round(box.x)}-${Math.round(box.right)}`);
    }
  }
  scrollTo(0, 0);
  return bad;
}"""


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
        if message.type in ("error", "warning") and "status of 40" not in message.text:
            self.errors.append(message.text)


@contextmanager
def chromium() -> Iterator[Browser]:
    path = need("chromium")
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
    context.set_default_timeout(5000)
    try:
        page = context.new_page()
        made = Person(place, context, page)
        page.on("console", lambda message: made.heard(message))
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
