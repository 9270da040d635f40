"""Resident memory of the daemon with 1,000 devices, each probe polled twice and more with success,
and of the bare daemon with one: a site of mixed kinds, in all and by kind; then Modbus devices of
ten readings. Rules, hourly values and /metrics as always.

Each kind's share is that of a daemon which polls nothing else, beside the others and at the same
time, less one with a single door: what a driver needs once counts for its kind, and again in the
sum.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.daemon import FAILURES, POLLS, daemon, write_site
from benchmarks.figures import Figure, Show, at_most
from benchmarks.meter import resident_mb, unshared_mb
from benchmarks.mixed_site import SHARES, STREAM_EVERY_S, UPS_PROFILE, Ports, peers, site
from benchmarks.peers.starting import started

DEVICES = 1_000
LIMIT_MB = 100.0
LIMIT_MIXED_MB = 130.0
SECONDS = 27
BARE = {"door": 1}
SETTLED_S = STREAM_EVERY_S + 5  # till then a stream may be asked for before onvif has found it
MIXED_S = 2 * STREAM_EVERY_S + 5


def run(show: Show) -> None:
    bare, _ = resident(1, 5)
    show(Figure("bare daemon, one device", bare, "MB"))
    _mixed(show)
    many, private = resident(DEVICES, SECONDS)
    limit = at_most(LIMIT_MB)
    show(Figure("1,000 Modbus devices of 10 readings", many, "MB", limit, f"{private:.0f} private"))
    show(Figure("of which each device", (many - bare) * 1e3 / DEVICES, "kB"))


def _mixed(show: Show) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with peers(folder / "peers", SHARES) as ports:
            [(used, private)] = _resident(folder / "whole", [SHARES], ports)
            title, limit = f"{sum(SHARES.values()):,} devices of mixed kinds", LIMIT_MIXED_MB
            show(Figure(title, used, "MB", at_most(limit), f"{private:.0f} private"))
            alone = [{kind: count} for kind, count in SHARES.items()]
            (bare, _), *kinds = _resident(folder / "alone", [BARE, *alone], ports)
            for (kind, count), (used, _) in zip(SHARES.items(), kinds, strict=True):
                note = f"{(used - bare) * 1e3 / count:.0f} kB each"
                show(Figure(f"of which {count} × {kind}", used - bare, "MB", note=note))
            show(Figure("of which the daemon", bare, "MB", note="with one door"))


def _resident(
    folder: Path, sites: Sequence[Mapping[str, int]], ports: Ports
) -> list[tuple[float, float]]:
    """(resident, private) MB of a daemon for each of these sites, all at the same time."""
    folder.mkdir()
    with ExitStack() as open_ones:
        running = []
        for number, shares in enumerate(sites):
            (own := folder / str(number)).mkdir()
            running.append(open_ones.enter_context(daemon(site(own, shares, ports))))
        time.sleep(SETTLED_S)
        before = [(one.sample(POLLS), one.sample(FAILURES)) for one in running]
        time.sleep(MIXED_S)
        for one, shares, (polls, failed) in zip(running, sites, before, strict=True):
            probes = sum(count * (1 + (kind == "camera")) for kind, count in shares.items())
            good, bad = one.sample(POLLS) - polls, one.sample(FAILURES) - failed
            if bad or good < 2 * probes:
                text = f"{good:g} polls of {probes} probes, {bad:g} failed"
                raise SystemExit(f"{' '.join(shares)}: {text}: nothing was measured")
        return [(resident_mb(one.pid), unshared_mb(one.pid)) for one in running]


def resident(devices: int, seconds: float) -> tuple[float, float]:
    """(resident, private) MB of a daemon that has polled so many devices for so long."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with started(folder, "benchmarks.peers.modbus_responder", devices) as (_, ports):
            made = write_site(
                folder, "".join(map(device, range(devices), ports)), profiles=PROFILES
            )
            with daemon(made) as running:
                time.sleep(seconds)
                polls, failed = running.sample(POLLS), running.sample(FAILURES)
                if failed or (devices > 1 and polls < 2 * devices):
                    raise SystemExit(f"{polls:g} polls, {failed:g} failed: nothing was measured")
                return resident_mb(running.pid), unshared_mb(running.pid)


PROFILES = {"ten": UPS_PROFILE}


def device(number: int, port: int) -> str:
    return (
        f"  - id: unit-{number}\n    name: unit {number}\n    system: center\n    kind: ups\n"
        f"    address: 127.0.0.1\n    location: floor {number // 20}\n    profile: ten\n"
        f"    probes:\n      - {{driver: modbus, port: {port}, every: 10s}}\n"
    )
