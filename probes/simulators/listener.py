"""A TCP port of 127.0.0.1 that a simulator closes and opens again, by its faults.

While it is closed a second socket, which never listens, keeps the number from everybody else: a
connection of whomever would be given it sooner or later, and the port could not be opened again.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass

HOST = "127.0.0.1"


@dataclass(slots=True)
class Listener:
    """Is closed until it is opened. `make` gives the protocol of one connection."""

    make: Callable[[], asyncio.BaseProtocol]
    port: int = 0  # 0: a free one, known once it is open
    _holder: socket.socket | None = None
    _server: asyncio.Server | None = None

    async def open(self) -> None:
        """Nothing if it is open already. OSError if somebody else has the port."""
        if self._holder is None:
            self._holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self._holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._holder.bind((HOST, self.port))
            self.port = self._holder.getsockname()[1]
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self.make, HOST, self.port, reuse_address=True)

    def close(self) -> None:
        """New connections are refused from now on; those that are open are the owner's to end."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def give_up(self) -> None:
        """Closes it, and leaves the port to others."""
        self.close()
        if self._holder is not None:
            self._holder.close()
            self._holder = None
