"""UDP sockets with room for bursts, and the addresses that they send to."""

from __future__ import annotations

import asyncio
import contextlib
import socket

from probes.wire.local import why
from secmon.api import Unreachable

RECEIVE_BUFFER = 8 << 20  # bytes: the system's default loses bursts without a word
SO_RCVBUFFORCE = 33  # Linux; needs CAP_NET_ADMIN

Address = tuple[str, int] | tuple[str, int, int, int]


async def resolve(loop: asyncio.AbstractEventLoop, host: str, port: int) -> tuple[int, Address]:
    """The family and address of a host, as datagrams from there will bear it. Unreachable."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)
    except OSError:
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        except OSError as error:
            raise Unreachable(
                f"SNMP: the name {host} has no address: {why(error)}", cause="no_name"
            ) from None
    family, _, _, _, address = found[0]
    return family, address  # type: ignore[return-value] # of the families of IP


def bound(family: int) -> socket.socket:
    """An unconnected, non-blocking socket at a free port. OSError."""
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
        except OSError:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        sock.bind(("", 0))
    except OSError:
        sock.close()
        raise
    return sock
