"""The store without a daemon: the same API, answered on a private socket for one command."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from secmon.adapters.clock import Clock
from secmon.adapters.store.sqlite import SqliteStore
from secmon.app.daemon import Daemon
from secmon.app.listeners import answering
from secmon.loading import Loaded

T = TypeVar("T")


def with_office(loaded: Loaded, work: Callable[[Path], T]) -> T:
    """Runs `work(socket)` against the API over the store itself. Raises StoreTaken while a daemon
    holds the store, StoreDown if it can't be opened."""
    return asyncio.run(_with_office(loaded, work))


async def _with_office(loaded: Loaded, work: Callable[[Path], T]) -> T:
    policy = loaded.policy
    clock = Clock()
    async with SqliteStore(
        loaded.site.store, site=policy.site, timezone=policy.timezone, clock=clock
    ) as store:
        daemon = Daemon(loaded, store, clock)
        await daemon.open()
        with tempfile.TemporaryDirectory(prefix="secmon-") as folder:
            path = Path(folder) / "secmon.sock"
            async with answering(daemon, path):
                return await _beside(daemon.desk.run(), asyncio.to_thread(work, path))


async def _beside(running: Coroutine[Any, Any, None], work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives or raises, as it is and in no group; `running` ends with it."""
    failed: Exception | None = None
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(running)
        try:
            return await work
        except Exception as error:
            failed = error
        finally:
            task.cancel()
    raise failed
