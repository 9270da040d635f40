"""Devices on 127.0.0.1 that a test plays itself, well-behaved or hostile, and their target."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from secmon.api import Credentials, Target

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class NoMemory:
    """A target's memory that holds nothing."""

    async def get(self, part: str, key: str) -> bytes | None:
        return None

    async def put(self, part: str, key: str, value: bytes) -> None:
        return None


def target(address: str = "127.0.0.1", shared: object = None, **credentials: str) -> Target:
    """A device as a driver is told of it."""
    return Target(
        device="device-1",
        address=address,
        timeout=5.0,
        interval=10.0,
        credentials=Credentials(credentials),
        parts={},
        facts={},
        memory=NoMemory(),
        shared=shared,
        now=lambda: datetime.now(UTC),
    )


@asynccontextmanager
async def serving(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A TCP server that treats every connection by `talk` and then hangs up; gives its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
            await writer.drain()
            writer.close()
        except ConnectionError:
            pass  # the driver hung up first
        finally:
            if not writer.is_closing():
                writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def open_files() -> set[str]:
    """What this process holds open; sockets by their inode."""
    names = set()
    for link in Path("/proc/self/fd").iterdir():
        try:
            names.add(str(link.readlink()))
        except FileNotFoundError:
            continue  # the folder's own
    return names


async def nothing_more_than(before: set[str]) -> bool:
    """True as soon as every file that was opened since is closed, on the server's side too."""
    for _ in range(100):
        if open_files() <= before:
            return True
        await asyncio.sleep(0.01)
    return False
