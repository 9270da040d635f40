"""The demo's equipment and its site file, made anew in a folder that vanishes afterwards."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from string import Template
from typing import Any

TCP = ("door-station-1", "platform-1")
CAMERAS = {"cam-1": "A2", "cam-2": "A2", "cam-3": "A4"}  # and the ends of their models' names
CHANNELS = ("ch1", "ch2", "ch3", "ch4")  # of the recorder
PRESETS = {
    "1": ("入口", (-0.6, 0.1, 0.2)),
    "2": ("出口", (0.6, 0.1, 0.2)),
    "3": ("全景", (0.0, 0.4, 0.0)),
}
SECRETS = {"community": "demo", "cam.password": "demo-cam-1"}  # file: what stands in it
ROOM = {1: 232, 2: 455}  # XY-MD02 input registers: 23.2 °C, 45.5 %RH
UPS: dict[int, object] = {
    # APC note 176, holding registers: on line, nothing wrong, 1,800 s, 100 %, 27.3 V, 25 °C
    **dict.fromkeys(range(24), 0),
    1: 0x0002,
    128: 0,
    129: 1800,
    130: 51200,
    131: int(27.3 * 32),
    135: 25 * 128,
    136: int(23.5 * 256),
    142: int(230.2 * 64),
    151: int(229.8 * 64),
    516: "UPS 04.1".ljust(16),
    532: "Smart-UPS 1500 (simulated)".ljust(32),
    564: "SIM000001".ljust(16),
}


class Equipment:
    """Every simulated device by name; `set` changes what one of them shows."""

    def __init__(self) -> None:
        self._running: dict[str, Any] = {}

    async def start(self, stack: AsyncExitStack) -> None:
        """Starts all of it; the stack ends all of it."""
        sorts = {entry.name: entry.load() for entry in entry_points(group="secmon.simulators")}
        for name, sort, options in _wanted():
            known = {
                key: self._running[value.name].port if isinstance(value, _PortOf) else value
                for key, value in options.items()
            }
            self._running[name] = await stack.enter_async_context(sorts[sort].start(known))

    def ports(self) -> Mapping[str, int]:
        """Where each of them listens."""
        return {name: one.port for name, one in self._running.items()}

    async def set(self, device: str, **state: object) -> None:
        await self._running[device].set(**state)


@dataclass(frozen=True, slots=True)
class _PortOf:
    """Where a simulator listens that was started before."""

    name: str


def _wanted() -> Iterator[tuple[str, str, Mapping[str, object]]]:
    """(name, simulator, its options)."""
    for name, ports in (("sw-core", 8), ("sw-1f", 24), ("sw-2f", 24)):
        yield name, "snmp", {"name": name, "ports": ports, "community": "demo"}
    units = {1: {"input": dict(ROOM)}, 2: {"input": {**ROOM, 1: 221}}}
    yield "gateway", "modbus", {"units": units}
    yield "ups-1", "modbus", {"units": {1: {"holding": dict(UPS)}}}
    yield "ups-2", "nut", {}
    for name in ("panel-1", "panel-2"):
        yield name, "modbus", {"units": {1: {"discrete": dict.fromkeys(range(16), 0)}}}
    for name in TCP:
        yield name, "tcp", {}
    yield from _video()


def _video() -> Iterator[tuple[str, str, Mapping[str, object]]]:
    """Each device has its own stream server, `NAME-rtsp`, of which its ONVIF service tells."""
    password = SECRETS["cam.password"]

    def both(
        name: str, number: int, model: str, channels: Mapping[str, str], **more: object
    ) -> Iterator[tuple[str, str, Mapping[str, object]]]:
        yield f"{name}-rtsp", "rtsp", {"names": tuple(channels), "password": password}
        facts = {"model": model, "serial": f"SIM-{name}", "mac": f"00:00:5e:00:53:{number:02x}"}
        log_in = {"password": password, "rtsp_port": _PortOf(f"{name}-rtsp")}
        yield name, "onvif", {**facts, **log_in, "channels": channels, **more}

    for number, (name, model) in enumerate(CAMERAS.items(), 1):
        yield from both(name, number, f"simulated camera {model}", {"main": "主码流"})
    dome = {"ptz": True, "presets": PRESETS, "head": PRESETS["1"][1], "speed": 3.0}
    yield from both("dome-1", 17, "simulated dome D1", {"main": "主码流"}, **dome)
    named = {channel: f"通道 {channel[2:]}" for channel in CHANNELS}
    yield from both("recorder-1", 33, "simulated recorder R4", named)


def write_site(folder: Path, ports: Mapping[str, int], http: int, language: str) -> Path:
    """The site file of this run: `config/demo.yaml` with the ports that the equipment got."""
    values: dict[str, object] = {
        **ports,
        "http": http,
        "language": language,
        "store": f"sqlite://{folder}/secmon.db",
    }
    file = folder / "secmon.yaml"
    file.write_text(_Named(_template()).substitute(values), encoding="utf-8")
    for name, text in SECRETS.items():
        secret = folder / name
        secret.touch(mode=0o600)
        secret.write_text(f"{text}\n", encoding="utf-8")
    return file


class _Named(Template):
    braceidpattern = r"[a-z0-9-]+"


def _template() -> str:
    """Beside the package in a checkout, inside it in an installation."""
    package = Path(__file__).resolve().parents[2]
    for path in (package / "config" / "demo.yaml", package.parent / "config" / "demo.yaml"):
        if path.exists():
            return path.read_text(encoding="utf-8")
    raise FileNotFoundError("config/demo.yaml is not part of this installation")


def taken(port: int) -> str:
    """Why this port can't be had; empty: it can."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            return str(getattr(error, "strerror", None) or error)
    return ""
