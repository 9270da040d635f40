"""BER elements, numbers and object identifiers against bytes written by hand (X.690)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.wire import ber
from probes.wire.ber import Malformed

ARC = st.integers(0, 0xFFFFFFFF)


@pytest.mark.parametrize(
    ("value", "content"),
    [
        (0, "00"),
        (127, "7f"),
        (128, "0080"),
        (256, "0100"),
        (-1, "ff"),
        (-128, "80"),
        (-129, "ff7f"),
        (0xFFFFFFFF, "00ffffffff"),
    ],
)
def test_integers_are_as_short_as_may_be(value: int, content: str) -> None:
    assert ber.integer(value).hex() == content


@pytest.mark.parametrize(
    ("dotted", "content"),
    [
        ("1.3.6.1.2.1.1.3.0", "2b06010201010300"),
        ("1.3.6.1.4.1.8072", "2b06010401bf08"),
        ("2.999.3", "883703"),
        ("0.39", "27"),
        ("1.3.4294967295", "2b8fffffff7f"),  # the greatest ifIndex and then some
    ],
)
def test_object_identifiers_go_both_ways(dotted: str, content: str) -> None:
    assert ber.oid(dotted).hex() == content
    assert ber.dotted(bytes.fromhex(content)) == dotted


@pytest.mark.parametrize("dotted", ["", "1", "1.3.x", "3.1", "1.40", "1.3.4294967296", "1..3"])
def test_what_is_no_object_identifier_is_told(dotted: str) -> None:
    with pytest.raises(ValueError, match="expected an object identifier"):
        ber.oid(dotted)


@pytest.mark.parametrize("content", ["", "2b86", "2b9080808000", "2b" + "01" * 128])
def test_broken_object_identifiers_are_malformed(content: str) -> None:
    with pytest.raises(Malformed):
        ber.dotted(bytes.fromhex(content))


@pytest.mark.parametrize("size", [0, 127, 128, 255, 256, 65535])
def test_elements_go_both_ways(size: int) -> None:
    data = ber.tlv(0x04, bytes(size))
    tag, start, stop = ber.element(data, 0, len(data))
    assert (tag, stop - start, stop) == (0x04, size, len(data))


@pytest.mark.parametrize(
    "data",
    [
        "",
        "04",
        "0480",  # indefinite length
        "0485000000000100",  # a length of five octets
        "048200",  # cut off within the length
        "04027f",  # cut off within the content
        "0484ffffffff00",
    ],
)
def test_broken_elements_are_malformed(data: str) -> None:
    with pytest.raises(Malformed):
        ber.element(bytes.fromhex(data), 0, len(data) // 2)


def test_what_no_datagram_holds_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 65535"):
        ber.tlv(0x04, bytes(65536))


@given(st.lists(ARC, min_size=1, max_size=100))
def test_any_arcs_go_both_ways(arcs: list[int]) -> None:
    dotted = "1.3." + ".".join(map(str, arcs))
    assert ber.dotted(ber.oid(dotted)) == dotted


@given(st.binary(max_size=64))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    for read in (
        lambda: ber.element(data, 0, len(data)),
        lambda: ber.number(data, 0, len(data), "a number"),
        lambda: ber.dotted(data),
    ):
        try:
            read()
        except Malformed as error:
            assert "expected" in str(error)
