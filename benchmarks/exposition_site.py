"""The site that benchmarks/exposition.py polls: 28-port switches, or devices of ten readings."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from secmon.core.model import (
    Device,
    Layout,
    Observation,
    Policy,
    ProbePlan,
    Sla,
    Value,
    Word,
)

AT = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
PORTS = 28
DIRECTIONS = ("receive", "transmit")


@dataclass(frozen=True, slots=True)
class Column:
    """One reading at all its parts; `draw` makes the next value from the last."""

    word: Word
    parts: tuple[str, ...]
    draw: Callable[[random.Random, Any], Value]
    first: Value


def switch() -> tuple[Column, ...]:
    """12 ifTable columns × 28 ports, two rates and two utilizations × 28, the uptime."""
    ports = tuple(f"GigabitEthernet1/0/{port}" for port in range(1, PORTS + 1))
    same = lambda _, last: last  # noqa: E731 - most values stay as they are
    more = lambda rng, last: last + rng.randrange(1 << 24)  # noqa: E731
    share = lambda rng, _: rng.random()  # noqa: E731
    columns = [
        Column(_word("interface_up"), ports, same, True),
        Column(_word("interface_admin_up"), ports, same, True),
        Column(_word("interface_speed_bytes_per_second"), ports, same, 125_000_000),
        Column(_word("interface_alias", metric=""), ports, same, "uplink"),
        Column(_word("interface_last_change_seconds", metric=""), ports, same, 1234.5),
        Column(_word("uptime_seconds"), ("",), lambda _, last: last + 30, 1_000_000),
    ]
    for direction in DIRECTIONS:
        for what, draw in (("bytes", more), ("errors", same), ("discards", same)):
            name = f"interface_{direction}_{what}_total"
            columns.append(Column(_word(name, kind="counter"), ports, draw, 1 << 40))
        rate = _word(f"interface_{direction}_errors_per_second", metric="")
        columns.append(Column(rate, ports, same, 0.0))
        name, metric = f"interface_{direction}_utilization_ratio", "interface_utilization_ratio"
        labelled = _word(name, metric=metric, labels={"direction": direction})
        columns.append(Column(labelled, ports, share, 0.5))
    return tuple(columns)


def room() -> tuple[Column, ...]:
    """Ten readings of a UPS in a machine room: every one changes at each poll."""
    names = [f"quantity_{letter}_volts" for letter in "abcdefghij"]
    return tuple(
        Column(_word(name), ("",), lambda rng, _: round(rng.random() * 230, 2), 1.0)
        for name in names
    )


def _word(
    name: str,
    *,
    metric: str | None = None,
    kind: str = "gauge",
    labels: dict[str, str] | None = None,
) -> Word:
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
        help={"en": name},
    )


def policy_of(devices: int, columns: Sequence[Column]) -> Policy:
    probes = (ProbePlan("snmp", "snmp", 30.0, 5.0),)
    ids = [f"sw-{number}" for number in range(devices)]
    hour = timedelta(hours=1)
    return Policy(
        site="lab",
        timezone="UTC",
        sla=Sla(hour, hour, hour),
        devices={id_: Device(id_, "接入交换机", "network", "switch", probes=probes) for id_ in ids},
        rules=(),
        channels=(),
        words={column.word.name: column.word for column in columns},
    )


def layout_of(columns: Sequence[Column]) -> Layout:
    return Layout(
        tuple(column.word.name for column in columns for _ in column.parts),
        tuple(part for column in columns for part in column.parts),
    )


def first_values(columns: Sequence[Column]) -> list[Value]:
    return [column.first for column in columns for _ in column.parts]


def next_values(
    columns: Sequence[Column], values: Sequence[Value], rng: random.Random
) -> list[Value]:
    draws = [column.draw for column in columns for _ in column.parts]
    return [draw(rng, value) for draw, value in zip(draws, values, strict=True)]


def seen(device: str, layout: Layout, values: Sequence[Value], poll: int = 0) -> Observation:
    return Observation(
        device, "snmp", AT + timedelta(seconds=30 * poll), 30.0 * poll, layout, values
    )
