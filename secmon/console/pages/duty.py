"""The roster: who is on duty now and next, a week of it, overrides asked for and confirmed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from aiohttp import web

from secmon.api import Contact, StoreDown, User
from secmon.console.access import USER, WORKERS
from secmon.console.duty_api import (
    DEPUTIES,
    OVERRIDE_KEYS,
    WATCHROOM,
    Watchroom,
    agree,
    ask_for,
    people_of,
    take_back,
)
from secmon.console.duty_views import warnings
from secmon.console.pages.frame import form_of, go, may_work, refusal, render, speech_of
from secmon.console.problems import Problem
from secmon.console.requests import checked
from secmon.core import swaps
from secmon.core.roster import DAY, Cover, Override, Stretch
from secmon.core.walltime import wall

FORM = ("date", "shift", "from", "to", "replaces", "user", "note")
AHEAD = timedelta(days=400)  # overrides that are shown at most so far
YEARS = (2000, 2200)


@dataclass(frozen=True, slots=True)
class OnDuty:
    """A person; `phone` is empty for who may not see it."""

    user: str
    name: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """A time of one shift with the same people; `whole`: it is all of the shift."""

    stretch: Stretch
    planned: Sequence[str]
    whole: bool
    now: bool
    gap: bool  # nobody is on duty at all, in some of it


@dataclass(frozen=True, slots=True)
class Day:
    """A line of the week: shift → its pieces; a shift that nobody has is not in it."""

    day: date
    today: bool
    holiday: bool
    shifts: Mapping[str, Sequence[Piece]]


@dataclass(frozen=True, slots=True)
class Swapped:
    """An override, and what the reader may do about it."""

    override: Override
    may_confirm: bool
    may_take_back: bool


def routes() -> list[web.RouteDef]:
    return [
        web.get("/duty", duty, name="page.duty"),
        web.post("/duty/overrides", add, name="page.duty_add"),
        web.post("/duty/overrides/{id}/confirm", confirm, name="page.duty_confirm"),
        web.post("/duty/overrides/{id}/withdraw", withdraw, name="page.duty_withdraw"),
    ]


async def duty(request: web.Request) -> web.Response:
    done = request.query.get("done", "")
    said = speech_of(request).say("duty.done") if done else ""
    return await _page(request, said=said)


async def add(request: web.Request) -> web.Response:
    """What was refused comes back with all that was typed."""
    user = request[USER]
    room = request.app[WATCHROOM]
    form = await form_of(request)
    given = {key: form[key].strip() for key in FORM if form.get(key, "").strip()}
    try:
        body = checked(_times(room, given), OVERRIDE_KEYS)
        await ask_for(request, user, {key: str(value) for key, value in body.items()})
    except (Problem, StoreDown) as said:
        text, status = refusal(request, said)
        return await _page(request, refused=text, given=given, status=status)
    return go("/duty?done=1#overrides")


async def confirm(request: web.Request) -> web.Response:
    user = request[USER]
    try:
        await agree(request, user, request.match_info["id"])
    except (Problem, StoreDown) as said:
        text, status = refusal(request, said)
        return await _page(request, refused=text, status=status)
    return go("/duty?done=1#overrides")


async def withdraw(request: web.Request) -> web.Response:
    user = request[USER]
    try:
        await take_back(request, user, request.match_info["id"])
    except (Problem, StoreDown) as said:
        text, status = refusal(request, said)
        return await _page(request, refused=text, status=status)
    return go("/duty?done=1#overrides")


def _times(room: Watchroom, given: Mapping[str, str]) -> dict[str, str]:
    """A form's wall times as the API wants them; where they stand, they count, not the shift."""
    if "from" not in given and "to" not in given:
        return dict(given)
    cover = room.cover()
    if cover is None:
        return dict(given)
    body = {key: value for key, value in given.items() if key not in ("date", "shift")}
    for key in ("from", "to"):
        body[key] = _moment(given.get(key, ""), key, cover).isoformat()
    return body


def _moment(text: str, key: str, cover: Cover) -> datetime:
    try:
        at = datetime.fromisoformat(text) if len(text) in (16, 19) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is not None or not YEARS[0] <= at.year < YEARS[1]:
        raise Problem(400, f"{key}: expected a time like 2026-11-01T08:00 (got {text[:40]!r})")
    return wall(at.date(), at.hour * 60 + at.minute, cover.duty.zone)


# --- the page --------------------------------------------------------------------------------


