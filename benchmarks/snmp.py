"""One SNMP v2c poll of a switch with 28 ports by the profile `switch` (7 scalars, 12 columns), by
the whole daemon, alone and with /metrics scraped over HTTP as often as a switch is polled; and the
same scalars and columns by Debian's prometheus-snmp-exporter, from the same agents, over HTTP.

Two figures, because the daemon as shipped reads what hardly ever changes (names, speeds …) at every
tenth poll only, which snmp_exporter can't: as shipped, and with every column at every poll. Only
the second is like for like. Beyond that the daemon derives rates and utilization, judges rules.
"""

from __future__ import annotations

import http.client
import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.daemon import FAILURES, RUN, daemon, write_site
from benchmarks.figures import Figure, Limit, Show, at_least, at_most, best
from benchmarks.meter import cpu_s
from benchmarks.peers.starting import started
from tests.peers.process import free_port, running, tcp_accepts

SWITCHES = 600  # each polled once a second
PER_S, SCRAPERS = 100.0, 4  # of snmp_exporter: about as busy then as secmon is
WINDOW_S = 4.0
ROUNDS = 5
LIMIT_MS = 0.40
LIMIT_RATIO = 6.0  # the aim is 8
EXPORTER = "prometheus-snmp-exporter"
ALL_COLUMNS = ("-m", "benchmarks.peers.secmon_all_columns", "run")

SYSTEM = "1.3.6.1.2.1.1"
IF, IFX = "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.31.1.1.1"
SCALARS = {
    "sysDescr": (1, "DisplayString"),
    "sysObjectID": (2, "OctetString"),
    "sysUpTime": (3, "gauge"),
    "sysContact": (4, "DisplayString"),
    "sysName": (5, "DisplayString"),
    "sysLocation": (6, "DisplayString"),
    "sysServices": (7, "gauge"),
}
COLUMNS = {
    "ifAdminStatus": (f"{IF}.7", "gauge"),
    "ifOperStatus": (f"{IF}.8", "gauge"),
    "ifLastChange": (f"{IF}.9", "gauge"),
    "ifInDiscards": (f"{IF}.13", "counter"),
    "ifInErrors": (f"{IF}.14", "counter"),
    "ifOutDiscards": (f"{IF}.19", "counter"),
    "ifOutErrors": (f"{IF}.20", "counter"),
    "ifName": (f"{IFX}.1", "DisplayString"),
    "ifHCInOctets": (f"{IFX}.6", "counter"),
    "ifHCOutOctets": (f"{IFX}.10", "counter"),
    "ifHighSpeed": (f"{IFX}.15", "gauge"),
    "ifAlias": (f"{IFX}.18", "DisplayString"),
}


def run(show: Show) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with started(folder, "benchmarks.peers.snmp_responder", SWITCHES) as (_, ports):
            shipped = _daemon(folder, ports, RUN)
            every = _daemon(folder, ports, ALL_COLUMNS)
            _show_ours(show, "as shipped", shipped, at_most(LIMIT_MS))
            _show_ours(show, "all columns every poll", every, None)
            _against_exporter(show, folder, ports, min(shipped.scraped), min(every.scraped))


def _show_ours(show: Show, how: str, spent: Spent, limit: Limit | None) -> None:
    value, note = best(spent.alone)
    show(Figure(f"snmp poll of 28 ports, {how}", value, "CPU-ms", limit, note))
    value, note = best(spent.scraped)
    show(Figure("the same, with its part of a scrape over HTTP", value, "CPU-ms", note=note))


def _against_exporter(
    show: Show, folder: Path, ports: list[int], shipped: float, every: float
) -> None:
    program = shutil.which(EXPORTER)
    if program is None:
        print(f"  {EXPORTER} is not installed: nothing to compare with (run .ci/peers)")
        return
    theirs, note = best(_exporter(folder, program, ports))
    show(Figure("snmp_exporter, the same scalars and columns", theirs, "CPU-ms", note=note))
    ratio, limit = "snmp_exporter / secmon scraped", at_least(LIMIT_RATIO)
    show(Figure(f"{ratio}, all columns every poll", theirs / every, "times", limit, "aim 8"))
    show(Figure(f"{ratio}, as shipped", theirs / shipped, "times", limit, "aim 8"))


# --- ours ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU-ms per poll, each round: of the daemon alone, and scraped once a second."""

    alone: list[float]
    scraped: list[float]


