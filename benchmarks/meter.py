"""What a process has used: CPU time of all its threads, resident memory; how busy the rest was."""

from __future__ import annotations

import os
import time
from pathlib import Path


def cpu_s(pid: int) -> float:
    """User and system time of a process since its start, to the nanosecond (POSIX CPU clock)."""
    return time.clock_gettime(~pid << 3 | 2)  # what clock_getcpuclockid(3) gives on Linux


def resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def unshared_mb(pid: int) -> float:
    """Resident and in no other process: what would come free if this one ended."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    private = [line.split()[1] for line in rollup if line.startswith("Private_")]
    return sum(map(int, private)) * 1024 / 1e6


def busy_cores() -> float:
    """How many cores the whole machine kept busy in the last half second."""
    before = _jiffies()
    time.sleep(0.5)
    return (_jiffies() - before) / os.sysconf("SC_CLK_TCK") / 0.5


def _jiffies() -> int:
    user, nice, system, _idle, _wait, irq, soft, *_ = map(
        int, Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    )
    return user + nice + system + irq + soft
