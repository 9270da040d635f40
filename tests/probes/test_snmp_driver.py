"""The driver `snmp` against devices that answer: what is read, how ports are called."""

import asyncio

import pytest
import uvloop

from probes.snmp import DRIVER
from probes.snmp.probe import SLOW_EVERY, Shared
from probes.wire import snmp
from tests.probes.loopback import nothing_more_than, open_files
from tests.probes.snmp_device import (
    IFX,
    Port,
    meeting,
    playing,
    probing,
    profile,
    read,
    switch,
    system,
    values,
)

RECEIVED = "interface_receive_bytes_total"
SPEED = "interface_speed_bytes_per_second"


def ports(count: int, oper: int = 1, sent: int = 0, changed: int = 0) -> dict[int, Port]:
    return {
        i: Port(f"GE1/0/{i}", oper=oper, received=i * 2**40 + i, sent=sent, changed=changed)
        for i in range(1, count + 1)
    }


# --- what is read


async def test_every_reading_of_a_port_has_its_value_and_unit() -> None:
    port = Port("GE1/0/1", "Gigabit 1", 1, 10_000_000_000, 2**50, 7, 3, "上联", 12_345)
    async with meeting(switch(100_000, {1: port})) as (_, probe):
        batch = await read(probe)
    found = dict(zip(batch.layout.names, batch.values, strict=True))
    assert found == {
        "uptime_seconds": 1000.0,
        "interface_up": True,
        "interface_admin_up": True,
        "interface_speed_bytes_per_second": 1_250_000_000,
        "interface_receive_bytes_total": 2**50,
        "interface_transmit_bytes_total": 7,
        "interface_receive_errors_total": 3,
        "interface_transmit_errors_total": 0,
        "interface_receive_discards_total": 0,
        "interface_transmit_discards_total": 0,
        "interface_alias": "上联",
        "interface_last_change_seconds": 123.45,
    }
    assert found.keys() == set(DRIVER.brings(DRIVER.options(), profile("switch"), {}))
    assert batch.layout.parts == ("",) + ("GE1/0/1",) * 11


async def test_a_layout_is_kept_while_nothing_structural_changes() -> None:
    async with meeting(switch(1000, ports(28))) as (device, probe):
        first = await read(probe)
        device.show(switch(4000, ports(28, sent=5, oper=2)))
        second = await read(probe)
        assert second.layout is first.layout
        assert set(values(second, "interface_up").values()) == {False}
        assert values(second, RECEIVED) == values(first, RECEIVED)
        assert len(first.values) == 1 + 28 * 11


async def test_facts_are_bounded_text_whatever_bytes_came() -> None:
    entries = system(
        1000,
        descr=b"\x01\x02binary\x00\xff\xfe" + b"x" * 5000,
        name="一楼接入交换机".encode("gb18030"),
        location="二层\n弱电间".encode(),
        contact=b"\x00",
    )
    async with meeting(entries) as (_, probe):
        facts = (await read(probe)).facts
    assert facts["name"] == "一楼接入交换机"
    assert facts["location"] == "二层 弱电间"
    assert facts["object_id"] == "1.3.6.1.4.1.9.1"
    assert facts["services"] == "72"
    assert len(facts["description"]) <= 256
    assert facts["description"].isprintable()
    assert "contact" not in facts


async def test_ports_that_are_down_and_loopback_are_there_too() -> None:
    entries = switch(1000, {1: Port("lo", oper=1), 2: Port("GE1", oper=2), 3: Port("GE2", oper=7)})
    async with meeting(entries) as (_, probe):
        batch = await read(probe)
    assert values(batch, "interface_up") == {"lo": True, "GE1": False, "GE2": False}


# --- what ports are called


async def test_a_part_is_the_name_else_the_description_else_the_index() -> None:
    entries = switch(
        1000,
        {
            1: Port("GE1", "one"),
            2: Port("", "two"),
            3: Port("", ""),
            4: Port("GE1", "again"),
            5: Port("\x07bell\n", "five"),
            6: Port("n" * 90, "six"),
            7: Port("n" * 90, "seven"),
            2**31 - 1: Port("far", "huge index"),
        },
    )
    async with meeting(entries) as (_, probe):
        batch = await read(probe)
    assert list(values(batch, "interface_up")) == [
        "GE1",
        "two",
        "3",
        "GE1#4",
        "bell",
        "n" * 64,
        "n" * 62 + "#7",
        "far",
    ]


async def test_ports_that_come_and_go_are_seen_at_the_next_poll() -> None:
    async with meeting(switch(1000, ports(2))) as (device, probe):
        before = await read(probe)
        device.show(switch(4000, ports(3)))
        after = await read(probe)
        assert list(values(after, "interface_up")) == ["GE1/0/1", "GE1/0/2", "GE1/0/3"]
        assert after.layout is not before.layout


