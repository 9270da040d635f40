"""Open faults and tickets as series, told from the World at the moment of a scrape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import product
from typing import Protocol, TypeVar

from secmon.adapters.exposition.text import PREFIX, Family, label, labels
from secmon.core import sla
from secmon.core.model import (
    ENDED,
    SEVERITIES,
    Clock,
    Fault,
    FaultKey,
    FaultState,
    Policy,
    Severity,
    Ticket,
    TicketState,
)
from secmon.core.rules import rule_of, severity_at

SLICE = 1000  # faults or tickets between two breathers

_SHOWN = frozenset((FaultState.ACTIVE, FaultState.CLEARING))
_OPEN = tuple(state for state in TicketState if state not in ENDED)

T = TypeVar("T")


class World(Protocol):
    """What the page reads of the desk's World: open faults and tickets."""

    @property
    def faults(self) -> Mapping[FaultKey, Fault]: ...
    @property
    def tickets(self) -> Mapping[str, Ticket]: ...


def faults_text(
    world: World, policy: Policy, devices: Mapping[str, str], openmetrics: bool
) -> Iterator[bytes]:
    """`secmon_fault_active` in pieces; `devices`: id → labels. An empty piece is a breather."""
    family = Family(
        PREFIX + "fault_active", "gauge", "A fault that is active, not hidden, not muted"
    )
    for faults in _slices(list(world.faults.values())):
        for fault in faults:
            line = _fault_line(family.name, fault, policy, devices)
            if line:
                family.blocks[fault.key] = line
        yield b""
    yield family.text(openmetrics)


def _fault_line(name: str, fault: Fault, policy: Policy, devices: Mapping[str, str]) -> bytes:
    """Nothing if the fault is not to be told, or its device or rule was removed by a reload."""
    key = fault.key
    device, rule = policy.devices.get(key.device), rule_of(policy, key.rule)
    if fault.state not in _SHOWN or device is None or rule is None:
        return b""
    if fault.hidden_by or fault.muted_by:
        return b""
    severity = severity_at(device, rule, key.part)
    own = labels(rule=key.rule, severity=severity, part=key.part)
    return f"{name}{{{devices[key.device]},{own}}} 1\n".encode()


def maintenance_text(
    covered: Mapping[str, str], devices: Mapping[str, str], openmetrics: bool
) -> bytes:
    """`secmon_maintenance_active`: nothing where no window covers anything."""
    family = Family(PREFIX + "maintenance_active", "gauge", "Planned work covers the device")
    for device, do in covered.items():
        if device in devices:
            line = f"{family.name}{{{devices[device]},{labels(do=do)}}} 1\n"
            family.blocks[device] = line.encode()
    return family.text(openmetrics) if family.blocks else b""


def tickets_text(world: World, site: str, now: datetime, openmetrics: bool) -> Iterator[bytes]:
    """`secmon_tickets` and `secmon_tickets_overdue` in pieces, zeros too: no series comes and
    goes. An empty piece is a breather."""
    states: Counter[tuple[TicketState, Severity]] = Counter()
    late: Counter[Clock] = Counter()
    for tickets in _slices(list(world.tickets.values())):
        states.update((ticket.state, ticket.severity) for ticket in tickets)
        for ticket in tickets:
            late.update(sla.overdue(ticket, now))
        yield b""
    here = label("site", site)
    family = Family(PREFIX + "tickets", "gauge", "Tickets that are not closed")
    for state, severity in product(_OPEN, SEVERITIES):
        series = f"{family.name}{{{here},{labels(state=state, severity=severity)}}}"
        family.blocks[state, severity] = f"{series} {states[state, severity]}\n".encode()
    yield family.text(openmetrics)
    family = Family(PREFIX + "tickets_overdue", "gauge", "Tickets with an overdue clock")
    for clock in Clock:
        series = f"{family.name}{{{here},{label('clock', clock)}}}"
        family.blocks[clock] = f"{series} {late[clock]}\n".encode()
    yield family.text(openmetrics)


def _slices(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), SLICE):
        yield items[start : start + SLICE]
