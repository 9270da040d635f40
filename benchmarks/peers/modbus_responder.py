"""Modbus/TCP units that answer at once: `python -m benchmarks.peers.modbus_responder COUNT`.

One listener per unit, on ports of 127.0.0.1 that it prints as a JSON list. All registers move four
times a second, between 200 and 299; bits stay 0. `Responder` is the same thing to embed.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import uvloop

MOVES_EVERY_S = 0.25
_REQUEST = struct.Struct(">HHHBBHH")
LOW, SPAN = 200, 100
HIGH = 900
HOLDING_0 = b"\x03\x00\x00"  # function and address of a request


@dataclass(slots=True)
class Responder:
    """What all units show. `raised`: units that show HIGH in register 0, and since when they were
    seen to (monotonic seconds; None until it is asked for)."""

    ports: list[int] = field(default_factory=list)
    raised: dict[int, float | None] = field(default_factory=dict)
    answered: int = 0
    _step: int = 0
    _moved: float = 0.0
    _cache: dict[bytes, bytes] = field(default_factory=dict)

    async def start(self, count: int) -> None:
        loop = asyncio.get_running_loop()
        for unit in range(count):
            server = await loop.create_server(partial(_Unit, self, unit), "127.0.0.1", 0)
            self.ports.append(server.sockets[0].getsockname()[1])

    def answer(self, unit: int, request: bytes) -> bytes:
        now = time.monotonic()
        self.answered += 1
        if now - self._moved > MOVES_EVERY_S:
            self._moved, self._step = now, self._step + 7
            self._cache.clear()
        asked = request[2:]
        found = self._cache.get(asked)
        if found is None:
            found = self._cache[asked] = self._data(request)
        if unit in self.raised and request[7:10] == HOLDING_0:
            self.raised[unit] = self.raised[unit] or now
            found = found[:7] + HIGH.to_bytes(2) + found[9:]
        return request[:2] + found

    def _data(self, request: bytes) -> bytes:
        """The answer without its transaction id."""
        _, _, _, unit, function, start, count = _REQUEST.unpack(request)
        if function in (1, 2):
            data = bytes((count + 7) // 8)
        else:
            numbers = [LOW + (start + i + self._step) % SPAN for i in range(count)]
            data = struct.pack(f">{count}H", *numbers)
        return struct.pack(">HHBBB", 0, len(data) + 3, unit, function, len(data)) + data


class _Unit(asyncio.Protocol):
    def __init__(self, responder: Responder, unit: int) -> None:
        self._responder = responder
        self._unit = unit

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        for at in range(0, len(data) - 11, 12):  # all requests are 12 bytes long
            self._transport.write(self._responder.answer(self._unit, data[at : at + 12]))


async def _serve(count: int) -> None:
    responder = Responder()
    await responder.start(count)
    print(json.dumps(responder.ports), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
