"""One's own account: password, sessions, tokens."""

from __future__ import annotations

from aiohttp import web

from secmon.api import User
from secmon.console.access import PASS, USER, Pass
from secmon.console.admin import OFFICE
from secmon.console.daemon import DAEMON
from secmon.console.ledger import LEDGER, What, note
from secmon.console.people import TOKEN_KEYS, drop_token, hash_of, make_token, token_rows
from secmon.console.problems import Problem
from secmon.console.requests import body_of, json_response
from secmon.console.sessions import DESK, keep
from secmon.core.tickets import stamp

SHORT = 16  # signs of a session's digest that name it


def account_routes() -> list[web.RouteDef]:
    return [
        web.get("/api/v1/me", me),
        web.post("/api/v1/me/password", password),
        web.delete("/api/v1/me/sessions", end_others),
        web.delete("/api/v1/me/sessions/{id}", end_one),
        web.get("/api/v1/me/tokens", tokens),
        web.post("/api/v1/me/tokens", add_token),
        web.delete("/api/v1/me/tokens/{token}", remove_token),
    ]


async def me(request: web.Request) -> web.Response:
    user = request[USER]
    own = this_session(request)
    rows = await request.app[LEDGER].sessions(user.name, request.app[DAEMON].idle)
    before = user.before
    return json_response(
        {
            "name": user.name,
            "role": str(user.role),
            "scopes": list(user.scopes),
            "must_change": user.must_change,
            "last_at": stamp(before.at) if before else None,
            "last_address": before.address if before else "",
            "wrong": before.wrong if before else 0,
            "sessions": [
                {
                    "id": row.id,
                    "created_at": stamp(row.created_at),
                    "used_at": stamp(row.used_at),
                    "address": row.address,
                    "agent": row.agent,
                    "this": row.id == own[:SHORT],
                }
                for row in rows
            ],
        }
    )


async def password(request: web.Request) -> web.Response:
    """A new password for the old one: other sessions end, this one goes on under a new secret."""
    body = await body_of(request, {"old": str, "password": str})
    given = [str(body.get(key, "")) for key in ("old", "password")]
    secret = await change_password(request, given[0], given[1])
    answer = json_response({"name": request[USER].name})
    keep(request, answer, secret)
    return answer


async def change_password(request: web.Request, old: str, new: str) -> str:
    """The secret of the session that goes on. Problem 400 where the new one is too weak or the old
    one wrong, 403 without a session. Who came by a link and has no password yet sets the first."""
    user = need_session(request)
    if new == old:
        raise Problem(400, "password: expected another one than before", code="same")
    made = await hash_of({"password": new}, user.name)
    if user.password and not await request.app[DESK].proven(request, user.name, old, What.PASSWORD):
        raise Problem(400, "old: expected the present password", code="old")
    await request.app[OFFICE].set_password(user.name, made)
    await note(request, What.PASSWORD, user.name)
    return await request.app[DESK].go_on(request, user.name)


async def end_others(request: web.Request) -> web.Response:
    return json_response({"ended": await end_other_sessions(request)})


async def end_other_sessions(request: web.Request) -> int:
    """All of one's own but this one; how many there were."""
    user = need_session(request)
    ended = await request.app[LEDGER].end_sessions(user.name, this_session(request))
    await note(request, What.SESSION_END, user.name, why=f"{ended} sessions")
    return ended


async def end_one(request: web.Request) -> web.Response:
    user = need_session(request)
    ended = await request.app[LEDGER].end_session_named(user.name, request.match_info["id"])
    if not ended:
        raise Problem(404, "there is no such session")
    await note(request, What.SESSION_END, user.name, why="1 session")
    return json_response({"ended": ended})


async def tokens(request: web.Request) -> web.Response:
    found = await request.app[LEDGER].tokens(request[USER].name)
    return json_response({"tokens": token_rows(found)})


async def add_token(request: web.Request) -> web.Response:
    body = await body_of(request, TOKEN_KEYS)
    return json_response(await make_token(request, need_session(request).name, body), 201)


async def remove_token(request: web.Request) -> web.Response:
    user = need_session(request)
    return json_response({"removed": await drop_token(request, user.name)})


def need_session(request: web.Request) -> User:
    """The user, if logged in to the console: a token makes no other, and changes no password."""
    came_by = request.get(PASS)
    if came_by is None or not came_by.session:
        raise Problem(
            403, "expected a log-in to the console: a token or the socket can not do this"
        )
    return request[USER]


def this_session(request: web.Request) -> str:
    """The digest of the session that asks; '' where none does."""
    came_by: Pass | None = request.get(PASS)
    return came_by.digest if came_by and came_by.session else ""
