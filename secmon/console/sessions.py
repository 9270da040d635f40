"""Log-in: passwords and links in, sessions out; guessing is slowed and tells nothing.

Of a session the browser holds 256 random bits in a cookie, the store their SHA-256. A wrong name
costs the same time as a wrong password, and both get the same answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from aiohttp import web

from secmon.api import User
from secmon.console.access import DOOR, TRIES, Brake, digest
from secmon.console.origin import client_of, neighbourhood, scheme_of
from secmon.console.passwords import new_token, proves
from secmon.console.problems import Problem
from secmon.texts.clean import clean

log = logging.getLogger(__name__)

LINK = timedelta(minutes=15)  # a link that logs in once is good for so long
AT_ONCE = 2  # passwords proved at the same time: 32 MiB and a core each
WAITING = 20  # … and how many may wait for their turn
NAME_TRIES = 2 * TRIES  # wrong passwords per name and minute, from wherever


class Lodge(Protocol):
    """What logging in needs of the daemon behind it."""

    async def person(self, name: str) -> User | None: ...
    async def begin_session(self, name: str, sha256: str) -> None: ...
    async def session(self, sha256: str) -> User | None: ...
    async def end_session(self, sha256: str) -> None: ...
    async def add_link(self, name: str, sha256: str, expires: datetime) -> None: ...
    async def take_link(self, sha256: str) -> str | None: ...


@dataclass(slots=True)
class Desk:
    """Where one logs in."""

    lodge: Lodge
    by_address: Brake
    by_name: Brake
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    waiting: int = 0

    async def by_password(self, request: web.Request, name: str, password: str) -> str:
        """The secret of a new session, '' where name or password is wrong. Problem 429 or 503."""
        address = client_of(request, request.app[DOOR].proxies)
        with self._counted(address, name) as count:
            user = await self.lodge.person(name)
            good = await self._prove(password, user.password if user else "")
            if user is None or not good:
                log.warning("log-in refused user=%r address=%s", clean(name, 64), address)
                return ""
            count.append(True)
        return await self._begin(user.name, address)

    async def by_link(self, request: web.Request, secret: str) -> str:
        """The secret of a new session, '' where the link is used up, too old or made up."""
        address = client_of(request, request.app[DOOR].proxies)
        with self._counted(address, "") as count:
            name = await self.lodge.take_link(digest(secret))
            if name is None:
                log.warning("log-in link refused address=%s", address)
                return ""
            count.append(True)
        return await self._begin(name, address)

    async def _begin(self, name: str, address: str) -> str:
        secret = new_token()
        await self.lodge.begin_session(name, digest(secret))
        log.info("logged in user=%r address=%s", name, address)
        return secret

    @contextmanager
    def _counted(self, address: str, name: str) -> Iterator[list[bool]]:
        """Counts a try as wrong before it is looked at, so that many at once gain nothing; takes
        that back if something was put into the list, or it was not looked at for another reason."""
        place = neighbourhood(address)
        wait = max(self.by_address.wait(place), self.by_name.wait(name) if name else 0)
        if wait:
            raise Problem(
                429,
                f"too many tries to log in: wait {wait} s",
                headers={"Retry-After": str(wait)},
                code="brake",
            )
        counts = [(self.by_address, place), *([(self.by_name, name)] if name else [])]
        for brake, key in counts:
            brake.wrong(key)
        good: list[bool] = []
        try:
            yield good
        except Exception:
            good.append(True)
            raise
        finally:
            for brake, key in counts if good else ():
                brake.right(key)

    async def _prove(self, password: str, stored: str) -> bool:
        if self.waiting >= WAITING:
            raise Problem(503, "too many log in at once: try again", headers={"Retry-After": "5"})
        self.waiting += 1
        try:
            async with self.turns:
                return await asyncio.to_thread(proves, password, stored)
        finally:
            self.waiting -= 1


DESK: Final = web.AppKey("log-in desk", Desk)


def keep(request: web.Request, response: web.StreamResponse, secret: str) -> None:
    """Hands the session to the browser; it forgets it when it is closed."""
    door = request.app[DOOR]
    response.set_cookie(
        door.cookie,
        secret,
        path="/",
        httponly=True,
        samesite="Strict",
        secure=scheme_of(request, door.proxies) == "https",
    )


def forget(request: web.Request, response: web.StreamResponse) -> None:
    response.del_cookie(request.app[DOOR].cookie, path="/", httponly=True, samesite="Strict")
