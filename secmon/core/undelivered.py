"""A channel gave up on a notice: whom it was meant for does not know, so the next one is told."""

from __future__ import annotations

from dataclasses import replace

from secmon.core import escalation
from secmon.core.draft import Draft
from secmon.core.model import Refusal
from secmon.core.wishes import Undelivered

AFTERWARDS = frozenset(("cleared", "closed", "cancelled"))  # nobody has to come because of these
REASON = "undelivered"


def tell_on(draft: Draft, said: Undelivered) -> str | Refusal:
    """Once per notice, whatever number of channels gives it up. The id of its ticket."""
    notice = said.notice
    ticket = draft.ticket(notice.subject)
    word = f"{REASON} {notice.reason} {notice.at.isoformat()}"
    if notice.to not in draft.policy.read_by_people:
        return notice.subject  # a program's: the channel's own metrics tell
    if ticket is None or word in ticket.told:
        return notice.subject
    draft.save(replace(ticket, told=ticket.told | {word}))
    about = f"{notice.reason} by {notice.to}: {said.why}"
    cover = draft.cover()
    people: tuple[str, ...] = ()
    if cover is not None and notice.reason not in AFTERWARDS and ticket.cleared_at is None:
        told = ticket.called | frozenset(notice.people)
        known = replace(ticket, told=ticket.told | {word}, called=told)
        chosen = (
            escalation.whom(cover, draft.now, to, known) for to in ("next", "lead", "manager")
        )
        fresh = (tuple(name for name in some if name not in told) for some in chosen)
        people = next((some for some in fresh if some), ())
        draft.save(replace(known, called=told | frozenset(people)))
    draft.write(ticket.id, REASON, f"{about} -> {', '.join(people) or 'nobody left to tell'}")
    if people:
        draft.tell_them(
            ticket.id, REASON, people, channel=notice.to, of=notice.reason, step=len(ticket.told)
        )
    return ticket.id
