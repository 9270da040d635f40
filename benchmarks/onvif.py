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


def run(show: Show) -> None:
    ours, note = best(_costs("secmon", "new"))
    show(Figure("ONVIF poll, every body new", ours, "CPU-ms", at_most(LIMIT_MS), note))
    same, note = best(_costs("secmon", "same"))
    show(Figure("ONVIF poll, profiles repeat", same, "CPU-ms", at_most(LIMIT_SAME_MS), note))
    peer, note = best(_costs("zeep", "new"))
    show(Figure("onvif-zeep-async, the same two", peer, "CPU-ms", note=note))
    show(Figure("onvif-zeep-async / ours", peer / ours, "times", at_least(LIMIT_RATIO)))


def _costs(who: str, bodies: str) -> list[float]:
    """CPU-ms per poll of each round."""
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
