"""The MQTT channel against a real Mosquitto, TLS and password; the broker dies and returns."""

import asyncio
import json
import logging
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiomqtt
import pytest

from secmon.adapters.clock import Clock
from secmon.adapters.notify import Context, Mirror, Payload
from secmon.adapters.notify.mqtt import NOTIFIER, Options
from secmon.adapters.store.sqlite import SqliteStore
from secmon.api import Credentials, Delivery, Later, Notifier
from secmon.core.model import Notice
from secmon.settings import SecretRef
from secmon.shell.outbox import Outbox
from tests.adapters.notify.peer import playing
from tests.peers.certificates import make_certificates
from tests.peers.mosquitto import PASSWORD, Mosquitto, mosquitto
from tests.peers.process import free_port
from tests.shell.told import a_store, commit, running, texts
from tests.virtual import START

pytestmark = pytest.mark.peers


@dataclass
class Given:
    """What the site file of a daemon would give."""

    authority: Path | None
    password: str = PASSWORD

    def credentials(self, name: str) -> Credentials:
        assert name == "mq"
        return Credentials({"username": "secmon", "password": self.password})

    def secret(self, reference: SecretRef) -> str:
        raise AssertionError(f"MQTT has no secret of its own: {reference}")

    def path(self, name: str) -> Path:
        assert name == "ca.pem"
        assert self.authority is not None
        return self.authority


@dataclass
class Site:
    """The state that is mirrored."""

    topics: dict[str, Payload | None] = field(default_factory=dict)

    def snapshot(self) -> Iterable[tuple[str, Payload | None]]:
        return list(self.topics.items())


@dataclass
class Listener:
    """A second client that keeps its session: what it heard, by topic below secmon/lab/."""

    heard: list[tuple[str, bytes]] = field(default_factory=list)
    client: aiomqtt.Client | None = None

    def on(self, topic: str) -> list[str]:
        return [data.decode() for name, data in self.heard if name == topic]

    @property
    def ids(self) -> list[str]:
        return [json.loads(text)["id"] for text in self.on("notice")]


def trust(authority: Path | None) -> ssl.SSLContext | None:
    return ssl.create_default_context(cafile=authority) if authority else None


@asynccontextmanager
async def listening(port: int, authority: Path | None) -> AsyncIterator[Listener]:
    """Listens to everything of the site, also over restarts of the broker."""
    listener = Listener()
    ready = asyncio.Event()

    async def listen() -> None:
        while True:
            try:
                async with aiomqtt.Client(
                    "127.0.0.1", port, username="secmon", password=PASSWORD,
                    identifier="console", clean_session=False, tls_context=trust(authority),
                ) as listener.client:  # fmt: skip
                    await listener.client.subscribe("secmon/lab/#", qos=1)
                    ready.set()
                    async for message in listener.client.messages:
                        topic = str(message.topic).removeprefix("secmon/lab/")
                        assert isinstance(message.payload, bytes)
                        listener.heard.append((topic, message.payload))
            except aiomqtt.MqttError:
                await asyncio.sleep(0.1)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(listen())
        await ready.wait()
        yield listener
        task.cancel()


async def retained(port: int, authority: Path | None) -> dict[str, str]:
    """What a newcomer sees at once."""
    seen: dict[str, str] = {}
    async with aiomqtt.Client(
        "127.0.0.1", port, username="secmon", password=PASSWORD, tls_context=trust(authority)
    ) as client:
        await client.subscribe("secmon/#", qos=0)
        try:
            async with asyncio.timeout(0.5):
                async for message in client.messages:  # and what changes at this moment
                    assert isinstance(message.payload, bytes)
                    seen[str(message.topic)] = message.payload.decode()
        except TimeoutError:
            pass
    return {topic: text for topic, text in seen.items() if text}


@asynccontextmanager
async def channel(
    port: int, given: Given, site: Site | None = None, client_id: str | None = None
) -> AsyncIterator[Notifier]:
    """The notifier, as the app opens it."""
    tls = {"url": f"mqtts://127.0.0.1:{port}", "ca": "ca.pem"}
    plain = {"url": f"mqtt://127.0.0.1:{port}"}
    options = Options.model_validate(
        (tls if given.authority else plain) | {"credentials": "mq", "client_id": client_id}
    )
    context = Context("lab", Clock(), site.snapshot if site else None)
    async with NOTIFIER.open(options, given, context) as notifier:
        yield notifier


async def until(good: Callable[[], bool], within_s: float = 10.0) -> None:
    async with asyncio.timeout(within_s):
        while not good():
            await asyncio.sleep(0.02)


async def until_retained(broker: Mosquitto, want: dict[str, str], within_s: float = 10.0) -> None:
    """Waits until a newcomer sees exactly this below secmon/lab/, apart from the status."""
    seen: dict[str, str] = {}
    try:
        async with asyncio.timeout(within_s):
            while True:
                seen = await retained(broker.port, broker.authority)
                seen = {topic.removeprefix("secmon/lab/"): text for topic, text in seen.items()}
                seen.pop("status", None)
                if seen == want:
                    return
    except TimeoutError:
        assert seen == want


