"""Asks one ONVIF camera over and over: `python -m benchmarks.peers.onvif_asking WHO PORT`. WHO is
`secmon` (our driver's ordinary poll), `zeep` (the same two operations by onvif-zeep-async), or
`bare`: bytes of that length go to and fro on this loop, and nobody looks at them.

Prints CPU-ms of this process per poll, user and system, of every round, as a JSON list: the median
of its polls. Both run on the daemon's loop, and keep whatever they keep between two polls.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median
from typing import cast

import uvloop

POLLS, ROUNDS, WARM = 400, 5, 30
USER, PASSWORD = "operator", "cam-pass"


async def _costs(poll: Callable[[], Awaitable[None]]) -> list[float]:
    for _ in range(WARM):
        await poll()
    return [median(await _round(poll)) for _ in range(ROUNDS)]


async def _round(poll: Callable[[], Awaitable[None]]) -> list[float]:
    """From the beginning of one poll to that of the next: what the loop still does for the one,
    as closing, falls into the beginning of the other."""
    begun = []
    for _ in range(POLLS + 1):
        begun.append(time.process_time() * 1e3)
        await poll()
    return [after - before for before, after in pairwise(begun)]


async def _secmon(port: int) -> list[float]:
    from probes.onvif import DRIVER, Options
    from secmon.api import Batch, Credentials, Target

    target = Target(
        device="cam",
        address="127.0.0.1",
        timeout=5.0,
        interval=10.0,
        credentials=Credentials({"username": USER, "password": PASSWORD}),
        parts={},
        facts={},
        memory=_NoMemory(),
        now=lambda: datetime.now(UTC),
    )
    async with DRIVER.connect(target, Options(port=port), None) as probe:

        async def poll() -> None:
            batch = await probe.read()
            assert isinstance(batch, Batch)
            assert batch.layout.names == ("clock_offset_seconds",)

        return await _costs(poll)


class _NoMemory:
    async def get(self, part: str, key: str) -> bytes | None:
        return None

    async def put(self, part: str, key: str, value: bytes) -> None:
        return None


async def _zeep(port: int) -> list[float]:
    from onvif import ONVIFCamera  # type: ignore[import-untyped]  # it has no types

    camera = ONVIFCamera("127.0.0.1", port, USER, PASSWORD)
    await camera.update_xaddrs()
    device = await camera.create_devicemgmt_service()
    media = await camera.create_media_service()
    for service in (device, media):  # each keeps a connection: a poll shall begin with fresh ones
        service._connector._force_close = True

    async def poll() -> None:
        await device.GetSystemDateAndTime()
        assert len(await media.GetProfiles()) == 2

    try:
        return await _costs(poll)
    finally:
        await camera.close()


class _Bare(asyncio.Protocol):
    answer: asyncio.Future[bytes]
    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.answer.set_result(data)

    async def ask(self, request: bytes) -> None:
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        await self.answer


async def _bare(port: int) -> list[float]:
    def request(operation: bytes, length: int) -> bytes:
        return b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (
            length,
            operation.ljust(length),
        )

    requests = [request(b"<GetSystemDateAndTime", 300), request(b"<GetProfiles", 900)]

    async def poll() -> None:
        loop = asyncio.get_running_loop()
        _, link = await loop.create_connection(_Bare, "127.0.0.1", port)
        for one in requests:
            await link.ask(one)
        link.transport.abort()

    return await _costs(poll)


if __name__ == "__main__":
    ask = {"secmon": _secmon, "zeep": _zeep, "bare": _bare}[sys.argv[1]]
    print(json.dumps(uvloop.run(ask(int(sys.argv[2])))))
