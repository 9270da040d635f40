"""What systemd hears of the daemon: ready when `/-/ready` is, alive as long as it makes progress.

The watchdog is fed by the event loop itself, and only while every probe's turn came in time, every
poll ended and the desk judges what waits. A store that is away stops none of that: a restart would
not bring it back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from secmon.adapters.systemd import Notify
from secmon.app.daemon import Daemon

log = logging.getLogger(__name__)

LOOK_S = 1.0  # between two looks whether the daemon is ready
ALLOW_S = 30.0  # how long the start may go on after each of them
FEEDS = 3  # signs of life in the time that systemd waits for one


class Lifeline:
    """`run` it beside the daemon, and take up site files through it."""

    def __init__(self, daemon: Daemon, notify: Notify) -> None:
        self._daemon = daemon
        self._notify = notify
        self._ready = False
        self._refused = False  # the latest site file

    async def run(self) -> None:
        """Says when the daemon is ready, then that it lives, until cancelled."""
        await self._daemon.started.wait()
        while reasons := self._daemon.not_ready():
            self._notify.waits(f"not ready: {'; '.join(reasons)}", ALLOW_S)
            await asyncio.sleep(LOOK_S)
        self._ready = True
        self._notify.ready(self._status())
        if self._notify.watchdog_s:
            await self._feed(self._notify.watchdog_s)

    async def reload(self) -> Sequence[str]:
        """Takes up the site file anew; gives the mistakes."""
        if not self._ready:  # `ready` would end the start too early
            return await self._daemon.reload()
        self._notify.reloading(self._daemon.clock.tick())
        try:
            problems = await self._daemon.reload()
            self._refused = bool(problems)
            return problems
        finally:  # also where whoever wished it by HTTP has gone
            self._notify.ready(self._status())

    def stopping(self) -> None:
        """The daemon was asked to end."""
        self._notify.stopping()

    async def _feed(self, watchdog_s: float) -> None:
        """A probe or the desk may be late by as much as systemd waits for a sign of life."""
        fed = True
        while True:
            why = self._daemon.stuck(watchdog_s)
            if why:
                self._notify.says(f"stuck: {why}")
            else:
                self._notify.alive(self._status())
            if fed and why:
                log.error("watchdog is not fed, systemd will start us again: %s", why)
            elif not why and not fed:
                log.info("watchdog is fed again")
            fed = not why
            await asyncio.sleep(watchdog_s / FEEDS)

    def _status(self) -> str:
        daemon = self._daemon
        parts = [
            f"{len(daemon.policy.devices)} devices",
            f"{len(daemon.world.tickets)} open tickets",
            *daemon.not_ready(),
        ]
        if self._refused:
            parts.append("the latest site file was refused, see the log")
        return ", ".join(parts)
