"""What administrators do with people: add, change, unlock, remove; their tokens and sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from secmon.api import Login, Role, User
from secmon.console.access import PASS, USER, digest
from secmon.console.admin import NAME, OFFICE
from secmon.console.daemon import DAEMON
from secmon.console.ledger import LEDGER, TokenRow, What, note
from secmon.console.passwords import hashed, new_token
from secmon.console.problems import Problem
from secmon.console.requests import body_of, json_response
from secmon.console.rights import Scope
from secmon.console.sessions import DESK, LINK
from secmon.core.durations import duration
from secmon.core.tickets import stamp

TOKEN_KEYS = {"name": str, "scopes": str, "expires": str}
TOKEN_NAME = 40  # characters


def user_routes() -> list[web.RouteDef]:
    one = "/api/v1/users/{name}"
    return [
        web.get("/api/v1/users", users),
        web.post("/api/v1/users", add_user),
        web.delete(one, remove_user),
        web.post(one + "/role", set_role),
        web.post(one + "/password", set_password),
        web.post(one + "/link", login_link),
        web.post(one + "/unlock", unlock),
        web.get(one + "/sessions", sessions),
        web.delete(one + "/sessions", end_sessions),
        web.get(one + "/tokens", tokens),
        web.post(one + "/tokens", add_token),
        web.delete(one + "/tokens/{token}", remove_token),
    ]


@dataclass(frozen=True, slots=True)
class Person:
    """A user as administrators see them. `locked`: until when, if now."""

    user: User
    login: Login
    locked: datetime | None


async def everybody(request: web.Request) -> list[Person]:
    now = request.app[DAEMON].clock.now()
    logins = await request.app[LEDGER].logins()
    found = []
    for user in await request.app[OFFICE].users():
        login = logins.get(user.name, Login())
        until = login.locked_until
        found.append(Person(user, login, until if until and until > now else None))
    return found


async def users(request: web.Request) -> web.Response:
    rows = [
        {
            "name": one.user.name,
            "role": str(one.user.role),
            "password": bool(one.user.password),
            "created_at": stamp(one.user.created_at),
            "last_at": stamp(one.login.last_at),
            "last_address": one.login.last_address,
            "wrong": one.login.wrong,
            "locked_until": stamp(one.locked),
            "must_change": one.login.must_change,
        }
        for one in await everybody(request)
    ]
    return json_response({"users": rows})


async def add_user(request: web.Request) -> web.Response:
    """Adds a person or a program; with `token: true` a token is told, this once."""
    office = request.app[OFFICE]
    keys = {"name": str, "role": Role, "password": str, "token": bool, "must_change": bool}
    body = await body_of(request, keys)
    name = str(body.get("name", "")).strip()
    if not 1 <= len(name) <= NAME or not name.isprintable() or name.startswith("os:"):
        raise Problem(
            400, f"name: expected 1 to {NAME} printable characters, not os:… (got {name[:NAME]!r})"
        )
    if "role" not in body:
        raise Problem(400, f"role: expected one of {', '.join(Role)} (got nothing)")
    if any(user.name == name for user in await office.users()):
        raise Problem(409, f"there is a user {name} already")
    password = await hash_of(body, name)
    try:
        await office.add_user(name, Role(str(body["role"])), password)
    except ValueError:  # somebody else was quicker
        raise Problem(409, f"there is a user {name} already") from None
    if password and _must_change(request, body):
        await office.set_password(name, password, must_change=True)
    await note(request, What.USER_ADD, name, why=str(body["role"]))
    told: dict[str, object] = {"name": name, "role": str(body["role"])}
    if body.get("token"):
        told["token"] = new_token()
        await office.add_token(name, digest(str(told["token"])))
        await note(request, What.TOKEN_ADD, name, why="cli")
    return json_response(told, 201)


async def remove_user(request: web.Request) -> web.Response:
    """Ends all that the user has; what the user did stays in journal and audit."""
    name = await known(request)
    if name == request[USER].name:
        raise Problem(409, "nobody removes himself: let another administrator do it")
    await request.app[LEDGER].remove_user(name)
    await note(request, What.USER_REMOVE, name)
    return json_response({"name": name})


async def set_role(request: web.Request) -> web.Response:
    name = await known(request)
    body = await body_of(request, {"role": Role})
    if "role" not in body:
        raise Problem(400, f"role: expected one of {', '.join(Role)} (got nothing)")
    await change_role(request, name, Role(str(body["role"])))
    return json_response({"name": name, "role": str(body["role"])})


async def change_role(request: web.Request, name: str, role: Role) -> None:
    """Another role from the next request on."""
    if name == request[USER].name:
        raise Problem(409, "nobody changes his own role: let another administrator do it")
    await request.app[LEDGER].set_role(name, role)
    await note(request, What.ROLE, name, why=str(role))


async def set_password(request: web.Request) -> web.Response:
    """All sessions of the user end; who is told a password by somebody else has to change it."""
    name = await known(request)
    body = await body_of(request, {"password": str, "must_change": bool})
    if "password" not in body:
        raise Problem(400, "password: expected text (got nothing)")
    must = _must_change(request, body) and name != request[USER].name
    await request.app[OFFICE].set_password(name, await hash_of(body, name), must)
    request.app[DESK].locks.unlock(name)
    await note(request, What.PASSWORD, name, why="to be changed" if must else "")
    return json_response({"name": name})


def _must_change(request: web.Request, body: Mapping[str, object]) -> bool:
    """Unless told: yes, but at the server's own keyboard, where the person may stand beside."""
    return bool(body.get("must_change", PASS in request))


