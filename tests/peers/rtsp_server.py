"""gst-rtsp-server with its log-in by digest, run by the system's python3."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.peers.need import need, peers_required
from tests.peers.netns import Namespace
from tests.peers.process import Server, free_port, running, tcp_accepts

SCRIPT = Path(__file__).with_name("gst_rtsp.py")
PYTHON = "/usr/bin/python3"  # Debian's bindings are its own, not those of a virtual environment
USER = "viewer"
PASSWORD = "rtsp-pass"


@dataclass(frozen=True, slots=True)
class RtspServer:
    """A running server; `url` of h264, h265, lossy (one packet in ten is missing) or sound."""

    port: int
    server: Server
    address: str = "127.0.0.1"
    user: str = USER
    password: str = PASSWORD

    def url(self, stream: str) -> str:
        return f"rtsp://{self.address}:{self.port}/{stream}"


@contextmanager
def rtsp_server(folder: Path, net: Namespace | None = None) -> Iterator[RtspServer]:
    """A server on 127.0.0.1, or at the address of `net`; every session has an encoder of its own,
    at 25 frames per second."""
    _need_gstreamer()
    port = free_port() if net is None else 8554
    address = "127.0.0.1" if net is None else net.address
    argv: list[str | Path] = [PYTHON, SCRIPT, str(port), USER, PASSWORD, address]
    env = {"GST_REGISTRY": str(folder / "registry.bin")}
    argv = argv if net is None else net.argv(*argv)
    with running(argv, folder, lambda: tcp_accepts(port, address), env=env) as server:
        yield RtspServer(port, server, address)


def _need_gstreamer() -> None:
    command = [need("python3", PYTHON), str(SCRIPT), "--check"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    if asked.returncode:
        reason = f"gst-rtsp-server is not installed: run .ci/peers ({asked.stderr[-200:].strip()})"
        if peers_required():
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
