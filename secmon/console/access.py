"""Who is asking, and may they: tokens, the unix socket's peer, roles, and a brake on guessing."""

from __future__ import annotations

import hashlib
import os
import pwd
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Collection

from aiohttp import web
from aiohttp.typedefs import Middleware

from secmon.api import Role, User
from secmon.console.problems import Handler, Problem

READERS = frozenset(Role)
WORKERS = frozenset((Role.OPERATOR, Role.ENGINEER, Role.MANAGER, Role.ADMIN))

WINDOW = 60.0  # seconds over which wrong tokens are counted
TRIES = 10  # wrong tokens per address and window before it has to wait
ADDRESSES = 10_000  # addresses remembered at most

Lookup = Callable[[str], Awaitable[User | None]]


def digest(token: str) -> str:
    """What is stored of a token: its SHA-256. Tokens are 256 random bits, so no salt is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


class Brake:
    """Slows guessing: counts wrong tokens per address."""

    def __init__(self, tick: Callable[[], float]) -> None:
        self._tick = tick
        self._wrong: dict[str, deque[float]] = {}

    def wait(self, address: str) -> int:
        """Seconds this address has to wait; 0: it may try."""
        times = self._wrong.get(address)
        now = self._tick()
        while times and now - times[0] > WINDOW:
            times.popleft()
        if not times or len(times) < TRIES:
            return 0
        return int(WINDOW - (now - times[0])) + 1

    def wrong(self, address: str) -> None:
        """One more wrong token from there."""
        if len(self._wrong) >= ADDRESSES:
            self._wrong.clear()
        self._wrong.setdefault(address, deque(maxlen=TRIES)).append(self._tick())


def guard(lookup: Lookup, brake: Brake, open_paths: Collection[str]) -> Middleware:
    """Middleware: no request passes without a user, but for `open_paths`."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in open_paths:
            request["user"] = await identify(request, lookup, brake)
        return await handler(request)

    return middleware


async def identify(request: web.Request, lookup: Lookup, brake: Brake) -> User:
    """The user behind a request. 401 without one, 429 after too many wrong tokens."""
    local = _peer(request)
    if local is not None:
        return local
    address = request.remote or "?"
    wait = brake.wait(address)
    if wait:
        raise Problem(429, f"too many wrong tokens from {address}: wait {wait} s")
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Problem(401, "log in: expected `Authorization: Bearer TOKEN`")
    user = await lookup(digest(token.strip()))
    if user is None:
        brake.wrong(address)
        raise Problem(401, "unknown or expired token")
    return user


def _peer(request: web.Request) -> User | None:
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
    user: User = request["user"]
    if user.role not in roles:
        wanted = ", ".join(sorted(roles))
        raise Problem(403, f"{user.name} is {user.role}: this needs one of {wanted}")
    return user
