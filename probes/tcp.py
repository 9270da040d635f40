"""Does a TCP port accept connections: the question for a device that speaks nothing we know."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pydantic import Field

from probes.wire.local import cause, ours, why
from secmon.api import EMPTY_LAYOUT, Batch, Driver, Probe, ProbeError, Target, Unreachable
from secmon.api import Options as ApiOptions

ACCEPTED = Batch(EMPTY_LAYOUT, ())


class Options(ApiOptions):
    port: int = Field(ge=1, le=65535)


@dataclass(frozen=True, slots=True)
class _Port:
    """The probe: one connection per poll, closed as soon as it stands, nothing sent or read."""

    address: str
    port: int

    async def read(self) -> Batch:
        try:
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_connection(asyncio.Protocol, self.address, self.port)
        except OSError as error:
            failure = ProbeError if ours(error) else Unreachable
            raise failure(
                f"TCP {self.address} port {self.port}: {why(error)}", cause=cause(error)
            ) from None
        transport.abort()
        return ACCEPTED


@asynccontextmanager
async def connect(
    target: Target, options: Options, profile: ApiOptions | None
) -> AsyncIterator[Probe]:
    yield _Port(target.address, options.port)


DRIVER = Driver("tcp", Options, None, connect)
