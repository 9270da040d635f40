"""Log-in: passwords and links in, sessions out; guessing is slowed and tells nothing.

Of a session the browser holds 256 random bits in a cookie, the store their SHA-256. A wrong name
costs the same time as a wrong password, and both get the same answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from aiohttp import web

from secmon.api import Login, StoreDown, User
from secmon.console.access import DOOR, Brake, digest
from secmon.console.ledger import LEDGER, Outcome, What, note, place_of
from secmon.console.locks import FROM, Locks
from secmon.console.origin import client_of, neighbourhood, scheme_of
from secmon.console.passwords import new_token, proves
from secmon.console.problems import Problem
from secmon.core.tickets import stamp
from secmon.texts.clean import clean

LINK = timedelta(minutes=15)  # a link that logs in once is good for so long
AT_ONCE = 2  # passwords proved at the same time: 32 MiB and a core each
WAITING = 20  # … and how many may wait for their turn
AGENT = 120  # characters of what a browser calls itself


@dataclass(slots=True)
class Tried:
    """One try to log in. `until`: when its name may try again, if it was the last straw."""

    until: datetime | None
    good: bool = False


class Lodge(Protocol):
    """What logging in needs of the daemon behind it."""

    async def person(self, name: str) -> User | None: ...
    async def begin_session(
        self, name: str, sha256: str, address: str = "", agent: str = ""
    ) -> None: ...
    async def session(self, sha256: str) -> User | None: ...
    async def end_session(self, sha256: str) -> None: ...
    async def add_link(self, name: str, sha256: str, expires: datetime) -> None: ...
    async def take_link(self, sha256: str) -> str | None: ...


@dataclass(slots=True)
class Desk:
    """Where one logs in."""

    lodge: Lodge
    by_address: Brake
    locks: Locks
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    waiting: int = 0

    async def by_password(self, request: web.Request, name: str, password: str) -> str:
        """The secret of a new session, '' where name or password is wrong. Problem 429 or 503."""
        if not await self.proven(request, name, password, What.LOG_IN):
            return ""
        return await self._begin(request, name, "password")

    async def proven(self, request: web.Request, name: str, password: str, what: What) -> bool:
        """Is it that user's password? Counted and slowed like every guess; `what` it is for."""
        address = client_of(request, request.app[DOOR].proxies)
        user = await self.lodge.person(name)
        known = await request.app[LEDGER].login(name)
        if user is not None:
            self.locks.remember(name, known.wrong, known.locked_until)
        key = _lock_of(name, address, known)
        with self._counted(address, key) as tried:
            good = await self._prove(password, user.password if user else "")
            if user is not None and good:
                tried.good = True
        if not tried.good:
            await self._refused(request, what, user.name if user else "", tried.until)
        return tried.good

    async def by_link(self, request: web.Request, secret: str) -> str:
        """The secret of a new session, '' where the link is used up, too old or made up."""
        address = client_of(request, request.app[DOOR].proxies)
        with self._counted(address, "") as tried:
            name = await self.lodge.take_link(digest(secret))
            tried.good = name is not None
        if name is None:
            await note(request, What.LOG_IN, outcome=Outcome.REFUSED, why="link")
            return ""
        return await self._begin(request, name, "link")

    async def _begin(self, request: web.Request, name: str, how: str) -> str:
        secret = await self.go_on(request, name)
        await note(request, What.LOG_IN, name, who=name, why=how)
        return secret

    async def go_on(self, request: web.Request, name: str) -> str:
        """The secret of a new session for who has just been proven."""
        secret = new_token()
        agent = clean(request.headers.get("User-Agent", ""), AGENT)
        await self.lodge.begin_session(name, digest(secret), place_of(request), agent)
        return secret

    async def _refused(
        self, request: web.Request, what: What, name: str, until: datetime | None
    ) -> None:
        """A wrong password; what was typed as a name that nobody has may be a password: it is
        written down nowhere."""
        await note(request, what, name, outcome=Outcome.REFUSED, why="" if name else "no such user")
        if not name:
            return
        with suppress(StoreDown):
            await request.app[LEDGER].wrong_password(name, until)
        if until is not None:
            await note(request, What.LOCK, name, why=f"until {stamp(until)}")

    @contextmanager
    def _counted(self, address: str, key: str) -> Iterator[Tried]:
        """Counts a try as wrong before it is looked at, so that many at once gain nothing; takes
        that back if it was good, or was not looked at for another reason."""
        place = neighbourhood(address)
        wait = max(self.by_address.wait(place), self.locks.wait(key) if key else 0)
        if wait:
            raise Problem(
                429,
                f"too many tries to log in: wait {wait} s",
                headers={"Retry-After": str(wait)},
                code="brake",
            )
        self.by_address.wrong(place)
        tried = Tried(self.locks.wrong(key) if key else None)
        try:
            yield tried
        except Exception:
            self.by_address.right(place)
            self.locks.forgive(key)
            raise
        if tried.good:
            self.by_address.right(place)
            self.locks.right(key)

    async def _prove(self, password: str, stored: str) -> bool:
        if self.waiting >= WAITING:
            raise Problem(503, "too many log in at once: try again", headers={"Retry-After": "5"})
        self.waiting += 1
        try:
            async with self.turns:
                return await asyncio.to_thread(proves, password, stored)
        finally:
            self.waiting -= 1


def _lock_of(name: str, address: str, known: Login) -> str:
    """Guesses from elsewhere must not lock a person out of the usual place, which has a count of
    its own."""
    place = neighbourhood(address)
    usual = bool(known.last_address) and neighbourhood(known.last_address) == place
    return f"{name}{FROM}{place}" if usual else name


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
