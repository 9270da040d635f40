"""The connection to an MQTT broker: kept up, telling what waits, mirroring the present state.

aiomqtt does not reconnect by itself; here is the loop that does. A notice waits here at most for
WAIT_S, then it goes back to the outbox: nothing is told unless the broker acknowledged it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from aiomqtt import Client, MqttError

from secmon.adapters.notify import Payload, Snapshot, as_bytes
from secmon.api import Delivery, Later
from secmon.texts.clean import clean

log = logging.getLogger(__name__)

WAIT_S = 25.0
ANSWER_S = 10.0  # for one packet to be acknowledged
PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)  # between tries to connect
STABLE_S = (
    30.0  # a connection that lasted as long starts these anew; a shorter one may be a quarrel
)
QUIET_S, COLLECT_S = 0.5, 10.0  # old retained topics: none for so long; in all at most
WINDOW = 50  # messages of the mirror under way, at most
TOPICS = 50_000  # most topics of the mirror; beyond, the whole state is taken anew


@dataclass(slots=True, eq=False)
class _Letter:
    """A notice on its way; `told` is done when the broker has taken it."""

    payload: bytes
    told: asyncio.Future[None]


class Line:
    """The notifier. One connection at a time, kept up by `run`; `root` is `secmon/<site>`."""

    def __init__(
        self, place: str, root: str, client: Callable[[], Client], snapshot: Snapshot | None
    ) -> None:
        self._place = place
        self._root = root
        self._client = client
        self._snapshot = snapshot
        self._letters: list[_Letter] = []
        self._changes: dict[str, Payload | None] = {}  # by topic: only the latest counts
        self._shown: set[str] = set()  # topics that should be retained now
        self._work = asyncio.Event()
        self._free = asyncio.Event()  # not inside paho's blocking connect
        self._free.set()
        self._connected = False
        self._closing = asyncio.Event()
        self._why = "not connected yet"

    # --- what the daemon asks for ---

    async def send(self, delivery: Delivery, text: str) -> None:
        """Told when the broker has acknowledged it. Later: it did not, or is not there."""
        payload = {
            "id": delivery.key,
            "reason": delivery.notice.reason,
            "text": text,
            "ticket": delivery.ticket,
        }
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        letter = _Letter(as_bytes(payload), told)
        self._letters.append(letter)
        self._work.set()
        try:
            async with asyncio.timeout(WAIT_S):
                await told
        except TimeoutError:
            raise Later(f"{self._place}: {self._why}", after_s=0.0) from None
        finally:
            if letter in self._letters:
                self._letters.remove(letter)

    def changed(self, topic: str, payload: Payload | None) -> None:
        """Shown as soon as possible; while there is no connection the next snapshot covers it."""
        if not self._connected:
            return
        self._note(topic, payload)
        if len(self._changes) > TOPICS:
            self._take_snapshot()
        self._work.set()

    # --- the connection ---

    async def run(self) -> None:
        """Connects, serves, and connects again, until it is cancelled or closed."""
        loop, tries = asyncio.get_running_loop(), 0
        while not self._closing.is_set():
            began = loop.time()
            try:
                await self._connect_and_serve()
            except MqttError as error:
                self._lost(error)
            if loop.time() - began > STABLE_S:
                tries = 0
            with suppress(TimeoutError):
                async with asyncio.timeout(PAUSES_S[min(tries, len(PAUSES_S) - 1)]):
                    await self._closing.wait()
            tries += 1

    async def close(self) -> None:
        """Ends `run` from inside: offline is said, and no thread of paho's is left behind."""
        self._closing.set()
        self._work.set()
        await self._free.wait()

    async def _connect_and_serve(self) -> None:
        client = self._client()
        self._free.clear()
        try:
            await client.__aenter__()
        except (MqttError, asyncio.CancelledError):
            _abandon(client)
            raise
        finally:
            self._free.set()
        client.timeout = ANSWER_S
        try:
            await self._serve(client)
        finally:
            with suppress(MqttError):
                await client.__aexit__(None, None, None)
            _retrieve(client)

    async def _serve(self, client: Client) -> None:
        """Until the connection breaks (MqttError) or `close` asks for its end."""
        await client.publish(f"{self._root}/status", "online", qos=1, retain=True)
        log.info("channel connected broker=%s", self._place)
        self._connected, self._why = True, "the broker does not acknowledge"
        self._take_snapshot()
        old: set[str] = set()
        heard = asyncio.Event()
        broken: MqttError | None = None
        try:
            async with asyncio.TaskGroup() as group:
                reader = group.create_task(self._read(client, old, heard))
                sweeper = group.create_task(self._sweep(client, old, heard))
                await self._write(client)
                reader.cancel()
                sweeper.cancel()
        except* MqttError as errors:
            broken = _first(errors)
        if broken is not None:
            raise broken
        await client.publish(f"{self._root}/status", "offline", qos=1, retain=True)

    async def _write(self, client: Client) -> None:
        """Notices first, then the mirror; returns when it is time to close."""
        shown = 0
        while not self._closing.is_set():
            if self._letters:
                letter = self._letters[0]
                await client.publish(f"{self._root}/notice", letter.payload, qos=1)
                if not letter.told.done():
                    letter.told.set_result(None)
                if letter in self._letters:
                    self._letters.remove(letter)
            elif self._changes:
                topic = next(iter(self._changes))
                payload = self._changes.pop(topic)
                data = b"" if payload is None else as_bytes(payload)
                # QoS 0: what a broken connection swallows, the next one's snapshot repeats. But
                # now and then it waits for the broker, so that a slow one is not buried.
                shown += 1
                qos = 0 if shown % WINDOW else 1
                await client.publish(f"{self._root}/{topic}", data, qos=qos, retain=True)
            else:
                self._work.clear()
                await self._work.wait()

    async def _read(self, client: Client, old: set[str], heard: asyncio.Event) -> None:
        """Notes which topics an earlier run left retained; ends when the connection breaks."""
        async for message in client.messages:
            if message.retain and message.payload and len(old) < TOPICS:
                old.add(str(message.topic).removeprefix(f"{self._root}/"))
                heard.set()

    async def _sweep(self, client: Client, old: set[str], heard: asyncio.Event) -> None:
        """Clears retained topics of devices and tickets that are no more."""
        if self._snapshot is None:
            return
        patterns = [f"{self._root}/device/+/state", f"{self._root}/ticket/+"]
        await client.subscribe([(pattern, 1) for pattern in patterns])
        with suppress(TimeoutError):
            async with asyncio.timeout(COLLECT_S):
                await _quiet(heard)
        await client.unsubscribe(patterns)
        stale = old - self._shown
        for topic in stale:
            self._changes.setdefault(topic, None)
        if stale:
            log.info("cleared old retained topics broker=%s count=%d", self._place, len(stale))
            self._work.set()

    # --- what it remembers ---

    def _take_snapshot(self) -> None:
        self._changes.clear()
        self._shown.clear()
        for topic, payload in self._snapshot() if self._snapshot else ():
            self._note(topic, payload)

    def _note(self, topic: str, payload: Payload | None) -> None:
        self._changes[topic] = payload
        if payload is None:
            self._shown.discard(topic)
        else:
            self._shown.add(topic)

    def _lost(self, error: MqttError) -> None:
        """One line per change of state. Notices under way wait for the next connection."""
        why = clean(error) or type(error).__name__
        if self._connected or why != self._why:
            log.warning("channel not connected broker=%s why=%r", self._place, why)
        self._connected, self._why = False, why
        self._changes.clear()


async def _quiet(heard: asyncio.Event) -> None:
    """Returns when nothing was heard for a while."""
    with suppress(TimeoutError):
        while True:
            heard.clear()
            async with asyncio.timeout(QUIET_S):
                await heard.wait()


def _first(group: BaseExceptionGroup[MqttError]) -> MqttError:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


def _abandon(client: Client) -> None:
    """aiomqtt leaves the socket open when the broker accepts it and then says no, or nothing."""
    client._client.disconnect()


def _retrieve(client: Client) -> None:
    """aiomqtt keeps why the connection broke in a future; unread, asyncio would complain."""
    if client._disconnected.done() and not client._disconnected.cancelled():
        client._disconnected.exception()
