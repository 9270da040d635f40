"""Starts a process that serves or is compared, and reads the first line that it prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.daemon import ROOT
from tests.peers.process import running


@contextmanager
def started(folder: Path, module: str, *argv: object) -> Iterator[tuple[int, Any]]:
    """`python -m module argv…` → its process id and the JSON of the first line that it prints."""
    own = folder / module.rpartition(".")[2]
    own.mkdir(exist_ok=True)
    command = [sys.executable, "-m", module, *map(str, argv)]
    log = own / f"{Path(sys.executable).name}.log"
    env = {"PYTHONPATH": str(ROOT)}
    with running(command, own, lambda: "\n" in log.read_text(), env=env, within_s=60) as server:
        yield server.process.pid, json.loads(server.log().splitlines()[0])
