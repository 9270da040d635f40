"""The pages behind messages' links, of the real daemon over real HTTP: GET shows, POST does."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from secmon.api import Contact, Role
from secmon.console.links import VALID, token
from tests.adapters.notify.given import Server, says, serving
from tests.console.site import Lab, lab

PUBLIC = "https://secmon.example"
HTTP = f', public_url: "{PUBLIC}"'
GROUP = "notify: [{id: group, channel: wecom, webhook: {file: hook}}]"
ORIGIN = {"Origin": PUBLIC}


@dataclass
class Page:
    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def buttons(self) -> list[str]:
        return re.findall(r'<button type="submit" name="who" value="([^"]*)">', self.text)

    @property
    def version(self) -> str:
        found = re.search(r'name="version" value="(\d+)"', self.text)
        return found[1] if found else ""


@dataclass
class Phone:
    """A browser on a phone, without any cookie."""

    site: Lab
    robot: Server

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str] = {}, **form: str
    ) -> Page:
        async with self.site.session.request(
            method,
            self.site.base + path,
            headers=headers,
            data=form or None,
            allow_redirects=False,
        ) as got:
            return Page(got.status, await got.text(), got.headers.copy())

    async def get(self, path: str) -> Page:
        return await self.ask("GET", path)

    async def press(
        self, path: str, who: str = "", headers: Mapping[str, str] = ORIGIN, version: str = ""
    ) -> Page:
        """The button, as the page shows it."""
        version = version or (await self.get(path)).version or "1"
        return await self.ask("POST", path, headers, who=who, version=version)

    async def state(self, number: str) -> str:
        return str((await self.site.get(f"/api/v1/tickets/{number}")).json["state"])

    def path(self, number: str, user: str = "", late: timedelta = timedelta()) -> str:
        daemon = self.site.daemon
        now = daemon.clock.now() - late
        return f"/t/{token(daemon.link_key, number, 'group', user, now)}"


@pytest.fixture
async def phone(tmp_path: Path) -> AsyncIterator[Phone]:
    async with serving(says({"errcode": 0, "errmsg": "ok"})) as robot:
        (tmp_path / "hook").write_text(f"{robot.base}/send?key=k")
        async with lab(tmp_path, GROUP, http=HTTP) as site:
            yield Phone(site, robot)


async def _link_of(phone: Phone) -> str:
    async with asyncio.timeout(5):
        while not phone.robot.got:
            await asyncio.sleep(0.01)
    text = phone.robot.got[0].json["text"]["content"]
    found = re.search(rf"{PUBLIC}(/t/\S+)", text)
    assert found, text
    return found[1]


async def test_from_the_message_in_the_group_to_the_journal(phone: Phone) -> None:
    number = await phone.site.hot()
    path = await _link_of(phone)
    page = await phone.get(path)
    assert page.status == 200
    for word in (number, "主机房", "30 °C", "Who takes it?"):
        assert word in page.text
    assert page.buttons == ["admin", "engineer", "manager", "operator"], "not those who only read"
    done = await phone.press(path, "engineer")
    assert (done.status, done.headers["Location"]) == (303, path)
    ticket = (await phone.site.get(f"/api/v1/tickets/{number}")).json
    assert ticket["state"] == "acknowledged"
    assert ticket["marks"]["acknowledged"]["by"] == "link:engineer"
    [line] = [one for one in ticket["journal"] if one["what"] == "acknowledge"]
    assert (line["by"], line["why"]) == ("link:engineer", "by link, named engineer")
    after = await phone.get(path)
    assert after.buttons == []
    assert "Somebody has acknowledged it" in after.text
    assert "engineer" in after.text


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_looking_changes_nothing(phone: Phone, method: str) -> None:
    """Chat programs fetch every link for its preview."""
    number = await phone.site.hot()
    before = (await phone.site.get(f"/api/v1/tickets/{number}")).json
    for _ in range(3):
        assert (await phone.ask(method, phone.path(number, "operator"))).status == 200
    assert (await phone.site.get(f"/api/v1/tickets/{number}")).json == before


async def test_a_personal_link_acts_as_that_person(phone: Phone) -> None:
    number = await phone.site.hot()
    path = phone.path(number, "operator")
    page = await phone.get(path)
    assert page.buttons == [""], "it asks nobody who they are"
    assert (await phone.press(path, "manager")).status == 303, "whatever the form says"
    ticket = (await phone.site.get(f"/api/v1/tickets/{number}")).json
    assert ticket["marks"]["acknowledged"]["by"] == "link:operator"


async def test_a_replay_says_kindly_what_the_state_is(phone: Phone) -> None:
    number = await phone.site.hot()
    path = phone.path(number, "operator")
    version = (await phone.get(path)).version
    first = await phone.press(path, version=version)
    again = await phone.press(path, version=version)
    assert (first.status, again.status) == (303, 409)
    assert "operator" in again.text
    journal = (await phone.site.get(f"/api/v1/tickets/{number}")).json["journal"]
    assert [one["what"] for one in journal].count("acknowledge") == 1


async def test_two_press_at_the_same_moment(phone: Phone) -> None:
    number = await phone.site.hot()
    path = phone.path(number)
    async with asyncio.TaskGroup() as people:
        pressed = [
            people.create_task(phone.press(path, who, version="1"))
            for who in ("operator", "engineer")
        ]
    assert sorted(one.result().status for one in pressed) == [303, 409]


async def test_a_page_that_has_become_old(phone: Phone) -> None:
    number = await phone.site.hot()
    path = phone.path(number, "operator")
    old = (await phone.get(path)).version
    await phone.site.act(number, "note", note="seen")
    page = await phone.press(path, version=old)
    assert page.status == 409
    assert "has just changed" in page.text
    assert page.version == str(int(old) + 1)
    assert await phone.state(number) == "open"
    assert (await phone.press(path, version=page.version)).status == 303


async def test_a_link_of_an_ended_ticket_is_revoked(phone: Phone) -> None:
    number = await phone.site.hot()
    path = phone.path(number, "operator")
    await phone.site.act(number, "cancel", "manager", note="false alarm")
    page = await phone.get(path)
    assert (page.status, page.buttons) == (410, [])
    assert "The ticket is ended" in page.text
    assert (await phone.press(path)).status in (409, 410)
    assert await phone.state(number) == "cancelled"


async def test_expired_forged_and_of_no_ticket(phone: Phone) -> None:
    number = await phone.site.hot()
    late = phone.path(number, "operator", late=VALID + timedelta(hours=1))
    for path, status in (
        (late, 410),
        (phone.path(number)[:-1], 404),
        ("/t/x", 404),
        ("/t/" + "x" * 3000, 404),
        (phone.path("WX-2026-9999"), 404),
    ):
        for page in (await phone.get(path), await phone.press(path, "operator", version="1")):
            assert page.status == status, path
            assert page.buttons == []
            assert number not in page.text
    assert await phone.state(number) == "open"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": f"{PUBLIC}.evil.example"},
        {"Referer": "https://evil.example/t/x"},
    ],
)
async def test_a_post_from_another_page(phone: Phone, headers: dict[str, str]) -> None:
    number = await phone.site.hot()
    page = await phone.press(phone.path(number, "operator"), headers=headers)
    assert page.status == 403
    assert "did not come from this page" in page.text
    assert await phone.state(number) == "open"


@pytest.mark.parametrize("who", ["viewer", "auditor", "nobody", "", "link:operator", "OPERATOR"])
async def test_who_may_not_claim(phone: Phone, who: str) -> None:
    number = await phone.site.hot()
    page = await phone.press(phone.path(number), who)
    assert page.status == 403
    assert await phone.state(number) == "open"
    if who:
        personal = phone.path(number, who)
        assert (await phone.get(personal)).buttons == []
        assert (await phone.press(personal, version="1")).status == 403


ROSTER = """
duty:
  shifts: {all: "00:00-24:00"}
  rotation: {start: 2026-01-01, days: [{all: [manager, viewer]}]}
