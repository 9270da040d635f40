"""A simulated UPS behind a small upsd: answers LIST UPS, LIST VAR, GET VAR, VER and the log-in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from probes.simulators import Running, Simulator
from probes.wire import nut

KEYS = {  # what `set` and the options take → NUT's variable
    "status": "ups.status",
    "charge": "battery.charge",
    "runtime": "battery.runtime",
    "voltage": "battery.voltage",
    "temperature": "battery.temperature",
    "mains": "input.voltage",
    "output": "output.voltage",
    "load": "ups.load",
}
HEALTHY = {
    "device.mfr": "Example",
    "device.model": "Simulated 1500",
    "device.serial": "SIM-0001",
    "device.type": "ups",
    "ups.firmware": "1.0",
    "ups.status": "OL CHRG",
    "ups.load": "23",
    "battery.charge": "100",
    "battery.runtime": "1800",
    "battery.voltage": "27.30",
    "battery.temperature": "25.0",
    "input.voltage": "229.8",
    "output.voltage": "230.1",
}
UPS = "ups"


@dataclass(slots=True)
class _Upsd:
    """`stale`: upsd answers, but the UPS behind it does not."""

    port: int = 0
    stale: bool = False
    variables: dict[str, str] = field(default_factory=lambda: dict(HEALTHY))
    clients: set[asyncio.StreamWriter] = field(default_factory=set)

    async def set(self, **state: object) -> None:
        """`status` ("OB DISCHRG"), `charge` and `load` in %, `runtime` in s, `voltage`, `mains`,
        `output` in V, `temperature` in °C, each None for a UPS that does not know it; `stale`."""
        stale = state.pop("stale", self.stale)
        if not isinstance(stale, bool) or not state.keys() <= KEYS.keys():
            raise ValueError(f"nut simulator: expected stale=True or one of {', '.join(KEYS)}")
        self.stale = stale
        for key, value in state.items():
            if value is None:
                self.variables.pop(KEYS[key], None)
            else:
                self.variables[KEYS[key]] = str(value)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.clients.add(writer)
        try:
            while line := await reader.readline():
                writer.writelines(self.answer(line))
                await writer.drain()
        except (ConnectionError, ValueError):
            pass  # a client that went away, or sent an endless line
        finally:
            self.clients.discard(writer)
            writer.transport.abort()

    def answer(self, line: bytes) -> Iterator[bytes]:
        """The lines that upsd says to one line of a client."""
        try:
            words = nut.split(line)
        except nut.Malformed:
            words = []
        match words:
            case ["VER"]:
                yield b"secmon's simulated upsd\n"
            case ["USERNAME" | "PASSWORD", _]:
                yield b"OK\n"
            case ["LIST", "UPS"]:
                yield from _listed(("UPS",), {UPS: "Simulated UPS"})
            case ["LIST" | "GET", "VAR", ups, *_] if ups != UPS:
                yield b"ERR UNKNOWN-UPS\n"
            case ["LIST" | "GET", "VAR", *_] if self.stale:
                yield b"ERR DATA-STALE\n"
            case ["LIST", "VAR", _]:
                yield from _listed(("VAR", UPS), self.variables)
            case ["GET", "VAR", _, name] if name in self.variables:
                yield _row(("VAR", UPS), name, self.variables[name])
            case ["GET", "VAR", _, _]:
                yield b"ERR VAR-NOT-SUPPORTED\n"
            case _:
                yield b"ERR UNKNOWN-COMMAND\n"


def _listed(query: tuple[str, ...], rows: dict[str, str]) -> Iterator[bytes]:
    yield nut.request("BEGIN", "LIST", *query)
    for name, value in rows.items():
        yield _row(query, name, value)
    yield nut.request("END", "LIST", *query)


def _row(query: tuple[str, ...], name: str, value: str) -> bytes:
    return nut.request(*query, name)[:-1] + b" " + nut.quoted(value).encode() + b"\n"


@asynccontextmanager
async def start(options: dict[str, object]) -> AsyncIterator[Running]:
    """Options: as `set` takes them."""
    upsd = _Upsd()
    await upsd.set(**options)
    server = await asyncio.start_server(upsd.talk, "127.0.0.1", 0, limit=nut.LINE_MAX)
    upsd.port = server.sockets[0].getsockname()[1]
    try:
        yield upsd
    finally:
        server.close()
        for client in tuple(upsd.clients):
            client.transport.abort()


SIMULATOR = Simulator("nut", start)
