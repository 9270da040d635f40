"""The driver `snmp` against devices that lie, stutter, say too much or nothing at all."""

import asyncio
import socket
from dataclasses import replace

import pytest

from probes.snmp import connect
from probes.snmp import shared as opened
from probes.snmp.engine import Engine
from probes.snmp.probe import Shared
from probes.snmp.profile import Options
from probes.wire import snmp
from probes.wire.snmp_values import INTEGER, NULL, OCTET_STRING
from secmon.api import Garbled, ProbeError, Refused, Unreachable
from tests.probes.loopback import target
from tests.probes.snmp_device import (
    IF,
    Bend,
    Entries,
    Port,
    honest,
    meeting,
    playing,
    probing,
    profile,
    read,
    switch,
    values,
)

PORTS = {i: Port(f"GE{i}", received=i) for i in range(1, 29)}
ALL = 1 + 28 * 11


def entries() -> Entries:
    return switch(1000, PORTS)


def garbage(_request: bytes, _reply: bytes | None) -> list[bytes]:
    return [b"\x00" * 40, b"", b"\xff" * 1400, b"\x30\x84\xff\xff\xff\xff"]


def truncated(_request: bytes, reply: bytes | None) -> list[bytes]:
    return [reply[: len(reply) // 2]] if reply else []


def other_request(request: bytes, _reply: bytes | None) -> list[bytes]:
    head = snmp.opened(request)
    strange = replace(head, request_id=head.request_id ^ 0x40000000)
    return [snmp.response(strange, 0, 0, snmp.varbind(b"\x2b\x06", INTEGER, 1))]


def other_oids(request: bytes, _reply: bytes | None) -> list[bytes]:
    """The right request-id, the right number of values, each one of the neighbour."""
    head = snmp.opened(request)
    if head.pdu != snmp.GET:
        return []
    names = [slot[0] for slot in snmp.slots(request, head.at)]
    shifted = [name[:-1] + bytes((name[-1] ^ 1,)) for name in names]
    return [snmp.response(head, 0, 0, b"".join(snmp.varbind(n, INTEGER, 1) for n in shifted))]


def echo(request: bytes, _reply: bytes | None) -> list[bytes]:
    return [request]


# --- what is no answer


@pytest.mark.parametrize("bend", [garbage, truncated, other_request, other_oids, echo])
async def test_what_is_no_answer_is_told_as_garbled(bend: Bend) -> None:
    async with meeting(entries(), bend) as (_, probe):
        with pytest.raises(Garbled, match=r"SNMP from 127\.0\.0\.1 port \d+: expected .* \(got"):
            await read(probe)


@pytest.mark.parametrize("bend", [garbage, truncated, other_request, other_oids, echo])
async def test_what_is_no_answer_does_no_harm_to_the_answer(bend: Bend) -> None:
    def both(request: bytes, reply: bytes | None) -> list[bytes]:
        return [*bend(request, reply), *honest(request, reply), *honest(request, reply)]

    async with meeting(entries(), both) as (_, probe):
        for _ in range(3):
            assert len((await read(probe)).values) == ALL


async def test_an_answer_from_elsewhere_is_none() -> None:
    """A forger who even knows request-id and OIDs, but sends from another port."""
    forger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    engine = Engine(asyncio.get_running_loop())

    def forged(request: bytes, reply: bytes | None) -> list[bytes]:
        for sock in engine._sockets[socket.AF_INET]:
            forger.sendto(reply or b"", ("127.0.0.1", sock.getsockname()[1]))
        return []

    async with (
        playing(entries(), forged) as device,
        probing(device.port, shared=Shared(engine)) as probe,
    ):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.4):
                await probe.read()
    assert engine.strays > 0
    engine.close()
    forger.close()


async def test_a_late_answer_is_not_the_next_one() -> None:
    held: list[bytes] = []

    def late(request: bytes, reply: bytes | None) -> list[bytes]:
        held.append(reply or b"")
        return held[-8:]  # the answers to the last poll come again before the right one

    async with meeting(entries(), late) as (device, probe):
        for poll in range(6):
            device.show(switch(1000 + poll, {1: Port("GE1", received=poll)}))
            batch = await read(probe)
            assert values(batch, "interface_receive_bytes_total") == {"GE1": poll}


# --- who says no, who says nothing


async def test_silence_ends_with_the_shells_time_and_leaves_nothing() -> None:
    async with opened() as shared, playing(entries(), lambda *_: []) as device:
        async with probing(device.port, shared=shared) as probe:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await probe.read()
            assert not any(peer.pending for peer in shared.engine._peers.values())
        assert not shared.engine._peers


async def test_after_silence_one_cheap_question_comes_first() -> None:
    async with opened() as shared, playing(entries()) as device:
        async with probing(device.port, shared=shared) as probe:
            await read(probe)
            device.bend = lambda *_: []
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await probe.read()
        device.asked.clear()
        device.bend = honest
        device.show(switch(7000, PORTS))
        async with probing(device.port, shared=shared) as probe:
            assert len((await read(probe)).values) == ALL
        assert device.asked[0] == (snmp.GET, 1)


async def test_another_community_meets_silence() -> None:
    async with playing(entries()) as device, probing(device.port, community="wrong") as probe:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await probe.read()


@pytest.mark.parametrize("status", [snmp.NO_ACCESS, snmp.AUTHORIZATION_ERROR])
async def test_an_agent_that_says_no_is_told(status: int) -> None:
    def refusing(request: bytes, _reply: bytes | None) -> list[bytes]:
        return [snmp.response(snmp.opened(request), status, 1, b"")]

    async with meeting(entries(), refusing) as (_, probe):
        with pytest.raises(Refused, match="refuses this community"):
            await read(probe)


async def test_without_a_community_the_text_names_the_credentials() -> None:
    with pytest.raises(Refused, match=r"credentials.*community"):
        async with connect(target(), Options(), profile("switch")):
            raise AssertionError("it must not open")


async def test_an_address_that_is_none() -> None:
    with pytest.raises(Unreachable, match="no-such-name"):
        async with probing(161, host="no-such-name.invalid"):
            raise AssertionError("it must not open")


async def test_what_the_system_does_not_send_is_told_at_once() -> None:
    async with probing(161, host="255.255.255.255") as probe:
        with pytest.raises(ProbeError, match=r"SNMP over UDP to 255\.255\.255\.255 port 161: \w+"):
            await read(probe)


async def test_answers_of_the_wrong_kind_are_left_out() -> None:
    bent = entries()
    bent[f"{IF}.8.1"] = (OCTET_STRING, b"\xff\xfe\x00")
    bent[f"{IF}.8.2"] = (NULL, None)
    bent[f"{IF}.7.3"] = (INTEGER, 10**12)
    async with meeting(bent) as (_, probe):
        batch = await read(probe)
    assert not {"GE1", "GE2"} & values(batch, "interface_up").keys()
    assert values(batch, "interface_admin_up")["GE3"] is False
