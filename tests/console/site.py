"""A small site with the real daemon in this process: real store, real HTTP, simulated equipment.

Probes run once at the start and then only when a test asks, so nothing happens by itself. Every
answer that a test gets is held against the OpenAPI document of the daemon.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from probes.simulators import Running
from probes.simulators.modbus import SIMULATOR as MODBUS
from probes.simulators.tcp import SIMULATOR as TCP
from secmon.adapters.clock import Clock
from secmon.adapters.store.sqlite import SqliteStore
from secmon.api import Role
from secmon.app.daemon import Daemon
from secmon.app.listeners import listening
from secmon.loading import load
from tests.console.promised import Promises
from tests.peers.process import free_port

SLOW = "every: 1h, timeout: 1s"
SITE = """
site: {{id: lab, name: 示范工程, language: {language}}}
store: sqlite://{folder}/secmon.db
http: {{listen: "127.0.0.1:{http}"{beside}}}
metrics: {{listen: "127.0.0.1:{http}"}}
devices:
  - {{id: room-1, name: 主机房, system: center, kind: machine-room, address: 127.0.0.1,
     location: 一层,
     probes: [{{driver: modbus, port: {gateway}, unit: 1, profile: xy-md02, {slow}}}]}}
  - {{id: room-2, name: 二层弱电间, system: center, kind: machine-room, address: 127.0.0.1,
     probes: [{{driver: modbus, port: {gateway}, unit: 2, profile: xy-md02, {slow}}}]}}
  - {{id: panel-1, name: 报警主机, system: intrusion, kind: alarm-panel, address: 127.0.0.1,
     parts: {{DI9: {{name: 防拆, reading: zone_tamper}}}},
     probes: [{{driver: modbus, port: {gateway}, unit: 3, profile: di-16, {slow}}}]}}
  - {{id: cam-1, name: 大厅摄像机, system: video, kind: camera, address: 127.0.0.1,
     probes: [{{driver: tcp, port: {cam}, {slow}}}]}}
  - {{id: supply-1, name: 报警主机电源, system: intrusion, kind: power-supply}}
rules:
  - {{reading: temperature_celsius, where: {{kind: machine-room}}, op: ">", limit: 25, clear: 24.5,
     for: 0s, severity: major}}
  - {{reading: zone_tamper, op: "==", limit: true, for: 0s, severity: major}}
  - {{reading: device_up, op: "==", limit: false, for: 0s, severity: critical}}
{more}
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `json` is the decoded body, {} where there is none."""

    status: int
    json: Any
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True, slots=True)
class Lab:
    """The running daemon and what a test does to it."""

    daemon: Daemon
    store: SqliteStore
    session: aiohttp.ClientSession
    gateway: Running
    cam: Running
    tokens: Mapping[str, str]
    folder: Path
    base: str
    promises: Promises

    async def ask(self, method: str, path: str, role: str = "operator", **how: Any) -> Answer:
        """One request as a user of that role, '' for none; the answer must be as promised."""
        headers = dict(how.pop("headers", {}))
        if role:
            headers.setdefault("Authorization", f"Bearer {self.tokens[role]}")
        async with self.session.request(method, self.base + path, headers=headers, **how) as got:
            text = await got.text()
            body = json.loads(text) if text and "json" in got.content_type else {}
            answer = Answer(got.status, body, got.headers.copy(), text)
        said = body if "json" in got.content_type else text
        self.promises.kept(method, path, answer.status, got.content_type, said)
        return answer

    async def get(self, path: str, role: str = "operator", **how: Any) -> Answer:
        return await self.ask("GET", path, role, **how)

    async def post(self, path: str, body: object = None, role: str = "operator") -> Answer:
        return await self.ask("POST", path, role, **({} if body is None else {"json": body}))

    async def act(self, number: str, verb: str, role: str = "operator", **body: object) -> Answer:
        return await self.post(f"/api/v1/tickets/{number}/{verb}", body, role)

    async def poll(self, device: str) -> Answer:
        answer = await self.post(f"/api/v1/devices/{device}/poll")
        assert answer.status == 200, answer
        return answer

    async def room(self, tenths: int, unit: int = 1) -> None:
        """The room is so warm, and the daemon has seen it."""
        await self.gateway.set(unit=unit, input={1: tenths})
        await self.poll(f"room-{unit}")

    async def hot(self, unit: int = 1) -> str:
        """The number of the ticket of a room that is too warm."""
        await self.room(300, unit)
        return await self.ticket_of(f"room-{unit}")

    async def ticket_of(self, device: str) -> str:
        """The number of the one open ticket of a device, as soon as there is one."""
        async with asyncio.timeout(5):
            while True:
                found = (await self.get(f"/api/v1/tickets?device={device}&state=open")).json
                if found["tickets"]:
                    assert len(found["tickets"]) == 1, found
                    return str(found["tickets"][0]["number"])
                await asyncio.sleep(0.01)

    async def when(self, number: str, key: str) -> Any:
        """The ticket, as soon as `key` of it is neither null nor empty."""
        async with asyncio.timeout(5):
            while True:
                found = (await self.get(f"/api/v1/tickets/{number}")).json
                if found[key]:
                    return found
                await asyncio.sleep(0.01)


@asynccontextmanager
async def lab(
    folder: Path, more: str = "", language: str = "en", http: str = ""
) -> AsyncIterator[Lab]:
    """The daemon, polling and answering; `more` is added to its site file, `http` to that key."""
    units = {
        1: {"input": {1: 235, 2: 456}},
        2: {"input": {1: 235, 2: 456}},
        3: {"discrete": dict.fromkeys(range(16), 0)},
    }
    async with MODBUS.start({"units": units}) as gateway, TCP.start({}) as cam:
        ports = {"gateway": gateway.port, "cam": cam.port, "http": free_port()}
        file = folder / "secmon.yaml"
        text = SITE.format(
            folder=folder, more=more, language=language, slow=SLOW, beside=http, **ports
        )
        file.write_text(text, encoding="utf-8")
        loaded = load(file)
        clock = Clock()
        store = SqliteStore(
            loaded.site.store, site="lab", timezone="Asia/Shanghai", clock=clock, busy_s=0.05
        )
        async with store:
            daemon = Daemon(loaded, store, clock)
            await daemon.open()
            tokens = {str(role): await _token(store, role) for role in Role}
            async with (
                listening(daemon),
                aiohttp.ClientSession() as session,
                asyncio.TaskGroup() as tasks,
            ):
                running = tasks.create_task(daemon.run())
                await daemon.started.wait()
                base = f"http://127.0.0.1:{ports['http']}"
                async with session.get(f"{base}/api/v1/openapi.json") as got:
                    promises = Promises(await got.json())
                here = Lab(daemon, store, session, gateway, cam, tokens, folder, base, promises)
                try:
                    for device in ("room-1", "room-2", "panel-1", "cam-1"):
                        await here.poll(device)
                    yield here
                finally:
                    running.cancel()


async def _token(store: SqliteStore, role: Role) -> str:
    token = f"token-of-{role}"
    await store.add_user(str(role), role)
    await store.add_token(str(role), "test", hashlib.sha256(token.encode()).hexdigest())
    return token
