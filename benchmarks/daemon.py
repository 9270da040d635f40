"""The real daemon in a process of its own, on a site file that a benchmark wrote."""

from __future__ import annotations

import json
import re
import socket
import sys
import time
import urllib.error
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.meter import cpu_s
from tests.peers.process import Server, free_port, http_get, running

ROOT = Path(__file__).resolve().parent.parent
RUN = ("-m", "secmon", "run")
POLLS = "secmon_poll_lateness_seconds_count"
FAILURES = "secmon_probe_failures_total"


@dataclass(frozen=True, slots=True)
class Daemon:
    """A daemon that said it is ready, and how long it took to say so."""

    port: int
    server: Server
    ready_s: float
    ready_cpu_s: float

    @property
    def pid(self) -> int:
        return self.server.process.pid

    def scrape(self) -> str:
        return http_get(f"http://127.0.0.1:{self.port}/metrics", 20).decode()

    def cpu_ms_per_poll(self, seconds: float, *, scrape_every_s: float | None = None) -> float:
        """CPU time of the whole process over its polls in these seconds. The scrapes that count
        the polls lie outside of what is measured; those that are asked for, inside."""
        polls = self.sample(POLLS)
        cpu, begun = cpu_s(self.pid), time.monotonic()
        while (left := begun + seconds - time.monotonic()) > 0:
            time.sleep(min(left, scrape_every_s or left))
            if scrape_every_s is not None:
                self.scrape()
        spent, passed = cpu_s(self.pid) - cpu, time.monotonic() - begun
        polled = self.sample(POLLS) - polls
        between = polled * passed / (time.monotonic() - begun)  # without those during the last one
        return spent * 1e3 / between

    def sample(self, name: str) -> float:
        """The sum of all series of that name."""
        found = re.findall(rf"^{name}(?:{{.*}})? (\S+)$", self.scrape(), re.MULTILINE)
        return sum(map(float, found))


@dataclass(frozen=True, slots=True)
class Site:
    """A folder with a site file in it."""

    folder: Path
    port: int

    @property
    def file(self) -> Path:
        return self.folder / "site.yaml"

    @property
    def store(self) -> Path:
        return self.folder / "secmon.db"


def write_site(
    folder: Path,
    devices: str,
    *,
    profiles: Mapping[str, str] | None = None,
    more: Mapping[str, object] | None = None,
) -> Site:
    """`devices`: YAML, the items of the list; `profiles`: name → YAML; `more`: further keys."""
    site = Site(folder, free_port())
    listen = {"listen": f"127.0.0.1:{site.port}"}
    keys = {
        "site": {"id": "bench", "name": "bench", "language": "en"},
        "store": f"sqlite://{site.store}",
        "http": listen,
        "metrics": listen,
        **(more or {}),
    }
    head = "".join(f"{key}: {json.dumps(value)}\n" for key, value in keys.items())
    site.file.write_text(f"{head}devices:\n{devices}")
    (folder / "profiles").mkdir(exist_ok=True)
    for name, text in (profiles or {}).items():
        (folder / "profiles" / f"{name}.yaml").write_text(text)
    return site


@contextmanager
def daemon(site: Site, argv: Sequence[str] = RUN, within_s: float = 60.0) -> Iterator[Daemon]:
    """The daemon, ready (`/-/ready` says 200). `argv`: what python is to run, up to `-c FILE`."""
    begun = time.monotonic()
    command = [sys.executable, *argv, "-c", str(site.file)]
    env = {"PYTHONPATH": str(ROOT), "RUNTIME_DIRECTORY": ""}
    with running(
        command, site.folder, lambda: _is_ready(site.port), env=env, within_s=within_s
    ) as s:
        took = time.monotonic() - begun
        yield Daemon(site.port, s, took, cpu_s(s.process.pid))


def _is_ready(port: int) -> bool:
    """Looks for a listener first: a failed HTTP request costs more than a refused connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=0.5):
        pass
    try:
        http_get(f"http://127.0.0.1:{port}/-/ready", 20)
    except urllib.error.HTTPError:
        return False
    return True
