"""One RTSP connection as asyncio gives it: answers for the one who waits, packets for the counter.

Packets are counted as they come, without waking the poll: a second of video is up to a thousand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from probes.wire import rtsp
from probes.wire.local import why
from secmon.api import Cause, Garbled, ProbeError, Unreachable

# What one poll may cost; ten seconds of the heaviest stream are about a third of it.
RECEIVE_MAX = 64 * 1024 * 1024  # bytes
PACKETS_MAX = 100_000


class Wire(asyncio.Protocol):
    """What it raises is said without saying where: its owner knows that."""

    __slots__ = ("_broken", "_inbox", "_transport", "_waiting", "_watched", "heard", "packets")

    def __init__(self) -> None:
        self.packets: Callable[[rtsp.Packet], None] = _drop
        self.heard = False  # whatever stands there, it speaks RTSP
        self._inbox = rtsp.Inbox()
        self._transport: asyncio.Transport | None = None
        self._broken: tuple[type[ProbeError], str] | None = None
        self._waiting: asyncio.Future[rtsp.Response] | None = None
        self._watched: asyncio.Future[None] | None = None

    def full(self) -> bool:
        """As much came as one poll may cost: nothing more is read."""
        return self._inbox.received > RECEIVE_MAX or self._inbox.packets > PACKETS_MAX

    def send(self, data: bytes) -> None:
        """At once; to a connection that has ended it goes nowhere."""
        if self._transport is not None:
            self._transport.write(data)

    async def answer(self) -> rtsp.Response:
        """The next answer. Raises Unreachable, Garbled."""
        self._check()
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            return await self._waiting
        finally:
            self._waiting = None

    async def end(self) -> None:
        """Until as much came as may. Raises Garbled if it broke off before."""
        self._check()
        if self.full():
            return
        self._watched = asyncio.get_running_loop().create_future()
        try:
            await self._watched
        finally:
            self._watched = None

    def close(self) -> None:
        """At once, though what was sent still goes out."""
        if self._transport is not None:
            self._transport.close()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.full() or self._broken is not None:
            return  # what was on its way
        try:
            messages = self._inbox.take(data)
        except rtsp.Malformed as error:
            self._break(Garbled, str(error))
            return
        for message in messages:
            if isinstance(message, tuple):
                self.packets(message)
            elif message.status >= 200:
                self._settle(message)
        self.heard = self.heard or bool(messages)
        if self.full():
            self._fill()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        how = why(error) if isinstance(error, OSError) else "it hung up"
        if self.heard or self._inbox.begun:
            self._break(Garbled, f"expected it to go on, but the connection was cut off: {how}")
        else:
            self._break(Unreachable, f"no answer: {how}")

    def _settle(self, answer: rtsp.Response) -> None:
        if self._waiting is None or self._waiting.done():
            self._break(Garbled, f"got an answer that nobody waits for: {answer.status}")
        else:
            self._waiting.set_result(answer)

    def _fill(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()
        if self._watched is not None and not self._watched.done():
            self._watched.set_result(None)
        elif self._waiting is not None and not self._waiting.done():
            self._break(Garbled, "expected an answer, got a flood without one")

    def _break(self, kind: type[ProbeError], text: str) -> None:
        """Only the first thing that goes wrong counts."""
        if self._broken is not None:
            return
        self._broken = kind, text
        for future in (self._waiting, self._watched):
            if future is not None and not future.done():
                future.set_exception(_error(kind, text))
        if self._transport is not None:
            self._transport.close()

    def _check(self) -> None:
        if self._broken is not None:
            raise _error(*self._broken)


def _error(kind: type[ProbeError], text: str) -> ProbeError:
    """It answers no connection that is ended without a word."""
    return kind(text, cause=Cause.HUNG_UP if kind is Unreachable else Cause.UNKNOWN)


def _drop(packet: rtsp.Packet) -> None:
    """Before SETUP nothing is expected on any channel."""
