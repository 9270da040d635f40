"""From the answer that crosses a limit (soak 0) to the webhook: through poll, rule, ticket, commit
to disk, outbox and HTTP, with 200 devices polled every second.

It begins when the device sends the bad value, so the wait for the poll (up to its interval) is not
in it; it ends when the receiver has the body.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from pathlib import Path

import uvloop
from aiohttp import web

from benchmarks.daemon import daemon, write_site
from benchmarks.figures import Figure, Show, percentile
from benchmarks.memory import PROFILES
from benchmarks.peers.modbus_responder import HIGH, Responder

DEVICES = 200
RULE = {
    "reading": "mains_voltage_volts",
    "op": ">",
    "limit": 200 + HIGH / 20,
    "for": "0s",
    "severity": "critical",
}
assert HIGH / 10 > HIGH / 20


def run(show: Show) -> None:
    with tempfile.TemporaryDirectory() as name:
        took = uvloop.run(_told(Path(name)))
    if len(took) < DEVICES:
        raise SystemExit(f"{len(took)} of {DEVICES} notices came")
    show(Figure("limit crossed → webhook, p50", percentile(took, 0.5) * 1e3, "ms"))
    show(Figure("limit crossed → webhook, p99", percentile(took, 0.99) * 1e3, "ms"))


async def _told(folder: Path) -> list[float]:
    """Seconds for each device that was told of."""
    responder, told = Responder(), dict[int, float]()
    await responder.start(DEVICES)
    port = await _receiver(told)
    (folder / "key").write_text("secret")
    hook = {"id": "hook", "channel": "webhook", "url": f"http://127.0.0.1:{port}/"}
    more = {"rules": [RULE], "notify": [{**hook, "secret": {"file": "key"}}]}
    devices = "".join(map(_device, range(DEVICES), responder.ports))
    site = write_site(folder, devices, profiles=PROFILES, more=more)
    context = daemon(site)
    await asyncio.to_thread(context.__enter__)
    try:
        await asyncio.sleep(3)
        rng = random.Random(1)
        for unit in range(DEVICES):
            responder.raised[unit] = None
            await asyncio.sleep(rng.uniform(0.02, 0.08))
        deadline = time.monotonic() + 10
        while len(told) < DEVICES and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
    finally:
        await asyncio.to_thread(context.__exit__, None, None, None)
    return [told[unit] - (responder.raised[unit] or 0) for unit in told]


async def _receiver(told: dict[int, float]) -> int:
    async def take(request: web.Request) -> web.Response:
        body = await request.json()
        at = time.monotonic()
        if body["reason"] == "opened":
            told.setdefault(int(body["ticket"]["device"].removeprefix("unit-")), at)
        return web.Response()

    app = web.Application()
    app.router.add_post("/", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port: int = runner.addresses[0][1]
    return port


def _device(number: int, port: int) -> str:
    return (
        f"  - id: unit-{number}\n    name: unit {number}\n    system: center\n    kind: ups\n"
        f"    address: 127.0.0.1\n    profile: ten\n"
        f"    probes:\n      - {{driver: modbus, port: {port}, every: 1s}}\n"
    )
