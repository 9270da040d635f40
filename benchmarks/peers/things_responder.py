"""A UPS behind NUT's upsd and a web page: `python -m benchmarks.peers.things_responder`; their two
ports of 127.0.0.1 are printed as a JSON list. Any number of devices may be asked for there."""

from __future__ import annotations

import asyncio
import json

import uvloop

from probes.simulators import nut

PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


async def _page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(PAGE)
        await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()


async def _serve() -> None:
    server = await asyncio.start_server(_page, "127.0.0.1", 0, backlog=512)
    async with nut.start({}) as upsd:
        print(json.dumps([upsd.port, server.sockets[0].getsockname()[1]]), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve())
