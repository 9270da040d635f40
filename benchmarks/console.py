"""What a page of the console costs: 1,000 devices with 100 open tickets, and 10,000 with 5,000, as
many ended ones in the same month, and a day of five-minute values of the device that is shown.

Over HTTP with a session, the store on disk. A client in the same process asks, so its share is in
it; the time is of one request, the CPU that of the whole process.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import time
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import aiohttp

from benchmarks.daemon import write_site
from benchmarks.figures import Figure, Show, at_most
from secmon.adapters.clock import Clock
from secmon.adapters.store.sqlite import SqliteStore
from secmon.api import Change, Role, Trace
from secmon.app import collector
from secmon.app.daemon import Daemon
from secmon.app.listeners import listening
from secmon.core.model import Mark, Observation, Reading, TicketState, arrange
from secmon.loading import Loaded, load

SITES = ((1_000, 100), (10_000, 5_000))
LIMIT_MS = 100.0  # of a page
ROUNDS = 7
BATCH = 500
ONCE = "figures of a month, first look"  # decodes the month's ended tickets, in small pieces
WAY = (TicketState.ACKNOWLEDGED, TicketState.ON_SITE, TicketState.REPAIRED, TicketState.VERIFIED)
SYSTEMS = ("center", "video", "intrusion", "access", "network")
PAGES = {
    "wall": "/",
    "tickets": "/tickets",
    "tickets, by words": "/tickets?q=99",
    "a ticket": "/tickets/{number}",
    "my tickets": "/my",
    "devices": "/devices",
    "devices, the last page": "/devices?page=100",
    "devices, by words": "/devices?q=99",
    "a device": "/devices/room-1",
    "a label": "/devices/room-1/label",
    "48 labels": "/labels",
    ONCE: "/kpi",
    "figures of a month, again": "/kpi",
    "the control room's screen": "/wall",
    "status": "/status",
    "tickets, ended": "/tickets?state=ended",
}


def run(show: Show) -> None:
    for devices, tickets in SITES:
        for name, ms, cpu, size in asyncio.run(_measure(devices, tickets)):
            limit = None if name == ONCE else at_most(LIMIT_MS)
            note = f"best of {_rounds(name)}; {cpu:.1f} CPU-ms, {size / 1e3:.0f} kB"
            show(Figure(f"{name}, {devices:,} devices", ms, "ms", limit, note))


async def _measure(devices: int, tickets: int) -> list[tuple[str, float, float, int]]:
    """(page, ms, CPU-ms, bytes)."""
    with tempfile.TemporaryDirectory() as name:
        async with _console(Path(name), devices, tickets) as (session, number):
            return [
                (page, *await _best(session, path.format(number=number), _rounds(page)))
                for page, path in PAGES.items()
            ]


async def _best(session: aiohttp.ClientSession, path: str, rounds: int) -> tuple[float, float, int]:
    costs = []
    for _ in range(rounds):
        begun, cpu = time.perf_counter(), time.process_time()
        async with session.get(path) as answer:
            body = await answer.read()
        took, spent = time.perf_counter() - begun, time.process_time() - cpu
        if answer.status != 200 or b"<main" not in body:
            raise SystemExit(f"{path}: {answer.status}")
        costs.append((took * 1e3, spent * 1e3, len(body)))
    return min(costs)


def _rounds(page: str) -> int:
    return 1 if page == ONCE else ROUNDS


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
    opened = SqliteStore(loaded.site.store, site=policy.site, timezone=policy.timezone, clock=clock)
    with collector.resting():  # as the daemon does
        async with opened as store, _at_work(loaded, store, clock) as daemon:
            await _see(daemon, devices, tickets)
            await _remember(store, daemon)
            collector.settled()
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


@asynccontextmanager
async def _at_work(loaded: Loaded, store: SqliteStore, clock: Clock) -> AsyncIterator[Daemon]:
    daemon = Daemon(loaded, store, clock)
    await daemon.open()
    await store.add_user("wang", Role.OPERATOR)
    await store.begin_session("wang", hashlib.sha256(b"secret").hexdigest())
    async with asyncio.TaskGroup() as tasks:
        desk = tasks.create_task(daemon.desk.run())
        yield daemon
        desk.cancel()


async def _remember(store: SqliteStore, daemon: Daemon) -> None:
    """As many ended tickets as open ones, and the past day of the first device."""
    now = daemon.clock.now()
    ended = {
        f"ended-{one.id}": replace(
            one,
            id=f"ended-{one.id}",
            number="",
            state=TicketState.CLOSED,
            marks={state: Mark(now, "li") for state in WAY},
            cleared_at=now,
        )
        for one in daemon.world.tickets.values()
    }
    await store.commit(Change(now, tickets=ended))
    names = (("temperature_celsius", ""), ("humidity_ratio", ""), ("probe_success", "modbus"))
    numbers = array("f", [21.0, 22.0, 21.5, 0.4, 0.5, 0.45, 1.0, 1.0, 1.0] * 12)
    starts = [now - timedelta(hours=hour) for hour in range(1, 25)]
    await store.put_traces(
        [Trace(f"room-{n}", "modbus", at, names, numbers) for n in (0, 1) for at in starts]
    )


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
