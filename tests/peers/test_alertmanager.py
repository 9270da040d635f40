"""From the wire to a person on the second line: a daemon, Prometheus with our alerts, Alertmanager
with our example, a webhook. The alerts wait a second only; everything else is as it is shipped."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.place import Place, place
from tests.equipment import ROOM, Equipment, equipment
from tests.grafana import ALERTS, SCRAPE
from tests.peers.alertmanager import Alertmanager, alertmanager
from tests.peers.process import eventually
from tests.peers.prometheus import prometheus
from tests.receiver import Receiver, receiver

pytestmark = [pytest.mark.peers, pytest.mark.slow, pytest.mark.timeout(120)]


@dataclass(frozen=True, slots=True)
class Line:
    """All that stands between a sensor and a person."""

    here: Place
    wired: Equipment
    manager: Alertmanager
    hook: Receiver

    def told(self, name: str, status: str) -> dict[str, Any]:
        """The alert, as soon as the webhook was told that it fires, or is over."""
        found: list[dict[str, Any]] = []

        def there() -> bool:
            found[:] = [
                alert
                for message in list(self.hook.got)
                for alert in message["alerts"]
                if (alert["labels"]["alertname"], alert["status"]) == (name, status)
            ]
            return bool(found)

        assert eventually(there, 20), (name, status, self.hook.got, self.manager.alerts())
        return found[-1]


@contextmanager
def line(folder: Path) -> Iterator[Line]:
    """Everything but the daemon."""
    with ExitStack() as stack:

        def sub(name: str) -> Path:
            (folder / name).mkdir()
            return folder / name

        wired = stack.enter_context(equipment())
        hook = stack.enter_context(receiver())
        manager = stack.enter_context(alertmanager(sub("manager"), people(hook.url)))
        here = place(sub("site"), wired, slow="every: 1s, timeout: 0.5s")
        scraping = scrape(sub("prometheus"), here.port, manager.port)
        stack.enter_context(prometheus(folder / "prometheus", scraping))
        yield Line(here, wired, manager, hook)


def people(url: str) -> str:
    """The example, without its patience and with our webhook."""
    given = yaml.safe_load(ALERTS.with_name("alertmanager.yml").read_text(encoding="utf-8"))
    given["route"] |= {"group_wait": "0s", "group_interval": "1s"}
    given["receivers"][0]["webhook_configs"][0]["url"] = url
    return yaml.safe_dump(given, allow_unicode=True)


def scrape(folder: Path, port: int, manager: int) -> str:
    """The example, each second, with the alerts that wait a second."""
    rules = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule["for"] = "1s"
    (folder / "alerts.yml").write_text(yaml.safe_dump(rules, allow_unicode=True), encoding="utf-8")
    given = yaml.safe_load(SCRAPE.read_text(encoding="utf-8"))
    given["global"] = dict.fromkeys(("scrape_interval", "evaluation_interval"), "1s")
    given["global"]["scrape_timeout"] = "1s"
    given["rule_files"] = ["alerts.yml"]
    [alerting] = given["alerting"]["alertmanagers"]
    alerting["static_configs"] = [{"targets": [f"127.0.0.1:{manager}"]}]
    given["scrape_configs"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{port}"]
    return yaml.safe_dump(given)


def test_alerts_reach_people_and_end(tmp_path: Path) -> None:
    with line(tmp_path) as made:
        with made.here.daemon():
            a_room_too_warm(made)
            half_the_site_silent(made)
        without_a_daemon(made)
        with made.here.daemon():
            ended = made.told("SecmonDown", "resolved")
            assert ended["endsAt"] > ended["startsAt"]
            assert eventually(lambda: made.manager.alerts("SecmonDown") == [], 10)


def a_room_too_warm(made: Line) -> None:
    made.wired.set(1, input={**ROOM, 1: 281})
    alert = made.told("SecmonRoomTooWarm", "firing")
    assert alert["annotations"]["summary"] == "主机房 28.1 °C，超过 25 °C（4.4.1.2）"
    assert alert["annotations"]["summary_en"] == "主机房 is at 28.1 °C, above 25 °C (4.4.1.2)"
    assert alert["annotations"]["runbook"].startswith("docs/operating.md#")
    labels = {"site": "lab", "device": "room-1", "severity": "critical", "kind": "machine-room"}
    assert labels.items() <= alert["labels"].items()
    [held] = made.manager.alerts("SecmonRoomTooWarm")
    assert held["status"]["state"] == "active"
    made.wired.set(1, input=dict(ROOM))
    made.told("SecmonRoomTooWarm", "resolved")


def half_the_site_silent(made: Line) -> None:
    """Two of three devices: one message says it all, the devices' own are held back."""
    for unit in (1, 2):
        made.wired.set(unit, silent=True)
    alert = made.told("SecmonManyDevicesDown", "firing")
    assert alert["annotations"]["summary_en"] == "Only 33.33% of the devices of site lab answer"

    def held() -> list[str]:
        return [one["status"]["state"] for one in made.manager.alerts("SecmonDeviceDown")]

    assert eventually(lambda: held() == ["suppressed", "suppressed"], 15), made.manager.alerts()
    for unit in (1, 2):
        made.wired.set(unit, silent=False)
    made.told("SecmonManyDevicesDown", "resolved")


def without_a_daemon(made: Line) -> None:
    alert = made.told("SecmonDown", "firing")
    assert (alert["labels"]["site"], alert["labels"]["job"]) == ("lab", "secmon")
    assert "站点 lab" in alert["annotations"]["summary"]
