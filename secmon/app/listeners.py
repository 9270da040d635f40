"""Where the daemon listens: the console and API, /metrics, and the unix socket of the commands."""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from aiohttp import web

from secmon.adapters.metrics_http import metrics_routes
from secmon.api import StoreDown
from secmon.app.daemon import Daemon
from secmon.console.application import application
from secmon.loading import Loaded
from secmon.settings import Http, Metrics

log = logging.getLogger(__name__)

BACKLOG = 128
STOPPING = 1.0  # seconds that requests under way may take when the daemon stops, and again to close

Reload = Callable[[], Awaitable[Sequence[str]]]


class PortTaken(Exception):
    """An address can't be listened on; the text says which and why."""


def socket_path(store: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """`$RUNTIME_DIRECTORY/secmon.sock`, else beside the store."""
    folder = environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return (Path(folder) if folder else store.parent) / "secmon.sock"


@asynccontextmanager
async def listening(daemon: Daemon, reload: Reload | None = None) -> AsyncIterator[None]:
    """Serves everything until the context ends; `reload` carries out `POST /-/reload`, the daemon's
    own unless given. Raises PortTaken."""
    site = daemon.loaded.site
    together = site.http.listen == site.metrics.listen
    routes = _metrics_routes(daemon, reload or daemon.reload)
    runners: list[web.AppRunner] = []
    try:
        beside, proxies = routes if together else (), site.http.trusted_proxies
        api = await _runner(application(daemon, beside, proxies), runners)
        await _serve(api, daemon.loaded, site.http)
        if not together:
            page = web.Application()
            page.add_routes(routes)
            await _serve(await _runner(page, runners), daemon.loaded, site.metrics)
        path = socket_path(site.store)
        await _serve_unix(api, path)
        _point_to(path, site.store.parent / path.name)
        yield
    finally:
        for runner in runners:
            await runner.cleanup()


@asynccontextmanager
async def answering(daemon: Daemon, path: Path) -> AsyncIterator[None]:
    """Serves the API on a unix socket only: for commands without a daemon."""
    runners: list[web.AppRunner] = []
    try:
        await _serve_unix(await _runner(application(daemon), runners), path)
        yield
    finally:
        for runner in runners:
            await runner.cleanup()


def _metrics_routes(daemon: Daemon, reload: Reload) -> list[web.RouteDef]:
    async def page(openmetrics: bool) -> Sequence[bytes]:
        with suppress(StoreDown):
            daemon.metrics.outbox_pending.set(await daemon.store.outstanding())
            daemon.metrics.outbox_given_up.set(await daemon.store.count_given_up())
        daemon.metrics.store_up.set(daemon.desk.store_up)
        return await daemon.exposition.render_slowly(daemon.world, openmetrics, daemon.clock.now())

    def token() -> str:
        reference = daemon.loaded.site.metrics.token
        return daemon.loaded.resolve.secret(reference) if reference else ""

    return metrics_routes(page, not_ready=daemon.not_ready, reload=reload, token=token)


async def _runner(app: web.Application, runners: list[web.AppRunner]) -> web.AppRunner:
    runner = web.AppRunner(
        app, access_log=None, shutdown_timeout=STOPPING, handler_cancellation=True
    )
    await runner.setup()
    runners.append(runner)
    return runner


async def _serve(runner: web.AppRunner, loaded: Loaded, where: Http | Metrics) -> None:
    context = None
    if where.tls is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        resolve = loaded.resolve
        context.load_cert_chain(resolve.path(where.tls.certificate), resolve.path(where.tls.key))
    address = where.listen
    try:
        site = web.TCPSite(runner, address.host, address.port, ssl_context=context, backlog=BACKLOG)
        await site.start()
    except OSError as error:
        why = error.strerror or error
        raise PortTaken(f"can't listen on {address.host}:{address.port}: {why}") from None
    log.info("listening address=%s:%d tls=%s", address.host, address.port, context is not None)


async def _serve_unix(runner: web.AppRunner, path: Path) -> None:
    """Binds through the folder's descriptor, so that long paths fit into a socket address."""
    try:
        with _folder_of(path) as folder:
            site = web.UnixSite(runner, f"/proc/self/fd/{folder}/{path.name}", backlog=BACKLOG)
            old = os.umask(0o117)
            try:
                await site.start()
            finally:
                os.umask(old)
    except OSError as error:
        raise PortTaken(f"can't listen on {path}: {error.strerror or error}") from None


def _point_to(path: Path, beside: Path) -> None:
    """A command that was not started by systemd looks beside the store: from there it finds us."""
    if beside != path:
        beside.unlink(missing_ok=True)
        beside.symlink_to(path)


@contextmanager
def _folder_of(path: Path) -> Iterator[int]:
    """Descriptor of the socket's folder, a socket left by a killed daemon removed from it."""
    path.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield folder
    finally:
        os.close(folder)
