"""What root's commands leave in the daemon's folder, the daemon can write."""

import os
from pathlib import Path

from secmon.adapters.clock import Clock
from secmon.adapters.store.files import restore
from secmon.adapters.store.lock import StoreLock
from secmon.adapters.store.sqlite import SqliteStore

DAEMON = os.geteuid() or 64_999  # nobody but root can make files for others


def owners(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_uid for file in folder.iterdir()}


async def test_a_store_that_root_makes_and_restores_belongs_to_the_daemon(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    os.chown(folder, DAEMON, DAEMON)
    store = folder / "secmon.db"
    async with SqliteStore(store, site="lab", timezone="Asia/Shanghai", clock=Clock()) as one:
        await one.backup(folder / "copy.db")
        assert {"secmon.db-wal", "secmon.db-shm", "secmon.db.lock"} <= owners(folder).keys()
        assert set(owners(folder).values()) == {DAEMON}
    assert await restore(folder / "copy.db", store) == folder / "secmon.db.before-restore"
    assert set(owners(folder).values()) == {DAEMON}


def test_a_link_in_the_daemons_folder_gives_nothing_away(tmp_path: Path) -> None:
    ours, folder = tmp_path / "shadow", tmp_path / "state"
    ours.touch()
    folder.mkdir()
    os.chown(folder, DAEMON, -1)
    (folder / "secmon.db.lock").symlink_to(ours)
    StoreLock.take(folder / "secmon.db").release()
    assert ours.stat().st_uid == os.geteuid()


def test_a_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    lock = StoreLock.take(tmp_path / "secmon.db")
    lock.release()
    assert lock.path.stat().st_mode & 0o777 == 0o600
    assert lock.path.stat().st_uid == tmp_path.stat().st_uid
