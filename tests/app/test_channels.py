"""Channels over the real store, in virtual time: what a new site file does to them, what is said
past the outbox, and one that can't be opened. Notifiers are real kinds made of small functions."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from secmon.adapters.exposition import DaemonMetrics
from secmon.adapters.notify import Context, NotifierKind, Payload, Secrets
from secmon.adapters.store.sqlite import SqliteStore
from secmon.api import Delivery, Later, Notifier
from secmon.app.channels import Channels
from secmon.loading import ChannelSetup, ConfigError, Loaded, load
from secmon.settings import Secret, Section
from tests.shell.told import a_store, commit, texts
from tests.virtual import VirtualClock, virtual_time

SITE = """
site: {id: lab, name: 示范工程}
store: sqlite:///tmp/none.db
credentials: {mq: {username: secmon, password: {file: password}}}
devices: [{id: room-1, name: 主机房, system: center, kind: machine-room}]
"""


class Keys(Section):
    """What the site file says of such a channel."""

    place: str = ""
    credentials: str | None = None
    secret: Secret | None = None


@dataclass
class Wire:
    """What went through all channels of a test, and what they do."""

    opened: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)  # place, text
    tickets: list[tuple[str, str]] = field(default_factory=list)  # place, number
    shown: list[tuple[str, str]] = field(default_factory=list)  # place, topic
    answer: Exception | None = None
    takes_s: float = 0.0
    unusable: str = ""  # this place can't be opened


@dataclass
class Line:
    """A channel that also mirrors."""

    wire: Wire
    place: str

    async def send(self, delivery: Delivery, text: str) -> None:
        await asyncio.sleep(self.wire.takes_s)
        if self.wire.answer is not None:
            raise self.wire.answer
        self.wire.told.append((self.place, text))
        if delivery.ticket:
            self.wire.tickets.append((self.place, str(delivery.ticket["number"])))

    def changed(self, topic: str, payload: Payload | None) -> None:
        self.wire.shown.append((self.place, topic))


def kind(wire: Wire) -> NotifierKind[Keys]:
    @asynccontextmanager
    async def open_(keys: Keys, secrets: Secrets, context: Context) -> AsyncIterator[Notifier]:
        if keys.place == wire.unusable:
            raise ConfigError([f"notify.ca: expected a PEM file (got {keys.place})"])
        wire.opened.append(keys.place)
        if keys.credentials:
            wire.logins.append(secrets.credentials(keys.credentials).get("password"))
        if keys.secret:
            wire.logins.append(secrets.secret(keys.secret))
        try:
            yield Line(wire, keys.place)
        finally:
            wire.closed.append(keys.place)

    return NotifierKind("line", Keys, open_)


@dataclass
class Lab:
    """Channels at work."""

    channels: Channels
    store: SqliteStore
    clock: VirtualClock
    wire: Wire
    metrics: DaemonMetrics
    registry: CollectorRegistry
    loaded: Callable[..., Loaded]
    running: asyncio.Task[None] | None = None

    def adopt(self, language: str = "zh", **places: str | Keys) -> None:
        self.channels.adopt(self.loaded(**places), texts(language))

    async def commit(self, *channels: str, first: int = 1) -> None:
        await commit(self.store, 1, *channels, first=first)
        self.channels.wake()

    def counted(self) -> dict[tuple[str, str], float]:
        return {
            (sample.labels["channel"], sample.labels["outcome"]): sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == "secmon_notifications_total"
        }


@asynccontextmanager
async def a_lab(folder: Path, *, run: bool = True, **places: str | Keys) -> AsyncIterator[Lab]:
    """Channels over the store in this folder: `a_lab(folder, mq="there")`."""
    clock, wire, registry = VirtualClock(), Wire(), CollectorRegistry()
    (folder / "password").write_text("first")
    file = folder / "secmon.yaml"
    file.write_text(SITE, encoding="utf-8")
    sort = kind(wire)

    def loaded(**places: str | Keys) -> Loaded:
        keys = {
            name: place if isinstance(place, Keys) else Keys(place=place)
            for name, place in places.items()
        }
        channels = tuple(ChannelSetup(name, "line", sort, keys[name]) for name in keys)
        return replace(load(file), channels=channels)

    metrics = DaemonMetrics.register(registry)
    async with a_store(folder, clock) as store:
        channels = Channels(
            loaded(**places),
            store,
            clock,
            texts=texts(),
            metrics=metrics,
            snapshot=lambda: (),
        )
        lab = Lab(channels, store, clock, wire, metrics, registry, loaded)
        if not run:
            yield lab
            return
        async with asyncio.TaskGroup() as tasks:
            lab.running = tasks.create_task(channels.run())
            await asyncio.sleep(0.001)
            yield lab
            lab.running.cancel()


# --- at work ---------------------------------------------------------------------------------


@virtual_time
async def test_what_is_committed_is_told_at_once(tmp_path: Path) -> None:
    async with a_lab(tmp_path, mq="there", hook="here") as lab:
        await lab.commit("mq", "hook")
        await asyncio.sleep(0.01)
        assert sorted(lab.wire.tickets) == [("here", "WX-2026-0001"), ("there", "WX-2026-0001")]
        assert lab.counted()["mq", "told"] == 1
        assert lab.counted()["hook", "never"] == 0
    assert sorted(lab.wire.closed) == ["here", "there"]


@virtual_time
async def test_the_present_state_is_mirrored(tmp_path: Path) -> None:
    async with a_lab(tmp_path, mq="there") as lab:
        lab.channels.changed("device/room-1/state", {"up": True})
        assert lab.wire.shown == [("there", "device/room-1/state")]


@virtual_time
async def test_the_end_waits_for_the_delivery_in_hand_and_closes_after_it(tmp_path: Path) -> None:
    async with a_lab(tmp_path, mq="there") as lab:
        lab.wire.takes_s = 2
        await lab.commit("mq")
        await asyncio.sleep(1)
        assert lab.running is not None
        lab.running.cancel()
        await asyncio.wait((lab.running,))
        assert lab.wire.told
        assert lab.wire.closed == ["there"]
        assert await lab.store.outstanding() == 0


# --- a new site file -------------------------------------------------------------------------


@virtual_time
async def test_the_same_channels_stay_open(tmp_path: Path) -> None:
    async with a_lab(tmp_path, mq=Keys(place="there", credentials="mq")) as lab:
        for language in ("en", "zh", "en"):
            lab.adopt(language, mq=Keys(place="there", credentials="mq"))
            await asyncio.sleep(5)
        assert lab.wire.opened == ["there"]
        await lab.commit("mq")
        await asyncio.sleep(1)
        assert "Machine room too warm" in lab.wire.told[0][1], "in the language of the last one"


@virtual_time
async def test_a_changed_channel_is_opened_anew_and_nothing_is_lost(tmp_path: Path) -> None:
    async with a_lab(tmp_path, mq="old", hook="here") as lab:
        lab.wire.answer = Later("away")
        await lab.commit("mq", "hook")
        await asyncio.sleep(100)
        assert lab.wire.tickets == []
        lab.wire.answer = None
        lab.adopt(mq="new", hook="here")
        await lab.commit("mq", first=2)  # while they are being opened
        await asyncio.sleep(1)
        assert lab.wire.closed == ["here", "old"]
        assert lab.wire.opened == ["old", "here", "new", "here"]
        told = sorted(lab.wire.tickets)
        assert told == [("here", "WX-2026-0001"), *(("new", f"WX-2026-000{n}") for n in (1, 2))]
        lab.channels.changed("device/room-1/state", None)
        assert {place for place, _ in lab.wire.shown} == {"new", "here"}


@virtual_time
async def test_a_rotated_secret_is_a_change(tmp_path: Path) -> None:
    login = Keys(place="there", credentials="mq")
    signed = Keys.model_validate({"place": "here", "secret": {"file": "password"}})
    async with a_lab(tmp_path, mq=login, hook=signed) as lab:
        assert lab.wire.logins == ["first", "first"]
        (tmp_path / "password").write_text("second")
        lab.adopt(mq=login, hook=signed)
        await asyncio.sleep(1)
        assert lab.wire.logins == ["first", "first", "second", "second"]


@virtual_time
async def test_channels_come_and_go(tmp_path: Path) -> None:
    async with a_lab(tmp_path, mq="there") as lab:
        lab.wire.answer = Later("away")
        await lab.commit("mq")
        await asyncio.sleep(10)
        lab.wire.answer = None
        lab.adopt(hook="here")
        await lab.commit("hook", first=2)
        await asyncio.sleep(1)
        assert lab.wire.tickets == [("here", "WX-2026-0002")]
        assert await lab.store.outstanding() == 0, "what mq had to tell is given up, and known"
        assert [row.notice.to for row in await lab.store.given_up()] == ["mq"]
        assert lab.counted()["hook", "told"] == 1
        lab.adopt()
        await asyncio.sleep(1)
        assert lab.wire.closed == ["there", "here"]
        assert not {channel for channel, _ in lab.counted()} & {"hook"}


# --- past the outbox -------------------------------------------------------------------------


@virtual_time
async def test_everybody_is_told_that_the_store_is_away_and_back(tmp_path: Path) -> None:
    async with a_lab(tmp_path, mq="there", hook="here") as lab:
        lab.channels.alarm("store: the disk is full")
        await asyncio.sleep(1)
        assert {place for place, _ in lab.wire.told} == {"there", "here"}
        assert all("the disk is full" in text for _, text in lab.wire.told)
        lab.channels.alarm("")
        await asyncio.sleep(1)
        assert len(lab.wire.told) == 4
        assert await lab.store.outstanding() == 0


@virtual_time
async def test_a_channel_of_no_tickets_is_reached_by_tests_only(tmp_path: Path) -> None:
    async with a_lab(tmp_path, watcher="there", hook="here") as lab:
        watcher = lab.channels._loaded.channels[0]
        quiet = replace(watcher, notifier=replace(watcher.notifier, told=False))
        others = lab.channels._loaded.channels[1:]
        lab.channels.adopt(replace(lab.channels._loaded, channels=(quiet, *others)), texts())
        await asyncio.sleep(1)
        lab.channels.alarm("store: the disk is full")
        await asyncio.sleep(1)
        assert [place for place, _ in lab.wire.told] == ["here"]
        assert lab.registry.get_sample_value("secmon_channel_up", {"channel": "watcher"}) is None
        await lab.channels.test("watcher", "wang")
        assert [place for place, _ in lab.wire.told] == ["here", "there"]


@virtual_time
async def test_alarms_that_nobody_can_be_told_do_not_pile_up(tmp_path: Path) -> None:
    async with a_lab(tmp_path, mq="there") as lab:
        lab.wire.takes_s = 20
        for number in range(1000):
            lab.channels.alarm(f"full {number}")
        await asyncio.sleep(1000)
        assert 1 <= len(lab.wire.told) < 10


@virtual_time
async def test_a_test_is_one_real_message(tmp_path: Path) -> None:
    async with a_lab(tmp_path, mq="there", hook="here") as lab:
        await lab.channels.test("mq", "wang")
        assert [place for place, _ in lab.wire.told] == ["there"]
        assert lab.wire.opened == ["there", "here"], "through the open channel"
        with pytest.raises(KeyError):
            await lab.channels.test("sms", "wang")
        lab.wire.answer = Later("the broker is away")
        with pytest.raises(Later, match="the broker is away"):
            await lab.channels.test("mq", "wang")


@virtual_time
async def test_a_test_without_a_daemon_opens_its_channel_only(tmp_path: Path) -> None:
    async with a_lab(tmp_path, run=False, mq="there", hook="here") as lab:
        await lab.channels.test("mq", "wang")
        assert (lab.wire.opened, lab.wire.closed) == (["there"], ["there"])
        assert [place for place, _ in lab.wire.told] == ["there"]


@virtual_time
async def test_a_test_while_channels_are_changed_uses_the_new_ones(tmp_path: Path) -> None:
    """Not one of its own: a broker throws the older connection of a client out, and the mirror
    would go with the one that is closed first."""
    async with a_lab(tmp_path, mq="old") as lab, asyncio.TaskGroup() as people:
        lab.wire.takes_s = 2
        await lab.commit("mq")
        await asyncio.sleep(1)
        lab.adopt(mq="new")
        await asyncio.sleep(0.5)  # the old one still has a delivery in hand
        testing = people.create_task(lab.channels.test("mq", "wang"))
        await asyncio.sleep(10)
        assert testing.done()
        assert lab.wire.opened == ["old", "new"]
        lab.channels.changed("device/room-1/state", None)
        assert lab.wire.shown == [("new", "device/room-1/state")]


@virtual_time
async def test_a_test_does_not_outlive_the_channels(tmp_path: Path) -> None:
    async with a_lab(tmp_path, mq="old") as lab:
        assert lab.running is not None
        lab.running.cancel()
        await asyncio.wait((lab.running,))
        async with asyncio.timeout(1):
            await lab.channels.test("mq", "wang")


# --- how a channel fares, and links ----------------------------------------------------------


@virtual_time
async def test_a_channel_is_up_while_it_takes_messages(tmp_path: Path) -> None:
    async with a_lab(tmp_path, mq="there", hook="here") as lab:

        def up(channel: str) -> float | None:
            return lab.registry.get_sample_value("secmon_channel_up", {"channel": channel})

        assert up("mq") is None, "nothing is known before the first message"
        lab.wire.answer = Later("away")
        await lab.commit("mq")
        await asyncio.sleep(1)
        assert up("mq") == 0
        lab.wire.answer = None
        await asyncio.sleep(300)
        assert (up("mq"), up("hook")) == (1, None)
        told_at = lab.registry.get_sample_value(
            "secmon_channel_last_success_timestamp_seconds", {"channel": "mq"}
        )
        assert told_at is not None
        assert abs(told_at - lab.clock.now().timestamp()) <= 300
        lab.adopt(hook="here")
        assert up("mq") is None, "no series of a channel that is no more"


# --- a channel that can't be opened ----------------------------------------------------------


@virtual_time
async def test_one_that_can_not_be_opened_keeps_its_notices_and_holds_up_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_lab(tmp_path, mq="there", hook="here") as lab:
        lab.wire.unusable = "bad.pem"
        lab.adopt(mq="bad.pem", hook="here")
        await asyncio.sleep(1)
        assert "channel=mq notify.ca: expected a PEM file (got bad.pem)" in caplog.text
        assert lab.registry.get_sample_value("secmon_config_last_reload_successful") == 0
        await lab.commit("mq", "hook")
        await asyncio.sleep(60)
        assert lab.wire.tickets == [("here", "WX-2026-0001")]
        assert await lab.store.outstanding() == 1
        with pytest.raises(Later, match="PEM"):
            await lab.channels.test("mq", "wang")
        lab.wire.unusable = ""  # the file is put right; the site file stays
        lab.adopt(mq="bad.pem", hook="here")
        await asyncio.sleep(1)
        assert ("bad.pem", "WX-2026-0001") in lab.wire.tickets
        assert await lab.store.outstanding() == 0
