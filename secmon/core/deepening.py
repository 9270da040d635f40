"""One ticket, whose words follow what is known: another fault of its group, or another cause.

Rules that hold here:
- The deepest live fault names the ticket, the gravest live one weighs it (of one reading both are
  the gravest).
- A cause must have stood for as long as its rule's soak before the ticket says it: one that comes
  and goes changes nothing.
- People are told where it gets graver and where it becomes another kind of work; on the ladder of
  each only once, until the ticket relapses. Of many changes the journal keeps one line an hour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from secmon.core import causes, escalation
from secmon.core.boots import REBOOTED
from secmon.core.draft import Draft
from secmon.core.model import (
    SEVERITIES,
    Device,
    Fault,
    FaultState,
    Rule,
    Severity,
    Ticket,
    Value,
)
from secmon.core.rules import rule_of, severity_at
from secmon.core.world import LADDER, Group

LIVE = (FaultState.ACTIVE, FaultState.CLEARING)
STEADY = 6  # changes of one ticket that the journal takes as they come
SELDOM = timedelta(hours=1)  # … and a line of it that often from then on
_TELLS = ("kind ", "weight ")  # words of `told` that speak of causes


def with_facts(fault: Fault, facts: Mapping[str, Value], tick: float) -> Fault:
    """The fault with what its words are made of, as the latest bad observation has it."""
    if facts == fault.facts:
        return fault
    turned = facts.get("cause") != fault.facts.get("cause")
    return replace(fault, facts=facts, turned_tick=tick if turned else fault.turned_tick)


def words_of(rule: Rule, fault: Fault) -> Mapping[str, Value]:
    """The facts that a ticket takes over from its fault."""
    return {**fault.facts, "op": str(rule.op)}


def anew(ticket: Ticket, rule: Rule, fault: Fault) -> Ticket:
    """The ticket after a relapse: people are told again, and of today's cause."""
    told = frozenset(word for word in ticket.told if not word.startswith(_TELLS))
    if (ticket.rule, ticket.part) != (rule.id, fault.key.part):
        return replace(ticket, told=told)
    return replace(ticket, told=told, facts=words_of(rule, fault), value=fault.value)


def retarget(
    draft: Draft, device: Device, ticket: Ticket, group: Group, *, tell: bool = True
) -> Ticket:
    """The ticket speaks of the deepest, then gravest, live fault of its group. `tell`: people hear
    of it by this alone."""
    found = live(draft, device, group)
    if not found:
        return ticket
    rule, fault = min(found, key=lambda pair: _rank(draft, device, *pair))
    severity = _weight(device, group, found, rule, fault)
    same = (ticket.rule, ticket.part) == (rule.id, fault.key.part)
    if same and ticket.severity is severity:
        return ticket
    changed = replace(
        ticket,
        rule=rule.id,
        part=fault.key.part,
        severity=severity,
        reading=rule.reading,
        value=fault.value,
        limit=rule.limit,
        facts=ticket.facts if same else _facts(ticket, rule, fault),
    )
    return _change(draft, ticket, changed, group, tell)


def restate(draft: Draft, device: Device, rule: Rule, fault: Fault) -> None:
    """The fault is still there: does its ticket still say what it comes of?"""
    group = draft.group(fault, rule.reading)
    ticket = draft.ticket_of(group)
    if ticket is None or ticket.cleared_at is not None:
        return
    if (ticket.rule, ticket.part) != (rule.id, fault.key.part):
        return
    if ticket.facts.get("cause") == fault.facts.get("cause"):
        return
    if fault.bad_tick - fault.turned_tick < rule.soak.total_seconds():
        return
    changed = replace(ticket, facts=_facts(ticket, rule, fault), value=fault.value)
    _change(draft, ticket, changed, group, True)


def live(draft: Draft, device: Device, group: Group) -> list[tuple[Rule, Fault]]:
    """The faults of a group that are active, or were and are not yet clear, and neither hidden nor
    covered by a window."""
    found = []
    for fault in draft.troubles(device.id):
        rule = rule_of(draft.policy, fault.key.rule)
        if rule is None or fault.state not in LIVE or fault.hidden_by or fault.muted_by:
            continue
        if draft.group(fault, rule.reading) == group:
            found.append((rule, fault))
    return found


def _rank(draft: Draft, device: Device, rule: Rule, fault: Fault) -> tuple[int, int, str, str]:
    severity: Severity = severity_at(device, rule, fault.key.part)
    depth = draft.policy.words[rule.reading].depth
    return depth, SEVERITIES.index(severity), rule.id, fault.key.part


def _weight(
    device: Device, group: Group, found: list[tuple[Rule, Fault]], rule: Rule, fault: Fault
) -> Severity:
    """No picture stays a grave thing, also where a lighter cause explains it."""
    if group[1] != LADDER:
        return severity_at(device, rule, fault.key.part)
    weights = (severity_at(device, rule, fault.key.part) for rule, fault in found)
    return min(weights, key=SEVERITIES.index)


def _facts(ticket: Ticket, rule: Rule, fault: Fault) -> Mapping[str, Value]:
    kept = {name: ticket.facts[name] for name in (REBOOTED,) if name in ticket.facts}
    return {**kept, **words_of(rule, fault)}


def _change(draft: Draft, ticket: Ticket, changed: Ticket, group: Group, tell: bool) -> Ticket:
    graver = SEVERITIES.index(changed.severity) < SEVERITIES.index(ticket.severity)
    told = ticket.told
    if group[1] == LADDER:
        told |= set(_tells(ticket))
        kind, weight = _tells(changed)
        tell = tell and (kind not in told or (graver and weight not in told))
        told |= {kind, weight}
    else:
        tell = tell and graver
    last = ticket.turned_at
    written = ticket.turns < STEADY or last is None or draft.now - last >= SELDOM
    changed = replace(
        changed,
        version=ticket.version + 1,
        told=told,
        turns=ticket.turns + 1,
        turned_at=draft.now if written else last,
    )
    if graver:
        changed = escalation.worsen(changed, draft.cover(), draft.now)
    draft.save(changed)
    if written:
        parts = ticket.part != changed.part and ticket.rule == changed.rule
        before, after = _named(ticket, parts), _named(changed, parts)
        draft.write(ticket.id, "deepened", f"{before} -> {after}")
    if tell:
        draft.tell(changed, "deepened")
    return changed


def _tells(ticket: Ticket) -> tuple[str, str]:
    """What people know once they were told of this: what kind of work it is, and how grave."""
    kind, weight = _TELLS
    work = causes.work(ticket.facts.get("cause"), ticket.reading)
    return f"{kind}{work}", f"{weight}{ticket.severity}"


def _named(ticket: Ticket, with_part: bool) -> str:
    name = f"{ticket.rule} {ticket.part}" if with_part else ticket.rule
    cause = ticket.facts.get("cause")
    return f"{name} ({cause})" if cause else name
