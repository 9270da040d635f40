"""The driver `modbus` against devices that answer: shared lines, refused addresses, facts."""

import asyncio
import socket
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from probes.modbus import DRIVER
from probes.modbus.line import Line
from probes.modbus.plan import Plan
from probes.modbus.probe import SELDOM, ModbusProbe
from probes.modbus.profile import Options, Profile
from probes.modbus.shared import Shared
from probes.simulators.modbus import SIMULATOR
from probes.wire.modbus import Frame, Read, frame
from secmon.api import Batch, Probe, ProbeError, Refused, Unreachable
from tests.probes.loopback import open_files, target
from tests.probes.modbus_device import (
    ROOM,
    answer,
    answering,
    celsius,
    played,
    probing,
    read,
)

# --- good


async def test_a_poll_brings_its_readings_by_one_layout() -> None:
    async with SIMULATOR.start({}) as device, probing(device.port) as probe:
        first, second = await probe.read(), await probe.read()
        assert isinstance(first, Batch)
        assert isinstance(second, Batch)
        assert first.layout is second.layout
        assert first.layout.names == ("temperature_celsius", "humidity_ratio")
        assert list(first.values) == [23.5, 0.456]
        await device.set(input={1: 300})
        assert await celsius(probe) == 30.0


async def test_small_requests_are_not_held_back() -> None:
    async with SIMULATOR.start({}) as device:
        line = Line("127.0.0.1", device.port)
        await line.ask(1, Read(4, 1, 2))
        assert line._wire is not None
        assert line._wire._transport is not None
        sock: socket.socket = line._wire._transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        line.close()


async def test_units_behind_one_gateway_share_one_connection() -> None:
    shared = Shared()

    def make(request: Frame) -> bytes:
        return answer(request, request[1] * 10, 500)

    async with answering(make) as gateway, AsyncExitStack() as stack:
        probes = [
            await stack.enter_async_context(probing(gateway.port, unit=unit, shared=shared))
            for unit in (1, 2, 3)
        ]
        async with asyncio.TaskGroup() as group:
            polls = [group.create_task(celsius(probe)) for probe in probes * 5]
        assert [poll.result() for poll in polls] == [1.0, 2.0, 3.0] * 5
        assert (gateway.connections, len(shared.lines)) == (1, 1)
    assert len(shared.lines) == 0


async def test_the_driver_opens_what_is_shared_once() -> None:
    assert DRIVER.shared is not None
    async with DRIVER.shared() as shared:
        assert isinstance(shared, Shared)


async def test_closing_the_last_unit_closes_the_connection() -> None:
    async with SIMULATOR.start({}) as device:
        before = open_files()
        async with probing(device.port) as probe:
            await probe.read()
        await asyncio.sleep(0.05)
        assert not open_files() - before


async def test_a_connection_that_the_device_closed_in_between_is_opened_again() -> None:
    async def script(request: Frame, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(request, len(device.asked), 0))
        writer.close()

    async with played(script) as device, probing(device.port) as probe:
        for nth in (1, 2, 3):
            assert await celsius(probe) == nth / 10
            await asyncio.sleep(0.02)
        assert device.connections == 3


# --- the device says no


@pytest.mark.parametrize(
    ("code", "kind", "expected"),
    [
        (1, Refused, "the device refused: exception 1: illegal function"),
        (4, Refused, "exception 4: device failure"),
        (6, Refused, "exception 6: device busy"),
        (10, Unreachable, "exception 10: gateway path unavailable"),
        (11, Unreachable, "exception 11: gateway target device failed to respond"),
        (99, Refused, "exception 99"),
    ],
)
async def test_an_exception_is_told_in_words(
    code: int, kind: type[ProbeError], expected: str
) -> None:
    def make(request: Frame) -> bytes:
        return frame(request[0], request[1], bytes((request[2][0] | 0x80, code)))

    async with answering(make) as device, probing(device.port) as probe:
        for _ in range(2):
            with pytest.raises(kind, match=expected):
                await probe.read()
        assert (device.connections, len(device.asked)) == (1, 2)


def holding(count: int) -> Profile:
    points = [{"reading": f"r{i}", "fn": "holding", "addr": i} for i in range(count)]
    return Profile.model_validate({"points": points})


def plan_of(probe: Probe) -> Plan:
    assert isinstance(probe, ModbusProbe)
    return probe._unit.plan


async def test_refused_addresses_are_found_once_and_left_out() -> None:
    there = {i: i for i in range(40) if i not in (7, 8, 30)}
    options: dict[str, object] = {"units": {1: {"holding": there}}}
    shared = Shared()
    async with (
        SIMULATOR.start(options) as device,
        probing(device.port, profile=holding(40), shared=shared) as probe,
    ):
        expected = {(f"r{i}", ""): i for i in there}
        assert await read(probe) == expected
        known = DRIVER.brings(Options(), holding(40), {})
        assert known == {f"r{i}" for i in range(40)}
        plan = plan_of(probe)
        assert await read(probe) == expected
        assert plan_of(probe) is plan
        async with probing(device.port, profile=holding(40), shared=shared) as again:
            assert plan_of(again) is plan
        await device.set(holding={7: 7, 8: 8, 30: 30})
        for _ in range(SELDOM):
            found = await read(probe)
        assert len(found) == 40