def _daemon(folder: Path, ports: list[int], argv: Sequence[str]) -> Spent:
    own = folder / argv[1].replace(".", "-")
    own.mkdir()
    (own / "community").write_text("public")
    more = {"credentials": {"access": {"community": {"file": "community"}}}}
    site = write_site(own, "".join(map(_switch, range(SWITCHES), ports)), more=more)
    with daemon(site, argv) as running_one:
        time.sleep(24)  # till all is discovered, and the slow columns were read twice
        failed = running_one.sample(FAILURES)
        alone = [running_one.cpu_ms_per_poll(WINDOW_S) for _ in range(ROUNDS)]
        scraped = [running_one.cpu_ms_per_poll(WINDOW_S, scrape_every_s=1) for _ in range(ROUNDS)]
        failed = running_one.sample(FAILURES) - failed
        series = running_one.scrape().count("\nsecmon_interface_")
    if failed > SWITCHES / 100 or series < SWITCHES * 28 * 9:
        raise SystemExit(f"{failed:g} polls failed, {series} series: nothing was measured")
    return Spent(alone, scraped)


def _switch(number: int, port: int) -> str:
    return (
        f"  - id: sw-{number}\n    name: switch {number}\n    system: network\n    kind: switch\n"
        f"    address: 127.0.0.1\n    profile: switch\n    parts: {{GE1/0/24: {{watch: true}}}}\n"
        f"    probes:\n      - {{driver: snmp, port: {port}, credentials: access, every: 1s}}\n"
    )


# --- snmp_exporter ---------------------------------------------------------------------------


def _exporter(folder: Path, program: str, ports: list[int]) -> list[float]:
    """CPU-ms per scrape of one switch, over kept connections."""
    own = folder / "exporter"
    own.mkdir()
    (own / "snmp.yml").write_text(json.dumps({"switch": _module()}))
    port = free_port()
    listen = f"--web.listen-address=127.0.0.1:{port}"
    argv = [program, f"--config.file={own / 'snmp.yml'}", listen, "--log.level=error"]
    with running(argv, own, lambda: tcp_accepts(port)) as server:
        pid, spent = server.process.pid, []
        _scrape(port, ports, PER_S)
        for _ in range(ROUNDS):
            before, scrapes = cpu_s(pid), int(PER_S * WINDOW_S)
            with ThreadPoolExecutor(SCRAPERS) as pool:
                shares = [range(scrapes)[n::SCRAPERS] for n in range(SCRAPERS)]
                asked = [[ports[i % len(ports)] for i in share] for share in shares]
                under_way = [pool.submit(_scrape, port, one, PER_S / SCRAPERS) for one in asked]
            for done in under_way:
                done.result()
            spent.append((cpu_s(pid) - before) * 1e3 / scrapes)
        return spent


def _scrape(port: int, ports: Sequence[int], per_s: float) -> None:
    """Scrapes these switches one after the other, evenly, as Prometheus does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    begun = time.monotonic()
    for number, switch in enumerate(ports):
        time.sleep(max(begun + number / per_s - time.monotonic(), 0))
        connection.request("GET", f"/snmp?target=127.0.0.1:{switch}&module=switch")
        answer = connection.getresponse()
        body = answer.read()
        found = body.count(b"\nif")
        if answer.status != 200 or found < 12 * 28:
            raise SystemExit(f"snmp_exporter said {answer.status}, {found} samples: {body[:300]!r}")
    connection.close()


def _module() -> dict[str, object]:
    index = [{"labelname": "ifIndex", "type": "gauge"}]
    names = {"labels": ["ifIndex"], "labelname": "ifName", "oid": f"{IFX}.1"}
    lookups = [{**names, "type": "DisplayString"}]
    scalars = [
        {"name": name, "oid": f"{SYSTEM}.{number}", "type": kind, "help": name}
        for name, (number, kind) in SCALARS.items()
    ]
    columns = [
        {"name": name, "oid": oid, "type": kind, "help": name, "indexes": index, "lookups": lookups}
        for name, (oid, kind) in COLUMNS.items()
    ]
    return {
        "get": [f"{SYSTEM}.{number}.0" for number, _ in SCALARS.values()],
        "walk": [oid for oid, _ in COLUMNS.values()],
        "metrics": scalars + columns,
        "version": 2,
        "auth": {"community": "public"},
        "max_repetitions": 30,  # so that one GETBULK brings a whole column, and its end
    }
