"""From a fault that has lasted to work for people: hide it, open its ticket, take it up again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from secmon.core import escalation, faults, muting, sla, swinging, tickets, topology
from secmon.core.boots import REBOOTED
from secmon.core.deepening import anew, retarget, words_of
from secmon.core.draft import Draft, waits
from secmon.core.model import (
    DEVICE_UP,
    Device,
    Fault,
    FaultKey,
    FaultState,
    Feed,
    Op,
    Rule,
    Ticket,
    TicketState,
)
from secmon.core.rules import rule_of, severity_at
from secmon.core.topology import Sight
from secmon.core.world import LADDER, Group

# --- silence and its parents -----------------------------------------------------------------


def ask_parents(draft: Draft, device: Device, fault: Fault) -> None:
    """A child fell silent: its ancestors are asked at once, and their word is awaited."""
    above = [parent for parent in topology.ancestors(draft.policy, device) if parent.probes]
    if not above:
        return
    draft.asks.update(parent.id for parent in above)
    patience = max(plan.timeout for parent in above for plan in parent.probes)
    until = draft.now + timedelta(seconds=patience + 1)
    draft.put(fault.key, fault, replace(fault, wait_until=until))


def _heard(draft: Draft, device: Device, fault: Fault) -> bool:
    """Has every parent spoken since the child fell silent, or had its time?"""
    if fault.wait_until is None or draft.now >= fault.wait_until:
        return True
    for parent in _speakers(draft, device):
        for plan in parent.probes:
            state = draft.probe((parent.id, plan.label))
            if state is None or state.at <= fault.since:
                return False
    return True


def _speakers(draft: Draft, device: Device) -> Iterator[Device]:
    """The nearest devices above that can be asked."""
    seen, level = {device.id}, [device]
    while level:
        mute: list[Device] = []
        for feed in (feed for child in level for feed in child.parents):
            parent = draft.policy.devices.get(feed.device)
            if parent is None or parent.id in seen:
                continue
            seen.add(parent.id)
            if parent.probes:
                yield parent
            else:
                mute.append(parent)
        level = mute


def sight(draft: Draft) -> Sight:
    """The present, as the topology asks for it: down or off, and known as a fault."""

    def down(device_id: str) -> bool:
        device = draft.policy.devices.get(device_id)
        return (
            device is not None
            and draft.up(device) is not True  # unknown: its silence stands as it was
            and any(_reading(draft, fault) == DEVICE_UP for fault in draft.troubles(device_id))
        )

    def off(device_id: str, part: str) -> bool:
        for fault in draft.troubles(device_id):
            word = draft.policy.words.get(_reading(draft, fault))
            if fault.key.part == part and word is not None and word.feeds:
                return True
        return False

    return Sight(down, off)


def _reading(draft: Draft, fault: Fault) -> str:
    rule = rule_of(draft.policy, fault.key.rule)
    return rule.reading if rule else ""


def hear(draft: Draft, device_id: str) -> None:
    """A device was asked: silences below it may have waited for that."""
    if not draft.waits:
        return
    for child in topology.below(draft.policy, device_id):
        for fault in draft.troubles(child):
            if waits(fault):
                _retry(draft, fault)


def tire(draft: Draft) -> None:
    """The time of some parents is over: from now on the soak alone decides."""
    for fault in draft.tired():
        _retry(draft, fault)


def _retry(draft: Draft, fault: Fault) -> None:
    device = draft.policy.devices.get(fault.key.device)
    rule = rule_of(draft.policy, fault.key.rule)
    if device is None or rule is None:
        return
    if faults.ripe(fault, rule):
        promote(draft, device, rule, fault.key, None)
    elif fault.wait_until is not None and draft.now >= fault.wait_until:
        draft.put(fault.key, fault, replace(fault, wait_until=None))


def hide(draft: Draft, device: Device, fault: Fault, root: Feed) -> None:
    """This silence is explained by its root: no ticket of its own, a word on the root's."""
    hidden = replace(
        fault,
        state=FaultState.ACTIVE,
        wait_until=None,
        hidden_by=root.device,
        hidden_part=root.part,
    )
    draft.put(fault.key, fault, hidden)
    draft.write(device.id, "hidden", f"behind {root.device} {root.part}".strip())
    for ticket in _tickets_at(draft, root):
        _suppress(draft, ticket, [device.id])
    for behind in draft.hidden_behind(device.id):
        child = draft.policy.devices.get(behind.key.device)
        if child is not None:
            hide(draft, child, behind, root)


def uncover(draft: Draft, device: Device, fault: Fault, tick: float) -> None:
    """The root is well again, this device is still silent: its soak starts now (`tick`)."""
    shown = replace(
        fault,
        state=FaultState.SUSPECT,
        since=draft.now,
        since_tick=tick,
        bad_tick=tick,
        hidden_by="",
        hidden_part="",
    )
    draft.put(fault.key, fault, shown)
    draft.asks.add(device.id)


