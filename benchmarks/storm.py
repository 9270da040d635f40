"""500 devices fall silent at once: from the last observation to all tickets on disk, with notices
for three channels; and what one digest of them costs.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from benchmarks import decide as scene
from benchmarks.figures import Figure, Show, at_most
from secmon.adapters.store.sqlite import SqliteStore
from secmon.api import Delivery
from secmon.core.decide import apply, decide
from secmon.core.model import Failure, Observation, Reason
from secmon.core.world import World
from secmon.standard import tables
from secmon.texts import Texts
from secmon.texts.digest import digest

DEVICES = 500
LIMIT_S = 1.0
EVER = scene.START + timedelta(days=3650)


def run(show: Show) -> None:
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(_run(Path(name), show))


async def _run(folder: Path, show: Show) -> None:
    policy = replace(scene._policy(), channels=("ding", "mail", "hook"))
    names = list(policy.devices)[:DEVICES]
    async with SqliteStore(folder / "secmon.db", site=policy.site, timezone="UTC") as store:
        world = World()
        for poll in range(12):
            seen = [_silent(name, poll) for name in names]
            begun = time.perf_counter()
            change = decide(world, seen, policy, seen[-1].at)
            change = await store.commit(change)
            apply(world, change, policy.words)
            took_s = time.perf_counter() - begun
            if len(world.tickets) == DEVICES:
                break
        if len(world.tickets) != DEVICES:
            raise SystemExit(f"{len(world.tickets)} of {DEVICES} tickets opened")
        name = f"{DEVICES} faults at once, all tickets stored"
        show(Figure(name, took_s, "s", at_most(LIMIT_S)))
        rows = [row for row in await store.pending(EVER, 3 * DEVICES) if row.notice.to == "ding"]
        show(Figure("their digest, worded", _digest_ms(rows), "ms"))


def _digest_ms(rows: list[Delivery]) -> float:
    rules = {rule.id: rule for rule in tables.shipped_rules()}
    texts = Texts("zh", "UTC", tables.vocabulary(), rules, "示范工程")
    begun = time.perf_counter()
    text = digest(texts, rows, 2048)
    assert text.startswith(f"【汇总】示范工程 {len(rows)} 条通知"), text
    return (time.perf_counter() - begun) * 1e3


def _silent(device: str, poll: int) -> Observation:
    at = scene.START + timedelta(seconds=scene.EVERY_S * poll)
    failure = Failure(Reason.TIMEOUT, "expected an answer within 5 s (got none)")
    return Observation(device, "modbus", at, scene.EVERY_S * poll, failure=failure)
