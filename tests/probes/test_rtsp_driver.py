"""The rtsp driver against a camera that is played here: readings, log-in, one session, its end."""

import asyncio
from dataclasses import replace

import pytest
from pydantic import ValidationError

from probes.rtsp import DRIVER, Options
from secmon.api import Batch, ProbeError, Reason
from tests.probes.rtsp_camera import (
    Camera,
    Media,
    asked,
    floats,
    pictures,
    played,
    poll,
    response,
    says,
    target,
    values,
)
from tests.probes.rtsp_packets import h264, interleaved, packet

# --- readings --------------------------------------------------------------------------------


async def test_a_stream_becomes_readings() -> None:
    async with played(Camera(media=pictures())) as camera:
        batch = await poll(camera.port, seconds=0.5)
    assert values(batch)["stream_up"] is True
    got = floats(batch)
    assert got["stream_loss_ratio"] == 0.0
    assert 0.01 < got["stream_first_frame_seconds"] < 0.3
    assert 25 < got["stream_frames_per_second"] <= 51
    per_frame = got["stream_receive_bytes_per_second"] / got["stream_frames_per_second"]
    assert per_frame == pytest.approx(2 * (12 + 201), rel=0.1)
    assert batch.facts == {"codec": "H264"}
    assert camera.methods == ["DESCRIBE", "SETUP", "PLAY", "TEARDOWN"]


async def test_only_the_video_is_set_up_inside_the_connection() -> None:
    async with played(Camera(media=pictures(5))) as camera:
        await poll(camera.port)
    describe, setup, play, teardown = camera.asked
    base = f"rtsp://127.0.0.1:{camera.port}/live"
    assert describe.headers["accept"] == "application/sdp"
    assert setup.url == f"{base}/track1"
    assert setup.headers["transport"] == "RTP/AVP/TCP;unicast;interleaved=0-1"
    assert (play.url, teardown.url) == (base, base)
    assert (play.headers["session"], teardown.headers["session"]) == ("12AB", "12AB")


async def test_lost_packets_are_a_share() -> None:
    sent = [(0.005, interleaved(packet(i, 3600 * i, h264(1)))) for i in range(60) if i % 4]
    async with played(Camera(media=sent)) as camera:
        got = floats(await poll(camera.port, seconds=0.5))
    assert got["stream_loss_ratio"] == pytest.approx(0.25, abs=0.02)
    assert "stream_first_frame_seconds" not in got, "no key frame came"


async def test_packets_come_on_the_channel_that_the_camera_chose() -> None:
    sent = [(0.0, interleaved(packet(0, 0, h264(5), marker=True), 6))]
    chosen = says("200 OK", "Transport: RTP/AVP/TCP;unicast;interleaved=6-7", "Session: 1")
    async with played(Camera({"SETUP": chosen}, sent)) as camera:
        assert values(await poll(camera.port))["stream_up"] is True


async def test_packets_that_overtake_the_answer_to_play_count() -> None:
    first = interleaved(packet(0, 0, h264(5), marker=True))
    camera = Camera({"PLAY": lambda asked: first + response(asked)})
    async with played(camera):
        got = values(await poll(camera.port))
    assert got["stream_up"] is True
    assert "stream_first_frame_seconds" in got


async def test_a_session_without_media_is_a_good_poll_that_says_so() -> None:
    async with played(Camera()) as camera:
        batch = await poll(camera.port)
    assert values(batch) == {"stream_up": False}
    assert camera.methods[-1] == "TEARDOWN"


async def test_reports_alone_are_no_media() -> None:
    reports = [(0.01, interleaved(b"\x80\xc8\0\6" + bytes(24), 1))] * 10
    async with played(Camera(media=reports)) as camera:
        assert values(await poll(camera.port)) == {"stream_up": False}


async def test_a_late_first_picture_is_watched_as_long() -> None:
    late: Media = [(0.4, b""), *pictures(30, 0.01)]
    async with played(Camera(media=late)) as camera:
        got = floats(await poll(camera.port, seconds=0.5))
    assert 0.4 < got["stream_first_frame_seconds"] < 0.7
    assert got["stream_frames_per_second"] > 30


async def test_the_watch_leaves_half_of_the_time_for_the_rest() -> None:
    device = replace(target(), timeout=0.6)
    async with played(Camera(media=pictures(400, 0.01))) as camera:
        options = Options(url=f"rtsp://127.0.0.1:{camera.port}/live", seconds=10)
        begun = asyncio.get_running_loop().time()
        await asked(options, device)
        assert asyncio.get_running_loop().time() - begun == pytest.approx(0.3, abs=0.2)


async def test_layouts_are_kept_between_polls() -> None:
    async with played(Camera(media=pictures())) as camera:
        options = Options(url=f"rtsp://127.0.0.1:{camera.port}/live", seconds=0.5)
        async with DRIVER.connect(target(), options, None) as probe:
            first, second = await probe.read(), await probe.read()
    assert isinstance(first, Batch)
    assert isinstance(second, Batch)
    assert second.layout is first.layout


async def test_a_channel_is_the_part() -> None:
    async with played(Camera(media=pictures())) as camera:
        options = Options(url=f"rtsp://127.0.0.1:{camera.port}/", channel="2", seconds=0.5)
        batch = await asked(options, target())
    assert set(batch.layout.parts) == {"2"}
    assert batch.facts == {"codec/2": "H264"}


# --- where the stream is ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "channel"),
    [
        ({"stream_uri": "rtsp://10.9.9.9:{port}/live"}, ""),
        ({"stream_uri/main": "rtsp://admin:x@10.9.9.9:{port}/live"}, ""),
        (
            {"stream_uri/1": "rtsp://10.9.9.9/no", "stream_uri/2": "rtsp://10.9.9.9:{port}/live"},
            "2",
        ),
    ],
)
async def test_onvif_found_it(facts: dict[str, str], channel: str) -> None:
    async with played(Camera(media=pictures())) as camera:
        known = {name: uri.format(port=camera.port) for name, uri in facts.items()}
        await asked(Options(channel=channel, seconds=0.5), target(known))
    assert camera.asked[0].url == f"rtsp://127.0.0.1:{camera.port}/live"


@pytest.mark.parametrize(
    ("facts", "channel", "expected"),
    [
        ({}, "", "where the stream is, is not known yet"),
        ({"stream_uri": ""}, "", "is not known yet"),
        ({"stream_uri/1": "rtsp://10.9.9.9/"}, "2", "where the stream of channel 2 is"),
        ({"stream_uri": "http://10.9.9.9/"}, "", "that `onvif` found cannot be used"),
    ],
)
async def test_nobody_knows_where_it_is(facts: dict[str, str], channel: str, expected: str) -> None:
    with pytest.raises(ProbeError, match=expected) as caught:
        await asked(Options(channel=channel), target(facts))
    assert caught.value.reason is Reason.INTERNAL, "it says nothing about the device"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"url": "rtsp://operator:geheim@192.0.2.7/"}, "without a log-in"),
        ({"url": "http://192.0.2.7/"}, "expected a URL like"),
        ({"seconds": 11}, "less than or equal to 10"),
        ({"channel": "x" * 65}, "at most 64 characters"),
        ({"urls": "rtsp://192.0.2.7/"}, "not permitted"),
    ],
)
def test_options_are_strict(options: dict[str, object], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected) as caught:
        Options.model_validate(options)
    assert "geheim" not in caught.value.errors()[0]["msg"]


def test_a_good_poll_brings_at_least_that() -> None:
    assert list(DRIVER.brings(Options(), None, {})) == ["stream_up"]
