"""Notices that wait, or that were given up: seen by all but viewers, for they name addresses; sent
again by an admin."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final, Protocol

from aiohttp import web

from secmon.api import Delivery
from secmon.console.access import USER
from secmon.console.ledger import What, note
from secmon.console.problems import Problem
from secmon.console.requests import json_response
from secmon.core.tickets import stamp
from secmon.texts.clean import clean

log = logging.getLogger(__name__)

STATES = ("never", "pending")
MOST = 500


class NoticeDesk(Protocol):
    """What this needs of the daemon behind it."""

    async def notices(self, state: str, limit: int) -> Sequence[Delivery]: ...
    def notice_text(self, delivery: Delivery) -> str: ...
    async def send_again(self, delivery: int) -> bool: ...


NOTICES: Final = web.AppKey("notices", NoticeDesk)


def set_up_notices(app: web.Application, desk: NoticeDesk) -> None:
    """Adds the calls."""
    app[NOTICES] = desk
    app.add_routes(
        [
            web.get("/api/v1/notices", notices),
            web.post("/api/v1/notices/{id}/resend", resend),
        ]
    )


async def notices(request: web.Request) -> web.Response:
    """`state=never`: given up, newest first; `state=pending`: not yet told, oldest first."""
    state = request.query.get("state", "never")
    if state not in STATES:
        raise Problem(400, f"state: expected {' or '.join(STATES)} (got {state[:40]!r})")
    desk = request.app[NOTICES]
    found = await desk.notices(state, MOST)
    return json_response({"notices": [_row(desk, one) for one in found]})


async def resend(request: web.Request) -> web.Response:
    """What was given up waits for its turn once more."""
    user = request[USER]
    text = request.match_info["id"]
    known = text.isascii() and text.isdecimal() and len(text) < 18
    if not known or not await request.app[NOTICES].send_again(int(text)):
        raise Problem(404, f"there is no notice {text[:20]!r} that was given up")
    log.info("notice sent again id=%s by=%r", text, clean(user.name))
    await note(request, What.RESEND, text)
    return json_response({"id": int(text), "state": "pending"})


def _row(desk: NoticeDesk, one: Delivery) -> dict[str, object]:
    return {
        "id": one.id,
        "key": one.key,
        "channel": one.notice.to,
        "reason": one.notice.reason,
        "people": list(one.notice.people),
        "ticket": str(one.ticket.get("number", "")) if one.ticket else "",
        "at": stamp(one.at),
        "tries": one.tries,
        "next_at": stamp(one.next_at),
        "why": one.why,
        "text": desk.notice_text(one),
    }
