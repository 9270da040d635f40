"""Each real server starts, answers, takes what a test changes, and leaves nothing running."""

import ssl
import subprocess
import sys
from pathlib import Path

import aiomqtt
import pytest

from tests.peers.mosquitto import Mosquitto, mosquitto
from tests.peers.need import need
from tests.peers.process import NotReady, eventually, running
from tests.peers.prometheus import prometheus, scrape_config
from tests.peers.snmpd import SYS_NAME, get_system, snmpd
from tests.peers.upsd import upsd

pytestmark = pytest.mark.peers


def test_snmpd_answers_and_ends(tmp_path: Path) -> None:
    with snmpd(tmp_path) as agent:
        assert agent.name.encode() in get_system(agent.port, SYS_NAME)
    assert not agent.server.alive()


def client(broker: Mosquitto, password: str) -> aiomqtt.Client:
    trust = ssl.create_default_context(cafile=str(broker.authority))
    return aiomqtt.Client(
        "127.0.0.1", broker.port, username=broker.user, password=password, tls_context=trust
    )


async def test_mosquitto_keeps_a_retained_message_over_a_restart(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker:
        async with client(broker, broker.password) as sender:
            await sender.publish("secmon/lab/status", "online", qos=1, retain=True)
    with mosquitto(tmp_path, port=broker.port) as again:
        async with client(again, again.password) as receiver:
            await receiver.subscribe("secmon/#")
            message = await anext(aiter(receiver.messages))
    assert (str(message.topic), message.payload) == ("secmon/lab/status", b"online")


async def test_mosquitto_refuses_a_wrong_password(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker, pytest.raises(aiomqtt.MqttError):
        await client(broker, "wrong").__aenter__()


def test_prometheus_scrapes_and_answers(tmp_path: Path) -> None:
    with prometheus(tmp_path, "scrape_configs: []\n") as scraped:
        inner = tmp_path / "second"
        inner.mkdir()
        with prometheus(inner, scrape_config(scraped.port)) as server:
            up = 'up{job="secmon"} == 1'
            assert eventually(lambda: bool(server.query(up)), within_s=20)


def test_promtool_reads_metrics() -> None:
    command = [need("prometheus", "promtool"), "check", "metrics"]
    text = b"# HELP a_total Some.\n# TYPE a_total counter\na_total 1\n"
    assert subprocess.run(command, input=text, check=False).returncode == 0


def test_upsd_shows_what_the_test_writes(tmp_path: Path) -> None:
    with upsd(tmp_path) as peer:
        assert peer.ask("GET VAR ups ups.status") == 'VAR ups ups.status "OL CHRG"'
        peer.show({"ups.status": "OB DISCHRG", "battery.charge": "71"})
        assert eventually(lambda: "OB DISCHRG" in peer.ask("GET VAR ups ups.status"))
        assert peer.ask("GET VAR ups ups.model") == 'VAR ups ups.model "Dummy 1500"'
    assert not peer.server.alive()
    assert not peer.driver.alive()


def test_a_server_that_ends_is_told_with_its_log(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "print('no such file'); raise SystemExit(3)"]
    with (
        pytest.raises(NotReady, match=r"(?s)ended with 3: no such file"),
        running(argv, tmp_path, lambda: False),
    ):
        pass