def _tickets_at(draft: Draft, root: Feed) -> list[Ticket]:
    if not root.part:
        found = draft.ticket_of((root.device, LADDER, ""))
        return [found] if found else []
    groups = {
        draft.group(fault, _reading(draft, fault))
        for fault in draft.troubles(root.device)
        if fault.key.part == root.part
    }
    return [ticket for group in sorted(groups) if (ticket := draft.ticket_of(group))]


def _suppress(draft: Draft, ticket: Ticket, devices: list[str]) -> Ticket:
    news = [device for device in devices if device not in ticket.suppressed]
    if not news:
        return ticket
    more = replace(ticket, suppressed=(*ticket.suppressed, *news))
    draft.save(more)
    return more


def note_reboot(draft: Draft, device_id: str, at: str) -> None:
    """The device started anew: information, and where it had a ticket a word on that."""
    ticket = draft.ticket_of((device_id, LADDER, ""))
    if ticket is None or ticket.cleared_at is not None:
        draft.write(device_id, "rebooted", f"started at {at}")
        return
    more = {**ticket.facts, REBOOTED: at}
    draft.save(replace(ticket, version=ticket.version + 1, facts=more))
    draft.write(ticket.id, "rebooted", f"started at {at}")


# --- tickets ---------------------------------------------------------------------------------


def promote(
    draft: Draft, device: Device, rule: Rule, key: FaultKey, evidence: bytes | None
) -> None:
    """A suspect has lasted its soak: it is active, unless it waits or something hides it."""
    fault = draft.fault(key)
    if fault is None or fault.state is not FaultState.SUSPECT:
        return
    if muting.mute(draft, device, rule, fault):
        return
    if rule.reading == DEVICE_UP and device.parents:
        if not _heard(draft, device, fault):
            return
        root = topology.root(draft.policy, sight(draft), device)
        if root is not None:
            hide(draft, device, fault, root)
            return
    active = replace(fault, state=FaultState.ACTIVE, wait_until=None)
    draft.put(key, fault, active)
    raise_ticket(draft, device, rule, active, evidence)


def raise_ticket(
    draft: Draft, device: Device, rule: Rule, fault: Fault, evidence: bytes | None
) -> None:
    """Opens the group's ticket, or reuses the one that is open."""
    group = draft.group(fault, rule.reading)
    ticket = draft.ticket_of(group)
    if ticket is None:
        ticket = _open(draft, device, rule, fault, group)
    else:
        if ticket.removed:  # what was gone from the site file is there again
            ticket = replace(ticket, removed=False, version=ticket.version + 1)
            draft.save(ticket)
        relapsed = ticket.cleared_at is not None
        if ticket.clears_at is not None:
            ticket = swinging.again(draft, ticket)
        if relapsed:
            ticket = anew(tickets.relapse(ticket), rule, fault)
            ticket = escalation.arm(ticket, draft.cover(), draft.now)
            ticket = swinging.swung(ticket, draft.now)
            draft.save(ticket)
            draft.write(ticket.id, "relapsed", rule.id)
            draft.tell(ticket, "relapsed")
        ticket = retarget(draft, device, ticket, group, tell=not relapsed)
    if evidence is not None:
        draft.evidence[ticket.id] = evidence


def _open(draft: Draft, device: Device, rule: Rule, fault: Fault, group: Group) -> Ticket:
    behind = [
        hidden.key.device
        for hidden in draft.hidden_behind(device.id)
        if hidden.hidden_part in ("", fault.key.part)
    ]
    # a value that stands still is bad only once it has stood for as long as its rule says
    detected = draft.now if rule.op is Op.STUCK else fault.since
    ticket = Ticket(
        id=f"{device.id}|{rule.id}|{fault.key.part}|{draft.now.isoformat()}",
        number="",
        version=1,
        device=device.id,
        device_name=device.name,
        location=device.location,
        system=device.system,
        rule=rule.id,
        part=fault.key.part,
        severity=severity_at(device, rule, fault.key.part),
        state=TicketState.OPEN,
        opened_at=draft.moment,
        detected_at=detected,
        due=sla.due(detected, draft.policy.sla),
        reading=rule.reading,
        value=fault.value,
        limit=rule.limit,
        facts=words_of(rule, fault),
        suppressed=tuple(behind),
        swings=(draft.now,),
    )
    ticket = escalation.arm(ticket, draft.cover(), draft.now)
    draft.save(ticket, group)
    draft.write(ticket.id, "opened", rule.id)
    draft.tell(ticket, "opened")
    return ticket
