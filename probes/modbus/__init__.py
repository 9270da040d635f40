"""Modbus/TCP: panels, UPSs and sensors whose registers a profile names.

An exception answer is `refused` whatever its code: it is well-formed, so nothing is garbled, and
the device said no. Only 0x0A and 0x0B are `unreachable`: a gateway says them for a silent unit.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from probes.modbus.probe import ModbusProbe
from probes.modbus.profile import Options, Profile, brings
from probes.modbus.shared import Shared, shared
from secmon.api import Driver, Probe, Target


@asynccontextmanager
async def connect(
    target: Target, options: Options, profile: Profile | None
) -> AsyncIterator[Probe]:
    """A probe of one unit. The connection is opened by the first request that needs it."""
    if profile is None:
        raise ValueError("modbus needs a profile: nothing else says what a register means")
    known = target.shared if isinstance(target.shared, Shared) else Shared()
    with known.lines.use(target.address, options.port) as line:
        yield ModbusProbe(line, known.unit(target, options, profile))


def bus(address: str, options: Options) -> str:
    """All units behind one address and port are asked one at a time."""
    return f"{address}:{options.port}"


DRIVER = Driver(
    "modbus",
    Options,
    Profile,
    connect,
    default_profile="di-16",
    brings=brings,
    bus=bus,
    shared=shared,
)
