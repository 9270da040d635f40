"""The routes over real HTTP: formats, gzip, token, ready, reload."""

import gzip
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, unused_port

from secmon.adapters.metrics_http import GZIP_FROM_BYTES, metrics_routes

SMALL = [b"# HELP a b\n", b"", b"a 1\n"]
BIG = [b"secmon_interface_up 1\n" * 100_000, b"end 1\n"]  # 2.2 MB: over all thresholds
TOKEN = "s3cret-token"


@dataclass
class Daemon:
    """What the routes ask and call."""

    pieces: Sequence[bytes] = tuple(SMALL)
    token: str = ""
    reasons: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    asked: list[bool] = field(default_factory=list)
    reloads: int = 0

    async def page(self, openmetrics: bool) -> Sequence[bytes]:
        self.asked.append(openmetrics)
        return self.pieces

    async def reload(self) -> Sequence[str]:
        self.reloads += 1
        return self.problems


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


@pytest.fixture
async def client(daemon: Daemon):
    app = web.Application()
    app.add_routes(
        metrics_routes(
            daemon.page,
            not_ready=lambda: daemon.reasons,
            reload=daemon.reload,
            token=lambda: daemon.token,
        )
    )
    # Else the client decompresses by itself and the test does not see what was sent.
    async with TestClient(TestServer(app, port=unused_port()), auto_decompress=False) as client:
        yield client


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_plain_text_is_the_default(client, daemon):
    answer = await client.get("/metrics", headers={"Accept-Encoding": "identity"})
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert await answer.read() == b"".join(SMALL)
    assert daemon.asked == [False]


async def test_openmetrics_when_asked_for(client, daemon):
    answer = await client.get("/metrics", headers={"Accept": "application/openmetrics-text"})
    assert answer.headers["Content-Type"] == (
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    )
    assert daemon.asked == [True]


@pytest.mark.parametrize("pieces", [[b"a 1\n" * GZIP_FROM_BYTES], BIG], ids=["here", "in a thread"])
async def test_gzip_when_asked_for(client, daemon, pieces):
    daemon.pieces = pieces
    answer = await client.get("/metrics", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    body = await answer.read()
    assert len(body) < sum(map(len, pieces)) / 10
    assert gzip.decompress(body) == b"".join(pieces)


async def test_a_small_page_is_not_packed_and_a_big_one_only_when_asked_for(client, daemon):
    answer = await client.get("/metrics", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers
    daemon.pieces = BIG
    answer = await client.get("/metrics", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in answer.headers
    assert await answer.read() == b"".join(BIG)


async def test_head_tells_the_length_and_sends_nothing(client):
    answer = await client.head("/metrics", headers={"Accept-Encoding": "identity"})
    assert answer.headers["Content-Length"] == str(len(b"".join(SMALL)))
    assert await answer.read() == b""


@pytest.mark.parametrize(
    "headers",
    [{}, bearing("wrong"), bearing(""), bearing("口令"), {"Authorization": f"Basic {TOKEN}"}],
    ids=["none", "wrong", "empty", "not ASCII", "other scheme"],
)
async def test_with_a_token_set_nobody_else_reads_metrics(client, daemon, headers):
    daemon.token = TOKEN
    answer = await client.get("/metrics", headers=headers)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.content_type == "application/problem+json"
    assert TOKEN not in await answer.text()
    assert daemon.asked == []
    assert (await client.get("/metrics", headers=bearing(TOKEN))).status == 200


async def test_healthy_needs_no_token(client, daemon):
    daemon.token = TOKEN
    assert (await client.get("/-/healthy")).status == 200


async def test_ready_tells_why_not(client, daemon):
    assert (await client.get("/-/ready")).status == 200
    daemon.reasons = ["the store is down"]
    answer = await client.get("/-/ready")
    assert answer.status == 503
    assert await answer.json() == {"ready": False, "reasons": ["the store is down"]}


async def test_reload_from_loopback(client, daemon):
    answer = await client.post("/-/reload")
    assert (answer.status, await answer.json()) == (200, {"reloaded": True})
    assert daemon.reloads == 1
    assert (await client.get("/-/reload")).status == 405


async def test_a_bad_site_file_is_told_with_every_mistake(client, daemon):
    daemon.problems = ["site.yaml:3: site.id: expected a text (got nothing)", "site.yaml:9: …"]
    answer = await client.post("/-/reload")
    assert answer.status == 422
    assert answer.content_type == "application/problem+json"
    assert (await answer.json(content_type=None))["problems"] == daemon.problems


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via", "Origin"])
async def test_a_proxy_or_a_web_page_on_this_machine_is_not_loopback(client, daemon, header):
    foreign = {header: "http://elsewhere"}
    assert (await client.post("/-/reload", headers=foreign)).status == 403
    assert (await client.post("/-/reload", headers=foreign | bearing(""))).status == 403
    daemon.token = TOKEN
    assert (await client.post("/-/reload", headers=foreign | bearing("wrong"))).status == 403
    assert daemon.reloads == 0
    assert (await client.post("/-/reload", headers=foreign | bearing(TOKEN))).status == 200
    assert daemon.reloads == 1
