"""The site file's channels, open as long as the daemon runs, and the outbox that feeds them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from secmon.adapters.exposition import DaemonMetrics
from secmon.adapters.notify import Context, Mirror, Payload, Snapshot
from secmon.api import Clock, Later, Notifier, Store
from secmon.loading import Loaded
from secmon.shell.outbox import Outbox
from secmon.texts import Texts

log = logging.getLogger(__name__)


class Channels:
    """Opens the notifiers, feeds them from the outbox, mirrors the present state where a channel
    can show it. A reload that changes channels opens them anew; nothing in the outbox is lost."""

    def __init__(
        self,
        loaded: Loaded,
        store: Store,
        clock: Clock,
        *,
        texts: Texts,
        metrics: DaemonMetrics,
        snapshot: Snapshot,
    ) -> None:
        self._loaded = loaded
        self._store = store
        self._clock = clock
        self._texts = texts
        self._metrics = metrics
        self._snapshot = snapshot
        self._outbox: Outbox | None = None
        self._mirrors: list[Mirror] = []
        self._anew = asyncio.Event()
        self._alarms: asyncio.Queue[tuple[str, str]] = asyncio.Queue(8)
        metrics.know_channels((), [channel.id for channel in loaded.channels])

    def wake(self) -> None:
        """Something was committed for the outbox."""
        if self._outbox is not None:
            self._outbox.wake()

    def changed(self, topic: str, payload: Payload | None) -> None:
        """The present state of one thing, for channels that mirror it."""
        for mirror in self._mirrors:
            mirror.changed(topic, payload)

    def alarm(self, text: str) -> None:
        """The store is away, or back (no text): every channel is told at once, past the outbox."""
        with suppress(asyncio.QueueFull):
            self._alarms.put_nowait(("store_down" if text else "store_up", text))

    def adopt(self, loaded: Loaded, texts: Texts) -> None:
        """Takes up a new site file."""
        old, self._loaded, self._texts = self._loaded, loaded, texts
        if old.channels != loaded.channels or old.site.credentials != loaded.site.credentials:
            gone = {channel.id for channel in old.channels}
            kept = {channel.id for channel in loaded.channels}
            self._metrics.know_channels(gone - kept, kept - gone)
            self._anew.set()

    async def test(self, channel: str, by: str) -> None:
        """One real message. KeyError for an unknown channel, Later if it was not told."""
        if channel not in {one.id for one in self._loaded.channels}:
            raise KeyError(channel)
        async with self._ready() as outbox:
            wrong = await outbox.say("test", {"by": by}, channel)
        if wrong:
            raise Later("; ".join(wrong))

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._anew.clear()
            async with self._open() as outbox, asyncio.TaskGroup() as tasks:
                self._outbox = outbox
                running = tasks.create_task(outbox.run(), name="outbox")
                crying = tasks.create_task(self._cry(outbox), name="alarms")
                try:
                    await self._anew.wait()
                finally:
                    self._outbox = None
                    crying.cancel()
                    running.cancel()

    async def _cry(self, outbox: Outbox) -> None:
        while True:
            reason, text = await self._alarms.get()
            await outbox.say(reason, {"text": text} if text else {})

    @asynccontextmanager
    async def _ready(self) -> AsyncIterator[Outbox]:
        """The running outbox, or one of its own for a command without a daemon."""
        if self._outbox is not None:
            yield self._outbox
            return
        async with self._open(mirrors=False) as outbox:
            yield outbox

    @asynccontextmanager
    async def _open(self, *, mirrors: bool = True) -> AsyncIterator[Outbox]:
        """`mirrors`: show the present state too; a command does not know it."""
        async with AsyncExitStack() as stack:
            notifiers: dict[str, Notifier] = {}
            snapshot = self._snapshot if mirrors else None
            context = Context(self._loaded.policy.site, self._clock, snapshot)
            for channel in self._loaded.channels:
                opened = channel.notifier.open(channel.options, self._loaded.resolve, context)
                notifiers[channel.id] = await stack.enter_async_context(opened)
            self._mirrors = [one for one in notifiers.values() if isinstance(one, Mirror)]
            try:
                yield Outbox(
                    self._store,
                    notifiers,
                    lambda: self._texts,
                    self._clock,
                    count=self._count,
                )
            finally:
                self._mirrors = []

    def _count(self, channel: str, outcome: str) -> None:
        self._metrics.notifications.labels(channel, outcome).inc()
