"""The driver `modbus` against devices that are late, wrong, hostile or dead."""

import asyncio
import re
from collections.abc import Mapping

import pytest

from probes.modbus import DRIVER
from probes.modbus.line import SILENT_MAX, STRAYS_MAX
from probes.modbus.profile import Options
from probes.modbus.shared import Shared
from probes.simulators.modbus import SIMULATOR
from probes.wire.modbus import Frame, frame
from secmon.api import Garbled, ProbeError, Unreachable
from tests.peers.process import free_port
from tests.probes.loopback import serving, target
from tests.probes.modbus_device import (
    ROOM,
    answer,
    answering,
    celsius,
    played,
    probing,
)


async def failure(port: int) -> ProbeError:
    """What the first poll of a device raises; the device has two seconds to show it."""
    async with probing(port) as probe, asyncio.timeout(2):
        with pytest.raises(ProbeError) as raised:
            await probe.read()
    return raised.value


# --- late, and cut off


async def test_the_late_answer_to_a_cancelled_request_is_never_taken() -> None:
    waiting: list[Frame] = []

    async def script(request: Frame, writer: asyncio.StreamWriter) -> None:
        waiting.append(request)
        if len(waiting) == 2:
            writer.write(answer(waiting[0], 111, 0))  # what the cancelled poll had asked for
            writer.write(answer(waiting[1], 222, 0))
        if len(waiting) == 3:
            writer.write(answer(waiting[2], 333, 0) * 2)  # said twice
        if len(waiting) == 4:
            writer.write(answer(waiting[3], 444, 0))

    shared = Shared()
    async with played(script) as device, probing(device.port, shared=shared) as probe:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await probe.read()
        assert [await celsius(probe) for _ in range(3)] == [22.2, 33.3, 44.4]
        assert device.connections == 1
        with shared.lines.use("127.0.0.1", device.port) as line:
            assert line.dropped == 2


async def test_a_late_answer_in_pieces_is_never_taken() -> None:
    async def script(request: Frame, writer: asyncio.StreamWriter) -> None:
        if len(device.asked) == 1:
            writer.write(answer(request, 111, 0)[:9])
        else:
            writer.write(answer(device.asked[0], 111, 0)[9:] + answer(request, 222, 0))

    async with played(script) as device, probing(device.port) as probe:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await probe.read()
        assert await celsius(probe) == 22.2


async def test_a_poll_cancelled_while_another_unit_is_asked_leaves_the_line_free() -> None:
    shared = Shared()

    async def script(request: Frame, writer: asyncio.StreamWriter) -> None:
        if request[1] == 2:
            writer.write(answer(request, 222, 0))

    async with (
        played(script) as gateway,
        probing(gateway.port, unit=1, shared=shared) as dead,
        probing(gateway.port, unit=2, shared=shared) as alive,
    ):
        async with asyncio.TaskGroup() as group:
            first = group.create_task(dead.read())
            await asyncio.sleep(0.02)
            queued = group.create_task(alive.read())
            await asyncio.sleep(0.02)
            queued.cancel()
            await asyncio.sleep(0.02)
            first.cancel()
        assert await celsius(alive) == 22.2
        assert gateway.connections == 1


async def test_a_connection_without_a_byte_is_given_up_in_the_end() -> None:
    async def script(request: Frame, writer: asyncio.StreamWriter) -> None:
        if device.connections == 2:
            writer.write(answer(request, 222, 0))

    async with played(script) as device, probing(device.port) as probe:
        for _ in range(SILENT_MAX):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await probe.read()
            assert device.connections == 1
        assert await celsius(probe) == 22.2


async def test_one_dead_unit_takes_nothing_from_the_others() -> None:
    shared = Shared()
    tables = {"input": {1: 235, 2: 456}}
    options: dict[str, object] = {"units": {1: tables, 2: {**tables, "silent": True}}}
    async with (
        SIMULATOR.start(options) as gateway,
        probing(gateway.port, unit=1, shared=shared) as alive,
        probing(gateway.port, unit=2, shared=shared) as dead,
        probing(gateway.port, unit=3, shared=shared) as unknown,
    ):
        for _ in range(4):
            assert await celsius(alive) == 23.5
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await dead.read()
            with pytest.raises(Unreachable, match="unit 3: input registers 1-2: exception 11"):
                await unknown.read()
        with shared.lines.use("127.0.0.1", gateway.port) as line:
            assert line.opened == 1


async def test_a_new_line_does_not_count_from_where_the_last_one_did() -> None:
    async with answering(lambda request: answer(request, 1, 2)) as device:
        for _ in range(8):
            async with probing(device.port) as probe:
                await probe.read()
    assert len({transaction for transaction, *_ in device.asked}) > 1


# --- mismatched


