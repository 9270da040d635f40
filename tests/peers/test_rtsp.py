"""The rtsp driver against gst-rtsp-server: digest, H.264, H.265, losses, one session that ends."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from probes.rtsp import Options
from secmon.api import Batch, Refused
from tests.peers.process import eventually
from tests.peers.rtsp_server import RtspServer, rtsp_server
from tests.probes.rtsp_camera import asked, floats, target, values

pytestmark = pytest.mark.peers


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RtspServer]:
    with rtsp_server(tmp_path_factory.mktemp("rtsp")) as server:
        yield server


async def poll(peer: RtspServer, stream: str, password: str = "") -> Batch:
    device = target(username=peer.user, password=password or peer.password)
    return await asked(Options(url=peer.url(stream), seconds=2), replace(device, timeout=20.0))


@pytest.mark.parametrize(("stream", "codec"), [("h264", "H264"), ("h265", "H265")])
async def test_a_stream_of_25_frames(peer: RtspServer, stream: str, codec: str) -> None:
    batch = await poll(peer, stream)
    assert values(batch)["stream_up"] is True
    assert batch.facts == {"codec": codec}
    got = floats(batch)
    assert got["stream_frames_per_second"] == pytest.approx(25, abs=3)
    assert got["stream_first_frame_seconds"] < 5
    assert got["stream_loss_ratio"] == 0.0
    assert 2_000 < got["stream_receive_bytes_per_second"] < 200_000


async def test_packets_that_the_server_drops_are_lost(peer: RtspServer) -> None:
    got = floats(await poll(peer, "lossy"))
    assert 0.01 < got["stream_loss_ratio"] < 0.3


async def test_a_wrong_password_is_refused(peer: RtspServer) -> None:
    with pytest.raises(Refused, match="the log-in was refused") as caught:
        await poll(peer, "h264", "wrong")
    assert caught.value.credentials


async def test_a_stream_that_is_not_there_is_refused(peer: RtspServer) -> None:
    with pytest.raises(Refused, match="DESCRIBE: expected 200, got 404 Not Found"):
        await poll(peer, "nothing")


async def test_a_stream_without_video_is_refused(peer: RtspServer) -> None:
    with pytest.raises(Refused, match="expected a video track, got audio"):
        await poll(peer, "sound")


async def test_no_session_and_no_connection_is_left(peer: RtspServer) -> None:
    await poll(peer, "h264")
    assert await asyncio.to_thread(eventually, lambda: connections(peer.port) == 0)


def connections(port: int) -> int:
    """Established TCP connections that end at that port of 127.0.0.1, from the kernel's table."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1] == f"0100007F:{port:04X}" and row[3] == "01" for row in rows)
