"""Every query of every dashboard against a real Prometheus that scrapes the demo in its story.

Each must give something at some moment; also those that are «empty when healthy», since the story
breaks something of everything. Only a panel that says «empty where …» may stay empty, and only if
it is named here.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
import yaml

from tests.grafana import DASHBOARDS, SCRAPE, files, load
from tests.peers.grafana_client import Asked, chosen, offers, queries, query
from tests.peers.process import eventually
from tests.peers.prometheus import Prometheus, prometheus
from tests.receiver import SECRET, Receiver, receiver
from tests.test_demo import READY, Demo, demo

pytestmark = [pytest.mark.peers, pytest.mark.slow, pytest.mark.timeout(200)]

WITHIN = 100.0  # seconds: a slow machine sees the story a second time

BOARDS = sorted({file.stem for file in files()})

# What the demo has nothing of. «empty where …» in a description is good for these panels only.
NOT_IN_THE_DEMO = {
    *((board, "守护进程重启") for board in BOARDS),  # an annotation
    ("secmon-power", "漏水"),
    ("secmon-power", "浮充电压偏差"),
}
CHANNEL = """
notify:
  - {{id: hook, channel: webhook, url: "{url}", secret: {{file: hook.secret}}}}
"""


@contextmanager
def site(folder: Path) -> Iterator[tuple[Demo, Prometheus]]:
    """The demo, one channel more than it has, and a Prometheus that scrapes it each second."""
    (folder / "prometheus").mkdir()
    with demo(folder) as shown, receiver() as hook:
        assert eventually(shown.ready, READY), shown.said()
        with prometheus(folder / "prometheus", scraping(shown.port)) as server:
            add_channel(shown, hook)
            yield shown, server


def scraping(port: int) -> str:
    """The example that is shipped, but each second and of the demo only."""
    given = yaml.safe_load(SCRAPE.read_text(encoding="utf-8"))
    given["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s"}
    del given["rule_files"], given["alerting"]
    [target] = given["scrape_configs"][0]["static_configs"]
    target |= {"targets": [f"127.0.0.1:{port}"], "labels": {"site": "demo"}}
    return yaml.safe_dump(given)


def add_channel(shown: Demo, hook: Receiver) -> None:
    """As an operator would: a file in conf.d, a secret beside the site file, a reload."""
    [place] = shown.home.glob("secmon-demo-*")
    secret = place / "hook.secret"
    secret.touch(mode=0o600)
    secret.write_bytes(SECRET)
    (place / "conf.d").mkdir()
    (place / "conf.d/hook.yaml").write_text(CHANNEL.format(url=hook.url), encoding="utf-8")
    reload = Request(f"http://127.0.0.1:{shown.port}/-/reload", method="POST")
    with urlopen(reload, timeout=10) as answer:
        assert answer.status == 200


def test_everything_shows_something(tmp_path: Path) -> None:
    boards = [load(file) for file in files() if file.parent.name == "zh"]
    asked = [one for board in boards for one in queries(board)]
    assert len(asked) > 80
    with site(tmp_path) as (_, server):
        assert eventually(lambda: bool(query(server.url, "secmon_device_up")), 15)
        ask_all(boards, asked, server.url)
        names_of_devices(server.url)
    left = [one for one in asked if not one.good]
    wrong = [str(one) for one in left if not may_be_empty(one)]
    assert wrong == [], "\n".join(wrong)


def ask_all(boards: list[dict], asked: list[Asked], base: str) -> None:
    """Until each that must has answered, or the time is over."""
    deadline = time.monotonic() + WITHIN
    while time.monotonic() < deadline:
        values = {board["uid"]: chosen(board, base) for board in boards}
        for one in asked:
            if not one.good:
                one.ask(base, values[one.board])
        if all(one.good or may_be_empty(one) for one in asked):
            return
        time.sleep(1)


def may_be_empty(one: Asked) -> bool:
    known = (one.board, one.panel) in NOT_IN_THE_DEMO
    said = not one.of_panel or "时为空" in one.description
    return known and not one.answered and said


def names_of_devices(base: str) -> None:
    """The list of devices shows people their names and means their ids."""
    board = load(DASHBOARDS / "zh/secmon-power.json")
    values = chosen(board, base)
    [device] = [one for one in board["templating"]["list"] if one["name"] == "device"]
    assert sorted(offers(device, base, values)) == [
        ("主机房", "room-1"),
        ("二层弱电间", "room-2"),
        ("机房 UPS", "ups-1"),
        ("监控中心 UPS", "ups-2"),
    ]
