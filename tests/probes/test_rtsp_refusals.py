"""Whom the rtsp driver logs in to, and what the operator is told of a camera that says no, or
anything else."""

import pytest

from secmon.api import Garbled, ProbeError, Refused, Unreachable
from tests.peers.process import free_port
from tests.probes.rtsp_camera import (
    SDP,
    Answer,
    Camera,
    Request,
    failure,
    pictures,
    played,
    poll,
    response,
    says,
    values,
)
from tests.probes.rtsp_packets import interleaved

CREDENTIALS = {"username": "viewer", "password": "geheim"}

# --- the log-in ------------------------------------------------------------------------------

OLD = 'Digest realm="cam", nonce="0000"'


@pytest.mark.parametrize("qop", ["", ', qop="auth"'])
async def test_digest(qop: str) -> None:
    challenge = f'Digest realm="cam", nonce="5ec0"{qop}'
    async with played(Camera(media=pictures(), password="geheim", challenge=challenge)) as camera:
        assert values(await poll(camera.port, CREDENTIALS))["stream_up"] is True
    assert camera.methods == ["DESCRIBE", "DESCRIBE", "SETUP", "PLAY", "TEARDOWN"]


async def test_a_wrong_password_is_tried_once() -> None:
    camera = Camera(password="other")
    error = await failure(camera, CREDENTIALS)
    assert isinstance(error, Refused)
    assert error.credentials
    assert str(error) == f"RTSP at 127.0.0.1 port {camera.port}: the log-in was refused"
    assert camera.methods == ["DESCRIBE", "DESCRIBE"]


@pytest.mark.parametrize(
    ("challenge", "tries"), [(f"{OLD}, stale=true", 3), (OLD, 2), ("Basic realm=cam", 2)]
)
async def test_endless_401s_end(challenge: str, tries: int) -> None:
    camera = Camera(password="geheim", challenge=challenge)
    error = await failure(camera, CREDENTIALS)
    assert isinstance(error, Refused)
    assert error.credentials
    assert len(camera.asked) == tries


async def test_a_log_in_that_is_wanted_but_not_known() -> None:
    camera = Camera(password="geheim")
    error = await failure(camera)
    assert isinstance(error, Refused)
    assert error.credentials
    assert "this probe's `credentials:` hold none" in str(error)
    assert len(camera.asked) == 1


async def test_a_log_in_of_a_kind_that_we_do_not_speak() -> None:
    error = await failure(Camera(password="x", challenge="Negotiate"), CREDENTIALS)
    assert isinstance(error, Refused)
    assert "expected Digest or Basic, got an offer of 'negotiate'" in str(error)


async def test_a_new_nonce_for_a_later_request_is_taken() -> None:
    used: list[str] = []

    def challenged(name: str) -> Answer:
        def say(asked: Request) -> bytes:
            used.append(asked.headers.get("authorization", ""))
            if len(used) == 1:
                new = f'WWW-Authenticate: Digest realm="cam", nonce="{name}", qop="auth"'
                return response(asked, new, status="401 Unauthorized")
            return response(asked, "Session: 1", "Transport: RTP/AVP/TCP;interleaved=0-1")

        return say

    camera = Camera({"SETUP": challenged("5ec0")}, pictures(), password="geheim")
    async with played(camera):
        assert values(await poll(camera.port, CREDENTIALS))["stream_up"] is True
    assert camera.methods.count("SETUP") == 2
    assert "qop=auth" in used[1]


# --- what the operator is told ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "status", "text"),
    [
        ("DESCRIBE", "404 Not Found", "DESCRIBE: expected 200, got 404 Not Found"),
        ("DESCRIBE", "302 Moved", "DESCRIBE: expected 200, got 302 Moved"),
        ("DESCRIBE", "503 Busy", "DESCRIBE: expected 200, got 503 Busy"),
        ("SETUP", "461 Unsupported Transport", "SETUP: expected 200, got 461"),
        ("PLAY", "454 Session Not Found", "PLAY: expected 200, got 454"),
        ("PLAY", "403 Forbidden", "PLAY: expected 200, got 403"),
    ],
)
async def test_a_no_is_refused(method: str, status: str, text: str) -> None:
    camera = Camera({method: says(status, "Location: rtsp://192.0.2.99/")})
    error = await failure(camera)
    assert isinstance(error, Refused)
    assert not error.credentials
    assert text in str(error)
    ends = ["TEARDOWN"] if method == "PLAY" else []
    assert camera.methods[camera.methods.index(method) + 1 :] == ends


async def test_a_camera_without_video() -> None:
    error = await failure(Camera(sdp=SDP[: SDP.index("m=video")]))
    assert isinstance(error, Refused)
    assert "expected a video track, got audio" in str(error)


@pytest.mark.parametrize(
    ("method", "say", "text"),
    [
        ("DESCRIBE", lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n", "expected RTSP, got 'HTTP"),
        ("DESCRIBE", lambda asked: response(asked, body="<html>"), "begins with v=0"),
        ("DESCRIBE", lambda _: b"RTSP/1.0 200 OK\r\nCSeq: 7\r\n\r\n", "request 1, got that to 7"),
        ("SETUP", lambda asked: response(asked, "Session: 1") * 2, "that nobody waits for"),
        ("SETUP", response, "expected a Session header"),
        (
            "SETUP",
            lambda asked: response(asked, "Session: 1", "Transport: RTP/AVP;client_port=1-2"),
            "expected the stream inside this connection",
        ),
        ("PLAY", lambda asked: response(asked) + b"garbage", "expected RTSP, got 'garbage'"),
    ],
)
async def test_what_the_protocol_does_not_allow_is_garbled(
    method: str, say: Answer, text: str
) -> None:
    error = await failure(Camera({method: say}))
    assert isinstance(error, Garbled)
    assert text in str(error)


async def test_packets_of_something_else_are_garbled() -> None:
    junk = [(0.01, interleaved(b"\xff" * 500))] * 20
    error = await failure(Camera(media=junk))
    assert isinstance(error, Garbled)
    assert "expected RTP of payload type 96, got " in str(error)
    assert str(error).endswith(" packets of something else")


async def test_nothing_listens() -> None:
    with pytest.raises(Unreachable, match="no TCP connection: Connection refused"):
        await poll(free_port())


@pytest.mark.parametrize(
    ("method", "kind", "text"),
    [
        ("DESCRIBE", Unreachable, "DESCRIBE: no answer: it hung up"),
        ("SETUP", Garbled, "SETUP: expected it to go on, but the connection was cut off"),
        ("PLAY", Garbled, "PLAY: expected it to go on, but the connection was cut off"),
    ],
)
async def test_it_hangs_up(method: str, kind: type[ProbeError], text: str) -> None:
    def hang_up(asked: Request) -> bytes:
        raise ConnectionError

    error = await failure(Camera({method: hang_up}))
    assert type(error) is kind
    assert text in str(error)


async def test_a_stream_that_breaks_off_is_garbled() -> None:
    error = await failure(Camera(media=[*pictures(2), (0.02, None)]))
    assert isinstance(error, Garbled)
    assert "expected it to go on, but the connection was cut off: " in str(error)
