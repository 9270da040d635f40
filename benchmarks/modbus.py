"""A Modbus poll of 80 registers and 64 bits in three requests, by the whole daemon: wire → readings
→ rules → exposition; and the same requests by pymodbus and by libmodbus in C, which only ask.

1,000 units on connections of their own, each asked every second: what a poll costs is the CPU time
of the whole process (heartbeat and store included) over the polls in the same seconds.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.daemon import FAILURES, daemon, write_site
from benchmarks.figures import Figure, Show, at_most, best
from benchmarks.meter import cpu_s
from benchmarks.peers.starting import started

UNITS = 1000
WINDOW_S = 4.0
ROUNDS = 5
LIMIT_MS = 0.30

ROWS = (  # reading, function, first address, part, how many, how to scale
    ("mains_voltage_volts", "holding", 0, "P", 10, "scale: 1/10, offset: 200"),
    ("output_voltage_volts", "holding", 10, "P", 10, "scale: 1/10, offset: 200"),
    ("load_ratio", "holding", 20, "P", 10, "scale: 1/1000"),
    ("battery_voltage_volts", "holding", 30, "P", 10, "scale: 1/10"),
    ("battery_charge_ratio", "holding", 100, "P", 10, "scale: 1/300"),
    ("battery_temperature_celsius", "holding", 110, "P", 10, "scale: 1/10"),
    ("temperature_celsius", "holding", 120, "P", 10, "scale: 1/15"),
    ("humidity_ratio", "holding", 130, "P", 10, "scale: 1/500"),
    ("contact_closed", "discrete", 0, "DI", 48, "invert: false"),
    ("zone_tamper", "discrete", 48, "Z", 16, "invert: false"),
)
PROFILE = """\
profile: benchmark
driver: modbus
source: a benchmark
verified: document
modbus:
  points:
""" + "".join(
    f"    - {{reading: {reading}, fn: {function}, addr: {address}, {how}, "
    f'part: "{part}{{n}}", repeat: {{count: {count}}}}}\n'
    for reading, function, address, part, count, how in ROWS
)


def run(show: Show) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with started(folder, "benchmarks.peers.modbus_responder", UNITS) as (_, ports):
            devices = "".join(map(device, range(UNITS), ports))
            site = write_site(folder, devices, profiles={"benchmark": PROFILE})
            with daemon(site) as running:
                time.sleep(4)
                failed = running.sample(FAILURES)
                ours = [running.cpu_ms_per_poll(WINDOW_S) for _ in range(ROUNDS)]
                failed = running.sample(FAILURES) - failed
            if failed > UNITS / 100:
                raise SystemExit(f"{failed:g} polls failed: nothing was measured")
            value, note = best(ours)
            show(Figure("modbus poll, whole daemon", value, "CPU-ms", at_most(LIMIT_MS), note))
            _peers(show, folder, ports, value)


def device(number: int, port: int) -> str:
    return (
        f"  - id: unit-{number}\n    name: unit {number}\n    system: center\n    kind: ups\n"
        f"    address: 127.0.0.1\n    profile: benchmark\n"
        f"    probes:\n      - {{driver: modbus, port: {port}, every: 1s}}\n"
    )


def _peers(show: Show, folder: Path, ports: list[int], ours: float) -> None:
    target = json.dumps(ports)
    with started(folder, "benchmarks.peers.modbus_pymodbus", target) as (pid, _):
        time.sleep(3)
        value, note = best([_pymodbus(pid) for _ in range(ROUNDS)])
    show(Figure("pymodbus + uvloop, asks only", value, "CPU-ms", note=note))
    show(Figure("whole daemon / pymodbus asking", ours / value, "times"))
    in_c = _libmodbus(folder, ports)
    if in_c is not None:
        show(Figure("libmodbus in C, asks only", in_c, "CPU-ms"))


def _pymodbus(pid: int) -> float:
    cpu = cpu_s(pid)
    begun = time.monotonic()
    time.sleep(WINDOW_S)
    return (cpu_s(pid) - cpu) * 1e3 / (UNITS * (time.monotonic() - begun))


def _libmodbus(folder: Path, ports: list[int]) -> float | None:
    """None where there is no compiler or no libmodbus."""
    source = Path(__file__).parent / "peers" / "modbus_libmodbus.c"
    program = folder / "libmodbus"
    compiler = shutil.which("gcc")
    if compiler is None:
        return None
    command = [compiler, "-O2", "-I/usr/include/modbus", "-o", str(program), str(source)]
    if subprocess.run([*command, "-lmodbus"], capture_output=True, check=False).returncode:
        return None
    argv = [str(program), "20", *map(str, ports)]
    return float(subprocess.run(argv, capture_output=True, check=True, text=True).stdout)
