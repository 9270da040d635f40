"""The pages without a browser: what they show, what they refuse; nothing hostile gets out."""

import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
import pytest_asyncio

from secmon.api import Role, StoreDown
from secmon.core.model import Failure, Observation, Reading, Reason, arrange
from tests.console.reader import Reader, reader
from tests.console.site import Lab, lab

HTML = '<script>alert(1)</script><img src=x onerror="alert(2)">'
LOGIN = "rtsp://root:hunter2@192.0.2.9/live"
PATHS = [
    *("/", "/tickets", "/tickets?state=ended", "/devices", "/devices/evil-1", "/status", "/my"),
    *("/kpi", "/labels", "/devices/evil-1/label"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    async with lab(tmp_path_factory.mktemp("site")) as running:
        await running.hot()
        yield running


class Outline(HTMLParser):
    """The tags and ids of a page; AssertionError where it is not well formed enough."""

    VOID = frozenset(("meta", "link", "img", "input", "br", "hr"))
    OPTIONAL = frozenset(("option",))

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == [], f"never closed: {self._open}"
        assert len(set(self.ids)) == len(self.ids), "an id stands twice"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(key, value or "") for key, value in attrs]
        self.ids += [value or "" for key, value in attrs if key == "id"]
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open and self._open[-1] == tag, f"</{tag}> closes {self._open[-3:]}"
        self._open.pop()


# --- every page, both languages ---


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("language", ["zh", "en"])
async def test_every_page_is_whole_in_both_languages(shared: Lab, language: str) -> None:
    number = (await shared.get("/api/v1/tickets")).json["tickets"][0]["number"]
    paths = ["/", "/tickets", f"/tickets/{number}", "/devices", "/devices/room-1", "/status"]
    paths += [
        "/windows",
        "/my",
        "/kpi",
        "/kpi?month=2020-02",
        "/labels?system=video",
        "/devices/room-1/label",
    ]
    async with reader(shared) as one:
        for path in (*paths, "/nothing", "/tickets/WX-2026-9999", "/devices/none"):
            page = await one.get(f"{path}{'&' if '?' in path else '?'}lang={language}")
            assert page.status == (200 if path in paths else 404), path
            outline = Outline(page.text)
            assert f'lang="{"zh-CN" if language == "zh" else "en"}"' in page.text
            assert not [key for key, _ in outline.attributes if key in ("style", "onclick")]
            assert outline.tags.count("h1") == 1, path
            inline = re.search(r"<script(?![^>]* src=)|<style", page.text)
            assert inline is None, path
            chinese = re.findall(r"[一-鿿]+", page.words)
            if language == "en":
                known = "示范工程 主机房 大厅摄像机 报警主机 电源 二层弱电间 一层 防拆 中文"
                odd = [word for word in chinese if word not in known and word != "报警主机电源"]
                assert odd == [], path


@pytest.mark.asyncio(loop_scope="module")
async def test_the_language_is_kept_for_this_browser(shared: Lab) -> None:
    async with reader(shared) as one, reader(shared, "li") as other:
        assert "Overview" in (await one.get("/")).words, "site.language is en"
        switch = re.search(r'href="([^"]*lang=zh)"', (await one.get("/tickets?q=a%22b")).text)
        assert switch is not None
        assert switch[1] == "/tickets?q=a%22b&amp;lang=zh"
        assert "工单" in (await one.get("/tickets?lang=zh")).words
        assert "总览" in (await one.get("/")).words
        assert "总览" in (await one.get("/?lang=xx")).words
        assert "Overview" in (await other.get("/")).words


async def test_empty_states(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    async with lab(tmp_path / "x") as site, reader(site) as one:
        assert "No open tickets." in (await one.get("/tickets")).words
        assert "No ended tickets yet." in (await one.get("/tickets?state=ended")).words
        assert "No ticket matches." in (await one.get("/tickets?q=nothing")).words
        assert "No device matches." in (await one.get("/devices?q=nothing")).words
        assert "No tickets." in (await one.get("/devices/cam-1")).words
        for device in list(site.daemon.policy.devices):
            del site.daemon.policy.devices[device]  # type: ignore[attr-defined]  # a dict
        assert "There are no devices yet." in (await one.get("/")).words
        assert "There are no devices yet." in (await one.get("/devices")).words


# --- what is wrong, what is unknown ---


async def test_the_wall_never_calls_unknown_good(site: Lab) -> None:
    async with reader(site) as one:
        wall = (await one.get("/")).text
        intrusion = wall.partition('id="system-intrusion"')[2].partition("</section>")[0]
        assert "not probed: people look after it" in intrusion
        head = wall.partition('id="system-intrusion"')[0].rpartition("<section")[2]
        assert 'class="card unknown"' in head, "a card is green only if every device is good"
        site.daemon.world.probes.clear()
        page = (await one.get("/devices?state=good")).words
        assert "No device matches." in page
        assert "4 devices" not in page
        assert (await one.get("/devices?state=unknown")).text.count('class="unknown"') == 5
        assert "not asked yet" in (await one.get("/devices/room-1")).words
        assert "never asked" in (await one.get("/devices/room-1")).words


async def test_a_faulty_device_comes_first_with_what_is_wrong(site: Lab) -> None:
    number = await site.hot(2)
    async with reader(site) as one:
        wall = (await one.get("/")).words
        assert "30 °C, limit 25 °C" in wall and number in wall
        rows = re.findall(r'<tr class="(\w+)"', (await one.get("/devices")).text)
        assert rows == ["faulty", "unknown", "good", "good", "good"]
        device = (await one.get("/devices/room-2")).words
        assert "Temperature" in device and "30 °C" in device and "active" in device
        assert number in device


# --- filters and pages ---


async def test_tickets_are_filtered_and_paged(site: Lab) -> None:
    for number in range(60):
        body = {"device": "cam-1" if number % 2 else "room-1", "note": f"words {number:03}"}
        assert (await site.post("/api/v1/tickets", body)).status == 201
    async with reader(site) as one:

        async def shown(query: str) -> list[str]:
            text = (await one.get(f"/tickets?{query}")).text
            return re.findall(r'class="number" href="/tickets/([\w-]+)"', text)

        assert len(await shown("")) == 50 and len(await shown("page=2")) == 10
        assert not set(await shown("")) & set(await shown("page=2"))
        assert await shown("page=3") == []
        assert len(await shown("system=video")) == 30 and len(await shown("device=room-1")) == 30
        assert len(await shown("q=WORDS+017")) == 1
        assert len(await shown("q=%E5%A4%A7%E5%8E%85")) == 30, "the device's name"
        seventeenth = (await shown("q=words+017"))[0]
        await site.act(seventeenth, "acknowledge")
        assert await shown("state=acknowledged") == [seventeenth]
        assert seventeenth not in await shown("state=open&page=9")
        for odd in ("page=0", "page=-1", "page=x", "page=99999999999", "state=x", "q=%00"):
            assert (await one.get(f"/tickets?{odd}")).status == 200, odd


async def test_ended_tickets_come_by_pages_newest_first(site: Lab) -> None:
    made = []
    for number in range(55):
        told = await site.post("/api/v1/tickets", {"device": "cam-1", "note": f"w{number}"})
        made.append(told.json["number"])
        await site.act(made[-1], "cancel", "manager", note="a test")
    async with reader(site) as one:
        seen: list[str] = []
        path = "/tickets?state=ended"
        for _ in range(3):
            text = (await one.get(path)).text
            seen += re.findall(r'class="number" href="/tickets/([\w-]+)"', text)
            link = re.search(r'href="(/tickets\?[^"]*after=[^"]*)">Next', text)
            if link is None:
                break
            path = link[1].replace("&amp;", "&")
        assert seen == made[::-1]
        text = (await one.get("/tickets?state=ended&q=w7")).text
        assert re.findall(r'class="number" href="/tickets/([\w-]+)"', text) == [made[7]]


# --- acting ---


async def test_each_state_offers_what_it_allows(site: Lab) -> None:
    async with (
        reader(site, "gao", Role.MANAGER) as one,
        reader(site) as operator,
        reader(site, "shen", Role.AUDITOR) as auditor,
    ):
        number = await site.hot()

        async def offered(who: Reader) -> set[str]:
            return set(re.findall(r'data-verb="(\w+)"', (await who.get(f"/tickets/{number}")).text))

        always = {"assign", "transfer", "cancel", "note"}
        assert await offered(one) == always | {"acknowledge"}
        assert await offered(operator) == always - {"cancel"} | {"acknowledge"}
        await site.act(number, "acknowledge")
        assert await offered(one) == always | {"arrive", "repair"}
        await site.act(number, "arrive")
        assert await offered(one) == always | {"repair"}
        await site.act(number, "repair")
        assert await offered(one) == always | {"verify", "reject"}
        await site.room(200)
        assert await offered(one) == always | {"verify", "reject", "close"}
        assert await offered(auditor) == set()
        assert "Your role may only look." in (await auditor.get(f"/tickets/{number}")).words
        sent = await auditor.send(f"/tickets/{number}/note", {"note": "x"})
        assert sent.status == 403
        assert (await auditor.send("/devices/cam-1/poll")).status == 403
        await site.act(number, "close", note="cooled")
        assert await offered(one) == set()


async def test_somebody_else_was_quicker_and_nothing_typed_is_lost(site: Lab) -> None:
    number = await site.hot()
    async with reader(site) as one, reader(site, "li") as other:
        page = (await one.get(f"/tickets/{number}")).text
        version = re.findall(r'name="version" value="(\d+)"', page)[0]
        typed = "called the guard <b>twice</b>"
        form = {"version": version, "note": typed}
        assert (await other.send(f"/tickets/{number}/acknowledge", form)).status == 303
        late = await one.send(f"/tickets/{number}/assign", {**form, "other": "Zhao"})
        assert late.status == 409
        assert "Somebody else changed this ticket" in late.words and "acknowledged" in late.words
        assert (
            "called the guard &lt;b&gt;twice&lt;/b&gt;" in late.text and 'value="Zhao"' in late.text
        )
        newer = re.findall(r'name="version" value="(\d+)"', late.text)[0]
        assert int(newer) == int(version) + 1
        assert (await site.get(f"/api/v1/tickets/{number}")).json["assignee"] == ""
        late = await one.send(f"/tickets/{number}/acknowledge", form)
        assert late.status == 409 and "called the guard &lt;b&gt;twice" in late.text
        assert 'data-verb="acknowledge"' not in late.text, "the step is no longer offered"
        again = await one.send(f"/tickets/{number}/assign", {"version": newer, "to": "Zhao"})
        assert (again.status, again.location) == (303, f"/tickets/{number}?done=assign")
        assert "Assign: recorded" in (await one.get(again.location)).words


async def test_verify_polls_waits_and_says_why_not(site: Lab) -> None:
    number = await site.hot()
    async with reader(site) as one:
        for verb in ("acknowledge", "arrive", "repair"):
            assert (await one.send(f"/tickets/{number}/{verb}")).status == 303
        late = await one.send(f"/tickets/{number}/verify", {"note": "seems well"})
        assert late.status == 409 and "the fault is still there" in late.words
        assert "seems well" in late.text
        await site.gateway.set(unit=1, input={1: 200})
        assert (await one.send(f"/tickets/{number}/verify")).status == 303
        assert (await one.send(f"/tickets/{number}/close")).status == 303
        ticket = (await site.get(f"/api/v1/tickets/{number}")).json
        assert ticket["state"] == "closed"
        assert {mark["by"] for mark in ticket["marks"].values()} == {"wang"}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("verb", "form", "status"),
    [
        ("note", {}, 400),
        ("transfer", {"way": "by_air"}, 400),
        ("transfer", {}, 400),
        ("assign", {"to": "  "}, 400),
        ("cancel", {"note": ""}, 400),
        ("note", {"note": "x", "version": "1e5"}, 400),
        ("note", {"note": "x" * 10_001}, 400),
        ("close", {"note": "x"}, 409),
        ("explode", {"note": "x"}, 404),
        ("report", {"note": "x"}, 404),
    ],
)
async def test_a_form_that_lacks_something_changes_nothing(
    shared: Lab, verb: str, form: dict[str, str], status: int
) -> None:
    number = (await shared.get("/api/v1/tickets?device=room-1")).json["tickets"][0]["number"]
    before = (await shared.get(f"/api/v1/tickets/{number}")).json
    async with reader(shared, "gao", Role.MANAGER) as one:
        sent = await one.send(f"/tickets/{number}/{verb}", form)
        assert sent.status == status
        Outline(sent.text)
    assert (await shared.get(f"/api/v1/tickets/{number}")).json == before


@pytest.mark.asyncio(loop_scope="module")
async def test_bodies_that_are_no_forms(shared: Lab) -> None:
    async with reader(shared) as one:
        path = "/devices/cam-1/report"
        for kind in ("application/json", "multipart/form-data; boundary=x", "text/plain"):
            sent = await one.send(path, {"note": "x"}, **{"Content-Type": kind})
            assert sent.status == 415, kind
        many = {f"f{n}": "x" for n in range(60)}
        assert (await one.send(path, many)).status == 400
        assert (await one.send(path, {"note": "x" * 70_000})).status == 413
        assert (await shared.get("/api/v1/tickets?device=cam-1")).json["tickets"] == []


async def test_poll_now_and_report(site: Lab) -> None:
    async with reader(site) as one:
        await site.cam.set(listening=False)
        sent = await one.send("/devices/cam-1/poll")
        page = (await one.get(sent.location)).words
        assert "Polled: here is what it said" in page and "port closed" in page
        sent = await one.send("/devices/cam-1/report", {"severity": "major"})
        assert sent.status == 400 and 'value="major" selected' in sent.text
        form = {"note": "第一行\r\n第二行", "severity": "major", "part": "lens"}
        sent = await one.send("/devices/cam-1/report", form)
        assert sent.status == 303
        number = sent.location.removeprefix("/tickets/").partition("?")[0]
        ticket = (await site.get(f"/api/v1/tickets/{number}")).json
        assert (ticket["reported_by"], ticket["severity"], ticket["part"]) == (
            "wang",
            "major",
            "lens",
        )
        assert ticket["summary"] == "第一行 第二行"


async def test_without_the_store_pages_show_and_forms_keep_what_was_typed(
    site: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await site.hot()
    async with reader(site) as one:

        async def away(_: object) -> object:
            raise StoreDown("the disk is full")

        monkeypatch.setattr(type(site.daemon), "act", lambda _, action: away(action))
        sent = await one.send(f"/tickets/{number}/note", {"note": "all I know"})
        assert sent.status == 503 and "all I know" in sent.text
        assert "What you typed is still there" in sent.words


# --- hostile words ---


async def test_what_devices_and_people_say_is_harmless_everywhere(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    name = HTML.replace('"', "'")
    (tmp_path / "conf.d" / "evil.yaml").write_text(
        f'devices: [{{id: evil-1, name: "{name}", location: "{name}", system: video, kind: camera,'
        f' address: 127.0.0.1, maker: "{name}", model: "{LOGIN}", '
        "probes: [{driver: tcp, port: 1, every: 1h}]}]\n"
    )
    async with lab(tmp_path) as site, reader(site, HTML, Role.OPERATOR) as one:
        note = f"{HTML} {LOGIN}"
        told = await site.post("/api/v1/tickets", {"device": "evil-1", "note": note, "part": HTML})
        number = told.json["number"]
        await site.act(number, "assign", to="wang", note=note)
        await site.act(number, "note", spare=note, model=HTML, serial=LOGIN, condition=HTML)
        await site.act(number, "assign", to=note, note=note)
        ended = (await site.post("/api/v1/tickets", {"device": "evil-1", "note": note})).json
        await site.act(ended["number"], "cancel", "manager", note=note)
        for failure in (Failure(Reason.GARBLED, note), None):
            layout, values = arrange(
                [
                    Reading("interface_alias", note, HTML),
                    Reading("interface_alias", note, "b"),
                    Reading(HTML, note),
                ]
            )
            clock = site.daemon.clock
            said = {"stream_uri": LOGIN, HTML: HTML}
            seen = Observation(
                "evil-1", "tcp", clock.now(), clock.tick(), layout, values, failure, said
            )
            site.daemon.desk.observe(seen)
            await site.daemon.desk.caught_up()
            for path in (*PATHS, f"/tickets/{number}", f"/tickets/{ended['number']}"):
                for language in ("zh", "en"):
                    page = await one.get(f"{path}{'&' if '?' in path else '?'}lang={language}")
                    assert page.status == 200, path
                    harmless(page.text, path)
        device = (await one.get("/devices/evil-1")).text
        assert "rtsp://***@192.0.2.9/live" in device and "&lt;script&gt;" in device
        late = await one.send(f"/tickets/{number}/acknowledge", {"version": "1", "note": note})
        assert late.status == 409
        typed = late.text.replace("root:hunter2@", "", 1)  # the person's own words, once
        harmless(typed, "409")


def harmless(text: str, path: str) -> None:
    outline = Outline(text)
    sources = [value for key, value in outline.attributes if key == "src"]
    assert all(value.startswith("/static/") for value in sources), path
    assert not [key for key, _ in outline.attributes if key.startswith("on")], path
    assert "hunter2" not in text, path
