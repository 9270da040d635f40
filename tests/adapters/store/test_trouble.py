"""A full disk, a stranger's lock, a damaged file: told clearly, nothing half kept, then on."""

import asyncio
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from secmon.api import StoreDown
from tests.adapters.store.made import change, entry, fault, notice, store, ticket

LOCK = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""

LIMITED = """
import asyncio, pathlib, resource, sys
from secmon.api import StoreDown
from tests.adapters.store.made import change, entry, store, ticket

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

async def main():
    async with store(pathlib.Path(sys.argv[1])) as kept:
        await kept.commit(change(ticket("t-0", "d-0")))
        limit(400_000)
        n = 0
        try:
            while n < 5000:
                n += 1
                lines = tuple(entry(f"t-{n}", why="x" * 1000) for _ in range(20))
                await kept.commit(change(ticket(f"t-{n}", f"d-{n}"), entries=lines))
        except StoreDown as down:
            print(down)
        assert await kept.ticket(f"WX-2026-{n + 1:04d}") is None
        assert await kept.journal(f"t-{n}") == []
        limit(resource.RLIM_INFINITY)
        again = await kept.commit(change(ticket(f"t-{n}", f"d-{n}")))
        print(n, again.tickets[f"t-{n}"].number, len((await kept.load()).tickets))

asyncio.run(main())
"""


async def test_a_full_disk_keeps_nothing_of_the_commit_and_works_again(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        await kept.commit(change(ticket("a"), faults={fault().key: fault()}))
        before = await kept.load()
        writer = kept._db._writer
        (row,) = await writer.fetch("PRAGMA page_count")
        await writer.fetch(f"PRAGMA max_page_count = {row['page_count'] + 2}")
        big = change(
            *(ticket(f"t-{n}", f"d-{n}") for n in range(200)),
            faults={fault().key: None},
            entries=(entry("a"),),
            effects=(notice(ticket("a")),),
        )
        with pytest.raises(StoreDown, match=r"secmon\.db: the disk is full \(SQLite: "):
            await kept.commit(big)
        assert await kept.load() == before
        assert (await kept.journal("a"), await kept.outstanding()) == ([], 0)
        await writer.fetch("PRAGMA max_page_count = 1000000")
        opened = await kept.commit(big)
        assert opened.tickets["t-0"].number == "WX-2026-0002"


def test_a_write_that_fails_keeps_nothing_of_the_commit_and_works_again(tmp_path: Path) -> None:
    """A quota (here the process's limit on file sizes) makes write() itself fail."""
    argv = [sys.executable, "-c", LIMITED, str(tmp_path)]
    run = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 0, run.stderr
    told, result = run.stdout.strip().splitlines()
    assert "secmon.db: " in told and "(SQLite: " in told
    failed, number, tickets = result.split()
    assert number == f"WX-2026-{int(failed) + 1:04d}"
    assert int(tickets) == int(failed) + 1


async def test_a_strangers_lock_is_waited_for_only_so_long(tmp_path: Path) -> None:
    async with store(tmp_path, busy_s=0.3) as kept:
        await kept.commit(change(ticket("a")))
        argv = [sys.executable, "-c", LOCK, str(kept.path)]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as stranger:
            assert stranger.stdout is not None and stranger.stdin is not None
            assert stranger.stdout.readline() == b"locked\n"
            started = time.monotonic()
            with pytest.raises(StoreDown, match="another process keeps it locked"):
                await kept.commit(change(ticket("b", "d-2")))
            assert 0.2 < time.monotonic() - started < 2
            assert [each.id for each in await kept.tickets()] == ["a"]  # reading goes on
            stranger.stdin.close()
        opened = await kept.commit(change(ticket("b", "d-2")))
        assert opened.tickets["b"].number == "WX-2026-0002"


async def test_the_loop_runs_on_while_a_commit_waits(tmp_path: Path) -> None:
    async with store(tmp_path, busy_s=0.3) as kept:
        db = sqlite3.connect(kept.path, isolation_level=None)
        db.execute("BEGIN IMMEDIATE")
        turns = 0
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(_refused(kept.commit(change(ticket()))))
            while not waiting.done():
                await asyncio.sleep(0.01)
                turns += 1
        db.close()
        assert waiting.result()
        assert turns > 10


async def _refused(commit: object) -> bool:
    try:
        await commit  # type: ignore[misc]
    except StoreDown:
        return True
    return False


async def test_a_damaged_page_is_told(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        await kept.commit(change(*(ticket(f"t-{n}", f"d-{n}") for n in range(300))))
        path = kept.path
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(StoreDown, match="it is damaged; put back a copy with `secmon db restore"):
        async with store(tmp_path) as kept:
            await kept.load()


async def test_a_folder_that_may_not_hold_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "secmon.db").mkdir()
    with pytest.raises(StoreDown, match=r"secmon\.db: it cannot be made or opened: Is a directory"):
        async with store(tmp_path):
            pass
    (tmp_path / "secmon.db").rmdir()
    async with store(tmp_path):  # the lock was given back
        pass
