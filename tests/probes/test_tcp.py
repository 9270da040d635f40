"""The tcp driver: a connection is all it asks for, whatever stands behind it."""

import asyncio
import socket

import pytest
from pydantic import ValidationError

from probes.simulators.tcp import SIMULATOR
from probes.tcp import DRIVER, Options
from secmon.api import Batch, Unreachable
from tests.peers.process import free_port
from tests.probes.loopback import Talk, nothing_more_than, open_files, serving, target


async def poll(port: int, address: str = "127.0.0.1") -> object:
    async with DRIVER.connect(target(address), Options(port=port), None) as probe:
        return await probe.read()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def floods(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"\0\xff" * 30_000)
        await writer.drain()


@pytest.mark.parametrize("talk", [silent, hangs_up, floods])
async def test_an_accepted_connection_is_enough(talk: Talk) -> None:
    async with serving(talk) as port:
        before = open_files()
        batch = await poll(port)
        assert await nothing_more_than(before)
    assert isinstance(batch, Batch)
    assert batch.layout.names == ()


async def test_all_polls_share_one_layout() -> None:
    async with SIMULATOR.start({}) as device:
        assert await poll(device.port) is await poll(device.port)


async def test_a_refused_connection_is_unreachable() -> None:
    port = free_port()
    with pytest.raises(Unreachable, match=f"^TCP 127.0.0.1 port {port}: Connection refused$"):
        await poll(port)


async def test_the_simulated_device_stops_listening_and_comes_back() -> None:
    async with SIMULATOR.start({}) as device:
        await poll(device.port)
        await device.set(listening=False)
        with pytest.raises(Unreachable):
            await poll(device.port)
        await device.set(listening=True)
        await poll(device.port)


async def test_the_simulated_device_knows_only_that() -> None:
    async with SIMULATOR.start({}) as device:
        with pytest.raises(ValueError, match="listening"):
            await device.set(colour="red")


async def test_a_deadline_ends_a_connection_that_nobody_accepts() -> None:
    """A full backlog: the kernel drops further SYNs, so nothing answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        before = open_files()
        outcomes = [await ends(listener.getsockname()[1]) for _ in range(3)]
        assert outcomes[-1] == "timeout"
        assert await nothing_more_than(before)


async def ends(port: int) -> str:
    try:
        async with asyncio.timeout(0.1):
            await poll(port)
    except TimeoutError:
        return "timeout"
    return "accepted"


@pytest.mark.parametrize("options", [{}, {"port": 0}, {"port": 65536}, {"port": 80, "send": "x"}])
def test_options_are_strict(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Options.model_validate(options)
