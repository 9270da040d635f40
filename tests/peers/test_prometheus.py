"""The page against Prometheus itself: promtool has no complaint, a server scrapes every series."""

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from secmon.adapters.exposition import Exposition
from secmon.adapters.metrics_http import metrics_routes
from secmon.core.model import (
    Device,
    Failure,
    Fault,
    FaultKey,
    FaultState,
    Observation,
    Policy,
    ProbePlan,
    Reading,
    Reason,
    arrange,
)
from secmon.core.world import World
from secmon.standard.tables import shipped_rules, sla, vocabulary
from tests.peers.need import need
from tests.peers.process import eventually, free_port
from tests.peers.prometheus import Prometheus, prometheus, scrape_config

pytestmark = pytest.mark.peers

AT = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
PARTS = ("GE1/0/1", "上联", 'a"b\\c\nd', "nul\0bell\a", "100%", "x" * 1000, "\u2028 \U0001f600")
COUNT = 2**63 + 1


def full_page() -> tuple[Exposition, World]:
    """Every metric of the vocabulary at every awkward part, a failed probe, an active fault."""
    words, rules = vocabulary(), shipped_rules()
    plans = tuple(ProbePlan(driver, driver, 30.0, 5.0) for driver in ("snmp", "icmp"))
    device = Device("sw-1", '接入 "交换机"\\', "network", "switch", probes=plans)
    policy = Policy("lab", "UTC", sla(), {device.id: device}, rules, ("mq",), words)
    page = Exposition(policy, CollectorRegistry())
    value = {"counter": COUNT, "flag": True, "gauge": 0.1 + 0.2}
    layout, values = arrange(
        Reading(word.name, value[word.type], part)
        for word in words.values()
        if word.metric
        for part in PARTS
    )
    page.observe(Observation("sw-1", "snmp", AT, 0.0, layout, values), 0.01)
    silent = Failure(Reason.TIMEOUT, "expected an echo")
    page.observe(Observation("sw-1", "icmp", AT, 0.0, failure=silent), 5.0)
    page.late(0.01)
    key = FaultKey("sw-1", rules[0].id)
    return page, World(faults={key: Fault(key, FaultState.ACTIVE, AT, 0.0, 0.0)})


def test_promtool_has_nothing_to_complain_of():
    page, world = full_page()
    checked = subprocess.run(
        [need("prometheus", "promtool"), "check", "metrics"],
        input=page.render(world, False, AT),
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert (checked.stdout.decode(), checked.stderr.decode()) == ("", "")
    assert checked.returncode == 0


@pytest.mark.parametrize("token", ["", "s3cret"], ids=["open", "with a token"])
async def test_prometheus_scrapes_every_series(tmp_path: Path, token: str):
    page, world = full_page()
    port = free_port()
    runner = await listen(page, world, port, token)
    config = scrape_config(port)
    if token:
        config += f"    authorization: {{credentials: {token}}}\n"
    try:
        await in_a_thread(lambda: judge(tmp_path, config, page.render(world, False, AT)))
    finally:
        await runner.cleanup()


async def listen(page: Exposition, world: World, port: int, token: str) -> web.AppRunner:
    async def ignore() -> list[str]:
        return []

    app = web.Application()
    app.add_routes(
        metrics_routes(
            lambda openmetrics: page.render_slowly(world, openmetrics, AT),
            not_ready=lambda: [],
            reload=ignore,
            token=lambda: token,
        )
    )
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner


async def in_a_thread(work: Callable[[], None]) -> None:
    import asyncio

    await asyncio.to_thread(work)


def judge(folder: Path, config: str, text: bytes) -> None:
    """Nothing is lost on the way: as many series as the page has, and the values as written."""
    series = sum(not line.startswith(b"#") for line in text.splitlines() if line)
    with prometheus(folder, config) as server:
        assert eventually(lambda: bool(server.query("up == 1")), within_s=20), server.server.log()
        assert value(server, "scrape_samples_scraped") == series
        assert value(server, "scrape_samples_post_metric_relabeling") == series
        ports = server.query("secmon_interface_receive_bytes_total")
        assert {port["metric"]["part"] for port in ports} == {
            "GE1/0/1",
            "上联",
            'a"b\\c\nd',
            "nul\ufffdbell\ufffd",
            "100%",
            "x" * 128,
            "\u2028 \U0001f600",
        }
        assert {float(port["value"][1]) for port in ports} == {float(COUNT)}
        assert value(server, 'secmon_device_up{site="lab",kind="switch"}') == 1
        assert value(server, 'secmon_probe_success{probe="icmp"}') == 0
        assert value(server, 'secmon_probe_failures_total{probe="icmp",reason="timeout"}') == 1
        assert value(server, "secmon_fault_active") == 1
        assert value(server, "sum(secmon_tickets)") == 0
        assert value(server, "secmon_poll_lateness_seconds_count") == 1
        assert value(server, 'secmon_battery_charge_ratio{part="100%"}') == 0.1 + 0.2


def value(server: Prometheus, expression: str) -> float:
    """The value of the only series that the expression gives."""
    (found,) = server.query(expression)
    return float(found["value"][1])