async def test_a_unit_that_refuses_all_is_refused_and_asked_no_more_than_needed() -> None:
    options: dict[str, object] = {"units": {1: {"holding": {}}}}
    async with (
        SIMULATOR.start(options) as device,
        probing(device.port, profile=holding(10)) as probe,
    ):
        for _ in range(3):
            with pytest.raises(Refused, match="illegal data address"):
                await probe.read()
        assert [block.read.count for block in plan_of(probe).blocks] == [1]


async def test_what_was_learned_outlives_a_poll_that_was_cut_short() -> None:
    async def script(request: Frame, writer: asyncio.StreamWriter) -> None:
        address, count = int.from_bytes(request[2][1:3]), int.from_bytes(request[2][3:5])
        if address <= 3 < address + count:
            writer.write(frame(request[0], request[1], b"\x83\x02"))
        elif len(device.asked) > 3:
            writer.write(answer(request, *range(address, address + count)))

    async with played(script) as device, probing(device.port, profile=holding(8)) as probe:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await probe.read()
        halves = [block.read.count for block in plan_of(probe).blocks]
        assert sum(halves) == 8
        assert len(halves) > 1
        assert len(await read(probe)) == 7


# --- values that are missing, and facts


async def test_a_sentinel_leaves_a_value_out_and_the_layout_is_known_again() -> None:
    sensor = Profile.model_validate(
        {
            "points": [
                {"reading": "temperature_celsius", "fn": "input", "addr": 1, "invalid": [0x8000]},
                {"reading": "humidity_ratio", "fn": "input", "addr": 2, "scale": "1/1000"},
            ]
        }
    )
    async with SIMULATOR.start({}) as device, probing(device.port, profile=sensor) as probe:
        layouts = []
        for raw in (235, 0x8000, 236, 0x8000):
            await device.set(input={1: raw})
            batch = await probe.read()
            assert isinstance(batch, Batch)
            layouts.append(batch.layout)
            assert len(batch.values) == len(batch.layout.names) == (1 if raw == 0x8000 else 2)
        assert (layouts[0], layouts[1]) == (layouts[2], layouts[3])
        assert layouts[1].names == ("humidity_ratio",)


def with_facts() -> Profile:
    return Profile.model_validate(
        {
            "points": [
                {"reading": "load_ratio", "fn": "holding", "addr": 136, "scale": "1/25600"},
                {"fact": "model", "fn": "holding", "addr": 532, "type": "text", "length": 16},
                {"fact": "serial", "fn": "holding", "addr": 564, "type": "text", "length": 8},
                {"fact": "firmware", "fn": "holding", "addr": 999},
            ]
        }
    )


async def facts(probe: Probe) -> Mapping[str, str]:
    batch = await probe.read()
    assert isinstance(batch, Batch)
    assert list(batch.values) == [0.23]
    return batch.facts


async def test_facts_are_asked_seldom_and_may_be_refused() -> None:
    said = {"model": "Smart-UPS 1500 (simulated)", "serial": "SIM-0001"}
    async with SIMULATOR.start({}) as device, probing(device.port, profile=with_facts()) as probe:
        assert await facts(probe) == said
        assert [dict(await facts(probe)) for _ in range(SELDOM - 1)] == [{}] * (SELDOM - 1)
        assert await facts(probe) == said


async def test_a_unit_that_is_silent_about_facts_loses_one_poll() -> None:
    async def script(request: Frame, writer: asyncio.StreamWriter) -> None:
        if request[2][3:5] == b"\0\1":
            writer.write(answer(request, 5888))

    shared = Shared()
    async with played(script) as device:
        async with probing(device.port, profile=with_facts(), shared=shared) as probe:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await probe.read()
        async with probing(device.port, profile=with_facts(), shared=shared) as probe:
            assert await facts(probe) == {}


async def test_a_changed_profile_is_compiled_and_the_same_is_shared() -> None:
    shared = Shared()
    options = Options()
    one = shared.unit(target(), options, ROOM)
    other = replace(target(), device="device-2")
    assert shared.unit(other, options, Profile.model_validate(ROOM.model_dump())).plans is one.plans
    assert shared.unit(target(), options, ROOM) is one
    changed = ROOM.model_copy(update={"max_registers": 2})
    assert shared.unit(target(), options, changed) is not one


async def test_a_probe_without_a_profile_says_so() -> None:
    with pytest.raises(ValueError, match="modbus needs a profile"):
        async with DRIVER.connect(target(), Options(), None):
            pass


# --- the simulator


@pytest.mark.parametrize(
    "state", [{"unit": 300}, {"inputs": {1: 2}}, {"input": {1: 70000}}, {"coil": {70000: 1}}]
)
async def test_the_simulator_takes_only_what_it_knows(state: dict[str, object]) -> None:
    async with SIMULATOR.start({}) as device:
        with pytest.raises(ValueError, match="expected"):
            await device.set(**state)
