"""One poll without a daemon: `secmon probe` and `secmon run --once`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

from secmon.adapters.clock import Clock
from secmon.app.setups import setups_of
from secmon.core.decide import apply, decide
from secmon.core.derive import Deriver
from secmon.core.model import Fault, FaultState, Observation, Policy
from secmon.core.world import World
from secmon.loading import Loaded
from secmon.shell.poller import Hooks, Poller

GLANCE = timedelta(minutes=10)


class Nothing:
    """No store, so no memory, and a driver that looks can tell."""

    async def get(self, part: str, key: str) -> bytes | None:
        return None

    async def put(self, part: str, key: str, value: bytes) -> None:
        return None


async def poll_once(loaded: Loaded, devices: Sequence[str]) -> dict[str, list[Observation]]:
    """Every probe of these devices, once, through the bus locks."""
    policy = loaded.policy
    wanted = set(devices)
    facts: dict[str, Mapping[str, str]] = {}
    memory = Nothing()

    def deriver(device: str, label: str) -> Deriver:
        plan = policy.devices[device].probe(label)
        interval = plan.interval if plan else 30.0
        return Deriver(policy.devices[device], policy.words, ZoneInfo(policy.timezone), interval)

    def learn(seen: Observation, _: float) -> None:
        facts[seen.device] = {**facts.get(seen.device, {}), **seen.facts}

    hooks = Hooks(learn, deriver, lambda device: facts.get(device, {}), lambda _: memory)
    poller = Poller(Clock(), hooks)
    found: dict[str, list[Observation]] = {}
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(poller.run())
        await poller.adopt([one for one in setups_of(loaded) if one.device in wanted])
        async with asyncio.TaskGroup() as polls:
            asked = {device: polls.create_task(poller.poll(device)) for device in devices}
        found = {device: task.result() for device, task in asked.items()}
        running.cancel()
    return found


def faults_now(policy: Policy, seen: Sequence[Observation]) -> list[Fault]:
    """What is wrong at this moment, no soak waited for. Rules that ask for longer than GLANCE judge
    how long something lasts (an alarm that is never reset): one look can't say."""
    at_once = tuple(
        replace(rule, soak=timedelta(0)) for rule in policy.rules if rule.soak <= GLANCE
    )
    hasty = replace(policy, rules=at_once, channels=(), memo={})
    world = World()
    for one in sorted(seen, key=lambda observation: observation.at):
        apply(world, decide(world, (one,), hasty, one.at), hasty.words)
    if seen:  # parents that were never asked have had their time then
        later = max(one.at for one in seen) + timedelta(minutes=5)
        apply(world, decide(world, (), hasty, later), hasty.words)
    return [
        fault for _, fault in sorted(world.faults.items()) if fault.state is not FaultState.SUSPECT
    ]
