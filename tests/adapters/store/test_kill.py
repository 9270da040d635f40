"""Killed at any moment, twenty times on one store: what was acknowledged is there, once."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from secmon.core.model import FaultState, TicketState
from tests.adapters.store.made import NOW, store

KILLS = 20

# Opens a fault with its ticket, then closes it, for ever; writes a line for what was acknowledged.
# What is left of the run before is taken up first.
WORK = """
import asyncio, itertools, os, pathlib, sys
from tests.adapters.store.made import change, ended, entry, fault, notice, store, ticket

run = sys.argv[2]

def told(what, ticket):
    os.write(1, f"{what} {ticket.id} {ticket.number}\\n".encode())

async def close(kept, one):
    done = ended(one)
    lines = (entry(one.id, "closed"),)
    faults = {fault(one.device).key: None}
    await kept.commit(
        change(done, faults=faults, entries=lines, effects=(notice(done, reason="closed"),))
    )
    told("closed", one)

async def main():
    async with store(pathlib.Path(sys.argv[1])) as kept:
        for one in (await kept.load()).tickets:
            await close(kept, one)
        for n in itertools.count():
            new, broken = ticket(f"{run}-{n}", f"d-{n % 7}"), fault(f"d-{n % 7}")
            kept_change = await kept.commit(
                change(
                    new,
                    faults={broken.key: broken},
                    entries=(entry(new.id),),
                    effects=(notice(new),),
                )
            )
            one = kept_change.tickets[new.id]
            told("opened", one)
            kept.touch()
            for row in await kept.pending(one.opened_at, 1):
                await kept.settle([row.id], "told", None)
            await close(kept, one)

asyncio.run(main())
"""


@pytest.mark.timeout(120)
async def test_no_acknowledged_ticket_is_lost_or_doubled(tmp_path: Path) -> None:
    seed = int.from_bytes(os.urandom(4))
    chance = random.Random(seed)
    said: list[tuple[str, str, str]] = []
    for run in range(KILLS):
        said += _killed(tmp_path, run, chance.randint(1, 30), chance.choice((0, 0, 0.001, 0.004)))
        await _acknowledged_is_there(tmp_path, said, f"seed {seed}, run {run}")
    assert len(said) > KILLS, f"seed {seed}"

    async with store(tmp_path) as kept:
        tickets = {each.id: each for each in await kept.tickets(limit=1_000_000)}
        numbers = sorted(each.number for each in tickets.values())
        assert numbers == [f"WX-2026-{n:04d}" for n in range(1, len(numbers) + 1)]

        journals = await kept.journals(tickets)
        for one, each in tickets.items():
            lines = ["opened", "closed"] if each.ended else ["opened"]
            assert [line.what for line in journals[one]] == lines, f"seed {seed}"

        loaded = await kept.load()
        assert {each.key.device for each in loaded.faults} == {
            each.device for each in loaded.tickets
        }
        assert all(each.state is FaultState.ACTIVE for each in loaded.faults)
        assert loaded.alive_at is not None and loaded.committed_at == NOW
        assert _notices(kept.path) == {
            f"{each.number}/{version}/{reason}/mq": 1
            for each in tickets.values()
            for version, reason in ((1, "opened"), (2, "closed"))[: each.version]
        }


async def _acknowledged_is_there(
    folder: Path, said: list[tuple[str, str, str]], where: str
) -> None:
    """After each kill: a later run closes what is left open, and would mend what was lost."""
    async with store(folder) as kept:
        tickets = {each.id: each for each in await kept.tickets(limit=1_000_000)}
    for what, one, number in said:
        assert tickets[one].number == number, where
        assert what == "opened" or tickets[one].state is TicketState.CLOSED, where


def _killed(folder: Path, run: int, lines: int, after_s: float) -> list[tuple[str, str, str]]:
    """Lets a child work, kills it on hearing so many lines or a moment later; gives all that it
    had acknowledged by then."""
    argv = [sys.executable, "-c", WORK, str(folder), f"run-{run}"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        heard = [child.stdout.readline() for _ in range(lines)]
        time.sleep(after_s)
        assert child.poll() is None
        child.send_signal(signal.SIGKILL)
        heard += child.stdout.readlines()
    assert child.returncode == -signal.SIGKILL
    words = [tuple(line.split()) for line in heard if line.endswith("\n")]
    return [(what, one, number) for what, one, number in (w for w in words if len(w) == 3)]


def _notices(path: Path) -> Counter[str]:
    with sqlite3.connect(path) as db:
        keys = Counter(key for (key,) in db.execute("SELECT key FROM outbox"))
    db.close()
    return keys
