"""Every refusal is an RFC 9457 problem document that says what was expected and what came."""

import asyncio
import gzip
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from secmon.console.problems import Problem, as_problems
from secmon.console.requests import BODY, TEXT
from tests.console.site import Answer, Lab, lab

JSON = {"Content-Type": "application/json"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    async with lab(tmp_path_factory.mktemp("site")) as running:
        await running.hot()
        yield running


async def report(site: Lab, body: bytes, **headers: str) -> Answer:
    """What comes back on a raw body; refused reports must leave no ticket."""
    before = (await site.get("/api/v1/tickets")).json
    answer = await site.ask("POST", "/api/v1/tickets", data=body, headers={**JSON, **headers})
    if answer.status >= 400:
        assert (await site.get("/api/v1/tickets")).json == before
        problem(answer)
    return answer


def problem(answer: Answer) -> str:
    """The detail of a problem document."""
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.json["status"] == answer.status and answer.json["type"] == "about:blank"
    assert answer.json["title"] and answer.json["detail"]
    return str(answer.json["detail"])


# --- paths ---


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "path",
    [
        *("/nothing", "/api", "/api/v1/nothing", "/api/v1/tickets/", "/api/v1/tickets/x/y/z"),
        *("/api/v1/tickets/%00", "/api/v1/tickets/%FF%FE", "/api/v1/devices/..%2f..%2fetc"),
        *("/favicon.ico", "/api/v1/devices/" + "x" * 4000),
    ],
)
async def test_an_unknown_path(shared: Lab, path: str) -> None:
    answer = await shared.get(path)
    assert answer.status == 404
    assert len(problem(answer)) < 500


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/v1/tickets", "GET,HEAD,POST"),
        ("GET", "/api/v1/devices/room-1/poll", "POST"),
        ("PUT", "/api/v1/devices", "GET,HEAD"),
    ],
)
async def test_an_unknown_method(shared: Lab, method: str, path: str, allowed: str) -> None:
    answer = await shared.ask(method, path)
    assert (answer.status, answer.headers["Allow"]) == (405, allowed)
    assert problem(answer)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("verb", ["explode", "ACKNOWLEDGE", "report", "%00", "x" * 2000])
async def test_an_unknown_verb(shared: Lab, verb: str) -> None:
    number = (await shared.get("/api/v1/tickets")).json["tickets"][-1]["number"]
    answer = await shared.act(number, verb)
    assert answer.status == 404 and len(problem(answer)) < 200


# --- bodies ---


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{", id="cut off"),
        pytest.param(b"\xff\xfe\x00", id="not UTF-8"),
        pytest.param(b'{"device": "cam-1", "note": "\xe4\xb8"}', id="half a character"),
        pytest.param(b"[" * 60_000, id="deep list"),
        pytest.param(b'{"a":' * 10_000 + b"1" + b"}" * 10_000, id="deep object"),
        pytest.param(b"[1]", id="list"),
        pytest.param(b"null", id="null"),
        pytest.param(b'"x"', id="text"),
        pytest.param(b"NaN", id="NaN"),
        pytest.param(b'{"device": NaN, "note": "x"}', id="NaN inside"),
        pytest.param(b'{"device": "cam-1", "note": Infinity}', id="Infinity"),
        pytest.param(b'{"device": ' + b"9" * 5000 + b', "note": "x"}', id="endless number"),
        pytest.param(b'{"device": "cam-1", "note": "x", "note2": "y"}', id="unknown key"),
        pytest.param(b'{"device": "cam-1", "note": "x", "\\ud800": "y"}', id="half a pair as key"),
        pytest.param(b'{"device": "cam-1", "note": ["x"]}', id="list as text"),
        pytest.param(b'{"device": "\\ud800\\u0000", "note": "x"}', id="half a pair", marks=()),
    ],
)
async def test_a_body_that_is_no_good(shared: Lab, body: bytes) -> None:
    answer = await report(shared, body)
    assert answer.status in (400, 404) and len(problem(answer)) < 1000


@pytest.mark.asyncio(loop_scope="module")
async def test_all_mistakes_are_told_at_once(shared: Lab) -> None:
    number = (await shared.get("/api/v1/tickets")).json["tickets"][-1]["number"]
    answer = await shared.act(
        number, "repair", version="1", way="swim", content=7, note=["x"], colour="red"
    )
    assert answer.status == 400
    named = {text.partition(":")[0] for text in answer.json["errors"]}
    assert named == {"version", "way", "content", "note", "colour"}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("version", [True, 1.0, "1", [1]])
async def test_a_version_is_a_whole_number(shared: Lab, version: object) -> None:
    number = (await shared.get("/api/v1/tickets")).json["tickets"][-1]["number"]
    answer = await shared.act(number, "note", note="x", version=version)
    assert answer.status == 400 and problem(answer).startswith("version")


@pytest.mark.asyncio(loop_scope="module")
async def test_a_body_is_capped(shared: Lab) -> None:
    fits = json.dumps({"device": "nobody", "note": "x"}).encode()
    assert (await report(shared, fits.ljust(BODY))).status == 404
    assert (await report(shared, fits.ljust(BODY + 1))).status == 413


