"""A small site, its polls, and its page as both of prometheus-client's parsers read it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from secmon.adapters.exposition import Exposition
from secmon.core.model import (
    Device,
    Failure,
    Observation,
    Policy,
    ProbePlan,
    Reading,
    Reason,
    Sla,
    Word,
    arrange,
)
from secmon.core.world import World

AT = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SNMP = ProbePlan("snmp", "snmp", 30.0, 5.0)
ICMP = ProbePlan("icmp", "icmp", 10.0, 5.0)
NUT = ProbePlan("nut", "nut", 10.0, 5.0)

Labels = dict[str, str]


def word(name, kind="gauge", *, metric=None, labels=None, en=None):
    return Word(
        name=name,
        metric=name if metric is None else metric,
        labels=labels or {},
        unit="",
        type=kind,
        log=False,
        depth=0,
        watched=False,
        feeds=False,
        derive="",
        help={"en": en or f"{name} in words"},
    )


WORDS = {
    w.name: w
    for w in (
        word("interface_up", "flag"),
        word("interface_receive_bytes_total", "counter"),
        word("rx_ratio", metric="interface_ratio", labels={"direction": "receive"}, en="Use (in)"),
        word(
            "tx_ratio", metric="interface_ratio", labels={"direction": "transmit"}, en="Use (out)"
        ),
        word("interface_alias", "text"),
        word("internal_rate", metric=""),
        word("temperature_celsius"),
    )
}


def switch(**changes) -> Device:
    return replace(Device("sw-1", "接入交换机", "network", "switch", probes=(SNMP,)), **changes)


def policy(*devices: Device, **changes) -> Policy:
    known = Policy(
        site="lab",
        timezone="Asia/Shanghai",
        sla=Sla(HOUR, HOUR, HOUR),
        devices={device.id: device for device in devices or (switch(),)},
        rules=(),
        channels=(),
        words=WORDS,
    )
    return replace(known, **changes)


def page_of(*devices: Device) -> Exposition:
    return Exposition(policy(*devices), CollectorRegistry())


def seen(*readings: Reading, probe="snmp", device="sw-1", at=AT, **changes) -> Observation:
    layout, values = arrange(readings)
    return replace(Observation(device, probe, at, 0.0, layout, values), **changes)


def failed(reason: Reason, probe="snmp", at=AT) -> Observation:
    return Observation("sw-1", probe, at, 0.0, failure=Failure(reason, "expected an answer"))


def lines(page: Exposition, start: str) -> list[str]:
    text = page.render(World(), False, AT).decode()
    return [line for line in text.splitlines() if line.startswith(start)]


def samples(page: Exposition) -> dict[str, list[tuple[Labels, float]]]:
    """Name → samples, the same by the text and the OpenMetrics parser, no series twice."""
    text = page.render(World(), False, AT).decode()
    openmetrics = page.render(World(), True, AT).decode()
    both = []
    for families in (parse_text(text), parse_openmetrics(openmetrics)):
        told = [(s.name, s.labels, s.value) for family in families for s in family.samples]
        assert len({(name, *sorted(labels.items())) for name, labels, _ in told}) == len(told)
        both.append([one for one in told if one[0].startswith("secmon_")])
    assert both[0] == both[1]
    found: dict[str, list[tuple[Labels, float]]] = {}
    for name, labels, value in both[0]:
        found.setdefault(name, []).append((labels, value))
    return found


def parts(page: Exposition, name: str) -> Labels:
    """Part → value as it is written."""
    written = {}
    for line in lines(page, name + "{"):
        labels, value = line.rsplit(" ", 1)
        written[labels.partition('part="')[2].rstrip('"}')] = value
    return written
