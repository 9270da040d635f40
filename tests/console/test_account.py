"""One's own account: password, sessions, tokens narrower than their user; people and roles."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from secmon.api import Role
from secmon.console.passwords import SHORTEST, guessable, hashed, matches
from tests.console.reader import HASHED, PASSWORD, Reader, reader, somebody
from tests.console.site import Answer, Lab, lab

NEW = "a quite different one"


# --- passwords ---


@pytest.mark.parametrize(
    ("password", "name"),
    [
        ("1234567890", ""),
        ("0987654321", ""),
        ("qwertyuiop", ""),
        ("QwertyUiop", ""),
        ("password123", ""),
        ("Password2026!", ""),
        ("woaini1314", ""),
        ("aaaaaaaaaaaa", ""),
        ("1212121212121212", ""),
        ("secmon2026", ""),
        ("admin@123456", ""),
        ("wangqiang2026", "wangqiang"),
        ("王强1234567890", "王强"),
    ],
)
def test_what_is_guessed_first_is_refused(password: str, name: str) -> None:
    assert guessable(password, name)
    with pytest.raises(ValueError, match="first that are guessed"):
        hashed(password, name)


@pytest.mark.parametrize(
    "password",
    [
        PASSWORD,
        "alllowercase letters",
        "密码不必有大小写和符号",
        "wangqiang likes tea",
        "7" + "x4Q!" * 31,
    ],
)
def test_no_kinds_of_signs_are_asked_for(password: str) -> None:
    assert len(password) >= SHORTEST
    assert matches(password, hashed(password, "wangqiang"))


async def change(who: Reader, old: str, new: str, again: str = "") -> Any:
    form = {"old": old, "password": new, "again": again or new}
    return await who.send("/account/password", form)


async def test_one_changes_the_password_and_all_other_sessions_end(site: Lab) -> None:
    async with reader(site) as one, reader(site) as other:
        before = one.cookie()
        sent = await change(one, PASSWORD, NEW)
        assert (sent.status, sent.location) == (303, "/account?done=password")
        assert one.cookie() != before, "the session goes on under a new secret"
        assert "Password changed" in (await one.get("/account?done=password")).words
        assert (await other.get("/")).status == 303
        assert (await other.log_in("wang")).status == 401
        assert (await other.log_in("wang", NEW)).status == 303


@pytest.mark.parametrize(
    ("old", "new", "again", "said"),
    [
        ("wrong horse battery", NEW, NEW, "present password is wrong"),
        (PASSWORD, NEW, "another one than it", "differ"),
        (PASSWORD, "short", "short", "needs 10 to 128 characters"),
        (PASSWORD, "1234567890", "1234567890", "first that are guessed"),
        (PASSWORD, PASSWORD, PASSWORD, "is the present one"),
    ],
)
async def test_a_change_that_is_refused(
    site: Lab, old: str, new: str, again: str, said: str
) -> None:
    async with reader(site) as one:
        sent = await change(one, old, new, again)
        assert sent.status == 400 and said in sent.words
        assert new not in sent.text and old not in sent.text
        assert (await one.get("/")).status == 200
        kept = await site.store.user("wang")
        assert kept is not None and kept.password == HASHED


async def test_guessing_the_old_password_is_slowed_too(tmp_path: Path) -> None:
    async with lab(tmp_path, "access: {tries: 3}") as site, reader(site) as one:
        tried = [(await change(one, "wrong horse battery", NEW)).status for _ in range(4)]
        assert tried == [400, 400, 400, 429]


async def test_a_password_by_somebody_else_is_changed_before_anything_else(site: Lab) -> None:
    await site.store.add_user("wang", Role.OPERATOR, HASHED)
    body = {"password": "told by telephone"}
    assert (await site.post("/api/v1/users/wang/password", body, "admin")).status == 200
    async with somebody(site) as one:
        assert (await one.log_in("wang", "told by telephone")).status == 303
        for path in ("/", "/tickets", "/devices/room-1"):
            assert (await one.get(path)).location == "/account?must=1"
        async with one.session.get(f"{site.base}/api/v1/devices") as got:
            assert (got.status, (await got.json())["code"]) == (403, "password")
        sent = await one.send("/devices/room-1/poll")
        assert sent.location == "/account?must=1"
        assert "change it before anything else" in (await one.get("/account")).words
        assert (await change(one, "told by telephone", NEW)).status == 303
        assert (await one.get("/")).status == 200


async def test_an_administrator_may_say_that_it_need_not_be_changed(site: Lab) -> None:
    await site.store.add_user("wang", Role.OPERATOR, HASHED)
    body = {"password": NEW, "must_change": False}
    await site.post("/api/v1/users/wang/password", body, "admin")
    async with somebody(site) as one:
        assert (await one.log_in("wang", NEW)).status == 303
        assert (await one.get("/")).status == 200


async def test_who_came_by_a_link_sets_the_first_password(site: Lab) -> None:
    await site.store.add_user("wang", Role.OPERATOR)
    made = (await site.post("/api/v1/users/wang/link", {}, "admin")).json["url"]
    async with somebody(site) as one:
        await one.send("/login/once", {"once": made.partition("once=")[2]})
        assert 'name="old"' not in (await one.get("/account")).text
        assert (await change(one, "", NEW)).status == 303
        assert 'name="old"' in (await one.get("/account")).text
        assert (await change(one, "", "something else again")).status == 400
    async with somebody(site) as again:
        assert (await again.log_in("wang", NEW)).status == 303


# --- sessions ---


async def test_one_s_sessions_are_listed_and_ended(site: Lab) -> None:
    async with reader(site) as one, reader(site) as other, reader(site, "li") as li:
        async with one.session.get(f"{site.base}/api/v1/me") as got:
            me = await got.json()
        assert [row["this"] for row in me["sessions"]].count(True) == 1
        assert len(me["sessions"]) == 2 and me["sessions"][0]["address"] == "127.0.0.1"
        assert "aiohttp" in me["sessions"][0]["agent"]
        page = await one.get("/account")
        assert page.text.count("this one") == 1 and one.cookie() not in page.text
        assert (await one.send("/account/sessions/end")).status == 303
        assert (await one.get("/")).status == 200
        assert (await other.get("/")).status == 303
        assert (await li.get("/")).status == 200


async def test_a_session_is_ended_by_its_name_and_nobody_else_s_is(site: Lab) -> None:
    async with reader(site) as one, reader(site, "li") as li:
        async with li.session.get(f"{site.base}/api/v1/me") as got:
            theirs = (await got.json())["sessions"][0]["id"]
        headers = {"Origin": site.base}
        for name in (theirs, "%25" * 16, "x", "________________"):
            url = f"{site.base}/api/v1/me/sessions/{name}"
            async with one.session.delete(url, headers=headers) as got:
                assert got.status == 404, name
        url = f"{site.base}/api/v1/me/sessions/{theirs}"
        async with li.session.delete(url, headers=headers) as got:
            assert got.status == 200
        assert (await li.get("/")).status == 303
        assert (await one.get("/")).status == 200


async def test_an_administrator_ends_all_sessions_of_a_user(site: Lab) -> None:
    async with reader(site) as one, reader(site, "root", Role.ADMIN) as root:
        listed = (await site.get("/api/v1/users/wang/sessions", "admin")).json["sessions"]
        assert len(listed) == 1
        page = await root.get("/people")
        assert "wang" in page.words
        sent = await root.send("/people/end_sessions", {"name": "wang"})
        assert sent.location == "/people?done=end_sessions"
        assert (await one.get("/")).status == 303
        assert (await root.send("/people/explode", {"name": "wang"})).status == 404
        assert (await root.send("/people/unlock", {"name": "ghost"})).status == 404


# --- tokens ---


async def token(site: Lab, role: str, **asked: str) -> str:
    made = await site.post(f"/api/v1/users/{role}/tokens", asked, "admin")
    assert made.status == 201, made
    return str(made.json["token"])


async def ask(site: Lab, method: str, path: str, secret: str, body: object = None) -> Answer:
    headers = {"Authorization": f"Bearer {secret}"}
    return await site.ask(method, path, "", headers=headers, **({"json": body} if body else {}))


async def test_a_token_does_no_more_than_it_is_for(site: Lab) -> None:
    number = await site.hot()
    reads = await token(site, "admin", name="reads", scopes="read")
    works = await token(site, "admin", name="works", scopes="tickets")
    both = await token(site, "admin", name="both", scopes="tickets,read")
    audits = await token(site, "admin", name="audits", scopes="audit")
    act = f"/api/v1/tickets/{number}/note"
    allowed = {
        ("GET", "/api/v1/devices"): {reads, both},
        ("GET", f"/api/v1/tickets/{number}"): {reads, both},
        ("POST", act): {works, both},
        ("GET", "/api/v1/audit"): {audits},
        ("GET", "/api/v1/users"): set(),
        ("GET", "/api/v1/me"): set(),
        ("GET", f"/api/v1/tickets/{number}/evidence/1"): set(),
    }
    for (method, path), secrets in allowed.items():
        body = {"note": "x"} if method == "POST" else None
        for secret in (reads, works, both, audits):
            answer = await ask(site, method, path, secret, body)
            assert (answer.status != 403) == (secret in secrets), (method, path)
            if answer.status == 403:
                assert "this token is for" in answer.json["detail"]


async def test_a_token_never_does_more_than_its_user_may(site: Lab) -> None:
    secret = await token(site, "viewer", scopes="tickets,admin,read,audit,pictures")
    assert (await ask(site, "GET", "/api/v1/devices", secret)).status == 200
    for method, path in (("POST", "/api/v1/tickets"), ("GET", "/api/v1/users")):
        assert (await ask(site, method, path, secret, {"note": "x"})).status == 403
    assert (await site.post("/api/v1/users/viewer/role", {"role": "admin"}, "admin")).status == 200
    assert (await ask(site, "GET", "/api/v1/users", secret)).status == 200, "the role is asked anew"


async def test_a_token_expires_and_is_revoked(site: Lab) -> None:
    short = await token(site, "viewer", name="short", expires="0.2s")
    kept = await token(site, "viewer", name="kept", expires="90d")
    path = "/api/v1/users/viewer/tokens"
    rows = {one["name"]: one for one in (await site.get(path, "admin")).json["tokens"]}
    assert rows["kept"]["expires_at"] and rows["kept"]["scopes"] == []
    assert kept not in (await site.get(path, "admin")).text
    await asyncio.sleep(0.3)
    assert (await ask(site, "GET", "/api/v1/devices", short)).status == 401
    assert (await ask(site, "GET", "/api/v1/devices", kept)).status == 200
    answer = await site.ask("DELETE", f"{path}/kept", "admin")
    assert answer.json == {"removed": 1}
    assert (await ask(site, "GET", "/api/v1/devices", kept)).status == 401
    assert (await site.ask("DELETE", f"{path}/kept", "admin")).status == 404


@pytest.mark.parametrize(
    ("asked", "status", "named"),
    [
        ({"scopes": "everything"}, 400, "scopes"),
        ({"expires": "soon"}, 400, "expires"),
        ({"expires": "90"}, 400, "expires"),
        ({"expires": "99999999999999d"}, 400, "expires"),
        ({"name": "a/b"}, 400, "name"),
        ({"name": "x" * 41}, 400, "name"),
        ({"name": "a\nb"}, 400, "name"),
        ({"name": "test"}, 409, "has a token test"),
    ],
)
async def test_a_token_that_is_refused(
    site: Lab, asked: dict[str, str], status: int, named: str
) -> None:
    answer = await site.post("/api/v1/users/viewer/tokens", asked, "admin")
    assert answer.status == status and named in answer.json["detail"]


async def test_a_token_makes_no_other_and_changes_no_password(site: Lab) -> None:
    for method, path, body in (
        ("POST", "/api/v1/me/tokens", {"name": "x"}),
        ("POST", "/api/v1/me/password", {"old": "x", "password": NEW}),
        ("DELETE", "/api/v1/me/sessions", None),
        ("DELETE", "/api/v1/me/tokens/test", None),
    ):
        answer = await ask(site, method, path, site.tokens["admin"], body)
        assert answer.status == 403 and "log-in to the console" in answer.json["detail"], path


async def test_a_person_makes_a_token_on_the_page_and_sees_it_once(site: Lab) -> None:
    async with reader(site) as one:
        form = {"name": "my script", "scope_read": "1", "expires": "30d"}
        page = await one.send("/account/tokens", form)
        assert page.status == 200 and "not shown again" in page.words
        secret = page.text.partition('<pre class="code token" tabindex="0">')[2].partition("<")[0]
        assert (await ask(site, "GET", "/api/v1/devices", secret)).status == 200
        assert (await ask(site, "POST", "/api/v1/tickets", secret, {"note": "x"})).status == 403
        again = await one.get("/account")
        assert "my script" in again.words and secret not in again.text
        assert (await one.send("/account/tokens", form)).status == 409
        sent = await one.send("/account/tokens/remove", {"name": "my script"})
        assert sent.location == "/account?done=token_removed"
        assert (await ask(site, "GET", "/api/v1/devices", secret)).status == 401
        assert (await one.send("/account/tokens/remove", {"name": "my script"})).status == 404


# --- roles and removal ---


async def test_a_role_counts_from_the_next_request_on(site: Lab) -> None:
    async with reader(site, "root", Role.ADMIN) as root, reader(site) as one:
        assert (await one.get("/audit")).status == 403
        sent = await root.send("/people/role", {"name": "wang", "role": "auditor"})
        assert sent.status == 303
        assert (await one.get("/audit")).status == 200
        assert (await one.send("/devices/room-1/poll")).status == 403
        assert (await root.send("/people/role", {"name": "wang", "role": "king"})).status == 400
        assert (await root.send("/people/role", {"name": "root", "role": "viewer"})).status == 409


async def test_who_is_removed_is_out_at_once(site: Lab) -> None:
    async with reader(site) as one:
        await site.hot()
        assert (await site.ask("DELETE", "/api/v1/users/wang", "admin")).json == {"name": "wang"}
        assert (await one.get("/")).status == 303
        assert (await one.log_in("wang")).status == 401
    assert (await site.ask("DELETE", "/api/v1/users/viewer", "admin")).status == 200
    assert (await site.get("/api/v1/devices", "viewer")).status == 401
    assert (await site.ask("DELETE", "/api/v1/users/admin", "admin")).status == 409
    assert (await site.ask("DELETE", "/api/v1/users/ghost", "admin")).status == 404
