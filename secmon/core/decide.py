"""The one door: observations, actions and mere time → a change. Pure; reads no clock.

`decide` with no inputs is the timer, with an Action the operator, with an Observation the wire.
One batch gives what many batches give: every input is judged at its own moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from secmon.core import raising
from secmon.core.act import act, forget
from secmon.core.change import Change
from secmon.core.draft import Draft
from secmon.core.faults import GAP
from secmon.core.judge import observe
from secmon.core.model import (
    Action,
    Device,
    Fault,
    FaultState,
    Observation,
    Policy,
    Ticket,
)
from secmon.core.rules import rule_of
from secmon.core.world import World, apply, wake

__all__ = ["adopt", "apply", "decide", "revive", "wake"]


def decide(
    world: World, inputs: Sequence[Observation | Action], policy: Policy, now: datetime
) -> Change:
    """What the inputs change, up to `now`. An input that breaks the judge is dropped and named in
    `Change.dropped`; the others are judged as if it had never come."""
    dropped: dict[int, str] = {}
    while True:
        draft = Draft(world, policy, inputs[0].at if inputs else now)
        broken = _fold(draft, inputs, dropped)
        if broken is None:
            break
        dropped |= broken
    draft.dropped.update(dropped)
    draft.pass_time(now)
    for fault in draft.waiting():
        raising.retry(draft, fault)
    return draft.finish()


def _fold(
    draft: Draft, inputs: Sequence[Observation | Action], dropped: Mapping[int, str]
) -> dict[int, str] | None:
    """Judges one after the other; gives back the one that broke the judge, if any."""
    for place, given in enumerate(inputs):
        if place in dropped:
            continue
        try:
            draft.pass_time(given.at)
            if isinstance(given, Observation):
                observe(draft, given)
            else:
                draft.outcomes[place] = act(draft, given)
        except Exception as bug:
            return {place: f"{type(bug).__name__}: {bug}"}
    return None


def adopt(world: World, policy: Policy, now: datetime) -> Change:
    """What a new site file changes: faults of removed devices and rules go, their tickets stay
    for a person's word, newly hidden or shown silences follow at the next observation."""
    draft = Draft(world, policy, now)
    for key, fault in world.faults.items():
        if key.device not in policy.devices or rule_of(policy, key.rule) is None:
            draft.put(key, fault, None)
        elif fault.hidden_by and fault.hidden_by not in policy.devices:
            shown = replace(fault, state=FaultState.SUSPECT, since=now, hidden_by="")
            draft.put(key, fault, shown)
    for ticket in world.tickets.values():
        why = _gone(ticket, policy)
        if why and not ticket.removed:
            forget(draft, ticket, why)
    return draft.finish()


def _gone(ticket: Ticket, policy: Policy) -> str:
    if ticket.device not in policy.devices:
        return "device removed from the site file"
    if ticket.rule and rule_of(policy, ticket.rule) is None:
        return "rule removed from the site file"
    return ""


def revive(
    faults: Iterable[Fault],
    tickets: Iterable[Ticket],
    facts: Mapping[str, Mapping[str, str]],
    policy: Policy,
    *,
    now: datetime,
    tick: float,
    alive_at: datetime | None,
) -> tuple[World, Change]:
    """The world as the store has it, and what the time without us changes: a soak goes on only if
    we were away for less than 3 intervals of its device."""
    world = World(facts={device: dict(known) for device, known in facts.items()})
    away = now - alive_at if alive_at is not None else None
    lost: dict[str, Fault] = {}
    for fault in faults:
        aged = replace(
            fault,
            since_tick=tick - (now - fault.since).total_seconds(),
            bad_tick=tick - (away.total_seconds() if away is not None else 0.0),
        )
        lost_soak = fault.state is FaultState.SUSPECT and not _short(
            policy.devices.get(fault.key.device), away
        )
        if lost_soak:
            lost[str(fault.key)] = aged
        _restore(world, aged)
    for ticket in tickets:
        apply(world, Change(at=ticket.opened_at, tickets={ticket.id: ticket}), policy.words)
    change = adopt(world, policy, now)
    dropped = {fault.key: None for fault in lost.values()}
    return world, replace(change, faults={**dropped, **change.faults})


def _short(device: Device | None, away: timedelta | None) -> bool:
    if device is None or away is None or not device.probes:
        return False
    interval = max(plan.interval for plan in device.probes)
    return away.total_seconds() < GAP * interval


def _restore(world: World, fault: Fault) -> None:
    apply(world, Change(at=fault.since, touched={fault.key: fault}), {})
