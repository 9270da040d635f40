"""An observation, judged: reachability first, then the values that rules look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from secmon.core import causes, clearing, faults, identity, muting, raising
from secmon.core.behind import look_behind
from secmon.core.boots import REBOOTED
from secmon.core.change import ProbeState
from secmon.core.deepening import restate, with_facts
from secmon.core.derive import float_words
from secmon.core.draft import Draft
from secmon.core.faults import Verdict
from secmon.core.model import (
    DEVICE_UP,
    IDENTITY,
    STREAM_UP,
    Device,
    Fault,
    FaultKey,
    FaultState,
    Observation,
    Op,
    ProbePlan,
    Reason,
    Rule,
    Value,
)
from secmon.core.rules import Plan, Position, plan_for, reach_rules, winners
from secmon.core.world import Group

EARLY = 4  # a value that stands still is a suspect after this fraction of its soak


@dataclass(slots=True)
class _Poll:
    """One observation on its way through the judge, with what it is judged against."""

    draft: Draft
    device: Device
    probe: ProbePlan
    seen: Observation
    before: ProbeState | None
    gone: dict[Group, tuple[Rule, Fault]] = field(default_factory=dict)
    """Faults that cleared, the last of each group: their tickets follow when all is judged."""


def observe(draft: Draft, seen: Observation) -> None:
    """Everything one observation changes. Devices and probes no longer configured are ignored."""
    device = draft.policy.devices.get(seen.device)
    probe = device.probe(seen.probe) if device else None
    if device is None or probe is None:
        return
    key = (seen.device, seen.probe)
    poll = _Poll(draft, device, probe, seen, draft.probe(key))
    ours = seen.failure is not None or _is_ours(poll)
    if ours:
        _keep_facts(draft, seen)
    if seen.failure is not None:
        draft.probes[key] = _failed(poll)
        _reach(poll)
    else:
        plan = _plan(poll)
        state = _state(poll, plan)
        draft.probes[key] = state
        troubled = seen.device in draft.world.troubled or draft.faults
        if troubled:
            _reach(poll)
        if ours and not (troubled and identity.strange(draft, device)):
            _values(poll, plan, state)
    for rule, fault in poll.gone.values():
        clearing.cleared(draft, device, rule, fault)
    look_behind(draft, device, seen.tick)


def _keep_facts(draft: Draft, seen: Observation) -> None:
    if seen.facts and REBOOTED in draft.learn(seen.device, seen.facts):
        raising.note_reboot(draft, seen.device, seen.facts[REBOOTED])


def _failed(poll: _Poll) -> ProbeState:
    """The poll failed: what the last good one brought is remembered."""
    seen, before = poll.seen, poll.before
    return ProbeState(
        at=seen.at,
        tick=seen.tick,
        reached=seen.reached,
        failure=seen.failure,
        layout=before.layout if before else seen.layout,
        values=before.values if before else seen.values,
        good_at=before.good_at if before else None,
        plan=before.plan if before else None,
        watched=before.watched if before else (),
        moved=before.moved if before else {},
    )


# --- is it there, and is it the one? ---------------------------------------------------------


def _is_ours(poll: _Poll) -> bool:
    """Before all else: what another device says is not taken for what this one does."""
    if not identity.SAYS & poll.seen.facts.keys():
        return True
    label = poll.probe.label
    rules = winners(reach_rules(poll.draft.policy, poll.device).identity, label)
    if not rules:
        return True
    ours = identity.look(poll.draft, poll.device, poll.seen)
    if ours is not None:
        said = Verdict.GOOD if ours else Verdict.BAD
        for rule in rules:
            _judge(poll, rule, label, said, ours, interval=poll.probe.interval)
    return ours is not False or not identity.met(poll.draft, poll.device, label)


def _reach(poll: _Poll) -> None:
    device, seen = poll.device, poll.seen
    up = poll.draft.up(device)
    interval = max(plan.interval for plan in device.probes)
    known = seen.failure is None or seen.failure.reason is not Reason.INTERNAL
    if up and known and not identity.strange(poll.draft, device):
        _service(poll)
    silence = reach_rules(poll.draft.policy, device).silence
    if up is not None:  # after the probe: a device that answers «no» is not well yet
        for rule in silence:
            said = Verdict.GOOD if up else Verdict.BAD
            _judge(poll, rule, "", said, bool(up), interval=interval)


def _service(poll: _Poll) -> None:
    """The device answers, but does this probe? One that should bring a stream says that there is
    none; if we are not let in, nothing is known of the stream."""
    ok, label = poll.seen.failure is None, poll.probe.label
    rules = reach_rules(poll.draft.policy, poll.device)
    streaming = winners(rules.stream, label) if STREAM_UP in poll.probe.brings else []
    barred = causes.barred(poll.seen.failure)
    lost = not ok and bool(streaming) and not barred
    judged = [
        *((rule, not ok and not lost) for rule in winners(rules.failing, label)),
        *((rule, lost) for rule in streaming if not barred),
    ]
    for rule, bad in judged:
        said = Verdict.BAD if bad else Verdict.GOOD
        _judge(poll, rule, label, said, not bad, interval=poll.probe.interval)


# --- is it well? -----------------------------------------------------------------------------


def _plan(poll: _Poll) -> Plan:
    before, draft = poll.before, poll.draft
    if before is not None and before.layout is poll.seen.layout:
        plan = before.plan
        if isinstance(plan, Plan) and plan.policy is draft.policy:
            return plan
    return plan_for(draft.policy, poll.device, poll.probe, poll.seen.layout)


def _state(poll: _Poll, plan: Plan) -> ProbeState:
    seen = poll.seen
    watched = plan.pick(seen.values)
    return ProbeState(
        seen.at,
        seen.tick,
        True,
        None,
        seen.layout,
        seen.values,
        seen.at,
        plan,
        watched,
        _moved(poll, plan, watched) if plan.stuck else {},
        seen.repeated,
    )


def _moved(
    poll: _Poll, plan: Plan, watched: tuple[Value, ...]
) -> Mapping[int, tuple[float, datetime]]:
    """When each value last moved. A gap in the polls ends the run; a standing fault remembers it
    over a gap, and after a restart a suspect does too."""
    before, now = poll.before, (poll.seen.tick, poll.seen.at)
    unbroken = before is not None and not _gap(poll, before)
    out: dict[int, tuple[float, datetime]] = {}
    for place in plan.stuck:
        position, value = plan.positions[place], watched[place]
        if before is not None and unbroken and before.plan is plan:
            out[place] = before.moved[place] if before.watched[place] == value else now
        else:
            known = _stood_elsewhere(before, position, value) if before and unbroken else None
            out[place] = known or _stood_before(poll, position, value) or now
    return out


def _gap(poll: _Poll, before: ProbeState) -> bool:
    """Were there no good polls for over 3 intervals? By ticks: the wall clock may be set."""
    if before.good_at is None:
        return True
    failing = (before.at - before.good_at).total_seconds()
    return poll.seen.tick - before.tick + failing > faults.GAP * poll.probe.interval


def _stood_elsewhere(
    before: ProbeState, position: Position, value: Value
) -> tuple[float, datetime] | None:
    """Since when a value has stood still that stood at another place in the last good poll."""
    if isinstance(before.plan, Plan):
        for place in before.plan.stuck:
            old = before.plan.positions[place]
            if (old.reading, old.part) == (position.reading, position.part):
                return before.moved[place] if before.watched[place] == value else None
    return None


def _stood_before(poll: _Poll, position: Position, value: Value) -> tuple[float, datetime] | None:
    """Since when a value has stood still, as its fault remembers it."""
    for rule in position.rules:
        fault = poll.draft.fault(FaultKey(poll.device.id, rule.id, position.part))
        if rule.op is Op.STUCK and fault is not None and fault.value == value:
            passed = poll.seen.tick - fault.bad_tick
            if fault.state is not FaultState.SUSPECT or passed <= faults.GAP * poll.probe.interval:
                return fault.since_tick, fault.since
    return None


def _values(poll: _Poll, plan: Plan, state: ProbeState) -> None:
    draft, device, before = poll.draft, poll.device, poll.before
    if plan.stuck:
        _stand_still(poll, plan, state)
    known = None  # what the last poll was judged by
    if before is not None and before.plan is plan and not before.repeated:
        known = before.watched
    quiet = device.id not in draft.world.troubled and not draft.faults
    if quiet and not plan.lacks and known == state.watched:
        return
    troubled = set() if quiet else {fault.key for fault in draft.troubles(device.id)}
    asked = plan.suspects(state.watched) if quiet else range(len(plan.positions))
    for place in asked:
        position, value = plan.positions[place], state.watched[place]
        if quiet and known is not None and known[place] == value:
            continue
        if (position.reading, position.part) in poll.seen.repeated:
            continue
        for rule in position.rules:
            if rule.op is Op.STUCK:
                continue
            said = faults.verdict(rule, value)
            if said is Verdict.BAD or FaultKey(device.id, rule.id, position.part) in troubled:
                _judge(poll, rule, position.part, said, value, interval=poll.probe.interval)
    for rule, gone in plan.missing:
        if gone or FaultKey(device.id, rule.id, rule.where.part) in troubled:
            said = Verdict.BAD if gone else Verdict.GOOD
            _judge(poll, rule, rule.where.part, said, None, interval=poll.probe.interval)


def _stand_still(poll: _Poll, plan: Plan, state: ProbeState) -> None:
    """Values that have not moved for long: suspects early on, so that a restart remembers."""
    for place in plan.stuck:
        position = plan.positions[place]
        for rule in position.rules:
            if rule.op is Op.STUCK:
                key = FaultKey(poll.device.id, rule.id, position.part)
                old = poll.draft.fault(key)
                value, moved = state.watched[place], state.moved[place]
                new = _stood(poll, rule, key, old, value=value, moved=moved)
                if old is not None or new is not None:
                    _settle(poll, rule, key, old, new)


def _stood(
    poll: _Poll,
    rule: Rule,
    key: FaultKey,
    old: Fault | None,
    *,
    value: Value,
    moved: tuple[float, datetime],
) -> Fault | None:
    tick, soak = poll.seen.tick, rule.soak.total_seconds()
    still = tick - moved[0]
    if not still or still < soak / EARLY:
        return None
    if old is None:
        return Fault(key, FaultState.SUSPECT, moved[1], moved[0], tick, value)
    return faults.step(
        old, key, Verdict.BAD, value=value, at=poll.seen.at, tick=tick, interval=soak + tick
    )


def _judge(
    poll: _Poll, rule: Rule, part: str, said: Verdict, value: Value | None, *, interval: float
) -> None:
    key = FaultKey(poll.device.id, rule.id, part)
    old = poll.draft.fault(key)
    seen = poll.seen
    new = faults.step(old, key, said, value=value, at=seen.at, tick=seen.tick, interval=interval)
    if old is None and new is None:
        return
    if new is not None and said is Verdict.BAD:
        new = with_facts(new, _facts(poll, rule, part, value), seen.tick)
    _settle(poll, rule, key, old, new)


def _settle(poll: _Poll, rule: Rule, key: FaultKey, old: Fault | None, new: Fault | None) -> None:
    draft = poll.draft
    draft.put(key, old, new)
    if new is None:
        if old is not None:
            if old.muted_by:
                muting.passed(draft, old)
            poll.gone[draft.group(old, rule.reading)] = (rule, old)
    elif new.state is FaultState.SUSPECT:
        if rule.reading == DEVICE_UP and (old is None or old.since != new.since):
            raising.ask_parents(draft, poll.device, new)
        if faults.ripe(new, rule):
            raising.promote(draft, poll.device, rule, key, poll.seen.evidence)
    elif new.state is FaultState.ACTIVE:
        restate(draft, poll.device, rule, new)


def _facts(poll: _Poll, rule: Rule, part: str, value: Value | None) -> Mapping[str, Value]:
    """What the words about this fault are made of, beyond its value."""
    seen, battery = poll.seen, poll.device.battery
    if rule.reading == IDENTITY:
        return identity.words(poll.draft, poll.device, seen)
    if battery is not None and rule.reading.startswith("battery_float_"):
        return float_words(battery, seen, part)
    return causes.words(poll.draft, poll.device, seen, rule, value)
