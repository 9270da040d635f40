"""From the wire to a ticket to a notice to Prometheus: the daemon as a process among real servers.

snmpd is a switch, libmodbus a room and an alarm panel, upsd with dummy-ups a UPS; mosquitto (TLS)
and a webhook are told, Prometheus scrapes. The tests run in this order on one site.
"""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.place import SECMON, Place
from tests.peers.libmodbus import Libmodbus, libmodbus
from tests.peers.mosquitto import PASSWORD, USER, mosquitto
from tests.peers.process import Server, eventually, free_port, running
from tests.peers.prometheus import Prometheus, prometheus, scrape_config
from tests.peers.snmpd import COMMUNITY, Snmpd, snmpd
from tests.peers.subscriber import Subscriber, subscriber
from tests.peers.upsd import Upsd, upsd
from tests.receiver import SECRET, Receiver, receiver

pytestmark = [pytest.mark.peers, pytest.mark.timeout(120)]

SITE = """
site: {{id: lab, name: 示范工程, language: zh}}
store: sqlite://{folder}/secmon.db
http: {{listen: "127.0.0.1:{http}"}}
metrics: {{listen: "127.0.0.1:{http}"}}
credentials:
  access: {{community: {{file: community}}}}
  mq: {{username: {user}, password: {{file: mq.password}}}}
devices:
  - {{id: sw-1, name: 接入交换机, system: network, kind: switch, address: 127.0.0.1,
     probes: [{{driver: snmp, port: {snmp}, credentials: access, {often}}}]}}
  - {{id: room-1, name: 主机房, system: center, kind: machine-room, address: 127.0.0.1,
     probes: [{{driver: modbus, port: {modbus}, unit: 1, profile: xy-md02, {often}}}]}}
  - {{id: panel-1, name: 报警主机, system: intrusion, kind: alarm-panel, address: 127.0.0.1,
     parts: {{DI9: {{name: 防拆, reading: zone_tamper}}}},
     probes: [{{driver: modbus, port: {modbus}, unit: 2, profile: di-16, {often}}}]}}
  - {{id: ups-1, name: 机房 UPS, system: center, kind: ups, address: 127.0.0.1,
     probes: [{{driver: nut, port: {nut}, {often}}}]}}
rules:
  - {{reading: temperature_celsius, where: {{kind: machine-room}}, op: ">", limit: 25, clear: 24.5,
     for: 1s, severity: major}}
  - {{reading: zone_tamper, op: "==", limit: true, for: 1s, severity: major}}
  - {{reading: on_battery, op: "==", limit: true, for: 1s, severity: critical}}
  - {{reading: device_up, op: "==", limit: false, for: 2s, severity: major}}
notify:
  - {{id: mq, channel: mqtt, url: "mqtts://127.0.0.1:{mqtt}", credentials: mq, ca: "{authority}"}}
  - {{id: hook, channel: webhook, url: "{hook}", secret: {{file: hook.secret}}}}
"""
OFTEN = "every: 1s, timeout: 1s"


@dataclass(slots=True)
class Site:
    """The daemon, and everything round it."""

    here: Place
    token: str
    switch: Snmpd
    modbus: Libmodbus
    ups: Upsd
    desk: Subscriber
    hook: Receiver
    prometheus: Prometheus
    server: Server | None = None

    def ticket(self, device: str, state: str = "open") -> dict[str, Any]:
        """The one ticket of a device in a state, as soon as there is one."""
        found: list[dict[str, Any]] = []

        def one() -> bool:
            path = f"/api/v1/tickets?device={device}&state={state}"
            found[:] = self.here.get(path, self.token)[1]["tickets"]
            return len(found) == 1

        assert eventually(one, 15), (device, state, found)
        return found[0]

    def shows(self, expression: str, *values: float) -> None:
        """Prometheus comes to answer these values."""
        seen: list[float] = []

        def same() -> bool:
            seen[:] = [float(one["value"][1]) for one in self.prometheus.query(expression)]
            return sorted(seen) == sorted(values)

        assert eventually(same, 15), f"{expression}: {seen}"

    def told(self, number: str, reason: str) -> dict[str, Any]:
        """The notice that came by MQTT and, signed, by webhook; each once, with one id per
        channel."""

        def there() -> bool:
            return len(self._by_mqtt(number, reason)) == len(self._by_hook(number, reason)) == 1

        assert eventually(there, 15), (number, reason, self.desk.notices(), self.hook.got)
        (one,), (other,) = self._by_mqtt(number, reason), self._by_hook(number, reason)
        assert self.hook.forged == []
        assert one["text"] == other["text"] and one["ticket"] == other["ticket"]
        return one

    def _by_mqtt(self, number: str, reason: str) -> list[dict[str, Any]]:
        return _of(self.desk.notices(), number, reason)

    def _by_hook(self, number: str, reason: str) -> list[dict[str, Any]]:
        return _of(list(self.hook.got), number, reason)


