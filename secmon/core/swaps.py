"""Overrides of the roster: asked for, confirmed by somebody else, taken back; each has its line.

Who asks may not confirm, but the lead, the manager and whoever may act for others by role: theirs
is in force at once. Of two overrides for one person and time the one confirmed later wins.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta

from secmon.core.draft import Draft
from secmon.core.model import Refusal
from secmon.core.roster import Cover, Duty, Override
from secmon.core.wishes import Confirm, Swap, Withdraw

BOOK = "duty"
BACK = timedelta(hours=24)  # how far back an override may be written down
LONGEST = timedelta(days=62)
FARTHEST = timedelta(days=400)
MOST = 200  # overrides that are not over yet


def leads(duty: Duty, name: str, deputy: bool) -> bool:
    """May this person act for others?"""
    return deputy or name in duty.lead or name in duty.manager


def confirmers(one: Override) -> list[str]:
    """Who may agree to it, beside those who may act for others."""
    return [name for name in (one.user, one.replaces) if name and name != one.asked_by]


def concerned(one: Override) -> tuple[str, ...]:
    """Who may take it back, beside those who may act for others."""
    return (one.asked_by, one.user, one.replaces)


def ask(draft: Draft, cover: Cover, wish: Swap) -> str | Refusal:
    """The id of the new override."""
    objection = _objection(draft, cover, wish)
    if objection is not None:
        return objection
    at_once = leads(cover.duty, wish.by, wish.deputy)
    one = Override(
        id=_id(draft, wish),
        start=wish.start,
        end=wish.end,
        replaces=wish.replaces,
        user=wish.user,
        asked_by=wish.by,
        asked_at=wish.at,
        note=wish.note.strip(),
        confirmed_by=wish.by if at_once else "",
        confirmed_at=wish.at if at_once else None,
    )
    draft.book.put_override(one)
    draft.write(BOOK, "override", f"{_words(one)} {one.note}".strip(), wish.by)
    if at_once:
        _in_force(draft, one, wish.by)
    return one.id


def confirm(draft: Draft, cover: Cover, wish: Confirm) -> str | Refusal:
    one = draft.book.overrides().get(wish.override)
    if one is None:
        return Refusal("unknown", f"there is no override {wish.override}")
    if one.confirmed_at is not None:
        return Refusal("state", f"override {one.id} is confirmed by {one.confirmed_by} already")
    if one.end <= wish.at:
        return Refusal("state", f"override {one.id} is over")
    if not leads(cover.duty, wish.by, wish.deputy):
        others = confirmers(one)
        if wish.by not in others:
            expected = ", ".join([*others, "the lead or the manager"])
            return Refusal("forbidden", f"{wish.by} cannot confirm this: expected {expected}")
    one = replace(one, confirmed_by=wish.by, confirmed_at=wish.at)
    draft.book.put_override(one)
    _in_force(draft, one, wish.by)
    return one.id


def withdraw(draft: Draft, cover: Cover, wish: Withdraw) -> str | Refusal:
    one = draft.book.overrides().get(wish.override)
    if one is None:
        return Refusal("unknown", f"there is no override {wish.override}")
    if one.end <= wish.at:
        return Refusal("state", f"override {one.id} is over: what was done stays written")
    if wish.by not in concerned(one) and not leads(cover.duty, wish.by, wish.deputy):
        return Refusal(
            "forbidden",
            f"{wish.by} cannot take this back: expected {one.asked_by}, a person concerned, the "
            "lead or the manager",
        )
    draft.book.put_override(replace(one, removed_by=wish.by, removed_at=wish.at))
    draft.write(BOOK, "override withdrawn", _words(one), wish.by)
    return one.id


def beaten(one: Override, overrides: list[Override]) -> list[Override]:
    """Overrides in force for the same person at a time of this one, confirmed before it."""
    if one.confirmed_at is None or not one.replaces:
        return []
    return [
        other
        for other in overrides
        if other.id != one.id
        and other.in_force
        and other.replaces == one.replaces
        and other.start < one.end
        and other.end > one.start
        and (other.confirmed_at or other.asked_at, other.id) < (one.confirmed_at, one.id)
    ]


def _in_force(draft: Draft, one: Override, by: str) -> None:
    over = beaten(one, list(draft.book.overrides().values()))
    words = f"; it wins over {', '.join(other.id for other in over)}" if over else ""
    draft.write(BOOK, "override in force", _words(one) + words, by)


def _objection(draft: Draft, cover: Cover, wish: Swap) -> Refusal | None:
    def no(text: str) -> Refusal:
        return Refusal("invalid", text)

    if wish.start >= wish.end:
        return no("to: expected a time after `from`")
    if wish.end <= wish.at or wish.start < wish.at - BACK:
        return no("from: expected a time that is not over, begun at most 24 h ago")
    if wish.end - wish.start > LONGEST or wish.start > wish.at + FARTHEST:
        return no("to: expected at most 62 d in one override, within the next 400 d")
    if not wish.replaces and not wish.user:
        return no("user: expected who stands in, or `replaces` whom nobody stands in for")
    if wish.replaces == wish.user:
        return no("user: expected somebody else than `replaces`")
    known = draft.book.overrides()
    same = [one for one in known.values() if _same(one, wish)]
    if same:
        return Refusal("state", f"override {same[0].id} says this already")
    if len(known) >= MOST:
        return Refusal("state", f"there are {MOST} overrides already: take some back first")
    if wish.replaces and not _is_on(cover, wish):
        return no(f"replaces: expected who is on duty then (got {wish.replaces}, who is not)")
    return None


def _same(one: Override, wish: Swap) -> bool:
    said = (wish.start, wish.end, wish.replaces, wish.user)
    return (one.start, one.end, one.replaces, one.user) == said


def _is_on(cover: Cover, wish: Swap) -> bool:
    planned = any(
        wish.replaces in one.people and one.start < wish.end
        for one in cover.spans(wish.start, wish.end)
    )
    return planned or any(
        wish.replaces in one.people for one in cover.stretches(wish.start, wish.end)
    )


def _id(draft: Draft, wish: Swap) -> str:
    start = f"{wish.at.astimezone(UTC):%Y%m%dT%H%M%S%f}"
    return f"{start}-{sum(key.startswith(start) for key in draft.book.overrides())}"


def _words(one: Override) -> str:
    start, end = (moment.isoformat(timespec="minutes") for moment in (one.start, one.end))
    who = f"{one.user or 'nobody'} for {one.replaces}" if one.replaces else f"{one.user} too"
    return f"{one.id} {who} {start} to {end}"
