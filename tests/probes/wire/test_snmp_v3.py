"""SNMP v3 messages: what is built can be read, and what is not one is Malformed and no more."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from probes.wire import ber, snmp, snmp_v3
from probes.wire.ber import Malformed
from probes.wire.snmp_v3 import REPORTABLE, SEALED, SIGNED, Security
from probes.wire.snmp_values import COUNTER32

ENGINE = bytes.fromhex("80001f8804736563")
PDU = snmp.Get(snmp.V3, b"", [b"\x2b\x06"]).datagram(0x01020304)
SECURITY = Security(ENGINE, 3, 70_000, b"ops", 24, b"12345678")
SIGNED_AND_SEALED, AT = snmp_v3.message(77, SIGNED | SEALED | REPORTABLE, SECURITY, b"\x00" * 40)
PLAIN, _ = snmp_v3.message(78, 0, Security(ENGINE), snmp_v3.scoped(ENGINE, PDU))


def test_a_message_is_read_as_it_was_built() -> None:
    message = snmp_v3.opened(SIGNED_AND_SEALED)
    assert message.msg_id == 77
    assert message.flags == SIGNED | SEALED | REPORTABLE
    assert (message.engine_id, message.boots, message.time) == (ENGINE, 3, 70_000)
    assert (message.user, message.salt) == (b"ops", b"12345678")
    assert message.signature == (AT, AT + 24)
    assert SIGNED_AND_SEALED[AT : AT + 24] == bytes(24)
    assert message.body == bytes(40)


def test_a_plain_message_holds_a_bare_pdu() -> None:
    message = snmp_v3.opened(PLAIN)
    scoped = snmp_v3.opened_scoped(message.body)
    assert (scoped.engine_id, scoped.context, scoped.pdu) == (ENGINE, b"", PDU)
    head = snmp.opened_pdu(scoped.pdu)
    assert (head.version, head.pdu, head.request_id) == (snmp.V3, snmp.GET, 0x01020304)
    assert snmp.slots(scoped.pdu, head.at)[0][0] == b"\x2b\x06"


def test_the_version_is_seen_at_a_glance() -> None:
    v2c = snmp.Get(snmp.V2C, b"public", [b"\x2b\x06"] * 60).datagram(1 << 24)
    assert snmp_v3.is_v3(PLAIN) and snmp_v3.is_v3(SIGNED_AND_SEALED)
    assert not any(map(snmp_v3.is_v3, (v2c, b"", b"\x30", b"\x30\x82", b"\xff" * 9)))
    with pytest.raises(Malformed, match="version 3"):
        snmp_v3.opened(v2c)


def test_a_message_is_these_bytes() -> None:
    """By hand from RFC 3412, 6 and RFC 3414, 2.4: so that no two mistakes cancel out."""
    security = Security(ENGINE, 3, 70_000, b"ops")
    whole, _ = snmp_v3.message(5, REPORTABLE, security, b"\x30\x02\x04\x00")
    header = "300e 020105 020300ffe3 040104 020103"
    parameters = "041d 301b 0408 80001f8804736563 020103 0203011170 04036f7073 0400 0400"
    assert whole == bytes.fromhex(f"3036 020103 {header} {parameters} 30020400")


# --- what is malformed


def changed(**other: object) -> bytes:
    values = {"engine_id": ENGINE, "boots": 3, "time": 7, "user": b"ops", "salt": b""} | other
    return snmp_v3.message(1, 0, Security(**values), b"\x30\x00")[0]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (changed(engine_id=bytes(33)), "an engine id of at most 32 bytes"),
        (changed(user=bytes(33)), "a user name of at most 32 bytes"),
        (changed(signature=49), "a signature of at most 48 bytes"),
        (changed(salt=bytes(9)), "a salt of at most 8 bytes"),
        (changed(boots=-1), "a count of boots from 0"),
        (changed(time=-5), "an engine time from 0"),
        (changed(time=1 << 40), "an engine time of 1 to 4 bytes"),
        (PLAIN + b"\x00", "a message of"),
        (PLAIN[:-1], "expected"),
        (snmp_v3.message(1, SEALED, SECURITY, b"")[0], "to be signed"),
        (snmp_v3.message(1, SIGNED | SEALED, SECURITY, b"")[0][:-2] + b"\x30\x00", "encrypted PDU"),
        (
            PLAIN.replace(b"\x04\x01\x00\x02\x01\x03", b"\x04\x01\x00\x02\x01\x02"),
            "security model 3",
        ),
    ],
)
def test_what_is_wrong_is_told(data: bytes, told: str) -> None:
    with pytest.raises(Malformed, match=told):
        snmp_v3.opened(data)


@pytest.mark.parametrize(
    ("body", "padding", "told"),
    [
        (b"", 0, "an element"),
        (b"\x04\x00", 0, "a scoped PDU"),
        (snmp_v3.scoped(ENGINE, PDU) + b"\x00", 0, "of 38 bytes"),
        (snmp_v3.scoped(ENGINE, PDU) + bytes(8), 7, "of 38 bytes"),
        (b"\x30\x02\x04\x00", 0, "an element"),
    ],
)
def test_a_scoped_pdu_has_its_parts_and_no_more(body: bytes, padding: int, told: str) -> None:
    with pytest.raises(Malformed, match=told):
        snmp_v3.opened_scoped(body, padding)


def report(dotted: str) -> bytes:
    body = snmp.varbind(ber.oid(dotted), COUNTER32, 9)
    return ber.tlv(snmp.REPORT, b"\x02\x01\x00" * 3 + ber.tlv(snmp.SEQUENCE, body))


def test_a_report_says_what_it_counts() -> None:
    assert snmp_v3.reported(PDU) is None
    assert snmp_v3.reported(report("1.3.6.1.6.3.15.1.1.5.0")) == snmp_v3.WRONG_DIGESTS
    assert snmp_v3.reported(report("1.3.6.1.6.3.15.1.1.5")) == snmp_v3.WRONG_DIGESTS
    assert snmp_v3.reported(report("1.3.6.1.4.1.9.1.0")) == "1.3.6.1.4.1.9.1.0"
    empty = ber.tlv(snmp.REPORT, b"\x02\x01\x00" * 3 + b"\x30\x00")
    with pytest.raises(Malformed, match="no varbind"):
        snmp_v3.reported(empty)


@given(st.binary(max_size=300))
@example(PLAIN)
@example(SIGNED_AND_SEALED)
def test_any_bytes_are_a_message_or_malformed(data: bytes) -> None:
    whole(data)


@given(st.data())
def test_a_spoiled_message_is_a_message_or_malformed(data: st.DataObject) -> None:
    spoiled = bytearray(data.draw(st.sampled_from([PLAIN, SIGNED_AND_SEALED])))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(spoiled) - 1))
        spoiled[at] = data.draw(st.integers(0, 255))
    whole(bytes(spoiled[: data.draw(st.integers(0, len(spoiled)))]))
    whole(bytes(spoiled))


def whole(data: bytes) -> None:
    """Reads all that can be read of it; any other error than Malformed is ours."""
    snmp_v3.is_v3(data)
    try:
        message = snmp_v3.opened(data)
        assert len(message.engine_id) <= 32 and len(message.user) <= 32
        assert message.boots >= 0 and message.time >= 0 and message.msg_id >= 0
        scoped = snmp_v3.opened_scoped(message.body, 7)
        snmp_v3.reported(scoped.pdu)
        head = snmp.opened_pdu(scoped.pdu)
        snmp.slots(scoped.pdu, head.at)
    except Malformed:
        pass
