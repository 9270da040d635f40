"""Echo messages and the errors for them, against bytes written down from the RFCs."""

import struct

import pytest

from probes.wire.icmp import REPLY, REQUEST, Echo, checksum, decode, encode, refusal, strip_ipv4

# Summed by hand: type 8, id 0x1234, sequence 1, payload "abcdefgh".
REQUEST_4 = bytes.fromhex("0800 5435 1234 0001 6162636465666768")


def test_an_ipv4_request_carries_its_checksum() -> None:
    assert encode(4, Echo(0x1234, 1, b"abcdefgh")) == REQUEST_4
    assert checksum(REQUEST_4) == 0


def test_an_ipv6_request_leaves_it_to_the_kernel() -> None:
    packet = encode(6, Echo(0x1234, 1, b"abcdefgh"))
    assert packet == bytes.fromhex("8000 0000 1234 0001 6162636465666768")


@pytest.mark.parametrize(
    ("data", "sum_"),
    [
        (b"", 0xFFFF),
        (b"\0\0", 0xFFFF),
        (b"\xff\xff", 0),
        (b"\x01", 0xFEFF),
        (b"\x80\0" * 3, 0x7FFE),
    ],
)
def test_the_checksum_is_that_of_rfc_1071(data: bytes, sum_: int) -> None:
    assert checksum(data) == sum_


def test_a_reply_is_read() -> None:
    packet = b"\x00\x00\x00\x00" + struct.pack("!HH", 7, 9) + b"payload"
    assert decode(packet, REPLY[4]) == Echo(7, 9, b"payload")


@pytest.mark.parametrize(
    "packet",
    [b"", b"\0" * 7, REQUEST_4, b"\x00\x01" + b"\0" * 20, b"\x03\x00" + b"\0" * 20],
    ids=["empty", "short", "a request", "another code", "another type"],
)
def test_what_is_no_reply_is_none(packet: bytes) -> None:
    assert decode(packet, REPLY[4]) is None


@pytest.mark.parametrize("words", [5, 6, 15])
def test_an_ip_header_of_any_length_is_stripped(words: int) -> None:
    assert strip_ipv4(bytes([0x40 | words]) + b"\0" * (words * 4 - 1) + b"icmp") == b"icmp"


def test_half_an_ip_header_leaves_nothing() -> None:
    assert strip_ipv4(b"") == strip_ipv4(b"\x45\0\0") == b""


def error(origin: int, type_: int, code: int) -> bytes:
    """A sock_extended_err of linux/errqueue.h."""
    return struct.pack("=IBBBBII", 113, origin, type_, code, 0, 0, 0)


@pytest.mark.parametrize(
    ("version", "raw", "words"),
    [
        (4, error(2, 3, 1), "destination unreachable: host unreachable"),
        (4, error(2, 3, 13), "destination unreachable: traffic prohibited by an administrator"),
        (4, error(2, 3, 99), "destination unreachable: code 99"),
        (4, error(2, 11, 0), "time exceeded on the way (a routing loop?)"),
        (6, error(3, 1, 3), "destination unreachable: address unreachable"),
        (6, error(3, 3, 0), "time exceeded on the way (a routing loop?)"),
        (4, error(2, 5, 0), None),
        (4, error(1, 3, 1), None),
        (6, error(2, 3, 1), None),
        (4, b"short", None),
    ],
)
def test_an_error_on_the_way_is_told_in_words(version: int, raw: bytes, words: str | None) -> None:
    assert refusal(version, raw) == words


def test_requests_are_no_replies() -> None:
    assert not set(REQUEST.values()) & set(REPLY.values())
