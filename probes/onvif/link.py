"""One TCP connection to a device: a request is written, one whole answer comes back."""

from __future__ import annotations

import asyncio
from typing import cast

from probes.wire.http import Malformed, Reader, Response
from probes.wire.local import cause, ours, why
from secmon.api import Garbled, ProbeError, Unreachable


class HungUp(Exception):
    """The device closed the connection before a byte of the answer."""


class Link(asyncio.Protocol):
    """An open connection. Made by `open_link`; its owner closes it."""

    __slots__ = ("_answer", "_gone", "_reader", "_transport", "answers")

    def __init__(self) -> None:
        self._reader = Reader()
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Response] | None = None
        self._gone: Exception | None = None
        self.answers = 0  # so far, on this connection

    @property
    def usable(self) -> bool:
        return self._gone is None

    async def ask(self, request: bytes) -> Response:
        """Raises HungUp; Malformed for what is no answer of HTTP, or too much of one."""
        if self._transport is None or self._gone is not None:
            raise self._gone or HungUp
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._answer = answer
        self._transport.write(request)
        try:
            return await answer
        finally:
            self._answer = None

    def close(self) -> None:
        """At once, whatever is still to come."""
        if self._transport is not None:
            self._transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._answer is None:
            self._end(Malformed("got an answer that nobody asked for"))
            return
        try:
            response = self._reader.feed(data)
        except Malformed as wrong:
            self._end(wrong)
            return
        if response is not None:
            self._settle(response)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._gone is not None:
            return
        try:
            response = self._reader.end() if error is None or self._reader.begun else None
        except Malformed as cut:
            self._end(cut)
            return
        if response is not None:
            self._settle(response)
        self._end(HungUp())

    def _settle(self, response: Response) -> None:
        self.answers += 1
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_result(response)
        if not response.keep:
            self._end(HungUp())

    def _end(self, error: Exception) -> None:
        if self._gone is None:
            self._gone = error
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
        self.close()


async def open_link(address: str, port: int, where: str) -> Link:
    """A new connection. Raises Unreachable; ProbeError where it is this machine that fails."""
    loop = asyncio.get_running_loop()
    try:
        _, link = await loop.create_connection(Link, address, port)
    except OSError as error:
        failure = ProbeError if ours(error) else Unreachable
        text = f"{where}: no TCP connection to port {port}: {why(error)}"
        raise failure(text, cause=cause(error)) from None
    except UnicodeError:
        raise Unreachable(f"{where}: no such name", cause="no_name") from None
    return link


def failure_of(error: Exception, asked: str) -> ProbeError:
    """What a poll fails with, when `ask` did with this."""
    if isinstance(error, HungUp):
        return Unreachable(f"{asked}: hung up without an answer", cause="hung_up")
    return Garbled(f"{asked}: {error}")
