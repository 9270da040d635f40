"""The icmp driver: real pings of loopback, and a device played over UDP that answers as it likes.

The played device needs no right to ping: the driver's packets travel in UDP datagrams there, and
the kernel's error queue works for those as for ICMP.
"""

import asyncio
import logging
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import uvloop

from probes.icmp import DRIVER, NO_RIGHTS, Options, Pinger, Place, open_socket
from probes.wire import icmp
from secmon.api import Batch, ProbeError, Unreachable
from tests.probes.loopback import open_files, target

HERE = "127.0.0.1"


def may_ping(version: int) -> bool:
    try:
        open_socket(version)[0].close()
    except OSError:
        return False
    return True


@pytest.fixture
def rights() -> None:
    if not may_ping(4):
        pytest.skip("this user may not ping")


async def poll(address: str, pinger: Pinger) -> object:
    async with DRIVER.connect(target(address, shared=pinger), Options(), None) as probe:
        return await probe.read()


@asynccontextmanager
async def pings() -> AsyncIterator[Pinger]:
    assert DRIVER.shared is not None
    async with DRIVER.shared() as shared:
        assert isinstance(shared, Pinger)
        yield shared


# --- real ones -------------------------------------------------------------------------------


@pytest.mark.usefixtures("rights")
@pytest.mark.parametrize("address", [HERE, "127.1.2.3", *(["::1"] if may_ping(6) else [])])
async def test_loopback_answers(address: str) -> None:
    async with pings() as pinger, asyncio.timeout(2):
        batch = await poll(address, pinger)
        assert batch is await poll(address, pinger)
    assert isinstance(batch, Batch)
    assert batch.layout.names == ()


@pytest.mark.usefixtures("rights")
async def test_a_name_is_looked_up() -> None:
    async with pings() as pinger, asyncio.timeout(2):
        assert isinstance(await poll("localhost", pinger), Batch)


