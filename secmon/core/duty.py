"""The duty book, judged: changes of shift as time brings them, and what people ask of it.

A hand-over is frozen when somebody goes off duty. Only the last of several that were missed while
the daemon was down is: its remark says so. Whoever is not on either shift signs only as a deputy,
the lead and the manager by the site file, managers and administrators by their role, with a word.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from secmon.core import escalation, handover, silences, swaps, training, undelivered
from secmon.core.book import WATCH, Watch
from secmon.core.draft import OURSELVES, Draft
from secmon.core.handover import INCOMING, OUTGOING, SIDES, HandOver, Signature
from secmon.core.model import Refusal
from secmon.core.roster import AHEAD, Cover, Relief
from secmon.core.snapshot import freeze
from secmon.core.wishes import (
    Confirm,
    DutyWish,
    Mute,
    Relieve,
    Sign,
    Swap,
    Train,
    Undelivered,
    Unmute,
    Withdraw,
)

BOOK = "duty"  # subject of the journal's lines that speak of no ticket
SETTLING = timedelta(minutes=1)  # after a start, until the first polls are in
LATE = timedelta(minutes=1)  # later than this is remarked
EARLY = timedelta(hours=2)  # a hand-over may begin so long before the shift ends
CHASED = timedelta(hours=24)  # after that nobody is reminded of a signature any more
AGAIN = timedelta(hours=4)


# --- time ------------------------------------------------------------------------------------


def take_up(draft: Draft, since: datetime) -> None:
    """At a start or with a new site file: when is the roster to be looked at next? The changes of
    shift after `since` were missed."""
    cover, watch, now = draft.cover(), draft.book.watch, draft.now
    if cover is None:
        if watch.rings_at is not None:
            draft.book.set_watch(replace(watch, rings_at=None))
    elif since < now and next(cover.reliefs(since, now), None) is not None:
        _ring_at(draft, replace(watch, relieved_at=since), now + SETTLING)
    else:
        _look_ahead(draft, cover, max(since, now))


def relieve(draft: Draft) -> None:
    """It is time to look at the roster: freezes the hand-over that is due, if there is one."""
    cover, watch = draft.cover(), draft.book.watch
    if cover is None:
        draft.book.set_watch(replace(watch, rings_at=None))
        return
    since = watch.relieved_at or draft.now
    missed = list(cover.reliefs(since, draft.now))
    if missed:
        _freeze(draft, missed[-1], _late(missed, draft.now))
        training.warn(draft, cover, missed[-1].incoming)
    _look_ahead(draft, cover, missed[-1].at if missed else since)


def look_again(draft: Draft) -> None:
    """The roster has changed: an override came or went. What was no change of shift when it passed
    is none now; but one that was missed while we were away is still to come."""
    cover, watch = draft.cover(), draft.book.watch
    if cover is None:
        return
    since = watch.relieved_at or draft.now
    soon = watch.rings_at is not None and watch.rings_at <= draft.now + SETTLING
    if soon and next(cover.reliefs(since, draft.now), None) is not None:
        return
    _look_ahead(draft, cover, max(since, draft.now))


def _look_ahead(draft: Draft, cover: Cover, relieved_at: datetime) -> None:
    """The next change of shift after this moment."""
    start = max(relieved_at, draft.now)
    coming = cover.next_relief(start)
    watch = replace(draft.book.watch, relieved_at=relieved_at)
    _ring_at(draft, watch, coming.at if coming else start + AHEAD)


def _ring_at(draft: Draft, watch: Watch, when: datetime) -> None:
    draft.book.set_watch(replace(watch, rings_at=when))
    draft.due.add(when, WATCH)


def _late(missed: list[Relief], now: datetime) -> str:
    words = []
    late = now - missed[-1].at
    if late > LATE:
        words.append(f"frozen {int(late.total_seconds() // 60)} min late: secmon did not run")
    if len(missed) > 1:
        first = missed[0].at.isoformat(timespec="minutes")
        words.append(f"{len(missed) - 1} earlier hand-overs since {first} were not recorded")
    return "; ".join(words)


def _freeze(draft: Draft, relief: Relief, remark: str, by: str = OURSELVES) -> HandOver:
    grace = draft.policy.duty.grace if draft.policy.duty else timedelta(0)
    content = freeze(draft)
    due = max(relief.at, draft.now)
    one = HandOver(
        id=handover.id_of(relief.at),
        due_at=relief.at,
        frozen_at=draft.now,
        shifts=relief.shifts,
        outgoing=relief.outgoing,
        incoming=relief.incoming,
        content=content,
        digest=handover.digest(content),
        remark=remark,
        calls={"1 shift": due + grace, "2 lead": due + 2 * grace},
    )
    _put(draft, one)
    people = f"{', '.join(one.outgoing)} -> {', '.join(one.incoming) or 'nobody'}"
    draft.write(BOOK, "hand-over", f"{one.id} {people} sha256={one.digest} {remark}".strip(), by)
    return one


def _put(draft: Draft, one: HandOver) -> None:
    draft.book.put_hand_over(one)
    for when in one.calls.values():
        draft.due.add(when, one.id)


def remind(draft: Draft, one: HandOver, when: datetime) -> None:
    """A signature is missing: both shifts are told, then the lead too, again for a day."""
    due = {key: moment for key, moment in one.calls.items() if moment <= when}
    cover = draft.cover()
    if not due:
        return
    left = {key: moment for key, moment in one.calls.items() if key not in due}
    last = max(due, key=escalation.number_of)
    number = escalation.number_of(last)
    if not left and when + AGAIN <= one.due_at + CHASED:
        left[f"{number + 1} lead"] = when + AGAIN
    _put(draft, replace(one, calls=left))
    lacking = tuple(name for side in one.missing for name in one.people(side))
    lead = escalation.lead(cover) if cover is not None and number > 1 else ()
    if number > 2 and cover is not None:  # who has gone home sleeps: the lead sees to it
        here = cover.on(draft.now)
        lead = (*(name for name in lacking if name in here), *lead)
    people = escalation.unique(*((lead,) if number > 2 else (lacking, lead)))
    people = people or lacking or (escalation.lead(cover) if cover is not None else ())
    draft.write(BOOK, "unsigned", f"{one.id} {', '.join(one.missing)}: {', '.join(people)}")
    draft.tell_them(
        f"{BOOK}/{one.id}",
        "unsigned",
        people,
        step=number,
        due_at=one.due_at.isoformat(),
        shift=", ".join(one.shifts),
        missing=" ".join(one.missing),
        names=", ".join(lacking),
    )


# --- people ----------------------------------------------------------------------------------


def judge(draft: Draft, wish: DutyWish) -> str | Refusal:
    """The id of what the wish changed, or why it changed nothing."""
    cover = draft.cover()
    match wish:
        case Undelivered():
            return undelivered.tell_on(draft, wish)
        case Train():
            return training.train(draft, wish)
        case Mute():
            return silences.mute(draft, wish)
        case Unmute():
            return silences.unmute(draft, wish)
        case Sign():
            return _sign(draft, cover, wish)
        case _ if cover is None:
            return Refusal("state", "the site file has no roster: expected the key duty")
        case Relieve():
            return _begin(draft, cover, wish)
        case Swap():
            done = swaps.ask(draft, cover, wish)
        case Confirm():
            done = swaps.confirm(draft, cover, wish)
        case Withdraw():
            done = swaps.withdraw(draft, cover, wish)
    if isinstance(done, str):
        look_again(draft)
    return done


def _begin(draft: Draft, cover: Cover, wish: Relieve) -> str | Refusal:
    """A hand-over that begins early: the shift that ends next is the outgoing one."""
    since = max(draft.book.watch.relieved_at or draft.now, draft.now)
    relief = cover.next_relief(since)
    if relief is None or relief.at - draft.now > EARLY:
        return Refusal(
            "state",
            "no shift ends within 2 h: whoever leaves earlier is replaced by an override first",
        )
    if wish.by not in relief.outgoing and not swaps.leads(cover.duty, wish.by, wish.deputy):
        return Refusal(
            "forbidden",
            f"{wish.by} is not going off duty: expected {', '.join(relief.outgoing)}, "
            "the lead or the manager",
        )
    one = _freeze(draft, relief, f"begun early by {wish.by}", wish.by)
    training.warn(draft, cover, relief.incoming)
    _look_ahead(draft, cover, relief.at)
    return one.id


def _sign(draft: Draft, cover: Cover | None, wish: Sign) -> str | Refusal:
    one = draft.book.hand_over(wish.hand_over)
    if one is None or not one.missing:
        return Refusal(
            "state", f"there is no hand-over {wish.hand_over} that waits for a signature"
        )
    side = wish.side or side_of(one, cover, wish.by)
    if side not in SIDES:
        return Refusal("invalid", "side: expected outgoing or incoming, for whom you sign")
    objection = _objection(one, cover, wish, side)
    if objection is not None:
        return objection
    own = wish.by in signers(one, cover, side)
    done = handover.sign(one, side, Signature(wish.by, wish.at, wish.note.strip(), not own))
    _put(draft, done)
    draft.write(BOOK, f"signed {side}", f"{one.id} {wish.note.strip()}".strip(), wish.by)
    if done.seal:
        draft.write(BOOK, "sealed", f"{one.id} sha256={done.seal}")
    return one.id


def _objection(one: HandOver, cover: Cover | None, wish: Sign, side: str) -> Refusal | None:
    known = one.signed.get(side)
    if known is not None:
        return Refusal("state", f"hand-over {one.id} is signed as {side} by {known.by} already")
    if any(signature.by == wish.by for signature in one.signed.values()):
        return Refusal("forbidden", f"{wish.by} signed the other side: two persons hand over")
    if wish.by in signers(one, cover, side):
        return None
    if cover is None or not swaps.leads(cover.duty, wish.by, wish.deputy):
        known_names = ", ".join(signers(one, cover, side)) or "nobody"
        return Refusal(
            "forbidden",
            f"{wish.by} is not on the {side} shift: expected {known_names}, the lead or the "
            "manager",
        )
    if not wish.note.strip():
        return Refusal("invalid", "whoever signs for others says why: expected a note (got none)")
    return None


def signers(one: HandOver, cover: Cover | None, side: str) -> tuple[str, ...]:
    """Who was meant when it was frozen, and who came instead."""
    now = cover.on(one.due_at) if cover is not None and side == INCOMING else ()
    return escalation.unique(one.people(side), now)


def side_of(one: HandOver, cover: Cover | None, by: str) -> str:
    """The side on which a person signs who says nothing of it."""
    sides = [side for side in (OUTGOING, INCOMING) if by in signers(one, cover, side)]
    return sides[0] if len(sides) == 1 else ""
