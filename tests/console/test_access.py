"""Who may ask what: tokens, roles, the unix socket's peer, and the brake on guessing."""

import asyncio
import http.client
import json
import os
import pwd
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from secmon.api import Role
from secmon.app.listeners import socket_path
from secmon.console.access import TRIES, WINDOW, Brake
from tests.console.site import Lab, lab

READ = [
    ("GET", "/api/v1/devices"),
    ("GET", "/api/v1/devices/room-1"),
    ("GET", "/api/v1/faults"),
    ("GET", "/api/v1/tickets"),
]
WORK = [
    ("POST", "/api/v1/devices/room-1/poll"),
    ("POST", "/api/v1/tickets"),
    ("POST", "/api/v1/tickets/WX-2026-9999/acknowledge"),
    ("POST", "/api/v1/channels/nowhere/test"),
]
RULE = [
    ("GET", "/api/v1/users"),
    ("POST", "/api/v1/users"),
    ("POST", "/api/v1/users/nobody/password"),
    ("POST", "/api/v1/users/nobody/link"),
    ("POST", "/api/v1/store/backup"),
    ("GET", "/api/v1/store/sizes"),
]
WORKERS = {"operator", "engineer", "manager", "admin"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    async with lab(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("method", "path"), READ + WORK + RULE + [("GET", "/api/v1/events")])
async def test_nobody_gets_in_without_a_token(shared: Lab, method: str, path: str) -> None:
    answer = await shared.ask(method, path, role="")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"  # RFC 9110, 11.6.1


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("role", [str(role) for role in Role])
async def test_what_each_role_may(shared: Lab, role: str) -> None:
    for method, path in READ:
        assert (await shared.ask(method, path, role)).status == 200, path
    for method, path in WORK:
        allowed = (await shared.ask(method, path, role)).status != 403
        assert allowed == (role in WORKERS), path
    for method, path in RULE:
        allowed = (await shared.ask(method, path, role)).status != 403
        assert allowed == (role == "admin"), path


@pytest.mark.asyncio(loop_scope="module")
async def test_a_refused_role_is_told_which_it_needs(shared: Lab) -> None:
    answer = await shared.post("/api/v1/tickets", {"device": "cam-1", "note": "x"}, role="viewer")
    assert answer.status == 403 and "operator" in answer.json["detail"]
    assert (await shared.get("/api/v1/tickets?device=cam-1")).json["tickets"] == []


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic b3BlcmF0b3I6eA==", "token-of-operator", "Bearer\ttoken"],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_other_log_ins_are_not_known(shared: Lab, header: str) -> None:
    answer = await shared.get("/api/v1/devices", role="", headers={"Authorization": header})
    assert answer.status == 401


@pytest.mark.asyncio(loop_scope="module")
async def test_the_scheme_is_not_case_sensitive(shared: Lab) -> None:
    headers = {"Authorization": f"bEARER {shared.tokens['viewer']}"}
    assert (await shared.get("/api/v1/devices", role="", headers=headers)).status == 200


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("path", ["/metrics", "/-/healthy", "/-/ready", "/api/v1/openapi.json"])
async def test_what_is_open_to_all(shared: Lab, path: str) -> None:
    assert (await shared.get(path, role="")).status == 200


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("path", ["/metrics/", "/metrics/x", "//metrics", "/api/v1/openapi.json/"])
async def test_what_only_looks_open_is_not(shared: Lab, path: str) -> None:
    assert (await shared.ask("GET", path, role="")).status in (401, 404)


# --- the brake ---


async def test_guessing_is_slowed_and_says_for_how_long(site: Lab) -> None:
    wrong = {"Authorization": "Bearer guessed"}
    tried = [await site.get("/api/v1/devices", "", headers=wrong) for _ in range(TRIES + 1)]
    assert [answer.status for answer in tried] == [401] * TRIES + [429]
    assert 1 <= int(tried[-1].headers["Retry-After"]) <= WINDOW + 1
    assert (await site.get("/api/v1/devices")).status == 429, "a right token has to wait too"
    elsewhere = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))
    async with aiohttp.ClientSession(connector=elsewhere) as session:
        headers = {"Authorization": f"Bearer {site.tokens['viewer']}"}
        async with session.get(f"{site.base}/api/v1/devices", headers=headers) as answer:
            assert answer.status == 200


async def test_a_token_that_is_no_text_is_wrong_not_a_bug(site: Lab) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(site.base.rpartition(":")[2]))
    writer.write(
        b"GET /api/v1/devices HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\n\r\n"
    )
    line = await reader.readline()
    writer.close()
    assert line.split()[1] in (b"400", b"401")


