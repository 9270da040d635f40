"""docs/metrics.md from the vocabulary and the daemon's own series:
`python -m secmon.adapters.exposition.metrics_page > docs/metrics.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry

from secmon.adapters.exposition.catalogue import Catalogue
from secmon.adapters.exposition.daemon import DaemonMetrics
from secmon.adapters.exposition.text import PREFIX
from secmon.core.model import Word
from secmon.standard.tables import vocabulary

_HEAD = """\
# Metrics

Made from `secmon/vocabulary.csv` and the code by
`python -m secmon.adapters.exposition.metrics_page`; do not edit.

`GET /metrics` speaks the Prometheus text format and OpenMetrics, gzipped where the scraper likes
it. Beside it: `GET /-/healthy`, `GET /-/ready`, `POST /-/reload`.

Every series has the label `site`, every series of a device also `system`, `kind` and `device`.
`part` is there where a device has several (port, zone, input, outlet). `probe` is the driver's
name, or `driver:name` where a device has two. Flags are 1 or 0. No label but `part` and those of
`_info` holds text that a device chose; both are escaped and cut at 128 characters.

A reading is shown until the next poll that should bring it; if that poll fails or lacks it, it
vanishes at once. Series of removed devices vanish with a reload. Zeros are shown wherever a series
counts.

"""
_LABELS = {
    "device_info": "name model serial firmware location parent",
    "probe_success": "probe",
    "probe_duration_seconds": "probe",
    "probe_last_run_timestamp_seconds": "probe",
    "probe_last_success_timestamp_seconds": "probe",
    "probe_failures_total": "probe reason",
}
_WORLD = (
    (
        "fault_active",
        "gauge",
        "rule severity part",
        "A fault that is active, not hidden, not muted",
    ),
    ("maintenance_active", "gauge", "do", "Planned work covers the device; absent where none does"),
    ("tickets", "gauge", "state severity", "Tickets that are not closed"),
    ("tickets_overdue", "gauge", "clock", "Tickets with an overdue clock"),
)
_NOTES = """\
`secmon_device_up` is 1 if the last poll of at least one probe got any answer of its protocol, also
a refusal or a garbled one; 0 if all were unreachable or timed out; absent if the device was never
asked, or if all that is known is our own bug.

`reason` of `secmon_probe_failures_total`: `unreachable` nothing answered, a refused TCP connection
too; `refused` the device said no; `garbled`; `timeout`; `internal` our bug.

A silence that a parent's failure explains is hidden: it is in the API with `hidden_by`, and not in
`secmon_fault_active`, so that one root gives one alert. So is a fault that a maintenance window or
a silence covers (`muted_by`): `secmon_maintenance_active` is 1 for a device that is covered as a
whole, `do` says `mute` or `skip`; what a device said before it is skipped is not shown meanwhile.
"""


def page() -> str:
    """The whole page, as Markdown."""
    return "".join((_HEAD, *_devices(), *_readings(), *_own()))


def _devices() -> Iterator[str]:
    yield "## Devices, probes, faults, tickets\n\n| series | type | labels | meaning |\n"
    yield "| --- | --- | --- | --- |\n"
    for family in Catalogue().families():
        name = family.name.removeprefix(PREFIX)
        kind = "gauge" if family.type == "info" else family.type
        yield _row(name, kind, _LABELS.get(name, ""), family.help)
    for name, kind, label_names, words in _WORLD:
        yield _row(name, kind, label_names, words)
    yield f"\n{_NOTES}\n"


def _readings() -> Iterator[str]:
    yield "## Readings\n\n| series | type | labels | unit | meaning |\n"
    yield "| --- | --- | --- | --- | --- |\n"
    for word in vocabulary().values():
        if word.metric and word.type != "text":
            fixed = "".join(f'`{key}="{value}"`' for key, value in word.labels.items())
            kind = "counter" if word.type == "counter" else "gauge"
            cells = (f"`{PREFIX}{word.metric}`", kind, fixed, _unit(word), _help(word))
            yield f"| {' | '.join(cells)} |\n"
    yield (
        "\nThe unit of a series is in its name. Readings without a series (texts, rates for rules"
        " only) are in the API: "
    )
    shown = {family.name.removeprefix(PREFIX) for family in Catalogue().families()}
    silent = [w.name for w in vocabulary().values() if not w.metric and w.name not in shown]
    yield f"{', '.join(f'`{name}`' for name in silent)}.\n\n"


def _own() -> Iterator[str]:
    registry = CollectorRegistry()
    made = DaemonMetrics.register(registry)
    made.know_channels((), ["x"])
    made.channel_tried("x", True, datetime.fromtimestamp(0, UTC))
    yield "## The daemon itself\n\n| series | type | labels | meaning |\n"
    yield "| --- | --- | --- | --- |\n"
    for family in registry.collect():
        suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
        kind = "gauge" if family.type == "info" else family.type
        names = {name for sample in family.samples for name in sample.labels} - {"le"}
        known = " ".join(sorted(names)) if family.name.startswith(PREFIX) else ""
        name = family.name.removesuffix(suffix) + suffix
        yield f"| `{name}` | {kind} | {known} | {family.documentation.rstrip('.')} |\n"


def _row(name: str, kind: str, label_names: str, words: str) -> str:
    return f"| `{PREFIX}{name}` | {kind} | {label_names} | {words} |\n"


def _unit(word: Word) -> str:
    return "0/1" if word.type == "flag" else word.unit


def _help(word: Word) -> str:
    return f"{word.help.get('zh', '')}<br>{word.help.get('en', '')}"


if __name__ == "__main__":
    sys.stdout.write(page())
