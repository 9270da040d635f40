"""Simulated Modbus/TCP equipment: one port, several units, each with its own tables.

Options: `units`, a mapping of unit id to tables; without it unit 1 is at once a healthy room
sensor (profile xy-md02), a quiet alarm panel (di-16) and a healthy UPS (apc-smt). Tables are
`coil`, `discrete`, `input` and `holding`, each a mapping of wire address to value; a text in a
register table fills as many registers as it needs. `silent: true` makes a unit not answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from probes.simulators import Running, Simulator
from probes.wire.modbus import (
    FUNCTIONS,
    ILLEGAL_ADDRESS,
    ILLEGAL_VALUE,
    MAX_ADDRESS,
    NO_ANSWER,
    Frames,
    Malformed,
    Read,
    frame,
)

ROOM = {1: 235, 2: 456}  # 23.5 °C, 45.6 %
INPUTS = dict.fromkeys(range(16), 0)
UPS: Mapping[int, int | str] = {
    0: 0,
    1: 1 << 1,  # on line
    18: 0,
    22: 0,
    128: 0,
    129: 1800,  # s
    130: 100 * 512,
    131: round(27.1 * 32),
    135: 25 * 128,
    136: 23 * 256,
    142: 230 * 64,
    151: 229 * 64,
    516: "UPS 15.0".ljust(16),
    532: "Smart-UPS 1500 (simulated)".ljust(32),
    564: "SIM-0001".ljust(16),
}
NAMES = {number: name for name, number in FUNCTIONS.items()}
ILLEGAL_FUNCTION = 1


@dataclass(slots=True)
class _Unit:
    tables: dict[str, dict[int, int]] = field(default_factory=lambda: {n: {} for n in FUNCTIONS})
    silent: bool = False

    def set(self, state: Mapping[str, object]) -> None:
        for key, value in state.items():
            if key == "silent" and isinstance(value, bool):
                self.silent = value
            elif key in FUNCTIONS and isinstance(value, Mapping):
                self.tables[key].update(_cells(key, value))
            else:
                raise ValueError(
                    f"expected coil, discrete, input, holding (address: value) or silent "
                    f"(true or false), got {key}: {value!r}"
                )

    def answer(self, pdu: bytes) -> bytes:
        """The answer PDU to a request PDU."""
        name = NAMES.get(pdu[0])
        if name is None or len(pdu) != 5:
            return bytes((pdu[0] | 0x80, ILLEGAL_FUNCTION))
        address, count = int.from_bytes(pdu[1:3]), int.from_bytes(pdu[3:5])
        try:
            read = Read(pdu[0], address, count)
        except ValueError:
            return bytes((pdu[0] | 0x80, ILLEGAL_VALUE))
        cells = [self.tables[name].get(at) for at in range(address, address + count)]
        known = [cell for cell in cells if cell is not None]
        if len(known) < count:
            return bytes((pdu[0] | 0x80, ILLEGAL_ADDRESS))
        return bytes((pdu[0], read.size)) + _data(name, known, read.size)


def _cells(table: str, values: Mapping[object, object]) -> dict[int, int]:
    least, most = (0, 1) if table in ("coil", "discrete") else (-0x8000, 0xFFFF)
    cells: dict[int, int] = {}
    for key, value in values.items():
        address = int(str(key))
        if isinstance(value, str) and most > 1:
            raw = value.encode("ascii")
            words = [int.from_bytes(raw[i : i + 2].ljust(2)) for i in range(0, len(raw), 2)]
        elif isinstance(value, int) and least <= value <= most:
            words = [value & most]
        else:
            raise ValueError(f"expected a value of a {table} at {address}, got {value!r}")
        if not 0 <= address <= MAX_ADDRESS + 1 - len(words):
            raise ValueError(f"expected an address of 0 to {MAX_ADDRESS}, got {address}")
        cells.update(enumerate(words, address))
    return cells


def _data(table: str, cells: list[int], size: int) -> bytes:
    if table in ("coil", "discrete"):
        return sum(cell << i for i, cell in enumerate(cells)).to_bytes(size, "little")
    return b"".join(cell.to_bytes(2) for cell in cells)


@dataclass(slots=True)
class _Gateway:
    """Answers for its units, and by exception 0x0B for those that it has not."""

    units: dict[int, _Unit]
    port: int = 0
    clients: set[asyncio.StreamWriter] = field(default_factory=set)

    async def set(self, **state: object) -> None:
        """`unit` (default 1) and what changes on it; a unit that was not there appears."""
        unit = state.pop("unit", 1)
        if not isinstance(unit, int) or not 0 <= unit <= 255:
            raise ValueError(f"expected a unit of 0 to 255, got {unit!r}")
        self.units.setdefault(unit, _Unit()).set(state)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames = Frames()
        self.clients.add(writer)
        try:
            while data := await reader.read(4096):
                for transaction, number, pdu in frames.feed(data):
                    self._answer(writer, transaction, number, pdu)
                await writer.drain()
        except (Malformed, OSError):
            pass  # as a device does: it hangs up
        finally:
            self.clients.discard(writer)
            writer.close()

    def _answer(
        self, writer: asyncio.StreamWriter, transaction: int, number: int, pdu: bytes
    ) -> None:
        unit = self.units.get(number)
        if unit is None:
            writer.write(frame(transaction, number, bytes((pdu[0] | 0x80, NO_ANSWER))))
        elif not unit.silent:
            writer.write(frame(transaction, number, unit.answer(pdu)))


def _units(options: Mapping[str, object]) -> dict[int, _Unit]:
    if unknown := options.keys() - {"units"}:
        raise ValueError(f"expected `units`, got {', '.join(sorted(unknown))}")
    default = {1: {"input": ROOM, "discrete": INPUTS, "holding": UPS}}
    states = options.get("units", default)
    if not isinstance(states, Mapping):
        raise ValueError(f"expected units: {{1: {{…}}}}, got {states!r}")
    units: dict[int, _Unit] = {}
    for number, state in states.items():
        units[int(number)] = unit = _Unit()
        unit.set(state)
    return units


@asynccontextmanager
async def start(options: dict[str, object]) -> AsyncIterator[Running]:
    """The gateway, listening."""
    gateway = _Gateway(_units(options))
    server = await asyncio.start_server(gateway.serve, "127.0.0.1", 0)
    gateway.port = server.sockets[0].getsockname()[1]
    try:
        yield gateway
    finally:
        server.close()
        for writer in list(gateway.clients):
            writer.transport.abort()
        await server.wait_closed()


SIMULATOR = Simulator("modbus", start)
