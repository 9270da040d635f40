"""A simulated switch: an SNMP v1 and v2c agent with the system group, ifTable and ifXTable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields

from probes.simulators import Running, Simulator
from probes.wire.ber import Malformed
from probes.wire.snmp_agent import Mib, Source, answer
from probes.wire.snmp_values import (
    COUNTER32,
    COUNTER64,
    GAUGE32,
    INTEGER,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    TIME_TICKS,
)

SYSTEM = "1.3.6.1.2.1.1"
INTERFACES = "1.3.6.1.2.1.2"
IF_ENTRY = f"{INTERFACES}.2.1"
IFX_ENTRY = "1.3.6.1.2.1.31.1.1.1"
TABLE_CHANGED = "1.3.6.1.2.1.31.1.5.0"
UP, DOWN = 1, 2
MEGABIT = 1_000_000
SHARES = {True: 100, False: 35}  # percent of a port's traffic: received, sent


@dataclass(frozen=True, slots=True)
class Switch:
    """What `start` takes: ports `GE1/0/1` …, and what the device says of itself."""

    name: str = "sw-1"
    description: str = "secmon simulated switch"
    location: str = "ground floor"
    ports: int = 28
    community: str = "public"
    port: int = 0  # of UDP; 0: a free one
    megabits: int = 1000  # of each port
    octets_per_s: int = 400_000  # of the first port; the others carry up to seven times as much
    wide: bool = True  # False: no ifXTable, counters of 32 bits


class State:
    """The switch as it stands. Its clock is the loop's, so it counts nothing while it sleeps."""

    def __init__(self, switch: Switch, now: Callable[[], float]) -> None:
        self.switch = switch
        self.silent = False
        self._now = now
        self._started = now() - 86_400
        self._changed: dict[int, float] = {}  # port → uptime at its last change
        self._down: set[int] = set()
        self._lost: dict[int, float] = {}  # port → seconds in which it was down, before

    def uptime_s(self) -> float:
        return self._now() - self._started

    def restart(self) -> None:
        self._started = self._now()
        self._changed.clear()
        self._lost.clear()

    def turn(self, port: int, up: bool) -> None:
        """The plug of a port is drawn or put in."""
        if up == (port not in self._down):
            return
        if up:
            gone = self.uptime_s() - self._changed.get(port, 0.0)
            self._lost[port] = self._lost.get(port, 0.0) + gone
            self._down.discard(port)
        else:
            self._down.add(port)
        self._changed[port] = self.uptime_s()

    def status(self, port: int) -> int:
        return DOWN if port in self._down else UP

    def changed_s(self, port: int) -> float:
        return self._changed.get(port, 0.0)

    def octets(self, port: int, received: bool) -> int:
        until = self.changed_s(port) if port in self._down else self.uptime_s()
        rate = self.switch.octets_per_s * (1 + (port - 1) % 7) * SHARES[received] / 100
        return int((until - self._lost.get(port, 0.0)) * rate)


def mib(state: State) -> Mib:
    """All that the switch says."""
    switch = state.switch
    entries: dict[str, Source] = {
        f"{SYSTEM}.1.0": (OCTET_STRING, switch.description.encode()),
        f"{SYSTEM}.2.0": (OBJECT_IDENTIFIER, "1.3.6.1.4.1.8072.3.2.10"),
        f"{SYSTEM}.3.0": lambda: _ticks(state.uptime_s()),
        f"{SYSTEM}.4.0": (OCTET_STRING, b"operator"),
        f"{SYSTEM}.5.0": (OCTET_STRING, switch.name.encode()),
        f"{SYSTEM}.6.0": (OCTET_STRING, switch.location.encode()),
        f"{SYSTEM}.7.0": (INTEGER, 2),
        f"{INTERFACES}.1.0": (INTEGER, switch.ports),
    }
    if switch.wide:
        entries[TABLE_CHANGED] = _ticks(0.0)
    for port in range(1, switch.ports + 1):
        entries |= {f"{IF_ENTRY}.{column}.{port}": v for column, v in _if(state, port).items()}
        if switch.wide:
            more = _ifx(state, port).items()
            entries |= {f"{IFX_ENTRY}.{column}.{port}": value for column, value in more}
    return Mib(entries)


