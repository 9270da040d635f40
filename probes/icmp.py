"""Ping: one ICMP echo per poll, all devices over one socket for each IP version.

Without the right to ping nothing is known of any device: that is said once, with the cure, and
every poll fails for a reason of this machine, never as the device's silence. Linux only: errors on
the way are read from the socket's error queue (ip(7), IP_RECVERR).
"""

from __future__ import annotations

import asyncio
import logging
import os
import select
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from probes.wire import icmp
from probes.wire.local import cause, ours, why
from secmon.api import EMPTY_LAYOUT, Batch, Driver, Probe, ProbeError, Target, Unreachable
from secmon.api import Options as ApiOptions

NO_RIGHTS = (
    "this machine may not ping, so nothing is known of what icmp should watch; allow it by "
    "AmbientCapabilities=CAP_NET_RAW in the systemd unit, or by setcap cap_net_raw+ep on the "
    "python that runs secmon, or for every program by "
    "sysctl -w net.ipv4.ping_group_range='0 2147483647'"
)
ANSWERED = Batch(EMPTY_LAYOUT, ())
PAYLOAD = 16  # random bytes: nobody off the path can forge an answer
BURST = 256  # messages read before other devices get their turn
BUFFER = 1 << 20  # bytes asked of the kernel; it may give less

# Not in Python's socket module: linux/in.h, linux/in6.h, linux/icmp.h, linux/icmpv6.h.
_RECVERR = {4: (socket.IPPROTO_IP, 11), 6: (socket.IPPROTO_IPV6, 25)}
_FILTER = {4: (255, 1), 6: (socket.IPPROTO_ICMPV6, 1)}
_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
_VERSION = {family: version for version, family in _FAMILY.items()}
_PROTOCOL = {4: socket.IPPROTO_ICMP, 6: socket.IPPROTO_ICMPV6}

_log = logging.getLogger(__name__)

# As typeshed has it; the last is for a Python without IPv6.
SocketAddress = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
SocketOpener = Callable[[int], tuple[socket.socket, bool]]
"""IP version → a socket for ICMP, and whether it is raw (an IPv4 header precedes what it gives)."""


def open_socket(version: int) -> tuple[socket.socket, bool]:
    """A ping socket, which sees only its own answers; else a raw one. Raises OSError."""
    family, protocol = _FAMILY[version], _PROTOCOL[version]
    try:
        sock, raw = socket.socket(family, socket.SOCK_DGRAM, protocol), False
    except OSError:
        sock, raw = socket.socket(family, socket.SOCK_RAW, protocol), True
    if raw:
        sock.setsockopt(*_FILTER[version], _only(version, icmp.REPLY[version]))
    else:
        sock.bind(("", 0))  # the kernel then chooses the id of all echoes of this socket
    return sock, raw


