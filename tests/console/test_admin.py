"""What administrators do: people and their tokens, channels, the store's copy and sizes."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from aiohttp import web

from secmon.console.passwords import LONGEST, SHORTEST, matches
from tests.console.site import Lab, lab
from tests.peers.process import free_port


async def test_a_user_with_a_token_logs_in_at_once(site: Lab) -> None:
    made = await site.post(
        "/api/v1/users", {"name": "值机员小王", "role": "operator", "token": True}, role="admin"
    )
    assert made.status == 201 and made.json.keys() == {"name", "role", "token"}
    headers = {"Authorization": f"Bearer {made.json['token']}"}
    answer = await site.ask(
        "POST",
        "/api/v1/tickets",
        role="",
        headers=headers,
        json={"device": "cam-1", "note": "x"},
    )
    assert (answer.status, answer.json["reported_by"]) == (201, "值机员小王")
    with closing(sqlite3.connect(site.store.path)) as db:
        assert made.json["token"] not in "\n".join(db.iterdump())


async def test_users_are_listed_without_secrets(site: Lab) -> None:
    password = "correct horse battery"
    body = {"name": "li", "role": "manager", "password": password}
    assert (await site.post("/api/v1/users", body, role="admin")).status == 201
    answer = await site.get("/api/v1/users", role="admin")
    row = next(one for one in answer.json["users"] if one["name"] == "li")
    assert (row["role"], row["password"]) == ("manager", True)
    assert "scrypt" not in answer.text and password not in answer.text
    kept = await site.store.user("li")
    assert kept is not None and matches(password, kept.password)


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ({"role": "viewer"}, 400, "name"),
        ({"name": "x"}, 400, "role"),
        ({"name": "x", "role": "king"}, 400, "role"),
        ({"name": " ", "role": "viewer"}, 400, "name"),
        ({"name": "os:root", "role": "viewer"}, 400, "name"),
        ({"name": "a\nb", "role": "viewer"}, 400, "name"),
        ({"name": "a\ud800", "role": "viewer"}, 400, "name"),
        ({"name": "x" * 65, "role": "viewer"}, 400, "name"),
        ({"name": "x", "role": "viewer", "password": "x" * (SHORTEST - 1)}, 400, "password"),
        ({"name": "x", "role": "viewer", "password": "x" * (LONGEST + 1)}, 400, "password"),
        ({"name": "x", "role": "viewer", "token": "yes"}, 400, "token"),
        ({"name": "viewer", "role": "viewer"}, 409, "viewer"),
    ],
)
async def test_a_user_that_is_refused(
    site: Lab, body: dict[str, object], status: int, named: str
) -> None:
    before = (await site.get("/api/v1/users", role="admin")).json
    answer = await site.post("/api/v1/users", body, role="admin")
    assert answer.status == status and named in answer.json["detail"], answer.text
    assert "got it not" not in answer.json["detail"]
    assert (await site.get("/api/v1/users", role="admin")).json == before


async def test_one_name_twice_at_once_is_one_user(site: Lab) -> None:
    body = {"name": "new", "role": "viewer"}
    async with asyncio.TaskGroup() as tasks:
        asked = [
            tasks.create_task(site.post("/api/v1/users", body, role="admin")) for _ in range(5)
        ]
    assert sorted(task.result().status for task in asked) == [201, 409, 409, 409, 409]


async def test_a_password_is_set(site: Lab) -> None:
    path = "/api/v1/users/viewer/password"
    answer = await site.post(path, {"password": "a new password"}, role="admin")
    assert answer.json == {"name": "viewer"}
    kept = await site.store.user("viewer")
    assert kept is not None and matches("a new password", kept.password)
    assert not matches("another", kept.password)


@pytest.mark.parametrize("body", [{}, {"password": None}, {"password": ""}, {"password": "short"}])
async def test_a_password_that_is_refused_leaves_the_old_one(
    site: Lab, body: dict[str, object]
) -> None:
    path = "/api/v1/users/viewer/password"
    await site.post(path, {"password": "a new password"}, role="admin")
    answer = await site.post(path, body, role="admin")
    assert answer.status == 400 and "password" in answer.json["detail"]
    kept = await site.store.user("viewer")
    assert kept is not None and matches("a new password", kept.password)


async def test_nobodys_password(site: Lab) -> None:
    answer = await site.post(
        "/api/v1/users/nobody/password", {"password": "a new password"}, role="admin"
    )
    assert answer.status == 404


# --- channels ---


@asynccontextmanager
async def receiver(status: int) -> AsyncIterator[tuple[int, list[dict[str, object]]]]:
    """A webhook's receiver that always says `status`; its port and what it got."""
    got: list[dict[str, object]] = []

    async def take(request: web.Request) -> web.Response:
        got.append(await request.json())
        return web.Response(status=status)

    app = web.Application()
    app.add_routes([web.post("/hook", take)])
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield port, got
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(("hook", "status"), [(200, 200), (503, 502), (410, 502)])
async def test_a_channel_is_tried_with_one_real_message(
    tmp_path: Path, hook: int, status: int
) -> None:
    (tmp_path / "hook.secret").write_text("geheim-geheim")
    async with receiver(hook) as (port, got):
        channel = f"{{id: hook, channel: webhook, url: 'http://u:pw@127.0.0.1:{port}/hook'"
        notify = f"notify: [{channel}, secret: {{file: hook.secret}}}}]"
        async with lab(tmp_path, notify) as site:
            answer = await site.post("/api/v1/channels/hook/test")
            assert answer.status == status, answer.text
            if status == 200:
                assert answer.json == {"channel": "hook", "outcome": "told"}
            else:
                assert "geheim" not in answer.text and "pw@" not in answer.text
            assert (await site.post("/api/v1/channels/other/test")).status == 404
    assert [one["reason"] for one in got] == ["test"]


# --- the store ---


async def test_a_copy_of_the_store_holds_what_was_acknowledged(site: Lab) -> None:
    number = await site.hot()
    await site.act(number, "acknowledge")
    copy = site.folder / "copy.db"
    answer = await site.post("/api/v1/store/backup", {"path": str(copy)}, role="admin")
    assert answer.json == {"path": str(copy)}
    assert copy.stat().st_mode & 0o077 == 0, "it holds people's names and password texts"
    with closing(sqlite3.connect(copy)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert number in "\n".join(db.iterdump())


@pytest.mark.parametrize(
    "path", ["", "copy.db", "/nowhere/at/all/copy.db", "{folder}", "{folder}/secmon.yaml", "/\0"]
)
async def test_a_copy_that_can_not_be_put_there(site: Lab, path: str) -> None:
    (site.folder / "empty").mkdir()
    text = (site.folder / "secmon.yaml").read_text()
    body = {"path": path.format(folder=site.folder)}
    answer = await site.post("/api/v1/store/backup", body, role="admin")
    assert answer.status == 400 and answer.json["detail"], answer.text
    assert (site.folder / "secmon.yaml").read_text() == text


async def test_a_copy_onto_the_store_itself_is_refused(site: Lab) -> None:
    body = {"path": str(site.store.path)}
    assert (await site.post("/api/v1/store/backup", body, role="admin")).status == 400
    assert await site.hot()


async def test_sizes(site: Lab) -> None:
    await site.hot()
    tables = (await site.get("/api/v1/store/sizes", role="admin")).json["tables"]
    rows = {one["table"]: one["rows"] for one in tables}
    assert rows["ticket"] == 1 and rows["person"] == 6
