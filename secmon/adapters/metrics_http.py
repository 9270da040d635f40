"""GET /metrics, /-/healthy, /-/ready and POST /-/reload, for an aiohttp application.

The same routes serve a listener of their own and the console's; TLS is the app's business.
"""

from __future__ import annotations

import asyncio
import hmac
import zlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address

from aiohttp import hdrs, web

from secmon.adapters.exposition.negotiation import (
    OPENMETRICS,
    TEXT,
    wants_gzip,
    wants_openmetrics,
)

GZIP_FROM_BYTES = 1024
EXECUTOR_FROM_BYTES = 1 << 20
WRITE_BYTES = 1 << 18  # handed to the socket at once

_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")

Page = Callable[[bool], Awaitable[Sequence[bytes]]]
"""openmetrics? → the page in pieces."""


def metrics_routes(
    page: Page,
    *,
    not_ready: Callable[[], Sequence[str]],
    reload: Callable[[], Awaitable[Sequence[str]]],
    token: Callable[[], str] = lambda: "",
) -> list[web.RouteDef]:
    """`not_ready`: why the daemon is not ready, nothing when it is; `reload`: the mistakes of the
    site file that was refused; `token`: what a scraper must bear, empty: nothing."""
    metrics = _Routes(page, not_ready, reload, token)
    return [
        web.get("/metrics", metrics.metrics),
        web.get("/-/healthy", _healthy),
        web.get("/-/ready", metrics.ready),
        web.post("/-/reload", metrics.reloaded),
    ]


@dataclass(frozen=True, slots=True)
class _Routes:
    page: Page
    not_ready: Callable[[], Sequence[str]]
    reload: Callable[[], Awaitable[Sequence[str]]]
    token: Callable[[], str]
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # one page is made at a time

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        if self.token() and not self._bears_token(request):
            return _unauthorized()
        openmetrics = wants_openmetrics(_header(request, hdrs.ACCEPT))
        gzip = wants_gzip(_header(request, hdrs.ACCEPT_ENCODING))
        async with self.turn:
            pieces = await self.page(openmetrics)
            gzip = gzip and sum(map(len, pieces)) > GZIP_FROM_BYTES
            if gzip:
                pieces = await _compress(pieces)
        answer = web.StreamResponse()
        answer.headers[hdrs.CONTENT_TYPE] = OPENMETRICS if openmetrics else TEXT
        answer.headers[hdrs.VARY] = "Accept, Accept-Encoding"
        if gzip:
            answer.headers[hdrs.CONTENT_ENCODING] = "gzip"
        return await _send(request, answer, pieces)

    async def ready(self, request: web.Request) -> web.Response:
        reasons = list(self.not_ready())
        body = {"ready": not reasons, "reasons": reasons}
        return web.json_response(body, status=503 if reasons else 200)

    async def reloaded(self, request: web.Request) -> web.Response:
        if not self._bears_token(request) and not _asked_here(request):
            return _problem(403, "reload is allowed with the metrics token or from loopback only")
        problems = list(await self.reload())
        if problems:
            return _problem(422, "the site file has mistakes, the old one stays", problems)
        return web.json_response({"reloaded": True})

    def _bears_token(self, request: web.Request) -> bool:
        wanted = self.token()
        scheme, _, given = _header(request, hdrs.AUTHORIZATION).partition(" ")
        same = hmac.compare_digest(given.strip().encode("utf-8", "replace"), wanted.encode())
        return bool(wanted) and scheme.lower() == "bearer" and same


async def _healthy(_: web.Request) -> web.Response:
    """The loop lives, since it answers."""
    return web.json_response({"healthy": True})


async def _compress(pieces: Sequence[bytes]) -> list[bytes]:
    if sum(map(len, pieces)) <= EXECUTOR_FROM_BYTES:
        return _gzip(pieces)
    return await asyncio.get_running_loop().run_in_executor(None, _gzip, pieces)


def _gzip(pieces: Sequence[bytes]) -> list[bytes]:
    packer = zlib.compressobj(1, zlib.DEFLATED, 16 + zlib.MAX_WBITS)  # 16: with gzip's header
    return [*map(packer.compress, pieces), packer.flush()]


async def _send(
    request: web.Request, answer: web.StreamResponse, pieces: Sequence[bytes]
) -> web.StreamResponse:
    """In bites that the socket's buffer holds, so that a slow scraper costs no copy of the page."""
    answer.content_length = sum(map(len, pieces))
    await answer.prepare(request)
    if answer.content_length <= WRITE_BYTES:
        pieces = [b"".join(pieces)]
    for piece in pieces if request.method != hdrs.METH_HEAD else ():
        for start in range(0, len(piece), WRITE_BYTES):
            await answer.write(memoryview(piece)[start : start + WRITE_BYTES])
    await answer.write_eof()
    return answer


def _asked_here(request: web.Request) -> bool:
    """From this machine: not through a proxy on it, nor by a web page in a browser on it."""
    if hdrs.ORIGIN in request.headers or any(name in request.headers for name in _FORWARDED):
        return False
    peer = request.transport.get_extra_info("peername") if request.transport else None
    if not isinstance(peer, tuple):  # a unix socket has no address
        return False
    address = ip_address(peer[0].partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def _header(request: web.Request, name: str) -> str:
    """All lines of a header as one list."""
    return ",".join(request.headers.getall(name, ()))


def _unauthorized() -> web.Response:
    answer = _problem(401, "expected Authorization: Bearer with the metrics token")
    answer.headers[hdrs.WWW_AUTHENTICATE] = "Bearer"
    return answer


def _problem(status: int, detail: str, problems: Sequence[str] = ()) -> web.Response:
    """RFC 9457."""
    body: dict[str, object] = {"type": "about:blank", "status": status, "detail": detail}
    if problems:
        body["problems"] = list(problems)
    return web.json_response(body, status=status, content_type="application/problem+json")
