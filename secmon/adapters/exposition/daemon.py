"""The daemon's own series, kept by prometheus-client in a registry of their own."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    Metric,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.samples import Sample

from secmon import __version__
from secmon.adapters.exposition.text import PREFIX
from secmon.core.model import Clock, Ticket

OUTCOMES = ("told", "later", "never")  # what api.Store.settle says of a delivery

_LATENESS_S = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True)
class DaemonMetrics:
    """What poller, desk, outbox and app count. `site` is added when the page is made."""

    polls_skipped: Counter
    poll_lateness: Histogram  # seconds
    ticket_clock: Counter  # clock, met
    outbox_pending: Gauge
    outbox_given_up: Gauge
    notifications: Counter  # channel, outcome
    channel_up: Gauge  # channel; absent until it was tried
    channel_told_at: Gauge  # channel
    store_up: Gauge  # 0 until the app says otherwise
    reload_ok: Gauge
    reload_at: Gauge

    @staticmethod
    def register(registry: CollectorRegistry) -> DaemonMetrics:
        """All of them, with the process's own, in `registry`."""
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        build = Info(PREFIX + "build", "The running version of secmon", registry=registry)
        build.info({"version": __version__})
        made = _make(registry)
        for clock in Clock:
            for met in ("true", "false"):
                made.ticket_clock.labels(clock, met)
        return made

    def reloaded(self, good: bool, now: datetime) -> None:
        """The site file was read, at start or again."""
        self.reload_ok.set(good)
        if good:
            self.reload_at.set(now.timestamp())

    def polls(self) -> tuple[int, float]:
        """How many began so far, and the seconds by which all of them were late."""
        found = {sample.name: sample.value for sample in _samples(self.poll_lateness)}
        prefix = PREFIX + "poll_lateness_seconds"
        return int(found[prefix + "_count"]), found[prefix + "_sum"]

    def skipped(self) -> int:
        """How many polls were left out so far."""
        return int(next(s.value for s in _samples(self.polls_skipped) if s.name.endswith("_total")))

    def ticket_changed(self, before: Ticket | None, after: Ticket) -> None:
        """Counts the clocks that this change decided."""
        known: Mapping[Clock, bool] = before.settled if before else {}
        for clock, met in after.settled.items():
            if clock not in known:
                self.ticket_clock.labels(clock, "true" if met else "false").inc()

    def know_channels(self, gone: Collection[str], channels: Collection[str]) -> None:
        """Every channel has its series from the start, and none when it was taken away."""
        for channel in gone:
            for gauge in (self.channel_up, self.channel_told_at):
                with suppress(KeyError):
                    gauge.remove(channel)
        for outcome in OUTCOMES:
            for channel in gone:
                self.notifications.remove(channel, outcome)
            for channel in channels:
                self.notifications.labels(channel, outcome)

    def channel_tried(self, channel: str, told: bool, now: datetime) -> None:
        """Whether the latest message of a channel was taken."""
        self.channel_up.labels(channel).set(told)
        if told:
            self.channel_told_at.labels(channel).set(now.timestamp())


def _samples(metric: Counter | Histogram) -> Iterator[Sample]:
    for family in metric.collect():
        yield from family.samples


def daemon_text(registry: CollectorRegistry, site: str, openmetrics: bool) -> bytes:
    """The registry's series, each with `site`; the end of an OpenMetrics page."""
    view = _WithSite(registry, site)
    if openmetrics:
        page: bytes = generate_openmetrics(view)  # type: ignore[no-untyped-call]  # not annotated
        return page
    return generate_latest(view)


@dataclass(frozen=True, slots=True)
class _WithSite:
    """A registry as the exposition of prometheus-client sees one."""

    registry: CollectorRegistry
    site: str

    def collect(self) -> Iterator[Metric]:
        for family in self.registry.collect():
            shown = Metric(family.name, family.documentation, family.type, family.unit)
            shown.samples = [
                sample._replace(labels={"site": self.site, **sample.labels})
                for sample in family.samples
                if not sample.name.endswith("_created")  # nobody reads them
            ]
            yield shown


def _make(registry: CollectorRegistry) -> DaemonMetrics:
    def gauge(name: str, words: str, *label_names: str) -> Gauge:
        return Gauge(PREFIX + name, words, label_names, registry=registry)

    def counter(name: str, words: str, *label_names: str) -> Counter:
        return Counter(PREFIX + name, words, label_names, registry=registry)

    return DaemonMetrics(
        polls_skipped=counter("polls_skipped", "Polls left out since the last was not done"),
        poll_lateness=Histogram(
            PREFIX + "poll_lateness_seconds",
            "How long after its time a poll began",
            buckets=_LATENESS_S,
            registry=registry,
        ),
        ticket_clock=counter(
            "ticket_clock", "Clocks of tickets that were decided: kept or not", "clock", "met"
        ),
        outbox_pending=gauge("outbox_pending", "Notices neither told nor given up"),
        outbox_given_up=gauge("outbox_given_up", "Notices that were given up in the last 30 days"),
        channel_up=gauge("channel_up", "Whether a channel took its latest message", "channel"),
        channel_told_at=gauge(
            "channel_last_success_timestamp_seconds",
            "When a channel last took a message",
            "channel",
        ),
        notifications=counter(
            "notifications", "Tries to tell a channel, by outcome", "channel", "outcome"
        ),
        store_up=gauge("store_up", "Whether the last commit reached the store"),
        reload_ok=gauge(
            "config_last_reload_successful", "Whether the site file was good when last read"
        ),
        reload_at=gauge(
            "config_last_reload_success_timestamp_seconds", "When a good site file was last read"
        ),
    )
