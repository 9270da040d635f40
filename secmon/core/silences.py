"""What people silence: asked for with a reason, for a time, and remembered when it is forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from secmon.core import escalation, muting
from secmon.core.draft import Draft
from secmon.core.model import Refusal
from secmon.core.rules import rule_of
from secmon.core.windows import Silence, Window
from secmon.core.wishes import Mute, Unmute

MOST = 500  # that are not over
LONGEST = timedelta(days=92)
FARTHEST = timedelta(days=400)
BACK = timedelta(minutes=5)  # a clock of a browser may be behind by so much
DAILY = timedelta(hours=24)  # one that lasts longer: whoever set it is asked again that often
SOON = timedelta(hours=1)  # before its end, if it lasts at least
LONG = timedelta(hours=4)
REMINDERS = 60


def mute(draft: Draft, wish: Mute) -> str | Refusal:
    """The id of the new silence."""
    objection = _objection(draft, wish)
    if objection is not None:
        return objection
    start = max(wish.start, wish.at)
    one = Silence(
        id=_id(draft, wish),
        do=wish.do,
        start=start,
        end=wish.end,
        note=wish.note.strip(),
        by=wish.by,
        at=wish.at,
        device=wish.device,
        system=wish.system,
        part=wish.part,
        rule=wish.rule,
        calls=_calls(start, wish.end),
    )
    _put(draft, one)
    draft.write(muting.SUBJECT, "silenced", f"{words(one)}: {one.note}", wish.by)
    muting.take_up(draft)
    return one.id


def unmute(draft: Draft, wish: Unmute) -> str | Refusal:
    """It ends now, or never begins."""
    one = draft.silences().get(wish.silence)
    if one is None:
        return Refusal("unknown", f"there is no silence {wish.silence}")
    if one.until <= wish.at:
        return Refusal("state", f"silence {one.id} is over already")
    _put(draft, replace(one, ended_at=wish.at, ended_by=wish.by, calls={}))
    draft.write(muting.SUBJECT, "silence ended", words(one), wish.by)
    muting.take_up(draft)
    return one.id


def remind(draft: Draft, one: Silence, when: datetime) -> None:
    """Whoever set it is asked whether it is still meant, or told that it ends."""
    due = {key for key, moment in one.calls.items() if moment <= when}
    if not due:
        return
    left = {key: moment for key, moment in one.calls.items() if key not in due}
    _put(draft, replace(one, calls=left))
    if one.until <= when:
        return
    last = max(due, key=escalation.number_of)
    reason = f"silence_{escalation.to_of(last)}"
    draft.write(muting.SUBJECT, reason, words(one))
    draft.tell_them(
        f"duty/{one.id}",
        reason,
        _who(draft, one),
        step=escalation.number_of(last),
        text=one.note,
        names=about(draft, one.window),
        due_at=one.end.isoformat(),
    )


def words(one: Silence) -> str:
    """For the journal."""
    what = " ".join(filter(None, (one.device or one.system or "site", one.part, one.rule)))
    start, end = (moment.isoformat(timespec="minutes") for moment in (one.start, one.end))
    return f"{one.id} {one.do} {what} {start} to {end}"


def about(draft: Draft, window: Window) -> str:
    """What it covers, as people call it; empty: the site."""
    named = [
        known.name if (known := draft.policy.devices.get(device)) else device
        for device in sorted(window.devices)
    ]
    return " ".join(filter(None, (", ".join(named) or window.system, window.part, window.rule)))


def _who(draft: Draft, one: Silence) -> tuple[str, ...]:
    """Who set it. A command on the machine has no address of its own: whoever is on duty then."""
    if ":" not in one.by:
        return (one.by,)
    cover = draft.cover()
    return escalation.present(cover, draft.now) if cover is not None else ()


def _put(draft: Draft, one: Silence) -> None:
    draft.book.put_silence(one)
    for when in one.calls.values():
        draft.due.add(when, one.id)


def _calls(start: datetime, end: datetime) -> dict[str, datetime]:
    calls: dict[str, datetime] = {}
    moment = start + DAILY
    while moment < end - SOON and len(calls) < REMINDERS:
        calls[f"{len(calls) + 1} long"] = moment
        moment += DAILY
    if end - start >= LONG:
        calls[f"{len(calls) + 1} ends"] = end - SOON
    return calls


def _objection(draft: Draft, wish: Mute) -> Refusal | None:
    def no(text: str) -> Refusal:
        return Refusal("invalid", text)

    if not wish.note.strip():
        return no("note: expected why (got nothing)")
    if wish.device and wish.system:
        return no("expected a device or a system, not both")
    if wish.device and wish.device not in draft.policy.devices:
        return no(f"device: there is no device {wish.device[:64]!r}")
    if wish.system and all(one.system != wish.system for one in draft.policy.devices.values()):
        return no(f"system: there is no device of a system {wish.system[:64]!r}")
    if wish.part and not wish.device:
        return no("part: expected a device beside it")
    if wish.rule and rule_of(draft.policy, wish.rule) is None:
        return no(f"rule: there is no rule {wish.rule[:64]!r}")
    if wish.do == "skip" and (wish.part or wish.rule):
        return no("do: only whole devices can be left unpolled: expected mute")
    if wish.start < wish.at - BACK:
        return no("from: expected a time that is not past")
    if wish.end <= max(wish.start, wish.at):
        return no("to: expected a time after `from` that is not past")
    if wish.end - wish.start > LONGEST or wish.start > wish.at + FARTHEST:
        return no(f"to: expected at most {LONGEST.days} d, within the next {FARTHEST.days} d")
    if sum(one.until > wish.at for one in draft.silences().values()) >= MOST:
        return Refusal("state", f"there are {MOST} silences already: end some first")
    return None


def _id(draft: Draft, wish: Mute) -> str:
    start = f"s-{wish.at.astimezone(UTC):%Y%m%dT%H%M%S%f}"
    return f"{start}-{sum(key.startswith(start) for key in draft.silences())}"
