"""Copies are whole or not there; a restore never loses what was there before."""

import asyncio
import sqlite3
import stat
from pathlib import Path

import pytest

from secmon.adapters.store.files import restore
from secmon.adapters.store.lock import StoreTaken
from secmon.adapters.store.migrations import WrongSchema
from secmon.api import StoreDown
from tests.adapters.store.made import change, store, ticket


async def numbers(folder: Path) -> list[str]:
    async with store(folder) as kept:
        return [each.id for each in (await kept.load()).tickets]


async def test_a_backup_is_one_file_made_while_work_goes_on(tmp_path: Path) -> None:
    copy = tmp_path / "copy" / "secmon.db"
    copy.parent.mkdir()
    async with store(tmp_path) as kept:
        await kept.commit(change(ticket("a")))
        async with asyncio.TaskGroup() as group:
            group.create_task(kept.backup(copy))
            for n in range(20):
                group.create_task(kept.commit(change(ticket(f"t-{n}", f"d-{n}"))))
        assert len(await kept.tickets()) == 21
    assert [file.name for file in copy.parent.iterdir()] == ["secmon.db"]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert "a" in await numbers(copy.parent)


async def test_a_backup_replaces_an_older_one_and_nothing_else(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        await kept.backup(tmp_path / "b.db")
        await kept.commit(change(ticket("a")))
        await kept.backup(tmp_path / "b.db")
        with sqlite3.connect(tmp_path / "b.db") as db:
            assert db.execute("SELECT COUNT(*) FROM ticket").fetchone() == (1,)
        db.close()
        (tmp_path / "letter.txt").write_text("dear")
        with pytest.raises(ValueError, match=r"letter\.txt is there and is no copy"):
            await kept.backup(tmp_path / "letter.txt")
        with pytest.raises(ValueError, match="expected a file name"):
            await kept.backup(kept.path)
        with pytest.raises(StoreDown, match="no-such-folder"):
            await kept.backup(tmp_path / "no-such-folder" / "b.db")
        assert (tmp_path / "letter.txt").read_text() == "dear"


async def test_restore_keeps_the_old_one(tmp_path: Path) -> None:
    path, copy = tmp_path / "secmon.db", tmp_path / "copy.db"
    async with store(tmp_path) as kept:
        await kept.commit(change(ticket("a")))
        await kept.backup(copy)
        await kept.commit(change(ticket("b", "d-2")))
    assert await restore(copy, path) == tmp_path / "secmon.db.before-restore"
    assert await numbers(tmp_path) == ["a"]
    assert await restore(tmp_path / "secmon.db.before-restore", path) == (
        tmp_path / "secmon.db.before-restore-2"
    )
    assert await numbers(tmp_path) == ["a", "b"]


async def test_restore_where_there_is_none(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        await kept.commit(change(ticket("a")))
        await kept.backup(tmp_path / "copy.db")
    new = tmp_path / "new"
    new.mkdir()
    assert await restore(tmp_path / "copy.db", new / "secmon.db") is None
    assert await numbers(new) == ["a"]


@pytest.mark.parametrize("log_left", [False, True])
async def test_restore_over_a_damaged_store(tmp_path: Path, log_left: bool) -> None:
    """The log that a power cut left must not be read into the copy."""
    path = tmp_path / "secmon.db"
    async with store(tmp_path) as kept:
        await kept.commit(change(ticket("a")))
        await kept.backup(tmp_path / "copy.db")
        await kept.commit(change(ticket("b", "d-2")))
        log = Path(f"{path}-wal").read_bytes()
    path.write_bytes(b"damaged" * 1000)
    if log_left:
        Path(f"{path}-wal").write_bytes(log)
    old = await restore(tmp_path / "copy.db", path)
    assert old == tmp_path / "secmon.db.before-restore"
    assert log_left or old.read_bytes() == b"damaged" * 1000
    assert await numbers(tmp_path) == ["a"]


async def test_restore_is_refused_while_the_store_is_in_use(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        await kept.backup(tmp_path / "copy.db")
        with pytest.raises(StoreTaken, match="in use by process"):
            await restore(tmp_path / "copy.db", kept.path)


async def test_a_copy_that_is_damaged_foreign_or_missing_is_refused(tmp_path: Path) -> None:
    path, copy = tmp_path / "secmon.db", tmp_path / "copy.db"
    async with store(tmp_path) as kept:
        for n in range(100):
            await kept.commit(change(ticket(f"t-{n}", f"d-{n}")))
        await kept.backup(copy)
    whole = copy.read_bytes()
    copy.write_bytes(whole[:20_000] + b"\xff" * 40_000 + whole[60_000:])
    with pytest.raises(StoreDown, match="damaged"):
        await restore(copy, path)
    copy.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StoreDown, match="damaged"):
        await restore(copy, path)
    copy.write_bytes(b"")
    with pytest.raises(WrongSchema, match="no tables"):
        await restore(copy, path)
    with pytest.raises(StoreDown, match="no such file"):
        await restore(tmp_path / "nothing.db", path)
    assert len(await numbers(tmp_path)) == 100
    assert not list(tmp_path.glob("*restor*"))


async def test_sizes_are_told_by_table(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        await kept.commit(change(*(ticket(f"t-{n}", f"d-{n}") for n in range(50))))
        sizes = {size.table: size for size in await kept.sizes()}
    assert sizes["ticket"].rows == 50
    assert sizes["ticket"].bytes is None or sizes["ticket"].bytes > 50 * 200
    assert not [name for name in sizes if name.startswith("sqlite")]
