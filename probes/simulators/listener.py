"""A TCP port of 127.0.0.1 that a simulator closes and opens again, by its faults."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

HOST = "127.0.0.1"


@dataclass(slots=True)
class Listener:
    """Keeps its number while it is closed. `make` gives the protocol of one connection."""

    make: Callable[[], asyncio.BaseProtocol]
    port: int = 0  # 0: a free one, known once it is open
    _server: asyncio.Server | None = None

    async def open(self) -> None:
        """Nothing if it is open already. OSError if somebody else took the port meanwhile."""
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self.make, HOST, self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """New connections are refused from now on; those that are open are the owner's to end."""
        if self._server is not None:
            self._server.close()
            self._server = None
