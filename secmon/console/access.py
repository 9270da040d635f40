"""Who is asking, and may they: tokens, sessions, the unix socket's peer, roles, and a brake on
guessing."""

from __future__ import annotations

import hashlib
import os
import pwd
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from secmon.api import Role, User
from secmon.console import rights
from secmon.console.origin import Networks, client_of, same_origin
from secmon.console.problems import Handler, Problem

READERS = rights.ROLES[rights.Right.READ]
WORKERS = rights.WORKERS

WINDOW = 60.0  # seconds over which wrong tokens are counted
TRIES = 10  # wrong tokens per address and window before it has to wait
ADDRESSES = 10_000  # addresses remembered at most

UNSAFE = frozenset(("POST", "PUT", "PATCH", "DELETE"))
STATIC = "/static/"  # what the log-in page needs too

Lookup = Callable[[str], Awaitable[User | None]]


@dataclass(frozen=True, slots=True)
class Pass:
    """What somebody came in by: the digest of a token or of a session."""

    digest: str
    lookup: Lookup
    session: bool

    async def holds(self) -> bool:
        """Would it open the door still?"""
        return await self.lookup(self.digest) is not None


USER: Final = web.RequestKey("user", User)
PASS: Final = web.RequestKey("pass", Pass)  # absent at the unix socket


def digest(token: str) -> str:
    """What is stored of a token: its SHA-256. Tokens are 256 random bits, so no salt is needed."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


class Brake:
    """Slows guessing: counts wrong tokens or passwords per address, or per name."""

    def __init__(self, tick: Callable[[], float], tries: int = TRIES) -> None:
        self._tick = tick
        self._tries = tries
        self._wrong: dict[str, deque[float]] = {}

    def wait(self, address: str) -> int:
        """Seconds this address has to wait; 0: it may try."""
        times = self._wrong.get(address)
        now = self._tick()
        while times and now - times[0] > WINDOW:
            times.popleft()
        if not times or len(times) < self._tries:
            return 0
        return int(WINDOW - (now - times[0])) + 1

    def wrong(self, address: str) -> None:
        """One more wrong token from there."""
        if len(self._wrong) >= ADDRESSES:
            self._wrong.clear()
        self._wrong.setdefault(address, deque(maxlen=self._tries)).append(self._tick())

    def right(self, address: str) -> None:
        """The latest try from there was no wrong one after all."""
        if times := self._wrong.get(address):
            times.pop()


@dataclass(frozen=True, slots=True)
class Door:
    """What it takes to know who asks."""

    lookup: Lookup  # digest of a token → its user
    brake: Brake
    proxies: Networks = ()
    session: Lookup | None = None  # digest of a session → its user
    cookie: str = "secmon"  # the name of the cookie that holds the session
    public_url: str = ""


DOOR: Final = web.AppKey("door", Door)


def guard(door: Door, open_paths: Collection[str]) -> Middleware:
    """Middleware: no request passes without a user, but for static files and `open_paths`, plain or
    patterns."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        names = {request.path, resource.canonical if resource is not None else ""}
        if names.isdisjoint(open_paths) and not request.path.startswith(STATIC):
            request[USER] = await identify(request, door)
        return await handler(request)

    return middleware


async def identify(request: web.Request, door: Door) -> User:
    """The user behind a request. 401 without one, 429 after too many wrong tokens, 403 for what
    another site's page sends with our cookie."""
    local = local_peer(request)
    if local is not None:
        return local
    if door.session and "Authorization" not in request.headers:
        cookie = request.cookies.get(door.cookie, "")
        if cookie:
            return await _by_cookie(request, door, door.session, cookie)
    return await _by_token(request, door)


async def _by_cookie(request: web.Request, door: Door, lookup: Lookup, cookie: str) -> User:
    if request.method in UNSAFE:
        need_same_origin(request, door)
    proof = digest(cookie)
    user = await lookup(proof)
    if user is None:
        raise _unknown("the session is over: log in again")
    request[PASS] = Pass(proof, lookup, session=True)
    return user


def need_same_origin(request: web.Request, door: Door) -> None:
    """403 unless one of our own pages sent the request."""
    if not same_origin(request, door.proxies, door.public_url):
        said = request.headers.get("Origin", request.headers.get("Sec-Fetch-Site", "nothing"))
        raise Problem(
            403, f"expected a request from a page of ours (Origin says {said[:80]})", code="origin"
        )


async def _by_token(request: web.Request, door: Door) -> User:
    address = client_of(request, door.proxies)
    wait = door.brake.wait(address)
    if wait:
        raise Problem(
            429,
            f"too many wrong tokens from {address}: wait {wait} s",
            headers={"Retry-After": str(wait)},
        )
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise _unknown("log in: expected `Authorization: Bearer TOKEN`")
    proof = digest(token.strip())
    user = await door.lookup(proof)
    if user is None:
        door.brake.wrong(address)
        raise _unknown("unknown or expired token")
    request[PASS] = Pass(proof, door.lookup, session=False)
    return user


def _unknown(why: str) -> Problem:
    return Problem(401, why, headers={"WWW-Authenticate": "Bearer"})


def local_peer(request: web.Request) -> User | None:
    """The process at the other end of the unix socket, by SO_PEERCRED: root and we are admin."""
    transport = request.transport
    link = transport.get_extra_info("socket") if transport else None
    if link is None or link.family != socket.AF_UNIX:
        return None
    raw = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", raw)
    role = Role.ADMIN if uid in (0, os.geteuid()) else Role.OPERATOR
    return User(f"os:{_name(uid)}", role)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def need(request: web.Request, roles: frozenset[Role]) -> User:
    """The user, if its role is one of these; else 403."""
    user = request[USER]
    if user.role not in roles:
        wanted = ", ".join(sorted(roles))
        raise Problem(403, f"{user.name} is {user.role}: this needs one of {wanted}")
    return user