async def test_a_notice_and_the_status_over_tls(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker:
        async with listening(broker.port, broker.authority) as listener:
            async with channel(broker.port, Given(broker.authority)) as notifier:
                ticket = {"number": "WX-2026-0001", "summary": "机房温度过高"}
                notice = Notice("mq", "t1", "opened", START)
                await notifier.send(Delivery(1, "key-1", notice, ticket, START), "【重大】过高")
            await until(lambda: len(listener.on("status")) == 2)
            assert listener.on("status") == ["online", "offline"]
            [text] = listener.on("notice")
            assert json.loads(text) == {
                "id": "key-1",
                "reason": "opened",
                "text": "【重大】过高",
                "ticket": ticket,
            }
            assert "机房" in text  # UTF-8, not \\u escapes
        assert await retained(broker.port, broker.authority) == {"secmon/lab/status": "offline"}


@asynccontextmanager
async def telling(
    folder: Path, port: int, counted: Counter[str]
) -> AsyncIterator[tuple[SqliteStore, Outbox, Listener, Mosquitto]]:
    """Store, outbox, channel, broker and a listener, all at work."""
    clock = Clock()
    with mosquitto(folder, port=port) as broker:
        async with (
            a_store(folder, clock) as store,
            listening(port, broker.authority) as listener,
            channel(port, Given(broker.authority)) as notifier,
        ):
            outbox = Outbox(
                store,
                {"mq": notifier},
                texts,
                clock,
                count=lambda _, outcome: counted.update([outcome]),
            )
            async with running(outbox):
                yield store, outbox, listener, broker


async def _dead_for(seconds: float, notices: int, folder: Path) -> None:
    """A quarter of the notices is committed before the broker dies, one meanwhile, half after."""
    port, quarter, counted = free_port(), notices // 4, Counter[str]()
    async with telling(folder, port, counted) as (store, outbox, listener, broker):
        await commit(store, quarter, "mq")
        outbox.wake()
        await until(lambda: len(listener.ids) > quarter // 2)
        broker.server.kill()
        await commit(store, quarter, "mq", first=quarter + 1)
        outbox.wake()
        await asyncio.sleep(seconds)
        assert await store.outstanding() >= quarter
        with mosquitto(folder, port=port):
            await commit(store, notices - 2 * quarter, "mq", first=2 * quarter + 1)
            outbox.wake()
            await until(lambda: len(set(listener.ids)) == notices, 40)
            await asyncio.sleep(0.5)
            assert await store.outstanding() == 0
    ids = [f"WX-2026-{number:04}/1/opened/mq" for number in range(1, notices + 1)]
    assert list(dict.fromkeys(listener.ids)) == ids  # all, in order, each ticket under one id
    numbers = {json.loads(text)["ticket"]["number"] for text in listener.on("notice")}
    assert len(numbers) == notices
    assert len(listener.ids) - notices <= 2  # said again under the same id
    assert counted["told"] == notices
    assert counted["never"] == 0


async def test_a_broker_that_is_dead_for_five_seconds_loses_nothing(tmp_path: Path) -> None:
    await _dead_for(5, 200, tmp_path)


@pytest.mark.soak
@pytest.mark.timeout(240)
async def test_a_broker_that_is_dead_for_a_minute_loses_nothing(tmp_path: Path) -> None:
    await _dead_for(60, 2000, tmp_path)


@asynccontextmanager
async def cable(port: int) -> AsyncIterator[tuple[int, Callable[[], None]]]:
    """A way to 127.0.0.1:`port` that can be cut: its own port, and the cut."""
    writers: list[asyncio.StreamWriter] = []

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        writers.extend((writer, back))
        async with asyncio.TaskGroup() as group:
            group.create_task(pipe(reader, back))
            group.create_task(pipe(there, writer))

    def cut() -> None:
        for writer in writers:
            writer.transport.abort()
        writers.clear()

    async with playing(serve) as own:
        yield own, cut
        cut()


async def test_the_last_will_is_seen_when_the_connection_breaks(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker:
        async with (
            listening(broker.port, broker.authority) as listener,
            cable(broker.port) as (port, cut),
            channel(port, Given(broker.authority)),
        ):
            await until(lambda: listener.on("status") == ["online"])
            cut()
            await until(lambda: listener.on("status") == ["online", "offline", "online"])


async def test_a_second_connection_of_ours_leaves_the_status_online(tmp_path: Path) -> None:
    """A daemon that was killed and started again, its old connection not yet missed."""
    with mosquitto(tmp_path) as broker:
        async with (
            listening(broker.port, broker.authority) as listener,
            cable(broker.port) as (port, cut),
        ):
            old = channel(port, Given(broker.authority))
            await old.__aenter__()
            await until(lambda: listener.on("status") == ["online"])
            async with channel(broker.port, Given(broker.authority)):
                await until(lambda: len(listener.on("status")) >= 3)
                assert listener.on("status")[:3] == ["online", "offline", "online"]
                cut()
            await old.__aexit__(None, None, None)


async def test_the_present_state_is_retained_and_follows_changes(tmp_path: Path) -> None:
    site = Site({"device/a/state": {"up": True, "faults": [], "at": "now"}, "ticket/WX-1": None})
    up, down = '{"up":true,"faults":[],"at":"now"}', '{"up":false,"faults":["无应答"]}'
    with mosquitto(tmp_path) as broker:
        async with channel(broker.port, Given(broker.authority), site) as notifier:
            assert isinstance(notifier, Mirror)
            await until_retained(broker, {"device/a/state": up})
            notifier.changed("device/a/state", {"up": False, "faults": ["无应答"]})
            notifier.changed("ticket/WX-2", {"number": "WX-2"})
            await until_retained(
                broker, {"device/a/state": down, "ticket/WX-2": '{"number":"WX-2"}'}
            )
            notifier.changed("ticket/WX-2", None)
            await until_retained(broker, {"device/a/state": down})


async def test_many_changes_of_one_topic_are_one_message(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker:
        async with (
            listening(broker.port, broker.authority) as listener,
            channel(broker.port, Given(broker.authority)) as notifier,
        ):
            assert isinstance(notifier, Mirror)
            await until(lambda: listener.on("status") == ["online"])
            for number in range(1000):
                notifier.changed("device/a/state", {"up": number})
            await until(lambda: '{"up":999}' in listener.on("device/a/state"))
            assert len(listener.on("device/a/state")) <= 2


async def test_what_an_earlier_run_left_is_cleared(tmp_path: Path) -> None:
    site = Site({"device/kept/state": {"up": True}, "ticket/WX-2": {"number": "WX-2"}})
    with mosquitto(tmp_path) as broker:
        old: dict[str, Payload | None] = {
            f"device/gone-{number}/state": {"up": True} for number in range(300)
        }
        old |= {"device/kept/state": {"up": False}, "ticket/WX-1": {"number": "WX-1"}}
        async with channel(broker.port, Given(broker.authority), Site(dict(old))):
            await until_retained(
                broker, {t: json.dumps(p, separators=(",", ":")) for t, p in old.items()}
            )
        async with channel(broker.port, Given(broker.authority), site):
            await until_retained(
                broker, {"device/kept/state": '{"up":true}', "ticket/WX-2": '{"number":"WX-2"}'}
            )


async def test_a_command_that_mirrors_nothing_clears_nothing(tmp_path: Path) -> None:
    site = Site({"device/a/state": {"up": True}})
    with mosquitto(tmp_path) as broker:
        async with channel(broker.port, Given(broker.authority), site):
            await until_retained(broker, {"device/a/state": '{"up":true}'})
        async with channel(broker.port, Given(broker.authority)):
            await asyncio.sleep(1)
            await until_retained(broker, {"device/a/state": '{"up":true}'}, 1)


async def test_the_state_is_shown_anew_when_the_broker_forgot_it(tmp_path: Path) -> None:
    site, port = Site({"device/a/state": {"up": True}}), free_port()
    with mosquitto(tmp_path, port=port) as broker:
        async with channel(port, Given(broker.authority), site):
            await until_retained(broker, {"device/a/state": '{"up":true}'})
            broker.server.kill()
            (tmp_path / "mosquitto.db").unlink()
            site.topics["device/a/state"] = {"up": False}
            with mosquitto(tmp_path, port=port) as again:
                await until_retained(again, {"device/a/state": '{"up":false}'})


async def _why_not(port: int, given: Given, caplog: pytest.LogCaptureFixture) -> str:
    caplog.set_level(logging.INFO, logger="secmon")
    async with channel(port, given) as notifier:
        with pytest.raises(Later) as told:
            await notifier.send(Delivery(1, "k", Notice("mq", "", "opened", START), {}, START), "x")
    assert given.password not in caplog.text
    return str(told.value)


@pytest.fixture(autouse=True)
def short_wait(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of what never works need not wait as long as a site does."""
    if "never" in request.node.name:
        monkeypatch.setattr("secmon.adapters.notify.mqtt_line.WAIT_S", 1.0)


async def test_never_a_wrong_password(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with mosquitto(tmp_path) as broker:
        given = Given(broker.authority, "wrong-password")
        assert "ot authori" in await _why_not(broker.port, given, caplog)
    assert caplog.text.count("channel not connected") == 1  # one line per change of state


# paho leaves the socket of a failed handshake to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_never_a_certificate_nobody_vouches_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "other").mkdir()
    other = make_certificates(tmp_path / "other").authority
    with mosquitto(tmp_path) as broker:
        why = await _why_not(broker.port, Given(other), caplog)
    assert "certificate verify failed" in why


async def test_never_a_broker_that_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    why = await _why_not(port, Given(None), caplog)
    assert why == f"mqtt://127.0.0.1:{port}: [Errno 111] Connection refused"


async def test_never_a_broker_that_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with playing(silent) as port:
        why = await _why_not(port, Given(None), caplog)
    assert "not connected yet" in why
