"""The ticket's life: one table, MOVES, and one function that looks things up in it.

States and verbs are CONTRACT 5; ways and contents are DB33/T 830-2011, 5.3.2 and 5.4.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from secmon.core import escalation, sla, spares, swinging
from secmon.core.model import (
    Action,
    Clock,
    Mark,
    Refusal,
    Ticket,
    TicketState,
    Verb,
    Way,
)

S, V = TicketState, Verb

MOVES: Mapping[tuple[TicketState, Verb], TicketState] = {
    (S.OPEN, V.ACKNOWLEDGE): S.ACKNOWLEDGED,
    (S.ACKNOWLEDGED, V.ARRIVE): S.ON_SITE,
    (S.ACKNOWLEDGED, V.REPAIR): S.REPAIRED,  # by phone, post or remote login only
    (S.ON_SITE, V.REPAIR): S.REPAIRED,
    (S.REPAIRED, V.VERIFY): S.VERIFIED,
    (S.REPAIRED, V.REJECT): S.ACKNOWLEDGED,
    (S.VERIFIED, V.REJECT): S.ACKNOWLEDGED,
    (S.VERIFIED, V.CLOSE): S.CLOSED,
    **{(state, V.CANCEL): S.CANCELLED for state in S if state not in (S.CLOSED, S.CANCELLED)},
}
ANYWHERE = frozenset((V.ASSIGN, V.TRANSFER, V.NOTE))  # in every state but the ended ones
FALL_BACK = frozenset((S.REPAIRED, S.VERIFIED))


def move(ticket: Ticket, action: Action) -> Ticket | Refusal:
    """The ticket after the action, its version counted up; or why not, and nothing changed."""
    objection = _objection(ticket, action)
    if objection is not None:
        return objection
    if action.verb in ANYWHERE or _again(ticket, action):
        return _say(ticket, action)
    target = MOVES.get((ticket.state, action.verb), S.CLOSED)
    moved = replace(
        ticket,
        version=ticket.version + 1,
        state=target,
        marks=_marks(ticket, target, action),
        way=action.way or ticket.way,
        content=action.content or ticket.content,
        spares=spares.added(ticket.spares, action.spare),
    )
    return settle(moved, action.at)


def possible(ticket: Ticket) -> tuple[Verb, ...]:
    """The verbs that the ticket's state allows, if all else that they need is given with them."""

    if ticket.clears_at is not None:  # good just now: a person's word would be believed
        ticket = swinging.believed(ticket, ticket.opened_at)

    def allowed(verb: Verb, way: Way) -> bool:
        full = Action(ticket.number, verb, "", ticket.opened_at, note="-", to="-", way=way)
        return not isinstance(move(ticket, full), Refusal)

    ways = {V.TRANSFER: Way, V.REPAIR: Way}  # a choice that these verbs bring with them
    return tuple(
        verb
        for verb in Verb
        if verb is not V.REPORT and any(allowed(verb, way) for way in ways.get(verb, (ticket.way,)))
    )


def _objection(ticket: Ticket, action: Action) -> Refusal | None:
    def no(code: str, text: str) -> Refusal:
        return Refusal(code, f"ticket {ticket.number} {text}", ticket)

    verb, state = action.verb, ticket.state
    if action.version is not None and action.version != ticket.version:
        return no("version", f"is at version {ticket.version}, not {action.version}: read it again")
    if ticket.ended:
        return no("state", f"is {state}: cannot {verb}")
    if verb is V.CLOSE and state is not S.VERIFIED:
        if ticket.cleared_at is None and not ticket.removed:
            return no("state", f"is {state} and its fault is not cleared: cannot close")
        if not action.note.strip():
            return no("invalid", "closes in one step only with a word: expected a note (got none)")
    elif verb not in ANYWHERE and (state, verb) not in MOVES and not _again(ticket, action):
        return no("state", f"is {state}: cannot {verb}")
    lack = _lacking(ticket, action) or spares.wrong(ticket.spares, action.verb, action.spare)
    return no("invalid" if lack.startswith("needs") else "state", lack) if lack else None


def _again(ticket: Ticket, action: Action) -> bool:
    """Acknowledged before it relapsed, and somebody is called anew: the first mark stays."""
    called = ticket.state is S.ACKNOWLEDGED and escalation.awaits(ticket)
    return action.verb is V.ACKNOWLEDGE and called


def _lacking(ticket: Ticket, action: Action) -> str:
    """What an otherwise possible action lacks."""
    way = action.way or ticket.way
    match action.verb:
        case V.ASSIGN if not action.to.strip():
            return "needs the assignee's name in `to`"
        case V.TRANSFER if action.way is None:
            return "needs the new way in `way`: on_site, mail_in, phone or remote"
        case V.NOTE if not action.note.strip() and action.spare is None:
            return "needs the words in `note`"
        case V.CANCEL if not action.note.strip():
            return "needs a reason in `note` to be cancelled"
        case V.ARRIVE if way is not Way.ON_SITE:
            return f"is done by {way}: nobody arrives"
        case V.REPAIR if ticket.state is S.ACKNOWLEDGED and way is Way.ON_SITE:
            return "is acknowledged and done on site: arrive comes before repair"
    return ""


