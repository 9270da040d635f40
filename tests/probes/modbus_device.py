"""A Modbus/TCP device whose answers a test writes, and the probe that asks it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace

from probes.modbus import DRIVER
from probes.modbus.profile import Options, Profile
from probes.modbus.shared import Shared
from probes.wire.modbus import Frame, Frames, frame
from secmon.api import Batch, Probe
from tests.probes.loopback import serving, target

ROOM = Profile.model_validate(
    {
        "points": [
            {"reading": "temperature_celsius", "fn": "input", "addr": 1, "scale": "1/10"},
            {"reading": "humidity_ratio", "fn": "input", "addr": 2, "scale": "1/1000"},
        ]
    }
)


def probing(
    port: int, *, unit: int = 1, profile: Profile = ROOM, shared: Shared | None = None
) -> AbstractAsyncContextManager[Probe]:
    device = replace(target(shared=shared), device=f"device-{unit}")
    return DRIVER.connect(device, Options(port=port, unit=unit), profile)


async def read(probe: Probe) -> dict[tuple[str, str], object]:
    batch = await probe.read()
    assert isinstance(batch, Batch)
    keys = zip(batch.layout.names, batch.layout.parts, strict=True)
    return dict(zip(keys, batch.values, strict=True))


async def celsius(probe: Probe) -> object:
    return (await read(probe))["temperature_celsius", ""]


def answer(request: Frame, *registers: int, **other: int) -> bytes:
    """The right answer to a read, or one that is wrong in what `other` says."""
    transaction, unit, pdu = request
    data = b"".join(register.to_bytes(2) for register in registers)
    function = other.get("function", pdu[0])
    return frame(
        other.get("transaction", transaction),
        other.get("unit", unit),
        bytes((function, other.get("size", len(data)))) + data,
    )


Script = Callable[[Frame, asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class Played:
    """A device whose answers a test writes."""

    script: Script
    port: int = 0
    connections: int = 0
    asked: list[Frame] = field(default_factory=list)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        frames = Frames()
        while data := await reader.read(4096):
            for request in frames.feed(data):
                self.asked.append(request)
                await self.script(request, writer)


@asynccontextmanager
async def played(script: Script) -> AsyncIterator[Played]:
    device = Played(script)
    async with serving(device.talk) as device.port:
        yield device


@asynccontextmanager
async def answering(make: Callable[[Frame], bytes]) -> AsyncIterator[Played]:
    async def script(request: Frame, writer: asyncio.StreamWriter) -> None:
        writer.write(make(request))

    async with played(script) as device:
        yield device
