"""The signed webhook against real servers on loopback, friendly and hostile."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from aiohttp import web
from pydantic import ValidationError

from secmon.adapters.clock import Clock
from secmon.adapters.notify import Context
from secmon.adapters.notify.exchange import place_of
from secmon.adapters.notify.webhook import NOTIFIER, Options
from secmon.api import Credentials, Delivery, Later, Never, Notifier
from secmon.core.model import Notice
from secmon.settings import SecretRef
from secmon.shell.outbox import Outbox
from tests.adapters.notify.peer import playing
from tests.peers.process import free_port
from tests.shell.told import a_store, commit, running, texts
from tests.virtual import START

SECRET = "a secret of the hook"
DELIVERY = Delivery(
    id=7,
    key="WX-2026-0001/1/opened/hook",
    notice=Notice("hook", "t1", "opened", START),
    ticket={"number": "WX-2026-0001", "summary": "机房温度过高"},
    at=START,
)


@dataclass
class Given:
    """What a daemon would give; the secret is where the site file says."""

    def credentials(self, name: str) -> Credentials:
        raise AssertionError(f"a webhook has no credentials: {name}")

    def secret(self, reference: SecretRef) -> str:
        assert reference.file == "hook.secret"
        return SECRET

    def path(self, name: str) -> Path:
        raise AssertionError(f"a webhook has no file: {name}")


@dataclass
class Server:
    """Answers each POST by the next of `answers`, the last one for ever; keeps what came."""

    port: int
    answers: list[web.Response] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        made = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return web.Response(status=made.status, body=made.body, headers=made.headers)


@asynccontextmanager
async def server(*answers: web.Response) -> AsyncIterator[Server]:
    """A web server that answers as asked."""
    made = Server(free_port(), list(answers))
    app = web.Application()
    app.router.add_post("/hook", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", made.port).start()
    try:
        yield made
    finally:
        await runner.cleanup()


@asynccontextmanager
async def hook(port: int, login: str = "") -> AsyncIterator[Notifier]:
    """The notifier for a server on this port."""
    options = Options.model_validate(
        {"url": f"http://{login}127.0.0.1:{port}/hook?key=abc", "secret": {"file": "hook.secret"}}
    )
    async with NOTIFIER.open(options, Given(), Context("lab", Clock())) as notifier:
        yield notifier


async def outcome(port: int, within_s: float = 5.0) -> Exception | None:
    """What sending to this port raises."""
    async with hook(port) as notifier, asyncio.timeout(within_s):
        try:
            await notifier.send(DELIVERY, "text")
        except (Later, Never) as error:
            return error
    return None


async def test_the_exact_request() -> None:
    async with server(web.Response(status=204)) as peer, hook(peer.port) as notifier:
        await notifier.send(DELIVERY, "【重大】机房温度过高")
    [(headers, body)] = peer.got
    assert json.loads(body) == {
        "id": "WX-2026-0001/1/opened/hook",
        "reason": "opened",
        "at": "2026-11-23T02:00:00.000Z",
        "text": "【重大】机房温度过高",
        "ticket": {"number": "WX-2026-0001", "summary": "机房温度过高"},
    }
    assert "机房".encode() in body  # UTF-8, not \\u escapes
    assert headers["Content-Type"] == "application/json"
    stamp = headers["X-Secmon-Timestamp"]
    assert abs(int(stamp) - Clock().now().timestamp()) < 5
    signed = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["X-Secmon-Signature"] == f"sha256={signed}"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_2xx_is_told(status: int) -> None:
    async with server(web.Response(status=status)) as peer:
        assert await outcome(peer.port) is None


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 599])
async def test_later(status: int) -> None:
    async with server(web.Response(status=status, text="come\nback")) as peer:
        error = await outcome(peer.port)
    assert isinstance(error, Later)
    assert str(error) == (
        f"http://127.0.0.1:{peer.port}/hook: expected 2xx (got {status}: come back)"
    )
    assert error.after_s is None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 418, 422, 451])
async def test_never(status: int) -> None:
    async with server(web.Response(status=status)) as peer:
        error = await outcome(peer.port)
    assert isinstance(error, Never)
    assert f"got {status}" in str(error)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304])
async def test_no_redirects(status: int) -> None:
    async with server(web.Response(status=204)) as elsewhere:
        there = {"Location": f"http://127.0.0.1:{elsewhere.port}/hook"}
        async with server(web.Response(status=status, headers=there)) as peer:
            error = await outcome(peer.port)
    assert isinstance(error, Never)
    assert elsewhere.got == []


@pytest.mark.parametrize(
    ("header", "pause_s"),
    [
        ("7", 7),
        ("0", 1),
        ("999999", 300),
        ("9" * 400, 300),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
async def test_retry_after_is_honoured_within_bounds(header: str, pause_s: float | None) -> None:
    async with server(web.Response(status=429, headers={"Retry-After": header})) as peer:
        error = await outcome(peer.port)
    assert isinstance(error, Later)
    assert error.after_s == pause_s


async def test_retry_after_may_be_a_date() -> None:
    when = format_datetime(Clock().now() + timedelta(seconds=100), usegmt=True)
    async with server(web.Response(status=503, headers={"Retry-After": when})) as peer:
        error = await outcome(peer.port)
    assert isinstance(error, Later)
    assert error.after_s == pytest.approx(100, abs=5)


async def test_nobody_there() -> None:
    error = await outcome(free_port())
    assert isinstance(error, Later)


async def test_a_certificate_nobody_vouches_for(tmp_path: Path) -> None:
    import ssl

    from tests.peers.certificates import make_certificates

    made = make_certificates(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(made.server, made.key)

    async def never_reached(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise AssertionError("spoke over a certificate that nobody vouches for")

    peer = await asyncio.start_server(never_reached, "127.0.0.1", 0, ssl=tls)
    options = Options.model_validate(
        {
            "url": f"https://127.0.0.1:{peer.sockets[0].getsockname()[1]}/",
            "secret": {"file": "hook.secret"},
        }
    )
    async with peer, NOTIFIER.open(options, Given(), Context("lab", Clock())) as notifier:
        with pytest.raises(Later, match="certificate"):
            await notifier.send(DELIVERY, "text")


async def _read(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    await reader.readexactly(length)


async def test_garbage_is_no_answer() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _read(reader)
        writer.write(b"\x16\x03\x01 no HTTP at all \xff\r\n\r\n")
        await writer.drain()

    async with playing(talk) as port:
        assert isinstance(await outcome(port), Later)


async def test_a_reset_connection() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _read(reader)
        writer.transport.abort()

    async with playing(talk) as port:
        assert isinstance(await outcome(port), Later)


@pytest.mark.parametrize(
    ("status", "kind"), [("200 OK", None), ("500 No", Later), ("400 No", Never)]
)
async def test_an_endless_body_is_not_read(status: str, kind: type[Exception] | None) -> None:
    sent = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await _read(reader)
        writer.write(f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\n\r\n".encode())
        while sent < 1 << 28:
            writer.write(b"x" * 65536)
            await writer.drain()
            sent += 65536

    async with playing(talk) as port:
        error = await outcome(port)
    assert type(error) is (kind or type(None))
    assert len(str(error)) < 400
    assert sent < 1 << 24  # what the sockets' buffers hold


async def test_an_endless_header_is_not_read() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X-A: " + b"x" * 60000)
            await writer.drain()

    async with playing(talk) as port:
        assert isinstance(await outcome(port), Later)


async def test_a_hang_ends_at_the_outboxs_deadline(tmp_path: Path) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    clock = Clock()
    async with playing(talk) as port, a_store(tmp_path, clock) as store, hook(port) as notifier:
        await commit(store, 1, "hook")
        outbox = Outbox(store, {"hook": notifier}, texts, clock, send_s=0.2)
        async with running(outbox):
            await asyncio.sleep(0.6)
        assert await store.outstanding() == 1
        [row] = await store.pending(clock.now() + timedelta(days=1), 9)
        assert row.tries == 1


async def test_500_and_then_200_is_told_once_under_one_id(tmp_path: Path) -> None:
    clock = Clock()
    busy = web.Response(status=503, headers={"Retry-After": "1"})
    async with (
        server(web.Response(status=500), busy, web.Response(status=200)) as peer,
        a_store(tmp_path, clock) as store,
        hook(peer.port) as notifier,
    ):
        await commit(store, 2, "hook")
        async with running(Outbox(store, {"hook": notifier}, texts, clock)):
            async with asyncio.timeout(10):
                while await store.outstanding():
                    await asyncio.sleep(0.05)
    ids = [json.loads(body)["id"] for _, body in peer.got]
    assert ids == ["WX-2026-0001/1/opened/hook"] * 3 + ["WX-2026-0002/1/opened/hook"]
    assert json.loads(peer.got[0][1])["ticket"]["summary"].startswith("机房温度过高：主机房")


async def test_no_text_shows_a_login_or_a_key() -> None:
    port = free_port()
    async with hook(port, "user:p@ss@") as notifier:
        with pytest.raises(Later) as told:
            await notifier.send(DELIVERY, "text")
    for secret in ("p@ss", "user:", "abc"):
        assert secret not in str(told.value)
        assert secret not in repr(notifier)
    assert SECRET not in repr(notifier)
    assert place_of("https://a:b@[::1]:8/x?key=1#f") == "https://[::1]:8/x"


@pytest.mark.parametrize(
    "url",
    ["ftp://x/", "//x/hook", "https:///hook", "x", "http://h:99999/", "http://h:0/", "http://["],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ValidationError, match="expected an address like https"):
        Options.model_validate({"url": url, "secret": {"env": "HOOK"}})


@pytest.mark.parametrize("extra", [{"headers": {}}, {"secret": "plain"}, {"url": 5}])
def test_unknown_keys_plain_secrets_and_wrong_types_are_errors(extra: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Options.model_validate({"url": "http://h/", "secret": {"env": "HOOK"}} | extra)
