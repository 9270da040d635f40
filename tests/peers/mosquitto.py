"""The Mosquitto broker, with TLS by a test authority and a password; restarts keep its state."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.peers.certificates import make_certificates
from tests.peers.need import need
from tests.peers.process import Server, free_port, running, tcp_accepts

USER = "secmon"
PASSWORD = "mosquitto-pass"


@dataclass(frozen=True, slots=True)
class Mosquitto:
    """A running broker; `authority` is the PEM file to trust, None without TLS."""

    port: int
    server: Server
    authority: Path | None
    user: str = USER
    password: str = PASSWORD


@contextmanager
def mosquitto(folder: Path, *, port: int | None = None, tls: bool = True) -> Iterator[Mosquitto]:
    """A broker on 127.0.0.1; the same folder and port again is the same broker, restarted."""
    port = port or free_port()
    authority = folder / "ca.pem" if tls else None
    config = folder / "mosquitto.conf"
    config.write_text("\n".join([*_config(folder, port), *(_tls(folder) if tls else []), ""]))
    argv: list[str | Path] = [need("mosquitto"), "-c", config]
    with running(argv, folder, lambda: tcp_accepts(port)) as server:
        yield Mosquitto(port, server, authority)


def _config(folder: Path, port: int) -> list[str]:
    return [
        "user root",  # used only where root starts it: else the test's folder is closed to it
        f"listener {port} 127.0.0.1",
        "allow_anonymous false",
        f"password_file {_password_file(folder)}",
        "persistence true",
        f"persistence_location {folder}/",
        "autosave_interval 1",
        "autosave_on_changes true",
        "log_type all",
    ]


def _password_file(folder: Path) -> Path:
    file = folder / "passwd"
    program = need("mosquitto", "mosquitto_passwd")
    command = [program, "-b", "-c", str(file), USER, PASSWORD]
    subprocess.run(command, check=True, capture_output=True)
    return file


def _tls(folder: Path) -> list[str]:
    if not (folder / "ca.pem").exists():
        make_certificates(folder)
    return [
        f"cafile {folder / 'ca.pem'}",
        f"certfile {folder / 'server.pem'}",
        f"keyfile {folder / 'server.key'}",
        "tls_version tlsv1.2",
    ]