@pytest.mark.usefixtures("rights")
@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_hundreds_at_once_share_one_socket(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def ping_all() -> int:
        async with pings() as pinger, asyncio.timeout(5):
            before = open_files()
            async with asyncio.TaskGroup() as group:
                for i in range(400):
                    group.create_task(poll(f"127.0.{i // 200}.{i % 200 + 1}", pinger))
            return len(open_files() - before)

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(ping_all()) == 1


@pytest.mark.usefixtures("rights")
async def test_the_end_leaves_nothing_open() -> None:
    before = open_files()
    async with pings() as pinger:
        await poll(HERE, pinger)
        assert open_files() > before
    assert open_files() == before


@pytest.mark.usefixtures("rights")
async def test_an_address_that_only_a_broadcast_reaches_says_nothing_of_the_device() -> None:
    async with pings() as pinger:
        with pytest.raises(ProbeError) as caught:
            await poll("127.255.255.255", pinger)
    assert type(caught.value) is ProbeError


# --- no right to ping ------------------------------------------------------------------------


def refuse(version: int) -> tuple[socket.socket, bool]:
    raise PermissionError(1, "Operation not permitted")


async def test_missing_rights_are_said_once_and_are_not_the_devices_fault(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pinger = Pinger(refuse)
    for last in range(1, 4):
        with pytest.raises(ProbeError) as caught:
            await poll(f"192.0.2.{last}", pinger)
        assert type(caught.value) is ProbeError
        assert str(caught.value) == NO_RIGHTS
    pinger.close()
    assert caplog.record_tuples == [("probes.icmp", logging.ERROR, NO_RIGHTS)]


@pytest.mark.parametrize("cure", ["CAP_NET_RAW", "setcap", "net.ipv4.ping_group_range"])
def test_the_text_names_every_cure(cure: str) -> None:
    assert cure in NO_RIGHTS


@pytest.mark.usefixtures("rights")
async def test_rights_that_come_later_are_used() -> None:
    answers = [open_socket, refuse]
    pinger = Pinger(lambda version: answers.pop()(version))  # noqa: PLW0108 - another each time
    with pytest.raises(ProbeError):
        await poll(HERE, pinger)
    assert isinstance(await poll(HERE, pinger), Batch)
    pinger.close()


def test_the_kernel_decides_as_the_text_says() -> None:
    """A process that gives up root and every group may ping only by the group range."""
    program = (
        "import os\n"
        "from probes.icmp import open_socket\n"
        "if os.getuid() == 0:\n"
        "    os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "low, high = map(int, open('/proc/sys/net/ipv4/ping_group_range').read().split())\n"
        "listed = any(low <= group <= high for group in [os.getgid(), *os.getgroups()])\n"
        "try:\n"
        "    sock, raw = open_socket(4)\n"
        "    assert listed and not raw\n"
        "except PermissionError:\n"
        "    assert not listed\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", program]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.stderr == ""
    assert ended.returncode == 0


# --- a device that is played -----------------------------------------------------------------

Answers = Callable[[bytes], list[bytes]]


class UdpSocket(socket.socket):
    """Sends to one port of the address, because UDP has ports and ICMP has none."""

    to_port = 0

    def sendto(self, data: bytes, address: tuple[str, int]) -> int:  # type: ignore[override] # one of two forms
        return super().sendto(data, (address[0], self.to_port))


class Played(asyncio.DatagramProtocol):
    """Answers every request by `answers`; keeps the requests."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.requests: list[icmp.Echo] = []

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override] # UDP
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        echo = icmp.decode(data, icmp.REQUEST[4])
        assert echo is not None
        self.requests.append(echo)
        for answer in self.answers(data):
            self.transport.sendto(answer, addr)


@asynccontextmanager
async def played(answers: Answers) -> AsyncIterator[tuple[Pinger, Played]]:
    loop = asyncio.get_running_loop()
    transport, device = await loop.create_datagram_endpoint(
        lambda: Played(answers), local_addr=(HERE, 0)
    )
    port = transport.get_extra_info("sockname")[1]
    pinger = Pinger(lambda version: (udp_socket(port), False))
    try:
        yield pinger, device
    finally:
        pinger.close()
        transport.close()


def udp_socket(to_port: int) -> UdpSocket:
    sock = UdpSocket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.to_port = to_port
    sock.bind((HERE, 0))
    return sock


def reply(data: bytes) -> bytes:
    """What a device answers: type 0, the rest as it came."""
    return b"\0" + data[1:]


async def times_out(pinger: Pinger, address: str = HERE) -> bool:
    try:
        async with asyncio.timeout(0.05):
            await poll(address, pinger)
    except TimeoutError:
        return True
    return False


async def test_an_honest_answer_is_taken() -> None:
    async with played(lambda data: [reply(data)]) as (pinger, _), asyncio.timeout(2):
        assert isinstance(await poll(HERE, pinger), Batch)


async def test_every_echo_has_its_own_number_and_payload() -> None:
    async with played(lambda data: [reply(data)]) as (pinger, device), asyncio.timeout(2):
        for _ in range(20):
            await poll(HERE, pinger)
    assert len({echo.sequence for echo in device.requests}) == 20
    assert len({echo.payload for echo in device.requests}) == 20
    assert {len(echo.payload) for echo in device.requests} == {16}
    assert len({echo.id for echo in device.requests}) == 1


@pytest.mark.parametrize(
    "forge",
    [
        lambda data: [],
        lambda data: [reply(data)[:-1]],
        lambda data: [reply(data) + b"\0"],
        lambda data: [reply(data)[:8]],
        lambda data: [reply(data)[:8] + bytes(16)],
        lambda data: [b"\0\0\0\0" + bytes(4) + data[8:]],
        lambda data: [data],
        lambda data: [b"\x00\x01" + data[2:]],
        lambda data: [b"", b"\0", b"\xff" * 7, os.urandom(2000)],
        lambda data: [b"\x03\x01\0\0\0\0\0\0" + data],
        lambda data: [reply(data)[:4] + b"\xff\xff" + data[6:]],
    ],
    ids=[
        "silent",
        "cut off",
        "longer",
        "no payload",
        "other payload",
        "other number",
        "a request",
        "other code",
        "garbage",
        "an error that is no error",
        "other id",
    ],
)
async def test_a_forged_answer_is_not_taken(forge: Answers) -> None:
    async with played(forge) as (pinger, device):
        assert await times_out(pinger)
        assert len(device.requests) == 1


async def test_the_true_answer_counts_after_forged_ones() -> None:
    def forge(data: bytes) -> list[bytes]:
        return [b"", reply(data)[:8] + bytes(16), *([b"x" * 60] * 300), reply(data)]

    async with played(forge) as (pinger, _), asyncio.timeout(2):
        assert isinstance(await poll(HERE, pinger), Batch)


async def test_an_answer_from_another_address_is_not_taken() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.2", 0))
        async with played(lambda data: []) as (pinger, device):

            def forge(data: bytes) -> list[bytes]:
                other.sendto(reply(data), pinger_address(pinger))
                return []

            device.answers = forge
            assert await times_out(pinger)
            assert len(device.requests) == 1


def pinger_address(pinger: Pinger) -> tuple[str, int]:
    address: tuple[str, int] = pinger._lines[4].sock.getsockname()
    return address


async def test_a_late_answer_serves_no_later_poll() -> None:
    late: list[bytes] = []

    def always_the_first(data: bytes) -> list[bytes]:
        late.append(reply(data))
        return late[:1] if len(late) > 1 else []

    async with played(always_the_first) as (pinger, device):
        assert await times_out(pinger)
        assert await times_out(pinger)
        assert len(device.requests) == 2


async def test_a_flood_of_answers_settles_one_poll_and_harms_no_other() -> None:
    async with played(lambda data: [reply(data)] * 500) as (pinger, _), asyncio.timeout(2):
        for _ in range(5):
            assert isinstance(await poll(HERE, pinger), Batch)


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_unreachable_is_told_in_words(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """Nobody listens at the port: the kernel's ICMP error comes through the socket's queue."""

    async def ping_twice() -> list[str]:
        async with played(lambda data: [reply(data)]) as (pinger, device):
            device.transport.close()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            texts = []
            for _ in range(2):
                with pytest.raises(Unreachable) as caught:
                    async with asyncio.timeout(2):
                        await poll(HERE, pinger)
                texts.append(str(caught.value))
            return texts

    with asyncio.Runner(loop_factory=loop) as runner:
        texts = runner.run(ping_twice())
    assert texts == [f"ping {HERE}: destination unreachable: port unreachable"] * 2


async def test_the_error_of_one_device_is_not_that_of_the_next() -> None:
    async with played(lambda data: [reply(data)]) as (pinger, device), asyncio.timeout(2):
        assert await poll(HERE, pinger)
        sock = pinger._lines[4].sock
        assert isinstance(sock, UdpSocket)
        alive, sock.to_port = sock.to_port, 9
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await poll("127.0.0.9", pinger)  # its error arrives when nobody waits for it
        sock.to_port = alive
        assert await poll(HERE, pinger)
        assert len(device.requests) == 2


async def test_a_cancelled_poll_leaves_no_one_waiting() -> None:
    async with played(lambda data: []) as (pinger, _):
        assert await times_out(pinger)
        assert pinger._lines[4].waiting == {}


async def test_numbers_run_round_and_skip_those_under_way() -> None:
    async with played(lambda data: [reply(data)]) as (pinger, device), asyncio.timeout(2):
        await poll(HERE, pinger)
        pinger._lines[4].sequence = 0xFFFE
        for _ in range(3):
            await poll(HERE, pinger)
    assert [echo.sequence for echo in device.requests] == [1, 0xFFFF, 0, 1]


async def test_no_route_is_unreachable() -> None:
    def no_route(version: int) -> tuple[socket.socket, bool]:
        sock = udp_socket(9)
        return sock, False

    pinger = Pinger(no_route)
    with pytest.raises(Unreachable, match=r"^ping 198\.51\.100\.1: "):
        await pinger.ping(Place(4, "198.51.100.1", ("198.51.100.1", 0)))
    pinger.close()
