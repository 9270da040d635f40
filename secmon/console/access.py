"""Who is asking, and may they: tokens, the unix socket's peer, roles, and a brake on guessing."""

from __future__ import annotations

import hashlib
import os
import pwd
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from secmon.api import Role, User
from secmon.console.problems import Handler, Problem

READERS = frozenset(Role)
WORKERS = frozenset((Role.OPERATOR, Role.ENGINEER, Role.MANAGER, Role.ADMIN))

WINDOW = 60.0  # seconds over which wrong tokens are counted
TRIES = 10  # wrong tokens per address and window before it has to wait
ADDRESSES = 10_000  # addresses remembered at most

USER: Final = web.RequestKey("user", User)

Lookup = Callable[[str], Awaitable[User | None]]


def digest(token: str) -> str:
    """What is stored of a token: its SHA-256. Tokens are 256 random bits, so no salt is needed."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


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


@dataclass(frozen=True, slots=True)
class Door:
    """What it takes to know who asks."""

    lookup: Lookup
    brake: Brake
    proxies: Sequence[IPv4Network | IPv6Network] = ()


def networks(texts: Iterable[str]) -> list[IPv4Network | IPv6Network]:
    """`http.trusted_proxies` of the site file."""
    return [ip_network(text, strict=False) for text in texts]


def guard(door: Door, open_paths: Collection[str]) -> Middleware:
    """Middleware: no request passes without a user, but for `open_paths`."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in open_paths:
            request[USER] = await identify(request, door)
        return await handler(request)

    return middleware


async def identify(request: web.Request, door: Door) -> User:
    """The user behind a request. 401 without one, 429 after too many wrong tokens."""
    local = _peer(request)
    if local is not None:
        return local
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
    user = await door.lookup(digest(token.strip()))
    if user is None:
        door.brake.wrong(address)
        raise _unknown("unknown or expired token")
    return user


def client_of(request: web.Request, proxies: Sequence[IPv4Network | IPv6Network]) -> str:
    """The client's address: the last one in X-Forwarded-For that a trusted proxy vouches for."""
    address = request.remote or "?"
    said = ",".join(request.headers.getall("X-Forwarded-For", ())).split(",")
    while said and _within(address, proxies):
        before = said.pop().strip()
        if not before:
            break
        address = before[:64]
    return address


def _within(address: str, proxies: Sequence[IPv4Network | IPv6Network]) -> bool:
    try:
        known = ip_address(address)
    except ValueError:
        return False
    return any(known in network for network in proxies)


def _unknown(why: str) -> Problem:
    return Problem(401, why, headers={"WWW-Authenticate": "Bearer"})


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
    user = request[USER]
    if user.role not in roles:
        wanted = ", ".join(sorted(roles))
        raise Problem(403, f"{user.name} is {user.role}: this needs one of {wanted}")
    return user
