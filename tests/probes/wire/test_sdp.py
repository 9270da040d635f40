"""Session descriptions as cameras write them, and as nobody should."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.wire import sdp

CAMERA = b"""v=0\r
o=- 1109162014219182 1 IN IP4 192.0.2.7\r
s=Media Presentation\r
t=0 0\r
a=control:rtsp://192.0.2.7:554/Streaming/Channels/101/\r
m=audio 0 RTP/AVP 8\r
a=control:trackID=2\r
m=video 0 RTP/AVP 96\r
b=AS:5000\r
a=control:rtsp://192.0.2.7:554/Streaming/Channels/101/trackID=1\r
a=rtpmap:96 H264/90000\r
a=fmtp:96 profile-level-id=420029; packetization-mode=1; sprop-parameter-sets=Z00,aO4=\r
m=application 0 RTP/AVP 107\r
a=control:trackID=4\r
a=rtpmap:107 vnd.onvif.metadata/90000\r
"""


def described(*lines: str) -> sdp.Session:
    return sdp.parse("\r\n".join(("v=0", *lines)).encode())


def test_a_cameras_description() -> None:
    session = sdp.parse(CAMERA)
    assert session.control == "rtsp://192.0.2.7:554/Streaming/Channels/101/"
    video = session.video()
    assert video is not None
    assert video.codec() == (96, "H264", 90000)
    assert video.control.endswith("/trackID=1")
    assert sdp.shown(session) == "audio, video, application"


def test_a_static_payload_type_needs_no_rtpmap() -> None:
    video = described("m=video 0 RTP/AVP 26", "a=control:track1").video()
    assert video is not None
    assert video.codec() == (26, "JPEG", 90000)


@pytest.mark.parametrize(
    "lines",
    [
        ("m=video 0 RTP/AVP 96",),
        ("m=video 0 RTP/AVP 96", "a=rtpmap:97 H264/90000"),
        ("m=video 0 RTP/AVP 200", "a=rtpmap:200 H264/90000"),
        ("m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/0"),
        ("m=video 0 RTP/AVP 96", "a=rtpmap:96 \x00/90000"),
    ],
)
def test_a_track_without_a_codec_that_rtp_can_carry(lines: tuple[str, ...]) -> None:
    video = described(*lines).video()
    assert video is not None
    assert video.codec() is None


@pytest.mark.parametrize("protocol", ["RTP/SAVP", "udp", "MP2T/H2221/UDP"])
def test_only_video_that_rtp_carries_in_the_clear(protocol: str) -> None:
    assert described(f"m=video 0 {protocol} 96", "a=rtpmap:96 H264/90000").video() is None


@pytest.mark.parametrize(
    ("base", "control", "url"),
    [
        ("rtsp://cam/h264/", "trackID=1", "rtsp://cam/h264/trackID=1"),
        ("rtsp://cam/h264", "trackID=1", "rtsp://cam/h264/trackID=1"),
        (
            "rtsp://cam/live?channel=1&subtype=0",
            "trackID=0",
            "rtsp://cam/live?channel=1&subtype=0/trackID=0",
        ),
        ("rtsp://cam/h264", "RTSP://other/x", "RTSP://other/x"),
        ("rtsp://cam/h264", "*", "rtsp://cam/h264"),
        ("rtsp://cam/h264/", "", "rtsp://cam/h264/"),
    ],
)
def test_where_a_track_is(base: str, control: str, url: str) -> None:
    assert sdp.control_url(base, control) == url


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "begins with v=0, got nothing"),
        (b"<html>no such page</html>", "begins with v=0, got '<html>no such page</html>'"),
        (b"v=0\r\n" + b"a=x:" + b"y" * 70_000, "at most 65536 bytes"),
        (b"v=0\r\n" + b"a=x\r\n" * 2001, "at most 2000 lines"),
        (b"v=0\r\n" + b"m=video 0 RTP/AVP 96\r\n" * 21, "at most 20 tracks"),
        (b"v=0\r\nm=video\r\n", "expected a track like"),
        (b"v=0\r\nm=video 0 RTP/AVP 96\r\na=control:a b\r\n", "visible ASCII"),
        (b"v=0\r\nm=video 0 RTP/AVP 96\r\na=control:" + b"x" * 1025 + b"\r\n", "visible ASCII"),
    ],
)
def test_what_is_no_description(body: bytes, expected: str) -> None:
    with pytest.raises(sdp.Malformed, match=expected):
        sdp.parse(body)


@given(st.lists(st.sampled_from([*CAMERA.splitlines(), b"m=", b"a=", b"a=rtpmap:", b"\xff"])))
def test_nothing_but_malformed_is_raised(lines: list[bytes]) -> None:
    try:
        session = sdp.parse(b"v=0\n" + b"\n".join(lines))
    except sdp.Malformed:
        return
    for media in session.media:
        assert sdp.control_url("rtsp://cam", media.control).isascii()
