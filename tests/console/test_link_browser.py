"""A message's link in a real browser on a phone: what it sends with the button is what we ask for,
the page fits, and nothing on it is blocked by its own policy."""

from pathlib import Path

import pytest
from playwright.async_api import async_playwright

from secmon.console.links import token
from tests.console.site import lab
from tests.peers.need import need

pytestmark = pytest.mark.peers
SIZE = {"width": 390, "height": 844}


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
async def test_open_press_and_come_back(tmp_path: Path, scripts: bool) -> None:
    chromium = need("chromium")
    async with lab(tmp_path, language="zh") as site, async_playwright() as player:
        number = await site.hot()
        daemon = site.daemon
        path = f"/t/{token(daemon.link_key, number, 'group', '', daemon.clock.now())}"
        browser = await player.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            context = await browser.new_context(
                viewport={"width": SIZE["width"], "height": SIZE["height"]},
                java_script_enabled=scripts,
            )
            page = await context.new_page()
            errors: list[str] = []
            page.on("console", lambda said: errors.append(said.text))
            first = await page.goto(site.base + path)
            assert first is not None
            assert first.status == 200
            button = page.get_by_role("button", name="operator")
            box = await button.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= SIZE["width"]
            assert box["height"] >= 44, "a thumb can press it"
            if scripts:
                wide = await page.evaluate("document.documentElement.scrollWidth")
                assert wide <= SIZE["width"]
            await button.focus()
            await page.keyboard.press("Enter")
            await page.get_by_text("已有人响应，无需重复操作。").wait_for()
            await page.reload()
            await page.get_by_text("已有人响应，无需重复操作。").wait_for()
            assert await page.get_by_role("button").count() == 0
            assert errors == []
        finally:
            await browser.close()
        ticket = (await site.get(f"/api/v1/tickets/{number}")).json
        assert ticket["marks"]["acknowledged"]["by"] == "link:operator"


async def test_another_page_s_form_changes_nothing(tmp_path: Path) -> None:
    """A page elsewhere that knows the link posts to it: the browser says where it comes from."""
    chromium = need("chromium")
    async with lab(tmp_path) as site, async_playwright() as player:
        number = await site.hot()
        daemon = site.daemon
        path = f"/t/{token(daemon.link_key, number, 'group', 'operator', daemon.clock.now())}"
        browser = await player.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            page = await browser.new_page()
            form = f'<form method=post action="{site.base}{path}"><input name=version value=1>'
            await page.set_content(f"{form}<button>x</button></form>")
            async with page.expect_navigation() as went:
                await page.click("button")
            answer = await went.value
            assert answer is not None
            assert answer.status == 403
        finally:
            await browser.close()
        assert (await site.get(f"/api/v1/tickets/{number}")).json["state"] == "open"
