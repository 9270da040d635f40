"""What the tests of channels share: a delivery, secrets by name, and a web server that plays."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aiohttp import web

from secmon.api import Contact, Credentials, Delivery
from secmon.core.model import Notice
from secmon.settings import SecretRef
from tests.peers.process import free_port
from tests.virtual import START

WANG = Contact(
    "wang", "王强", phone="13800000001", email="wang@example.org", ids={"feishu": "ou_1"}
)
LI = Contact("li", "李梅", phone="13800000002", email="li@example.org")
TICKET: Mapping[str, object] = {
    "number": "WX-2026-0001",
    "device": "room-1",
    "device_name": "主机房",
    "location": "一层",
    "severity": "major",
    "summary": "机房温度过高",
}


def delivery(*people: Contact, number: int = 1, **more: Any) -> Delivery:
    """A notice about the machine room, meant for these people."""
    notice = Notice("here", f"t{number}", "opened", START, people=tuple(p.user for p in people))
    made = Delivery(
        id=number,
        key=f"WX-2026-{number:04d}/1/opened/here",
        notice=notice,
        ticket={**TICKET, "number": f"WX-2026-{number:04d}"},
        at=START,
        people=people,
        title="【重大】机房温度过高",
    )
    return replace(made, **more)


@dataclass
class Given:
    """What a daemon would give: secrets and log-ins by name."""

    secrets: dict[str, str] = field(default_factory=dict)
    logins: dict[str, dict[str, str]] = field(default_factory=dict)
    folder: Path = Path()

    def credentials(self, name: str) -> Credentials:
        return Credentials(self.logins[name])

    def secret(self, reference: SecretRef) -> str:
        return self.secrets[reference.file or ""]

    def path(self, name: str) -> Path:
        return self.folder / name


@dataclass
class Got:
    """One request as it came."""

    method: str
    target: str  # path and query, as sent
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def query(self) -> dict[str, str]:
        from urllib.parse import parse_qsl, urlsplit

        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))


@dataclass
class Server:
    """Answers each request by the next of `answers`, the last one for ever; keeps what came."""

    port: int
    answers: list[web.Response]
    got: list[Got] = field(default_factory=list)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.got.append(Got(request.method, request.raw_path, request.headers.copy(), body))
        made = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return web.Response(status=made.status, body=made.body, headers=made.headers)


def says(body: object, status: int = 200) -> web.Response:
    """An answer in JSON; text stays as it is."""
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return web.Response(status=status, text=text, content_type="application/json")


@asynccontextmanager
async def serving(*answers: web.Response) -> AsyncIterator[Server]:
    """A web server on loopback that answers as asked."""
    made = Server(free_port(), list(answers))
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", made.port).start()
    try:
        yield made
    finally:
        await runner.cleanup()
