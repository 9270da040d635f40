"""`make bench`, or `python -m benchmarks [NAME…]`: every figure beside its limit; exit 1 if one is
missed. Names: see BENCHMARKS; without any, all of them run.
"""

from __future__ import annotations

import os
import platform
import resource
import sys
from datetime import date
from importlib import import_module

from benchmarks.figures import Figure
from benchmarks.meter import busy_cores

BENCHMARKS = (
    "modbus",
    "snmp",
    "onvif",
    "rtsp",
    "decide",
    "storm",
    "restart",
    "memory",
    "latency",
    "exposition",
    "loading",
    "console",
)
CROWDED = 0.3  # cores kept busy by others, from which on times are to be doubted


def main(names: list[str]) -> int:
    """0, 1 if a limit was missed, 2 for an unknown name."""
    if unknown := set(names) - set(BENCHMARKS):
        known = " ".join(BENCHMARKS)
        print(f"expected names out of: {known} (got {' '.join(sorted(unknown))})", file=sys.stderr)
        return 2
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a socket for each of 1,000 devices
    missed: list[Figure] = []

    def show(figure: Figure) -> None:
        print(figure, flush=True)
        if figure.missed:
            missed.append(figure)

    print(f"secmon benchmarks, {date.today()}, {os.cpu_count()} cores, {_processor()}")
    print(f"Python {platform.python_version()}, Linux {platform.release()}", flush=True)
    for name in names or BENCHMARKS:
        others = busy_cores()
        crowd = f" (machine busy: others use {others:.1f} cores)" if others > CROWDED else ""
        print(f"{name}{crowd}", flush=True)
        module = import_module(f"benchmarks.{name}")
        module.run(show) if hasattr(module, "run") else module.main()  # without limits
    print(f"{len(missed)} missed: {', '.join(f.name for f in missed)}" if missed else "all kept")
    return 1 if missed else 0


def _processor() -> str:
    with open("/proc/cpuinfo") as lines:  # noqa: PTH123 - not a file to keep
        return next(
            (one.split(":")[1].strip() for one in lines if one.startswith("model name")), ""
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
