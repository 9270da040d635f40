"""The rtsp driver against cameras that fall silent, never end, or send anything at all.

Each must end within 0.2 s of its deadline, in the right failure, without costing memory.
"""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest

from secmon.api import ProbeError
from tests.probes.loopback import Talk, nothing_more_than, open_files, serving
from tests.probes.rtsp_camera import Camera, Request, parsed, played, poll, response
from tests.probes.rtsp_packets import h264, interleaved, packet

ROOT = Path(__file__).parents[2]
DEADLINE_S = 0.4
SPARE_S = 0.2
EXTRA_MAX = 30e6  # bytes

LOG_IN = {"username": "viewer", "password": "geheim"}
VALID = interleaved(packet(0, 0, h264(5, 1400), marker=True)) * 40
JUNK = interleaved(b"\xff" * 65_000)
NOISE = b"\x00\x01\x02" * 20_000
SDP = b"a=x\r\n" * 10_000
EMPTY = interleaved(b"") * 10_000


async def outcome(port: int) -> str:
    """How a poll under the deadline ends, in time; then everything is closed."""
    before, loop = open_files(), asyncio.get_running_loop()
    begun = loop.time()
    try:
        async with asyncio.timeout(DEADLINE_S):
            await poll(port, LOG_IN, timeout_s=DEADLINE_S)
        said = "good"
    except TimeoutError:
        said = "timeout"
    except ProbeError as error:
        said = f"{error.reason}: {error}"
    assert loop.time() - begun < DEADLINE_S + SPARE_S
    assert await nothing_more_than(before)
    return said


# --- silence ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["DESCRIBE", "SETUP", "PLAY"])
async def test_silence_at_each_step_ends_at_the_deadline(method: str) -> None:
    async with played(Camera({method: lambda _: None})) as camera:
        assert await outcome(camera.port) == "timeout"
        async with asyncio.timeout(1):
            while method == "PLAY" and camera.methods[-1] != "TEARDOWN":
                await asyncio.sleep(0.01)
    assert camera.methods.count(method) == 1, "a driver never asks again"


async def test_silence_after_play_is_a_stream_without_media() -> None:
    async with played(Camera()) as camera:
        assert await outcome(camera.port) == "good"


async def test_silence_after_teardown_takes_half_a_second_at_most() -> None:
    async with played(Camera({"TEARDOWN": lambda _: None})) as camera:
        begun = asyncio.get_running_loop().time()
        await poll(camera.port)
        assert 0.5 < asyncio.get_running_loop().time() - begun < 0.8


async def test_a_cancelled_poll_ends_its_session() -> None:
    frames = [(0.01, interleaved(packet(i, i, h264(1)))) for i in range(200)]
    async with played(Camera(media=frames)) as camera:
        before = open_files()
        with suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                await poll(camera.port, seconds=1.0)
        assert await nothing_more_than(before)
    assert camera.methods[-1] == "TEARDOWN"


@pytest.mark.parametrize("text", [b"RTSP/1.0 200 OK\r\nX: ", b"$\0\xff\xff", b""])
async def test_a_drip_ends_at_the_deadline(text: bytes) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        while True:
            writer.write(b"\r" if not text else b"y")
            await writer.drain()
            await asyncio.sleep(0.002)

    async with serving(drip) as port:
        assert await outcome(port) == "timeout"


# --- too much, and anything ------------------------------------------------------------------


def after(method: str, begin: Callable[[Request], bytes], flood: bytes) -> Talk:
    """A camera that answers `method` with `begin` and then sends `flood` for ever."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                asked = parsed(await reader.readuntil(b"\r\n\r\n"))
                if asked.method == method:
                    break
                writer.write(camera(asked))
            writer.write(begin(asked))
            while flood:
                writer.write(flood)
                await writer.drain()

    def camera(asked: Request) -> bytes:
        answer = Camera()._answer(asked)
        assert answer is not None
        return answer

    return talk


def huge(asked: Request) -> bytes:
    return response(asked, f"Content-Length: {2 * 1024**3}")


# What it does → how the poll ends: the reason, and what the text holds.
HOSTILE: dict[str, tuple[Talk, str, str]] = {
    "2 GB SDP": (after("DESCRIBE", huge, SDP), "garbled", "at most 65536 bytes, got one of 2147"),
    "SDP without a length": (
        after("DESCRIBE", lambda asked: response(asked) + b"v=0\r\n", SDP),
        "garbled",
        "expected",
    ),
    "endless header": (
        after("DESCRIBE", lambda _: b"RTSP/1.0 200 OK\r\nX: ", b"y" * 60_000),
        "garbled",
        "at most 16384 bytes",
    ),
    "endless headers": (
        after("DESCRIBE", lambda _: b"RTSP/1.0 200 OK\r\n", b"X: y\r\n" * 10_000),
        "garbled",
        "at most 16384 bytes",
    ),
    "endless answers": (
        after("DESCRIBE", lambda _: b"", b"RTSP/1.0 100 Continue\r\n\r\n" * 1000),
        "garbled",
        "at most 100 messages",
    ),
    "endless requests of its own": (
        after("DESCRIBE", lambda _: b"", b"OPTIONS * RTSP/1.0\r\n\r\n" * 1000),
        "garbled",
        "at most 100 messages",
    ),
    "noise": (after("DESCRIBE", lambda _: b"", NOISE), "garbled", "expected RTSP, got"),
    "packets and no answer": (after("PLAY", lambda _: b"", VALID), "timeout", ""),
    "interleaved garbage": (after("PLAY", response, JUNK), "garbled", "of something else"),
    "empty packets": (after("PLAY", response, EMPTY), "garbled", "of something else"),
    "garbage in between": (after("PLAY", response, VALID + b"zz"), "garbled", "got 'zz"),
    "packets without end": (after("PLAY", response, VALID), "good", ""),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_flood_ends_in_time(name: str) -> None:
    talk, reason, text = HOSTILE[name]
    async with serving(talk) as port:
        said = await outcome(port)
    assert said.startswith(reason) or said.endswith("a flood without one")
    assert text in said


# Polls each port of its argument in a process of its own and says what that cost in memory.
POLLS = """
import asyncio, json, sys
from pathlib import Path
from tests.probes.test_rtsp_hostile import outcome

def memory(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))

async def main():
    before = memory("VmRSS:")
    ends = [await outcome(port) for port in json.loads(sys.argv[1])]
    print(json.dumps([memory("VmHWM:") - before, ends]))

asyncio.run(main())
"""


async def test_no_flood_costs_memory() -> None:
    async with AsyncExitStack() as stack:
        servers = [serving(talk) for talk, *_ in HOSTILE.values()]
        ports = [await stack.enter_async_context(server) for server in servers]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", POLLS, json.dumps(ports), stdout=PIPE, cwd=ROOT
        )
        told, _ = await process.communicate()
    extra, ends = json.loads(told)
    assert len(ends) == len(HOSTILE)
    assert extra < EXTRA_MAX
