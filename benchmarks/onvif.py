"""One ONVIF poll: clock and media profiles with WSSE on a fresh connection, by our driver and by
onvif-zeep-async, from the same camera (a process of its own) in the same run.

Our figure is the driver's ordinary poll; every twentieth asks for more, as does the peer's start.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.daemon import ROOT
from benchmarks.figures import Figure, Show, at_least, at_most, best
from benchmarks.peers.starting import started

LIMIT_MS = 0.25
LIMIT_SAME_MS = 0.12
LIMIT_RATIO = 12.0
TURNS = 3  # each in turn, so that what else runs on the machine meets all of them
OURS, RENAMED, SAME = ("secmon", "new"), ("secmon", "renamed"), ("secmon", "same")
PEER, BARE = ("zeep", "new"), ("bare", "same")


def run(show: Show) -> None:
    costs: dict[tuple[str, str], list[float]] = {}
    for _ in range(TURNS):
        for key in (OURS, RENAMED, SAME, PEER, BARE):
            costs.setdefault(key, []).extend(_costs(*key))
    ours, note = best(costs[OURS])
    show(Figure("ONVIF poll, every body new", ours, "CPU-ms", at_most(LIMIT_MS), note))
    read, note = best(costs[RENAMED])
    show(Figure("ONVIF poll, a name in every body new", read, "CPU-ms", note=note))
    same, note = best(costs[SAME])
    show(Figure("ONVIF poll, profiles repeat", same, "CPU-ms", at_most(LIMIT_SAME_MS), note))
    bare, note = best(costs[BARE])
    show(Figure("of which bare bytes to and fro", bare, "CPU-ms", note=note))
    peer, note = best(costs[PEER])
    show(Figure("onvif-zeep-async, the same two", peer, "CPU-ms", note=note))
    show(Figure("onvif-zeep-async / ours", peer / ours, "times", at_least(LIMIT_RATIO)))
    show(Figure("the same, a name in every body new", peer / read, "times"))
    show(Figure("the same, profiles repeat", peer / same, "times"))


def _costs(who: str, bodies: str) -> list[float]:
    """CPU-ms per poll of each round of one turn."""
    with (
        tempfile.TemporaryDirectory() as folder,
        started(Path(folder), "benchmarks.peers.onvif_camera", bodies) as (_, port),
    ):
        command = [sys.executable, "-m", "benchmarks.peers.onvif_asking", who, str(port)]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        ended = subprocess.run(
            command, stdout=subprocess.PIPE, check=True, text=True, env=env, timeout=300
        )
        costs: list[float] = json.loads(ended.stdout)
        return costs


def main() -> None:
    run(print)


if __name__ == "__main__":
    main()
