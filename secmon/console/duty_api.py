"""The roster over HTTP: who is on duty when, and the overrides of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final, Protocol

from aiohttp import web

from secmon.api import Clock, Contact, Role, User
from secmon.console.access import READERS, WORKERS, need
from secmon.console.duty_views import (
    override_row,
    person_row,
    shift_row,
    stretch_rows,
    warnings,
)
from secmon.console.ledger import What, note
from secmon.console.problems import Problem
from secmon.console.requests import body_of, json_response
from secmon.core.handover import HandOver
from secmon.core.model import Policy, Refusal
from secmon.core.roster import Cover, Override
from secmon.core.tickets import stamp
from secmon.core.windows import Silence
from secmon.core.wishes import Confirm, Swap, Wish, Withdraw
from secmon.core.world import World
from secmon.texts.clean import mask

DEPUTIES = frozenset((Role.MANAGER, Role.ADMIN))  # may act for whoever is on duty
SHOWN = timedelta(days=14)
LONGEST = timedelta(days=100)
STATUS = {"invalid": 400, "forbidden": 403, "unknown": 404}


class Watchroom(Protocol):
    """What the duty book's pages need of the daemon behind them."""

    clock: Clock

    @property
    def world(self) -> World: ...
    @property
    def policy(self) -> Policy: ...
    def cover(self) -> Cover | None: ...
    async def ask(self, wish: Wish) -> str | Refusal: ...
    async def overrides(self, since: datetime, until: datetime) -> Sequence[Override]: ...
    async def silences_over(self, limit: int) -> Sequence[Silence]: ...
    async def hand_over(self, hand_over: str) -> HandOver | None: ...
    async def hand_overs(self, limit: int, before: datetime | None) -> Sequence[HandOver]: ...
    def words(self, ticket: object) -> str: ...
    async def users(self) -> Sequence[User]: ...
    async def contacts(self, names: Collection[str]) -> Sequence[Contact]: ...
    async def set_contact(self, contact: Contact) -> None: ...


WATCHROOM: Final = web.AppKey("watchroom", Watchroom)


def duty_routes() -> list[web.RouteDef]:
    return [
        web.get("/api/v1/duty", roster),
        web.get("/api/v1/duty/now", now),
        web.post("/api/v1/duty/overrides", add_override),
        web.post("/api/v1/duty/overrides/{id}/confirm", confirm_override),
        web.delete("/api/v1/duty/overrides/{id}", remove_override),
    ]


# --- who is on duty --------------------------------------------------------------------------