def _only(version: int, type_: int) -> bytes:
    """A filter that blocks every ICMP type but one: a bit per type, 1 blocks."""
    words = [0xFFFFFFFF] * (1 if version == 4 else 8)
    words[type_ // 32] &= ~(1 << type_ % 32)
    return struct.pack(f"={len(words)}I", *words)


@dataclass(frozen=True, slots=True)
class Place:
    """Where to ping. `host` is the numeric address, as answers name their source."""

    version: int
    host: str
    sockaddr: SocketAddress


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An echo under way. `outcome` becomes empty, or the words of an ICMP error."""

    host: str
    payload: bytes
    outcome: asyncio.Future[str]


@dataclass(slots=True)
class _Line:
    """One socket of one IP version, and the echoes that wait for an answer on it."""

    version: int
    sock: socket.socket
    raw: bool
    id: int
    sequence: int = 0
    waiting: dict[int, _Waiting] = field(default_factory=dict)

    def send(self, to: Place, outcome: asyncio.Future[str]) -> int:
        """Sends an echo; gives its sequence number. Raises OSError."""
        sequence = self._free_sequence()
        payload = os.urandom(PAYLOAD)
        packet = icmp.encode(self.version, icmp.Echo(self.id, sequence, payload))
        try:
            self.sock.sendto(packet, to.sockaddr)
        except OSError:
            self.read_errors()  # the socket may have handed us the error of an earlier echo
            self.sock.sendto(packet, to.sockaddr)
        self.waiting[sequence] = _Waiting(to.host, payload, outcome)
        return sequence

    def _free_sequence(self) -> int:
        if len(self.waiting) >= 0xFFFF:
            raise ProbeError("65535 pings are under way: no number is free for one more")
        while True:
            self.sequence = (self.sequence + 1) & 0xFFFF
            if self.sequence not in self.waiting:
                return self.sequence

    def read_replies(self) -> None:
        for _ in range(BURST):
            try:
                packet, source = self.sock.recvfrom(2048)
            except OSError:
                return
            if self.raw and self.version == 4:
                packet = icmp.strip_ipv4(packet)
            echo = icmp.decode(packet, icmp.REPLY[self.version])
            waiting = self._asked(echo, source[0])
            if echo and waiting and waiting.payload == echo.payload:
                self._settle(echo.sequence, "")
                if not self.waiting:
                    return  # nothing more is expected; a stray message would wake us again

    def read_errors(self) -> None:
        """An error quotes as much of our echo as the router pleased (RFC 792: 64 bits)."""
        for _ in range(BURST):
            try:
                packet, ancillary, _, to = self.sock.recvmsg(2048, 512, socket.MSG_ERRQUEUE)
            except OSError:
                break
            echo = icmp.decode(packet, icmp.REQUEST[self.version])
            waiting = self._asked(echo, to[0])
            if echo and waiting and waiting.payload.startswith(echo.payload):
                self._refuse(echo.sequence, ancillary)
        self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # or it would wake us for ever

    def _asked(self, echo: icmp.Echo | None, host: str) -> _Waiting | None:
        """The echo that this one speaks of: same id and number, same address."""
        waiting = self.waiting.get(echo.sequence) if echo else None
        if echo and waiting and (echo.id, host) == (self.id, waiting.host):
            return waiting
        return None

    def _refuse(self, sequence: int, ancillary: list[tuple[int, int, bytes]]) -> None:
        for level, kind, data in ancillary:
            if (level, kind) == _RECVERR[self.version]:
                words = icmp.refusal(self.version, data)
                if words:
                    self._settle(sequence, words)
                return

    def _settle(self, sequence: int, outcome: str) -> None:
        waiting = self.waiting.pop(sequence)
        if not waiting.outcome.done():
            waiting.outcome.set_result(outcome)


class Pinger:
    """All pings of this process. Sockets are opened when first needed.

    An epoll of its own stands between them and the event loop, because uvloop stops watching a
    socket whose error queue fills.
    """

    def __init__(self, opener: SocketOpener = open_socket) -> None:
        self._opener = opener
        self._lines: dict[int, _Line] = {}  # by IP version
        self._said: set[str] = set()
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        self._loop.add_reader(self._epoll.fileno(), self._wake)

    def close(self) -> None:
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()
        for line in self._lines.values():
            line.sock.close()

    async def ping(self, to: Place) -> None:
        """Returns when the answer came. Raises Unreachable, or ProbeError for our own reasons."""
        line = self._lines.get(to.version) or self._open(to.version)
        outcome: asyncio.Future[str] = self._loop.create_future()
        try:
            sequence = line.send(to, outcome)
        except OSError as error:
            failure = ProbeError if ours(error) else Unreachable
            raise failure(f"ping {to.host}: {why(error)}", cause=cause(error)) from None
        try:
            words = await outcome
        finally:
            line.waiting.pop(sequence, None)
        if words:
            raise Unreachable(f"ping {to.host}: {words}", cause=icmp.cause(words))

    def _open(self, version: int) -> _Line:
        try:
            sock, raw = self._opener(version)
        except OSError as error:
            rights = isinstance(error, PermissionError)
            raise self._say(NO_RIGHTS if rights else f"no ICMPv{version}: {why(error)}") from None
        sock.setblocking(False)
        sock.setsockopt(*_RECVERR[version], 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        id_ = int.from_bytes(os.urandom(2), "big") if raw else sock.getsockname()[1]
        self._epoll.register(sock, select.EPOLLIN)  # errors are always told
        line = self._lines[version] = _Line(version, sock, raw, id_)
        return line

    def _say(self, text: str) -> ProbeError:
        """A driver logs no failure; this one is the machine's, the same for all devices."""
        if text not in self._said:
            self._said.add(text)
            _log.error("%s", text)
        return ProbeError(text)

    def _wake(self) -> None:
        ready = dict(self._epoll.poll(0))
        for line in self._lines.values():
            events = ready.get(line.sock.fileno(), 0)
            if events & select.EPOLLERR:
                line.read_errors()
            if events & select.EPOLLIN:
                line.read_replies()


@dataclass(slots=True)
class _Ping:
    """The probe: one echo per poll."""

    address: str
    pinger: Pinger
    place: Place | None = None

    async def read(self) -> Batch:
        if self.place is None:
            self.place = await _resolve(self.address)
        await self.pinger.ping(self.place)
        return ANSWERED


async def _resolve(address: str) -> Place:
    """A name is looked up, an address only taken apart. Raises Unreachable."""
    try:
        found = socket.getaddrinfo(
            address, None, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST
        )
    except socket.gaierror:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(address, None, type=socket.SOCK_DGRAM)
        except OSError as error:
            raise Unreachable(
                f"ping {address}: the name is not known: {why(error)}", cause="no_name"
            ) from None
    family, _, _, _, sockaddr = found[0]
    return Place(_VERSION[family], str(sockaddr[0]), sockaddr)


@asynccontextmanager
async def share() -> AsyncIterator[Pinger]:
    pinger = Pinger()
    try:
        yield pinger
    finally:
        pinger.close()


class Options(ApiOptions):
    """None: the probe's `every` and `timeout` say all."""


@asynccontextmanager
async def connect(
    target: Target, options: Options, profile: ApiOptions | None
) -> AsyncIterator[Probe]:
    if not isinstance(target.shared, Pinger):
        raise TypeError("icmp needs what its `shared` gives")
    yield _Ping(target.address, target.shared)


DRIVER = Driver("icmp", Options, None, connect, shared=share)
