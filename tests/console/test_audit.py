"""The audit: what is written down, what shows when it was touched, and how it gets out."""

import csv
import io
import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from secmon.api import Role, StoreDown
from secmon.console import ledger
from secmon.console.ledger import What
from tests.console.reader import HASHED, PASSWORD, reader, somebody
from tests.console.site import Lab, lab
from tests.console.uploading import JPEG, got, upload


async def lines(site: Lab, query: str = "", role: str = "auditor") -> list[Mapping[str, Any]]:
    answer = await site.get(f"/api/v1/audit?{query}", role)
    assert answer.status == 200, answer
    found: list[Mapping[str, Any]] = answer.json["lines"]
    return found


async def told(site: Lab, what: What) -> list[tuple[str, str, str, str]]:
    """(who, subject, outcome, why), oldest first."""
    found = await lines(site, f"what={what}")
    return [(one["who"], one["subject"], one["outcome"], one["why"]) for one in reversed(found)]


# --- what is written down ---


async def test_log_ins_log_outs_and_refusals_are_written_down(tmp_path: Path) -> None:
    async with lab(tmp_path, "access: {tries: 3}") as site:
        await site.store.add_user("wang", Role.OPERATOR, HASHED)
        async with somebody(site, "127.0.0.7") as one:
            await one.log_in("wang")
            await one.send("/logout")
        async with somebody(site, "127.0.0.8") as one:
            for _ in range(3):
                await one.log_in("wang", "x")
            await one.log_in("hunter2-typed-as-a-name", "x")
        assert await told(site, What.LOG_IN) == [
            ("wang", "wang", "done", "password"),
            *[("", "wang", "refused", "")] * 3,
            ("", "", "refused", "no such user"),
        ]
        assert [one[:3] for one in await told(site, What.LOCK)] == [("", "wang", "done")]
        assert await told(site, What.LOG_OUT) == [("wang", "wang", "done", "")]
        addresses = {one["address"] for one in await lines(site, "what=log_in")}
        assert addresses == {"127.0.0.7", "127.0.0.8"}
        kept = (await site.get("/api/v1/audit", "auditor")).text
        assert "hunter2" not in kept and PASSWORD not in kept


async def test_what_administrators_do_is_written_down(site: Lab) -> None:
    for method, path, body in (
        ("POST", "/api/v1/users", {"name": "li", "role": "viewer", "password": PASSWORD}),
        ("POST", "/api/v1/users/li/role", {"role": "engineer"}),
        ("POST", "/api/v1/users/li/password", {"password": "told by telephone"}),
        ("POST", "/api/v1/users/li/link", {}),
        ("POST", "/api/v1/users/li/unlock", {}),
        ("POST", "/api/v1/users/li/tokens", {"name": "t", "scopes": "read", "expires": "1d"}),
        ("DELETE", "/api/v1/users/li/tokens/t", None),
        ("DELETE", "/api/v1/users/li/sessions", None),
        ("DELETE", "/api/v1/users/li", None),
        ("POST", "/api/v1/store/backup", {"path": str(site.folder / "copy.db")}),
    ):
        answer = await site.ask(method, path, "admin", json=body)
        assert answer.status < 300, (path, answer)
    found = [
        (one["what"], one["subject"], one["why"])
        for one in reversed(await lines(site, "who=admin"))
    ]
    made = next(why for what, _, why in found if what == "token_add")
    assert made.startswith("t read until 2")
    assert [one for one in found if one[0] != "token_add"] == [
        ("user_add", "li", "viewer"),
        ("role", "li", "engineer"),
        ("password", "li", "to be changed"),
        ("link", "li", ""),
        ("unlock", "li", ""),
        ("token_remove", "li", "t"),
        ("session_end", "li", "0 sessions"),
        ("user_remove", "li", ""),
        ("backup", str(site.folder / "copy.db"), ""),
    ]


