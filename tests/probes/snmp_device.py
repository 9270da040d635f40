"""An SNMP device on 127.0.0.1 that a test plays: any values, and any way to answer wrongly."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from probes.snmp import DRIVER
from probes.snmp.profile import Profile
from probes.wire import snmp
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
from secmon.api import Batch, Probe, Value
from tests.probes.loopback import target

PROFILES = Path(__file__).parents[2] / "config" / "profiles"
SYSTEM = "1.3.6.1.2.1.1"
UPTIME = f"{SYSTEM}.3.0"
IF = "1.3.6.1.2.1.2.2.1"
IFX = "1.3.6.1.2.1.31.1.1.1"
IF_NUMBER = "1.3.6.1.2.1.2.1.0"
LAST_CHANGE = "1.3.6.1.2.1.31.1.5.0"
GIGABIT = 1_000_000_000
COMMUNITY = "public"

Entries = dict[str, Source]
Bend = Callable[[bytes, bytes | None], list[bytes]]
"""(request, the honest answer) → the datagrams that are sent instead."""


@dataclass(frozen=True, slots=True)
class Port:
    """One row of ifTable; without `name` ifXTable has no row for it."""

    name: str = ""
    descr: str = "port"
    oper: int = 1
    speed: int = GIGABIT
    received: int = 0
    sent: int = 0
    errors: int = 0
    alias: str = ""
    changed: int = 0


def system(ticks: int, **other: bytes) -> Entries:
    """The group system at this uptime."""
    texts = {"descr": b"a switch", "contact": b"", "name": b"sw", "location": b"room"} | other
    return {
        f"{SYSTEM}.1.0": (OCTET_STRING, texts["descr"]),
        f"{SYSTEM}.2.0": (OBJECT_IDENTIFIER, "1.3.6.1.4.1.9.1"),
        UPTIME: (TIME_TICKS, ticks),
        f"{SYSTEM}.4.0": (OCTET_STRING, texts["contact"]),
        f"{SYSTEM}.5.0": (OCTET_STRING, texts["name"]),
        f"{SYSTEM}.6.0": (OCTET_STRING, texts["location"]),
        f"{SYSTEM}.7.0": (INTEGER, 72),
    }


def switch(ticks: int, ports: Mapping[int, Port]) -> Entries:
    """A switch with these ports, by ifIndex."""
    entries = system(ticks) | {IF_NUMBER: (INTEGER, len(ports))}
    for index, port in ports.items():
        columns: dict[int, Source] = {
            1: (INTEGER, index),
            2: (OCTET_STRING, port.descr.encode()),
            5: (GAUGE32, min(port.speed, 2**32 - 1)),
            7: (INTEGER, 1),
            8: (INTEGER, port.oper),
            9: (TIME_TICKS, port.changed),
            10: (COUNTER32, port.received % 2**32),
            13: (COUNTER32, 0),
            14: (COUNTER32, port.errors % 2**32),
            16: (COUNTER32, port.sent % 2**32),
            19: (COUNTER32, 0),
            20: (COUNTER32, 0),
        }
        entries |= {f"{IF}.{column}.{index}": value for column, value in columns.items()}
        if port.name:
            more: dict[int, Source] = {
                1: (OCTET_STRING, port.name.encode()),
                6: (COUNTER64, port.received),
                10: (COUNTER64, port.sent),
                15: (GAUGE32, port.speed // 1_000_000),
                18: (OCTET_STRING, port.alias.encode()),
            }
            entries |= {f"{IFX}.{column}.{index}": value for column, value in more.items()}
    return entries


def honest(_request: bytes, reply: bytes | None) -> list[bytes]:
    return [] if reply is None else [reply]


@dataclass
class Device(asyncio.DatagramProtocol):
    """Shows `entries`; `bend` may spoil every answer. `asked`: (PDU type, OIDs) of each request."""

    mib: Mib
    bend: Bend = honest
    reply_max: int = 60_000
    asked: list[tuple[int, int]] = field(default_factory=list)
    port: int = 0
    transport: asyncio.DatagramTransport | None = None

    def show(self, entries: Entries) -> None:
        self.mib = Mib(entries)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        head = snmp.opened(data)
        self.asked.append((head.pdu, len(snmp.slots(data, head.at))))
        assert self.transport is not None
        for reply in self.bend(data, answer(data, COMMUNITY.encode(), self.mib, self.reply_max)):
            self.transport.sendto(reply, addr)


@asynccontextmanager
async def playing(
    entries: Entries, bend: Bend = honest, host: str = "127.0.0.1"
) -> AsyncIterator[Device]:
    """A device on a free port of loopback."""
    loop = asyncio.get_running_loop()
    transport, device = await loop.create_datagram_endpoint(
        lambda: Device(Mib(entries), bend), local_addr=(host, 0)
    )
    device.transport = transport
    device.port = transport.get_extra_info("sockname")[1]
    try:
        yield device
    finally:
        transport.close()


def profile(name: str) -> Profile:
    """The driver's part of a shipped profile."""
    found = yaml.safe_load((PROFILES / f"{name}.yaml").read_text(encoding="utf-8"))
    return Profile.model_validate(found["snmp"])


@asynccontextmanager
async def probing(
    port: int,
    said: str | Profile = "switch",
    *,
    version: str = "2c",
    host: str = "127.0.0.1",
    timeout_s: float = 0.9,
    interval_s: float = 30.0,
    shared: object = None,
    community: str = COMMUNITY,
) -> AsyncIterator[Probe]:
    """The driver's probe of such a device, by a profile or the name of a shipped one."""
    asked = target(host, shared, community=community)
    told = replace(asked, timeout=timeout_s, interval=interval_s)
    options = DRIVER.options(port=port, version=version)
    told_by = profile(said) if isinstance(said, str) else said
    async with DRIVER.connect(told, options, told_by) as probe:
        yield probe


@asynccontextmanager
async def meeting(
    entries: Entries, bend: Bend = honest, *, version: str = "2c", host: str = "127.0.0.1"
) -> AsyncIterator[tuple[Device, Probe]]:
    """A device, and the probe of it."""
    heard = "127.0.0.1" if host == "localhost" else host
    async with (
        playing(entries, bend, heard) as device,
        probing(device.port, version=version, host=host) as probe,
    ):
        yield device, probe


async def read(probe: Probe) -> Batch:
    """One poll as the shell does it: with an end."""
    async with asyncio.timeout(5):
        batch = await probe.read()
    assert isinstance(batch, Batch)
    assert len(batch.values) == len(batch.layout.names)
    return batch


def values(batch: Batch, name: str) -> dict[str, Value]:
    """Part → value of one reading."""
    start, end = batch.layout.spans.get(name, (0, 0))
    return dict(zip(batch.layout.parts[start:end], batch.values[start:end], strict=True))
