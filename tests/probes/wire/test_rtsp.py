"""RTSP as bytes: URLs, requests, answers in whatever pieces they come, and what is none."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.wire import rtsp
from tests.probes.rtsp_packets import interleaved

OK = b"RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession: 4F2A;timeout=60\r\n\r\n"
DESCRIBED = (
    b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Base: rtsp://cam/h264/\r\n"
    b"Content-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n"
)
CHALLENGED = (
    b"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n"
    b'WWW-Authenticate: Digest realm="cam", nonce="1"\r\nWWW-Authenticate: Basic realm="cam"\r\n'
    b"\r\n"
)


def taken(*pieces: bytes) -> list[rtsp.Response | rtsp.Packet]:
    inbox = rtsp.Inbox()
    return [message for piece in pieces for message in inbox.take(piece)]


def answer(data: bytes) -> rtsp.Response:
    [message] = taken(data)
    assert isinstance(message, rtsp.Response)
    return message


# --- URLs ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "host", "port", "path"),
    [
        ("rtsp://192.0.2.7/h264", "192.0.2.7", 554, "/h264"),
        ("RTSP://cam-1.example:8554", "cam-1.example", 8554, "/"),
        ("rtsp://[2001:db8::7]:1554/a?b=c&d", "2001:db8::7", 1554, "/a?b=c&d"),
        ("rtsp://192.0.2.7?channel=1", "192.0.2.7", 554, "?channel=1"),
    ],
)
def test_a_url(text: str, host: str, port: int, path: str) -> None:
    found = rtsp.url(text)
    assert (found.host, found.port, found.path, found.text) == (host, port, path, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://192.0.2.7/",
        "rtsp://",
        "rtsp:///h264",
        "rtsp://192.0.2.7:0/",
        "rtsp://192.0.2.7:65536/",
        "rtsp://192.0.2.7/a b",
        "rtsp://192.0.2.7/a\r\nX: y",
        "rtsp://192.0.2.7/" + "a" * 2100,
        "rtsp://operator:geheim@192.0.2.7/",
    ],
)
def test_no_url_and_it_is_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected a (URL like|port)") as caught:
        rtsp.url(text)
    assert "geheim" not in str(caught.value)


def test_a_url_holds_its_path_back() -> None:
    assert "geheim" not in repr(rtsp.url("rtsp://192.0.2.7/?password=geheim"))


@pytest.mark.parametrize(
    ("given", "host", "used"),
    [
        ("rtsp://10.0.0.9:8554/s?x", "192.0.2.7", "rtsp://192.0.2.7:8554/s?x"),
        ("rtsp://admin:pw@10.0.0.9/s", "192.0.2.7", "rtsp://192.0.2.7:554/s"),
        ("rtsp://[fe80::1]/s", "2001:db8::7", "rtsp://[2001:db8::7]:554/s"),
    ],
)
def test_a_devices_own_url_is_asked_where_the_device_answers(
    given: str, host: str, used: str
) -> None:
    assert rtsp.at_host(given, host).text == used


# --- requests --------------------------------------------------------------------------------


def test_a_request() -> None:
    asked = rtsp.request("SETUP", "rtsp://cam/t1", 4, {"Transport": "RTP/AVP/TCP"})
    lines = asked.decode().split("\r\n")
    assert lines[:2] == ["SETUP rtsp://cam/t1 RTSP/1.0", "CSeq: 4"]
    assert lines[3:] == ["Transport: RTP/AVP/TCP", "", ""]


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nX: y", "a\r"])
def test_a_header_stays_on_its_line(value: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        rtsp.request("PLAY", "rtsp://cam/", 1, {"Session": value})


# --- answers ---------------------------------------------------------------------------------


def test_an_answer() -> None:
    got = answer(DESCRIBED)
    assert (got.status, got.words, got.sequence, got.body) == (200, "OK", 2, b"v=0\r\n")
    assert rtsp.base(got, rtsp.url("rtsp://cam/x")) == "rtsp://cam/h264/"


def test_every_challenge_is_kept() -> None:
    assert [one.split()[0] for one in answer(CHALLENGED).challenges] == ["Digest", "Basic"]


def test_lines_may_end_without_a_carriage_return() -> None:
    assert answer(OK.replace(b"\r", b"")).session() == "4F2A"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"Session: 4F2A;timeout=60", "4F2A"),
        (b"Session:  a-b.c$_+/= ; timeout=5", "a-b.c$_+/="),
    ],
)
def test_the_session(line: bytes, expected: str) -> None:
    assert answer(b"RTSP/1.0 200 OK\r\n" + line + b"\r\n\r\n").session() == expected


@pytest.mark.parametrize("line", [b"CSeq: 1", b"Session:", b"Session: " + b"x" * 201])
def test_no_session(line: bytes) -> None:
    with pytest.raises(rtsp.Malformed, match="Session header"):
        answer(b"RTSP/1.0 200 OK\r\n" + line + b"\r\n\r\n").session()


@pytest.mark.parametrize(
    ("line", "channel"),
    [
        (b"Transport: RTP/AVP/TCP;unicast;interleaved=4-5;ssrc=1", 4),
        (b"Transport: RTP/AVP/TCP;unicast;Interleaved=2", 2),
        (b"Transport: RTP/AVP/TCP;unicast", 0),
        (b"CSeq: 1", 0),
    ],
)
def test_the_channel(line: bytes, channel: int) -> None:
    assert answer(b"RTSP/1.0 200 OK\r\n" + line + b"\r\n\r\n").channel() == channel


@pytest.mark.parametrize(
    "line",
    [
        b"Transport: RTP/AVP;unicast;client_port=1-2",
        b"Transport: RTP/AVP/TCP;interleaved=256-257",
    ],
)
def test_a_channel_that_is_not_in_this_connection(line: bytes) -> None:
    with pytest.raises(rtsp.Malformed):
        answer(b"RTSP/1.0 200 OK\r\n" + line + b"\r\n\r\n").channel()


def test_what_a_device_says_is_shown_without_its_control_characters() -> None:
    assert answer(b"RTSP/1.0 454 \x1b[31mGone\r\n\r\n").words == "[31mGone"


def test_a_base_that_no_request_can_carry() -> None:
    got = answer(b"RTSP/1.0 200 OK\r\nContent-Base: rtsp://cam/ x\r\n\r\n")
    with pytest.raises(rtsp.Malformed, match="visible ASCII"):
        rtsp.base(got, rtsp.url("rtsp://cam/"))


# --- pieces ----------------------------------------------------------------------------------


def test_packets_and_answers_in_one_piece() -> None:
    stream = interleaved(b"abc") + OK + interleaved(b"", 1) + b"\r\n" + DESCRIBED
    first, second, third, fourth = taken(stream + b"$\0")
    assert (first, third) == ((0, b"abc"), (1, b""))
    assert isinstance(second, rtsp.Response)
    assert isinstance(fourth, rtsp.Response)


def test_a_request_of_the_devices_is_left_out() -> None:
    theirs = b"SET_PARAMETER rtsp://cam RTSP/1.0\r\nCSeq: 9\r\nContent-Length: 3\r\n\r\nx: "
    assert taken(theirs + OK) == taken(OK)


@given(st.lists(st.integers(0, 400), max_size=8))
def test_it_does_not_matter_where_the_bytes_are_cut(cuts: list[int]) -> None:
    stream = OK + interleaved(bytes(50)) + DESCRIBED + interleaved(bytes(9), 7) + CHALLENGED
    edges = [0, *sorted(cuts), len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(edges)]
    assert taken(*pieces) == taken(stream)


def test_byte_by_byte() -> None:
    inbox, stream = rtsp.Inbox(), OK + interleaved(bytes(300)) + DESCRIBED
    begun = []
    messages = []
    for i in range(len(stream)):
        messages += inbox.take(stream[i : i + 1])
        begun.append(inbox.begun)
    assert messages == taken(stream)
    assert begun.count(False) == 3
    assert inbox.received == len(stream)


# --- what is no RTSP -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "expected RTSP, got 'HTTP/1.1 400 Bad Request"),
        (b"\xff\xd8\xff\xe0", "expected RTSP, got"),
        (b"SSH-2.0-x\r\n", "expected RTSP, got"),
        (b"RTSP/1.0 2000 OK\r\n\r\n", "expected a status line"),
        (b"RTSP/1.0 OK\r\n\r\n", "expected a status line"),
        (b"RTSP/1.0 200 OK\r\n" + b"a: b\r\n" * 101 + b"\r\n", "at most 100 headers"),
        (b"RTSP/1.0 200 OK\r\nX: " + b"y" * 17_000, "at most 16384 bytes"),
        (b"RTSP/1.0 200 OK\r\nContent-Length: 2147483648\r\n\r\n", "at most 65536 bytes"),
        (b"RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n", "expected a Content-Length"),
        (b"RTSP/1.0 200 OK\r\nContent-Length: 9e9\r\n\r\n", "expected a Content-Length"),
        (b"RTSP/1.0 200 OK\r\nX: a\rb\r\n\r\n", "expected a header"),
        (b"OPTIONS * RTSP/1.0\r\nContent-Length: 70000\r\n\r\n", "at most 65536 bytes"),
    ],
)
def test_garbage_is_told_as_soon_as_it_is_seen(data: bytes, expected: str) -> None:
    with pytest.raises(rtsp.Malformed, match=expected):
        taken(data)


@given(st.lists(st.binary(max_size=60)))
def test_nothing_but_malformed_is_raised(pieces: list[bytes]) -> None:
    for start in (b"", b"RTSP/1.0 200 OK\r\n", b"$\0"):
        try:
            taken(start, *pieces)
        except rtsp.Malformed:
            continue
