"""pymodbus's async client on uvloop: asks each port every second what benchmarks/modbus.py asks.

`python -m benchmarks.peers.modbus_pymodbus [PORT, …]`; prints `true` when all are connected.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys

import uvloop
from pymodbus.client import AsyncModbusTcpClient


async def _ask(port: int, share: float, connected: asyncio.Barrier) -> None:
    client = AsyncModbusTcpClient("127.0.0.1", port=port, timeout=5, retries=0)
    await client.connect()
    await connected.wait()
    loop = asyncio.get_running_loop()
    due = loop.time() + share
    while True:
        await asyncio.sleep(due - loop.time())
        due += 1
        for start in (0, 100):
            answer = await client.read_holding_registers(start, count=40, device_id=1)
            assert len(answer.registers) == 40
        flags = await client.read_discrete_inputs(0, count=64, device_id=1)
        assert len(flags.bits) == 64


async def _run(ports: list[int]) -> None:
    connected = asyncio.Barrier(len(ports) + 1)
    async with asyncio.TaskGroup() as tasks:
        for number, port in enumerate(ports):
            tasks.create_task(_ask(port, number / len(ports), connected))
        await connected.wait()
        print("true", flush=True)


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    uvloop.run(_run(json.loads(sys.argv[1])))