def _say(ticket: Ticket, action: Action) -> Ticket:
    """Verbs that change no state."""
    return replace(
        ticket,
        version=ticket.version + 1,
        assignee=action.to if action.verb is V.ASSIGN else ticket.assignee,
        way=action.way if action.verb is V.TRANSFER and action.way else ticket.way,
        content=action.content or ticket.content,
        spares=spares.added(ticket.spares, action.spare),
    )


def _marks(ticket: Ticket, target: TicketState, action: Action) -> Mapping[TicketState, Mark]:
    if action.verb is V.REJECT:
        return _without_repair(ticket)
    mark = Mark(action.at, action.by)
    kept = ticket.marks.get(target) if target is S.ON_SITE else None  # the first arrival counts
    return {**ticket.marks, target: kept or mark}


def _without_repair(ticket: Ticket) -> Mapping[TicketState, Mark]:
    return {state: mark for state, mark in ticket.marks.items() if state not in FALL_BACK}


def settle(ticket: Ticket, now: datetime) -> Ticket:
    """Notes which clocks are decided for good: respond and arrive at their mark, all at the end.

    Repair waits for the end, since a relapse sets it running again.
    """
    decided = dict(ticket.settled)
    for clock in ticket.due:
        final = ticket.ended or (clock is not Clock.REPAIR and sla.STOPS[clock] in ticket.marks)
        if final and clock not in decided and sla.applies(ticket, clock):
            decided[clock] = sla.kept(ticket, clock, now)
    return ticket if decided == ticket.settled else replace(ticket, settled=decided)


def clear(ticket: Ticket, at: datetime) -> Ticket:
    """The fault is gone: all running clocks stop."""
    return replace(ticket, version=ticket.version + 1, cleared_at=at, clears_at=None, holds=0)


def relapse(ticket: Ticket) -> Ticket:
    """The fault is back before closing: clocks run on from the first due."""
    fallen = ticket.state in FALL_BACK
    return replace(
        ticket,
        version=ticket.version + 1,
        cleared_at=None,
        state=S.ACKNOWLEDGED if fallen else ticket.state,
        marks=_without_repair(ticket) if fallen else ticket.marks,
    )


def plans_of(ticket: Ticket) -> list[dict[str, object]]:
    """How far each emergency plan of a ticket is."""
    return [
        {
            "plan": key,
            "begun": {"at": stamp(one.begun.at), "by": one.begun.by},
            "steps": len(one.steps),
            "done": len(one.done),
        }
        for key, one in ticket.checklists.items()
    ]


def stamp(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC, milliseconds."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_json(ticket: Ticket, now: datetime) -> dict[str, object]:
    """CONTRACT 5's ticket; `summary` is a person's words (else rendered), the journal is added
    by those who have it."""
    return {
        "number": ticket.number,
        "version": ticket.version,
        "device": ticket.device,
        "device_name": ticket.device_name,
        "location": ticket.location,
        "part": ticket.part,
        "system": ticket.system,
        "rule": ticket.rule,
        "severity": str(ticket.severity),
        "state": str(ticket.state),
        "summary": ticket.summary,
        "reading": ticket.reading,
        "value": ticket.value,
        "limit": ticket.limit,
        "facts": dict(ticket.facts),
        "opened_at": stamp(ticket.opened_at),
        "detected_at": stamp(ticket.detected_at),
        "cleared_at": stamp(ticket.cleared_at),
        "unsteady": swinging.unsteady(ticket, now),
        "clears_at": stamp(ticket.clears_at),
        "due": {
            str(clock): stamp(moment) if sla.applies(ticket, clock) else None
            for clock, moment in ticket.due.items()
        },
        "marks": {
            str(state): {"at": stamp(mark.at), "by": mark.by}
            for state, mark in ticket.marks.items()
        },
        "overdue": [str(clock) for clock in sla.overdue(ticket, now)],
        "way": str(ticket.way),
        "content": str(ticket.content) if ticket.content else None,
        "spares": [spares.as_json(one) for one in ticket.spares],
        "assignee": ticket.assignee,
        "reported_by": ticket.reported_by,
        "previous": ticket.previous,
        "suppressed": list(ticket.suppressed),
        "removed": ticket.removed,
        "calls": [
            {"at": stamp(when), "to": escalation.to_of(key)}
            for key, when in sorted(ticket.calls.items(), key=lambda one: (one[1], one[0]))
        ],
        "called": sorted(ticket.called),
        "plans": plans_of(ticket),
    }
