"""A site of 1,000 devices as a big one has them: cameras above all, all by shipped profiles but for
the big UPS, and the processes that answer for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.daemon import Site, write_site
from benchmarks.peers.starting import started

SHARES = {
    "camera": 600,  # onvif for one, rtsp for the other probe, both with a log-in
    "switch": 120,  # snmp, 28 ports
    "panel": 100,  # modbus, 16 zones
    "room": 40,  # modbus, temperature and humidity
    "ups-modbus": 30,  # ten readings
    "ups-nut": 30,
    "door": 30,  # tcp
    "platform": 25,  # http
    "other": 25,  # icmp
}
EVERY_S = 10
STREAM_EVERY_S = 20  # a stream is watched for half a second of it

UPS_PROFILE = """\
profile: ten
driver: modbus
source: a benchmark
verified: document
modbus:
  points:
    - {reading: mains_voltage_volts, fn: holding, addr: 0, scale: 1/10, offset: 200}
    - {reading: output_voltage_volts, fn: holding, addr: 1, scale: 1/10, offset: 200}
    - {reading: load_ratio, fn: holding, addr: 2, scale: 1/1000}
    - {reading: battery_voltage_volts, fn: holding, addr: 3, scale: 1/10}
    - {reading: battery_charge_ratio, fn: holding, addr: 4, scale: 1/300}
    - {reading: battery_runtime_seconds, fn: holding, addr: 5, scale: 10}
    - {reading: battery_temperature_celsius, fn: holding, addr: 6, scale: 1/10}
    - {reading: temperature_celsius, fn: holding, addr: 7, scale: 1/15}
    - {reading: humidity_ratio, fn: holding, addr: 8, scale: 1/500}
    - {reading: on_battery, fn: discrete, addr: 0}
"""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the peers answer; those with a number per device in the order of the devices."""

    onvif: int
    rtsp: int
    upsd: int
    page: int
    snmp: list[int]
    modbus: Mapping[str, list[int]]  # by the name of the share


@contextmanager
def peers(folder: Path, shares: Mapping[str, int]) -> Iterator[Ports]:
    """Every process that answers for some of these shares."""
    with ExitStack() as open_ones:

        def start(name: str, *argv: object, within: Path = folder) -> Any:
            within.mkdir(exist_ok=True)
            return open_ones.enter_context(started(within, f"benchmarks.peers.{name}", *argv))[1]

        rtsp = start("rtsp_responder")
        upsd, page = start("things_responder")
        yield Ports(
            onvif=start("onvif_camera", "new", rtsp),
            rtsp=rtsp,
            upsd=upsd,
            page=page,
            snmp=start("snmp_responder", shares.get("switch", 0)),
            modbus={
                name: start("modbus_responder", shares[name], within=folder / name)
                for name in ("panel", "room", "ups-modbus")
                if shares.get(name)
            },
        )


def site(folder: Path, shares: Mapping[str, int], ports: Ports) -> Site:
    (folder / "password").write_text("cam-pass\n")
    (folder / "community").write_text("public\n")
    devices = "".join(
        _device(share, number, *_shapes(ports)[share](number))
        for share, count in shares.items()
        for number in range(count)
    )
    credentials = {
        "cameras": {"username": "operator", "password": {"file": "password"}},
        "access": {"community": {"file": "community"}},
    }
    more = {"credentials": credentials}
    return write_site(folder, devices, profiles={"ten": UPS_PROFILE}, more=more)


Shape = tuple[str, str, list[str]]  # system, kind, probes


def _shapes(ports: Ports) -> dict[str, Callable[[int], Shape]]:
    """How the n-th device of each share is asked."""

    def modbus(share: str, profile: str) -> Callable[[int], list[str]]:
        return lambda n: [f"driver: modbus, port: {ports.modbus[share][n]}, profile: {profile}"]

    panel, room, ups = (
        modbus("panel", "di-16"),
        modbus("room", "xy-md02"),
        modbus("ups-modbus", "ten"),
    )
    camera = [
        f"driver: onvif, port: {ports.onvif}, credentials: cameras",
        f"driver: rtsp, credentials: cameras, seconds: 0.5, every: {STREAM_EVERY_S}s",
    ]
    return {
        "camera": lambda _: ("video", "camera", camera),
        "switch": lambda n: (
            "network",
            "switch",
            [f"driver: snmp, port: {ports.snmp[n]}, credentials: access, profile: switch"],
        ),
        "panel": lambda n: ("intrusion", "alarm-panel", panel(n)),
        "room": lambda n: ("center", "machine-room", room(n)),
        "ups-modbus": lambda n: ("center", "ups", ups(n)),
        "ups-nut": lambda _: ("center", "ups", [f"driver: nut, port: {ports.upsd}"]),
        "door": lambda _: ("access", "door", [f"driver: tcp, port: {ports.rtsp}"]),
        "platform": lambda _: (
            "platform",
            "platform",
            [f'driver: http, url: "http://127.0.0.1:{ports.page}/"'],
        ),
        "other": lambda _: ("other", "platform", ["driver: icmp"]),
    }


def _device(share: str, number: int, system: str, kind: str, probes: list[str]) -> str:
    asked = "".join(
        f"      - {{{one}}}\n" if "every:" in one else f"      - {{{one}, every: {EVERY_S}s}}\n"
        for one in probes
    )
    return (
        f"  - id: {share}-{number}\n    name: {share} {number}\n    system: {system}\n"
        f"    kind: {kind}\n    address: 127.0.0.1\n    location: floor {number // 20}\n"
        f"    probes:\n{asked}"
    )
