"""The daemon, put together: store, desk, poller, exposition, outbox, and what the API asks of them.

Commands without a running daemon use the same object over the store itself, without a poller.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from prometheus_client import CollectorRegistry

from secmon import __version__
from secmon.adapters.exposition import Exposition
from secmon.adapters.store.access import Access
from secmon.adapters.store.sqlite import SqliteStore
from secmon.api import (
    AuditLine,
    Change,
    Clock,
    Contact,
    Delivery,
    Hour,
    Role,
    Spot,
    Stored,
    StoreDown,
    Trace,
    User,
)
from secmon.app import collector
from secmon.app.channels import Channels
from secmon.app.setups import setups_of
from secmon.app.watch import is_equipment, watch_setups
from secmon.console.access import WORKERS
from secmon.console.daemon import Health
from secmon.console.links import token
from secmon.console.views import device_row
from secmon.core.boots import Boots
from secmon.core.derive import RESTING, Deriver, Layouts
from secmon.core.handover import HandOver
from secmon.core.kpi import Watched
from secmon.core.model import (
    Action,
    Device,
    Entry,
    Observation,
    Policy,
    Refusal,
    Ticket,
    TicketState,
)
from secmon.core.roster import Cover, Override
from secmon.core.tickets import as_json
from secmon.core.windows import Shade, Silence, present
from secmon.core.wishes import Wish
from secmon.core.world import World
from secmon.loading import ConfigError, Loaded, load
from secmon.loading.floors import Floor
from secmon.shell.desk import Desk
from secmon.shell.history import Recorder
from secmon.shell.outbox import EVER
from secmon.shell.poller import Hooks, Poller, Setup
from secmon.shell.tally import Tally
from secmon.texts import LANGUAGES, Texts

log = logging.getLogger(__name__)

HEARTBEAT = 5.0  # seconds between signs of life at the store's lock
PRUNE = 24 * 3600.0
LISTENERS = 256  # changes that an event stream may lag behind before it is told so
HALTED_S = 60.0  # a probe or the desk may be late by so much before a watcher hears nothing
AWAY = 3  # intervals that a restart may take before float charge settles anew


class Daemon:
    """Everything between the wire and the people, built once from a loaded site file."""

    version = __version__

    def __init__(self, loaded: Loaded, store: SqliteStore, clock: Clock) -> None:
        self.clock = clock
        self.loaded = loaded
        self.store = store
        self.exposition = Exposition(loaded.policy, CollectorRegistry())
        self.metrics = self.exposition.daemon
        self.exposition.covered = self._covered
        self.desk = Desk(store, loaded.policy, clock, ask=self._ask, store_said=self._store_said)
        self.desk.listeners.append(self._changed)
        self.poller = Poller(
            clock,
            Hooks(
                self._observe,
                self._deriver,
                self._facts,
                store.memory,
                self.metrics.poll_lateness.observe,
                self.metrics.polls_skipped.inc,
                self._paused,
            ),
        )
        self.tally = Tally(
            lambda: (self.world, self.policy), clock, store.add_watched, self._counts
        )
        self.recorder = Recorder(loaded.policy, clock, store.add_hours, store.put_traces)
        self._tongues = {language: texts_of(loaded, language) for language in LANGUAGES}
        self._mistakes: Sequence[str] = ()  # of the site file that was last refused
        self._reloaded_at = clock.now()
        self._started_at = clock.now()
        self.channels = Channels(
            loaded,
            store,
            clock,
            texts=self.texts,
            metrics=self.metrics,
            snapshot=self._snapshot,
            links=self._links,
            halted=self._halted,
            gave_up=self._gave_up,
        )
        self.link_key = b""  # the store's, once it is open
        self._queues: set[asyncio.Queue[Mapping[str, object]]] = set()
        self._settled: dict[str, Ticket] = {}
        self._away: float | None = None
        self._alive_at: datetime | None = None
        self._layouts = Layouts()
        self._polling = False
        self.started = asyncio.Event()
        self._reloading = asyncio.Lock()

    # --- life ---

    async def open(self) -> None:
        """Takes up where the last daemon stopped."""
        stored: Stored = await self.store.load()
        if stored.alive_at is not None:
            self._alive_at = stored.alive_at
            self._away = (self.clock.now() - stored.alive_at).total_seconds()
        self._settled = {ticket.id: ticket for ticket in stored.tickets}
        self.link_key = await self.store.link_key()
        await self.desk.open(stored)
        self.exposition.learn(self.desk.world.facts)
        self.metrics.store_up.set(1)
        self.metrics.reloaded(True, self.clock.now())

    async def run(self) -> None:
        """Polls, judges and tells until cancelled. A crash of any of it ends all of it."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.desk.run(), name="desk")
            tasks.create_task(self.poller.run(), name="poller")
            tasks.create_task(self.recorder.run(), name="recorder")
            tasks.create_task(self.tally.run(), name="tally")
            tasks.create_task(self.channels.run(), name="outbox")
            tasks.create_task(self._beat(), name="heartbeat")
            tasks.create_task(self._prune(), name="prune")
            self._polling = True
            await self.poller.adopt(self._setups(setups_of(self.loaded)))
            self.started.set()

    def not_ready(self) -> list[str]:
        """Why the daemon is not ready; nothing when it is."""
        reasons = [] if self.started.is_set() else ["the probes are not started yet"]
        if not self.desk.store_up:
            reasons.append("the store is away")
        if self.desk.holds_until is not None:
            reasons.append("the clock is earlier than the last commit")
        return reasons

    def stuck(self, grace_s: float) -> str:
        """What makes no progress though it could, for over `grace_s` seconds; nothing when all do.
        What waits for the store is not stuck."""
        return self.poller.stuck(grace_s) or self.desk.stuck(grace_s)

    def _halted(self) -> str:
        """Why nobody outside should believe that all is well; nothing while it is."""
        return "; ".join(self.not_ready()) or self.stuck(HALTED_S)

    async def reload(self) -> Sequence[str]:
        """Takes up the site file anew; a bad one changes nothing. Gives the mistakes."""
        async with self._reloading:
            try:
                loaded = await asyncio.to_thread(load, self.loaded.file)
                setups = setups_of(loaded)
            except ConfigError as error:
                self.metrics.reloaded(False, self.clock.now())
                for text in error.problems:
                    log.error("site file refused: %s", text)
                self._mistakes = error.problems
            else:
                self._mistakes = await self._take_up(loaded, setups)
            await self._note_reload()
            return self._mistakes

    async def _note_reload(self) -> None:
        outcome, why = "done", ""
        if self._mistakes:
            outcome, why = "refused", f"{len(self._mistakes)} mistakes"
        line = AuditLine("secmon", "", "reload", self.loaded.file.name, outcome, why)
        try:
            await self.ledger.note(line)
        except StoreDown as down:
            log.warning("the reload is not in the audit: %s", down)

    async def _take_up(self, loaded: Loaded, setups: Sequence[Setup]) -> Sequence[str]:
        fixed = [
            f"{key}: a change needs a restart (kept the old one)"
            for key, old, new in (
                ("store", self.loaded.site.store, loaded.site.store),
                ("site.id", self.loaded.policy.site, loaded.policy.site),
            )
            if old != new
        ]
        if fixed:
            self.metrics.reloaded(False, self.clock.now())
            return fixed
        try:
            await self.desk.adopt(loaded.policy)
        except StoreDown as down:
            self.metrics.reloaded(False, self.clock.now())
            return [f"nothing can be written now: {down}"]
        self.loaded = loaded
        self._tongues = {language: texts_of(loaded, language) for language in LANGUAGES}
        self.exposition.set_policy(loaded.policy)
        self.recorder.adopt(loaded.policy)
        if self._polling:
            await self.poller.adopt(self._setups(setups))
        self.channels.adopt(loaded, self.texts)
        self._reloaded_at = self.clock.now()
        self.metrics.reloaded(True, self._reloaded_at)
        collector.renewed()
        log.info("site file taken up devices=%d", len(loaded.policy.devices))
        return []

    async def _beat(self) -> None:
        while True:
            try:
                self.store.touch()
            except OSError as error:
                log.warning("no sign of life could be left: %s", error)
            self.metrics.store_up.set(self.desk.store_up)
            self.metrics.outbox_pending.set(await self._outstanding())
            await asyncio.sleep(HEARTBEAT)

    async def _outstanding(self) -> int:
        try:
            return await self.store.outstanding()
        except StoreDown:
            return 0

    async def _prune(self) -> None:
        while True:
            await asyncio.sleep(PRUNE)
            keep = self.loaded.site.retention
            try:
                now = self.clock.now()
                await self.store.prune(now, history_for=keep.history, pictures=keep.pictures)
                await self.ledger.prune(
                    audit_before=now - keep.audit, pictures_before=now - keep.pictures
                )
                chain = await self.ledger.check_audit()
                say = log.error if chain.mistakes else log.info
                say("audit lines=%d head=%s %s", chain.last, chain.head, "; ".join(chain.mistakes))
            except StoreDown as down:
                log.warning("nothing was pruned: %s", down)

    # --- what the poller and the desk say ---

    def _observe(self, seen: Observation, took_s: float) -> None:
        self.exposition.observe(seen, took_s)
        self.recorder.observe(seen)
        self.desk.observe(seen)

    def _setups(self, setups: Sequence[Setup]) -> list[Setup]:
        """What is polled: the site file's probes, and the watch."""
        return [*setups, *watch_setups(self.loaded, self.cover, self.clock.now)]

    def _gave_up(self, delivery: Delivery, why: str) -> None:
        self.desk.undelivered(delivery.notice, why)

    def _ask(self, devices: Collection[str]) -> None:
        self.poller.ask(devices)

    def _paused(self, device: str) -> bool:
        """Is planned work going on there, and it is to be left alone?"""
        known = self.policy.devices.get(device)
        paused = known is not None and self.shade().skips(known)
        if paused:
            self.exposition.pause(device)
        return paused

    def _counts(self, device: Device) -> bool:
        """Do its minutes count for the month's figures?"""
        return is_equipment(device) and not self.shade().over(device)

    def _covered(self, now: datetime) -> Mapping[str, str]:
        shade = present(self.policy, self.world.book.silences, now)
        if not shade.active:
            return {}
        every = self.policy.devices.values()
        return {
            device.id: "skip" if shade.skips(device) else "mute"
            for device in every
            if shade.over(device)
        }

    def _facts(self, device: str) -> Mapping[str, str]:
        return self.desk.world.facts.setdefault(device, {})

    def _deriver(self, device: str, label: str) -> Deriver:
        policy = self.desk.policy
        known = policy.devices[device]
        plan = known.probe(label)
        interval = plan.interval if plan else 30.0
        resting = self._facts(device).get(RESTING, "")
        short = self._away is not None and self._away < AWAY * interval
        since = datetime.fromisoformat(resting) if resting and short else None
        zone = ZoneInfo(policy.timezone)
        boots = Boots(self._facts(device), self._alive_at)
        return Deriver(
            known, policy.words, zone, interval, since, layouts=self._layouts, boots=boots
        )

    def _store_said(self, text: str) -> None:
        self.metrics.store_up.set(not text)
        self.channels.alarm(text)

    def _changed(self, change: Change, devices: Collection[str]) -> None:
        """After every lasting change, and when a device came or went."""
        for ticket in change.tickets.values():
            self.metrics.ticket_changed(self._settled.get(ticket.id), ticket)
            if ticket.ended:
                self._settled.pop(ticket.id, None)
            else:
                self._settled[ticket.id] = ticket
        if change.facts:
            self.exposition.learn(self.desk.world.facts)
        if change.effects:
            self.channels.wake()
        for ticket in change.tickets.values():
            self.channels.changed(*self._ticket_state(ticket))
        for device in devices:
            self.channels.changed(*self._device_state(device))
        self._publish(change, devices)

    # --- present state, for MQTT and event streams ---

    def _snapshot(self) -> Iterator[tuple[str, Mapping[str, object] | None]]:
        for device in self.policy.devices:
            yield self._device_state(device)
        for ticket in self.world.tickets.values():
            yield self._ticket_state(ticket)

    def _device_state(self, device: str) -> tuple[str, Mapping[str, object] | None]:
        known = self.policy.devices.get(device)
        topic = f"device/{device}/state"
        if known is None:
            return topic, None
        row = device_row(self.world, self.policy, known, self.shade())
        now = self.clock.now().astimezone(UTC).isoformat(timespec="milliseconds")
        return topic, {
            "up": row["up"],
            "faults": row["faults"],
            "at": now.replace("+00:00", "Z"),
        }

    def _ticket_state(self, ticket: Ticket) -> tuple[str, Mapping[str, object] | None]:
        topic = f"ticket/{ticket.number}"
        return topic, None if ticket.ended else self._json(ticket)

    def _json(self, ticket: Ticket) -> Mapping[str, object]:
        return {**as_json(ticket, self.clock.now()), "summary": self.summary(ticket)}

    def _publish(self, change: Change, devices: Collection[str]) -> None:
        if not self._queues:
            return
        events: deque[Mapping[str, object]] = deque()
        for ticket in change.tickets.values():
            events.append({"type": "ticket", "ticket": self._json(ticket)})
        for device in devices:
            _, state = self._device_state(device)
            events.append({"type": "device", "device": device, "state": state})
        for queue in self._queues:
            self._tell(queue, events)

    @staticmethod
    def _tell(
        queue: asyncio.Queue[Mapping[str, object]], events: Iterable[Mapping[str, object]]
    ) -> None:
        for event in events:
            if queue.full():  # the reader must read it all again
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait({"type": "lagged"})
            queue.put_nowait(event)

    # --- what people do by link, and what they could not be told ---

    def _links(self, row: Delivery) -> Mapping[str, str]:
        """A personal link for each of those it is meant for, and one for the group."""
        number = str(row.ticket.get("number", "")) if row.ticket else ""
        base = self.loaded.site.http.public_url
        if not number or not base:
            return {}
        now, names = self.clock.now(), ["", *(one.user for one in row.people)]
        return {
            name: f"{base}/t/{token(self.link_key, number, row.notice.to, name, now)}"
            for name in names
        }

    async def claimants(self) -> Collection[str]:
        """Those on shift who may work on tickets; while nobody is, all who may."""
        able = [user.name for user in await self.store.users() if user.role in WORKERS]
        cover = self.cover()
        on_shift = set(cover.on(self.clock.now()) if cover else ()) & set(able)
        return [name for name in able if not on_shift or name in on_shift]

    async def notices(self, state: str, limit: int) -> Sequence[Delivery]:
        if state == "never":
            return await self.store.given_up(limit)
        return await self.store.pending(EVER, limit)

    def notice_text(self, delivery: Delivery) -> str:
        notice = delivery.notice
        return self.texts.notice(notice.reason, notice.facts, delivery.ticket, notice.at)

    async def send_again(self, delivery: int) -> bool:
        found = await self.store.send_again(delivery)
        self.channels.wake()
        return found

    # --- what the API asks ---

    @property
    def world(self) -> World:
        return self.desk.world

    @property
    def policy(self) -> Policy:
        return self.desk.policy

    def shade(self) -> Shade:
        return present(self.policy, self.world.book.silences, self.clock.now())

    @property
    def language(self) -> str:
        return self.loaded.site.site.language

    @property
    def texts(self) -> Texts:
        return self._tongues[self.language]

    @property
    def public_url(self) -> str:
        http = self.loaded.site.http
        scheme = "https" if http.tls else "http"
        return http.public_url or f"{scheme}://{http.listen}"

    def speak(self, language: str) -> Texts:
        return self._tongues[language]

    def summary(self, ticket: Ticket) -> str:
        return self.texts.summary(as_json(ticket, self.clock.now()))

    @contextmanager
    def events(self) -> Iterator[asyncio.Queue[Mapping[str, object]]]:
        queue: asyncio.Queue[Mapping[str, object]] = asyncio.Queue(LISTENERS)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)

    async def act(self, action: Action) -> Ticket | Refusal:
        return await self.desk.act(action)

    async def poll(self, device: str) -> Sequence[Observation]:
        """What every probe of it says now; whoever asks next sees the world after that."""
        seen = await self.poller.poll(device)
        await self.desk.caught_up()
        return seen

    async def tickets(
        self,
        states: Collection[TicketState] | None,
        device: str,
        limit: int,
        after: str = "",
    ) -> Sequence[Ticket]:
        return await self.store.tickets(states or (), device, limit, after)

    async def ticket(self, number: str) -> Ticket | None:
        open_id = self.world.numbers.get(number)
        found = self.world.tickets.get(open_id) if open_id else None
        return found or await self.store.ticket(number)

    async def journal(self, ticket: Ticket) -> Sequence[Entry]:
        return await self.store.journal(ticket.id)

    async def traces(self, device: str, since: datetime, until: datetime) -> Sequence[Trace]:
        fresh = self.recorder.traces(device)
        known = {(one.probe, one.at) for one in fresh}
        stored = await self.store.traces(device, since, until)
        return [*(one for one in stored if (one.probe, one.at) not in known), *fresh]

    async def hours(
        self, device: str, reading: str, since: datetime, until: datetime
    ) -> Sequence[Hour]:
        return await self.store.hours(device, reading, since, until)

    async def user(self, digest: str) -> User | None:
        return await self.store.token(digest)

    async def watched(self, month: str) -> Sequence[Watched]:
        return [*await self.store.watched(month), *self.tally.counted(month)]

    async def opened(self, since: datetime, until: datetime) -> Sequence[Ticket]:
        """Ended or not. What is open is in memory already; what ends meanwhile is there twice."""
        still = [t for t in self.world.tickets.values() if since <= t.opened_at < until]
        found = {t.id: t for t in (*still, *await self.store.ended(since, until))}
        return list(found.values())

    def troubles(self) -> Sequence[str]:
        found = {
            "starting": not self.started.is_set(),
            "store": not self.desk.store_up,
            "clock": self.desk.holds_until is not None,
            "reload": bool(self._mistakes),
        }
        return [word for word, true in found.items() if true]

    async def health(self) -> Health:
        try:
            pending = await self.store.outstanding()
        except StoreDown:
            pending = None
        http, metrics = self.loaded.site.http.listen, self.loaded.site.metrics.listen
        polls, late_s = self.metrics.polls()
        return Health(
            started_at=self._started_at,
            store_up=self.desk.store_up,
            outbox_pending=pending,
            reload_good=not self._mistakes,
            reload_at=self._reloaded_at,
            reload_mistakes=self._mistakes,
            warnings=self.loaded.warnings,
            polls=polls,
            polls_skipped=self.metrics.skipped(),
            lateness_mean_s=late_s / polls if polls else 0.0,
            probes=len(self.loaded.probes),
            listeners=[str(one) for one in dict.fromkeys((http, metrics))],
            streams=len(self._queues),
        )

    # --- who is logged in ---

    @property
    def ledger(self) -> Access:
        return self.store.access

    @property
    def idle(self) -> timedelta:
        return self.loaded.site.access.idle

    @property
    def tries(self) -> int:
        return self.loaded.site.access.tries

    def announce(self, ticket: Ticket) -> None:
        """Tells open pages that something about the ticket is new."""
        for queue in self._queues:
            self._tell(queue, [{"type": "ticket", "ticket": self._json(ticket)}])

    async def pictures(self, ticket: Ticket) -> Sequence[tuple[datetime, bytes]]:
        return await self.store.evidence(ticket.id)

    async def person(self, name: str) -> User | None:
        return await self.store.user(name)

    async def begin_session(
        self, name: str, sha256: str, address: str = "", agent: str = ""
    ) -> None:
        await self.store.begin_session(name, sha256, address, agent)

    async def session(self, sha256: str) -> User | None:
        return await self.store.session(sha256, self.idle)

    async def end_session(self, sha256: str) -> None:
        await self.store.end_session(sha256)

    async def add_link(self, name: str, sha256: str, expires: datetime) -> None:
        await self.store.add_link(name, sha256, expires)

    async def take_link(self, sha256: str) -> str | None:
        return await self.store.take_link(sha256)

    # --- the duty book ---

    def cover(self) -> Cover | None:
        """The roster with its overrides; None where the site file has none."""
        return self.world.book.cover(self.policy.duty)

    async def ask(self, wish: Wish) -> str | Refusal:
        return await self.desk.ask(wish)

    def words(self, ticket: object) -> str:
        """Today's words for a ticket as it was written down."""
        return self.texts.summary(ticket) if isinstance(ticket, Mapping) else ""

    async def overrides(self, since: datetime, until: datetime) -> Sequence[Override]:
        return await self.store.overrides(since, until)

    async def hand_over(self, hand_over: str) -> HandOver | None:
        return await self.store.hand_over(hand_over)

    async def hand_overs(self, limit: int, before: datetime | None) -> Sequence[HandOver]:
        return await self.store.hand_overs(limit, before)

    async def silences_over(self, limit: int) -> Sequence[Silence]:
        return await self.store.silences_over(self.clock.now(), limit)

    async def contacts(self, names: Collection[str]) -> Sequence[Contact]:
        return await self.store.contacts(names)

    async def set_contact(self, contact: Contact) -> None:
        await self.store.set_contact(contact)

    # --- floor plans ---

    @property
    def floors(self) -> Sequence[Floor]:
        """The pictures beside the site file."""
        return self.loaded.floors

    async def spots(self) -> Sequence[Spot]:
        return await self.store.spots()

    async def put_spot(self, spot: Spot) -> None:
        await self.store.put_spot(spot)

    async def remove_spot(self, floor: str, device: str) -> bool:
        return await self.store.remove_spot(floor, device)

    # --- what administrators ask ---

    async def users(self) -> Sequence[User]:
        return await self.store.users()

    async def add_user(self, name: str, role: Role, password: str) -> None:
        await self.store.add_user(name, role, password)

    async def set_password(self, name: str, password: str, must_change: bool = False) -> None:
        await self.store.set_password(name, password, must_change)

    async def add_token(self, user: str, sha256: str) -> None:
        await self.store.add_token(user, "cli", sha256)

    async def notify_test(self, channel: str, by: str, to: str) -> None:
        await self.channels.test(channel, by, to)

    async def backup(self, dest: Path) -> None:
        await self.store.backup(dest)

    async def sizes(self) -> Sequence[Mapping[str, object]]:
        return [asdict(size) for size in await self.store.sizes()]


def texts_of(loaded: Loaded, language: str) -> Texts:
    """The words of a language."""
    policy = loaded.policy
    return Texts(
        language,
        policy.timezone,
        policy.words,
        {rule.id: rule for rule in policy.rules},
        loaded.site.site.name,
        policy.devices,
    )
