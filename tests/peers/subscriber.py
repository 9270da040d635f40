"""An MQTT client of nobody's making but paho's, in its own thread: what it heard, in order."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from tests.peers.mosquitto import PASSWORD, USER, Mosquitto


@dataclass(slots=True)
class Subscriber:
    """Topics below `secmon/<site>/` and their payloads."""

    heard: list[tuple[str, bytes]] = field(default_factory=list)
    subscribed: threading.Event = field(default_factory=threading.Event)

    def notices(self) -> list[dict[str, Any]]:
        """What people are told, in order."""
        return [json.loads(data) for topic, data in list(self.heard) if topic == "notice"]

    def last(self, topic: str) -> str | None:
        """What stands at a topic now; None where nothing was ever heard."""
        return next((data.decode() for name, data in self.heard[::-1] if name == topic), None)

    def state(self, device: str) -> dict[str, Any]:
        """The retained state of a device, {} before it is known."""
        known: dict[str, Any] = json.loads(self.last(f"device/{device}/state") or "{}")
        return known


@contextmanager
def subscriber(broker: Mosquitto, site: str) -> Iterator[Subscriber]:
    """Listens to everything of a site, by TLS, until the context ends."""
    made, root = Subscriber(), f"secmon/{site}/"

    def heard(_client: Client, _data: object, message: MQTTMessage) -> None:
        made.heard.append((message.topic.removeprefix(root), bytes(message.payload)))

    def connected(client: Client, *_: object) -> None:
        client.subscribe(f"{root}#", qos=1)

    client = Client(CallbackAPIVersion.VERSION2, client_id="operators-desk")
    client.username_pw_set(USER, PASSWORD)
    client.tls_set_context(ssl.create_default_context(cafile=broker.authority))
    client.on_message = heard
    client.on_subscribe = lambda *_: made.subscribed.set()
    client.on_connect = connected
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    try:
        assert made.subscribed.wait(10)
        yield made
    finally:
        client.disconnect()
        client.loop_stop()
