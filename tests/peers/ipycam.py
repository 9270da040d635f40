"""ipycam, a virtual ONVIF camera with a head that moves, in a network namespace of its own.

It listens on every address, takes itself for 127.0.0.1, wants a log-in even for its clock, closes
every connection after one answer, and sends presets with a prefix that it never declared.
"""

import importlib.util
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.peers.netns import Namespace, namespace
from tests.peers.process import Server, running, tcp_accepts

PORT = 8080
USER, PASSWORD = "operator", "cam-pass"
PRESETS = {"home": "Home", "gate": "大门 <1>", "plain": ""}
_RUN = """
import signal
from ipycam import CameraConfig, IPCamera
IPCamera(CameraConfig.load("camera.json")).start()
signal.pause()
"""


@dataclass(frozen=True, slots=True)
class Camera:
    net: Namespace
    server: Server
    port: int = PORT
    user: str = USER
    password: str = PASSWORD

    @property
    def address(self) -> str:
        return self.net.address


@contextmanager
def ipycam(
    folder: Path, places: Mapping[str, tuple[float, float, float]] | None = None, **config: object
) -> Iterator[Camera]:
    """A camera with a log-in, unless `config` (CameraConfig's fields) says otherwise. `places`:
    pan, tilt and zoom by the tokens of PRESETS. It keeps its presets in `ptz_presets.json`."""
    with namespace() as net, camera_in(net, folder, places, **config) as camera:
        yield camera


@contextmanager
def camera_in(
    net: Namespace,
    folder: Path,
    places: Mapping[str, tuple[float, float, float]] | None = None,
    **config: object,
) -> Iterator[Camera]:
    """The same, in a namespace that outlives it."""
    if importlib.util.find_spec("ipycam") is None:
        pytest.skip("ipycam is not installed: run make setup")
    (folder / "camera.json").write_text(
        json.dumps({"username": USER, "password": PASSWORD, "onvif_port": PORT, **config})
    )
    (folder / "ptz_presets.json").write_text(
        json.dumps(
            {
                token: {"token": token, "name": name, "pan": pan, "tilt": tilt, "zoom": zoom}
                for token, name in PRESETS.items()
                for pan, tilt, zoom in ((places or {}).get(token, (0.1, 0.2, 0.0)),)
            }
        )
    )
    argv = net.argv(sys.executable, "-c", _RUN)
    with running(argv, folder, lambda: tcp_accepts(PORT, net.address)) as server:
        yield Camera(net, server, password=str(config.get("password", PASSWORD)))
