"""The lock beside a store file: one process works on a store, and its sign of life.

The lock file stays for ever; its mtime says when the last daemon was last seen running. Only
`touch` moves it: a command that takes the lock for a moment leaves it as it was.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from secmon.adapters.store.owner import create
from secmon.api import StoreDown


class StoreTaken(StoreDown):
    """Another process, mostly the daemon, works on this store."""


class StoreLock:
    """Held from `take` until `release`, or until the process ends."""

    def __init__(self, path: Path, handle: int, alive_at: datetime | None) -> None:
        self.path = path
        self._handle = handle
        self.alive_at = alive_at  # when an earlier daemon last touched it

    @classmethod
    def take(cls, store: Path) -> StoreLock:
        """Locks `<store>.lock`. Raises StoreTaken, or StoreDown where no file can be made."""
        path = store.with_name(store.name + ".lock")
        try:
            handle = create(path)
        except OSError as error:
            raise StoreDown(f"store {store}: cannot make {path}: {error.strerror}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(handle, 32).decode("ascii", "replace").strip()
            os.close(handle)
            raise StoreTaken(f"store {store}: in use by process {holder or 'unknown'}") from error
        return cls(path, handle, _sign(handle))

    def touch(self, now: datetime) -> None:
        """Says «alive now»: called every 5 s by the daemon, never by a command."""
        now_ns = int(now.timestamp() * 1e6) * 1000
        with suppress(OSError):  # a disk that takes no writes is for the next commit to tell
            os.utime(self._handle, ns=(now_ns, now_ns))

    def release(self) -> None:
        """Gives the store free. The file stays."""
        os.close(self._handle)


def _sign(handle: int) -> datetime | None:
    """Writes our process id for others to read; gives the time of the last `touch`."""
    before = os.fstat(handle)
    touched = before.st_size > 0 and before.st_mtime_ns > 0
    with suppress(OSError):  # a full disk: in place it mostly works, and others can do without
        os.pwrite(handle, f"{os.getpid():<20}\n".encode(), 0)
    kept_ns = before.st_mtime_ns if touched else 0
    os.utime(handle, ns=(kept_ns, kept_ns))
    return datetime.fromtimestamp(kept_ns / 1e9, UTC) if touched else None
