"""When certificates end: those that another library makes, and what is none."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.wire.ber import tlv
from probes.wire.x509 import Malformed, not_after
from tests.probes.made_certificate import BEFORE, certificate

DER = certificate().der


@pytest.mark.parametrize(
    "ends",
    [
        datetime(2026, 11, 23, 19, 30, 1, tzinfo=UTC),
        datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2050, 1, 1, tzinfo=UTC),  # from then on with four digits
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    ],
)
def test_when_it_ends(ends: datetime) -> None:
    assert not_after(certificate(ends).der) == ends


def test_of_the_last_century() -> None:
    ended = datetime(1999, 12, 31, tzinfo=UTC)
    begun = datetime(1970, 1, 1, tzinfo=UTC)
    assert not_after(certificate(ended, begun).der) == ended


def signed(*fields: bytes) -> bytes:
    """A certificate of these fields, not signed by anybody."""
    return tlv(0x30, tlv(0x30, b"".join(fields)))


NUMBER, ALGORITHM, ISSUER = tlv(0x02, b"\1"), tlv(0x30, b""), tlv(0x30, b"")
BEGINS = tlv(0x17, b"200101000000Z")


def test_the_first_version_has_no_version() -> None:
    validity = tlv(0x30, BEGINS + tlv(0x17, b"491231235959Z"))
    assert not_after(signed(NUMBER, ALGORITHM, ISSUER, validity)).year == 2049
    assert BEFORE.year == 2020


@pytest.mark.parametrize(
    "ends",
    [
        tlv(0x17, b"4912312359Z"),  # seconds are mandatory
        tlv(0x17, b"491231235959+0800"),
        tlv(0x17, b"491331235959Z"),
        tlv(0x17, b"\xb2\xb2" * 6 + b"Z"),
        tlv(0x18, b"491231235959Z"),
        tlv(0x18, b"00000101000000Z"),
        tlv(0x02, b"491231235959Z"),
        b"",
    ],
)
def test_what_is_no_moment(ends: bytes) -> None:
    with pytest.raises(Malformed):
        not_after(signed(NUMBER, ALGORITHM, ISSUER, tlv(0x30, BEGINS + ends)))


@pytest.mark.parametrize(
    "data",
    [b"", b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30\x80", bytes(70_000), signed(NUMBER)],
)
def test_what_is_no_certificate(data: bytes) -> None:
    with pytest.raises(Malformed):
        not_after(data)


@given(st.integers(0, len(DER)))
def test_a_certificate_that_is_cut_off(size: int) -> None:
    if size < len(DER):
        with pytest.raises(Malformed):
            not_after(DER[:size])


@given(st.integers(0, len(DER) - 1), st.integers(0, 255))
def test_nothing_but_malformed_is_raised(place: int, byte: int) -> None:
    try:
        found = not_after(DER[:place] + bytes((byte,)) + DER[place + 1 :])
    except Malformed:
        return
    assert found.tzinfo is UTC
