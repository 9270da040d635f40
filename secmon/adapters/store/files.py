"""Store files as files: made, copied, put back, measured. SQLite only."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from secmon.adapters.store.connection import Session, session, told
from secmon.adapters.store.lock import StoreLock
from secmon.adapters.store.migrations import Migration, WrongSchema, check, shipped
from secmon.adapters.store.owner import create
from secmon.api import StoreDown

MAGIC = b"SQLite format 3\0"
BESIDE = ("-wal", "-shm", "-journal")  # what SQLite keeps beside a file while it is open


@dataclass(frozen=True, slots=True)
class Size:
    """How much a table holds; `bytes` with its indexes, None where SQLite cannot say."""

    table: str
    rows: int
    bytes: int | None


def make(path: Path) -> None:
    """An empty file that only we may read, unless there is one. Raises StoreDown."""
    try:
        os.close(create(path))
    except OSError as error:
        raise StoreDown(f"store {path}: it cannot be made or opened: {error.strerror}") from error


async def copy(source: Path, dest: Path) -> None:
    """The committed state of a store as one file, there in whole or not at all; others may write
    meanwhile. A store that is there already is replaced; anything else is refused (ValueError)."""
    _refuse_to_replace(source, dest)
    part = dest.with_name(dest.name + ".part")
    remove(part)
    make(part)
    try:
        async with session(source) as origin, session(part) as copied:
            with told(dest):
                await origin.connection.backup(copied.connection)
            await copied.fetch("PRAGMA journal_mode = DELETE")  # one file, readable anywhere
        move(part, dest)
    except BaseException:
        remove(part)
        raise


def _refuse_to_replace(source: Path, dest: Path) -> None:
    if not source.is_file():
        raise StoreDown(f"store {source}: there is no such file")
    if not dest.exists():
        return
    if not dest.is_file() or dest.samefile(source):
        raise ValueError(f"expected a file name for the copy (got {dest})")
    with dest.open("rb") as file:
        if file.read(len(MAGIC)) not in (MAGIC, b""):
            raise ValueError(f"{dest} is there and is no copy of a store: it stays as it is")


def move(source: Path, dest: Path) -> None:
    """Renames, so that it holds after a power cut."""
    try:
        for path in (source, source.parent):
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            os.fsync(handle)
            os.close(handle)
            if path is source:
                source.replace(dest)
    except OSError as error:
        raise StoreDown(f"store {dest}: it cannot be put there: {error.strerror}") from error


def remove(path: Path) -> None:
    """The file and all that SQLite keeps beside it, if there."""
    for each in (path, *(Path(f"{path}{end}") for end in BESIDE)):
        with suppress(FileNotFoundError):
            each.unlink()


async def restore(
    source: Path, dest: Path, migrations: Sequence[Migration] | None = None
) -> Path | None:
    """Puts a copy in the place of a store; gives where the old one now is, None if there was none.

    Raises StoreTaken while anybody works on the store, WrongSchema or StoreDown for a copy that is
    damaged or newer than this secmon; then nothing was changed.
    """
    lock = StoreLock.take(dest)
    fresh = dest.with_name(dest.name + ".restoring")
    try:
        await copy(source, fresh)
        await examine(fresh, migrations or shipped())
        old = await _set_aside(dest)
        move(fresh, dest)
    finally:
        remove(fresh)
        lock.release()
    return old


async def examine(path: Path, migrations: Sequence[Migration]) -> None:
    """Reads every page of a file; StoreDown unless it is whole and a store we can work with."""
    async with session(path) as one:
        answer = await one.one("PRAGMA integrity_check(1)")
        if answer is None or answer["integrity_check"] != "ok":
            raise StoreDown(f"store {path}: it is damaged (SQLite: {answer and dict(answer)})")
        await refuse_foreign(one)
        await check(one, migrations)


async def refuse_foreign(one: Session, empty_too: bool = True) -> None:
    """WrongSchema for an SQLite file that secmon did not write."""
    rows = await one.fetch("SELECT name FROM sqlite_master WHERE type = 'table'")
    tables = {row["name"] for row in rows}
    if "schema_version" not in tables and (tables or empty_too):
        raise WrongSchema(
            f"store {one.path}: expected a store of secmon (got an SQLite file with "
            f"{', '.join(sorted(tables)[:5]) or 'no tables'})"
        )


async def _set_aside(dest: Path) -> Path | None:
    """Copies the old store to `<dest>.before-restore`, or moves what is left of a damaged one."""
    old = _free_name(dest)
    if old is None:
        return None
    try:
        await copy(dest, old)
    except (StoreDown, sqlite3.Error):
        _rename_all(dest, old)
    # A write-ahead log that outlived its file would be read into the new one.
    for end in BESIDE:
        remove(Path(f"{dest}{end}"))
    return old


def _rename_all(source: Path, dest: Path) -> None:
    for end in (*BESIDE, ""):
        with suppress(FileNotFoundError):
            Path(f"{source}{end}").rename(f"{dest}{end}")


def _free_name(dest: Path) -> Path | None:
    """`x.before-restore`, or with `-2`, `-3` …: an earlier one is never overwritten. None: there
    is nothing to set aside."""
    if not dest.exists():
        return None
    first = dest.with_name(dest.name + ".before-restore")
    name, count = first, 1
    while name.exists():
        count += 1
        name = first.with_name(f"{first.name}-{count}")
    return name


async def sizes(path: Path) -> list[Size]:
    """Every table with its rows and bytes, by name."""
    async with session(path) as one:
        tables = await one.fetch(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
            "ORDER BY name"
        )
        used = await _bytes(one)
        found = []
        for row in tables:
            counted = await one.fetch(f'SELECT COUNT(*) AS held FROM "{row["name"]}"')
            found.append(Size(row["name"], counted[0]["held"], used.get(row["name"])))
    return found


async def _bytes(one: Session) -> dict[str, int]:
    """Table → bytes with its indexes; empty where SQLite was built without `dbstat`."""
    try:
        rows = await one.fetch(
            "SELECT m.tbl_name AS name, SUM(d.pgsize) AS used FROM dbstat d "
            "JOIN sqlite_master m ON m.name = d.name WHERE d.aggregate = 1 GROUP BY m.tbl_name"
        )
    except sqlite3.OperationalError:
        return {}
    return {row["name"]: row["used"] for row in rows}
