"""Numbered changes of the schema: known by their checksum, applied in order, never edited."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

from secmon.adapters.store.connection import Connections, Session
from secmon.api import StoreDown

TABLE = """CREATE TABLE IF NOT EXISTS schema_version (
    number integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL)"""
DONE = "SELECT number, name, sha256 FROM schema_version ORDER BY number"
NOTE = "INSERT INTO schema_version (number, name, sha256) VALUES ($1, $2, $3)"


class WrongSchema(StoreDown):
    """Another version of secmon wrote this store, or none; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of `schema/`: its number, and the statements it holds."""

    number: int
    name: str
    sha256: str
    statements: tuple[str, ...]


def shipped() -> tuple[Migration, ...]:
    """The migrations that this version of secmon brings."""
    return read(resources.files(__package__) / "schema")


def read(folder: Traversable) -> tuple[Migration, ...]:
    """All `NNNN_name.sql` of a folder, in order. A statement ends with `;` at the end of a line."""
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return tuple(_migration(file.name, file.read_text(encoding="utf-8")) for file in files)


def _migration(name: str, text: str) -> Migration:
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("--"))
    statements = tuple(part.strip() for part in "\n".join(lines).split(";\n"))
    return Migration(
        number=int(name.partition("_")[0]),
        name=name,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        statements=tuple(part.removesuffix(";") for part in statements if part),
    )


async def upgrade(
    db: Connections, known: Sequence[Migration], copy: Callable[[str], Awaitable[None]]
) -> tuple[str, ...]:
    """Applies what is missing, each in one transaction; the names of what was applied.

    Before a store that holds anything is changed, `copy("NNNN")` keeps it as it was. Raises
    WrongSchema, and then nothing was changed.
    """
    async with db.writing() as session:
        await session.fetch(TABLE)
    done = await check(db.reader, known)
    missing = [migration for migration in known if migration.number not in done]
    if done and missing:
        await copy(f"{missing[0].number:04d}")
    for migration in missing:
        async with db.writing() as session:
            await _apply(session, migration)
    return tuple(migration.name for migration in missing)


async def check(session: Session, known: Sequence[Migration]) -> frozenset[int]:
    """The numbers of what was applied; WrongSchema if this secmon cannot work with it."""
    by_number = {migration.number: migration for migration in known}
    newest = max(by_number)
    done = await session.fetch(DONE)
    for row in done:
        migration = by_number.get(row["number"])
        if migration is None:
            raise WrongSchema(_newer(session, done[-1]["number"], newest))
        if migration.sha256 != row["sha256"]:
            raise WrongSchema(_edited(session, row["name"]))
    return frozenset(row["number"] for row in done)


def _newer(session: Session, found: int, newest: int) -> str:
    return (
        f"store {session.path}: expected schema {newest} or older (got {found}): a newer secmon "
        f"wrote it. Install that secmon again, or put back the copy that it made with "
        f"`secmon db restore {session.path}.before-{newest + 1:04d}`"
    )


def _edited(session: Session, name: str) -> str:
    return (
        f"store {session.path}: {name} is not the file that made this store (checksums differ): "
        f"this secmon was changed by hand; install it again"
    )


async def _apply(session: Session, migration: Migration) -> None:
    for statement in migration.statements:
        await session.fetch(statement)
    await session.fetch(NOTE, migration.number, migration.name, migration.sha256)
