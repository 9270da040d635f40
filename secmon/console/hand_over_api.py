"""Hand-overs over HTTP (DB33/T 830-2011, 4.4.1.4): the archive, one of them, begin early, sign."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

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
    found = await request.app[WATCHROOM].hand_overs(int(text), before)
    return json_response({"hand_overs": [hand_over_row(one) for one in found]})


async def hand_over(request: web.Request) -> web.Response:
    need(request, READERS)
    room = request.app[WATCHROOM]
    return json_response(_page(room, await _found(room, request.match_info["id"])))


async def begin(request: web.Request) -> web.Response:
    """Freezes the hand-over of the shift that ends next, at most two hours before it does."""
    by = need(request, WORKERS)
    room = request.app[WATCHROOM]
    await body_of(request, {})
    made = await settled(room, Relieve(by.name, room.clock.now(), by.role in DEPUTIES))
    return json_response(_page(room, await _found(room, made)), 201)


async def sign(request: web.Request) -> web.Response:
    """The person's own signature; `side` where it is not plain, `note` for remarks and deputies."""
    by = need(request, WORKERS)
    room = request.app[WATCHROOM]
    body = await body_of(request, {"side": str, "note": str})
    named = (await _found(room, request.match_info["id"])).id
    wish = Sign(
        named,
        by.name,
        room.clock.now(),
        str(body.get("side", "")),
        mask(str(body.get("note", "")))[:NOTE],
        by.role in DEPUTIES,
    )
    return json_response(_page(room, await _found(room, await settled(room, wish))))


async def _found(room: Watchroom, named: str) -> HandOver:
    one = await room.hand_over(named[:64])
    if one is None:
        raise Problem(404, f"there is no hand-over {named[:64]!r}")
    return one


def _page(room: Watchroom, one: HandOver) -> Mapping[str, object]:
    section = one.content.get("tickets")
    rows = section.get("rows", ()) if isinstance(section, Mapping) else ()
    return hand_over_page(one, {str(row["id"]): room.words(row) for row in rows})
