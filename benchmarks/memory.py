"""Resident memory of the daemon with 1,000 Modbus devices of 10 readings, each polled twice and
more, and of the bare daemon with one. Own profile; rules, hourly values and /metrics as always.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.daemon import FAILURES, POLLS, daemon, write_site
from benchmarks.figures import Figure, Show, at_most
from benchmarks.meter import resident_mb, unshared_mb
from benchmarks.peers.starting import started

DEVICES = 1_000
LIMIT_MB = 100.0
SECONDS = 27

PROFILE = """\
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


def run(show: Show) -> None:
    bare, _ = resident(1, 5)
    many, private = resident(DEVICES, SECONDS)
    show(Figure("bare daemon, one device", bare, "MB"))
    limit = at_most(LIMIT_MB)
    show(Figure("1,000 Modbus devices of 10 readings", many, "MB", limit, f"{private:.0f} private"))
    show(Figure("of which each device", (many - bare) * 1e3 / DEVICES, "kB"))


def resident(devices: int, seconds: float) -> tuple[float, float]:
    """(resident, private) MB of a daemon that has polled so many devices for so long."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with started(folder, "benchmarks.peers.modbus_responder", devices) as (_, ports):
            site = write_site(
                folder, "".join(map(device, range(devices), ports)), profiles=PROFILES
            )
            with daemon(site) as running:
                time.sleep(seconds)
                polls, failed = running.sample(POLLS), running.sample(FAILURES)
                if failed or (devices > 1 and polls < 2 * devices):
                    raise SystemExit(f"{polls:g} polls, {failed:g} failed: nothing was measured")
                return resident_mb(running.pid), unshared_mb(running.pid)


PROFILES = {"ten": PROFILE}


def device(number: int, port: int) -> str:
    return (
        f"  - id: unit-{number}\n    name: unit {number}\n    system: center\n    kind: ups\n"
        f"    address: 127.0.0.1\n    location: floor {number // 20}\n    profile: ten\n"
        f"    probes:\n      - {{driver: modbus, port: {port}, every: 10s}}\n"
    )
