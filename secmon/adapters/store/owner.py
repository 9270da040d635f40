"""Files beside a store belong to whom their folder belongs to, also those that root makes.

The daemon runs as a user of its own; a command of root's must leave nothing that it cannot write.
What SQLite itself makes (`-wal`, `-shm`) follows the store.
"""

from __future__ import annotations

import os
from pathlib import Path


def create(path: Path) -> int:
    """A descriptor of the file, made if it is not there, for its owner alone. Raises OSError."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        made = os.open(path, flags | os.O_EXCL, 0o600)
    except (
        FileExistsError
    ):  # whatever it is (a link the daemon laid to /etc?): it stays whose it is
        return os.open(path, flags, 0o600)
    if os.geteuid() == 0:
        folder = path.parent.stat()
        os.fchown(made, folder.st_uid, folder.st_gid)
    return made