def _if(state: State, port: int) -> dict[int, Source]:
    bits = state.switch.megabits * MEGABIT
    return {
        1: (INTEGER, port),
        2: (OCTET_STRING, f"GigabitEthernet1/0/{port}".encode()),
        3: (INTEGER, 6),  # ethernetCsmacd
        5: (GAUGE32, min(bits, 0xFFFFFFFF)),
        7: (INTEGER, UP),
        8: lambda: (INTEGER, state.status(port)),
        9: lambda: _ticks(state.changed_s(port)),
        10: lambda: (COUNTER32, state.octets(port, True) & 0xFFFFFFFF),
        13: (COUNTER32, 0),
        14: (COUNTER32, 0),
        16: lambda: (COUNTER32, state.octets(port, False) & 0xFFFFFFFF),
        19: (COUNTER32, 0),
        20: (COUNTER32, 0),
    }


def _ifx(state: State, port: int) -> dict[int, Source]:
    return {
        1: (OCTET_STRING, f"GE1/0/{port}".encode()),
        6: lambda: (COUNTER64, state.octets(port, True)),
        10: lambda: (COUNTER64, state.octets(port, False)),
        15: (GAUGE32, state.switch.megabits),
        18: (OCTET_STRING, b"uplink" if port == state.switch.ports else b""),
    }


def _ticks(seconds: float) -> tuple[int, int]:
    return TIME_TICKS, int(seconds * 100) & 0xFFFFFFFF


class _Agent(asyncio.DatagramProtocol):
    def __init__(self, state: State) -> None:
        self._state = state
        self._mib = mib(state)
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment] # of UDP, it is one of datagrams

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self._state.silent or self._transport is None:
            return
        try:
            reply = answer(data, self._state.switch.community.encode(), self._mib)
        except Malformed:
            return
        if reply is not None:
            self._transport.sendto(reply, addr)


@dataclass(frozen=True, slots=True)
class _Running:
    port: int
    state: State

    async def set(self, **state: object) -> None:
        """`port_down`, `port_up`: `GE1/0/12`; `silent`: true or false; `restart`: true."""
        for key, value in state.items():
            match key, value:
                case (("port_down" | "port_up"), str()):
                    self.state.turn(self._number(value), key == "port_up")
                case "silent", bool():
                    self.state.silent = value
                case "restart", True:
                    self.state.restart()
                case _:
                    raise ValueError(f"expected port_down, port_up, silent or restart (got {key})")

    def _number(self, part: str) -> int:
        known = {f"GE1/0/{n}": n for n in range(1, self.state.switch.ports + 1)}
        if part not in known:
            raise ValueError(f"expected a port GE1/0/1 … GE1/0/{len(known)} (got {part})")
        return known[part]


@asynccontextmanager
async def start(options: dict[str, object]) -> AsyncIterator[Running]:
    """A switch on 127.0.0.1. ValueError for an option that `Switch` does not have."""
    known = {option.name for option in fields(Switch)}
    if strange := options.keys() - known:
        raise ValueError(f"expected {', '.join(sorted(known))} (got {', '.join(sorted(strange))})")
    switch = Switch(**options)  # type: ignore[arg-type] # the names are checked; values are the demo's
    loop = asyncio.get_running_loop()
    state = State(switch, loop.time)
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Agent(state), local_addr=("127.0.0.1", switch.port)
    )
    try:
        yield _Running(transport.get_extra_info("sockname")[1], state)
    finally:
        transport.close()


SIMULATOR = Simulator("snmp", start)
