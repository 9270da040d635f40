"""Planned work over HTTP: the site file's windows, and silences that people set and end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from aiohttp import web

from secmon.api import User
from secmon.console.access import READERS, WORKERS, need
from secmon.console.duty_api import WATCHROOM, Watchroom, settled, time_of
from secmon.console.problems import Problem
from secmon.console.requests import Kind, body_of, json_response
from secmon.core.durations import duration
from secmon.core.tickets import stamp
from secmon.core.windows import SHOWN_AHEAD, Do, Silence, Window
from secmon.core.wishes import Mute, Unmute
from secmon.texts.clean import mask

OVER = 50  # silences that are over, shown at most
NOTE = 1000  # characters of a reason

KEYS: Mapping[str, Kind] = {
    **dict.fromkeys(("device", "system", "part", "rule", "from", "to", "for", "note"), str),
    "site": bool,
    "do": Do,
}

Json = dict[str, object]


def windows_routes() -> list[web.RouteDef]:
    return [
        web.get("/api/v1/windows", windows),
        web.post("/api/v1/windows", add),
        web.delete("/api/v1/windows/{id}", end),
    ]


async def windows(request: web.Request) -> web.Response:
    """What is in force first, then what comes; `over=1`: silences that are over too."""
    need(request, READERS)
    room = request.app[WATCHROOM]
    rows = present_rows(room)
    if request.query.get("over") == "1":
        now = room.clock.now()
        rows += [silence_row(one, now) for one in await room.silences_over(OVER)]
    return json_response({"windows": rows})


async def add(request: web.Request) -> web.Response:
    """Silences a device, a part or a rule of it, a system, or the site, with a reason."""
    by = need(request, WORKERS)
    room = request.app[WATCHROOM]
    made = await silence(room, by, await body_of(request, KEYS))
    return json_response(silence_row(made, room.clock.now()), 201)


async def end(request: web.Request) -> web.Response:
    """Ends a silence now; one of the site file is ended there."""
    by = need(request, WORKERS)
    room = request.app[WATCHROOM]
    ended = await lift(room, by, request.match_info["id"])
    return json_response(silence_row(ended, room.clock.now()))


# --- shared with the page --------------------------------------------------------------------


async def silence(room: Watchroom, by: User, body: Mapping[str, object]) -> Silence:
    """The silence that the body asks for, committed."""
    said = {key: str(one).strip() for key, one in body.items() if key != "site"}
    named = bool(said.get("device")) + bool(said.get("system")) + bool(body.get("site"))
    if named != 1:
        raise Problem(400, "expected one of device, system, and site: true")
    now = room.clock.now()
    start = time_of(said.get("from", ""), "from") or now
    wish = Mute(
        by=by.name,
        at=now,
        start=start,
        end=_end(said, start),
        note=mask(said.get("note", ""))[:NOTE],
        do=Do(said.get("do") or Do.MUTE),
        device=said.get("device", ""),
        system=said.get("system", ""),
        part=said.get("part", ""),
        rule=said.get("rule", ""),
    )
    return room.world.book.silences[await settled(room, wish)]


async def lift(room: Watchroom, by: User, named: str) -> Silence:
    """Ends it now."""
    if any(one.id == named for one in room.policy.windows):
        raise Problem(
            409, f"window {named[:64]} is of the site file: change it there", code="state"
        )
    done = await settled(room, Unmute(named[:64], by.name, room.clock.now()))
    return room.world.book.silences[done]


def _end(said: Mapping[str, str], start: datetime) -> datetime:
    if bool(said.get("to")) == bool(said.get("for")):
        raise Problem(400, "expected to (a time) or for (a duration like 2h)")
    if said.get("for"):
        try:
            length = duration(said["for"])
        except ValueError as error:
            raise Problem(400, f"for: {error}") from None
        return start + min(length, timedelta(days=3650))
    found = time_of(said["to"], "to")
    if found is None:
        raise Problem(400, "to: expected a time")
    return found


def local_time(text: str, zone: ZoneInfo) -> str:
    """What a browser's field for a local time holds, as RFC 3339; other texts as they are."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return found.replace(tzinfo=zone).isoformat() if found.tzinfo is None else text


def present_rows(room: Watchroom) -> list[Json]:
    """Every window that comes at all, and every silence that is not over."""
    now = room.clock.now()
    rows = [window_row(one, now) for one in room.policy.windows]
    known = (one for one in room.world.book.silences.values() if one.until > now)
    rows += [silence_row(one, now) for one in known]
    return _sorted(row for row in rows if row["from"] is not None)


def _sorted(rows: Iterable[Json]) -> list[Json]:
    return sorted(rows, key=lambda row: (not row["active"], str(row["from"]), str(row["id"])))


def window_row(window: Window, now: datetime) -> Json:
    """`from` and `to`: the span that is in force, else the next one; null where none comes."""
    span = next(window.spans(now, SHOWN_AHEAD), None)
    return {
        "id": window.id,
        "planned": True,
        "name": window.name,
        "do": str(window.do),
        "devices": sorted(window.devices),
        "system": window.system,
        "part": window.part,
        "rule": window.rule,
        "every": window.said,
        "active": span is not None and span[0] <= now,
        "from": stamp(span[0]) if span else None,
        "to": stamp(span[1]) if span else None,
        "note": "",
        "by": "",
        "at": None,
        "ended_by": "",
    }


def silence_row(one: Silence, now: datetime) -> Json:
    return {
        **window_row(one.window, now),
        "planned": False,
        "name": "",
        "active": one.start <= now < one.until,
        "from": stamp(one.start),
        "to": stamp(max(one.until, one.start)),
        "note": one.note,
        "by": one.by,
        "at": stamp(one.at),
        "ended_by": one.ended_by,
    }
