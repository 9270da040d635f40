"""SQLite through aiosqlite: one connection that writes, one that reads, and what went wrong.

One transaction at a time; whoever comes meanwhile waits its turn on the loop, not in SQLite. The
second connection reads the last committed state, so no reader waits for a commit.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import aiosqlite

from secmon.api import StoreDown

Row = Mapping[str, Any]

WAL_KEPT_BYTES = 64 << 20  # a burst's write-ahead log is cut back to this

_OUTER = {  # what lies outside of us; all else is our bug and stays what it is
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_BUSY: "another process keeps it locked",
    sqlite3.SQLITE_LOCKED: "another process keeps it locked",
    sqlite3.SQLITE_PROTOCOL: "another process keeps it locked",
    sqlite3.SQLITE_IOERR: "reading or writing failed",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_READONLY: "it may only be read",
    sqlite3.SQLITE_PERM: "access is denied",
    sqlite3.SQLITE_NOMEM: "there is not enough memory",
    sqlite3.SQLITE_CORRUPT: "it is damaged; put back a copy with `secmon db restore FILE`",
    sqlite3.SQLITE_NOTADB: "it is no SQLite file, or damaged; put back a copy with "
    "`secmon db restore FILE`",
}


class Session:
    """Portable statements (`$1` …) on one connection. Raises StoreDown for outer reasons."""

    def __init__(self, connection: aiosqlite.Connection, path: Path, site: str) -> None:
        self.connection = connection
        self.path = path
        self.site = site  # whose rows: the first value of every statement

    async def fetch(self, sql: str, *values: object) -> Sequence[Row]:
        """Runs one statement; all of its rows."""
        with told(self.path):
            text, order = _placed(sql)
            rows: Any = await self.connection.execute_fetchall(text, order(values))
        found: Sequence[Row] = rows
        return found

    async def one(self, sql: str, *values: object) -> Row | None:
        """Runs one statement; its first row, or None."""
        rows = await self.fetch(sql, *values)
        return rows[0] if rows else None

    async def many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Runs one statement for every row of values."""
        if len(rows) == 1:
            await self.fetch(sql, *rows[0])  # one way to the thread and back instead of two
        elif rows:
            text, order = _placed(sql)
            with told(self.path):
                async with self.connection.executemany(text, list(map(order, rows))):
                    pass


class Connections:
    """An open SQLite file. `open_connections` makes it."""

    def __init__(self, writer: Session, reader: Session) -> None:
        self._writer = writer
        self.reader = reader
        self._turn = asyncio.Lock()
        self._open = False  # also true after a caller was cancelled while it rolled back

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Session]:
        """One transaction, committed to the disk at the end; nothing of it is kept on an error.

        A caller that is cancelled while the commit runs does not know whether it was kept.
        """
        session = self._writer
        async with self._turn:
            if self._open:
                await self._undo()
            self._open = True
            try:
                await session.fetch("BEGIN IMMEDIATE")
                yield session
                await session.fetch("COMMIT")
            except BaseException:
                await self._undo()
                raise
            self._open = False

    async def _undo(self) -> None:
        """Ends whatever transaction there is, after all that was asked for has run."""
        with suppress(sqlite3.Error):  # the disk is gone: SQLite has rolled back by itself
            await self._writer.connection.rollback()
        self._open = False


@asynccontextmanager
async def open_connections(path: Path, site: str, busy_s: float) -> AsyncIterator[Connections]:
    """Opens the file in WAL mode with a full sync at every commit; closes it at the end.

    `busy_s`: how long a statement waits for another process's lock.
    """
    async with AsyncExitStack() as stack:
        writer = await stack.enter_async_context(session(path, site, busy_s))
        await _prepare(writer)
        reader = await stack.enter_async_context(session(path, site, busy_s))
        await reader.fetch("PRAGMA query_only = ON")
        yield Connections(writer, reader)


@asynccontextmanager
async def session(path: Path, site: str = "", busy_s: float = 5.0) -> AsyncIterator[Session]:
    """A connection of its own to the file, which must not be missing."""
    with told(path):
        connection = await aiosqlite.connect(
            _address(path), uri=True, isolation_level=None, timeout=busy_s
        )
    try:
        connection.row_factory = sqlite3.Row
        yield Session(connection, path, site)
    finally:
        with told(path):
            await connection.close()


def _address(path: Path) -> str:
    return f"{path.absolute().as_uri()}?mode=rw"


async def _prepare(writer: Session) -> None:
    answer = await writer.one("PRAGMA journal_mode = WAL")
    mode = answer["journal_mode"] if answer else "none"
    if mode != "wal":
        raise StoreDown(
            f"store {writer.path}: expected a file system that allows WAL (got mode {mode}); "
            f"a store needs a local disk"
        )
    await writer.fetch("PRAGMA synchronous = FULL")
    await writer.fetch(f"PRAGMA journal_size_limit = {WAL_KEPT_BYTES}")


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turns SQLite's errors with an outer reason into StoreDown; our own bugs pass unchanged."""
    try:
        yield
    except sqlite3.Error as error:
        words = _OUTER.get(getattr(error, "sqlite_errorcode", -1) & 0xFF)
        if words is None:
            raise
        raise StoreDown(f"store {path}: {words} (SQLite: {error})") from error


Order = Callable[[Sequence[object]], Sequence[object]]


@lru_cache(maxsize=256)
def _placed(sql: str) -> tuple[str, Order]:
    """The statement with `?` for each `$n`, and how to put its values in that order.

    Python 3.14 refuses `?1` with a sequence of values; 3.12 warns.
    """
    places = [int(number) - 1 for number in re.findall(r"\$(\d+)", sql)]

    def order(values: Sequence[object]) -> Sequence[object]:
        return [values[place] for place in places]

    return re.sub(r"\$\d+", "?", sql), order
