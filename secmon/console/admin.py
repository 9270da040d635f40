"""What administrators do over the unix socket or with an admin's token: people, channels, store."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from aiohttp import web

from secmon.api import Later, Never, Role, User
from secmon.console.access import WORKERS, digest, need
from secmon.console.passwords import hashed, new_token
from secmon.console.problems import Problem
from secmon.console.requests import body_of, json_response
from secmon.core.tickets import stamp
from secmon.loading import ConfigError

ADMINS = frozenset((Role.ADMIN,))
NAME = 64  # characters of a user's name


class Office(Protocol):
    """What administration needs of the daemon behind it."""

    async def users(self) -> Sequence[User]: ...
    async def add_user(self, name: str, role: Role, password: str) -> None: ...
    async def set_password(self, name: str, password: str) -> None: ...
    async def add_token(self, user: str, sha256: str) -> None: ...
    async def notify_test(self, channel: str, by: str, to: str) -> None: ...
    async def backup(self, dest: Path) -> None: ...
    async def sizes(self) -> Sequence[Mapping[str, object]]: ...


OFFICE: Final = web.AppKey("office", Office)


def admin_routes() -> list[web.RouteDef]:
    return [
        web.get("/api/v1/users", users),
        web.post("/api/v1/users", add_user),
        web.post("/api/v1/users/{name}/password", set_password),
        web.post("/api/v1/channels/{id}/test", notify_test),
        web.post("/api/v1/store/backup", backup),
        web.get("/api/v1/store/sizes", sizes),
    ]


async def users(request: web.Request) -> web.Response:
    need(request, ADMINS)
    every = await request.app[OFFICE].users()
    rows = [
        {
            "name": user.name,
            "role": str(user.role),
            "password": bool(user.password),
            "created_at": stamp(user.created_at),
        }
        for user in every
    ]
    return json_response({"users": rows})


async def add_user(request: web.Request) -> web.Response:
    """Adds a person or a program; with `token: true` a token is told, this once."""
    need(request, ADMINS)
    office = request.app[OFFICE]
    body = await body_of(request, {"name": str, "role": Role, "password": str, "token": bool})
    name = str(body.get("name", "")).strip()
    if not 1 <= len(name) <= NAME or not name.isprintable() or name.startswith("os:"):
        raise Problem(
            400, f"name: expected 1 to {NAME} printable characters, not os:… (got {name[:NAME]!r})"
        )
    if "role" not in body:
        raise Problem(400, f"role: expected one of {', '.join(Role)} (got nothing)")
    if any(user.name == name for user in await office.users()):
        raise Problem(409, f"there is a user {name} already")
    password = await _hashed(body)
    try:
        await office.add_user(name, Role(str(body["role"])), password)
    except ValueError:  # somebody else was quicker
        raise Problem(409, f"there is a user {name} already") from None
    told: dict[str, object] = {"name": name, "role": str(body["role"])}
    if body.get("token"):
        told["token"] = new_token()
        await office.add_token(name, digest(str(told["token"])))
    return json_response(told, 201)


async def set_password(request: web.Request) -> web.Response:
    need(request, ADMINS)
    name = request.match_info["name"]
    office = request.app[OFFICE]
    if not any(user.name == name for user in await office.users()):
        raise Problem(404, f"there is no user {name[:NAME]!r}")
    body = await body_of(request, {"password": str})
    if "password" not in body:
        raise Problem(400, "password: expected text (got nothing)")
    await office.set_password(name, await _hashed(body))
    return json_response({"name": name})


async def _hashed(body: Mapping[str, object]) -> str:
    if "password" not in body:
        return ""
    try:
        return await asyncio.to_thread(hashed, str(body["password"]))
    except ValueError as error:
        raise Problem(400, str(error)) from None


async def notify_test(request: web.Request) -> web.Response:
    """Sends one real message through a channel, past the outbox, and says how it went. `to`: the
    user it is meant for, where the channel tells people one by one."""
    user = need(request, WORKERS)
    channel, office = request.match_info["id"], request.app[OFFICE]
    to = str((await body_of(request, {"to": str})).get("to", ""))
    if to and not any(one.name == to for one in await office.users()):
        raise Problem(404, f"there is no user {to[:NAME]!r}")
    try:
        await office.notify_test(channel, user.name, to)
    except KeyError:
        raise Problem(404, f"there is no channel {channel[:NAME]!r} in the site file") from None
    except Later as error:
        raise Problem(502, f"{channel}: not delivered, may be tried again: {error}") from None
    except Never as error:
        raise Problem(502, f"{channel}: refused for good: {error}") from None
    except ConfigError as error:
        raise Problem(409, f"{channel}: {'; '.join(error.problems)}") from None
    return json_response({"channel": channel, "outcome": "told"})


async def backup(request: web.Request) -> web.Response:
    """Copies the store, as it is now, to a path on the daemon's machine; only an older copy of a
    store is replaced."""
    need(request, ADMINS)
    body = await body_of(request, {"path": str})
    path = Path(str(body.get("path", "")))
    if not path.is_absolute() or not str(path).isprintable():
        raise Problem(400, f"path: expected an absolute path (got {str(path)[:200]!r})")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise Problem(400, f"path: expected a folder that the daemon may write to ({path.parent})")
    try:
        await request.app[OFFICE].backup(path)
    except ValueError as error:
        raise Problem(400, f"path: {error}") from None
    return json_response({"path": str(path)})


async def sizes(request: web.Request) -> web.Response:
    need(request, ADMINS)
    return json_response({"tables": list(await request.app[OFFICE].sizes())})
