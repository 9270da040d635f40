"""The site file's channels, open as long as the daemon runs, and the outbox that feeds them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from secmon.adapters.exposition import DaemonMetrics
from secmon.adapters.notify import Context, Mirror, Payload, Snapshot
from secmon.api import Clock, Delivery, Later, Notifier, Store
from secmon.loading import ChannelSetup, ConfigError, Loaded
from secmon.settings import SecretRef
from secmon.shell.outbox import Outbox
from secmon.shell.wording import Links
from secmon.texts import Texts

STOPPING = 4.0  # seconds that the deliveries in hand may take when the daemon stops

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
        links: Links = lambda _: {},
        halted: Callable[[], str] = lambda: "",
        gave_up: Callable[[Delivery, str], None] = lambda *_: None,
    ) -> None:
        self._loaded = loaded
        self._store = store
        self._clock = clock
        self._texts = texts
        self._metrics = metrics
        self._snapshot = snapshot
        self._links = links
        self._halted = halted
        self._gave_up = gave_up
        self._outbox: Outbox | None = None
        self._mirrors: list[Mirror] = []
        self._made_of: object = None  # what is open now
        self._running = False
        self._there = asyncio.Event()  # the outbox is
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
        """Takes up a new site file. Channels whose keys and secrets are the same stay open."""
        old, self._loaded, self._texts = self._loaded, loaded, texts
        gone = {channel.id for channel in old.channels}
        kept = {channel.id for channel in loaded.channels}
        self._metrics.know_channels(gone - kept, kept - gone)
        if self._running and self._made_of != _made_of(loaded):
            self._anew.set()

    async def test(self, channel: str, by: str, to: str = "") -> None:
        """One real message, meant for `to` or whoever reads the channel. KeyError for an unknown
        channel, Later if it was not told, ConfigError if it can't even be opened."""
        if channel not in {one.id for one in self._loaded.channels}:
            raise KeyError(channel)
        async with self._ready(channel) as outbox:
            wrong = await outbox.say("test", {"by": by}, channel, (to,) if to else ())
        if wrong:
            raise Later("; ".join(wrong))

    async def run(self) -> None:
        """Until cancelled."""
        self._running = True
        try:
            while True:
                self._anew.clear()
                self._made_of = _made_of(self._loaded)
                async with self._open() as (outbox, mirrors):
                    await self._work(outbox, mirrors)
        finally:
            self._running = False
            self._there.set()

    async def _work(self, outbox: Outbox, mirrors: list[Mirror]) -> None:
        """Until a new site file changes the channels."""
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(outbox.run(), name="outbox")
            crying = tasks.create_task(self._cry(outbox), name="alarms")
            self._outbox, self._mirrors = outbox, mirrors
            self._there.set()
            try:
                await self._anew.wait()
            finally:
                self._there.clear()
                self._outbox, self._mirrors = None, []
                crying.cancel()
                running.cancel()

    async def _cry(self, outbox: Outbox) -> None:
        while True:
            reason, text = await self._alarms.get()
            await outbox.say(reason, {"text": text} if text else {})

    @asynccontextmanager
    async def _ready(self, channel: str) -> AsyncIterator[Outbox]:
        """The running outbox; or, for a command without a daemon, one with this channel only, which
        shows no present state: the command does not know it."""
        while self._running:
            if self._outbox is not None:
                yield self._outbox
                return
            await self._there.wait()
        async with self._open(only=channel) as (outbox, _):
            yield outbox

    @asynccontextmanager
    async def _open(self, only: str = "") -> AsyncIterator[tuple[Outbox, list[Mirror]]]:
        async with AsyncExitStack() as stack:
            notifiers: dict[str, Notifier] = {}
            people = {one.id for one in self._loaded.channels if one.notifier.for_people}
            for channel in self._loaded.channels:
                if only not in ("", channel.id):
                    continue
                context = self._context(channel.id, beside_daemon=not only)
                opened = channel.notifier.open(channel.options, self._loaded.resolve, context)
                try:
                    notifiers[channel.id] = await stack.enter_async_context(opened)
                except ConfigError as error:
                    if only:
                        raise
                    notifiers[channel.id] = self._closed(channel, error)
            outbox = Outbox(
                self._store,
                notifiers,
                lambda: self._texts,
                self._clock,
                count=self._count,
                gave_up=self._gave_up,
                links=lambda row: self._links(row) if row.notice.to in people else {},
                home=self._loaded.site.http.public_url,
                quiet=[one.id for one in self._loaded.channels if not one.notifier.told],
                stop_s=STOPPING,
            )
            yield outbox, [one for one in notifiers.values() if isinstance(one, Mirror)]

    def _context(self, channel: str, *, beside_daemon: bool) -> Context:
        """What a channel may know; a command shows no present state and gives no sign of life."""
        metrics, clock = self._metrics, self._clock
        return Context(
            self._loaded.policy.site,
            clock,
            self._snapshot if beside_daemon else None,
            lambda heard: metrics.channel_tried(channel, heard, clock.now()),
            self._halted if beside_daemon else None,
            self._loaded.site.http.public_url,
        )

    def _closed(self, channel: ChannelSetup, error: ConfigError) -> Notifier:
        """A file that can't be used only shows when it is opened: the other channels tell on."""
        text = "; ".join(error.problems)
        log.error("channel can't be opened: channel=%s %s", channel.id, text)
        self._metrics.reloaded(False, self._clock.now())
        self._made_of = None  # the next reload tries again, whatever it brings
        return _Closed(text)

    def _count(self, channel: str, outcome: str) -> None:
        self._metrics.notifications.labels(channel, outcome).inc()
        self._metrics.channel_tried(channel, outcome == "told", self._clock.now())


@dataclass(frozen=True, slots=True)
class _Closed:
    """Stands for a channel that can't be opened: its notices wait for a better site file."""

    text: str

    async def send(self, delivery: Delivery, text: str) -> None:
        raise Later(self.text)


def _made_of(loaded: Loaded) -> object:
    """What the channels are made of, their secrets too: a rotated password is a change."""
    made = [(channel, _secrets(loaded, channel)) for channel in loaded.channels]
    return made, loaded.site.http.public_url


def _secrets(loaded: Loaded, channel: ChannelSetup) -> object:
    values = dict(channel.options)
    name = values.get("credentials")
    try:
        login = loaded.resolve.credentials(name).values if isinstance(name, str) else {}
        own = [loaded.resolve.secret(one) for one in values.values() if isinstance(one, SecretRef)]
    except ConfigError as error:
        return error.problems
    return login, own
