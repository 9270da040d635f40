"""What reading the site file costs: time and memory for 10,000 devices, and yaml.safe_load's time
for the same text in the same process (`python -m benchmarks.loading [DEVICES]`).
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml


def main(devices: int = 10_000) -> None:
    """Prints every figure; wall time, best of three but for the first load."""
    begin = time.perf_counter()
    from secmon.loading import load

    imported = time.perf_counter() - begin
    before = _peak_mb()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "site.yaml"
        file.write_text(site_text(devices), encoding="utf-8")
        first = _best(lambda: load(file, secrets=False), 1)
        print(f"load {devices} devices with one probe each, {file.stat().st_size / 1e6:.1f} MB")
        print(f"  import of secmon.loading        {imported:6.2f} s")
        print(f"  first load                      {first:6.2f} s")
        print(f"  peak memory                     {_peak_mb():6.0f} MB, {before:.0f} MB before")
        again = _best(lambda: load(file, secrets=False), 3)
        print(f"  a reload                        {again:6.2f} s")
        text = file.read_text(encoding="utf-8")
        peer = _best(lambda: yaml.load(text, yaml.CSafeLoader), 3)
        print(f"  yaml.load with CSafeLoader only {peer:6.2f} s")


def site_text(devices: int) -> str:
    """A site of switches below ten core switches, 20 different probes among them."""
    lines = ["site: {id: lab, name: 示范工程}", "devices:"]
    for number in range(devices):
        lines += [
            f"  - id: dev-{number:05}",
            f"    name: 设备 {number}",
            "    system: network",
            "    kind: switch",
            f"    address: 10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
            f"    location: {number % 40} 层弱电间",
            "    probes:",
            f"      - {{driver: tcp, port: {1 + number % 20}, every: 30s, timeout: 5s}}",
        ]
        if number >= 10:
            lines.append(f"    parent: dev-{number % 10:05}")
    return "\n".join(lines) + "\n"


def _best(call: Callable[[], object], times: int) -> float:
    costs = []
    for _ in range(times):
        begin = time.perf_counter()
        call()
        costs.append(time.perf_counter() - begin)
    return min(costs)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
