"""SNMP messages against bytes written by hand, hostile ones, and every mutation of a good reply."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.wire import ber, snmp
from probes.wire import snmp_values as types
from probes.wire.ber import Malformed
from probes.wire.snmp_agent import Mib, answer

UPTIME = ber.oid("1.3.6.1.2.1.1.3.0")
NAME = ber.oid("1.3.6.1.2.1.1.5.0")
COUNTERS = [ber.oid(f"1.3.6.1.2.1.31.1.1.1.6.{i}") for i in range(1, 6)]
RID = 0x01020304

# snmpget -v2c -c public DEVICE 1.3.6.1.2.1.1.3.0, and its answer: 123456 ticks.
REQUEST = bytes.fromhex(
    "302902010104067075626c6963a01c020401020304020100020100300e300c06082b060102010103000500"
)
REPLY = bytes.fromhex(
    "302c02010104067075626c6963a21f0204010203040201000201003011300f06082b06010201010300430301e240"
)
# snmpbulkget -v2c -c public -Cn0 -Cr5 DEVICE 1.3.6.1.2.1.2.2.1.10
BULK = bytes.fromhex(
    "302a02010104067075626c6963a51d020401020304020100020105300f300d06092b060102010202010a0500"
)


def test_a_get_is_the_bytes_that_any_manager_sends() -> None:
    assert snmp.Get(snmp.V2C, b"public", [UPTIME]).datagram(RID) == REQUEST


def test_a_reply_gives_its_value() -> None:
    get = snmp.Get(snmp.V2C, b"public", [UPTIME])
    head = snmp.opened(REPLY)
    assert (head.version, head.community, head.pdu) == (snmp.V2C, b"public", snmp.RESPONSE)
    assert (head.request_id, head.status, head.index) == (RID, 0, 0)
    assert get.decode(REPLY, head) == [123456]
    assert get.plain


def test_a_getbulk_is_the_bytes_that_any_manager_sends() -> None:
    walk = snmp.Walk(snmp.V2C, b"public", [ber.oid("1.3.6.1.2.1.2.2.1.10")], 5)
    assert walk.datagram(RID) == BULK
    assert len(walk) == 5


def test_a_community_that_looks_like_a_request_id_does_no_harm() -> None:
    get = snmp.Get(snmp.V2C, b"\x02\x04\x7f\x7f\x7f\x7f", [UPTIME])
    head = snmp.opened(get.datagram(RID))
    assert (head.community, head.request_id) == (b"\x02\x04\x7f\x7f\x7f\x7f", RID)


@pytest.mark.parametrize(
    ("tag", "content", "expected"),
    [
        (types.INTEGER, "ff", -1),
        (types.INTEGER, "0080", 128),
        (types.COUNTER32, "fffffffe", 4294967294),  # without the leading zero it is no -2
        (types.COUNTER32, "00fffffffe", 4294967294),
        (types.COUNTER64, "00ffffffffffffffff", 2**64 - 1),
        (types.GAUGE32, "03e8", 1000),
        (types.OCTET_STRING, "3534332e", b"543."),
        (types.OBJECT_IDENTIFIER, "2b06010401", "1.3.6.1.4.1"),
        (types.IP_ADDRESS, "c0000201", "192.0.2.1"),
        (types.OPAQUE, "9f780442293333", struct.unpack(">f", bytes.fromhex("42293333"))[0]),
        (types.OPAQUE, "9f79084045266666666666", 42.3),
        (types.OPAQUE, "9f780442", b"\x9f\x78\x04\x42"),
        (types.NO_SUCH_INSTANCE, "", None),
        (types.NULL, "", None),
        (0x30, "0201", None),
    ],
)
def test_values_are_read_as_agents_write_them(tag: int, content: str, expected: types.Raw) -> None:
    assert types.value(tag, bytes.fromhex(content)) == expected


@pytest.mark.parametrize(
    ("tag", "content"),
    [
        (types.INTEGER, ""),
        (types.INTEGER, "00" * 9),
        (types.COUNTER64, "01" + "00" * 8),
        (types.COUNTER64, "00" * 10),
    ],
)
def test_numbers_that_are_none_are_not_there(tag: int, content: str) -> None:
    """And take no other value of the reply with them."""
    raw = bytes.fromhex(content)
    assert types.value(tag, raw) is None
    get = snmp.Get(snmp.V2C, b"public", [UPTIME, NAME])
    request = get.datagram(RID)
    element = ber.tlv(types.OBJECT_IDENTIFIER, NAME) + ber.tlv(tag, raw)
    varbind = ber.tlv(snmp.SEQUENCE, element)
    reply = reply_to(request, snmp.varbind(UPTIME, types.TIME_TICKS, 7), varbind)
    for _ in range(2):
        assert get.decode(reply, snmp.opened(reply)) == [7, None]
        assert not get.plain
    assert get.quick(reply) == [RID, 7, None]
    assert not get.plain


def reply_to(request: bytes, *varbinds: bytes, status: int = 0) -> bytes:
    return snmp.response(snmp.opened(request), status, 0, b"".join(varbinds))


def test_only_the_oids_that_were_asked_are_an_answer() -> None:
    get = snmp.Get(snmp.V2C, b"public", [UPTIME, NAME])
    request = get.datagram(RID)
    uptime = snmp.varbind(UPTIME, types.TIME_TICKS, 7)
    name = snmp.varbind(NAME, types.OCTET_STRING, b"sw")
    good = reply_to(request, uptime, name)
    assert get.decode(good, snmp.opened(good)) == [7, b"sw"]
    for wrong in ((name, uptime), (uptime,), (uptime, name, name), (uptime, uptime), ()):
        reply = reply_to(request, *wrong)
        with pytest.raises(Malformed, match="expected"):
            get.decode(reply, snmp.opened(reply))


def counters(get: snmp.Get, values: list[int]) -> bytes:
    pairs = zip(COUNTERS, values, strict=True)
    varbinds = [snmp.varbind(oid, types.COUNTER64, value) for oid, value in pairs]
    return reply_to(get.datagram(RID), *varbinds)


@pytest.mark.parametrize("value", [1, 200, 70_000, 2**24, 2**31, 2**33, 2**45, 2**50, 2**63])
def test_numbers_that_moved_are_read_in_one_step(value: int) -> None:
    get = snmp.Get(snmp.V2C, b"public", COUNTERS)
    first = counters(get, [value, 0, 2**40, 3, 2**64 - 1])
    for _ in range(2):
        assert get.quick(first) is None
        get.decode(first, snmp.opened(first))
    second = counters(get, [value + 1, 1, 2**40 + 2**38, 4, 2**64 - 2])
    assert get.quick(second) == [RID, value + 1, 1, 2**40 + 2**38, 4, 2**64 - 2]


def test_texts_floats_and_gaps_are_read_in_one_step_too() -> None:
    get = snmp.Get(snmp.V2C, b"public", COUNTERS)
    request = get.datagram(RID)

    def reply(text: bytes, number: float, small: int) -> bytes:
        a, b, c, d, e = COUNTERS
        return reply_to(
            request,
            snmp.varbind(a, types.OCTET_STRING, text),
            snmp.varbind(b, types.OPAQUE, number),
            snmp.varbind(c, types.NO_SUCH_INSTANCE, None),
            snmp.varbind(d, types.INTEGER, small),
            snmp.varbind(e, types.OBJECT_IDENTIFIER, "1.3.6.1"),
        )

    for _ in range(2):
        get.decode(reply(b"one", 1.5, -70_000), snmp.opened(reply(b"one", 1.5, -70_000)))
    assert get.quick(reply(b"two", 2.5, -80_000)) == [RID, b"two", 2.5, None, -80_000, "1.3.6.1"]
    assert not get.plain


def learned() -> tuple[snmp.Get, bytes]:
    get = snmp.Get(snmp.V2C, b"public", COUNTERS)
    reply = counters(get, [1000, 2**33, 5, 2**50, 2**64 - 1])
    for _ in range(2):
        get.decode(reply, snmp.opened(reply))
    assert get.quick(reply) is not None
    return get, reply


def accepted(get: snmp.Get, data: bytes) -> list[types.Raw] | None:
    """The values if the datagram counts as the answer, by either way of reading."""
    quick = get.quick(data)
    try:
        head = snmp.opened(data)
        slow = None if head.status else get.decode(data, head)
    except Malformed:
        slow = None
    if quick is not None:
        assert quick == [head.request_id % 2**32, *(slow or ())], "both ways must agree"
    return slow


def test_every_single_byte_that_is_changed_is_either_a_value_or_refused() -> None:
    """A reply for other OIDs is never taken, whichever byte of it was changed on the way."""
    get, reply = learned()
    slots = snmp.slots(reply, snmp.opened(reply).at)
    starts = [(reply.index(oid), len(oid)) for oid in COUNTERS]
    names = {i for start, size in starts for i in range(start, start + size)}
    for place in range(len(reply)):
        for change in range(1, 256, 6):
            broken = bytearray(reply)
            broken[place] ^= change
            values = accepted(get, bytes(broken))
            if place in names:
                assert values is None
            elif values is not None and not any(a <= place < b for _, _, a, b in slots):
                assert len(values) == len(COUNTERS)


@given(st.data())
def test_no_mutation_breaks_the_decoder(data: st.DataObject) -> None:
    get, reply = learned()
    broken = bytearray(reply)
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(broken) - 1))
        match data.draw(st.sampled_from(["change", "cut", "double"])):
            case "change":
                broken[place] = data.draw(st.integers(0, 255))
            case "cut":
                del broken[place : place + data.draw(st.integers(1, 8))]
            case _:
                broken[place:place] = broken[place : place + 8]
        if not broken:
            break
    values = accepted(get, bytes(broken))
    if values is not None:
        assert [slot[0] for slot in snmp.slots(bytes(broken), snmp.opened(bytes(broken)).at)] == (
            COUNTERS
        )


@given(st.binary(max_size=200))
def test_no_bytes_break_the_decoder(data: bytes) -> None:
    try:
        snmp.slots(data, snmp.opened(data).at)
    except Malformed as error:
        assert "expected" in str(error)


@given(st.binary(max_size=80))
def test_no_request_breaks_the_agent(tail: bytes) -> None:
    mib = Mib({"1.3.6.1.2.1.1.3.0": (types.TIME_TICKS, 7)})
    for data in (tail, REQUEST[:13] + tail):
        try:
            answer(data, b"public", mib)
        except Malformed:
            continue


def test_a_reply_is_bounded_in_varbinds() -> None:
    request = snmp.Get(snmp.V2C, b"public", [UPTIME]).datagram(RID)
    reply = reply_to(request, *[snmp.varbind(UPTIME, types.NULL, None)] * 600)
    with pytest.raises(Malformed, match="at most 512"):
        snmp.slots(reply, snmp.opened(reply).at)
