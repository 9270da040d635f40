"""Switches of 28 ports that answer at once: `python -m benchmarks.peers.snmp_responder COUNT`.

Their UDP ports of 127.0.0.1 are printed as a JSON list; the community is `public`. All show the
same simulated switch; what it says to a request is encoded anew every quarter of a second, and
only the request-id differs in between, so that a Python agent is fast enough for its clients.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import cast

import uvloop

from probes.simulators.snmp import State, Switch, mib
from probes.wire import snmp
from probes.wire.snmp_agent import answer

MOVES_EVERY_S = 0.25
COMMUNITY = b"public"


class _Agents:
    """What all ports show."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._moved = loop.time()
        self._mib = mib(State(Switch(), lambda: self._moved))  # its clock stands still in between
        self._replies: dict[tuple[bytes, bytes], tuple[bytes, bytes]] = {}

    def reply(self, data: bytes) -> bytes:
        if self._loop.time() - self._moved > MOVES_EVERY_S:
            self._moved = self._loop.time()
            self._replies.clear()
        start, stop = snmp.opened(data).id_at
        asked = data[:start], data[stop:]
        found = self._replies.get(asked)
        if found is None:
            found = self._replies[asked] = self._encode(data)
        return data[start:stop].join(found)

    def _encode(self, data: bytes) -> tuple[bytes, bytes]:
        """A reply up to its request-id, and from there on."""
        reply = answer(data, COMMUNITY, self._mib)
        assert reply is not None
        start, stop = snmp.opened(reply).id_at
        return reply[:start], reply[stop:]


class _Port(asyncio.DatagramProtocol):
    def __init__(self, agents: _Agents) -> None:
        self._agents = agents

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(self._agents.reply(data), addr)


async def _serve(count: int) -> None:
    loop = asyncio.get_running_loop()
    agents, ports = _Agents(loop), []
    for _ in range(count):
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Port(agents), local_addr=("127.0.0.1", 0)
        )
        ports.append(transport.get_extra_info("sockname")[1])
    print(json.dumps(ports), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