@pytest.mark.parametrize(
    ("other", "registers", "expected"),
    [
        ({"unit": 2}, (1, 2), "expected an answer of unit 1, got one of unit 2"),
        ({"function": 3}, (1, 2), "expected an answer to function 4, got 3"),
        ({}, (1,), "expected 4 bytes of input registers 1-2, got 2"),
        ({}, (1, 2, 3), "expected 4 bytes of input registers 1-2, got 6"),
        ({"size": 4}, (1,), "got 4 in 2"),
        ({"size": 2}, (1, 2), "got 2 in 4"),
        ({"function": 0x84, "size": 2}, (1, 2), "expected 2 bytes of an exception"),
    ],
)
async def test_an_answer_that_does_not_fit_is_refused_and_the_next_is_taken(
    other: Mapping[str, int], registers: tuple[int, ...], expected: str
) -> None:
    def make(request: Frame) -> bytes:
        return answer(request, *registers, **other) if len(device.asked) == 1 else right(request)

    def right(request: Frame) -> bytes:
        return answer(request, 222, 0)

    async with answering(make) as device, probing(device.port) as probe:
        with pytest.raises(Garbled, match=expected):
            await probe.read()
        assert await celsius(probe) == 22.2
        assert device.connections == 1


async def test_an_answer_to_another_transaction_is_no_answer() -> None:
    def make(request: Frame) -> bytes:
        return answer(request, 1, 2, transaction=request[0] + 1)

    async with answering(make) as device, probing(device.port) as probe:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await probe.read()


async def test_an_answer_before_the_question_is_no_answer() -> None:
    async def script(request: Frame, writer: asyncio.StreamWriter) -> None:
        transaction, unit, pdu = request
        writer.write(answer(request, 10 * len(device.asked), 0))
        writer.write(answer(((transaction + 1) % 65536, unit, pdu), 999, 0))

    async with played(script) as device, probing(device.port) as probe:
        for nth in (1, 2, 3):
            assert await celsius(probe) == nth
            await asyncio.sleep(0.02)


async def test_what_an_earlier_connection_asked_for_is_no_answer() -> None:
    async def script(request: Frame, writer: asyncio.StreamWriter) -> None:
        if device.connections == 1:
            writer.close()
        else:
            writer.write(answer(device.asked[0], 111, 0) + answer(request, 222, 0))

    shared = Shared()
    async with (
        played(script) as device,
        probing(device.port, shared=shared) as probe,
    ):
        with pytest.raises(Unreachable):
            await probe.read()
        assert await celsius(probe) == 22.2
        assert device.connections == 2


# --- dead and hostile


async def test_a_port_where_nobody_listens_is_unreachable() -> None:
    failed = await failure(free_port())
    assert isinstance(failed, Unreachable)
    assert "no TCP connection" in str(failed)


@pytest.mark.parametrize("address", ["no-such-name.invalid", "a..b", "x" * 70 + ".invalid"])
async def test_a_name_that_is_none_is_unreachable(address: str) -> None:
    async with DRIVER.connect(target(address), Options(), ROOM) as probe:
        with pytest.raises(Unreachable, match="no TCP connection"):
            await probe.read()


@pytest.mark.parametrize(
    ("said", "kind", "expected"),
    [
        (b"", Unreachable, "unit 1: input registers 1-2: closed without an answer"),
        (b"\0\1\0\0", Garbled, "closed in the middle of an answer, after 4 bytes"),
        (bytes.fromhex("0001000000070104 04 00eb 01"), Garbled, "in the middle .* 12 bytes"),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", Garbled, "the stream is garbage: expected protocol id 0"),
        (b"\0\1\0\0\0\1\1", Garbled, "the stream is garbage: expected a length of 3 to 254"),
    ],
)
async def test_a_device_that_hangs_up_is_told_by_what_it_said(
    said: bytes, kind: type[ProbeError], expected: str
) -> None:
    async def script(request: Frame, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.close()

    async with played(script) as device:
        failed = await failure(device.port)
        assert type(failed) is kind
        assert re.search(expected, str(failed))


async def test_a_device_that_hangs_up_at_once_is_unreachable() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pass

    async with serving(talk) as port:
        assert type(await failure(port)) is Unreachable


async def test_after_garbage_the_connection_is_opened_anew() -> None:
    def make(request: Frame) -> bytes:
        return b"\xff" * 20 if device.connections == 1 else answer(request, 222, 0)

    async with answering(make) as device, probing(device.port) as probe:
        with pytest.raises(Garbled, match="the stream is garbage"):
            await probe.read()
        assert await celsius(probe) == 22.2
        assert device.connections == 2


@pytest.mark.parametrize(
    "piece",
    [
        frame(9999, 1, b"\4\4\0\1\0\2") * 100,
        frame(9999, 1, b"\4\xf0" + b"\0" * 240) * 5,
        b"\0" * 999,
    ],
)
async def test_an_endless_stream_is_cut(piece: bytes) -> None:
    sent = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        while True:
            writer.write(piece)
            sent += len(piece)
            await writer.drain()

    async with serving(talk) as port:
        assert isinstance(await failure(port), Garbled | Unreachable)
    assert sent < 20_000_000


async def test_answers_that_nobody_asked_for_are_counted() -> None:
    async def script(request: Frame, writer: asyncio.StreamWriter) -> None:
        for _ in range(STRAYS_MAX + 1):
            writer.write(answer(request, 1, 2, transaction=0))
            await writer.drain()
            await asyncio.sleep(0)

    async with played(script) as device:
        failed = await failure(device.port)
        assert isinstance(failed, Garbled)
        assert "more than" in str(failed)


async def test_a_slow_drip_is_an_answer_when_it_ends_in_time() -> None:
    async def script(request: Frame, writer: asyncio.StreamWriter) -> None:
        for byte in answer(request, 222, 0):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.002)

    async with played(script) as device, probing(device.port) as probe:
        assert await celsius(probe) == 22.2
