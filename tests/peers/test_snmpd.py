"""The driver `snmp` against Net-SNMP's agent, compared with what the kernel says of its ports."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.snmpd import Snmpd, snmpd
from tests.probes.snmp_device import probing, read, values

pytestmark = pytest.mark.peers

KERNEL = Path("/sys/class/net")
CACHED_S = 6  # the agent reads its ports from the kernel at most every few seconds
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snmpd]:
    with snmpd(tmp_path_factory.mktemp("snmpd")) as running:
        yield running


def kernel(port: str, file: str) -> int:
    return int((KERNEL / port / "statistics" / file).read_text())


COUNTED = {
    "interface_receive_bytes_total": "rx_bytes",
    "interface_transmit_bytes_total": "tx_bytes",
    "interface_receive_errors_total": "rx_errors",
    "interface_transmit_errors_total": "tx_errors",
    "interface_receive_discards_total": "rx_dropped",
    "interface_transmit_discards_total": "tx_dropped",
}


async def test_every_port_is_as_the_kernel_says(agent: Snmpd) -> None:
    """Counters lie between what the kernel said before and after."""
    ports = {path.name for path in KERNEL.iterdir() if path.is_dir()}
    before = {(port, file): kernel(port, file) for port in ports for file in COUNTED.values()}
    await asyncio.sleep(CACHED_S)
    batches = {}
    for version in ("1", "2c"):
        async with probing(agent.port, version=version) as probe:
            batches[version] = await read(probe)
    after = {key: kernel(*key) for key in before}

    for version, batch in batches.items():
        span = 1 << (32 if version == "1" else 64)
        assert values(batch, "interface_up").keys() == ports
        for port in ports:
            flags = int((KERNEL / port / "flags").read_text(), 16)
            assert values(batch, "interface_admin_up")[port] is bool(flags & 1)
            for reading, file in COUNTED.items():
                value = values(batch, reading)[port]
                assert isinstance(value, int)
                low, high = before[port, file], after[port, file]
                assert (value - low) % span <= high - low, (version, port, reading)


async def test_counters_follow_the_traffic(agent: Snmpd) -> None:
    """A megabyte over loopback is seen as a megabyte, in 32 bits too."""
    sent = "interface_transmit_bytes_total"
    async with probing(agent.port, version="1") as v1, probing(agent.port) as v2c:
        await asyncio.sleep(CACHED_S)
        before = [await read(probe) for probe in (v1, v2c)]
        spend(MEGABYTE)
        await asyncio.sleep(CACHED_S)
        after = [await read(probe) for probe in (v1, v2c)]
    for first, second in zip(before, after, strict=True):
        assert second.layout is first.layout
        moved = float(values(second, sent)["lo"]) - float(values(first, sent)["lo"])
        assert moved >= MEGABYTE


def spend(size: int) -> None:
    """Sends so many bytes over loopback to nobody."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
    ):
        heard.bind(("127.0.0.1", 0))
        for _ in range(size // 1000):
            sock.sendto(bytes(1000), heard.getsockname())


async def test_the_system_is_told(agent: Snmpd) -> None:
    async with probing(agent.port) as probe:
        first = await read(probe)
        await asyncio.sleep(1.1)
        second = await read(probe)
    assert first.facts["name"] == agent.name
    assert first.facts["location"] == "ground floor"
    assert first.facts["object_id"].startswith("1.3.6.1.4.1.8072.")
    passed = float(second.values[0]) - float(first.values[0])
    assert 1.0 <= passed <= 3.0


@pytest.mark.parametrize("version", ["1", "2c"])
async def test_another_community_meets_silence(agent: Snmpd, version: str) -> None:
    async with probing(agent.port, version=version, community="wrong") as probe:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await probe.read()