async def test_pictures_seen_uploads_and_what_was_not_allowed_are_written_down(site: Lab) -> None:
    number = await site.hot()
    made = await upload(site, number, "door.jpg", JPEG)
    await got(site, f"/api/v1/tickets/{number}/attachments/{made.json['id']}", "manager")
    await upload(site, number, "x.exe", b"MZ" + bytes(100))
    await site.get("/api/v1/users", "operator")
    await site.act(number, "cancel", "operator", note="x")
    seen = [("manager", number, "done", "door.jpg")]
    assert await told(site, What.PICTURE) == seen
    uploads = await told(site, What.UPLOAD)
    assert [one[:3] for one in uploads] == [
        ("operator", number, "done"),
        ("operator", number, "refused"),
    ]
    assert [(one[0], one[1]) for one in await told(site, What.DENIED)] == [
        ("operator", "GET /api/v1/users"),
        ("operator", f"POST /api/v1/tickets/{number}/cancel"),
    ]


async def test_how_people_are_reached_is_changed_and_written_down(site: Lab) -> None:
    path = "/api/v1/users/viewer/contact"
    assert (await site.ask("PUT", path, "viewer", json={"phone": "13800000001"})).status == 200
    assert (await site.ask("PUT", path, "operator", json={"phone": "1"})).status == 403
    assert await told(site, What.CONTACT) == [("viewer", "viewer", "done", "")]
    assert "13800000001" not in (await site.get("/api/v1/audit", "auditor")).text


async def test_a_reload_is_written_down_good_or_not(site: Lab) -> None:
    assert not await site.daemon.reload()
    (site.folder / "secmon.yaml").write_text("site: {id: lab}\n")
    assert await site.daemon.reload()
    name = "secmon.yaml"
    assert await told(site, What.RELOAD) == [
        ("secmon", name, "done", ""),
        ("secmon", name, "refused", "1 mistakes"),
    ]


async def test_a_flood_of_refusals_does_not_fill_the_disk(site: Lab) -> None:
    for _ in range(ledger.NOISE + 30):
        assert (await site.get("/api/v1/users", "viewer")).status == 403
    assert len(await lines(site, "what=denied&limit=1000")) == ledger.NOISE
    await site.post("/api/v1/users/viewer/unlock", {}, "admin")
    assert len(await told(site, What.UNLOCK)) == 1, "what was done is written down all the same"


