"""Frames, key frames and losses from RTP packets that were put together by hand."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.wire.rtp import KEYS, Track
from tests.probes.rtsp_packets import ap, frames, fu, fu_a, h264, h265, jpeg, packet, stap_a


def track(packets: list[bytes], codec: str = "H264", *, each_s: float = 0.01) -> Track:
    """What came of packets that arrived one after another, the first at 0 s."""
    made = Track(96, KEYS.get(codec))
    for place, one in enumerate(packets):
        made.take(one, place * each_s)
    return made


def numbered(*numbers: int) -> Track:
    return track([packet(number, 3600 * number, h264(1)) for number in numbers])


# --- key frames ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codec", "payloads", "last"),
    [
        ("H264", [[h264(1)], [h264(7), h264(8), h264(5)]], 3),
        ("H264", [[h264(1)], [stap_a(h264(7), h264(8)), *fu_a(5, 3)]], 4),
        ("H264", [[stap_a(h264(7), h264(8), h264(5)), h264(5)]], 1),
        ("H265", [[h265(1)], [h265(32), h265(33), h265(34), h265(19)]], 4),
        ("H265", [[ap(h265(32), h265(33), h265(34)), *fu(19, 3)]], 3),
        ("H265", [[h265(1)], [ap(h265(32), h265(21))]], 1),
        ("JPEG", [[jpeg(0), jpeg(100), jpeg(200)]], 2),
    ],
)
def test_a_key_frame_counts_when_its_last_packet_came(
    codec: str, payloads: list[list[bytes]], last: int
) -> None:
    got = track(frames(payloads), codec)
    assert got.key_at == pytest.approx(last * 0.01)
    assert got.frames == len(payloads)


@pytest.mark.parametrize(
    ("codec", "payloads"),
    [
        ("H264", [[h264(1)], fu_a(1, 3), [stap_a(h264(7), h264(8))], [h264(6), h264(1)]]),
        ("H264", [fu_a(5, 3)[1:]]),
        ("H265", [[h265(1)], fu(1, 3), [ap(h265(32), h265(33))], [h265(22)]]),
        ("H265", [fu(19, 3)[1:]]),
        ("JPEG", [[jpeg(100), jpeg(200)]]),
        ("MPV", [[h264(5)], [h265(19)]]),
    ],
)
def test_no_key_frame(codec: str, payloads: list[list[bytes]]) -> None:
    assert track(frames(payloads), codec).key_at is None


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_key_frame_of_which_something_is_lost_is_none(lost: int) -> None:
    packets = frames([[h264(1)], fu_a(5, 3), [h264(1)], fu_a(5, 2)])
    got = track([one for place, one in enumerate(packets) if place != lost])
    assert got.key_at == pytest.approx(0.01 * (len(packets) - 2)), "the next one"


def test_the_second_slice_of_a_torn_key_frame_does_not_make_it_whole() -> None:
    packets = frames([[h264(1)], [h264(5), h264(5), h264(5)], [h264(1)]])
    del packets[1]
    assert track(packets).key_at is None


def test_a_sender_that_marks_nothing_is_known_by_its_timestamps() -> None:
    pieces = [(0, h264(1)), (3600, h264(5)), (3600, h264(5)), (7200, h264(1))]
    got = track([packet(place, *one) for place, one in enumerate(pieces)])
    assert got.key_at == pytest.approx(0.03)


def test_the_first_key_frame_is_the_one() -> None:
    assert track(frames([[h264(5)], [h264(1)], [h264(5)]])).key_at == 0.0


# --- frames and rates ------------------------------------------------------------------------


def test_rates_are_unbiased_by_where_the_watch_ends() -> None:
    every_40_ms = [packet(i, i * 3600, h264(1, 87)) for i in range(200)]
    seen = []
    for end_ms in range(2000, 2040):
        got = Track(96)
        for place, one in enumerate(every_40_ms):
            if place * 40 < end_ms:
                got.take(one, place / 25)
        rates = got.rates(end_ms / 1000)
        assert rates is not None
        assert rates[0] == pytest.approx(25, abs=0.5)
        seen.append(rates[0])
    assert sum(seen) / len(seen) == pytest.approx(25, abs=0.1)


def test_bytes_are_those_of_the_packets() -> None:
    got = track([packet(0, 0, bytes(88)), packet(1, 0, bytes(188))])
    assert got.octets == 300
    assert got.rates(2.0) == (0.25, 150.0)


def test_a_clock_that_stands_still_is_counted_by_its_markers() -> None:
    got = track([packet(i, 0, h264(1), marker=i % 2 == 1) for i in range(20)])
    assert got.frames == 10


def test_nothing_came() -> None:
    got = Track(96)
    assert (got.rates(1.0), got.loss_ratio, got.first_at) == (None, 0.0, None)


# --- losses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("numbers", "ratio"),
    [
        (range(100), 0.0),
        ([n for n in range(100) if n % 10 != 5], 0.1),
        (range(65500, 65600), 0.0),
        ([n for n in range(65500, 65600) if n % 10 != 5], 0.1),
        ([*range(10), 12, 11, 10, *range(13, 20)], 0.0),
        ([*range(10), *range(5000, 5010)], 0.0),
        ([*range(10), 9000, *range(10, 20)], 0.0),
        ([0, 9], 0.8),
    ],
)
def test_the_share_that_is_missing(numbers: Iterable[int], ratio: float) -> None:
    got = numbered(*numbers)
    assert got.loss_ratio == pytest.approx(ratio)


def test_packets_out_of_order_begin_no_frame() -> None:
    got = numbered(0, 1, 3, 2, 4)
    assert (got.frames, got.late) == (4, 1)


def test_a_sender_that_starts_anew_loses_nothing() -> None:
    first = [packet(i, i, h264(1)) for i in range(10)]
    again = [packet(i, i, h264(1), sender=7) for i in range(40_000, 40_010)]
    assert track(first + again).loss_ratio == 0.0


# --- what is no RTP --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x60",
        packet(0, 0, b""),
        b"\x00" + packet(0, 0, b"x")[1:],
        packet(0, 0, b"x", kind=97),
        b"\x8f" + packet(0, 0, b"x")[1:],  # fifteen contributors
        b"\x90" + packet(0, 0, b"\0\0\xff\xff")[1:],  # an extension longer than the packet
        b"\xa0" + packet(0, 0, b"\xff")[1:],  # more padding than payload
    ],
)
def test_what_is_no_packet_of_this_track(data: bytes) -> None:
    got = track([data])
    assert (got.strange, got.first_at, got.octets) == (1, None, 0)


def test_padding_extension_and_contributors_are_left_out() -> None:
    head = bytearray(packet(0, 0, b""))
    head[0] |= 0x20 | 0x10 | 0x01
    extension = b"\xbe\xde\0\1" + bytes(4)
    data = bytes(head) + bytes(4) + extension + h264(5, 0) + b"\0\0\3"
    got = track([data[:1] + b"\xe0" + data[2:]])
    assert got.key_at == 0.0


@given(st.lists(st.binary(max_size=40)), st.sampled_from(["H264", "H265", "JPEG"]))
def test_nothing_is_raised_whatever_comes(payloads: list[bytes], codec: str) -> None:
    got = Track(96, KEYS[codec])
    for place, payload in enumerate(payloads):
        got.take(payload, 0.0)
        got.take(b"\x80\x60" + payload, 0.0)
        got.take(packet(place, place, payload), 0.0)
    assert 0.0 <= got.loss_ratio <= 1.0


@given(st.lists(st.integers(0, 0xFFFF), max_size=60))
def test_the_loss_is_a_share_whatever_the_numbers(numbers: list[int]) -> None:
    assert 0.0 <= numbered(*numbers).loss_ratio < 1.0