def _of(notices: list[dict[str, Any]], number: str, reason: str) -> list[dict[str, Any]]:
    return [one for one in notices if one["reason"] == reason and one["ticket"]["number"] == number]


@contextmanager
def everything(folder: Path) -> Iterator[Site]:
    """All servers, the site file, and no daemon yet."""
    with ExitStack() as stack:

        def sub(name: str) -> Path:
            (folder / name).mkdir()
            return folder / name

        switch = stack.enter_context(snmpd(sub("snmpd")))
        modbus = stack.enter_context(libmodbus(sub("modbus"), input={1: 235, 2: 456}))
        ups = stack.enter_context(upsd(sub("nut")))
        broker = stack.enter_context(mosquitto(sub("mosquitto")))
        desk = stack.enter_context(subscriber(broker, "lab"))
        hook = stack.enter_context(receiver())
        http = free_port()
        scraper = stack.enter_context(prometheus(sub("prometheus"), scrape_config(http)))
        for name, secret in (
            ("community", COMMUNITY),
            ("mq.password", PASSWORD),
            ("hook.secret", SECRET.decode()),
        ):
            (folder / name).write_text(secret)
        ports = {"snmp": switch.port, "modbus": modbus.port, "nut": ups.port, "mqtt": broker.port}
        text = SITE.format(
            folder=folder, user=USER, authority=broker.authority, hook=hook.url, http=http,
            often=OFTEN, **ports,
        )  # fmt: skip
        (folder / "secmon.yaml").write_text(text, encoding="utf-8")
        here = Place(folder, folder / "secmon.yaml", http)
        words = ("user", "add", "wang", "--role", "operator", "--token")
        token = here.command(*words).out.strip()
        yield Site(here, token, switch, modbus, ups, desk, hook, scraper)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The daemon runs; a test may kill it and start another."""
    with everything(tmp_path_factory.mktemp("lab")) as made, made.here.daemon() as made.server:
        yield made


def test_everything_is_up_and_every_reading_has_its_unit(site: Site) -> None:
    site.shows("secmon_device_up", 1, 1, 1, 1)
    site.shows('secmon_temperature_celsius{site="lab",system="center",device="room-1"}', 23.5)
    site.shows("secmon_humidity_ratio", 0.456)
    site.shows('secmon_battery_charge_ratio{device="ups-1"}', 1.0)
    site.shows("secmon_load_ratio", 0.23)
    site.shows("secmon_battery_runtime_seconds", 1800)
    site.shows('count(secmon_zone_alarm{device="panel-1"})', 15)
    site.shows('secmon_interface_up{device="sw-1",part="lo"}', 1)
    site.shows("sum(secmon_fault_active) or vector(0)", 0)
    site.shows("secmon_store_up", 1)
    series = site.prometheus.query("secmon_device_info")
    assert {one["metric"]["kind"] for one in series} == {
        *("switch", "machine-room", "alarm-panel", "ups"),
    }
    assert eventually(lambda: site.desk.last("status") == "online")
    assert site.desk.state("room-1")["up"] is True


def test_a_room_too_warm_from_the_wire_to_the_phone_and_back(site: Site) -> None:
    site.modbus.show(input={1: 281, 2: 456})
    ticket = site.ticket("room-1")
    number = ticket["number"]
    assert (ticket["rule"], ticket["value"], ticket["limit"]) == ("room-too-warm", 28.1, 25)
    notice = site.told(number, "opened")
    assert "主机房" in notice["text"] and "28.1" in notice["text"]
    site.shows('secmon_fault_active{rule="room-too-warm",severity="major",device="room-1"}', 1)
    site.shows('secmon_tickets{state="open",severity="major"}', 1)
    site.shows("secmon_temperature_celsius", 28.1)
    retained = json.loads(site.desk.last(f"ticket/{number}") or "null")
    assert retained["state"] == "open"
    assert [one["rule"] for one in site.desk.state("room-1")["faults"]] == ["room-too-warm"]
    site.here.http("POST", f"/api/v1/tickets/{number}/acknowledge", site.token, {})
    site.shows('secmon_tickets{state="acknowledged",severity="major"}', 1)

    site.modbus.show(input={1: 240, 2: 456})
    site.told(number, "cleared")
    site.shows("sum(secmon_fault_active) or vector(0)", 0)
    body = {"note": "自行恢复"}
    status, closed = site.here.http("POST", f"/api/v1/tickets/{number}/close", site.token, body)
    assert (status, closed["state"]) == (200, "closed")
    site.told(number, "closed")
    assert eventually(lambda: site.desk.last(f"ticket/{number}") == "")
    site.shows('secmon_ticket_clock_total{clock="respond",met="true"}', 1)


def test_a_tamper_and_no_ticket_for_an_intruder(site: Site) -> None:
    site.modbus.show(input={1: 240, 2: 456}, discrete={0: 1, 8: 1})
    ticket = site.ticket("panel-1")
    assert (ticket["rule"], ticket["part"]) == ("zone-tamper", "DI9")
    site.told(ticket["number"], "opened")
    site.shows('secmon_zone_alarm{part="DI1"}', 1)
    site.shows('secmon_fault_active{part="DI9",rule="zone-tamper"}', 1)
    site.modbus.show(input={1: 240, 2: 456}, discrete={0: 0, 8: 0})
    site.told(ticket["number"], "cleared")


def test_mains_fail_and_come_back(site: Site) -> None:
    site.ups.show({"ups.status": "OB DISCHRG", "battery.charge": "93"})
    ticket = site.ticket("ups-1")
    assert (ticket["rule"], ticket["severity"]) == ("on-battery", "critical")
    site.told(ticket["number"], "opened")
    site.shows("secmon_on_battery", 1)
    site.shows("secmon_battery_charge_ratio", 0.93)
    site.ups.show({"ups.status": "OL CHRG", "battery.charge": "100"})
    site.told(ticket["number"], "cleared")
    site.shows("secmon_on_battery", 0)


def test_a_device_that_dies(site: Site) -> None:
    site.switch.server.stop()
    ticket = site.ticket("sw-1")
    assert ticket["reading"] == "device_up"
    site.told(ticket["number"], "opened")
    site.shows('secmon_device_up{device="sw-1"}', 0)
    site.shows('count(secmon_interface_up{device="sw-1"}) or vector(0)', 0)
    assert site.desk.state("sw-1")["up"] is False


def test_killed_it_is_offline_and_the_next_one_goes_on_with_the_same_tickets(site: Site) -> None:
    before = site.here.get("/api/v1/tickets", site.token)[1]["tickets"]
    faults = site.here.get("/api/v1/faults", site.token)[1]["faults"]
    told = [one["id"] for one in site.desk.notices()]
    assert site.server is not None
    site.server.kill()
    assert eventually(lambda: site.desk.last("status") == "offline"), "the last will"
    site.shows("up", 0)

    argv: list[str | Path] = [*SECMON, "run", "-c", site.here.file]
    with running(argv, site.here.folder, site.here.ready) as second:
        assert eventually(lambda: site.desk.last("status") == "online")
        site.shows("up", 1)
        site.shows('secmon_device_up{device="room-1"}', 1)
        site.shows('secmon_device_up{device="sw-1"}', 0)
        site.shows('secmon_fault_active{device="sw-1",rule="no-answer"}', 1)
        after = site.here.get("/api/v1/tickets", site.token)[1]["tickets"]
        assert after == before
        again = site.here.get("/api/v1/faults", site.token)[1]["faults"]
        assert [_key(one) for one in again] == [_key(one) for one in faults]
        assert [one["id"] for one in site.desk.notices()] == told, "nobody is told twice"
        assert site.here.metric("secmon_outbox_pending") == 0
        log = second.log()
        second.stop()
        assert second.process.returncode == 0
    assert "Traceback" not in log, log
    assert eventually(lambda: site.desk.last("status") == "offline"), "and when it ends in peace"
    assert not re.search("pass(word)?=|mosquitto-pass|geheim", log), "no secrets in the log"


def test_a_command_without_the_daemon_tells_and_shows_nothing_else(site: Site) -> None:
    """It knows no present state: what stands in the broker stays as it is."""
    before = len(site.desk.heard)
    assert site.here.command("notify", "test", "mq").code == 0
    assert eventually(lambda: site.desk.notices()[-1]["reason"] == "test")
    assert {topic for topic, _ in site.desk.heard[before:]} <= {"notice", "status"}
    assert site.desk.last("status") == "offline"


def _key(fault: dict[str, Any]) -> tuple[object, ...]:
    return fault["device"], fault["rule"], fault["part"], fault["state"], fault["since"]
