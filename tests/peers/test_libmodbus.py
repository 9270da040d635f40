"""The driver `modbus` against servers that we did not write: libmodbus and pymodbus."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from probes.modbus import DRIVER
from probes.modbus.profile import Options, Profile
from probes.modbus.shared import Shared
from secmon.api import Batch, Connection, Part, Probe, Refused, Unreachable
from tests.peers.libmodbus import libmodbus
from tests.peers.process import free_port, tcp_accepts
from tests.probes.loopback import target

pytestmark = pytest.mark.peers

PROFILES = Path(__file__).parents[2] / "config/profiles"


def shipped(name: str) -> Profile:
    head = yaml.safe_load((PROFILES / f"{name}.yaml").read_text(encoding="utf-8"))
    return Profile.model_validate(head["modbus"])


def profile(points: Sequence[Mapping[str, object]]) -> Profile:
    return Profile.model_validate({"points": points})


def text(at: int, shown: str) -> dict[int, int]:
    raw = shown.encode()
    return {at + i: int.from_bytes(raw[2 * i : 2 * i + 2]) for i in range(len(raw) // 2)}


async def values(probe: Probe) -> dict[str, object]:
    """The values of a poll by `name` or `name/part`."""
    batch = await probe.read()
    assert isinstance(batch, Batch)
    keys = zip(batch.layout.names, batch.layout.parts, strict=True)
    return {
        "/".join(filter(None, key)): value for key, value in zip(keys, batch.values, strict=True)
    }


async def test_a_room_gets_warmer(tmp_path: Path) -> None:
    with libmodbus(tmp_path, input={1: 235, 2: 456}) as peer:
        async with DRIVER.connect(target(), Options(port=peer.port), shipped("xy-md02")) as probe:
            assert await values(probe) == {"temperature_celsius": 23.5, "humidity_ratio": 0.456}
            peer.show(input={1: 0xFFCE})
            assert (await values(probe))["temperature_celsius"] == -5.0


async def test_a_panel_shows_its_zones_and_its_tamper(tmp_path: Path) -> None:
    wired = {"DI9": Part("DI9", reading="zone_tamper", invert=True)}
    device = replace(target(), parts=wired)
    with libmodbus(tmp_path, discrete={0: 1, 8: 1, 16: 1}) as peer:
        async with DRIVER.connect(device, Options(port=peer.port), shipped("di-16")) as probe:
            found = await values(probe)
            assert len(found) == 16
            assert [name for name, flag in found.items() if flag] == ["zone_alarm/DI1"]
            peer.show(discrete={0: 0, 8: 0})
            found = await values(probe)
            assert [name for name, flag in found.items() if flag] == ["zone_tamper/DI9"]


async def test_a_ups_goes_on_battery(tmp_path: Path) -> None:
    healthy = {1: 2, 129: 1800, 130: 51200, 131: 867, 135: 3200, 136: 5888, 142: 14720, 151: 14656}
    named = text(516, "UPS 15.0".ljust(16)) | text(532, "Smart-UPS 1500".ljust(32))
    with libmodbus(tmp_path, holding=healthy | named | text(564, "AS1234567890    ")) as peer:
        async with DRIVER.connect(target(), Options(port=peer.port), shipped("apc-smt")) as probe:
            batch = await probe.read()
            assert isinstance(batch, Batch)
            assert batch.facts == {
                "firmware": "UPS 15.0",
                "model": "Smart-UPS 1500",
                "serial": "AS1234567890",
            }
            found = await values(probe)
            assert (found["on_battery"], found["battery_replace"]) == (False, False)
            assert (found["battery_voltage_volts"], found["load_ratio"]) == (27.09375, 0.23)
            assert (found["mains_voltage_volts"], found["battery_charge_ratio"]) == (229.0, 1.0)
            peer.show(holding={1: 4, 22: 4, 130: 25600, 151: 0xFFFF})
            found = await values(probe)
            assert (found["on_battery"], found["battery_replace"]) == (True, True)
            assert found["battery_charge_ratio"] == 0.5
            assert "mains_voltage_volts" not in found


async def test_units_of_one_gateway_fail_alone(tmp_path: Path) -> None:
    shared = Shared()

    def room(port: int, unit: int) -> Connection:
        device = replace(target(shared=shared), device=f"room-{unit}")
        return DRIVER.connect(device, Options(port=port, unit=unit), shipped("xy-md02"))

    with libmodbus(tmp_path, input={1: 235}, silent={2: 1}, exception={3: 11}) as peer:
        async with (
            room(peer.port, 1) as alive,
            room(peer.port, 2) as silent,
            room(peer.port, 3) as gone,
        ):
            for _ in range(3):
                assert (await values(alive))["temperature_celsius"] == 23.5
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await silent.read()
                with pytest.raises(Unreachable, match="exception 11: gateway target"):
                    await gone.read()
            with shared.lines.use("127.0.0.1", peer.port) as line:
                assert line.opened == 1


async def test_addresses_that_libmodbus_has_not_are_left_out(tmp_path: Path) -> None:
    points = [{"reading": f"r{at}", "fn": "holding", "addr": at} for at in range(1990, 2010)]
    with libmodbus(tmp_path) as peer:
        options = Options(port=peer.port)
        async with DRIVER.connect(target(), options, profile(points)) as probe:
            assert len(await values(probe)) == 10
        async with DRIVER.connect(target(), options, profile(points[10:])) as probe:
            with pytest.raises(Refused, match="exception 2: illegal data address"):
                await probe.read()


async def test_a_server_that_ends_is_unreachable_and_found_again(tmp_path: Path) -> None:
    with libmodbus(tmp_path, input={1: 235}) as peer:
        async with DRIVER.connect(target(), Options(port=peer.port), shipped("xy-md02")) as probe:
            assert (await values(probe))["temperature_celsius"] == 23.5
            peer.server.kill()
            for _ in range(2):
                with pytest.raises(Unreachable):
                    await probe.read()
            with libmodbus(tmp_path, port=peer.port, input={1: 240}):
                assert (await values(probe))["temperature_celsius"] == 24.0


# --- pymodbus


@asynccontextmanager
async def pymodbus_server() -> AsyncIterator[int]:
    """Input registers 1 and 2 are 235 and 456; there are no other inputs below 1000."""
    from pymodbus.server import ModbusTcpServer
    from pymodbus.simulator import DataType, SimData, SimDevice

    bits = [SimData(1000, datatype=DataType.BITS)]
    holding = [SimData(1000, values=[0], datatype=DataType.REGISTERS)]
    inputs = [SimData(1, values=[235, 456], datatype=DataType.REGISTERS)]
    device = SimDevice(id=1, simdata=(bits, bits, holding, inputs))
    port = free_port()
    server = ModbusTcpServer(device, address=("127.0.0.1", port))
    serving = asyncio.create_task(server.serve_forever())
    try:
        for _ in range(100):
            with suppress(OSError):
                await asyncio.to_thread(tcp_accepts, port)
                break
            await asyncio.sleep(0.02)
        yield port
    finally:
        await server.shutdown()
        await serving


async def test_pymodbus_answers_the_same() -> None:
    async with pymodbus_server() as port:
        async with DRIVER.connect(target(), Options(port=port), shipped("xy-md02")) as probe:
            assert await values(probe) == {"temperature_celsius": 23.5, "humidity_ratio": 0.456}
        async with DRIVER.connect(target(), Options(port=port), shipped("di-16")) as probe:
            with pytest.raises(Refused, match="exception 2: illegal data address"):
                await probe.read()