async def hash_of(body: Mapping[str, object], name: str) -> str:
    """The scrypt text of `password`, '' where there is none. Problem 400."""
    if "password" not in body:
        return ""
    try:
        return await asyncio.to_thread(hashed, str(body["password"]), name)
    except ValueError as error:
        raise Problem(400, str(error)) from None


async def login_link(request: web.Request) -> web.Response:
    """A log-in to the console that works once and not for long: an administrator hands it on."""
    daemon = request.app[DAEMON]
    name = request.match_info["name"]
    secret, expires = new_token(), daemon.clock.now() + LINK
    await body_of(request, {})
    try:
        await daemon.add_link(name, digest(secret), expires)
    except ValueError:
        raise Problem(404, f"there is no user {name[:64]!r}") from None
    await note(request, What.LINK, name)
    told = {"name": name, "url": f"{daemon.public_url}/login?once={secret}"}
    return json_response({**told, "expires_at": stamp(expires)}, 201)


async def unlock(request: web.Request) -> web.Response:
    name = await known(request)
    await lift_lock(request, name)
    return json_response({"name": name})


async def lift_lock(request: web.Request, name: str) -> None:
    await request.app[LEDGER].unlock(name)
    request.app[DESK].locks.unlock(name)
    await note(request, What.UNLOCK, name)


# --- sessions ---


async def sessions(request: web.Request) -> web.Response:
    name = await known(request)
    rows = await request.app[LEDGER].sessions(name, request.app[DAEMON].idle)
    return json_response(
        {
            "sessions": [
                {
                    "id": row.id,
                    "created_at": stamp(row.created_at),
                    "used_at": stamp(row.used_at),
                    "address": row.address,
                    "agent": row.agent,
                }
                for row in rows
            ]
        }
    )


async def end_sessions(request: web.Request) -> web.Response:
    name = await known(request)
    return json_response({"ended": await end_all(request, name)})


async def end_all(request: web.Request, name: str) -> int:
    ended = await request.app[LEDGER].end_sessions(name)
    await note(request, What.SESSION_END, name, why=f"{ended} sessions")
    return ended


# --- tokens ---


async def tokens(request: web.Request) -> web.Response:
    name = await known(request)
    return json_response({"tokens": token_rows(await request.app[LEDGER].tokens(name))})


async def add_token(request: web.Request) -> web.Response:
    name = await known(request)
    return json_response(await make_token(request, name, await body_of(request, TOKEN_KEYS)), 201)


async def remove_token(request: web.Request) -> web.Response:
    name = await known(request)
    return json_response({"removed": await drop_token(request, name)})


async def make_token(
    request: web.Request, user: str, body: Mapping[str, object]
) -> dict[str, object]:
    """A token, told this once. `scopes`: what it is for, comma-separated; empty: all that its user
    may. `expires`: `90d`; empty: never. Problem 400, 409."""
    name = str(body.get("name") or "token").strip()
    if not 1 <= len(name) <= TOKEN_NAME or not name.isprintable() or "/" in name:
        raise Problem(400, f"name: expected 1 to {TOKEN_NAME} printable characters without /")
    scopes = _scopes(str(body.get("scopes", "")))
    expires = _expiry(str(body.get("expires", "")), request.app[DAEMON].clock.now())
    secret = new_token()
    try:
        await request.app[LEDGER].add_token(user, name, digest(secret), scopes, expires)
    except ValueError as error:
        raise Problem(409, str(error)) from None
    why = f"{name} {','.join(scopes) or 'everything'} until {stamp(expires) or 'removed'}"
    await note(request, What.TOKEN_ADD, user, why=why)
    told = {"user": user, "name": name, "token": secret, "scopes": list(scopes)}
    return {**told, "expires_at": stamp(expires)}


async def drop_token(request: web.Request, user: str, name: str = "") -> int:
    """How many there were. Problem 404."""
    wanted = name or request.match_info["token"]
    removed = await request.app[LEDGER].remove_token(user, wanted)
    if not removed:
        raise Problem(404, f"{user} has no token {wanted[:TOKEN_NAME]!r}")
    await note(request, What.TOKEN_REMOVE, user, why=wanted)
    return removed


def token_rows(found: Collection[TokenRow]) -> list[dict[str, object]]:
    return [
        {
            "name": one.name,
            "scopes": list(one.scopes),
            "created_at": stamp(one.created_at),
            "used_at": stamp(one.used_at),
            "expires_at": stamp(one.expires_at),
        }
        for one in found
    ]


def _scopes(text: str) -> list[str]:
    asked = [word.strip() for word in text.split(",") if word.strip()]
    wrong = [word for word in asked if word not in set(Scope)]
    if wrong:
        raise Problem(400, f"scopes: expected some of {', '.join(Scope)} (got {wrong[0][:40]!r})")
    return sorted(set(asked))


def _expiry(text: str, now: datetime) -> datetime | None:
    if not text.strip():
        return None
    try:
        return now + duration(text.strip())
    except (ValueError, OverflowError):
        raise Problem(400, f"expires: expected a duration like 90d (got {text[:40]!r})") from None


async def known(request: web.Request) -> str:
    """The user in the path. Problem 404."""
    name = request.match_info["name"]
    if not any(user.name == name for user in await request.app[OFFICE].users()):
        raise Problem(404, f"there is no user {name[:NAME]!r}")
    return name