@pytest.mark.asyncio(loop_scope="module")
async def test_a_packed_body_is_capped_by_what_is_in_it(shared: Lab) -> None:
    """Ten megabytes of blanks in ten kilobytes."""
    answer = await report(shared, gzip.compress(b" " * 10_000_000), **{"Content-Encoding": "gzip"})
    assert answer.status in (400, 413)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_body_in_pieces_is_capped(shared: Lab) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 4096

    answer = await shared.ask("POST", "/api/v1/tickets", data=endless(), headers=JSON)
    assert answer.status == 413 and problem(answer)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_text_is_capped(shared: Lab) -> None:
    for size, status in ((TEXT, 404), (TEXT + 1, 400)):
        answer = await shared.post("/api/v1/tickets", {"device": "nobody", "note": "字" * size})
        assert answer.status == status


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("content", ["text/plain", "application/x-www-form-urlencoded", "x"])
async def test_another_content_type(shared: Lab, content: str) -> None:
    body = b'{"device": "cam-1", "note": "x"}'
    answer = await report(shared, body, **{"Content-Type": content})
    assert answer.status == 415 and "application/json" in problem(answer)


@pytest.mark.asyncio(loop_scope="module")
async def test_an_unknown_charset(shared: Lab) -> None:
    body = b'{"device": "cam-1", "note": "x"}'
    answer = await report(shared, body, **{"Content-Type": "application/json; charset=klingon"})
    assert answer.status == 400


async def test_odd_texts_are_kept_as_text(site: Lab) -> None:
    """NUL, half a surrogate pair, markup, signs that turn the direction: plain JSON, no 500."""
    for note in ("a\0b", "a\ud800b", "<script>alert(1)</script>", "\u202eabc", "\x1b[2J", "'; --"):
        body = json.dumps({"device": "cam-1", "note": note}).encode()
        answer = await report(site, body)
        assert answer.status == 201, (note, answer.text)
        number = answer.json["number"]
        again = (await site.get(f"/api/v1/tickets/{number}")).json
        assert again == answer.json
        assert "application/json" in answer.headers["Content-Type"]
        if note.isascii() and "\0" not in note:
            assert note in again["journal"][0]["why"]


async def test_log_ins_in_addresses_are_masked(site: Lab) -> None:
    note = "see http://root:secret@10.0.0.1/cgi"
    made = (await site.post("/api/v1/tickets", {"device": "cam-1", "note": note})).json
    noted = await site.act(made["number"], "note", note=note)
    assigned = await site.act(made["number"], "assign", to="http://root:secret@x", note=note)
    seen = [await site.get(f"/api/v1/tickets/{made['number']}"), noted, assigned]
    seen.append(await site.get("/api/v1/tickets"))
    for answer in seen:
        assert "http://***@" in answer.text and "secret" not in answer.text
    with closing(sqlite3.connect(site.store.path)) as db:
        assert "secret" not in "\n".join(db.iterdump())


# --- the store is away ---


async def test_while_the_store_is_away_actions_get_503_and_change_nothing(site: Lab) -> None:
    number = await site.hot()
    before = (await site.get(f"/api/v1/tickets/{number}")).json
    with closing(sqlite3.connect(site.store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for answer in (
            await site.act(number, "acknowledge"),
            await site.post("/api/v1/tickets", {"device": "cam-1", "note": "x"}),
        ):
            assert answer.status == 503 and "store" in problem(answer)
            assert int(answer.headers["Retry-After"]) > 0
        assert (await site.get("/api/v1/tickets")).status == 200
        assert 'secmon_store_up{site="lab"} 0.0' in (await site.get("/metrics")).text
        assert (await site.get("/-/ready", role="")).status == 503
        other.execute("ROLLBACK")
    async with asyncio.timeout(10):
        while (await site.get("/-/ready", role="")).status != 200:
            await asyncio.sleep(0.05)
    assert (await site.get(f"/api/v1/tickets/{number}")).json == before
    assert len((await site.get("/api/v1/tickets")).json["tickets"]) == 1
    assert (await site.act(number, "acknowledge")).status == 200


async def test_polling_goes_on_while_the_store_is_away(site: Lab) -> None:
    with closing(sqlite3.connect(site.store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await site.room(300)
        seen = (await site.poll("room-1")).json["observations"][0]
        assert {one["reading"]: one["value"] for one in seen["readings"]}[
            "temperature_celsius"
        ] == 30.0
        assert (await site.get("/api/v1/tickets")).json["tickets"] == []
        other.execute("ROLLBACK")
    assert await site.ticket_of("room-1")


# --- our own bugs ---


async def test_a_bug_leaves_no_detail_outside(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_: web.Request) -> web.Response:
        raise RuntimeError("secret detail")

    async def odd(_: web.Request) -> web.Response:
        raise Problem(400, "half a pair: \ud800")

    app = web.Application(middlewares=[as_problems])
    app.add_routes([web.get("/broken", broken), web.get("/odd", odd)])
    async with TestClient(TestServer(app)) as client:
        for path, status in (("/broken", 500), ("/odd", 400)):
            async with client.get(path) as answer:
                said: dict[str, Any] = await answer.json(content_type=None)
                assert (answer.status, said["status"]) == (status, status)
                assert "secret detail" not in json.dumps(said)
    assert "secret detail" in caplog.text


async def test_a_client_that_goes_away_is_no_bug(
    site: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    await site.gateway.set(unit=1, silent=True)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await site.ask(
                "POST",
                "/api/v1/devices/room-1/poll",
                timeout=aiohttp.ClientTimeout(total=0.05),
            )
    await asyncio.sleep(1.2)
    assert [line.getMessage() for line in caplog.records if line.levelname == "ERROR"] == []
    assert (await site.get("/api/v1/devices")).status == 200
