"""Trained people (DB33/T 830-2011, 4.2.1; App. A, 现场培训): who, until when, who is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta

from secmon.core import escalation
from secmon.core.book import Training
from secmon.core.draft import Draft
from secmon.core.model import Refusal
from secmon.core.roster import Cover, Duty
from secmon.core.wishes import Train

BOOK = "duty"
AGAIN = timedelta(days=7)  # until the lead is told again of the same person
MOST = 200  # trainings of one person


def train(draft: Draft, wish: Train) -> str | Refusal:
    """The id of the training that was written down, or struck out."""
    key = f"{wish.user}|{wish.day}|{wish.what}"
    known = {one.id: one for one in draft.book.trainings()}
    if wish.removed:
        if key not in known:
            return Refusal("unknown", f"{wish.user} has no such training on {wish.day}")
        one = replace(known[key], removed=True, by=wish.by, at=wish.at)
    else:
        if key not in known and sum(one.user == wish.user for one in known.values()) >= MOST:
            return Refusal("state", f"{wish.user} has {MOST} trainings written down already")
        one = Training(key, wish.user, wish.what, wish.day, wish.until, wish.by, wish.at)
    draft.book.put_training(one)
    what = "training struck out" if wish.removed else "training"
    until = f" until {wish.until}" if wish.until else ""
    draft.write(BOOK, what, f"{wish.user} {wish.day} {wish.what}{until}", wish.by)
    return key


def valid_until(trainings: Iterable[Training], user: str, duty: Duty) -> date | None:
    """The last day of this person's latest training; None: never trained."""
    days = [
        date.fromisoformat(one.until)
        if one.until
        else date.fromisoformat(one.day) + duty.training_valid
        for one in trainings
        if one.user == user
    ]
    return max(days, default=None)


def untrained(
    trainings: Iterable[Training], people: Iterable[str], duty: Duty, at: datetime
) -> list[str]:
    """Who of these people is not trained, or no longer, on that day."""
    known, today = list(trainings), at.astimezone(duty.zone).date()
    return [
        name for name in people if (last := valid_until(known, name, duty)) is None or last < today
    ]


def warn(draft: Draft, cover: Cover, coming: Iterable[str]) -> None:
    """Somebody untrained comes on duty: no blocker, but the lead is told, once a week."""
    watch = draft.book.watch
    found = untrained(draft.book.trainings(), coming, cover.duty, draft.now)
    fresh = [name for name in found if _told_long_ago(watch.warned.get(name), draft.now)]
    if not fresh:
        return
    kept = {name: at for name, at in watch.warned.items() if draft.now - at < AGAIN}
    draft.book.set_watch(replace(watch, warned={**kept, **dict.fromkeys(fresh, draft.now)}))
    names = ", ".join(fresh)
    draft.write(BOOK, "untrained", names)
    people = escalation.unique(escalation.lead(cover), tuple(fresh))
    draft.tell_them(f"{BOOK}/{draft.now.isoformat()}", "untrained", people, names=names)


def _told_long_ago(said_at: datetime | None, now: datetime) -> bool:
    return said_at is None or now - said_at >= AGAIN
