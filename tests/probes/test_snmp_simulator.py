"""The demo's switch: it is polled by the driver and broken by the demo's script."""

import asyncio

import pytest

from probes.simulators.snmp import SIMULATOR
from secmon.api import Batch
from tests.probes.snmp_device import probing, read, values


@pytest.mark.parametrize("version", ["1", "2c"])
@pytest.mark.parametrize("wide", [True, False])
async def test_the_switch_is_polled(version: str, wide: bool) -> None:
    async with (
        SIMULATOR.start({"ports": 12, "name": "sw-7", "wide": wide}) as running,
        probing(running.port, version=version) as probe,
    ):
        first, second = await read(probe), await read(probe)
    assert second.layout is first.layout
    assert first.facts["name"] == "sw-7"
    assert len(values(first, "interface_up")) == 12
    for reading in ("interface_receive_bytes_total", "interface_transmit_bytes_total"):
        before, after = numbers(first, reading), numbers(second, reading)
        assert all(new >= old for old, new in zip(before, after, strict=True))
        assert after != before


def numbers(batch: Batch, reading: str) -> list[int]:
    return [value for value in values(batch, reading).values() if isinstance(value, int)]


async def test_a_port_is_drawn_and_put_in_again() -> None:
    async with SIMULATOR.start({"ports": 3}) as running, probing(running.port) as probe:
        before = await read(probe)
        await running.set(port_down="GE1/0/2")
        down = await read(probe)
        assert values(down, "interface_up") == {"GE1/0/1": True, "GE1/0/2": False, "GE1/0/3": True}
        still = await read(probe)
        received = "interface_receive_bytes_total"
        assert values(still, received)["GE1/0/2"] == values(down, received)["GE1/0/2"]
        assert values(still, received)["GE1/0/1"] != values(down, received)["GE1/0/1"]
        await running.set(port_up="GE1/0/2")
        up = await read(probe)
        assert values(up, "interface_up") == values(before, "interface_up")
        assert numbers(up, received)[1] >= numbers(still, received)[1]


async def test_the_switch_starts_anew_and_falls_silent() -> None:
    async with SIMULATOR.start({"ports": 2}) as running, probing(running.port) as probe:
        assert values(await read(probe), "uptime_seconds")[""] == pytest.approx(86_400, abs=5)
        await running.set(restart=True)
        assert values(await read(probe), "uptime_seconds")[""] == pytest.approx(0, abs=5)
        await running.set(silent=True)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await probe.read()
        await running.set(silent=False)
        await read(probe)


@pytest.mark.parametrize(
    "state", [{"port_down": "GE9/9/9"}, {"silent": "yes"}, {"colour": "red"}, {"restart": False}]
)
async def test_what_the_script_misspells_is_told(state: dict[str, object]) -> None:
    async with SIMULATOR.start({}) as running:
        with pytest.raises(ValueError, match="expected"):
            await running.set(**state)


async def test_options_that_are_not_there_are_told() -> None:
    with pytest.raises(ValueError, match="colour"):
        async with SIMULATOR.start({"colour": "red"}):
            raise AssertionError("it must not start")
