"""The real daemon over a real NOTIFY_SOCKET: ready, alive, reloading, stopping; and silent where
nothing makes progress any more."""

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from secmon.adapters.clock import Clock
from secmon.adapters.store.sqlite import SqliteStore
from secmon.api import Change
from secmon.core.model import Entry
from tests.cli.place import SECMON, Place, place
from tests.equipment import Equipment
from tests.peers.notify_socket import NotifySocket, notify_socket
from tests.peers.process import Server, http_get, running

pytestmark = pytest.mark.slow

DATA = Path(__file__).parents[1] / "testdata/stuck"
WATCHDOG_S = 0.6
STUCK = (
    "  - {{id: lamp, name: 灯, system: other, kind: platform,\n"
    "     probes: [{{driver: stuck, bug: {bug}, once: {once}, every: 0.5s, timeout: 0.3s}}]}}\n"
    "rules:"
)


@contextmanager
def told(folder: Path, here: Place, watchdog_s: float = 0) -> Iterator[tuple[Server, NotifySocket]]:
    """The daemon, from its first moment, and what it tells."""
    with notify_socket(folder) as systemd:
        env = {"NOTIFY_SOCKET": systemd.address, "PYTHONPATH": str(DATA)}
        if watchdog_s:
            env["WATCHDOG_USEC"] = str(round(watchdog_s * 1e6))
        argv: list[str | Path] = [*SECMON, "run", "-c", here.file]
        with running(argv, folder, lambda: True, env=env) as server:
            try:
                yield server, systemd
            except TimeoutError:
                raise AssertionError(f"{systemd.got}\n{server.log()}") from None
            finally:
                server.kill()


def is_ready(here: Place) -> bool:
    try:
        return bool(http_get(f"http://127.0.0.1:{here.port}/-/ready"))
    except OSError:
        return False


def test_ready_alive_reloading_stopping(tmp_path: Path, wired: Equipment) -> None:
    here = place(tmp_path, wired, slow="every: 1s, timeout: 1s")
    with told(tmp_path, here, watchdog_s=0.9) as (server, systemd):
        assert systemd.next(20) == {"READY": "1", "STATUS": "4 devices, 0 open tickets"}
        assert is_ready(here)

        came = systemd.during(1.5)
        assert 4 <= len(came) <= 6
        assert all(message["WATCHDOG"] == "1" for message in came)

        before_us = time.monotonic() * 1e6
        os.kill(server.process.pid, signal.SIGHUP)
        reloading = systemd.until("RELOADING")
        assert before_us < int(reloading["MONOTONIC_USEC"]) < time.monotonic() * 1e6
        assert systemd.until("READY")["STATUS"] == "4 devices, 0 open tickets"

        good = here.file.read_text()
        here.file.write_text(good.replace("kind: camera", "kind: toaster"))
        os.kill(server.process.pid, signal.SIGHUP)
        systemd.until("RELOADING")
        assert "site file was refused" in systemd.until("READY")["STATUS"]
        assert "site file was refused" in systemd.until("WATCHDOG")["STATUS"]
        here.file.write_text(good)
        assert here.http("POST", "/-/reload")[0] == 200
        systemd.until("RELOADING")
        assert systemd.until("READY")["STATUS"] == "4 devices, 0 open tickets"

        begun = time.monotonic()
        os.kill(server.process.pid, signal.SIGTERM)
        systemd.until("STOPPING", 1)
        assert server.process.wait(10) == 0 and time.monotonic() - begun < 5
        assert systemd.during(0.1) == []


async def commit_ahead(here: Place, seconds: float) -> None:
    """A store whose last commit was made by a clock that many seconds ahead."""
    store = SqliteStore(
        here.folder / "secmon.db", site="lab", timezone="Asia/Shanghai", clock=Clock()
    )
    async with store:
        at = Clock().now() + timedelta(seconds=seconds)
        await store.commit(Change(at, entries=(Entry(at, "supply-1", "note", "x", "test"),)))


async def test_not_ready_before_the_ready_page_is(tmp_path: Path, wired: Equipment) -> None:
    here = place(tmp_path, wired)
    await commit_ahead(here, 5)
    with told(tmp_path, here) as (_, systemd):
        first = systemd.next(20)
        assert first == {
            "EXTEND_TIMEOUT_USEC": "30000000",
            "STATUS": "not ready: the clock is earlier than the last commit",
        }
        assert not is_ready(here) and http_get(f"http://127.0.0.1:{here.port}/-/healthy")
        systemd.until("READY")
        assert is_ready(here)
        assert all("EXTEND_TIMEOUT_USEC" in one for one in systemd.got[:-1])


def test_a_store_that_is_away_ends_no_sign_of_life(tmp_path: Path, wired: Equipment) -> None:
    here = place(tmp_path, wired, slow="every: 1s, timeout: 1s")
    with told(tmp_path, here, WATCHDOG_S) as (server, systemd):
        systemd.until("READY", 20)
        with closing(sqlite3.connect(here.folder / "secmon.db")) as thief:
            thief.execute("BEGIN IMMEDIATE")
            assert here.command("ticket", "report", "supply-1", "--note", "x").code == 3
            came = systemd.during(3)
            thief.execute("ROLLBACK")
        assert sum("WATCHDOG" in one for one in came) >= 12  # of 15
        assert came[-1]["STATUS"] == "4 devices, 0 open tickets, the store is away"
        assert server.alive() and "watchdog is not fed" not in server.log()


def test_no_sign_of_life_where_a_poll_cannot_be_ended(tmp_path: Path, wired: Equipment) -> None:
    """`deaf` swallows its cancellation, the loop runs on; `blocking` stops the loop itself."""
    once = tmp_path / "now"
    with ExitStack() as stack:
        daemons = {}
        for bug in ("deaf", "blocking"):
            (folder := tmp_path / bug).mkdir()
            here = place(folder, wired)
            lamp = STUCK.format(bug=bug, once=once)
            here.file.write_text(here.file.read_text().replace("rules:", lamp))
            daemons[bug] = stack.enter_context(told(folder, here, WATCHDOG_S))
        for _, systemd in daemons.values():
            systemd.until("READY", 20)
            assert sum("WATCHDOG" in one for one in systemd.during(WATCHDOG_S)) >= 2
        once.touch()
        # its turn, its time, its closing, systemd's patience
        daemons["deaf"][1].during(0.5 + 0.3 + 2 + WATCHDOG_S + 0.5)
        daemons["blocking"][1].during(0.1)
        server, systemd = daemons["deaf"]
        came = systemd.during(2 * WATCHDOG_S)
        assert not any("WATCHDOG" in one for one in came)
        assert came[-1]["STATUS"].startswith("stuck: probe stuck of lamp is ")
        assert server.log().count("watchdog is not fed") == 1
        server, systemd = daemons["blocking"]
        assert systemd.during(2 * WATCHDOG_S) == []
        assert server.alive()
