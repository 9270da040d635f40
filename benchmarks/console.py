"""What a page of the console costs: 1,000 devices with 100 open tickets, and 10,000 with 5,000.

Over HTTP with a session, the store on disk. A client in the same process asks, so its share is in
it; the time is of one request, the CPU that of the whole process.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from benchmarks.daemon import write_site
from benchmarks.figures import Figure, Show, at_most
from secmon.adapters.clock import Clock
from secmon.adapters.store.sqlite import SqliteStore
from secmon.api import Role
from secmon.app.daemon import Daemon
from secmon.app.listeners import listening
from secmon.core.model import Observation, Reading, arrange
from secmon.loading import load

SITES = ((1_000, 100), (10_000, 5_000))
LIMIT_MS = 100.0  # of a page with 1,000 devices
ROUNDS = 7
BATCH = 500
SYSTEMS = ("center", "video", "intrusion", "access", "network")
PAGES = {
    "wall": "/",
    "tickets": "/tickets",
    "tickets, by words": "/tickets?q=99",
    "a ticket": "/tickets/{number}",
    "devices": "/devices",
    "devices, by words": "/devices?q=99",
    "a device": "/devices/room-1",
    "status": "/status",
}


def run(show: Show) -> None:
    for devices, tickets in SITES:
        limit = at_most(LIMIT_MS) if devices == SITES[0][0] else None
        for name, ms, cpu, size in asyncio.run(_measure(devices, tickets)):
            note = f"best of {ROUNDS}; {cpu:.1f} CPU-ms, {size / 1e3:.0f} kB"
            show(Figure(f"{name}, {devices:,} devices", ms, "ms", limit, note))


async def _measure(devices: int, tickets: int) -> list[tuple[str, float, float, int]]:
    """(page, ms, CPU-ms, bytes)."""
    with tempfile.TemporaryDirectory() as name:
        async with _console(Path(name), devices, tickets) as (session, number):
            return [
                (page, *await _best(session, path.format(number=number)))
                for page, path in PAGES.items()
            ]


async def _best(session: aiohttp.ClientSession, path: str) -> tuple[float, float, int]:
    costs = []
    for _ in range(ROUNDS):
        begun, cpu = time.perf_counter(), time.process_time()
        async with session.get(path) as answer:
            body = await answer.read()
        took, spent = time.perf_counter() - begun, time.process_time() - cpu
        if answer.status != 200 or b"<main" not in body:
            raise SystemExit(f"{path}: {answer.status}")
        costs.append((took * 1e3, spent * 1e3, len(body)))
    return min(costs)


@asynccontextmanager
async def _console(
    folder: Path, devices: int, tickets: int
) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    """Somebody logged in at a daemon that has seen every device, and the number of a ticket."""
    rule = {
        "reading": "temperature_celsius",
        "where": {"kind": "machine-room"},
        "op": ">",
        "limit": 25,
        "for": "0s",
        "severity": "major",
    }
    made = write_site(folder, "".join(map(_device, range(devices))), more={"rules": [rule]})
    loaded, clock = load(made.file), Clock()
    policy = loaded.policy
    async with SqliteStore(
        loaded.site.store, site=policy.site, timezone=policy.timezone, clock=clock
    ) as store:
        daemon = Daemon(loaded, store, clock)
        await daemon.open()
        await store.add_user("wang", Role.OPERATOR)
        await store.begin_session("wang", hashlib.sha256(b"secret").hexdigest())
        async with asyncio.TaskGroup() as tasks:
            desk = tasks.create_task(daemon.desk.run())
            await _see(daemon, devices, tickets)
            number = next(iter(daemon.world.numbers))
            if len(daemon.world.tickets) != tickets:
                raise SystemExit(f"{len(daemon.world.tickets)} tickets, expected {tickets}")
            base, cookies = f"http://127.0.0.1:{made.port}", {"Cookie": "secmon-bench=secret"}
            jar = aiohttp.DummyCookieJar()
            async with (
                listening(daemon),
                aiohttp.ClientSession(base, headers=cookies, cookie_jar=jar) as session,
            ):
                yield session, number
            desk.cancel()


async def _see(daemon: Daemon, devices: int, tickets: int) -> None:
    """One poll of every device; the first ones are too warm."""
    for number in range(devices):
        warm = 31.5 if number < tickets else 21.5
        layout, values = arrange(
            [Reading("temperature_celsius", warm), Reading("humidity_ratio", 0.45)]
        )
        daemon.desk.observe(
            Observation(
                f"room-{number}",
                "modbus",
                daemon.clock.now(),
                daemon.clock.tick(),
                layout,
                values,
            )
        )
        if number % BATCH == BATCH - 1:
            await daemon.desk.caught_up()
    await daemon.desk.caught_up()


def _device(number: int) -> str:
    return (
        f"  - {{id: room-{number}, name: 机房 {number}, system: {SYSTEMS[number % len(SYSTEMS)]}, "
        f"kind: machine-room, address: 127.0.0.1, location: {number // 20} 层弱电间,\n"
        f"     probes: [{{driver: modbus, port: 9, profile: xy-md02, every: 1h}}]}}\n"
    )
