"""The end of a fault: its ticket is clear when nothing of its group is left, and stays so."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from secmon.core import escalation, swinging, tickets
from secmon.core.deepening import live, retarget
from secmon.core.draft import Draft
from secmon.core.model import Device, Fault, Rule, Ticket
from secmon.core.rules import rule_of
from secmon.core.world import Group, group_of


def cleared(draft: Draft, device: Device, rule: Rule, old: Fault) -> None:
    """A fault is clear. Its ticket is too, unless another fault of the group still lives."""
    group = draft.group(old, rule.reading)
    ticket = draft.ticket_of(group)
    if ticket is None or ticket.cleared_at is not None:
        return
    if live(draft, device, group):
        retarget(draft, device, ticket, group)
        return
    if not _suspected(draft, group) and not swinging.held(draft, ticket):
        _clear(draft, ticket, rule.id)


def alone(draft: Draft, ticket: Ticket) -> bool:
    """Is it the one ticket of its group? Two that an older secmon left open become one: the other
    is clear, speaks of no fault any more, and waits for a person's word."""
    if not ticket.rule:
        return True
    group = group_of(draft.policy.words, ticket.device, ticket.reading, ticket.part)
    one = draft.ticket_of(group)
    if one is None or one.id == ticket.id:
        return True
    words = f"{ticket.rule} → {one.number}"
    cleared_at = ticket.cleared_at or draft.now
    draft.save(
        replace(ticket, version=ticket.version + 1, rule="", summary=words, cleared_at=cleared_at)
    )
    draft.write(ticket.id, "cleared", f"one ticket with {one.number} from now on")
    return False


def left(draft: Draft, ticket: Ticket) -> None:
    """Faults went without being judged: a ticket that has none left is clear."""
    if not ticket.rule or ticket.cleared_at is not None or ticket.clears_at is not None:
        return
    group = group_of(draft.policy.words, ticket.device, ticket.reading, ticket.part)
    if not _suspected(draft, group):
        _clear(draft, ticket, ticket.rule)


def steady(draft: Draft, ticket: Ticket, when: datetime) -> None:
    """The time is over for which an unsteady fault has to stay good before it is believed."""
    if ticket.clears_at != when:
        return
    group = group_of(draft.policy.words, ticket.device, ticket.reading, ticket.part)
    if _suspected(draft, group):  # how that ends will tell
        draft.save(replace(ticket, clears_at=None))
    elif not swinging.looked(draft, ticket):
        draft.save(replace(ticket, clears_at=when + swinging.HOLD))
    else:
        _clear(draft, ticket, f"{ticket.rule}, good since it was held")


def _suspected(draft: Draft, group: Group) -> bool:
    """Is any fault of this group not clear?"""
    for fault in draft.troubles(group[0]):
        rule = rule_of(draft.policy, fault.key.rule)
        if rule is not None and draft.group(fault, rule.reading) == group:
            return True
    return False


def _clear(draft: Draft, ticket: Ticket, why: str) -> None:
    done = swinging.swung(escalation.quiet(tickets.clear(ticket, draft.now)), draft.now)
    draft.save(done)
    draft.write(done.id, "cleared", why)
    draft.tell(done, "cleared")
