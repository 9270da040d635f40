"""The driver `snmp` by version 3 against forgers: what is not signed by the device is no answer."""

import socket

import pytest

from probes.snmp import shared as opened
from probes.snmp.exchange import Reported
from probes.snmp.remote import Clock, Remote
from probes.snmp.user import Keys, User
from probes.wire import ber, snmp, snmp_v3
from probes.wire.ber import Malformed
from probes.wire.snmp_agent import Mib
from probes.wire.snmp_v3 import SEALED, SIGNED, Message
from secmon.api import Garbled, Refused
from tests.probes import snmp_v3_agent
from tests.probes.snmp_device import Entries, Port, read, switch, values
from tests.probes.snmp_v3_agent import (
    ENGINE,
    OPS,
    OTHER_ENGINE,
    Engine,
    Forge,
    honest,
    meeting,
    once_found,
    playing,
    probing,
)

PORTS = {i: Port(f"GE{i}", received=i) for i in range(1, 29)}
ALL = 1 + 28 * 11
OCTETS = "interface_receive_bytes_total"
MALLORY = User("mallory", "SHA-256", "key of mallory", "AES-128", "other key of mallory")


def entries() -> Entries:
    return switch(1000, PORTS)


def pdu_of(engine: Engine, reply: bytes) -> bytes:
    message = snmp_v3.opened(reply)
    found = engine.keys(message.user)
    assert found is not None
    return engine.opened(message, found)


# --- what a forger may send; each is given the honest answer to spoil


def garbage(_engine: Engine, _request: Message, _reply: bytes) -> list[bytes]:
    return [b"", b"\x00" * 40, b"\xff" * 1400, b"\x30\x84\xff\xff\xff\xff", b"\x30\x03\x02\x01\x03"]


def oversized(_engine: Engine, _request: Message, reply: bytes) -> list[bytes]:
    return [b"\x30\x82\xf0\x00\x02\x01\x03" + bytes(0xF000 - 3), reply + bytes(60_000)]


