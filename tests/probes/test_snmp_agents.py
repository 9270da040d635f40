"""The driver `snmp` against agents of version 1, and ones that know little or get things wrong."""

import pytest

from probes.snmp.probe import SLOW_EVERY
from probes.wire import snmp
from probes.wire.snmp_values import INTEGER, OCTET_STRING, TIME_TICKS
from tests.probes.snmp_device import (
    IF,
    IF_NUMBER,
    LAST_CHANGE,
    UPTIME,
    Entries,
    Port,
    honest,
    meeting,
    playing,
    probing,
    read,
    switch,
    system,
    values,
)

RECEIVED = "interface_receive_bytes_total"


def ports(count: int, oper: int = 1, sent: int = 0, changed: int = 0) -> dict[int, Port]:
    return {
        i: Port(f"GE1/0/{i}", oper=oper, received=i * 2**40 + i, sent=sent, changed=changed)
        for i in range(1, count + 1)
    }


async def test_version_1_reads_the_same_with_narrow_counters() -> None:
    async with (
        playing(switch(1000, ports(28))) as device,
        probing(device.port, version="1") as probe,
    ):
        batch = await read(probe)
    assert {pdu for pdu, _ in device.asked} == {snmp.GET, snmp.GET_NEXT}
    assert len(batch.values) == 1 + 28 * 11
    assert values(batch, RECEIVED)["GE1/0/7"] == 7


@pytest.mark.parametrize("version", ["1", "2c"])
async def test_an_agent_that_knows_hardly_anything(version: str) -> None:
    entries = {UPTIME: system(777)[UPTIME], f"{IF}.8.3": (INTEGER, 1)}
    async with meeting(dict(entries), version=version) as (_, probe):
        for _ in range(2):
            batch = await read(probe)
            assert batch.layout.names == ("uptime_seconds", "interface_up")
            assert batch.layout.parts == ("", "3")
            assert batch.facts == {}


@pytest.mark.parametrize("version", ["1", "2c"])
async def test_an_agent_without_any_of_it_answers_all_the_same(version: str) -> None:
    entries = {"1.3.6.1.4.1.9.1.0": (OCTET_STRING, b"?")}
    async with meeting(dict(entries), version=version) as (_, probe):
        for _ in range(2):
            assert (await read(probe)).values == []


@pytest.mark.parametrize("version", ["1", "2c"])
async def test_a_failing_variable_takes_no_other_with_it(version: str) -> None:
    """genErr at one index, as from a broken sensor behind an agent."""
    bad = bytes.fromhex("2b0601020101040" + "0")  # sysContact.0

    def failing(request: bytes, reply: bytes | None) -> list[bytes]:
        head = snmp.opened(request)
        names = [slot[0] for slot in snmp.slots(request, head.at)]
        if bad in names:
            return [snmp.response(head, snmp.GEN_ERR, names.index(bad) + 1, b"")]
        return honest(request, reply)

    async with meeting(switch(1000, ports(2)), failing, version=version) as (_, probe):
        first, second = await read(probe), await read(probe)
    assert len(first.values) == len(second.values) == 1 + 2 * 11
    assert second.layout is first.layout
    assert first.facts["name"] == "sw"


async def test_an_agent_that_numbers_its_ports_wrongly_is_read_as_it_is() -> None:
    entries = switch(1000, ports(2)) | {IF_NUMBER: (INTEGER, 99)}
    async with meeting(entries) as (device, probe):
        await read(probe)
        device.asked.clear()
        await read(probe)
    assert {pdu for pdu, _ in device.asked} == {snmp.GET}


async def test_signs_that_move_for_nothing_are_no_longer_heeded() -> None:
    """An agent whose ifTableLastChange is simply its uptime would be walked at every poll."""

    def restless(ticks: int) -> Entries:
        return switch(ticks, ports(2)) | {LAST_CHANGE: (TIME_TICKS, ticks)}

    async with meeting(restless(1000)) as (device, probe):
        for poll in range(1, 6):
            await read(probe)
            device.show(restless(1000 + poll * 3000))
        device.asked.clear()
        await read(probe)
        assert snmp.GET_BULK not in {pdu for pdu, _ in device.asked}
        device.show(restless(500))
        await read(probe)
        assert snmp.GET_BULK in {pdu for pdu, _ in device.asked}


async def test_a_name_that_is_too_long_to_keep_is_no_new_name() -> None:
    long = {1: Port("x" * 600)}
    async with meeting(switch(1000, long)) as (device, probe):
        for _ in range(2):
            await read(probe)
        device.asked.clear()
        for _ in range(SLOW_EVERY):
            await read(probe)
    assert {pdu for pdu, _ in device.asked} == {snmp.GET}
