"""How every device stands: faulty, unknown or good. What nobody knows is never called good."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from secmon.core.change import answers
from secmon.core.model import (
    SEVERITIES,
    Device,
    Fault,
    FaultState,
    Policy,
    Severity,
    Ticket,
)
from secmon.core.rules import rule_of, severity_at
from secmon.core.windows import Do, Shade
from secmon.core.world import World

RANK = {severity: place for place, severity in enumerate(SEVERITIES)}
LEAST = SEVERITIES[-1]
STALE = 5  # intervals without any poll after which the last one says nothing any more
STALE_S = 60.0  # … but at least so many seconds


class Level(StrEnum):
    FAULTY = "faulty"
    UNKNOWN = "unknown"
    GOOD = "good"


class Why(StrEnum):
    """Why a device is unknown."""

    NONE = ""
    ROUNDS = "rounds"  # it has no probes: people look after it
    NEVER = "never"  # it was not asked yet
    BEHIND = "behind"  # what it hangs on is down
    SILENT = "silent"  # no answer just now, not yet for long enough to be a fault
    STALE = "stale"  # nobody asked for too long
    BUG = "bug"  # our own error
    MAINTENANCE = "maintenance"  # planned work covers it


class Standing(NamedTuple):
    """One device now. `faults` are those that count, `tickets` the open ones, oldest first. A
    tuple: a page of 10,000 devices makes as many, three times as fast as frozen objects."""

    device: Device
    level: Level
    why: Why = Why.NONE
    behind: str = ""  # id of the device that is down
    severity: Severity = Severity.WARNING  # of what is faulty
    faults: tuple[Fault, ...] = ()
    tickets: tuple[Ticket, ...] = ()
    until: datetime | None = None  # planned work covers it till then


def tickets_by_device(world: World) -> Mapping[str, list[Ticket]]:
    """Device → its open tickets, oldest first."""
    found: dict[str, list[Ticket]] = {}
    for ticket in world.tickets.values():
        found.setdefault(ticket.device, []).append(ticket)
    for tickets in found.values():
        if len(tickets) > 1:
            tickets.sort(key=lambda ticket: ticket.number)
    return found


def standings(
    world: World, policy: Policy, tick: float, shade: Shade | None = None
) -> list[Standing]:
    """Every device of the site file, in its order; `shade`: what planned work covers."""
    tickets = tickets_by_device(world)
    return [
        standing(world, policy, device, tickets.get(device.id, ()), tick, shade=shade)
        for device in policy.devices.values()
    ]


def standing(
    world: World,
    policy: Policy,
    device: Device,
    tickets: Iterable[Ticket],
    tick: float,
    *,
    shade: Shade | None = None,
) -> Standing:
    """One device; `tickets` are its open ones."""
    found = _standing(world, policy, device, tickets, tick)
    covers = shade.over(device) if shade is not None else ()
    troubled = world.troubled.get(device.id)
    if not covers and not troubled:  # nearly all of them
        return found
    muted = any(world.faults[key].muted_by for key in troubled or ())
    if not covers:
        if muted and found.level is Level.GOOD:  # a silence of one part or rule
            return found._replace(level=Level.UNKNOWN, why=Why.MAINTENANCE)
        return found
    until = max(end for _, end in covers)
    skipped = any(window.do is Do.SKIP for window, _ in covers)
    if found.level is Level.FAULTY or (found.level is Level.GOOD and not muted and not skipped):
        return found._replace(until=until)
    return found._replace(level=Level.UNKNOWN, why=Why.MAINTENANCE, behind="", until=until)


def _standing(
    world: World, policy: Policy, device: Device, tickets: Iterable[Ticket], tick: float
) -> Standing:
    own = tuple(tickets)
    troubled = world.troubled.get(device.id)
    if not troubled and not own:  # nearly all of them
        why = _why_unknown(world, device, tick)
        return Standing(device, Level.UNKNOWN if why else Level.GOOD, why)
    every = [world.faults[key] for key in sorted(troubled or ())]
    active = [fault for fault in every if fault.state is not FaultState.SUSPECT]
    faults = tuple([one for one in active if not one.hidden_by and not one.muted_by])
    wrong = [ticket for ticket in own if ticket.cleared_at is None and not ticket.removed]
    if faults or wrong:
        graves = [ticket.severity for ticket in wrong] + _severities(policy, device, faults)
        worst = graves[0] if len(graves) == 1 else min(graves, key=RANK.__getitem__, default=LEAST)
        return Standing(device, Level.FAULTY, severity=worst, faults=faults, tickets=own)
    hidden = next((fault.hidden_by for fault in active if fault.hidden_by), "")
    why = Why.BEHIND if hidden else _why_unknown(world, device, tick)
    level = Level.UNKNOWN if why else Level.GOOD
    return Standing(device, level, why, hidden, tickets=own)


def _severities(policy: Policy, device: Device, faults: Iterable[Fault]) -> list[Severity]:
    rules = [(rule_of(policy, fault.key.rule), fault) for fault in faults]
    return [severity_at(device, rule, fault.key.part) for rule, fault in rules if rule]


def _why_unknown(world: World, device: Device, tick: float) -> Why:
    """Empty where the device is known to answer."""
    if not device.probes:
        return Why.ROUNDS
    polls = [world.probes.get((device.id, plan.label)) for plan in device.probes]
    fresh = False
    for plan, state in zip(device.probes, polls, strict=True):
        if state is not None:
            patience = max(STALE * plan.interval + plan.timeout, STALE_S)
            fresh = fresh or tick - state.tick <= patience
            if fresh and state.reached:
                return Why.NONE
    known = [state for state in polls if state is not None]
    if not known:
        return Why.NEVER
    if not fresh:
        return Why.STALE
    match answers(polls):
        case True:
            return Why.NONE
        case False:
            return Why.SILENT
    return Why.NEVER if len(known) < len(polls) else Why.BUG
