"""The one door: observations, actions and mere time → a change. Pure; reads no clock.

`decide` with no inputs is the timer, with an Action the operator, with an Observation the wire.
One batch gives what many batches give: every input is judged at its own moment.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from secmon.core import clearing, duty, muting, plans, raising
from secmon.core.act import act, forget
from secmon.core.book import Pages
from secmon.core.change import Change
from secmon.core.draft import Draft
from secmon.core.escalation import late
from secmon.core.faults import GAP
from secmon.core.judge import observe
from secmon.core.model import (
    Action,
    Device,
    Fault,
    FaultKey,
    FaultState,
    Observation,
    Policy,
    Ticket,
)
from secmon.core.passing import pass_time
from secmon.core.rules import speaks
from secmon.core.swinging import held_till
from secmon.core.wishes import PlanWish, Wish
from secmon.core.world import World, apply, wake

__all__ = ["Input", "adopt", "apply", "decide", "revive", "wake"]

Input = Observation | Action | Wish

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)  # before all that is in any store
LAST_SIGN = timedelta(seconds=10)  # how old the last sign of life may be while all is well


def decide(world: World, inputs: Sequence[Input], policy: Policy, now: datetime) -> Change:
    """What the inputs change, up to `now`. An input that breaks the judge is dropped and named in
    `Change.dropped`; the others are judged as if it had never come."""
    dropped: dict[int, str] = {}
    while True:
        draft = Draft(world, policy, _start(world, inputs, now), now)
        broken = _fold(draft, inputs, dropped)
        if broken is None:
            break
        dropped |= broken
    draft.dropped.update(dropped)
    pass_time(draft, now)
    raising.tire(draft)
    pass_time(draft, now)  # of tickets that have just been opened
    return draft.finish()


def _start(world: World, inputs: Sequence[Input], now: datetime) -> datetime:
    """What fell due before the first input is told at its own moment, however late we are."""
    first = inputs[0].at if inputs else now
    return min(first, world.due[0][0]) if world.due else first


def _fold(
    draft: Draft, inputs: Sequence[Input], dropped: Mapping[int, str]
) -> dict[int, str] | None:
    """Judges one after the other; gives back the one that broke the judge, if any."""
    for place, given in enumerate(inputs):
        if place in dropped:
            continue
        try:
            pass_time(draft, given.at)
            if isinstance(given, Observation):
                observe(draft, given)
                raising.hear(draft, given.device)
            elif isinstance(given, Action):
                draft.outcomes[place] = act(draft, given)
            elif isinstance(given, PlanWish):
                draft.outcomes[place] = plans.judge(draft, given)
            else:
                draft.outcomes[place] = duty.judge(draft, given)
            raising.tire(draft)
        except Exception as bug:
            return {place: f"{type(bug).__name__}: {bug}"}
    return None


def adopt(world: World, policy: Policy, now: datetime) -> Change:
    """What a new site file changes: faults that nothing can judge any more go, their tickets stay
    for a person's word, newly hidden or shown silences follow at the next observation."""
    return _take_up(world, policy, now, frozenset(), now)


def _take_up(
    world: World,
    policy: Policy,
    now: datetime,
    lost: Collection[FaultKey],
    relieved_at: datetime,
) -> Change:
    """`lost`: soaks that were interrupted for too long. `relieved_at`: the last change of shift
    that was dealt with."""
    draft = Draft(world, policy, _start(world, (), now), now)
    pass_time(draft, now)
    duty.take_up(draft, relieved_at)
    muting.take_up(draft)
    for key, fault in world.faults.items():
        if key in lost or not speaks(policy, key):
            draft.put(key, fault, None)
        elif fault.hidden_by and fault.hidden_by not in policy.devices:
            draft.put(key, fault, None)  # a silence of its own, if it still is one
            draft.asks.add(key.device)
    for known in world.tickets.values():
        ticket = draft.ticket(known.id)
        if ticket is not None and not ticket.removed:
            why = _gone(ticket, policy)
            if why:
                forget(draft, ticket, why)
            elif clearing.alone(draft, ticket):
                clearing.left(draft, ticket)
    return draft.finish()


def _gone(ticket: Ticket, policy: Policy) -> str:
    if ticket.device not in policy.devices:
        return "device removed from the site file"
    if ticket.rule and not speaks(policy, ticket.fault):
        return "rule removed from the site file, or no longer speaks of this"
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
    pages: Pages | None = None,
) -> tuple[World, Change]:
    """The world as the store has it, and what the time without us changes: a soak goes on only if
    we were away for less than 3 intervals of its device. `pages`: the duty book."""
    world = World(facts={device: dict(known) for device, known in facts.items()})
    away = now - alive_at if alive_at is not None else None
    lost: set[FaultKey] = set()
    for fault in faults:
        aged = replace(
            fault,
            since_tick=tick - (now - fault.since).total_seconds(),
            bad_tick=tick - (away.total_seconds() if away is not None else 0.0),
            turned_tick=tick,
        )
        lost_soak = fault.state is FaultState.SUSPECT and not _short(
            policy.devices.get(fault.key.device), away
        )
        if lost_soak:
            lost.add(fault.key)
        _restore(world, aged)
    for known in tickets:
        ticket = replace(known, calls=late(known.calls, now), clears_at=held_till(known, now))
        apply(world, Change(at=ticket.opened_at, tickets={ticket.id: ticket}), policy.words)
    last = alive_at - LAST_SIGN if alive_at is not None else now
    relieved_at = min(_open_book(world, pages or Pages(), policy, now) or last, now)
    return world, _take_up(world, policy, now, lost, relieved_at)


def _open_book(world: World, pages: Pages, policy: Policy, now: datetime) -> datetime | None:
    """Puts the duty book into the world; the last change of shift, if the roster was in force."""
    watch = pages.watch
    hand_overs = {
        key: replace(one, calls=late(one.calls, now)) for key, one in pages.hand_overs.items()
    }
    still = replace(watch, rings_at=None) if watch is not None else None
    known = replace(pages, hand_overs=hand_overs, watch=still)
    apply(world, Change(at=LONG_AGO, pages=known), policy.words)
    return watch.relieved_at if watch is not None and watch.rings_at is not None else None


def _short(device: Device | None, away: timedelta | None) -> bool:
    if device is None or away is None or not device.probes:
        return False
    interval = max(plan.interval for plan in device.probes)
    return away.total_seconds() < GAP * interval


def _restore(world: World, fault: Fault) -> None:
    apply(world, Change(at=fault.since, touched={fault.key: fault}), {})
