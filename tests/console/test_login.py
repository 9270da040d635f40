"""Logging in: cookies, sessions, guessing, forged origins, links that work once."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from secmon.api import Role
from secmon.console import api, sessions
from secmon.console.access import TRIES
from secmon.console.pages.frame import local
from tests.console.reader import HASHED, PASSWORD, reader, somebody
from tests.console.site import Lab, lab

PAGES = ["/", "/tickets", "/tickets/WX-2026-0001", "/devices", "/devices/room-1", "/status"]
FORMS = ["/tickets/WX-2026-0001/note", "/devices/room-1/poll", "/devices/room-1/report", "/logout"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    async with lab(tmp_path_factory.mktemp("site")) as running:
        await running.store.add_user("wang", Role.OPERATOR, HASHED)
        await running.hot()
        yield running


# --- nobody gets in without ---


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("path", PAGES)
async def test_a_page_sends_to_the_log_in_and_back(shared: Lab, path: str) -> None:
    async with somebody(shared) as one:
        sent = await one.get(path + "?x=1&y=2")
        assert (sent.status, sent.text) == (303, "")
        page = await one.get(sent.location)
        assert page.status == 200 and 'action="/login"' in page.text
        found = page.text.partition('name="next" value="')[2].partition('"')[0]
        assert found.replace("&amp;", "&") == path + "?x=1&y=2"
        done = await one.log_in("wang", next=path)
        assert (done.status, done.location) == (303, path)
        assert (await one.get(path)).status == 200
        assert (await one.get("/login?next=/devices")).location == "/devices", "is logged in"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("path", FORMS)
async def test_a_form_without_a_session_does_nothing(shared: Lab, path: str) -> None:
    async with somebody(shared) as one:
        sent = await one.send(path, {"note": "x"})
        assert sent.status == 401 and "session is over" in sent.words


@pytest.mark.asyncio(loop_scope="module")
async def test_a_cookie_that_was_made_up_is_nothing(shared: Lab) -> None:
    async with somebody(shared) as one:
        for made_up in ("x", "token-of-admin", "%00", "a" * 4000, "token-of-operator"):
            headers = {"Cookie": f"secmon-lab={made_up}"}
            assert (await one.get("/", **headers)).status == 303
            answer = await shared.get("/api/v1/devices", "", headers=headers)
            assert answer.status == 401


# --- logging in ---


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(site: Lab) -> None:
    await site.store.add_user("wang", Role.OPERATOR, HASHED)
    async with somebody(site) as one:
        done = await one.log_in("wang")
        said = done.headers["Set-Cookie"]
        assert said.startswith("secmon-lab=") and "HttpOnly" in said and "SameSite=Strict" in said
        assert "Path=/" in said and "Secure" not in said and "Max-Age" not in said
        assert done.headers["Cache-Control"] == "no-store"
        secret = one.cookie()
        assert len(secret) >= 43 and PASSWORD not in said
        kept = Path(site.store.path).read_bytes() + Path(f"{site.store.path}-wal").read_bytes()
        assert secret.encode() not in kept, "the store holds the digest only"


async def test_behind_a_proxy_that_speaks_tls_the_cookie_is_secure(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "proxy.yaml").write_text(
        "http: {trusted_proxies: [127.0.0.1], public_url: 'https://secmon.example.org/'}\n"
    )
    async with lab(tmp_path) as site, somebody(site) as one, somebody(site, "127.0.0.2") as other:
        await site.store.add_user("wang", Role.OPERATOR, HASHED)
        form = {"name": "wang", "password": PASSWORD}
        tls = {"X-Forwarded-Proto": "https"}
        done = await one.send("/login", form, "https://secmon.example.org", **tls)
        assert done.status == 303 and "Secure" in done.headers["Set-Cookie"]
        own = site.base.replace("http:", "https:")
        assert (await one.send("/login", form, own, **tls)).status == 303, "Host was passed on"
        assert (await one.send("/login", form, "https://evil.example.org", **tls)).status == 403
        said = (await other.send("/login", form, **tls)).headers["Set-Cookie"]
        assert "Secure" not in said, "who is no trusted proxy is not believed"


async def test_wrong_name_and_wrong_password_look_the_same(site: Lab) -> None:
    await site.store.add_user("wang", Role.OPERATOR, HASHED)
    await site.store.add_user("bot", Role.VIEWER)  # has a token, no password
    async with somebody(site) as one:
        pages = {
            name: (await one.log_in(name, password)).text.replace(f'"{name}"', '""')
            for name, password in (
                ("wang", "wrong horse battery"),
                ("ghost", PASSWORD),
                ("bot", ""),
            )
        }
        assert "User name or password is wrong." in pages["wang"]
        pages = {name: text.partition("<main")[2] for name, text in pages.items()}
        assert pages["wang"] == pages["ghost"] == pages["bot"]
        assert one.cookie() == ""


async def test_a_name_that_is_not_there_costs_the_same_time(site: Lab) -> None:
    await site.store.add_user("wang", Role.OPERATOR, HASHED)
    async with somebody(site) as one:

        async def took(name: str) -> float:
            begun = time.perf_counter()
            assert (await one.log_in(name, "wrong horse battery")).status == 401
            return time.perf_counter() - begun

        both = [(await took("wang"), await took("ghost")) for _ in range(4)]
        there, nowhere = (min(times) for times in zip(*both, strict=True))
        assert 0.5 < nowhere / there < 2.0, (there, nowhere)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("password", ["", "x" * 201, "\ud800", "\0" * 20, "密码" * 60])
async def test_an_odd_password_is_wrong_not_a_bug(shared: Lab, password: str) -> None:
    async with somebody(shared, "127.0.0.3") as one:
        text = password.encode("utf-8", "surrogateescape" if password.isascii() else "replace")
        sent = await one.log_in("wang", text.decode("utf-8", "replace"))
        assert sent.status == 401


@pytest.mark.parametrize(
    ("wanted", "goes"),
    [
        ("/tickets?state=open&q=%E4%B8%80", "/tickets?state=open&q=%E4%B8%80"),
        ("/", "/"),
        *((path, "/") for path in ("//evil.example", "/\\evil.example", "https://evil.example")),
        *((path, "/") for path in ("javascript:alert(1)", "", "tickets", "/a\r\nSet-Cookie: x=1")),
        *((path, "/") for path in ("/\t/evil.example", "/x y", "/" + "x" * 3000, "/\x00")),
    ],
)
def test_a_log_in_leads_only_to_pages_of_ours(wanted: str, goes: str) -> None:
    assert local(wanted) == goes


@pytest.mark.asyncio(loop_scope="module")
async def test_the_log_in_page_s_own_texts_are_escaped(shared: Lab) -> None:
    async with somebody(shared, "127.0.0.4") as one:
        page = await one.get('/login?next=/%22%3E%3Cscript%3E&once="><script>x</script>')
        assert "<script>x" not in page.text and '"><script>' not in page.text
        page = await one.log_in('"><script>alert(1)</script>', "wrong horse battery")
        assert page.status == 401 and "<script>alert" not in page.text
        assert "&lt;script&gt;alert(1)" in page.text, "what was typed is still there"


# --- guessing ---


async def test_guessing_is_slowed_by_address(site: Lab) -> None:
    await site.store.add_user("wang", Role.OPERATOR, HASHED)
    async with (
        reader(site, "li") as inside,
        somebody(site) as one,
        somebody(site, "127.0.0.9") as o,
    ):
        tried = [(await one.log_in(f"u{n}", "x")).status for n in range(TRIES)]
        assert tried == [401] * TRIES
        late = await one.log_in("wang")
        assert late.status == 429 and 1 <= int(late.headers["Retry-After"]) <= 61
        assert "Too many tries" in late.words
        assert (await inside.get("/")).status == 200, "who is in stays in"
        assert (await o.log_in("wang")).status == 303, "others are not hindered"


async def test_guessing_is_slowed_by_name_from_wherever(site: Lab) -> None:
    await site.store.add_user("wang", Role.OPERATOR, HASHED)
    for number in (5, 6, 7):
        async with somebody(site, f"127.0.0.{number}") as one:
            for _ in range(7):
                await one.log_in("wang", "x")
    async with somebody(site, "127.0.0.8") as one:
        assert (await one.log_in("wang")).status == 429
        assert (await one.log_in("ghost", "x")).status == 401


async def test_many_guesses_at_once_gain_nothing(site: Lab) -> None:
    await site.store.add_user("wang", Role.OPERATOR, HASHED)
    async with somebody(site) as one:
        async with asyncio.TaskGroup() as tasks:
            tried = [tasks.create_task(one.log_in("wang", "x")) for _ in range(3 * TRIES)]
        told = [task.result().status for task in tried]
        assert (told.count(401), told.count(429)) == (TRIES, 2 * TRIES)


async def test_right_passwords_are_not_counted_as_guesses(site: Lab) -> None:
    await site.store.add_user("wang", Role.OPERATOR, HASHED)
    async with somebody(site) as one:
        told = [(await one.log_in("wang")).status for _ in range(TRIES + 2)]
        assert told == [303] * (TRIES + 2)


# --- where a form comes from ---

FORGED: list[tuple[str | None, dict[str, str]]] = [
    ("https://evil.example", {}),
    ("http://127.0.0.1:1", {}),
    ("null", {}),
    (None, {}),
    (None, {"Sec-Fetch-Site": "cross-site"}),
    (None, {"Sec-Fetch-Site": "same-site"}),
    ("", {"Sec-Fetch-Site": "cross-site"}),
]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("origin", "more"), FORGED)
async def test_what_no_page_of_ours_sent_is_refused(
    shared: Lab, origin: str | None, more: dict[str, str]
) -> None:
    async with reader(shared) as one:
        number = (await shared.get("/api/v1/tickets")).json["tickets"][0]["number"]
        before = (await shared.get(f"/api/v1/tickets/{number}")).json
        for path in (f"/tickets/{number}/note", f"/devices/{before['device']}/report"):
            sent = await one.send(path, {"note": "forged"}, origin, **more)
            assert sent.status == 403, path
        sent = await one.send("/login", {"name": "wang", "password": PASSWORD}, origin, **more)
        assert sent.status == 403 and "Set-Cookie" not in sent.headers
        forged = await one.session.post(
            f"{shared.base}/api/v1/tickets/{number}/note",
            json={"note": "forged"},
            headers={**({"Origin": origin or shared.base} if origin is not None else {}), **more},
        )
        assert forged.status == 403
        assert (await forged.json())["status"] == 403
        assert (await shared.get(f"/api/v1/tickets/{number}")).json == before
        assert (await one.get("/")).status == 200, "it stays logged in"


@pytest.mark.asyncio(loop_scope="module")
async def test_the_api_takes_the_session_too_and_a_token_needs_no_origin(shared: Lab) -> None:
    async with reader(shared) as one:
        url = f"{shared.base}/api/v1/tickets"
        body = {"device": "cam-1", "note": "dark"}
        async with one.session.get(url) as got:
            assert got.status == 200
        for headers in ({"Origin": shared.base}, {"Sec-Fetch-Site": "same-origin"}):
            async with one.session.post(url, json=body, headers=headers) as got:
                assert got.status == 201
                assert (await got.json())["reported_by"] == "wang"
        bearer = {"Authorization": f"Bearer {shared.tokens['viewer']}"}
        async with one.session.post(url, json=body, headers=bearer) as got:
            assert got.status == 403, "the token's role counts, not the cookie's"
        assert (await shared.post("/api/v1/tickets", body)).status == 201


# --- the end of a session ---


async def test_log_out_and_a_new_password_end_sessions(site: Lab) -> None:
    async with reader(site) as one, reader(site) as other, reader(site, "li") as third:
        stolen = {"Cookie": f"secmon-lab={one.cookie()}"}
        out = await one.send("/logout")
        assert (out.status, out.location) == (303, "/login")
        assert one.cookie() == ""
        async with somebody(site) as thief:
            assert (await thief.get("/", **stolen)).status == 303
        assert (await other.get("/")).status == 200
        changed = await site.post(
            "/api/v1/users/wang/password", {"password": "another long one"}, "admin"
        )
        assert changed.status == 200
        assert (await other.get("/")).location.startswith("/login")
        assert (await third.get("/")).status == 200
        assert (await other.log_in("wang")).status == 401
        assert (await other.log_in("wang", "another long one")).status == 303


async def test_a_stream_ends_with_its_session(site: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "LOOK_AGAIN", 0.0)
    async with reader(site) as one, one.session.get(f"{site.base}/api/v1/events") as stream:
        assert (await stream.content.readline()).startswith(b":")
        await site.hot()
        assert b"ticket" in await stream.content.readuntil(
            b"\n\n"
        ) + await stream.content.readuntil(b"\n\n")
        await site.daemon.set_password("wang", HASHED)
        await site.room(200)
        async with asyncio.timeout(8):
            rest = await stream.content.read()
        assert b"cleared_at" not in rest, "what came after was not told"


# --- links that work once ---


async def link(site: Lab, name: str = "wang", role: str = "admin") -> str:
    answer = await site.post(f"/api/v1/users/{name}/link", {}, role)
    assert answer.status == 201, answer
    assert answer.json["url"].startswith(site.base + "/login?once=")
    return str(answer.json["url"]).removeprefix(site.base)


def once_of(path: str) -> dict[str, str]:
    return {"once": path.partition("once=")[2]}


async def test_a_link_logs_in_once_and_a_look_at_it_uses_nothing_up(site: Lab) -> None:
    await site.store.add_user("wang", Role.OPERATOR)
    path = await link(site)
    async with somebody(site) as preview, somebody(site) as one, somebody(site) as late:
        for _ in range(3):
            page = await preview.get(path)
            assert page.status == 200 and 'action="/login/once"' in page.text
        assert preview.cookie() == ""
        assert (
            await preview.send("/login/once", once_of(path), "https://evil.example")
        ).status == 403
        done = await one.send("/login/once", once_of(path) | {"next": "/devices"})
        assert (done.status, done.location) == (303, "/devices")
        assert "wang" in (await one.get("/devices")).words
        again = await late.send("/login/once", once_of(path))
        assert again.status == 401 and "was used or is too old" in again.words
        assert late.cookie() == ""


async def test_links_are_made_by_administrators_for_users_that_there_are(site: Lab) -> None:
    answer = await site.post("/api/v1/users/ghost/link", {}, "admin")
    assert answer.status == 404 and "ghost" in answer.json["detail"]
    assert (await site.post("/api/v1/users/viewer/link", {}, "operator")).status == 403


async def test_guessed_links_are_slowed(site: Lab) -> None:
    await site.store.add_user("wang", Role.OPERATOR)
    path = await link(site)
    async with somebody(site) as one:
        tried = [(await one.send("/login/once", {"once": f"x{n}"})).status for n in range(TRIES)]
        assert tried == [401] * TRIES
        assert (await one.send("/login/once", once_of(path))).status == 429
    async with somebody(site, "127.0.0.2") as other:
        assert (await other.send("/login/once", once_of(path))).status == 303, "it was not used up"


async def test_from_another_site_s_page_the_log_in_asks_once_more(site: Lab) -> None:
    """A link in a web chat brings no SameSite=Strict cookie; our own page then does."""
    async with somebody(site) as one:
        page = await one.get("/login?next=/tickets", **{"Sec-Fetch-Site": "cross-site"})
        assert '<meta http-equiv="refresh" content="0;url=/login?again=1&amp;next=/tickets">' in (
            page.text
        )
        page = await one.get("/login?again=1&next=/tickets", **{"Sec-Fetch-Site": "cross-site"})
        assert "http-equiv" not in page.text


# --- headers ---


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("path", ["/", "/login", "/nothing", "/api/v1/devices", "/metrics"])
async def test_what_browsers_are_told(shared: Lab, path: str) -> None:
    async with reader(shared) as one:
        headers = (await one.get(path)).headers
        policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == "'none'" and policy["frame-ancestors"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"


@pytest.mark.asyncio(loop_scope="module")
async def test_static_files_are_open_and_nothing_else_below_them(shared: Lab) -> None:
    async with somebody(shared) as one:
        page = await one.get("/login")
        style = page.text.partition('href="/static/console.css')[2].partition('"')[0]
        found = await one.get(f"/static/console.css{style}")
        assert found.status == 200 and found.headers["Content-Type"].startswith("text/css")
        assert "immutable" in found.headers["Cache-Control"]
        assert (await one.get("/static/console.css?v=old")).headers["Cache-Control"] == "no-cache"
        for path in ("..%2fapi.py", "%2e%2e/api.py", "x.css", "", "console.css/x"):
            assert (await one.get(f"/static/{path}")).status in (303, 404), path


async def test_too_many_who_log_in_at_once_are_asked_to_wait(
    site: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "WAITING", 0)
    await site.store.add_user("wang", Role.OPERATOR, HASHED)
    async with somebody(site) as one:
        told = [(await one.log_in("wang")).status for _ in range(TRIES + 2)]
        assert told == [503] * (TRIES + 2), "nobody looked at it: it is no guess"