async def test_ports_that_changed_their_names_are_read_under_the_new_ones() -> None:
    async with meeting(switch(1000, ports(2))) as (device, probe):
        await read(probe)
        swapped = {1: Port("GE1/0/2", received=22), 2: Port("GE1/0/1", received=11)}
        device.show(switch(4000, swapped))
        for _ in range(SLOW_EVERY):
            batch = await read(probe)
        assert values(batch, RECEIVED) == {"GE1/0/2": 22, "GE1/0/1": 11}


async def test_a_value_that_vanishes_is_left_out_and_comes_back() -> None:
    async with meeting(switch(1000, ports(3))) as (device, probe):
        first = await read(probe)
        entries = switch(4000, ports(3))
        del entries[f"{IFX}.6.2"]
        device.show(entries)
        second = await read(probe)
        assert list(values(second, RECEIVED)) == ["GE1/0/1", "GE1/0/3"]
        assert list(values(second, "interface_up")) == ["GE1/0/1", "GE1/0/2", "GE1/0/3"]
        device.show(switch(7000, ports(3)))
        assert (await read(probe)).layout is first.layout


# --- how often


async def test_slow_values_are_read_every_tenth_time_and_shown_every_time() -> None:
    async with meeting(switch(1000, ports(4, changed=50))) as (device, probe):
        for _ in range(2):  # at the second poll it is known what the agent does not give
            await read(probe)
        device.show(switch(2000, ports(4, changed=900)))
        seen = [values(await read(probe), "interface_last_change_seconds") for _ in range(12)]
    assert [found["GE1/0/1"] for found in seen].index(9.0) == SLOW_EVERY - 1
    assert all(len(found) == 4 for found in seen)


async def test_a_port_that_comes_up_has_its_speed_read_at_once() -> None:
    down = {1: Port("GE1", oper=2, speed=0)}
    async with meeting(switch(1000, down)) as (device, probe):
        assert values(await read(probe), SPEED) == {"GE1": 0}
        device.show(switch(4000, {1: Port("GE1", oper=1, speed=1_000_000_000)}))
        assert values(await read(probe), SPEED) == {"GE1": 125_000_000}


async def test_one_poll_asks_each_device_one_thing_at_a_time_in_few_datagrams() -> None:
    async with meeting(switch(1000, ports(28))) as (device, probe):
        for _ in range(2):
            await read(probe)
        device.asked.clear()
        await read(probe)
    assert len(device.asked) <= 5
    assert all(pdu == snmp.GET and asked <= 61 for pdu, asked in device.asked)


async def test_a_look_for_new_ports_each_hour_of_the_device() -> None:
    async with meeting(switch(1000, ports(2))) as (device, probe):
        await read(probe)
        for hour in (1, 2):
            device.show(switch(1000 + hour * 360_000, ports(2)))
            await read(probe)
            device.asked.clear()
            await read(probe)
            assert snmp.GET_BULK in {pdu for pdu, _ in device.asked}


# --- the loop, the sockets


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
async def test_addresses_of_both_kinds_and_names(host: str) -> None:
    async with meeting(switch(1000, ports(1)), host=host) as (_, probe):
        assert values(await read(probe), "interface_up") == {"GE1/0/1": True}


def test_it_works_under_uvloop() -> None:
    async def poll() -> None:
        async with meeting(switch(1000, ports(28))) as (_, probe):
            for _ in range(3):
                assert len((await read(probe)).values) == 1 + 28 * 11

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(poll())


async def test_devices_share_a_few_sockets_and_leave_none() -> None:
    before = open_files()
    async with DRIVER.shared() as shared, playing(switch(1000, ports(2))) as device:  # type: ignore[misc]
        with_shared = open_files()
        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(polled(device.port, shared))
        assert len(open_files() - with_shared) <= 4
    assert await nothing_more_than(before)


async def polled(port: int, shared: object) -> None:
    async with probing(port, shared=shared) as probe:
        assert len((await read(probe)).values) == 1 + 2 * 11


async def test_what_was_learned_outlives_the_connection() -> None:
    async with DRIVER.shared() as shared, playing(switch(1000, ports(2))) as device:  # type: ignore[misc]
        assert isinstance(shared, Shared)
        async with probing(device.port, shared=shared) as probe:
            first = await read(probe)
        device.asked.clear()
        device.show(switch(4000, ports(2)))
        async with probing(device.port, shared=shared) as probe:
            second = await read(probe)
    assert second.layout is first.layout
    assert {pdu for pdu, _ in device.asked} == {snmp.GET}
