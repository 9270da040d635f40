"""Hand-overs over HTTP (DB33/T 830-2011, 4.4.1.4): the archive, one of them, begin early, sign."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from secmon.api import User
from secmon.console.access import READERS, WORKERS, need
from secmon.console.duty_api import DEPUTIES, WATCHROOM, Watchroom, settled, time_of
from secmon.console.duty_views import hand_over_page, hand_over_row
from secmon.console.problems import Problem
from secmon.console.requests import body_of, json_response
from secmon.core.handover import HandOver
from secmon.core.wishes import Relieve, Sign
from secmon.texts.clean import mask

SHOWN, MOST = 50, 500
NOTE = 2000  # characters of a remark


def hand_over_routes() -> list[web.RouteDef]:
    return [
        web.get("/api/v1/hand-overs", hand_overs),
        web.post("/api/v1/hand-overs", begin),
        web.get("/api/v1/hand-overs/{id}", hand_over),
        web.post("/api/v1/hand-overs/{id}/sign", sign),
    ]


async def hand_overs(request: web.Request) -> web.Response:
    """Newest first, those due before `before`."""
    need(request, READERS)
    text = request.query.get("limit", str(SHOWN))
    if not text.isascii() or not text.isdecimal() or len(text) > 4 or not 1 <= int(text) <= MOST:
        raise Problem(400, f"limit: expected 1 to {MOST} (got {text[:20]!r})")
    before = time_of(request.query.get("before", ""), "before")
    some = await request.app[WATCHROOM].hand_overs(int(text), before)
    return json_response({"hand_overs": [hand_over_row(one) for one in some]})


async def hand_over(request: web.Request) -> web.Response:
    need(request, READERS)
    room = request.app[WATCHROOM]
    return json_response(_page(room, await found(room, request.match_info["id"])))


async def begin(request: web.Request) -> web.Response:
    """Freezes the hand-over of the shift that ends next, at most two hours before it does."""
    by = need(request, WORKERS)
    room = request.app[WATCHROOM]
    await body_of(request, {})
    made = await begin_early(room, by)
    return json_response(_page(room, await found(room, made)), 201)


async def begin_early(room: Watchroom, by: User) -> str:
    """The id of the hand-over that is frozen now. Problem if it may not be."""
    return await settled(room, Relieve(by.name, room.clock.now(), by.role in DEPUTIES))


async def sign(request: web.Request) -> web.Response:
    """The person's own signature; `side` where it is not plain, `note` for remarks and deputies."""
    by = need(request, WORKERS)
    room = request.app[WATCHROOM]
    body = await body_of(request, {"side": str, "note": str})
    named = (await found(room, request.match_info["id"])).id
    side, note = str(body.get("side", "")), str(body.get("note", ""))
    return json_response(_page(room, await found(room, await sign_as(room, by, named, side, note))))


async def sign_as(room: Watchroom, by: User, hand_over: str, side: str, note: str) -> str:
    """A signature by this person, for `side` or, where that is empty, their own. Problem if not."""
    note = mask(note)[:NOTE]
    now = room.clock.now()
    return await settled(room, Sign(hand_over, by.name, now, side, note, by.role in DEPUTIES))


async def found(room: Watchroom, named: str) -> HandOver:
    one = await room.hand_over(named[:64])
    if one is None:
        raise Problem(404, f"there is no hand-over {named[:64]!r}")
    return one


def _page(room: Watchroom, one: HandOver) -> Mapping[str, object]:
    section = one.content.get("tickets")
    rows = section.get("rows", ()) if isinstance(section, Mapping) else ()
    return hand_over_page(one, {str(row["id"]): room.words(row) for row in rows})
