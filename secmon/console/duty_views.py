"""The duty book as JSON: who is on duty, overrides, hand-overs, what is wrong with the roster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from secmon.api import Contact
from secmon.core.book import Training
from secmon.core.handover import HandOver, is_intact
from secmon.core.roster import Cover, Duty, Override, Shift
from secmon.core.swaps import beaten
from secmon.core.tickets import stamp
from secmon.core.training import valid_until

Json = dict[str, object]


def shift_row(shift: Shift) -> Json:
    return {"name": shift.name, "start": _clock(shift.start), "end": _clock(shift.end)}


def _clock(minute: int) -> str:
    return f"{minute // 60 % 24:02d}:{minute % 60:02d}"


def stretch_rows(cover: Cover, since: datetime, until: datetime) -> list[Json]:
    """Who is on duty when, from the roster's beginning on."""
    return [
        {
            "from": stamp(one.start),
            "to": stamp(one.end),
            "shifts": list(one.shifts),
            "people": list(one.people),
        }
        for one in cover.stretches(since, until)
        if one.end > cover.duty.begins
    ]


def override_row(one: Override, others: Iterable[Override]) -> Json:
    """`beats` and `beaten_by`: overrides of the same person and time, the later confirmed wins."""
    known = list(others)
    return {
        "id": one.id,
        "from": stamp(one.start),
        "to": stamp(one.end),
        "replaces": one.replaces,
        "user": one.user,
        "note": one.note,
        "asked_by": one.asked_by,
        "asked_at": stamp(one.asked_at),
        "confirmed_by": one.confirmed_by,
        "confirmed_at": stamp(one.confirmed_at),
        "removed_by": one.removed_by,
        "removed_at": stamp(one.removed_at),
        "in_force": one.in_force,
        "beats": [other.id for other in beaten(one, known)] if one.in_force else [],
        "beaten_by": [
            other.id
            for other in known
            if other.in_force and one.in_force and one in beaten(other, [one])
        ],
    }


def hand_over_row(one: HandOver) -> Json:
    return {
        "id": one.id,
        "due_at": stamp(one.due_at),
        "frozen_at": stamp(one.frozen_at),
        "shifts": list(one.shifts),
        "outgoing": list(one.outgoing),
        "incoming": list(one.incoming),
        "remark": one.remark,
        "signed": {
            side: {"by": s.by, "at": stamp(s.at), "note": s.note, "deputy": s.deputy}
            for side, s in one.signed.items()
        },
        "missing": list(one.missing),
        "sealed": bool(one.seal),
        "digest": one.digest,
        "seal": one.seal,
    }


def hand_over_page(one: HandOver, summaries: Mapping[str, str]) -> Json:
    """`content` as it was frozen, letter by letter; `summaries`: ticket id → today's words."""
    return {
        **hand_over_row(one),
        "content": dict(one.content),
        "summaries": dict(summaries),
        "intact": is_intact(one),
    }


def person_row(
    name: str, contacts: Mapping[str, Contact], trainings: Sequence[Training], duty: Duty
) -> Json:
    contact = contacts.get(name)
    until = valid_until(trainings, name, duty)
    return {
        "user": name,
        "name": contact.name if contact else "",
        "known": contact is not None,
        "reachable": bool(contact and (contact.phone or contact.email or contact.ids)),
        "trained_until": until.isoformat() if until else None,
    }


def warnings(people: Sequence[Json], today: str) -> list[Json]:
    """What is wrong with the people of the roster: none of it stops anybody."""
    found: list[Json] = []
    for one in people:
        user, until = str(one["user"]), one["trained_until"]
        if not one["known"]:
            found.append(_warning("unknown_user", user, f"{user} has no log-in"))
            continue
        if not one["reachable"]:
            text = f"{user} has neither telephone, e-mail nor an id of a robot"
            found.append(_warning("unreachable", user, text))
        if until is None:
            found.append(_warning("untrained", user, f"{user} was never trained (4.2.1)"))
        elif str(until) < today:
            text = f"the training of {user} ended on {until} (4.2.1)"
            found.append(_warning("training_over", user, text))
    return found


def _warning(code: str, user: str, text: str) -> Json:
    return {"code": code, "user": user, "text": text}


def contact_row(contact: Contact) -> Json:
    return {
        "user": contact.user,
        "name": contact.name,
        "phone": contact.phone,
        "email": contact.email,
        "ids": dict(contact.ids),
        "language": contact.language,
    }


def training_row(one: Training) -> Json:
    return {
        "user": one.user,
        "what": one.what,
        "day": one.day,
        "until": one.until,
        "by": one.by,
        "at": stamp(one.at),
    }
