"""`secmon run`: the daemon from its first line to its last."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import uvloop

from secmon.adapters.clock import Clock
from secmon.adapters.store.sqlite import SqliteStore
from secmon.adapters.systemd import Notify
from secmon.app import collector
from secmon.app.daemon import Daemon
from secmon.app.lifeline import Lifeline
from secmon.app.listeners import listening
from secmon.loading import load

log = logging.getLogger("secmon")

LAST_S = 1.0  # for threads to end, when all else has

Ready = Callable[[Daemon], Awaitable[None]]


class Stop(Exception):
    """Somebody asked the daemon to end."""


def set_up_logging(level: str = "INFO") -> None:
    """One line per event on standard error; systemd adds the time."""
    logging.basicConfig(
        stream=sys.stderr, level=level, format="%(levelname)s %(name)s: %(message)s", force=True
    )
    for noisy in ("aiohttp.access", "asyncio", "mqtt"):
        logging.getLogger(noisy).setLevel("WARNING")


def run(file: Path, ready: Ready | None = None) -> None:
    """Runs until SIGTERM or SIGINT; the process ends soon after, whoever called. Raises
    ConfigError, StoreDown or PortTaken at the start."""
    _open_files()
    with collector.resting():
        uvloop.run(_serve_and_leave(file, ready))


def _open_files() -> None:
    """A connection to each of 1,000 devices takes more files than a shell usually allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _serve_and_leave(file: Path, ready: Ready | None) -> None:
    """A thread that looks up a name, of a name server that says nothing, cannot be cut off; loop
    and interpreter would wait for it. By then all is stored and said."""
    await serve(file, ready)
    last = threading.Timer(LAST_S, os._exit, (0,))
    last.daemon = True
    last.start()


async def serve(file: Path, ready: Ready | None = None) -> None:
    """The daemon in a running loop; `ready` is called once it polls and answers."""
    loaded = await asyncio.to_thread(load, file)
    for warning in loaded.warnings:
        log.warning("%s", warning)
    clock = Clock()
    policy = loaded.policy
    store = SqliteStore(loaded.site.store, site=policy.site, timezone=policy.timezone, clock=clock)
    stop = asyncio.Event()
    async with store:
        for name in store.upgraded:
            log.info("store upgraded by %s", name)
        daemon = Daemon(loaded, store, clock)
        await daemon.open()
        lifeline = Lifeline(daemon, Notify())
        async with listening(daemon, lifeline.reload):
            with suppress(Stop):
                await _until_stopped(daemon, lifeline, stop, ready)
    log.info("stopped")


async def _until_stopped(
    daemon: Daemon, lifeline: Lifeline, stop: asyncio.Event, ready: Ready | None
) -> None:
    loop = asyncio.get_running_loop()
    reloads: asyncio.Queue[None] = asyncio.Queue(1)
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    loop.add_signal_handler(signal.SIGHUP, _wish, reloads)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(daemon.run(), name="daemon")
            tasks.create_task(lifeline.run(), name="lifeline")
            tasks.create_task(_reload_on_wish(lifeline, reloads), name="reload")
            tasks.create_task(_stop(lifeline, stop), name="stop")
            await daemon.started.wait()
            collector.settled()
            log.info(
                "ready site=%s devices=%d probes=%d open_tickets=%d",
                daemon.policy.site,
                len(daemon.policy.devices),
                len(daemon.loaded.probes),
                len(daemon.world.tickets),
            )
            if ready is not None:
                await ready(daemon)
    except* Stop:
        log.info("stopping")
    finally:
        for sign in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(sign)


def _wish(reloads: asyncio.Queue[None]) -> None:
    with suppress(asyncio.QueueFull):
        reloads.put_nowait(None)


async def _reload_on_wish(lifeline: Lifeline, reloads: asyncio.Queue[None]) -> None:
    while True:
        await reloads.get()
        await lifeline.reload()


async def _stop(lifeline: Lifeline, stop: asyncio.Event) -> None:
    await stop.wait()
    lifeline.stopping()
    raise Stop
