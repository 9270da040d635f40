"""How people are reached, and when they were trained (DB33/T 830-2011, 4.2.1), over HTTP."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiohttp import web

from secmon.api import Contact, User
from secmon.console.access import READERS, need
from secmon.console.duty_api import DEPUTIES, WATCHROOM, Watchroom, day_of, settled
from secmon.console.duty_views import contact_row, training_row
from secmon.console.ledger import What, note
from secmon.console.problems import Problem
from secmon.console.requests import Kind, body_of, json_response
from secmon.core.wishes import Train

PHONE = re.compile(r"\+?[0-9][0-9 ()-]{3,22}[0-9]", re.ASCII)
EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
LANGUAGES = ("", "zh", "en")
TEXT = 64  # characters of a name, or of an id
IDS = 10
WHAT = 100


def people_routes() -> list[web.RouteDef]:
    return [
        web.get("/api/v1/users/{name}/contact", contact),
        web.put("/api/v1/users/{name}/contact", set_contact),
        web.get("/api/v1/users/{name}/training", trainings),
        web.post("/api/v1/users/{name}/training", add_training),
        web.delete("/api/v1/users/{name}/training", remove_training),
    ]


async def contact(request: web.Request) -> web.Response:
    user = need(request, READERS)
    name = await _named(request, user)
    (found,) = await request.app[WATCHROOM].contacts([name])
    return json_response(contact_row(found))


async def set_contact(request: web.Request) -> web.Response:
    """How a person is reached from now on: what the body does not name is empty then."""
    user = need(request, READERS)
    room = request.app[WATCHROOM]
    name = await _named(request, user)
    keys: Mapping[str, Kind] = {
        "name": str,
        "phone": str,
        "email": str,
        "language": str,
        "ids": dict,
    }
    body = await body_of(request, keys)
    ids = body.get("ids", {})
    told = Contact(
        name,
        _line(body.get("name", ""), "name"),
        _fits(body.get("phone", ""), "phone", PHONE, "a number like +86 571 8888 0001"),
        _fits(body.get("email", ""), "email", EMAIL, "an address like li@example.org"),
        _ids(ids if isinstance(ids, dict) else {}),
        str(body.get("language", "")),
    )
    if told.language not in LANGUAGES:
        raise Problem(400, f"language: expected zh or en (got {told.language[:20]!r})")
    try:
        await room.set_contact(told)
    except ValueError as error:  # removed meanwhile
        raise Problem(404, str(error)) from None
    await note(request, What.CONTACT, name)
    return json_response(contact_row(told))


def _line(value: object, key: str) -> str:
    text = str(value).strip()
    if len(text) > TEXT or not text.isprintable():
        raise Problem(400, f"{key}: expected at most {TEXT} printable characters")
    return text


def _fits(value: object, key: str, pattern: re.Pattern[str], like: str) -> str:
    text = str(value).strip()
    if text and (len(text) > 254 or not text.isprintable() or not pattern.fullmatch(text)):
        raise Problem(400, f"{key}: expected {like}, or nothing")
    return text


def _ids(given: dict[object, object]) -> dict[str, str]:
    if len(given) > IDS:
        raise Problem(400, f"ids: expected at most {IDS}")
    return {_line(kind, "ids"): _line(one, f"ids.{str(kind)[:20]}") for kind, one in given.items()}


# --- trainings -------------------------------------------------------------------------------


async def trainings(request: web.Request) -> web.Response:
    need(request, READERS)
    room = request.app[WATCHROOM]
    return json_response({"trainings": _rows(room, await _known(request))})


async def add_training(request: web.Request) -> web.Response:
    """`day` and `what`; `until` where a certificate says how long it holds."""
    by = need(request, DEPUTIES)
    room = request.app[WATCHROOM]
    name = await _known(request)
    body = await body_of(request, {"day": str, "what": str, "until": str})
    day, what = day_of(str(body.get("day", "")), "day"), _what(body.get("what", ""))
    until = day_of(str(body["until"]), "until") if body.get("until") else None
    if until is not None and until < day:
        raise Problem(400, "until: expected a day after `day`")
    held = until.isoformat() if until else ""
    await settled(room, Train(name, what, day.isoformat(), by.name, room.clock.now(), held))
    return json_response({"trainings": _rows(room, name)}, 201)


async def remove_training(request: web.Request) -> web.Response:
    """Strikes out what was entered by mistake: `day` and `what` of the query."""
    by = need(request, DEPUTIES)
    room = request.app[WATCHROOM]
    name = await _known(request)
    day, what = day_of(request.query.get("day", ""), "day"), _what(request.query.get("what", ""))
    wish = Train(name, what, day.isoformat(), by.name, room.clock.now(), removed=True)
    await settled(room, wish)
    return json_response({"trainings": _rows(room, name)})


def _what(value: object) -> str:
    text = str(value).strip()
    if not text or len(text) > WHAT or not text.isprintable():
        raise Problem(400, f"what: expected 1 to {WHAT} printable characters")
    return text


def _rows(room: Watchroom, name: str) -> list[dict[str, object]]:
    known = [one for one in room.world.book.trainings.values() if one.user == name]
    return [training_row(one) for one in sorted(known, key=lambda one: (one.day, one.what))]


# --- who -------------------------------------------------------------------------------------


async def _named(request: web.Request, user: User) -> str:
    """The user of the path: oneself, or anybody for managers and administrators."""
    name = request.match_info["name"]
    if name != user.name and user.role not in DEPUTIES:
        raise Problem(403, f"{user.name} is {user.role}: contacts of others need a manager")
    return await _known(request)


async def _known(request: web.Request) -> str:
    name = request.match_info["name"]
    if name not in {one.name for one in await request.app[WATCHROOM].users()}:
        raise Problem(404, f"there is no user {name[:TEXT]!r}")
    return name
