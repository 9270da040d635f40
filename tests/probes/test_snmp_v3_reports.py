"""The driver `snmp` by version 3 and reports that nobody signed: they may come from anybody."""

import pytest

from probes.snmp import shared as opened
from probes.wire import snmp, snmp_v3
from probes.wire.snmp_v3 import REPORTS, SIGNED, Message
from secmon.api import Garbled, Refused
from tests.probes.snmp_device import Entries, Port, read, switch, values
from tests.probes.snmp_v3_agent import (
    ENGINE,
    OTHER_ENGINE,
    Engine,
    honest,
    meeting,
    once_found,
    playing,
    probing,
)

PORTS = {i: Port(f"GE{i}", received=i) for i in range(1, 29)}
ALL = 1 + 28 * 11
OCTETS = "interface_receive_bytes_total"


def entries() -> Entries:
    return switch(1000, PORTS)


# --- reports that anybody could send


@pytest.mark.parametrize("what", REPORTS.values())
async def test_a_forged_report_does_not_stop_a_good_poll(what: str) -> None:
    """It comes first, every time; the device's own answer counts."""

    def forge(engine: Engine, request: Message, _reply: bytes) -> list[bytes]:
        return [engine.report(request, what)] * 3

    async with meeting(entries(), once_found(forge)) as (_, probe):
        for _ in range(2):
            assert len((await read(probe)).values) == ALL


@pytest.mark.parametrize("what", REPORTS.values())
async def test_a_forged_report_and_one_lost_answer_do_not_stop_a_poll(what: str) -> None:
    lost: list[int] = []

    def forge(engine: Engine, request: Message, reply: bytes) -> list[bytes]:
        if lost:
            return honest(engine, request, reply)
        lost.append(request.msg_id)
        return [engine.report(request, what)]

    async with meeting(entries(), once_found(forge, answers=False)) as (_, probe):
        assert len((await read(probe)).values) == ALL


async def test_reports_for_ever_fail_each_poll_but_not_the_asking() -> None:
    """A forger who can drop the answers too stops a poll, and no more than that."""

    def forge(engine: Engine, request: Message, _reply: bytes) -> list[bytes]:
        return [engine.report(request, snmp_v3.WRONG_DIGESTS)]

    async with opened() as shared, playing(entries()) as device:
        async with probing(device.port, shared=shared, timeout_s=0.3) as probe:
            await read(probe)
            device.bend = once_found(forge, answers=False)
            with pytest.raises(Refused, match="usmStatsWrongDigests") as caught:
                await read(probe)
            assert not caught.value.credentials
        device.bend = honest
        async with probing(device.port, shared=shared) as probe:
            assert len(values(await read(probe), OCTETS)) == 28


async def test_another_report_is_told_by_its_name() -> None:
    def forge(engine: Engine, request: Message, _reply: bytes) -> list[bytes]:
        return [engine.report(request, "snmpUnknownContexts", level=request.flags & 3)]

    async with meeting(entries(), once_found(forge, answers=False), timeout_s=0.3) as (_, probe):
        with pytest.raises(Garbled, match=r"expected an answer \(got snmpUnknownContexts\)"):
            await read(probe)


async def test_a_flood_of_reports_does_not_put_off_the_end() -> None:
    def flood(engine: Engine, request: Message, _reply: bytes) -> list[bytes]:
        return [engine.report(request, snmp_v3.UNKNOWN_USER_NAMES)] * 200

    async with meeting(entries(), once_found(flood, answers=False), timeout_s=0.3) as (_, probe):
        with pytest.raises(Refused):
            await read(probe)


async def test_an_engine_that_never_agrees_on_the_time_is_told() -> None:
    def never(engine: Engine, request: Message, _reply: bytes) -> list[bytes]:
        return [engine.report(request, snmp_v3.NOT_IN_TIME_WINDOWS, level=SIGNED)]

    async with meeting(entries(), once_found(never, answers=False), timeout_s=0.3) as (
        device,
        probe,
    ):
        with pytest.raises(Garbled, match="usmStatsNotInTimeWindows"):
            await read(probe)
        assert len(device.engine.reports) < 12


# --- a forged discovery


async def test_an_engine_that_is_not_there_is_left_again() -> None:
    """Somebody answers the discovery first; the device itself tells that it is another engine."""
    forged: list[int] = []

    def first(engine: Engine, request: Message, reply: bytes | None) -> list[bytes]:
        if request.engine_id or forged:
            return honest(engine, request, reply)
        forged.append(request.msg_id)
        assert reply is not None
        own = snmp_v3.opened(reply)
        strange = snmp_v3.Security(OTHER_ENGINE, 0x7FFFFFFF, 1)
        return [snmp_v3.message(request.msg_id, 0, strange, own.body)[0], reply]

    async with meeting(entries(), first) as (_, probe):
        batch = await read(probe)
    assert batch.facts["engine_id"] == ENGINE.hex()
    assert len(batch.values) == ALL


async def test_a_false_time_in_a_discovery_is_set_right() -> None:
    def first(engine: Engine, request: Message, reply: bytes | None) -> list[bytes]:
        if request.engine_id or reply is None:
            return honest(engine, request, reply)
        false = snmp_v3.Security(ENGINE, 0x7FFFFFFF, 0x7FFFFFFF)
        return [snmp_v3.message(request.msg_id, 0, false, snmp_v3.opened(reply).body)[0]]

    async with meeting(entries(), first) as (_, probe):
        assert len((await read(probe)).values) == ALL


@pytest.mark.parametrize("engine_id", [b"", bytes(33)])
async def test_a_discovery_without_an_engine_is_garbled(engine_id: bytes) -> None:
    def empty(_engine: Engine, request: Message, reply: bytes | None) -> list[bytes]:
        assert reply is not None
        body = snmp_v3.opened(reply).body
        return [snmp_v3.message(request.msg_id, 0, snmp_v3.Security(engine_id), body)[0]]

    async with meeting(entries(), empty, timeout_s=0.3) as (_, probe):
        with pytest.raises(Garbled, match=r"engine I[dD]|engine id"):
            await read(probe)


async def test_an_answer_to_the_discovery_is_none() -> None:
    def friendly(engine: Engine, request: Message, _reply: bytes | None) -> list[bytes]:
        pdu = b"\xa2" + snmp.Get(snmp.V3, b"", ()).datagram(request.msg_id)[1:]
        return [engine.sealed(request, pdu, user=b"")]

    async with meeting(entries(), friendly, timeout_s=0.3) as (_, probe):
        with pytest.raises(Garbled, match="a report with an engine ID"):
            await read(probe)
