"""A person's verb, judged: on a ticket, or a report that opens one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from secmon.core import escalation, identity, sla, spares, swinging, tickets
from secmon.core.change import ProbeState
from secmon.core.draft import Draft
from secmon.core.model import (
    DEVICE_UP,
    IDENTITY,
    PROBE_SUCCESS,
    STREAM_REACHED,
    Action,
    Refusal,
    Ticket,
    TicketState,
    Verb,
)

TOLD = {Verb.CLOSE: "closed", Verb.CANCEL: "cancelled"}  # verbs that people are told of

MENDS = (Verb.REPAIR, Verb.VERIFY, Verb.CLOSE)  # believed of what is good just now
ACCEPTS = (Verb.REPAIR, Verb.CANCEL)  # by these a person says that another device is the right one
OF_A_PROBE = (PROBE_SUCCESS, STREAM_REACHED, IDENTITY)  # made by the core, one part per probe


def act(draft: Draft, action: Action) -> str | Refusal:
    """The id of the ticket that the action changed, or why it changed nothing."""
    if action.verb is Verb.REPORT:
        return _report(draft, action)
    ticket = _find(draft, action.subject)
    if ticket is None:
        return Refusal("unknown", f"there is no open ticket {action.subject}")
    if action.verb is Verb.VERIFY and ticket.state is TicketState.REPAIRED:
        objection = _unverified(draft, ticket)
        if objection:
            return Refusal("unverified", f"ticket {ticket.number} {objection}", ticket)
    held = ticket.clears_at is not None and action.verb in MENDS
    moved = tickets.move(swinging.believed(ticket, action.at) if held else ticket, action)
    if isinstance(moved, Refusal):
        return moved
    moved = escalation.hear(moved, draft.cover(), action.at)
    draft.save(moved)
    if action.spare is None or action.verb is not Verb.NOTE or action.note.strip():
        draft.write(ticket.id, str(action.verb), _why(action), action.by)
    if action.spare is not None:
        draft.write(ticket.id, "spare", spares.said(action.spare), action.by)
    if held:
        draft.write(ticket.id, "cleared", "by a person's word", action.by)
        if action.verb is not Verb.CLOSE:
            draft.tell(moved, "cleared")
    if action.verb in ACCEPTS:
        _accept(draft, ticket, action.by)
    reason = TOLD.get(action.verb)
    if reason:
        draft.tell(moved, reason, by=action.by, note=action.note)
    return moved.id


def _accept(draft: Draft, ticket: Ticket, by: str) -> None:
    device = draft.policy.devices.get(ticket.device)
    accepted = identity.accept(draft, device, ticket) if device is not None else ""
    if accepted:
        draft.write(ticket.id, "accepted", accepted, by)
        draft.asks.add(ticket.device)


def _find(draft: Draft, number: str) -> Ticket | None:
    ticket_id = draft.world.numbers.get(number)
    return draft.ticket(ticket_id) if ticket_id else None


def _why(action: Action) -> str:
    said = {"to": action.to, "way": action.way or "", "content": action.content or ""}
    words = [f"{key}={value}" for key, value in said.items() if value]
    return " ".join([*words, action.note]).strip()


def _unverified(draft: Draft, ticket: Ticket) -> str:
    """Why a ticket can't be called verified yet; empty: a good observation says it can.

    A device that nobody probes, or that is no longer configured, is verified by a person's word.
    """
    device = draft.policy.devices.get(ticket.device)
    mark = ticket.marks.get(TicketState.REPAIRED)
    if device is None or not device.probes or ticket.removed or mark is None:
        return ""
    if ticket.rule and ticket.cleared_at is None and ticket.clears_at is None:
        return "is not verified: its fault is still there"
    good = [
        state.good_at
        for plan in device.probes
        if (state := draft.probe((device.id, plan.label))) is not None
        and state.good_at is not None
        and (
            ticket.reading in ("", DEVICE_UP)
            or (ticket.reading in OF_A_PROBE and ticket.part == plan.label)
            or _looked_at(ticket, state, mark.at)
        )
    ]
    if any(at > mark.at for at in good):
        return ""
    return "is not verified: no good observation since it was repaired"


def _looked_at(ticket: Ticket, state: ProbeState, since: datetime) -> bool:
    """Did a poll take the ticket's reading? One that is repeated from before counts if it cleared
    the fault since then."""
    if ticket.reading not in state.layout.spans:
        return False
    if (ticket.reading, ticket.part) not in state.repeated:
        return True
    good_at = ticket.cleared_at or (ticket.swings[-1] if ticket.clears_at else None)
    return good_at is not None and good_at > since


def _report(draft: Draft, action: Action) -> str | Refusal:
    device = draft.policy.devices.get(action.subject)
    if device is None:
        return Refusal("unknown", f"there is no device {action.subject!r}")
    if not action.note.strip():
        return Refusal("invalid", "a report needs words: expected a note (got none)")
    ticket = Ticket(
        id=_report_id(draft, action),
        number="",
        version=1,
        device=device.id,
        device_name=device.name,
        location=device.location,
        system=device.system,
        rule="",
        part=action.part,
        severity=action.severity,
        state=TicketState.OPEN,
        opened_at=draft.moment,
        detected_at=action.at,
        due=sla.due(action.at, draft.policy.sla),
        summary=action.note.strip(),
        reported_by=action.by,
    )
    ticket = escalation.arm(ticket, draft.cover(), draft.now)
    draft.save(ticket)
    draft.write(ticket.id, "reported", action.note.strip(), action.by)
    draft.tell(ticket, "opened")
    return ticket.id


def _report_id(draft: Draft, action: Action) -> str:
    """Two reports of one moment are two tickets, in one batch as in two."""
    start = f"{action.subject}|reported|{action.at.isoformat()}|{action.by}|"
    known = {*draft.world.tickets, *draft.tickets}
    return f"{start}{sum(one.startswith(start) for one in known)}"


def forget(draft: Draft, ticket: Ticket, why: str) -> None:
    """The ticket's device or rule is gone from the site file: it stays for a person's word."""
    draft.save(replace(ticket, removed=True, version=ticket.version + 1))
    draft.write(ticket.id, "removed", why)
