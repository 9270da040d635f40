"""One process works on a store; its sign of life stays when it is gone."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from secmon.adapters.store.lock import StoreLock, StoreTaken
from secmon.api import StoreDown
from tests.adapters.store.made import NOW, store

HOLD = """
import sys, pathlib
from secmon.adapters.store.lock import StoreLock
lock = StoreLock.take(pathlib.Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


async def test_another_process_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", HOLD, str(tmp_path / "secmon.db")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StoreTaken, match=f"in use by process {holder.pid}$"):
            async with store(tmp_path):
                pass
        assert not (tmp_path / "secmon.db").exists()
        holder.kill()
    async with store(tmp_path):
        pass


async def test_this_process_too_may_open_it_once(tmp_path: Path) -> None:
    async with store(tmp_path):
        with pytest.raises(StoreTaken, match=f"process {os.getpid()}$"):
            async with store(tmp_path):
                pass
    async with store(tmp_path):
        pass


def test_only_a_touch_moves_the_sign_of_life(tmp_path: Path) -> None:
    path = tmp_path / "secmon.db"
    first = StoreLock.take(path)
    assert first.alive_at is None
    first.release()
    second = StoreLock.take(path)
    assert second.alive_at is None  # a command was here, no daemon
    second.touch(NOW + timedelta(microseconds=7))
    second.release()
    for _ in range(2):
        again = StoreLock.take(path)
        assert again.alive_at is not None
        assert abs(again.alive_at - NOW) < timedelta(milliseconds=1)
        again.release()


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreDown, match=r"cannot make .*secmon.db.lock: No such file"):
        StoreLock.take(tmp_path / "nowhere" / "secmon.db")
