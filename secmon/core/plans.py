"""Emergency plans (DB33/T 830-2011, 4.1 b): begun on a ticket, ticked step by step, each by name.

A ticket keeps the plan as it was when it was begun: a new site file changes no list that somebody
is working through. Ticking moves neither the ticket's state nor its version, so it spoils no form
that somebody else is filling in; it counts as a word about the ticket.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from secmon.core import escalation
from secmon.core.draft import Draft
from secmon.core.model import Checklist, Mark, Plan, Policy, Refusal, Ticket
from secmon.core.wishes import BeginPlan, TickStep

BEGUN, TICKED, UNTICKED = "plan begun", "plan step", "plan step undone"  # lines of the journal


def judge(draft: Draft, wish: BeginPlan | TickStep) -> str | Refusal:
    """The id of the ticket whose plan was begun or ticked, or why nothing changed."""
    ticket_id = draft.world.numbers.get(wish.ticket)
    ticket = draft.ticket(ticket_id) if ticket_id else None
    if ticket is None:
        return Refusal("state", f"there is no open ticket {wish.ticket}")
    done = _begin(draft, ticket, wish) if isinstance(wish, BeginPlan) else _tick(ticket, wish)
    if isinstance(done, Refusal):
        return done
    draft.save(escalation.hear(done, draft.cover(), wish.at))
    draft.write(ticket.id, *_line(done, wish), wish.by)
    return ticket.id


def fitting(policy: Policy, ticket: Ticket) -> list[Plan]:
    """The plans of the ticket's system, then those of every system, that are not begun."""
    wanted = [one for one in policy.plans.values() if one.system in ("", ticket.system)]
    fresh = [one for one in wanted if one.id not in ticket.checklists]
    return sorted(fresh, key=lambda one: (not one.system, one.id))


def local(words: Mapping[str, str], language: str) -> str:
    """In this language, else as they were written."""
    return words.get(language) or next(iter(words.values()), "")


def _begin(draft: Draft, ticket: Ticket, wish: BeginPlan) -> Ticket | Refusal:
    plan = draft.policy.plans.get(wish.plan)
    if plan is None or plan.system not in ("", ticket.system):
        known = ", ".join(one.id for one in fitting(draft.policy, ticket)) or "none"
        return Refusal("unknown", f"plan: expected one of {known} (got {wish.plan[:64]!r})")
    if plan.id in ticket.checklists:
        begun = ticket.checklists[plan.id].begun
        return Refusal("state", f"plan {plan.id} of {ticket.number} was begun by {begun.by}")
    made = Checklist(plan.title, plan.steps, Mark(wish.at, wish.by), ours=plan.ours)
    return replace(ticket, checklists={**ticket.checklists, plan.id: made})


def _tick(ticket: Ticket, wish: TickStep) -> Ticket | Refusal:
    one = ticket.checklists.get(wish.plan)
    if one is None:
        return Refusal("unknown", f"plan {wish.plan[:64]!r} of {ticket.number} is not begun")
    if not 1 <= wish.step <= len(one.steps):
        return Refusal("unknown", f"step: expected 1 to {len(one.steps)} (got {wish.step})")
    key = str(wish.step)
    mark = one.done.get(key)
    if mark is not None and not wish.undone:
        return Refusal("state", f"step {key} of {ticket.number} is ticked by {mark.by} already")
    if mark is None and wish.undone:
        return Refusal("state", f"step {key} of {ticket.number} is not ticked")
    done = {step: known for step, known in one.done.items() if step != key}
    if not wish.undone:
        done[key] = Mark(wish.at, wish.by)
    return replace(ticket, checklists={**ticket.checklists, wish.plan: replace(one, done=done)})


def _line(ticket: Ticket, wish: BeginPlan | TickStep) -> tuple[str, str]:
    """(what, why) in the words of the site's language, which stand first."""
    one = ticket.checklists[wish.plan]
    if isinstance(wish, BeginPlan):
        return BEGUN, f"{wish.plan}: {local(one.title, '')}"
    words: Sequence[Mapping[str, str]] = one.steps
    text = f"{wish.plan} {wish.step}/{len(words)}: {local(words[wish.step - 1], '')}"
    return (UNTICKED if wish.undone else TICKED), text
