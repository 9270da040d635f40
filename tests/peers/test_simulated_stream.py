"""The demo's stream server against GStreamer, whose decoder shows the very samples written."""

import asyncio
import json
import os
import subprocess
from pathlib import Path

import pytest

from probes.simulators.rtsp import SIMULATOR
from probes.simulators.rtsp.picture import FRAMES, GOP, luma
from tests.peers.need import need, peers_required

pytestmark = pytest.mark.peers

SCRIPT = Path(__file__).with_name("gst_decode.py")
PYTHON = "/usr/bin/python3"  # Debian's bindings are its own, not those of a virtual environment


async def test_every_sample_arrives(tmp_path: Path) -> None:
    need_decoder()
    count = FRAMES + GOP  # it begins anew, and goes on
    options: dict[str, object] = {"password": "pass-1", "frames_per_s": 50.0, "names": ("ch1",)}
    async with SIMULATOR.start(options) as running:
        url = f"rtsp://127.0.0.1:{running.port}/ch1"
        process = await asyncio.create_subprocess_exec(
            *(PYTHON, SCRIPT, url, "operator", "pass-1", str(count)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "GST_REGISTRY": str(tmp_path / "registry.bin")},
        )
        async with asyncio.timeout(40):
            out, error = await process.communicate()
    assert process.returncode == 0, error.decode()[-1000:]
    shown = json.loads(out)
    assert [row[:12] for row in shown] == [luma(number) for number in range(count)]
    assert len({tuple(row[12:]) for row in shown}) == 1  # its colour stays


def need_decoder() -> None:
    """GStreamer, its H.264 decoder and Debian's bindings; without them the test ends."""
    command = [need("python3", PYTHON), str(SCRIPT), "--check"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    if asked.returncode:
        reason = f"GStreamer cannot decode: run .ci/peers ({asked.stderr[-200:].strip()})"
        if peers_required():
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
