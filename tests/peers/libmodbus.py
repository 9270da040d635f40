"""A Modbus/TCP server by libmodbus, compiled for the test; its tables change while it runs."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.peers.need import need, peers_required
from tests.peers.process import Server, free_port, running, tcp_accepts

SOURCE = Path(__file__).with_name("modbus_server.c")

Cells = Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Libmodbus:
    """A running server: every unit shows the same tables, addresses 0 to 1999."""

    port: int
    server: Server
    tables: Path

    def show(self, **cells: Cells) -> None:
        """Sets cells of `coil`, `discrete`, `input`, `holding`; `silent={unit: 1}` lets a unit
        not answer, `exception={unit: code}` lets it answer so. Seen at the next request."""
        lines = [
            f"{table} {at} {value}\n" for table, row in cells.items() for at, value in row.items()
        ]
        fresh = self.tables.with_suffix(".new")
        fresh.write_text("".join(lines))
        fresh.replace(self.tables)


@contextmanager
def libmodbus(folder: Path, *, port: int | None = None, **cells: Cells) -> Iterator[Libmodbus]:
    """A server on 127.0.0.1 that shows `cells`; the others are 0."""
    port = port or free_port()
    tables = folder / "tables.txt"
    tables.touch()
    argv: list[str | Path] = [_compiled(folder), str(port), tables]
    with running(argv, folder, lambda: tcp_accepts(port)) as server:
        peer = Libmodbus(port, server, tables)
        peer.show(**cells)
        yield peer


def _compiled(folder: Path) -> Path:
    """The server's program."""
    compiler, config = need("gcc", "cc", "gcc"), need("pkg-config")
    asked = subprocess.run(
        [config, "--cflags", "--libs", "libmodbus"], capture_output=True, text=True, check=False
    )
    if asked.returncode:
        reason = "libmodbus-dev is not installed: run .ci/peers"
        if peers_required():
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    program = folder / "modbus_server"
    command = [compiler, "-O2", "-Wall", "-Werror", "-o", str(program), str(SOURCE)]
    subprocess.run([*command, *asked.stdout.split()], check=True)
    return program
