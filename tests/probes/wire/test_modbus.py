"""Modbus frames, answers and fields: bytes in, values out, and what is refused."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.wire.modbus import (
    FRAMES_MAX,
    Declined,
    Field,
    Frames,
    Malformed,
    Read,
    bits,
    check,
    frame,
    text,
    unpacker,
)

TWO_INPUTS = bytes.fromhex("000100000007010404 00eb 01c8")  # 235 and 456, transaction 1, unit 1
ASK_INPUTS = Read(4, 1, 2)


def registers(*values: int) -> bytes:
    """The answer PDU to a read of holding registers."""
    return bytes((3, 2 * len(values))) + struct.pack(f">{len(values)}H", *values)


# --- framing


def test_a_request_looks_as_the_guide_prints_it() -> None:
    assert frame(0x1234, 17, ASK_INPUTS.pdu) == bytes.fromhex("123400000006 11 04 0001 0002")


def test_a_frame_is_cut_from_the_stream() -> None:
    assert Frames().feed(TWO_INPUTS) == [(1, 1, bytes.fromhex("0404 00eb 01c8"))]


def test_a_frame_may_come_byte_by_byte() -> None:
    frames = Frames()
    *early, last = [frames.feed(bytes([byte])) for byte in TWO_INPUTS]
    assert (early, last) == ([[]] * 12, Frames().feed(TWO_INPUTS))
    assert frames.partial == 0


@given(st.lists(st.binary(min_size=2, max_size=253), max_size=20), st.data())
def test_any_pieces_give_the_same_frames(pdus: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(frame(i, i, pdu) for i, pdu in enumerate(pdus))
    frames, found = Frames(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += frames.feed(stream[:size])
        stream = stream[size:]
    assert found == [(i, i, pdu) for i, pdu in enumerate(pdus)]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "protocol id 0"),
        (bytes.fromhex("0001000100070104"), "protocol id 0 .* 00 01 00 01"),
        (bytes.fromhex("000100000002 01 04"), "length of 3 to 254 .* got 2"),
        (bytes.fromhex("0001000000ff 01 04"), "length of 3 to 254 .* got 255"),
        (bytes.fromhex("00010000ffff"), "got 65535"),
        (TWO_INPUTS * (FRAMES_MAX + 1), f"more than {FRAMES_MAX} frames"),
    ],
)
def test_a_stream_that_is_none_is_refused(stream: bytes, expected: str) -> None:
    with pytest.raises(Malformed, match=expected):
        Frames().feed(stream)


# --- answers


@pytest.mark.parametrize("wrong", [(0, 0, 1), (5, 0, 1), (3, 0, 0), (3, 0, 126), (1, 0, 2001)])
def test_a_read_that_the_specification_forbids_is_not_made(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="no such read"):
        Read(*wrong)


@pytest.mark.parametrize("wrong", [(3, 65535, 2), (3, -1, 1)])
def test_no_read_leaves_the_address_space(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="no such addresses"):
        Read(*wrong)


def test_the_whole_answer_is_taken() -> None:
    pdu = registers(1, 2)
    assert check(Read(3, 0, 2), pdu) is pdu


@pytest.mark.parametrize(
    ("pdu", "expected"),
    [
        (registers(1), "expected 4 bytes of holding registers 0-1, got 2 in 2"),
        (registers(1, 2, 3), "got 6 in 6"),
        (registers(1, 2)[:-1], "got 4 in 3"),
        (registers(1, 2) + b"\0", "got 4 in 5"),
        (b"\x04" + registers(1, 2)[1:], "expected an answer to function 3, got 4"),
        (b"\x84\x02", "expected an answer to function 3, got 132"),
        (b"\x83\x02\x00", "expected 2 bytes of an exception, got 3"),
    ],
)
def test_another_answer_is_refused(pdu: bytes, expected: str) -> None:
    with pytest.raises(Malformed, match=expected):
        check(Read(3, 0, 2), pdu)


@pytest.mark.parametrize(
    ("code", "words"),
    [(2, "exception 2: illegal data address"), (11, "exception 11: gateway target"), (77, "77")],
)
def test_an_exception_is_named(code: int, words: str) -> None:
    with pytest.raises(Declined, match=words) as no:
        check(Read(3, 0, 2), bytes((0x83, code)))
    assert no.value.code == code


@given(st.sampled_from([1, 2, 3, 4]), st.integers(1, 125), st.binary(min_size=2, max_size=253))
def test_random_bytes_are_an_answer_only_if_every_byte_fits(
    function: int, count: int, pdu: bytes
) -> None:
    read = Read(function, 0, count)
    try:
        assert check(read, pdu) == bytes((function, read.size)) + pdu[2:]
        assert len(pdu) == 2 + read.size
    except Declined:
        assert pdu[0] == function | 0x80
    except Malformed:
        assert pdu[:2] != bytes((function, read.size)) or len(pdu) != 2 + read.size


def taken(stream: bytes) -> list[bytes]:
    """What would be taken from the stream for an answer to ASK_INPUTS in transaction 1, unit 1."""
    try:
        frames = Frames().feed(stream)
        return [check(ASK_INPUTS, pdu) for *ids, pdu in frames if ids == [1, 1]]
    except (Malformed, Declined):
        return []


@given(st.integers(0, 8), st.integers(1, 255))
def test_an_answer_with_one_wrong_byte_before_its_data_is_never_taken(at: int, flip: int) -> None:
    assert len(taken(TWO_INPUTS)) == 1
    wrong = bytearray(TWO_INPUTS)
    wrong[at] ^= flip
    assert taken(bytes(wrong)) == []


@given(st.binary(max_size=600).filter(lambda raw: TWO_INPUTS[:9] not in raw))
def test_random_bytes_never_give_a_value(raw: bytes) -> None:
    assert taken(raw) == []


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_random_bytes_are_frames_or_refused(pieces: list[bytes]) -> None:
    frames = Frames()
    try:
        for piece in pieces:
            for _, unit, pdu in frames.feed(piece):
                assert 0 <= unit <= 255
                assert 2 <= len(pdu) <= 253
            assert frames.partial < 260
    except Malformed:
        pass


# --- data


def test_bits_begin_at_the_lowest() -> None:
    pdu = bytes.fromhex("02 02 05 80")
    assert [i for i, bit in enumerate(bits(pdu)) if bit] == [0, 2, 15]
    assert len(bits(pdu)) == 16


def test_neighbours_are_unpacked_at_once() -> None:
    unpack = unpacker(6, [Field(0, "u16"), Field(1, "i16"), Field(2, "u32", 2), Field(4, "f32", 2)])
    pdu = registers(0xFFFF, 0xFFFF, 0x0001, 0x0002, 0x41BC, 0x0000)
    assert unpack(pdu) == (65535, -1, 65538, 23.5)


@pytest.mark.parametrize(
    ("kind", "words", "value"),
    [
        ("u32", (0x0002, 0x0001), 65538),
        ("i32", (0xFFFE, 0xFFFF), -2),
        ("f32", (0x0000, 0x41BC), 23.5),
    ],
)
def test_the_low_word_may_come_first(kind: str, words: tuple[int, int], value: float) -> None:
    assert unpacker(2, [Field(0, kind, 2, little=True)])(registers(*words)) == (value,)


def test_fields_may_share_registers_and_leave_holes() -> None:
    unpack = unpacker(5, [Field(0, "u32", 2), Field(1, "u16"), Field(4, "i16")])
    assert unpack(registers(1, 2, 3, 4, 0x8000)) == (65538, 2, -32768)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"Smart-UPS 1500  ", "Smart-UPS 1500"),
        (b"\0\0AB\0\0", "AB"),
        (b"\xff" * 8, ""),
        (b"a\nb\x1b[2Jx", "a b [2Jx"),
    ],
)
def test_a_text_is_printable(raw: bytes, shown: str) -> None:
    pdu = bytes((3, len(raw))) + raw
    (field,) = unpacker(len(raw) // 2, [Field(0, "text", len(raw) // 2)])(pdu)
    assert isinstance(field, bytes)
    assert text(field) == shown
