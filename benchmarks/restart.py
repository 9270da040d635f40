"""A start with 10,000 Modbus devices and 500 open tickets: from the command to `/-/ready`; and
`secmon check` of the same site. The devices are one address that nobody listens on, polled hourly:
what is measured is reading, checking and taking up, not polling.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.daemon import ROOT, Site, daemon, write_site
from benchmarks.figures import Figure, Show, at_most, rounds
from secmon.adapters.store.sqlite import SqliteStore
from secmon.core.decide import apply, decide
from secmon.core.model import EMPTY_LAYOUT, Failure, Observation, Policy, Reason
from secmon.core.world import World
from secmon.loading import load

DEVICES = 10_000
TICKETS = 500
RUNS = 5
READY_S = 3.0
CHECK_S = 3.0


def run(show: Show) -> None:
    with tempfile.TemporaryDirectory() as name:
        site = write_site(Path(name), "".join(map(_device, range(DEVICES))))
        check = [_check(site) for _ in range(3)]
        asyncio.run(_open_tickets(site, load(site.file).policy))
        ready, cpu = [], []
        for _ in range(RUNS):
            with daemon(site, within_s=120) as running:
                ready.append(running.ready_s)
                cpu.append(running.ready_cpu_s)
                found = running.sample("secmon_tickets")
            if found != TICKETS:
                raise SystemExit(f"{found:g} tickets are open after the start, not {TICKETS}")
    value, note = rounds(ready)
    show(Figure("restart until ready", value, "s", at_most(READY_S), note))
    show(Figure("CPU until ready", rounds(cpu)[0], "CPU-s"))
    value, note = rounds(check)
    show(Figure("check of 10,000 devices", value, "s", at_most(CHECK_S), note))


def _device(number: int) -> str:
    return (
        f"  - id: room-{number}\n"
        f"    name: 机房 {number}\n"
        f"    system: center\n"
        f"    kind: machine-room\n"
        f"    address: 127.0.{number // 250 % 250}.{number % 250 + 1}\n"
        f"    location: {number // 20} 层弱电间\n"
        f"    profile: xy-md02\n"
        f"    probes:\n"
        f"      - {{driver: modbus, port: 9, every: 1h, timeout: 5s}}\n"
    )


def _check(site: Site) -> float:
    begun = time.monotonic()
    command = [sys.executable, "-m", "secmon", "check", "-c", str(site.file)]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    return time.monotonic() - begun


async def _open_tickets(site: Site, policy: Policy) -> None:
    """500 devices did not answer for a while, as far as the store knows."""
    now = datetime.now(UTC)
    world = World()
    async with SqliteStore(site.store, site=policy.site, timezone=policy.timezone) as store:
        for ago_s in (120.0, 30.0):
            at = now - timedelta(seconds=ago_s)
            failure = Failure(Reason.UNREACHABLE, "no TCP connection: connection refused")
            batch = [
                Observation(f"room-{i}", "modbus", at, -ago_s, EMPTY_LAYOUT, (), failure)
                for i in range(TICKETS)
            ]
            change = await store.commit(decide(world, batch, policy, at))
            apply(world, change, policy.words)
