"""An upgrade keeps a copy first; a schema that is newer, foreign or edited is refused."""

import sqlite3
from pathlib import Path

import pytest

from secmon.adapters.store import migrations
from secmon.adapters.store.files import restore
from secmon.adapters.store.migrations import Migration, WrongSchema, shipped
from secmon.api import StoreDown
from tests.adapters.store.made import change, store, ticket

SECOND = """-- A note for each ticket; with a comment; and two statements.
ALTER TABLE ticket ADD COLUMN remark text NOT NULL DEFAULT 'a;b';
CREATE INDEX ticket_remark
    ON ticket (site, remark);
"""


NEXT = f"{len(shipped()) + 1:04d}"


def later(folder: Path, text: str = SECOND) -> tuple[Migration, ...]:
    """The shipped schema and one migration more, as files of a later secmon."""
    schema = folder / "later"
    schema.mkdir(exist_ok=True)
    (schema / f"{NEXT}_remark.sql").write_text(text)
    return (*shipped(), *migrations.read(schema))


def columns(path: Path) -> set[str]:
    with sqlite3.connect(path) as db:
        found = {row[1] for row in db.execute("PRAGMA table_info(ticket)")}
    db.close()
    return found


def test_the_shipped_files_are_numbered_without_a_gap() -> None:
    known = shipped()
    assert [each.number for each in known] == list(range(1, len(known) + 1))
    assert all(each.name.startswith(f"{each.number:04d}_") for each in known)
    assert all("--" not in statement for each in known for statement in each.statements)


async def test_a_new_store_is_made_without_a_copy(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        assert kept.upgraded == tuple(each.name for each in shipped())
    async with store(tmp_path) as again:
        assert again.upgraded == ()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["secmon.db", "secmon.db.lock"]


async def test_an_upgrade_keeps_a_copy_and_everything_in_it(tmp_path: Path) -> None:
    async with store(tmp_path) as old:
        opened = await old.commit(change(ticket()))
    async with store(tmp_path, known=later(tmp_path)) as new:
        assert new.upgraded == (f"{NEXT}_remark.sql",)
        assert (await new.load()).tickets == [opened.tickets["t-1"]]
        assert "remark" in columns(new.path)
    copy = tmp_path / f"secmon.db.before-{NEXT}"
    assert "remark" not in columns(copy)
    with pytest.raises(WrongSchema):
        async with store(tmp_path):
            pass
    await restore(copy, tmp_path / "secmon.db")  # as the refusal says
    async with store(tmp_path) as old:
        assert (await old.load()).tickets == [opened.tickets["t-1"]]


async def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    async with store(tmp_path, known=later(tmp_path)):
        pass
    before = (tmp_path / "secmon.db").read_bytes()
    with pytest.raises(WrongSchema) as refused:
        async with store(tmp_path):
            pass
    text = str(refused.value)
    assert f"expected schema {len(shipped())} or older (got {len(shipped()) + 1})" in text
    assert f"secmon db restore {tmp_path}/secmon.db.before-{NEXT}" in text
    assert (tmp_path / "secmon.db").read_bytes() == before


async def test_an_edited_migration_is_refused(tmp_path: Path) -> None:
    async with store(tmp_path, known=later(tmp_path)):
        pass
    with pytest.raises(
        WrongSchema, match=f"{NEXT}_remark.sql is not the file that made this store"
    ):
        async with store(tmp_path, known=later(tmp_path, SECOND + "-- edited\n")):
            pass


async def test_an_upgrade_that_fails_changes_nothing(tmp_path: Path) -> None:
    async with store(tmp_path) as old:
        await old.commit(change(ticket()))
    broken = later(tmp_path, SECOND + "INSERT INTO nowhere (x) VALUES (1);\n")
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        async with store(tmp_path, known=broken):
            pass
    assert "remark" not in columns(tmp_path / "secmon.db")
    async with store(tmp_path) as old:
        assert len((await old.load()).tickets) == 1


async def test_another_programs_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "secmon.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE photos (id integer)")
    db.close()
    before = path.read_bytes()
    with pytest.raises(
        WrongSchema, match=r"expected a store of secmon .got an SQLite file with photos"
    ):
        async with store(tmp_path):
            pass
    assert path.read_bytes() == before


async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "secmon.db").write_text("site: lab\n" * 200)
    with pytest.raises(StoreDown, match=r"secmon\.db: it is no SQLite file, or damaged; put back"):
        async with store(tmp_path):
            pass
