"""One poll's requests at one address, and what may become of them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import Any, Protocol

from probes.snmp.sockets import Address
from probes.wire import snmp, snmp_v3


class Silent(Exception):
    """A request was sent twice and nothing came: if it asks for much, it may be too big."""


class Declined(Exception):
    """The agent answered with an error-status (RFC 3416, 3); `index` counts from 1."""

    def __init__(self, status: int, index: int) -> None:
        super().__init__(f"error-status {status} at {index}")
        self.status = status
        self.index = index


class Reported(Exception):
    """A v3 engine said `what` (`snmp_v3.REPORTS`) instead of an answer.

    `at_once`: it may be believed. Else anybody can have said it who saw the request: it counts only
    where no answer comes all the same.
    """

    def __init__(self, what: str, message: snmp_v3.Message, *, at_once: bool) -> None:
        super().__init__(what)
        self.what = what
        self.message = message
        self.at_once = at_once


class Request(Protocol):
    """What can be asked: `snmp.Get`, `snmp.Walk`."""

    def __len__(self) -> int: ...
    def datagram(self, request_id: int) -> bytes: ...
    def quick(self, data: bytes) -> list[Any] | None: ...
    def decode(self, data: bytes, head: snmp.Head) -> Sequence[Any]: ...


class Seal(Protocol):
    """What makes v3 messages of PDUs, and PDUs of v3 messages."""

    def sealed(self, msg_id: int, pdu: bytes) -> bytes:
        """A datagram; another one at every call."""
        ...

    def opened(self, message: snmp_v3.Message) -> bytes:
        """The PDU of an answer that may be believed. Malformed, Reported."""
        ...


class Peer:
    """One address that is asked, and what is under way there."""

    __slots__ = ("address", "pending", "sock", "users")

    def __init__(self, address: Address, sock: socket.socket) -> None:
        self.address = address
        self.sock = sock
        self.pending: dict[int, Exchange] = {}  # by request-id
        self.users = 0

    def __str__(self) -> str:
        return f"{self.address[0]} port {self.address[1]}"


class Exchange:
    """Requests asked one after the other; `future` brings all answers in a row."""

    __slots__ = (
        "answers",
        "brief",
        "future",
        "garbage",
        "patience_s",
        "peer",
        "place",
        "report",
        "request_id",
        "requests",
        "resent",
        "seal",
        "sent_at",
        "timer",
    )

    def __init__(
        self,
        peer: Peer,
        requests: Sequence[Request],
        patience_s: float,
        future: asyncio.Future[list[Any]],
        *,
        seal: Seal | None,
        brief: bool,
    ) -> None:
        self.peer = peer
        self.requests = requests
        self.patience_s = patience_s
        self.future = future
        self.seal = seal  # None: v1 or v2c
        self.brief = brief  # a small request, too, is given up when it was sent twice
        self.answers: list[Any] = []
        self.place = 0  # of the request under way
        self.request_id = 0  # its msgID too
        self.resent = 0
        self.sent_at = 0.0
        self.garbage = ""  # why the latest datagram from this address was no reply
        self.report: Reported | None = None  # that is not to be believed yet
        self.timer: asyncio.TimerHandle | None = None

    def datagram(self) -> bytes:
        """The request under way, as it is sent."""
        data = self.requests[self.place].datagram(self.request_id)
        return data if self.seal is None else self.seal.sealed(self.request_id, data)

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)