"""


async def test_only_those_on_shift_are_asked_once_a_roster_says_who(tmp_path: Path) -> None:
    async with serving(says({"errcode": 0, "errmsg": "ok"})) as robot:
        (tmp_path / "hook").write_text(f"{robot.base}/send?key=k")
        async with lab(tmp_path, GROUP + ROSTER, http=HTTP) as site:
            phone = Phone(site, robot)
            path = phone.path(await site.hot())
            assert (await phone.get(path)).buttons == ["manager"], "viewers only read"
            assert (await phone.press(path, "operator")).status == 403
            assert (await phone.press(path, "manager")).status == 303


@pytest.mark.parametrize("version", ["x", "-1", "9" * 30, "１"])
async def test_a_form_that_is_odd(phone: Phone, version: str) -> None:
    number = await phone.site.hot()
    page = await phone.press(phone.path(number, "operator"), version=version)
    assert page.status == 400
    assert await phone.state(number) == "open"


async def test_a_body_that_is_no_form_or_too_long(phone: Phone) -> None:
    number = await phone.site.hot()
    url = phone.site.base + phone.path(number, "operator")
    for data, kind in (
        (b'{"version": 1}', "application/json"),
        (b"version=" + b"1" * 100_000, "application/x-www-form-urlencoded"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
    ):
        headers = {**ORIGIN, "Content-Type": kind}
        async with phone.site.session.post(url, data=data, headers=headers) as got:
            assert got.status in (400, 413), kind
    assert await phone.state(number) == "open"


async def test_guessing_is_slowed(phone: Phone) -> None:
    number = await phone.site.hot()
    statuses = [(await phone.get(f"/t/guess-{n}")).status for n in range(12)]
    assert statuses == [404] * 10 + [429] * 2
    assert (await phone.get(phone.path(number))).status == 429, "also for what would be right"


async def test_pressing_is_slowed(phone: Phone) -> None:
    number = await phone.site.hot()
    path = phone.path(number)
    statuses = [(await phone.press(path, "nobody", version="1")).status for _ in range(12)]
    assert statuses == [403] * 10 + [429] * 2
    assert (await phone.get(path)).status == 200


async def test_what_people_wrote_is_text_and_nothing_else(phone: Phone) -> None:
    store = phone.site.store
    await store.add_user('<img src=x onerror="a">', Role.OPERATOR)
    await store.set_contact(Contact("operator", "<b>王强</b>"))
    body = {"device": "room-1", "note": "<script>alert(1)</script>"}
    number = (await phone.site.post("/api/v1/tickets", body)).json["number"]
    page = await phone.get(phone.path(number))
    assert "<script>" not in page.text
    assert "<img" not in page.text
    assert "&lt;b&gt;王强&lt;/b&gt;" in page.text
    assert page.headers["Content-Security-Policy"].startswith(
        "default-src 'none'; script-src 'self'"
    )


async def test_the_address_goes_into_no_cache_and_to_no_other_site(phone: Phone) -> None:
    number = await phone.site.hot()
    for page in (await phone.get(phone.path(number)), await phone.get("/t/x")):
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "same-origin"
        assert page.headers["X-Content-Type-Options"] == "nosniff"


async def test_in_the_holder_s_language_or_the_one_that_is_asked_for(phone: Phone) -> None:
    number = await phone.site.hot()
    await phone.site.store.set_contact(Contact("operator", language="zh"))
    path = phone.path(number, "operator")
    assert "响应（由我处理）" in (await phone.get(path)).text
    assert "Acknowledge (I take it)" in (await phone.get(f"{path}?lang=en")).text
    assert "Acknowledge (I take it)" in (await phone.get(phone.path(number, "manager"))).text


async def test_without_a_public_address_there_is_no_link(tmp_path: Path) -> None:
    async with serving(says({"errcode": 0})) as robot:
        (tmp_path / "hook").write_text(f"{robot.base}/send?key=k")
        async with lab(tmp_path, GROUP) as site:
            await site.hot()
            async with asyncio.timeout(5):
                while not robot.got:
                    await asyncio.sleep(0.01)
            assert "/t/" not in robot.got[0].json["text"]["content"]
            assert any("public_url" in one for one in site.daemon.loaded.warnings)


async def test_the_key_outlives_a_restart(tmp_path: Path) -> None:
    async with lab(tmp_path) as site:
        key = site.daemon.link_key
        assert len(key) == 32
        assert await site.store.link_key() == key