async def test_behind_a_trusted_proxy_the_brake_is_the_clients(tmp_path: Path) -> None:
    file = "http: {trusted_proxies: [127.0.0.0/8]}\n"
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "proxy.yaml").write_text(file)
    async with lab(tmp_path) as site:
        for spoofed in range(TRIES):
            headers = {"X-Forwarded-For": f"192.0.2.{spoofed}, 198.51.100.7, 127.0.0.9"}
            wrong = {**headers, "Authorization": "Bearer guessed"}
            assert (await site.get("/api/v1/devices", "", headers=wrong)).status == 401
        theirs = {"X-Forwarded-For": "198.51.100.7"}
        assert (await site.get("/api/v1/devices", headers=theirs)).status == 429
        others = {"X-Forwarded-For": "198.51.100.8"}
        assert (await site.get("/api/v1/devices", headers=others)).status == 200


async def test_without_a_trusted_proxy_the_address_is_the_links(site: Lab) -> None:
    for spoofed in range(TRIES):
        headers = {"X-Forwarded-For": f"192.0.2.{spoofed}", "Authorization": "Bearer guessed"}
        await site.get("/api/v1/devices", "", headers=headers)
    assert (await site.get("/api/v1/devices")).status == 429


async def test_no_token_at_all_is_no_guess(site: Lab) -> None:
    for _ in range(TRIES + 1):
        assert (await site.get("/api/v1/devices", role="")).status == 401
    assert (await site.get("/api/v1/devices")).status == 200


def test_the_brake_lets_go_after_its_window() -> None:
    now = [0.0]
    brake = Brake(lambda: now[0])
    for _ in range(TRIES):
        assert brake.wait("a") == 0
        brake.wrong("a")
    assert brake.wait("a") > 0 and brake.wait("b") == 0
    now[0] = WINDOW + 0.1
    assert brake.wait("a") == 0


def test_the_brake_remembers_a_bounded_number_of_addresses() -> None:
    brake = Brake(lambda: 0.0)
    for number in range(30_000):
        brake.wrong(str(number))
    assert len(brake._wrong) <= 10_000


# --- the unix socket ---


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """$RUNTIME_DIRECTORY, open to all as systemd's can be."""
    with tempfile.TemporaryDirectory(prefix="secmon-test-") as folder:
        Path(folder).chmod(0o755)
        monkeypatch.setenv("RUNTIME_DIRECTORY", folder)
        yield Path(folder)


async def test_the_callers_uid_is_the_identity(runtime: Path, tmp_path: Path) -> None:
    async with lab(tmp_path) as site:
        path = socket_path(site.daemon.loaded.site.store)
        assert path == runtime / "secmon.sock"
        assert path.stat().st_mode & 0o777 == 0o660
        me = pwd.getpwuid(os.geteuid()).pw_name
        assert await asyncio.to_thread(_reported_by, path, None) == (201, f"os:{me}")
        assert await asyncio.to_thread(_status, path, "/api/v1/users", None) == 200
        if os.geteuid() == 0:  # only root can be somebody else
            path.chmod(0o666)  # as if `nobody` were in the socket's group
            nobody = pwd.getpwnam("nobody")
            assert await asyncio.to_thread(_reported_by, path, nobody.pw_uid) == (201, "os:nobody")
            assert await asyncio.to_thread(_status, path, "/api/v1/users", nobody.pw_uid) == 403


def _status(path: Path, url: str, uid: int | None) -> int:
    connection = _connected(path, uid)
    connection.request("GET", url)
    status = connection.getresponse().status
    connection.close()
    return status


def _reported_by(path: Path, uid: int | None) -> tuple[int, str]:
    connection = _connected(path, uid)
    body = json.dumps({"device": "cam-1", "note": "x"})
    connection.request("POST", "/api/v1/tickets", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    found = answer.status, json.loads(answer.read())["reported_by"]
    connection.close()
    return found


def _connected(path: Path, uid: int | None) -> http.client.HTTPConnection:
    """A connection whose peer is `uid`: the kernel notes the effective uid at connect(2)."""
    connection = http.client.HTTPConnection("localhost", timeout=5)
    connection.sock = socket.socket(socket.AF_UNIX)
    before = os.geteuid()
    if uid is not None:
        os.seteuid(uid)
    try:
        connection.sock.connect(str(path))
    finally:
        os.seteuid(before)
    return connection
