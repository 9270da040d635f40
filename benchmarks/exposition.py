"""What /metrics costs: encoding a poll, a scrape of 300,000 series, memory; and the same series
as prometheus_client Gauges in the same run.

The switch is 28 ports with 12 columns (11 exported, one text), its derived rates and 56
utilizations, as the `switch` profile brings it. CPU time is this process's, best of several.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import socket
import sys
import time
import zlib
from asyncio.subprocess import PIPE
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from pathlib import Path

from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from benchmarks.exposition_site import (
    AT,
    Column,
    first_values,
    layout_of,
    next_values,
    policy_of,
    room,
    seen,
    switch,
)
from benchmarks.figures import Figure, Show, at_most
from secmon.adapters.exposition import Exposition
from secmon.adapters.metrics_http import metrics_routes
from secmon.core.model import Layout, Observation, Value
from secmon.core.world import World

LIMIT_MS = 100.0
LIMIT_BLOCKED_MS = 50.0


def run(show: Show) -> None:
    """Shows what has a limit and prints the rest. Each part has a process of its own, so that its
    memory is its own too."""
    for part in (_observe, _scrape_switches, _scrape_rooms, _peer):
        with get_context("spawn").Pool(1) as pool:
            for figure in pool.apply(part):
                show(figure)


def main() -> None:
    run(lambda figure: print(figure, flush=True))


# --- the figures -----------------------------------------------------------------------------


def _observe() -> list[Figure]:
    for name, columns in (("28-port switch", switch()), ("10 readings", room())):
        exported = sum(len(column.parts) for column in columns if column.word.metric)
        page, layout = Exposition(policy_of(1, columns), CollectorRegistry()), layout_of(columns)
        print(f"observe, {name}: {len(layout.names)} values, {exported} exported; median and best")
        _print_costs("an ordinary poll", page, _ordinary(layout, columns))
        changed = [_all_changed(layout, columns, poll) for poll in range(500)]
        _print_costs("every value changed", page, changed)
        layouts = [
            Layout(layout.names, tuple(f"{p}.{i}" for p in layout.parts)) for i in range(200)
        ]
        polls = [seen("sw-0", other, first_values(columns)) for other in layouts]
        _print_costs("a new layout (compiled)", page, polls)
    return []


def _ordinary(layout: Layout, columns: Sequence[Column]) -> list[Observation]:
    rng, values, polls = random.Random(1), first_values(columns), []
    for poll in range(500):
        values = next_values(columns, values, rng)
        polls.append(seen("sw-0", layout, values, poll))
    return polls


def _all_changed(layout: Layout, columns: Sequence[Column], poll: int) -> Observation:
    def change(value: Value) -> Value:
        match value:
            case bool():
                return bool(poll % 2)
            case str():
                return value
        return value + poll

    return seen("sw-0", layout, [change(value) for value in first_values(columns)], poll)


def _print_costs(name: str, page: Exposition, polls: Sequence[Observation]) -> None:
    costs = []
    for poll in polls:
        begin = time.perf_counter()
        page.observe(poll, 0.0123456789)
        costs.append((time.perf_counter() - begin) * 1e6)
    costs.sort()
    print(f"  {name:<27} {costs[len(costs) // 2]:8.1f} µs  {costs[0]:8.1f} µs")


def _scrape_switches() -> list[Figure]:
    return _scrape("switches", 300_000 // 310, switch())


def _scrape_rooms() -> list[Figure]:
    return _scrape("devices of 10 readings", 300_000 // 21, room())


def _scrape(name: str, devices: int, columns: Sequence[Column]) -> list[Figure]:
    page, resident = _fill(devices, columns, random.Random(1))
    text = page.render(World(), False, AT)
    series = sum(not line.startswith(b"#") for line in text.splitlines())
    print(f"scrape of {devices} {name}: {series} series, {len(text) / 1e6:.1f} MB")
    _print("resident memory per series", resident / series, "bytes")
    _print("render, in one go", _cpu(lambda: page.render(World(), True, AT)), "CPU-ms")
    _print("zlib level 1, in a thread", _cpu(lambda: zlib.compress(text, 1)), "CPU-ms")
    figures = []
    for coding, limit in (("identity", at_most(LIMIT_MS)), ("gzip", None)):
        cpu, worst = asyncio.run(_over_http(page, coding))
        title = f"scrape of {series} series, {coding}"
        figures.append(Figure(title, cpu, "CPU-ms", limit, "best of 5"))
        blocked, note = at_most(LIMIT_BLOCKED_MS), "the longest in five scrapes"
        figures.append(Figure("the loop was blocked meanwhile", worst, "CPU-ms", blocked, note))
    return figures


def _print(name: str, value: float, unit: str) -> None:
    print(f"  {name:<27} {value:8.1f} {unit}")


def _fill(devices: int, columns: Sequence[Column], rng: random.Random) -> tuple[Exposition, int]:
    policy, layout, values = policy_of(devices, columns), layout_of(columns), first_values(columns)
    gc.collect()
    before = _resident()
    page = Exposition(policy, CollectorRegistry())
    for device in policy.devices:
        own = Layout(layout.names, layout.parts)
        page.observe(seen(device, own, next_values(columns, values, rng)), 0.0123456789)
    gc.collect()
    return page, _resident() - before


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _cpu(work: Callable[[], object], times: int = 5) -> float:
    """Milliseconds, the best."""
    costs = []
    for _ in range(times):
        begin = time.process_time()
        work()
        costs.append((time.process_time() - begin) * 1e3)
    return min(costs)


async def _over_http(page: Exposition, coding: str) -> tuple[float, float]:
    """(CPU-ms of a scrape by another process, the best of 5; CPU-ms without a turn for others,
    the worst of 5)."""
    app, port = web.Application(), _free_port()
    app.add_routes(
        metrics_routes(
            lambda openmetrics: page.render_slowly(World(), openmetrics, AT),
            not_ready=list,
            reload=_no_reload,
        )
    )
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    costs = [await _one_scrape(port, coding) for _ in range(5)]
    stretches = [await _longest_stretch(port, coding) for _ in range(5)]
    await runner.cleanup()
    return min(costs), max(stretches)


async def _no_reload() -> list[str]:
    return []


async def _one_scrape(port: int, coding: str) -> float:
    """CPU-ms of this process, all threads."""
    url = f"http://127.0.0.1:{port}/metrics"
    read = "import sys, urllib.request as u; sys.stdin.read(1);"
    read += f"u.urlopen(u.Request({url!r}, headers={{'Accept-Encoding': {coding!r}}})).read()"
    scraper = await asyncio.create_subprocess_exec(sys.executable, "-c", read, stdin=PIPE)
    await asyncio.sleep(0.3)
    begin = time.process_time()
    await scraper.communicate(b"!")
    return (time.process_time() - begin) * 1e3


async def _longest_stretch(port: int, coding: str) -> float:
    """CPU-ms of the loop's thread between two turns of another task, during a scrape: what else
    runs on the machine holds this process up too, and says nothing of it."""
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            longest, last = max(longest, now - last), now

    watching = asyncio.create_task(watch())
    await _one_scrape(port, coding)
    watching.cancel()
    return longest * 1e3


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _peer() -> list[Figure]:
    """prometheus_client, one Gauge per metric, the same 28-port switches."""
    columns = [column for column in switch() if column.word.metric]
    registry = CollectorRegistry()
    names = ("site", "system", "kind", "device", "part", "direction")
    gauges = {
        column.word.metric: Gauge(
            column.word.metric.removesuffix("_total"), "", names, registry=None
        )
        for column in columns
    }
    for gauge in gauges.values():
        registry.register(gauge)
    gc.collect()
    before = _resident()
    children = [
        gauges[column.word.metric].labels(
            "lab",
            "network",
            "switch",
            f"sw-{number}",
            part,
            column.word.labels.get("direction", ""),
        )
        for number in range(300_000 // 310)
        for column in columns
        for part in column.parts
    ]
    print(f"prometheus_client, {len(children)} Gauges of the same switches")
    _print("resident memory per series", (_resident() - before) / len(children), "bytes")
    one = children[: sum(len(column.parts) for column in columns)]
    _print("set() of one switch", _cpu(lambda: _set_all(one)) * 1e3, "µs")
    _print("generate_latest", _cpu(lambda: generate_latest(registry), 2), "CPU-ms, loop blocked")
    return []


def _set_all(gauges: Sequence[Gauge]) -> None:
    for gauge in gauges:
        gauge.set(1.5)


if __name__ == "__main__":
    main()