async def test_without_the_store_nobody_is_locked_out(
    site: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> object:
        raise StoreDown("the disk is full")

    monkeypatch.setattr("secmon.adapters.store.access.Access.note", full)
    async with reader(site) as one:
        assert (await one.get("/")).status == 200
        assert (await one.get("/audit")).status == 403


# --- the chain ---


async def test_a_line_that_was_touched_shows(site: Lab) -> None:
    for number in range(5):
        await site.post("/api/v1/users/viewer/unlock", {}, "admin")
        assert number >= 0
    good = (await site.get("/api/v1/audit/check", "auditor")).json
    assert (good["good"], good["lines"], good["first"], good["last"]) == (True, 5, 1, 5)
    assert len(good["head"]) == 64

    async def after(sql: str) -> list[str]:
        with closing(sqlite3.connect(site.store.path)) as db:
            db.execute("SAVEPOINT x")
            copy = db.execute("SELECT * FROM audit").fetchall()
            db.execute(sql)
            db.commit()
            found = (await site.get("/api/v1/audit/check", "auditor")).json
            db.execute("DELETE FROM audit")
            marks = ",".join("?" * len(copy[0]))
            db.executemany(f"INSERT INTO audit VALUES ({marks})", copy)
            db.commit()
        assert found["good"] == (not found["mistakes"])
        return list(found["mistakes"])

    assert await after("UPDATE audit SET who = 'nobody' WHERE id = 3") == [
        "line 3 was changed, or the one before it"
    ]
    assert await after("DELETE FROM audit WHERE id = 3") == ["lines 3 to 3 are missing"]
    assert await after("DELETE FROM audit WHERE id = 1") == ["lines 1 to 1 are missing"]
    assert await after("DELETE FROM audit WHERE id >= 4") == ["lines 4 to 5 are missing"]
    assert await after("DELETE FROM audit") == ["lines 1 to 5 are missing"]
    assert await after("UPDATE audit SET at = '2020' || substr(at, 5) WHERE id = 5") == [
        "line 5 was changed, or the one before it"
    ]
    assert (await site.get("/api/v1/audit/check", "auditor")).json == good


# --- how it gets out ---

EVIL = "=HYPERLINK(0)"


async def test_lines_are_filtered_and_paged(site: Lab) -> None:
    for name in ("viewer", "operator", "viewer", "auditor"):
        await site.post(f"/api/v1/users/{name}/unlock", {}, "admin")
    assert [one["subject"] for one in await lines(site, "subject=viewer")] == ["viewer"] * 2
    first = await lines(site, "limit=3")
    rest = await lines(site, f"limit=3&before={first[-1]['id']}")
    assert [one["id"] for one in first + rest] == [4, 3, 2, 1]
    assert await lines(site, "who=nobody") == []
    assert await lines(site, "from=2099-01-01") == []
    assert await lines(site, "to=2020-01-01") == []
    day = first[0]["at"][:10]
    assert len(await lines(site, f"from={day}T00:00:00Z")) == 4
    for odd in ("from=yesterday", "limit=0", "limit=x", "before=-1", "what=x", "format=pdf"):
        answer = await site.get(f"/api/v1/audit?{odd}", "auditor")
        assert answer.status == 400 and odd.partition("=")[0] in answer.json["detail"], odd


async def test_all_lines_go_out_as_csv_and_json_lines_and_that_is_written_down(site: Lab) -> None:
    body = {"name": EVIL, "role": "viewer"}
    assert (await site.post("/api/v1/users", body, "admin")).status == 201
    answer = await site.get("/api/v1/audit?format=csv", "auditor")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="audit-lab.csv"'
    assert answer.text.startswith("\ufeffid,at,who")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [(row["what"], row["subject"]) for row in rows] == [
        ("export", "audit"),
        ("user_add", "'" + EVIL),
    ]
    _, raw = await got(site, "/api/v1/audit?format=jsonl", "auditor")
    found = [json.loads(line) for line in raw.splitlines()]
    assert [one["what"] for one in found] == ["export", "export", "user_add"]
    assert found[-1]["subject"] == EVIL
    assert (await site.get("/api/v1/audit?format=csv", "manager")).status == 403


async def test_the_page_shows_filters_and_checks(site: Lab) -> None:
    body = {"name": "<img src=x onerror=alert(1)>", "role": "viewer"}
    await site.post("/api/v1/users", body, "admin")
    for _ in range(105):
        await site.post("/api/v1/users/viewer/unlock", {}, "admin")
    async with reader(site, "shen", Role.AUDITOR) as one, reader(site) as operator:
        page = await one.get("/audit")
        assert page.status == 200 and page.text.count("<tr") == 101
        older = page.text.partition('href="/audit?&amp;before=')[2].partition('"')[0]
        rest = await one.get(f"/audit?before={older}")
        assert "&lt;img src=x onerror" in rest.text and "<img src=x" not in rest.text
        found = await one.get("/audit?what=user_add")
        assert found.text.count("<tr") == 2 and "user added" in found.words
        assert "No line matches." in (await one.get("/audit?who=nobody")).words
        assert (await one.get("/audit?from=x")).status == 400
        checked = await one.get("/audit?check=1")
        assert "108 lines are whole" in checked.words
        assert "审计" in (await one.get("/audit?lang=zh")).words
        assert (await operator.get("/audit")).status == 403
        assert 'href="/audit"' not in (await operator.get("/")).text
