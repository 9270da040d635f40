"""The nut driver against the real upsd, and NUT's own client against our simulated UPS."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from probes.nut import DRIVER, Options
from probes.simulators.nut import SIMULATOR
from secmon.api import Batch, Probe, ProbeError, Refused, Unreachable, Value
from tests.peers.need import need
from tests.peers.process import free_port
from tests.peers.upsd import Upsd, upsd
from tests.probes.loopback import target

pytestmark = pytest.mark.peers


@asynccontextmanager
async def asking(peer: Upsd, ups: str = "", **credentials: str) -> AsyncIterator[Probe]:
    options = Options(port=peer.port, ups=ups)
    async with DRIVER.connect(target(**credentials), options, None) as probe:
        yield probe


async def read(probe: Probe) -> dict[str, Value]:
    batch = await probe.read()
    assert isinstance(batch, Batch)
    return dict(zip(batch.layout.names, batch.values, strict=True))


async def until(probe: Probe, good: Callable[[Mapping[str, Value]], bool]) -> dict[str, Value]:
    """The first poll that shows what the test wrote; NUT's driver needs up to two seconds."""
    async with asyncio.timeout(10):
        while not good(got := await read(probe)):
            await asyncio.sleep(0.05)
        return got


async def test_a_ups_goes_on_battery_runs_low_and_comes_back(tmp_path: Path) -> None:
    with upsd(tmp_path) as peer:
        async with asking(peer) as probe:
            assert await read(probe) == {
                "mains_voltage_volts": 229.8,
                "output_voltage_volts": 230.1,
                "load_ratio": 0.23,
                "battery_voltage_volts": 27.1,
                "battery_charge_ratio": 1.0,
                "battery_runtime_seconds": 1800.0,
                "battery_discharging": False,
                "battery_low": False,
                "battery_replace": False,
                "on_battery": False,
            }
            peer.show({"ups.status": "OB DISCHRG", "battery.charge": "71", "input.voltage": "0.0"})
            got = await until(probe, lambda now: now["on_battery"] is True)
            assert got["battery_discharging"] is True
            assert (got["battery_charge_ratio"], got["mains_voltage_volts"]) == (0.71, 0.0)
            peer.show({"ups.status": "OB DISCHRG LB"})
            assert await until(probe, lambda now: now["battery_low"] is True)
            peer.show({"ups.status": "OL CHRG RB"})
            got = await until(probe, lambda now: now["battery_replace"] is True)
            assert (got["on_battery"], got["battery_low"]) == (False, False)


async def test_escaped_values_are_read_as_nuts_own_client_reads_them(tmp_path: Path) -> None:
    written = {"ups.status": "OL", "ups.model": r"Rack \"A\" \#1 \\ two"}
    with upsd(tmp_path, written) as peer:
        command = [need("nut-client", "upsc"), f"ups@127.0.0.1:{peer.port}", "device.model"]
        told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
        async with asking(peer) as probe:
            batch = await probe.read()
    assert isinstance(batch, Batch)
    assert batch.facts["model"] == told.stdout.strip()
    assert '"A' in batch.facts["model"]


async def test_stale_data_is_the_silence_of_the_ups(tmp_path: Path) -> None:
    with upsd(tmp_path) as peer:
        async with asking(peer) as probe:
            assert (await read(probe))["on_battery"] is False
            peer.driver.kill()
            texts = [await silence(probe) for _ in range(2)]
            while "DRIVER-NOT-CONNECTED" not in texts[-1]:
                texts.append(await silence(probe))
                assert len(texts) < 500
    assert all("answers, but the UPS 'ups' behind it does not: " in text for text in texts)


async def silence(probe: Probe) -> str:
    """The text of the next failure, which must be Unreachable."""
    with pytest.raises(Unreachable) as caught:
        await until(probe, lambda _: False)
    await asyncio.sleep(0.02)
    return str(caught.value)


async def test_a_ups_that_upsd_does_not_know_is_named(tmp_path: Path) -> None:
    with upsd(tmp_path) as peer:
        async with asking(peer, ups="rack-3") as probe:
            with pytest.raises(Refused, match="UNKNOWN-UPS: it has no UPS named 'rack-3'"):
                await probe.read()


async def test_a_user_may_read(tmp_path: Path) -> None:
    with upsd(tmp_path) as peer:
        async with asking(peer, username=peer.user, password=peer.password) as probe:
            assert (await read(probe))["on_battery"] is False


async def test_upsd_that_ends_is_unreachable(tmp_path: Path) -> None:
    with upsd(tmp_path) as peer:
        async with asking(peer) as probe:
            assert await read(probe)
            peer.server.stop()
            with pytest.raises(Unreachable):
                await until(probe, lambda _: False)


async def test_nuts_own_client_reads_the_simulated_ups() -> None:
    async with SIMULATOR.start({"status": "OB DISCHRG", "charge": 71}) as device:
        process = await asyncio.create_subprocess_exec(
            need("nut-client", "upsc"),
            f"ups@127.0.0.1:{device.port}",
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "NUT_QUIET_INIT_SSL": "true"},
        )
        async with asyncio.timeout(10):
            told, _ = await process.communicate()
    variables = dict(line.split(": ", 1) for line in told.decode().splitlines())
    assert variables["ups.status"] == "OB DISCHRG"
    assert variables["battery.charge"] == "71"
    assert process.returncode == 0


async def test_nuts_own_client_is_told_what_is_stale() -> None:
    async with SIMULATOR.start({"stale": True}) as device:
        process = await asyncio.create_subprocess_exec(
            need("nut-client", "upsc"),
            f"ups@127.0.0.1:{device.port}",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        async with asyncio.timeout(10):
            _, told = await process.communicate()
    assert b"Data stale" in told


async def test_nobody_at_the_port_is_unreachable() -> None:
    async with DRIVER.connect(target(), Options(port=free_port()), None) as probe:
        with pytest.raises(ProbeError) as caught:
            await probe.read()
    assert type(caught.value) is Unreachable
