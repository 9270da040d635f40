"""TCP connections to Modbus devices and gateways, one per address and port, shared by the units.

Rules that hold here:
- One request is in flight per connection: simple gateways know no more.
- An answer is taken only if transaction id, unit, function and length fit the request. A late one
  has another transaction id and is dropped; a cancelled request leaves nothing else behind.
- Only a stream that is garbage is torn down, or one on which several requests in a row brought
  no byte. A unit's own failure leaves the connection to the others.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import randrange
from typing import cast

from probes.wire.local import cause, ours, why
from probes.wire.modbus import (
    NO_ANSWER,
    NO_PATH,
    Declined,
    Frames,
    Malformed,
    Read,
    check,
    frame,
)
from secmon.api import Garbled, ProbeError, Refused, Unreachable

STRAYS_MAX = 64  # frames that nobody asked for, between two good answers
SILENT_MAX = 3  # cancelled requests in a row without a byte: the connection may be dead


class Line:
    """The way to one address and port. Opened by the first request, and again after it broke."""

    __slots__ = ("_address", "_dropped", "_lock", "_port", "_transaction", "_wire", "opened")

    def __init__(self, address: str, port: int) -> None:
        self._address = address
        self._port = port
        self._lock = asyncio.Lock()
        self._wire: _Wire | None = None
        self._transaction = randrange(1 << 16)
        self.opened = 0  # connections so far
        self._dropped = 0  # on connections that are closed

    async def ask(self, unit: int, read: Read) -> bytes:
        """The checked answer PDU of one read. Raises Declined for the exceptions of the device
        itself, Unreachable, Garbled."""
        async with self._lock:
            wire = self._wire
            if wire is None or not wire.usable:
                self.close()
                wire = self._wire = await self._open()
            self._transaction = self._transaction + 1 & 0xFFFF
            try:
                return await wire.ask(self._transaction, unit, read)
            except Declined as no:
                if no.code in (NO_PATH, NO_ANSWER):
                    raise Unreachable(f"{self.where(unit)}: {read}: {no}") from None
                raise
            except _Broken as broken:
                raise broken.kind(f"{self.where(unit)}: {read}: {broken}") from None

    def refusal(self, unit: int, read: Read, no: Declined) -> Refused:
        """A well-formed exception of the device itself: it answered, and it said no."""
        return Refused(f"{self.where(unit)}: {read}: the device refused: {no}")

    def where(self, unit: int) -> str:
        return f"modbus {self._address} port {self._port} unit {unit}"

    @property
    def dropped(self) -> int:
        """Late and unasked answers so far."""
        return self._dropped + (self._wire.dropped if self._wire else 0)

    def close(self) -> None:
        if self._wire is not None:
            self._dropped += self._wire.dropped
            self._wire.abort()
            self._wire = None

    async def _open(self) -> _Wire:
        loop = asyncio.get_running_loop()
        try:
            _, wire = await loop.create_connection(_Wire, self._address, self._port)
        except (OSError, UnicodeError) as error:
            failure = ProbeError if isinstance(error, OSError) and ours(error) else Unreachable
            words = why(error) if isinstance(error, OSError) else "no such name"
            raise failure(
                f"modbus {self._address} port {self._port}: no TCP connection: {words}",
                cause=cause(error) if isinstance(error, OSError) else "no_name",
            ) from None
        self.opened += 1
        return wire


class _Broken(Exception):
    """What is wrong with the connection or the answer, and as what the poll fails."""

    def __init__(self, kind: type[ProbeError], text: str) -> None:
        super().__init__(text)
        self.kind = kind


class _Wire(asyncio.Protocol):
    """One open connection."""

    __slots__ = (
        "_answer",
        "_frames",
        "_gone",
        "_read",
        "_silent",
        "_strays",
        "_transaction",
        "_transport",
        "_unit",
        "dropped",
    )

    def __init__(self) -> None:
        self._frames = Frames()
        self._transport: asyncio.Transport | None = None
        self._transaction = 0
        self._answer: asyncio.Future[bytes] | None = None
        self._unit = 0
        self._read: Read | None = None
        self._gone: _Broken | None = None
        self._silent = 0
        self._strays = 0
        self.dropped = 0

    @property
    def usable(self) -> bool:
        return self._gone is None and self._silent < SILENT_MAX

    async def ask(self, transaction: int, unit: int, read: Read) -> bytes:
        if self._transport is None or self._gone:
            raise self._gone or _Broken(Unreachable, "the connection is closed")
        self._transaction, self._unit, self._read = transaction, unit, read
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._answer = answer
        self._transport.write(frame(transaction, unit, read.pdu))
        self._silent += 1  # until a byte comes
        try:
            return await answer
        finally:
            self._answer = None

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        self._silent = 0
        try:
            frames = self._frames.feed(data)
        except Malformed as garbage:
            self._give_up(f"the stream is garbage: {garbage}")
            return
        for transaction, unit, pdu in frames:
            answer = self._answer
            if answer is None or transaction != self._transaction or answer.done():
                self._strays += 1
                self.dropped += 1
            else:
                self._settle(answer, unit, pdu)
        if self._strays > STRAYS_MAX:
            self._give_up(f"got more than {STRAYS_MAX} answers that nobody asked for")

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._gone is None:
            self._gone = self._how_it_ended(error)
        self._fail(self._gone)

    def _settle(self, answer: asyncio.Future[bytes], unit: int, pdu: bytes) -> None:
        assert self._read is not None
        try:
            if unit != self._unit:
                raise Malformed(f"expected an answer of unit {self._unit}, got one of unit {unit}")
            answer.set_result(check(self._read, pdu))
            self._strays = 0
        except Malformed as wrong:
            answer.set_exception(_Broken(Garbled, str(wrong)))
        except Declined as no:
            answer.set_exception(no)

    def _how_it_ended(self, error: Exception | None) -> _Broken:
        if part := self._frames.partial:
            return _Broken(Garbled, f"closed in the middle of an answer, after {part} bytes of it")
        words = f" ({why(error)})" if isinstance(error, OSError) else ""
        return _Broken(Unreachable, f"closed without an answer{words}")

    def _give_up(self, text: str) -> None:
        self._gone = _Broken(Garbled, text)
        self.abort()
        self._fail(self._gone)

    def _fail(self, broken: _Broken) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(broken)


@dataclass(slots=True)
class _Shared:
    line: Line
    users: int = 0


class Lines:
    """All lines of the daemon. One that nobody uses any more is closed."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, int], _Shared] = {}

    @contextmanager
    def use(self, address: str, port: int) -> Iterator[Line]:
        key = (address, port)
        shared = self._lines.setdefault(key, _Shared(Line(address, port)))
        shared.users += 1
        try:
            yield shared.line
        finally:
            shared.users -= 1
            if not shared.users:
                del self._lines[key]
                shared.line.close()

    def __len__(self) -> int:
        return len(self._lines)