def truncated(_engine: Engine, _request: Message, reply: bytes) -> list[bytes]:
    return [reply[: len(reply) // 2], reply[:-1]]


def tampered(_engine: Engine, _request: Message, reply: bytes) -> list[bytes]:
    at = len(reply) - 5
    return [reply[:at] + bytes((reply[at] ^ 1,)) + reply[at + 1 :]]


def other_id(engine: Engine, request: Message, reply: bytes) -> list[bytes]:
    """Signed as it should be, but of no request of ours."""
    return [engine.sealed(request, pdu_of(engine, reply), msg_id=request.msg_id ^ 0x40000000)]


def id_rewritten(_engine: Engine, request: Message, reply: bytes) -> list[bytes]:
    """The answer to an earlier request under the msgID of this one."""
    early, late = (n.to_bytes(4, "big") for n in (request.msg_id - 1, request.msg_id))
    return [reply.replace(late, early).replace(early, late)[:-1] + b"\x00"]


def unsigned(engine: Engine, request: Message, reply: bytes) -> list[bytes]:
    return [engine.sealed(request, pdu_of(engine, reply), level=0)]


def unsealed(engine: Engine, request: Message, reply: bytes) -> list[bytes]:
    """The device's own, but anybody could read it."""
    return [engine.sealed(request, pdu_of(engine, reply), level=SIGNED)]


def of_another_user(engine: Engine, request: Message, reply: bytes) -> list[bytes]:
    return [engine.sealed(request, pdu_of(engine, reply), user=b"mallory")]


def of_another_engine(engine: Engine, request: Message, reply: bytes) -> list[bytes]:
    return [engine.sealed(request, pdu_of(engine, reply), engine_id=OTHER_ENGINE)]


def of_another_context(engine: Engine, request: Message, reply: bytes) -> list[bytes]:
    return [engine.sealed(request, pdu_of(engine, reply), scope=OTHER_ENGINE)]


def of_another_request(engine: Engine, request: Message, reply: bytes) -> list[bytes]:
    """Signed, of this msgID, but the PDU is of another request."""
    pdu = pdu_of(engine, reply)
    head = snmp.opened_pdu(pdu)
    strange = bytearray(pdu)
    strange[head.id_at[0]] ^= 0x40
    return [engine.sealed(request, bytes(strange))]


def of_other_oids(engine: Engine, request: Message, reply: bytes) -> list[bytes]:
    """Signed, but the values of others were asked for."""
    if engine.asked[-1][0] != snmp.GET:
        return []  # a walk takes what follows
    pdu = pdu_of(engine, reply)
    first = snmp.slots(pdu, snmp.opened_pdu(pdu).at)[0][0]
    strange = first[:-1] + bytes((first[-1] ^ 1,))
    return [engine.sealed(request, pdu.replace(first, strange, 1))]


def echo(_engine: Engine, request: Message, _reply: bytes) -> list[bytes]:
    return [request.data]


def by_v2c(_engine: Engine, request: Message, _reply: bytes) -> list[bytes]:
    """Error and answer under the request's number, in an older version."""
    asked = snmp.opened(snmp.Get(snmp.V2C, b"public", [b"\x2b\x06"]).datagram(request.msg_id))
    return [
        snmp.response(asked, snmp.AUTHORIZATION_ERROR, 1, b""),
        snmp.response(asked, 0, 0, snmp.varbind(b"\x2b\x06", 2, 1)),
    ]


FORGERIES = [
    garbage,
    oversized,
    truncated,
    tampered,
    other_id,
    id_rewritten,
    unsigned,
    unsealed,
    of_another_user,
    of_another_engine,
    of_another_context,
    of_another_request,
    of_other_oids,
    echo,
    by_v2c,
]


@pytest.mark.parametrize("forge", FORGERIES)
async def test_a_forgery_is_no_answer(forge: Forge) -> None:
    async with (
        playing(entries(), once_found(forge, answers=False), OPS, MALLORY) as device,
        probing(device.port, timeout_s=0.3) as probe,
    ):
        told = r"SNMP from 127\.0\.0\.1 port \d+: expected .* \(got"
        with pytest.raises(Garbled, match=told):
            await read(probe)


@pytest.mark.parametrize("forge", FORGERIES)
async def test_a_forgery_does_no_harm_to_the_answer(forge: Forge) -> None:
    async with (
        playing(entries(), once_found(forge), OPS, MALLORY) as device,
        probing(device.port, timeout_s=3.0) as probe,
    ):
        for _ in range(2):
            assert len((await read(probe)).values) == ALL


async def test_old_answers_are_never_new_ones() -> None:
    """Every answer so far comes again before each right one."""
    heard: list[bytes] = []

    def replaying(engine: Engine, request: Message, reply: bytes | None) -> list[bytes]:
        heard.append(reply or b"")
        return heard[-40:]

    async with meeting(entries(), replaying) as (device, probe):
        for poll in range(4):
            device.engine.show(switch(1000 + poll, {1: Port("GE1", received=poll)}))
            assert values(await read(probe), OCTETS) == {"GE1": poll}


@pytest.mark.parametrize("late", [(-1, 0), (0, -151), (0, -100_000)])
async def test_an_answer_from_outside_the_window_is_asked_for_again(late: tuple[int, int]) -> None:
    """The device signed it long ago, and by chance we use its msgID again."""
    told: list[str] = []

    def stale(engine: Engine, request: Message, reply: bytes) -> list[bytes]:
        if told:
            return honest(engine, request, reply)
        told.append(OCTETS)
        forged = pdu_of(engine, reply)[:-1] + b"\x63"
        times = (engine.boots + late[0], engine.time + late[1])
        return [engine.sealed(request, forged, times=times)]

    async with meeting(entries()) as (device, probe):
        good = await read(probe)
        device.bend = once_found(stale, answers=False)
        again = await read(probe)
        assert told
        assert again.values == good.values


async def test_an_answer_from_elsewhere_is_none() -> None:
    """The device's own words, signed and in time, but from another port."""
    async with opened() as shared:
        elsewhere = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

        def astray(_engine: Engine, _request: Message, reply: bytes) -> list[bytes]:
            for sock in (sock for group in shared.engine._sockets.values() for sock in group):
                elsewhere.sendto(reply, ("127.0.0.1", sock.getsockname()[1]))
            return []

        async with (
            playing(entries(), once_found(astray, answers=False)) as device,
            probing(device.port, shared=shared, timeout_s=0.3) as probe,
        ):
            with pytest.raises(Refused, match="then nothing"):
                await read(probe)
        assert shared.engine.strays >= 2
        elsewhere.close()


async def test_a_bare_pdu_is_none() -> None:
    """What stands inside a good answer, with other values, sent as it is: once an answer is known
    by its shape, it looks like the next one."""

    def naked(engine: Engine, request: Message, reply: bytes) -> list[bytes]:
        pdu = pdu_of(engine, reply)
        _, tag, start, stop = snmp.slots(pdu, snmp.opened_pdu(pdu).at)[-1]
        assert stop > start, tag
        return [pdu[:start] + bytes(b ^ 1 for b in pdu[start:stop]) + pdu[stop:]]

    async with meeting(entries()) as (device, probe):
        good = [await read(probe) for _ in range(3)][-1]
        device.bend = once_found(naked)
        for _ in range(2):
            assert (await read(probe)).values == good.values


# --- one message, every way to spoil it


def answered() -> tuple[Remote, bytes]:
    """An engine as we know it, and its signed and sealed answer to us."""
    engine = Engine(Mib(entries()))
    found = snmp_v3_agent.keys(OPS, ENGINE)
    remote = Remote(ENGINE, OPS, Keys(found.signer, found.sealer), lambda: 0.0)
    remote.clock.hear(engine.boots, engine.time)
    request = remote.sealed(7, snmp.Get(snmp.V3, b"", [ber.oid("1.3.6.1.2.1.1.3.0")]).datagram(7))
    reply = engine.answer(snmp_v3.opened(request))
    assert reply is not None
    return remote, reply


def test_not_one_bit_of_an_answer_may_be_other() -> None:
    remote, reply = answered()
    assert remote.opened(snmp_v3.opened(reply))
    for place in range(len(reply)):
        for bit in range(8):
            spoiled = bytearray(reply)
            spoiled[place] ^= 1 << bit
            with pytest.raises((Malformed, Reported)) as caught:
                remote.opened(snmp_v3.opened(bytes(spoiled)))
            assert not (isinstance(caught.value, Reported) and caught.value.at_once)


def test_old_keys_open_nothing_of_another_engine() -> None:
    """Another engine signs with the old one's keys, or says that it is the old one."""
    remote, _ = answered()
    engine = Engine(Mib(entries()), engine_id=OTHER_ENGINE)
    request = remote.sealed(7, snmp.Get(snmp.V3, b"", [b"\x2b\x06"]).datagram(7))
    asked = snmp_v3.opened(request)
    pdu = b"\xa2" + snmp.Get(snmp.V3, b"", [b"\x2b\x06"]).datagram(7)[1:]
    for said in (OTHER_ENGINE, ENGINE):
        with pytest.raises(Malformed, match=r"expected (engine|a message signed)"):
            remote.opened(snmp_v3.opened(engine.sealed(asked, pdu, engine_id=said)))


def test_a_user_without_keys_takes_nothing_that_is_signed() -> None:
    """Nor is what it does take proof of anything: there is no key to prove it with."""
    remote = Remote(ENGINE, User("ops"), Keys(None, None), lambda: 0.0)
    engine = Engine(Mib(entries()))
    asked = snmp_v3.opened(remote.sealed(7, snmp.Get(snmp.V3, b"", ()).datagram(7)))
    pdu = b"\xa2" + snmp.Get(snmp.V3, b"", ()).datagram(7)[1:]
    for level in (SIGNED, SIGNED | SEALED):
        with pytest.raises(Malformed, match="noAuthNoPriv"):
            remote.opened(snmp_v3.opened(engine.sealed(asked, pdu, level=level)))
    for other in ({"user": b"mallory"}, {"engine_id": OTHER_ENGINE, "scope": ENGINE}):
        with pytest.raises(Malformed, match="expected"):
            remote.opened(snmp_v3.opened(engine.sealed(asked, pdu, **other)))  # type: ignore[arg-type]


def test_the_clock_follows_signed_messages_within_the_window() -> None:
    """RFC 3414, 3.2.7b."""
    now = [0.0]
    clock = Clock(lambda: now[0])
    assert clock.accepts(5, 1000)
    now[0] = 100.0
    assert clock.read() == (5, 1100)
    assert clock.accepts(5, 950), "150 s late"
    assert not clock.accepts(5, 949)
    assert not clock.accepts(4, 5000)
    assert clock.read() == (5, 1100), "what is old moves nothing"
    assert clock.accepts(6, 0)
    assert clock.read() == (6, 0)
    assert not clock.accepts(0x7FFFFFFF, 0), "a count that ran out"
