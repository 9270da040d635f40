"""`secmon demo`: starts the equipment and the daemon, tells the story, leaves nothing running."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import aiohttp

from secmon.app.demo.screen import Screen, changes
from secmon.app.demo.site import Equipment, write_site
from secmon.app.demo.story import OPERATOR, Operator, tell

READY = 60.0  # seconds that the daemon may take to become ready
END = 10.0  # … and to end
PR_SET_PDEATHSIG = 1


class Failed(Exception):
    """The demo could not start; the text says why."""


async def show(port: int, seconds: float | None, language: str) -> None:
    """Runs until `seconds` from ready have passed, or for ever. Raises Failed."""
    screen = Screen(language)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="secmon-demo-")))
        equipment = Equipment()
        await equipment.start(stack)
        file = write_site(folder, equipment.ports(), port, language)
        daemon = await stack.enter_async_context(_daemon(file, folder))
        session = await stack.enter_async_context(aiohttp.ClientSession(f"http://127.0.0.1:{port}"))
        await _wait_ready(session, daemon, folder)
        # not before: two that open a new store get in each other's way
        token = await _secmon(file, "user", "add", OPERATOR, "--role", "operator", "--token")
        link = await _secmon(file, "user", "link", OPERATOR)
        session.headers["Authorization"] = f"Bearer {token}"
        _greet(screen, port, (token, link), await _devices(session))
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as tasks:
                tasks.create_task(_watch(screen, session))
                tasks.create_task(_mind(daemon, folder))
                tasks.create_task(tell(equipment, screen.scene))
                tasks.create_task(Operator(session, screen.scene).work())
        await _farewell(screen, session)


def _greet(screen: Screen, port: int, log_in: tuple[str, str], devices: int) -> None:
    """`log_in`: a token for the API, and an address that logs in at the console once."""
    base, (token, link) = f"http://127.0.0.1:{port}", log_in
    screen.banner(
        [
            ("secmon", f"{devices} simulated devices, the real daemon, the real protocols"),
            ("console", f"{base}/"),
            ("log-in", f"{link}   (once, within 15 minutes)"),
            ("API", f"{base}/api/v1/tickets   (description: {base}/api/v1/openapi.json)"),
            ("API token", f"Authorization: Bearer {token}"),
            ("metrics", f"{base}/metrics"),
            ("end", "Ctrl-C"),
        ]
    )


async def _devices(session: aiohttp.ClientSession) -> int:
    async with session.get("/api/v1/devices") as response:
        return len((await response.json())["devices"])


async def _farewell(screen: Screen, session: aiohttp.ClientSession) -> None:
    async with session.get("/api/v1/tickets?state=all") as response:
        tickets = (await response.json())["tickets"]
    closed = sum(1 for ticket in tickets if ticket["state"] == "closed")
    screen.line(f"tickets: {len(tickets)} opened, {closed} closed", "1")


async def _watch(screen: Screen, session: aiohttp.ClientSession) -> None:
    async for event in changes(session):
        if event.get("type") == "ticket":
            screen.ticket(event["ticket"])


# --- the daemon's process ---


@asynccontextmanager
async def _daemon(file: Path, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The real daemon, in a session of its own: Ctrl-C reaches the demo, which ends it gently."""
    with (folder / "secmon.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "secmon", "run", "-c", str(file)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
    try:
        yield process
    finally:
        await _end(process)


def _die_with_parent() -> None:
    """Linux ends the daemon if the demo is killed: nothing is left running."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(END):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _mind(process: asyncio.subprocess.Process, folder: Path) -> None:
    """The daemon must not end before the demo does."""
    code = await process.wait()
    raise Failed(f"the daemon ended with {code}:\n{_log(folder)}")


async def _wait_ready(
    session: aiohttp.ClientSession, process: asyncio.subprocess.Process, folder: Path
) -> None:
    try:
        async with asyncio.timeout(READY):
            while True:
                if process.returncode is not None:
                    raise Failed(f"the daemon ended:\n{_log(folder)}")
                with suppress(aiohttp.ClientError):
                    async with session.get("/-/ready") as response:
                        if response.status == 200:
                            return
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise Failed(f"the daemon was not ready in {READY:g} s:\n{_log(folder)}") from None


async def _secmon(file: Path, *command: str) -> str:
    """What a command of secmon prints: log-ins for this run are made as people make them."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "secmon", *command, "-c", str(file)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUTF8": "1"},
    )
    out, error = await process.communicate()
    if process.returncode != 0:
        raise Failed(f"no log-in could be made: {error.decode(errors='replace')[:500]}")
    return out.decode().strip()


def _log(folder: Path) -> str:
    text = (folder / "secmon.log").read_text(encoding="utf-8", errors="replace")
    return text[-3000:]