async def _page(
    request: web.Request,
    *,
    said: str = "",
    refused: str = "",
    given: Mapping[str, str] | None = None,
    status: int = 200,
) -> web.Response:
    room, words = request.app[WATCHROOM], speech_of(request)
    cover = room.cover()
    values: dict[str, object] = {"said": said, "refused": refused, "given": given or {}}
    values["cover"] = cover
    if cover is not None:
        values |= await _roster(request, room, cover)
    return render(
        request,
        "duty.html",
        title=words.say("duty.title"),
        url=_week_link(_monday(request, cover)) if cover and "week" in request.query else "/duty",
        live=("device:duty",),
        status=status,
        values=values,
    )


async def _roster(request: web.Request, room: Watchroom, cover: Cover) -> dict[str, object]:
    now, zone, user = room.clock.now(), cover.duty.zone, request[USER]
    today = now.astimezone(zone).date()
    monday = _monday(request, cover)
    start, end = wall(monday, 0, zone), wall(monday + 7 * DAY, 0, zone)
    try:
        known = await room.overrides(start - 2 * DAY, max(end, now + AHEAD))
        people = await people_of(room, cover)
        working = [one.name for one in await room.users() if one.role in WORKERS]
    except StoreDown:
        known, people, working = list(cover.overrides), [], []
    shown = Cover(cover.duty, tuple(known))
    gaps = shown.gaps(start, end)
    relief = cover.next_relief(now)
    here, coming = cover.on(now), relief.incoming if relief else ()
    asked = [one for one in known if one.removed_at is None and one.end > now]
    past = [one for one in known if one not in asked and one.end > start and one.start < end]
    return {
        "here": await on_duty(room, user, here),
        "coming": await on_duty(room, user, coming),
        "until": relief.at if relief else None,
        "begun": now >= cover.duty.begins,
        "names": {str(one["user"]): str(one["name"]) for one in people},
        "shifts": cover.duty.shifts,
        "days": [_day(shown, monday + n * DAY, today, now, gaps) for n in range(7)],
        "gaps": gaps,
        "monday": monday,
        "today": today,
        "before": _week_link(monday - 7 * DAY),
        "following": _week_link(monday + 7 * DAY),
        "this_week": monday <= today < monday + 7 * DAY,
        "waiting": [_swapped(one, user, cover) for one in asked if not one.in_force],
        "in_force": [_swapped(one, user, cover) for one in asked if one.in_force],
        "past": past,
        "warnings": warnings(people, today.isoformat()),
        "roster_people": list(cover.duty.people()),
        "working": working,
    }


async def on_duty(room: Watchroom, user: User, names: Sequence[str]) -> list[OnDuty]:
    """These people with their telephone numbers, for those who work on tickets."""
    try:
        contacts = {one.user: one for one in await room.contacts(names)}
    except StoreDown:
        contacts = {}
    return [
        OnDuty(name, known.name, known.phone if may_work(user) else "")
        for name in names
        for known in [contacts.get(name, Contact(name))]
    ]


def _day(
    cover: Cover, day: date, today: date, now: datetime, gaps: Sequence[tuple[datetime, datetime]]
) -> Day:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    shifts = {}
    for span in cover.spans(noon - 2 * DAY, noon + 2 * DAY):
        if span.day == day:
            pieces = cover.pieces(span)
            shifts[span.shift] = [
                Piece(
                    one,
                    span.people,
                    len(pieces) == 1,
                    one.start <= now < one.end,
                    any(start < one.end and one.start < end for start, end in gaps),
                )
                for one in pieces
            ]
    return Day(day, day == today, day in cover.duty.holidays, shifts)


def _swapped(one: Override, user: User, cover: Cover) -> Swapped:
    leads = swaps.leads(cover.duty, user.name, user.role in DEPUTIES)
    works = may_work(user)
    return Swapped(
        one,
        works and not one.in_force and (leads or user.name in swaps.confirmers(one)),
        works and (leads or user.name in swaps.concerned(one)),
    )


def _monday(request: web.Request, cover: Cover | None) -> date:
    """The first day of the week that is asked for, else of this one."""
    text = request.query.get("week", "")
    try:
        day = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        day = None
    if day is None or not YEARS[0] < day.year < YEARS[1] - 1:
        now = request.app[WATCHROOM].clock.now()
        day = now.astimezone(cover.duty.zone).date() if cover else now.date()
    return day - day.weekday() * DAY


def _week_link(monday: date) -> str:
    return f"/duty?week={monday.isoformat()}"
