"""Alertmanager, API v2: one alert for each open ticket, repeated while its fault is there.

Firing: the ticket is open and its fault not cleared. Each repeat says until when the alert holds
without another (`endsAt`), so alerts of a daemon that died end by themselves, and a restarted
Alertmanager knows them all again within one round.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated

from aiohttp import ClientSession, encode_basic_auth
from pydantic import AfterValidator

from secmon.adapters.notify import Context, NotifierKind, Payload, Secrets
from secmon.adapters.notify.exchange import exchange, new_session, place_of
from secmon.adapters.notify.webhook import web_address
from secmon.api import Credentials, Delivery, Later, Never, Notifier
from secmon.core.tickets import stamp
from secmon.settings import Secret, Section
from secmon.settings.values import SomeDuration, SomeText
from secmon.texts.clean import clean

log = logging.getLogger(__name__)

ROUNDS = 4  # missed ones until an alert ends by itself
AT_ONCE = 500  # alerts in one request
ROUND_S = 20.0  # for one request
PREFIX = "ticket/"
Alert = Mapping[str, object]
"""As the API takes it: `labels` are its identity."""


class Options(Section):
    """The site file's keys beside `id` and `channel`."""

    url: Annotated[SomeText, AfterValidator(web_address)]  # as a browser opens it, without /api
    every: SomeDuration = timedelta(minutes=1)
    credentials: str | None = None  # Basic
    token: Secret | None = None  # Bearer


