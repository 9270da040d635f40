"""The dead man's handle: a sign of life to a watcher outside, who cries when it stays away.

It is given only while the daemon does its work: polls in time, judges what came, can write. The
watcher's address is often all it takes to speak to it, so texts name its host alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from aiohttp import ClientSession
from pydantic import AfterValidator

from secmon.adapters.notify import Context, NotifierKind, Secrets
from secmon.adapters.notify.exchange import exchange, new_session
from secmon.adapters.notify.webhook import web_address
from secmon.api import Delivery, Later, Never, Notifier
from secmon.settings import Section
from secmon.settings.values import SomeDuration, SomeText
from secmon.texts.clean import clean

log = logging.getLogger(__name__)

SIGN_S = 10.0  # for one sign of life
LEAST_S = 1.0  # between two of them


class Options(Section):
    """The site file's keys beside `id` and `channel`."""

    url: Annotated[SomeText, AfterValidator(web_address)]
    every: SomeDuration = timedelta(minutes=1)
    method: Literal["GET", "POST"] = "GET"


@dataclass(slots=True)
class Deadman:
    """The notifier: of tickets it is told nothing, only tests reach it."""

    options: Options = field(repr=False)
    context: Context
    place: str
    session: ClientSession = field(repr=False)
    withheld: str = ""  # why, as the log has it

    async def send(self, delivery: Delivery, text: str) -> None:
        """A test is a sign of life like any other; that the store is away is said by silence."""
        if delivery.notice.reason == "test":
            await self._sign()

    async def run(self) -> None:
        """Gives signs of life until it is cancelled."""
        while True:
            why = self.context.halted() if self.context.halted else ""
            if not why:
                why = await self._try()
            if why and not self.withheld:
                log.error("no sign of life given place=%s why=%r", self.place, why)
            elif self.withheld and not why:
                log.info("signs of life again place=%s", self.place)
            self.withheld = why
            await asyncio.sleep(max(self.options.every.total_seconds(), LEAST_S))

    async def _try(self) -> str:
        """Why it was not heard; nothing if it was."""
        try:
            async with asyncio.timeout(SIGN_S):
                await self._sign()
        except (Later, Never, TimeoutError) as error:
            self.context.healthy(False)
            return clean(error) or f"expected an answer within {SIGN_S:g} s (got none)"
        self.context.healthy(True)
        return ""

    async def _sign(self) -> None:
        answer = await exchange(
            self.session,
            self.options.method,
            self.options.url,
            self.place,
            self.context.clock.now(),
        )
        if not 200 <= answer.status < 300:
            raise Never(f"{self.place}: expected 2xx (got {answer.status})")


@asynccontextmanager
async def _open(options: Options, secrets: Secrets, context: Context) -> AsyncIterator[Notifier]:
    place = f"watcher at {urlsplit(options.url).hostname}"
    async with new_session() as session:
        made = Deadman(options, context, place, session)
        group = asyncio.TaskGroup()
        await group.__aenter__()
        running = group.create_task(made.run()) if context.halted else None
        try:
            yield made
        finally:
            if running is not None:
                running.cancel()
            await group.__aexit__(None, None, None)


NOTIFIER = NotifierKind("deadman", Options, _open, told=False)
