"""The demo's stream server: FFmpeg decodes what it sends, our driver is told of all its faults."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from probes.rtsp import Options
from probes.simulators import Running
from probes.simulators.rtsp import SIMULATOR
from probes.simulators.rtsp.packets import payloads
from probes.simulators.rtsp.picture import BLOCKS, FRAMES, GOP, frames, luma
from secmon.api import Batch, ProbeError, Refused, Unreachable
from tests.probes.loopback import nothing_more_than, open_files
from tests.probes.rtsp_camera import asked, floats, target, values

USER, PASSWORD = "operator", "pass-1"

# In a process of its own: OpenCV brings an FFmpeg, whose decoder we did not write.
FFMPEG = f"""
import json, sys
import cv2
stream = cv2.VideoCapture(sys.argv[1], cv2.CAP_FFMPEG)
shown = []
while len(shown) < int(sys.argv[2]):
    good, picture = stream.read()
    if not good:
        break
    assert picture.shape == (48, 64, 3), picture.shape
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    shown.append([int(grey[16 * (at // 4) + 8, 16 * (at % 4) + 8]) for at in range({BLOCKS})])
print(json.dumps(shown))
"""


async def poll(running: Running, path: str = "main", **log_in: str) -> Batch:
    options = Options(url=f"rtsp://127.0.0.1:{running.port}/{path}", seconds=0.5)
    device = target(None, **(log_in or {"username": USER, "password": PASSWORD}))
    return await asked(options, device)


@pytest.mark.parametrize("way", ["tcp", "udp"])
async def test_a_decoder_sees_the_lit_block_walk(way: str) -> None:
    """By UDP, which it refuses, FFmpeg asks first if nobody tells it otherwise."""
    options: dict[str, object] = {"password": PASSWORD, "frames_per_s": 50.0}
    wanted = FRAMES + GOP if way == "tcp" else GOP
    async with SIMULATOR.start(options) as running:
        url = f"rtsp://{USER}:{PASSWORD}@127.0.0.1:{running.port}/main"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", FFMPEG, url, str(wanted)),
            stdout=subprocess.PIPE,
            env={
                **os.environ,
                "OPENCV_FFMPEG_CAPTURE_OPTIONS": "rtsp_transport;tcp" * (way == "tcp"),
            },
        )
        async with asyncio.timeout(30):
            out, _ = await process.communicate()
    shown = json.loads(out)
    assert len(shown) == wanted
    lit = [row.index(max(row)) for row in shown]
    assert lit == [number % BLOCKS for number in range(wanted)]
    still = shown[0][1:]
    assert still == sorted(still) and len(set(still)) == BLOCKS - 1  # a ramp, as it was written


async def test_our_driver_watches_it() -> None:
    async with SIMULATOR.start({"password": PASSWORD}) as running:
        got = await poll(running)
    assert values(got)["stream_up"] is True
    assert got.facts == {"codec": "H264"}
    assert floats(got)["stream_frames_per_second"] == pytest.approx(10, abs=3)
    assert floats(got)["stream_loss_ratio"] == 0.0
    assert floats(got)["stream_first_frame_seconds"] < 1.0  # a key frame comes first


async def test_a_stream_falls_silent_and_comes_back() -> None:
    async with SIMULATOR.start({"names": ("ch1", "ch2"), "password": PASSWORD}) as running:
        await running.set(stream="silent", name="ch2")
        assert values(await poll(running, "ch2")) == {"stream_up": False}
        assert values(await poll(running, "ch1"))["stream_up"] is True
        await running.set(stream="on")
        assert values(await poll(running, "ch2"))["stream_up"] is True


async def test_a_stream_dies_while_it_is_watched() -> None:
    async with SIMULATOR.start({}) as running, asyncio.TaskGroup() as group:
        polling = group.create_task(outcome(running, username="", password=""))
        await asyncio.sleep(0.2)
        await running.set(stream="gone")
        ended = await polling
    assert isinstance(ended, ProbeError), ended


async def outcome(running: Running, **log_in: str) -> Batch | ProbeError:
    try:
        return await poll(running, **log_in)
    except ProbeError as error:
        return error


@pytest.mark.parametrize(
    ("state", "failure", "text", "log_in"),
    [
        ({"stream": "gone"}, Refused, "DESCRIBE: expected 200, got 404 Not Found", False),
        ({"listening": False}, Unreachable, "no TCP connection", False),
        ({"password": "another"}, Refused, "the log-in was refused", True),
        ({"locked": True}, Refused, "the log-in was refused", True),
    ],
)
async def test_its_faults_and_their_end(
    state: dict[str, object], failure: type[ProbeError], text: str, log_in: bool
) -> None:
    good = {"stream": "on", "listening": True, "password": PASSWORD, "locked": False}
    async with SIMULATOR.start({"password": PASSWORD}) as running:
        port = running.port
        before = open_files()
        await running.set(**state)
        with pytest.raises(failure, match=text) as caught:
            await poll(running)
        assert getattr(caught.value, "credentials", False) is log_in
        await running.set(**{key: good[key] for key in state})
        assert values(await poll(running))["stream_up"] is True
        assert running.port == port
        if "listening" not in state:
            assert await nothing_more_than(before)


async def test_nobody_takes_its_port_meanwhile() -> None:
    async with SIMULATOR.start({}) as running:
        await running.set(listening=False)
        with socket.socket() as stranger, pytest.raises(OSError, match="in use"):
            stranger.bind(("127.0.0.1", running.port))
        await running.set(listening=True)
        assert values(await poll(running))["stream_up"] is True
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", running.port))  # all is given back


async def test_another_name_is_not_there() -> None:
    async with SIMULATOR.start({"password": PASSWORD}) as running:
        with pytest.raises(Refused, match="404"):
            await poll(running, "sub")


async def test_without_a_session_nothing_is_played() -> None:
    async with SIMULATOR.start({}) as running:
        url = f"rtsp://127.0.0.1:{running.port}/main"
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        with closing(writer):
            writer.write(b"$\1\0\4rtcp")  # a report, which needs no answer
            said = [
                await ask(reader, writer, f"OPTIONS {url}"),
                await ask(reader, writer, f"PLAY {url}", "Session: 12"),
                await ask(reader, writer, f"GET_PARAMETER {url}"),
                await ask(reader, writer, f"RECORD {url}"),
                await ask(reader, writer, f"SETUP {url}/track1", "Transport: RTP/AVP;unicast"),
            ]
    status = [" ".join(one.split()[1:]) for one in said]
    assert status == [
        "200 OK",
        "454 Session Not Found",
        "200 OK",
        "501 Not Implemented",
        "461 Unsupported Transport",
    ]


async def ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, what: str, *lines: str
) -> str:
    """The first line of the answer."""
    writer.write("\r\n".join([f"{what} RTSP/1.0", "CSeq: 7", *lines, "", ""]).encode())
    async with asyncio.timeout(5):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
    assert "CSeq: 7" in head
    return head[0]


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\n\r\n", b"x" * 20_000])
async def test_what_is_no_rtsp_is_hung_up_on(sent: bytes) -> None:
    async with SIMULATOR.start({}) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        with closing(writer):
            writer.write(sent)
            async with asyncio.timeout(5):
                with suppress(ConnectionError):
                    assert await reader.read() == b""


def whole(pieces: tuple[bytes, ...]) -> Iterator[bytes]:
    """RFC 6184 the other way round: the NAL units of one frame."""
    unit = b""
    for piece in pieces:
        kind = piece[0] & 0x1F
        if kind == 24:
            at = 1
            while at < len(piece):
                size = int.from_bytes(piece[at : at + 2])
                yield piece[at + 2 : at + 2 + size]
                at += 2 + size
        elif kind == 28:
            if piece[1] & 0x80:
                unit = bytes((piece[0] & 0x60 | piece[1] & 0x1F,))
            unit += piece[2:]
            if piece[1] & 0x40:
                yield unit
        else:
            yield piece


def test_what_is_cut_into_packets_is_put_together_again() -> None:
    made = frames(tint=0)
    assert [tuple(whole(payloads(units))) for units in made] == made
    assert max(len(piece) for units in made for piece in payloads(units)) <= 1400
    keys = [number for number, units in enumerate(made) if len(units) == 3]
    assert keys == list(range(0, FRAMES, GOP))
    assert len({made[number][2] for number in keys}) == len(keys)  # not a frozen picture
    assert all(b"\0\0\0" not in unit and b"\0\0\1" not in unit for units in made for unit in units)
    assert luma(FRAMES) == luma(0)


@pytest.mark.parametrize(
    "state",
    [
        {"stream": "off"},
        {"stream": "gone", "name": "sub"},
        {"listening": "yes"},
        {"password": 7},
        {"locked": 1},
        {"colour": "red"},
    ],
)
async def test_what_the_script_misspells_is_told(state: dict[str, object]) -> None:
    async with SIMULATOR.start({}) as running:
        with pytest.raises(ValueError, match="expected stream"):
            await running.set(**state)


async def test_options_that_are_not_there_are_told() -> None:
    with pytest.raises(ValueError, match="colour"):
        async with SIMULATOR.start({"colour": "red"}):
            raise AssertionError("it must not start")