async def roster(request: web.Request) -> web.Response:
    """Who is on duty from `from` to `to` (two weeks from today, unless they say otherwise)."""
    need(request, READERS)
    room = request.app[WATCHROOM]
    cover = room.cover()
    if cover is None:
        return json_response(_none(room))
    duty, at = cover.duty, room.clock.now()
    midnight = at.astimezone(duty.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    since = time_of(request.query.get("from", ""), "from") or midnight.astimezone(UTC)
    until = time_of(request.query.get("to", ""), "to") or since + SHOWN
    if not since < until <= since + LONGEST:
        raise Problem(400, f"to: expected a time after `from`, at most {LONGEST.days} d later")
    known = await room.overrides(since, until)
    whole = Cover(duty, tuple(known))
    people = await people_of(room, cover)
    return json_response(
        {
            "configured": True,
            "timezone": room.policy.timezone,
            "from": stamp(since),
            "to": stamp(until),
            "shifts": [shift_row(shift) for shift in duty.shifts],
            "holidays": [day.isoformat() for day in duty.holidays],
            "lead": list(duty.lead),
            "manager": list(duty.manager),
            "stretches": stretch_rows(whole, since, until),
            "gaps": [{"from": stamp(a), "to": stamp(b)} for a, b in whole.gaps(since, until)],
            "overrides": [override_row(one, known) for one in known],
            "people": people,
            "warnings": warnings(people, at.astimezone(duty.zone).date().isoformat()),
        }
    )


def _none(room: Watchroom) -> dict[str, object]:
    """The site file has no roster."""
    lists = ("shifts", "holidays", "lead", "manager", "stretches", "gaps", "overrides")
    empty: dict[str, object] = {key: [] for key in (*lists, "people", "warnings")}
    at = stamp(room.clock.now())
    head = {"configured": False, "timezone": room.policy.timezone, "from": at, "to": at}
    return {**head, **empty}


async def people_of(room: Watchroom, cover: Cover) -> list[dict[str, object]]:
    """Everybody whom the roster or an override in force names: rows of `person_row`."""
    standing_in = [one.user for one in cover.overrides if one.in_force and one.user]
    every = tuple(dict.fromkeys([*cover.duty.people(), *standing_in]))
    contacts = {one.user: one for one in await room.contacts(every)}
    trainings = list(room.world.book.trainings.values())
    return [person_row(name, contacts, trainings, cover.duty) for name in every]


async def now(request: web.Request) -> web.Response:
    """Who is on duty at this moment, till when, and who comes then. Telephone numbers are for
    those who work on tickets."""
    user = need(request, READERS)
    room = request.app[WATCHROOM]
    cover, at = room.cover(), room.clock.now()
    here = cover.on(at) if cover else ()
    relief = cover.next_relief(at) if cover else None
    coming = relief.incoming if relief else ()
    contacts = {one.user: one for one in await room.contacts([*here, *coming])}

    def row(name: str) -> dict[str, object]:
        contact = contacts.get(name, Contact(name))
        phone = contact.phone if user.role in WORKERS else ""
        return {"user": name, "name": contact.name, "phone": phone}

    return json_response(
        {
            "at": stamp(at),
            "configured": cover is not None,
            "begun": cover is not None and at >= cover.duty.begins,
            "people": [row(name) for name in here],
            "until": stamp(relief.at) if relief else None,
            "next": [row(name) for name in coming],
            "unsigned": sorted(room.world.book.hand_overs),
        }
    )


# --- overrides -------------------------------------------------------------------------------

OVERRIDE_KEYS = dict.fromkeys(("from", "to", "date", "shift", "replaces", "user", "note"), str)


async def add_override(request: web.Request) -> web.Response:
    """`user` stands in for `replaces`, `from` … `to` or on the `shift` of a `date`. It is in force
    when somebody else confirms it; the lead's, a manager's and an administrator's is at once."""
    by = need(request, WORKERS)
    room = request.app[WATCHROOM]
    body = {key: str(one) for key, one in (await body_of(request, OVERRIDE_KEYS)).items()}
    return await _override(room, await ask_for(request, by, body), 201)


async def ask_for(request: web.Request, by: User, body: Mapping[str, str]) -> str:
    """The id of a new override; `body` was checked against OVERRIDE_KEYS. Problem if not."""
    room = request.app[WATCHROOM]
    start, end = _span(room, body)
    user = body.get("user", "").strip()
    if user and user not in {one.name for one in await room.users()}:
        raise Problem(400, f"user: there is no user {user[:64]!r}", code="invalid")
    wish = Swap(
        by.name,
        room.clock.now(),
        start,
        end,
        replaces=body.get("replaces", "").strip(),
        user=user,
        note=mask(body.get("note", ""))[:1000],
        deputy=by.role in DEPUTIES,
    )
    made = await settled(room, wish)
    await note(request, What.OVERRIDE, made, why=f"{wish.user} for {wish.replaces}")
    return made


async def agree(request: web.Request, by: User, override: str) -> str:
    """Somebody else confirms it."""
    room = request.app[WATCHROOM]
    wish = Confirm(override[:64], by.name, room.clock.now(), by.role in DEPUTIES)
    changed = await settled(room, wish)
    await note(request, What.OVERRIDE, changed, why="confirm")
    return changed


async def take_back(request: web.Request, by: User, override: str) -> str:
    room = request.app[WATCHROOM]
    wish = Withdraw(override[:64], by.name, room.clock.now(), by.role in DEPUTIES)
    changed = await settled(room, wish)
    await note(request, What.OVERRIDE, changed, why="withdraw")
    return changed


def _span(room: Watchroom, body: Mapping[str, str]) -> tuple[datetime, datetime]:
    if {"date", "shift"} & body.keys():
        if {"from", "to"} & body.keys():
            raise Problem(400, "expected from and to, or date and shift, not both")
        return _shift(room, body.get("date", ""), body.get("shift", ""))
    start, end = time_of(body.get("from", ""), "from"), time_of(body.get("to", ""), "to")
    if start is None or end is None:
        raise Problem(400, "expected from and to, or date and shift (got nothing)")
    return start, end


def _shift(room: Watchroom, day: str, name: str) -> tuple[datetime, datetime]:
    cover = room.cover()
    if cover is None:
        raise Problem(409, "the site file has no roster: expected the key duty", code="state")
    wanted = day_of(day, "date")
    known = [shift.name for shift in cover.duty.shifts]
    if name not in known:
        raise Problem(400, f"shift: expected one of {', '.join(known)} (got {name[:40]!r})")
    around = datetime(wanted.year, wanted.month, wanted.day, 12, tzinfo=UTC)
    for one in cover.spans(around - timedelta(days=2), around + timedelta(days=2)):
        if (one.day, one.shift) == (wanted, name):
            return one.start, one.end
    raise Problem(400, f"date: nobody has the shift {name} on {day}")


async def confirm_override(request: web.Request) -> web.Response:
    by = need(request, WORKERS)
    room = request.app[WATCHROOM]
    return await _override(room, await agree(request, by, request.match_info["id"]))


async def remove_override(request: web.Request) -> web.Response:
    by = need(request, WORKERS)
    room = request.app[WATCHROOM]
    return await _override(room, await take_back(request, by, request.match_info["id"]))


async def _override(room: Watchroom, override: str, status: int = 200) -> web.Response:
    """The override as it is now, removed or not."""
    ever = await room.overrides(datetime(2000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC))
    one = next(each for each in ever if each.id == override)
    near = [each for each in ever if each.start < one.end and each.end > one.start]
    return json_response(override_row(one, near), status)


# --- shared ----------------------------------------------------------------------------------


async def settled(room: Watchroom, wish: Wish) -> str:
    """The id of what the wish changed. A refusal is a problem with its code."""
    outcome = await room.ask(wish)
    if isinstance(outcome, Refusal):
        raise Problem(STATUS.get(outcome.code, 409), outcome.text, code=outcome.code)
    return outcome


def time_of(text: str, key: str) -> datetime | None:
    """A time of a query or body, UTC; None where there is none."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text.replace(" ", "+"))  # a + of a query is a space
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or not 2000 <= found.year < 2200:
        raise Problem(400, f"{key}: expected a time like 2026-11-01T08:00:00Z (got {text[:40]!r})")
    return found.astimezone(UTC)


def day_of(text: str, key: str) -> date:
    try:
        found = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        found = None
    if found is None or not 2000 <= found.year < 2200:
        raise Problem(400, f"{key}: expected a date like 2026-11-01 (got {text[:40]!r})")
    return found
