"""A simulated device of which only a TCP port is known: it accepts, says nothing, hangs up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from probes.simulators import Running, Simulator

LET_IN = 0.01  # seconds: a server that is closed while it accepts leaves that connection half made


@dataclass(slots=True)
class _Port:
    port: int = 0
    server: asyncio.Server | None = None

    async def listen(self) -> None:
        self.server = await asyncio.start_server(_hang_up, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    def close(self) -> None:
        if self.server is not None:
            self.server.close()
            self.server = None

    async def set(self, **state: object) -> None:
        """`listening`: does the port accept connections?"""
        listening = state.pop("listening", None)
        if state or not isinstance(listening, bool):
            raise ValueError("tcp simulator: expected listening=True or listening=False")
        if not listening:
            await asyncio.sleep(LET_IN)
            self.close()
        elif self.server is None:
            await self.listen()


def _hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


@asynccontextmanager
async def start(options: dict[str, object]) -> AsyncIterator[Running]:
    if options:
        raise ValueError("tcp simulator: expected no options")
    port = _Port()
    await port.listen()
    try:
        yield port
    finally:
        port.close()


SIMULATOR = Simulator("tcp", start)
