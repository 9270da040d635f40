"""How a device stands: what is wrong counts, what is hidden or not known is never good."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from secmon.console.status import STALE, Level, Standing, Why, standings
from secmon.core.change import ProbeState
from secmon.core.model import (
    EMPTY_LAYOUT,
    Device,
    Failure,
    Fault,
    FaultKey,
    FaultState,
    Policy,
    ProbePlan,
    Reason,
    Rule,
    Severity,
    Sla,
    Ticket,
    TicketState,
)
from secmon.core.model import Op as Is
from secmon.core.world import World

AT = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
TICK = 1000.0
PLANS = tuple(ProbePlan(label, label, 30.0, 5.0) for label in ("icmp", "snmp"))


def policy(device: Device) -> Policy:
    rule = Rule("down", "device_up", Is.IS, False, severity=Severity.CRITICAL)
    return Policy("lab", "UTC", Sla(HOUR, HOUR, HOUR), {device.id: device}, (rule,), (), {})


def stands(world: World, *plans: ProbePlan) -> Standing:
    device = Device("sw-1", "交换机", "network", "switch", probes=plans)
    (one,) = standings(world, policy(device), TICK)
    return one


def polled(reason: Reason | None = None, tick: float = TICK - 1) -> ProbeState:
    failure = Failure(reason, "x") if reason else None
    reached = {None: True, Reason.INTERNAL: None}.get(reason, reason is Reason.REFUSED)
    return ProbeState(AT, tick, reached, failure, EMPTY_LAYOUT, (), None)


def fault(state: FaultState = FaultState.ACTIVE, hidden_by: str = "") -> Fault:
    key = FaultKey("sw-1", "down")
    return Fault(key, state, AT, TICK - 60, TICK - 1, False, hidden_by=hidden_by)


def seen(*states: ProbeState | None, faults: tuple[Fault, ...] = ()) -> World:
    world = World()
    for plan, state in zip(PLANS, states, strict=False):
        if state is not None:
            world.probes["sw-1", plan.label] = state
    for one in faults:
        world.faults[one.key] = one
        world.troubled.setdefault("sw-1", set()).add(one.key)
    return world


OLD = TICK - STALE * 30 - 6

CASES = [
    ("answers", seen(polled(), polled()), Level.GOOD, Why.NONE),
    ("answers one of two", seen(polled(Reason.TIMEOUT), polled()), Level.GOOD, Why.NONE),
    ("never asked", seen(None, None), Level.UNKNOWN, Why.NEVER),
    ("asked by one, silent", seen(polled(Reason.TIMEOUT), None), Level.UNKNOWN, Why.NEVER),
    ("silent", seen(polled(Reason.TIMEOUT), polled(Reason.TIMEOUT)), Level.UNKNOWN, Why.SILENT),
    ("our own bug", seen(polled(Reason.INTERNAL), polled(Reason.INTERNAL)), Level.UNKNOWN, Why.BUG),
    ("good long ago", seen(polled(tick=OLD), polled(tick=OLD)), Level.UNKNOWN, Why.STALE),
    ("good just now and long ago", seen(polled(tick=OLD), polled()), Level.GOOD, Why.NONE),
    ("fault", seen(polled(), polled(), faults=(fault(),)), Level.FAULTY, Why.NONE),
    (
        "clearing",
        seen(polled(), polled(), faults=(fault(FaultState.CLEARING),)),
        Level.FAULTY,
        Why.NONE,
    ),
    (
        "only suspected",
        seen(polled(), polled(), faults=(fault(FaultState.SUSPECT),)),
        Level.GOOD,
        Why.NONE,
    ),
    (
        "hidden",
        seen(polled(Reason.TIMEOUT), polled(), faults=(fault(hidden_by="core-1"),)),
        Level.UNKNOWN,
        Why.BEHIND,
    ),
]


@pytest.mark.parametrize(("name", "world", "level", "why"), CASES, ids=[case[0] for case in CASES])
def test_a_device_with_probes(name: str, world: World, level: Level, why: Why) -> None:
    one = stands(world, *PLANS)
    assert (one.level, one.why) == (level, why)
    assert one.behind == ("core-1" if why is Why.BEHIND else "")


def test_what_nobody_probes_is_unknown_until_a_person_reports_it() -> None:
    world = World()
    assert (stands(world).level, stands(world).why) == (Level.UNKNOWN, Why.ROUNDS)
    ticket = Ticket(
        id="t",
        number="WX-2026-0001",
        version=1,
        device="sw-1",
        device_name="交换机",
        location="",
        system="network",
        rule="",
        part="",
        severity=Severity.MINOR,
        state=TicketState.OPEN,
        opened_at=AT,
        detected_at=AT,
        due={},
    )
    world.tickets["t"] = ticket
    one = stands(world)
    assert (one.level, one.severity, one.tickets) == (Level.FAULTY, Severity.MINOR, (ticket,))
    world.tickets["t"] = replace(ticket, cleared_at=AT)
    assert stands(world).level is Level.UNKNOWN
    world.tickets["t"] = replace(ticket, removed=True)
    assert stands(world).level is Level.UNKNOWN


def test_the_gravest_counts() -> None:
    assert stands(seen(polled(), faults=(fault(),)), *PLANS).severity is Severity.CRITICAL
