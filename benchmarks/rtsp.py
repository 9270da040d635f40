"""What a camera's stream costs this process: a DESCRIBE over a fresh connection, and polls that
watch two seconds of it, fifty streams at once, by the driver on uvloop."""

from __future__ import annotations

import asyncio
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from benchmarks.figures import Figure, Show, at_most, best
from benchmarks.peers.starting import started
from probes.rtsp import DRIVER, Options
from probes.rtsp.line import dial
from probes.rtsp.probe import describe
from probes.wire import rtsp
from secmon.api import Batch, Credentials, Target
from tests.probes.loopback import NoMemory

DESCRIBES = 500
STREAMS = 50
ROUNDS = 5
LIMIT_MS = 0.15
KNOWN = Credentials({"username": "viewer", "password": "pw"})


def run(show: Show) -> None:
    with (
        tempfile.TemporaryDirectory() as name,
        started(Path(name), "benchmarks.peers.rtsp_responder") as (_, port),
    ):
        uvloop.run(_run(show, f"rtsp://127.0.0.1:{port}"))


async def _run(show: Show, site: str) -> None:
    for name, path, limit in (
        ("rtsp DESCRIBE, TCP connection and SDP included", "main", at_most(LIMIT_MS)),
        ("… with a log-in by digest, so two requests", "locked", None),
    ):
        costs = [await _describes(rtsp.url(f"{site}/{path}")) for _ in range(ROUNDS)]
        value, note = best(costs)
        show(Figure(name, value, "CPU-ms", limit, note))
    for name, path in (("512 kbit/s", "sub"), ("4 Mbit/s", "main")):
        costs = [await _polls(f"{site}/{path}") for _ in range(3)]
        value, note = best(costs)
        show(Figure(f"rtsp poll that watches 2 s of {name}", value, "CPU-ms", note=note))


async def _describes(url: rtsp.Url) -> float:
    """CPU-ms of one, of many one after another."""
    begun = time.process_time()
    for _ in range(DESCRIBES):
        line = await dial(url, KNOWN)
        await describe(line, url)
        line.close()
    return (time.process_time() - begun) / DESCRIBES * 1e3


async def _polls(url: str) -> float:
    """CPU-ms of one, of many at once; each must have seen the stream whole."""
    options, device = Options(url=url), _device()
    begun = time.process_time()
    async with asyncio.TaskGroup() as group:
        polls = [group.create_task(_poll(options, device)) for _ in range(STREAMS)]
    spent = time.process_time() - begun
    for poll in polls:
        batch = poll.result()
        got = dict(zip(batch.layout.names, batch.values, strict=True))
        assert got["stream_up"] is True
        assert got["stream_loss_ratio"] == 0.0
        assert "stream_first_frame_seconds" in got
    return spent / STREAMS * 1e3


async def _poll(options: Options, device: Target) -> Batch:
    async with DRIVER.connect(device, options, None) as probe:
        batch = await probe.read()
    assert isinstance(batch, Batch)
    return batch


def _device() -> Target:
    return Target(
        device="cam-1",
        address="127.0.0.1",
        timeout=10.0,
        interval=30.0,
        credentials=KNOWN,
        parts={},
        facts={},
        memory=NoMemory(),
        now=lambda: datetime.now(UTC),
    )


def main() -> None:
    """`python -m benchmarks.rtsp`."""
    run(lambda figure: print(figure, flush=True))


if __name__ == "__main__":
    main()
