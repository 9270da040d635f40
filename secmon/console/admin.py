"""What administrators do beside people: try a channel, copy and measure the store."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from aiohttp import web

from secmon.api import Later, Never, Role, User
from secmon.console.access import USER
from secmon.console.ledger import Outcome, What, note
from secmon.console.problems import Problem
from secmon.console.requests import body_of, json_response
from secmon.loading import ConfigError

NAME = 64  # characters of a user's name


class Office(Protocol):
    """What administration needs of the daemon behind it."""

    async def users(self) -> Sequence[User]: ...
    async def add_user(self, name: str, role: Role, password: str) -> None: ...
    async def set_password(self, name: str, password: str, must_change: bool = False) -> None: ...
    async def add_token(self, user: str, sha256: str) -> None: ...
    async def notify_test(self, channel: str, by: str, to: str) -> None: ...
    async def backup(self, dest: Path) -> None: ...
    async def sizes(self) -> Sequence[Mapping[str, object]]: ...


OFFICE: Final = web.AppKey("office", Office)


def admin_routes() -> list[web.RouteDef]:
    return [
        web.post("/api/v1/channels/{id}/test", notify_test),
        web.post("/api/v1/store/backup", backup),
        web.get("/api/v1/store/sizes", sizes),
    ]


async def notify_test(request: web.Request) -> web.Response:
    """Sends one real message through a channel, past the outbox, and says how it went. `to`: the
    user it is meant for, where the channel tells people one by one."""
    user = request[USER]
    channel, office = request.match_info["id"], request.app[OFFICE]
    to = str((await body_of(request, {"to": str})).get("to", ""))
    if to and not any(one.name == to for one in await office.users()):
        raise Problem(404, f"there is no user {to[:NAME]!r}")
    try:
        await office.notify_test(channel, user.name, to)
    except KeyError:
        raise Problem(404, f"there is no channel {channel[:NAME]!r} in the site file") from None
    except (Later, Never, ConfigError) as error:
        said = _failed(channel, error)
        await note(request, What.NOTIFY_TEST, channel, outcome=Outcome.FAILED, why=said.detail)
        raise said from None
    await note(request, What.NOTIFY_TEST, channel)
    return json_response({"channel": channel, "outcome": "told"})


def _failed(channel: str, error: Later | Never | ConfigError) -> Problem:
    match error:
        case Later():
            return Problem(502, f"{channel}: not delivered, may be tried again: {error}")
        case Never():
            return Problem(502, f"{channel}: refused for good: {error}")
    return Problem(409, f"{channel}: {'; '.join(error.problems)}")


async def backup(request: web.Request) -> web.Response:
    """Copies the store, as it is now, to a path on the daemon's machine; only an older copy of a
    store is replaced."""
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
    await note(request, What.BACKUP, str(path))
    return json_response({"path": str(path)})


async def sizes(request: web.Request) -> web.Response:
    return json_response({"tables": list(await request.app[OFFICE].sizes())})