@dataclass(slots=True)
class Alerts:
    """The notifier, and a mirror (notify.Mirror) of the tickets."""

    options: Options
    context: Context
    place: str
    session: ClientSession = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    firing: dict[str, Payload] = field(default_factory=dict)  # by number: the ticket as it is
    shown: dict[str, Alert] = field(default_factory=dict)  # by number: as it was last posted
    ended: list[Alert] = field(default_factory=list)  # not yet known to be over, there
    failing: bool = False

    # --- what the daemon asks for ---

    async def send(self, delivery: Delivery, text: str) -> None:
        """Tells at once how the notice's ticket is now; of what is no ticket, the notice itself."""
        ticket = delivery.ticket
        if not ticket:
            await self._post([self._said(delivery, text)])
            return
        number = str(ticket.get("number"))
        if self.context.snapshot is None and _fires(ticket):  # no mirror: the ticket as it was told
            self.firing[number] = ticket
        await self._post([*self._alerts([number]), *self.ended])

    def changed(self, topic: str, payload: Payload | None) -> None:
        if not topic.startswith(PREFIX):
            return
        number = topic.removeprefix(PREFIX)
        fires = payload is not None and _fires(payload)
        if fires and payload is not None:
            self.firing[number] = payload
        else:
            self.firing.pop(number, None)
        known = self.shown.get(number)
        if known is not None and (not fires or self._labels(number) != known["labels"]):
            self._end(number, payload)

    async def run(self) -> None:
        """Repeats what is firing, until it is cancelled."""
        for topic, payload in self.context.snapshot() if self.context.snapshot else ():
            self.changed(topic, payload)
        while True:
            await self._round()
            await asyncio.sleep(self.options.every.total_seconds())

    # --- one round ---

    async def _round(self) -> None:
        try:
            alerts = [*self._alerts(list(self.firing)), *self.ended]
            for start in range(0, len(alerts), AT_ONCE):
                async with asyncio.timeout(ROUND_S):
                    await self._post(alerts[start : start + AT_ONCE])
        except (Later, Never, TimeoutError) as error:
            why = clean(error) or f"expected an answer within {ROUND_S:g} s (got none)"
            if not self.failing:
                log.warning("alerts not repeated place=%s why=%r", self.place, why)
            self.failing = True
            self.context.healthy(False)
            return
        if self.failing:
            log.info("alerts repeated again place=%s", self.place)
        self.failing = False
        self.context.healthy(True)

    async def _post(self, alerts: Sequence[Alert]) -> None:
        """Told at 200. What is over is forgotten only then."""
        if not alerts:
            return
        answer = await exchange(
            self.session,
            "POST",
            f"{self.options.url.rstrip('/')}/api/v2/alerts",
            self.place,
            self.context.clock.now(),
            data=json.dumps(list(alerts), ensure_ascii=False).encode("utf-8", "replace"),
            headers=self.headers,
        )
        if answer.status != 200:
            told = clean(answer.text)
            raise Never(f"{self.place}: expected 200 (got {answer.status}: {told})")
        self.ended = [one for one in self.ended if one not in alerts]

    def _alerts(self, numbers: Sequence[str]) -> list[Alert]:
        now = self.context.clock.now()
        until = now + self.options.every * ROUNDS
        made: list[Alert] = []
        for number in numbers:
            if (ticket := self.firing.get(number)) is None:
                continue
            alert = self._alert(number, ticket, until)
            self.shown[number] = alert
            made.append(alert)
        return made

    def _end(self, number: str, payload: Payload | None) -> None:
        """The alert that was shown is over, or is now another one."""
        cleared = payload.get("cleared_at") if payload else None
        at = cleared or stamp(self.context.clock.now())
        self.ended.append({**self.shown.pop(number), "endsAt": at})

    # --- one alert ---

    def _alert(self, number: str, ticket: Payload, until: datetime) -> Alert:
        words = {name: clean(ticket.get(name)) for name in ("summary", "device_name", "location")}
        return {
            "labels": self._labels(number),
            "annotations": {name: word for name, word in words.items() if word},
            "startsAt": ticket.get("detected_at"),
            "endsAt": stamp(until),
            "generatorURL": self._address(number),
        }

    def _labels(self, number: str) -> Mapping[str, str]:
        ticket = self.firing[number]
        labels = {
            "alertname": clean(ticket.get("rule")) or "reported",
            "severity": clean(ticket.get("severity")),
            "site": self.context.site,
            "system": clean(ticket.get("system")),
            "device": clean(ticket.get("device")),
            "part": clean(ticket.get("part")),
            "ticket": number,
        }
        return {name: value for name, value in labels.items() if value}

    def _said(self, delivery: Delivery, text: str) -> Alert:
        """What the daemon says of itself; `store_up` ends what `store_down` began."""
        now = self.context.clock.now()
        over = delivery.notice.reason == "store_up"
        name = "store_down" if over else delivery.notice.reason
        until = now if over else now + self.options.every * ROUNDS
        return {
            "labels": {"alertname": f"secmon_{name}", "site": self.context.site},
            "annotations": {"summary": text},
            "startsAt": stamp(now - timedelta(seconds=1)),
            "endsAt": stamp(until),
            "generatorURL": self.context.console,
        }

    def _address(self, number: str) -> str:
        return f"{self.context.console}/tickets/{number}" if self.context.console else ""


def _fires(ticket: Payload) -> bool:
    return not ticket.get("cleared_at") and ticket.get("state") not in ("closed", "cancelled")


def _headers(login: Credentials | None, token: str) -> Mapping[str, str]:
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    elif login is not None:
        name, password = login.get("username"), login.get("password")
        headers["Authorization"] = encode_basic_auth(name, password, "utf-8")
    return headers


@asynccontextmanager
async def _open(options: Options, secrets: Secrets, context: Context) -> AsyncIterator[Notifier]:
    login = secrets.credentials(options.credentials) if options.credentials else None
    token = secrets.secret(options.token) if options.token else ""
    async with new_session() as session:
        alerts = Alerts(options, context, place_of(options.url), session, _headers(login, token))
        group = asyncio.TaskGroup()
        await group.__aenter__()
        running = group.create_task(alerts.run()) if context.snapshot else None
        try:
            yield alerts
        finally:
            if running is not None:
                running.cancel()
            await group.__aexit__(None, None, None)


NOTIFIER = NotifierKind("alertmanager", Options, _open)
