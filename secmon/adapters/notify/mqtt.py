"""MQTT: notices that arrive at least once, and the present state as retained topics.

Below `secmon/<site>/`: `status` online or offline (last will), `notice` at QoS 1, and the mirror:
`device/<id>/state` and `ticket/<number>`, retained as long as there is something to show.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import urlsplit

from aiomqtt import Client, Will
from pydantic import AfterValidator

from secmon.adapters.notify import Context, NotifierKind, Secrets
from secmon.adapters.notify.mqtt_line import TOPICS, Line
from secmon.api import Notifier
from secmon.loading.problems import ConfigError
from secmon.settings import Section
from secmon.settings.values import SomeText

PORTS = {"mqtt": 1883, "mqtts": 8883}
KEEPALIVE_S = 15  # a broker that vanished is noticed after 1.5 times this
LOGIN_S = 5.0  # for the broker to say yes or no, once it is reached (paho's own limit: 5 s, too)
CLOSE_S = 6.0  # to say offline; and a connect under way in paho's thread must have come to its end


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        good = parts.scheme in PORTS and parts.hostname and parts.port != 0
        bare = not (parts.path.strip("/") or parts.query or parts.fragment)
    except ValueError:
        good = bare = False
    if not good or not bare:
        raise ValueError("expected mqtts://HOST:PORT or mqtt://HOST:PORT")
    if parts.username is not None:
        raise ValueError("expected no log-in here: name an entry of `credentials`")
    return value


class Options(Section):
    """The site file's keys beside `id` and `channel`."""

    url: Annotated[SomeText, AfterValidator(_url)]
    credentials: str | None = None
    ca: SomeText | None = None  # PEM; relative as a secret's file is. Without: the system's
    client_id: SomeText | None = None  # default: secmon-<site>


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and how to log in."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    username: str | None
    password: str | None = field(repr=False)
    identifier: str

    @property
    def place(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"

    def client(self, root: str) -> Client:
        """A client for one connection. Its name stays: the broker then ends an older connection
        of ours, and sends that one's last will, before it accepts this one."""
        return Client(
            self.host,
            self.port,
            username=self.username,
            password=self.password,
            identifier=self.identifier,
            clean_session=True,
            keepalive=KEEPALIVE_S,
            timeout=LOGIN_S,
            will=Will(f"{root}/status", "offline", qos=1, retain=True),
            tls_context=self.tls,
            max_queued_incoming_messages=TOPICS,
        )


def _trust(options: Options, secrets: Secrets) -> ssl.SSLContext | None:
    if not options.url.startswith("mqtts:"):
        return None
    path = secrets.path(options.ca) if options.ca else None
    try:
        return ssl.create_default_context(cafile=path)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            [f"notify.ca: expected a PEM file of certificates (got {path}: {error})"]
        ) from None


@asynccontextmanager
async def _open(options: Options, secrets: Secrets, context: Context) -> AsyncIterator[Notifier]:
    parts = urlsplit(options.url)
    login = secrets.credentials(options.credentials) if options.credentials else None
    broker = Broker(
        host=parts.hostname or "",
        port=parts.port or PORTS[parts.scheme],
        tls=await asyncio.to_thread(_trust, options, secrets),
        username=login.get("username") or None if login else None,
        password=login.get("password") or None if login else None,
        identifier=options.client_id or f"secmon-{context.site}",
    )
    root = f"secmon/{context.site}"
    line = Line(broker.place, root, lambda: broker.client(root), context.snapshot)
    group = asyncio.TaskGroup()
    await group.__aenter__()
    running = group.create_task(line.run())
    try:
        yield line
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await line.close()
                await asyncio.wait((running,))
        running.cancel()
        await group.__aexit__(None, None, None)  # it would wrap an error that came through yield


NOTIFIER = NotifierKind("mqtt", Options, _open)
