"""NUT's upsd with dummy-ups behind it: a UPS whose variables a test rewrites while it runs."""

import getpass
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.peers.need import need
from tests.peers.process import Server, free_port, running

UPS = "ups"
USER = "secmon"
PASSWORD = "upsd-pass"
ON_LINE = {
    "ups.status": "OL CHRG",
    "ups.mfr": "Example",
    "ups.model": "Dummy 1500",
    "ups.serial": "S0001",
    "ups.load": "23",
    "battery.charge": "100",
    "battery.runtime": "1800",
    "battery.voltage": "27.1",
    "input.voltage": "229.8",
    "output.voltage": "230.1",
}


@dataclass(frozen=True, slots=True)
class Upsd:
    """A running upsd and the driver behind it; both can be stopped by a test."""

    port: int
    server: Server
    driver: Server
    device_file: Path
    ups: str = UPS
    user: str = USER
    password: str = PASSWORD

    def show(self, variables: Mapping[str, str]) -> None:
        """Lets the UPS show these values besides its others; seen within about two seconds."""
        _write(self.device_file, {**_read(self.device_file), **variables})

    def ask(self, line: str) -> str:
        """The first line that upsd answers to one line of its protocol."""
        return ask(self.port, line)


@contextmanager
def upsd(folder: Path, variables: Mapping[str, str] | None = None) -> Iterator[Upsd]:
    """A UPS named `ups` on 127.0.0.1, with `variables` or those of a healthy one."""
    port = free_port()
    device_file = folder / "ups.dev"
    _write(device_file, variables or ON_LINE)
    _configure(folder, port)
    env = dict.fromkeys(("NUT_CONFPATH", "NUT_STATEPATH", "NUT_ALTPIDPATH"), str(folder))
    as_user = ("-u", getpass.getuser())
    driver_argv = [need("nut-server", "dummy-ups"), "-a", UPS, "-F", *as_user]
    server_argv = [need("nut-server", "upsd"), "-F", *as_user]
    with (
        running(driver_argv, folder, (folder / f"dummy-ups-{UPS}").exists, env=env) as driver,
        running(server_argv, folder, lambda: _answers(port), env=env) as server,
    ):
        yield Upsd(port, server, driver, device_file)


def ask(port: int, line: str) -> str:
    """The first line that upsd at `port` answers to one line of its protocol."""
    with socket.create_connection(("127.0.0.1", port), timeout=2) as sock:
        sock.sendall(f"{line}\n".encode())
        return sock.makefile(encoding="utf-8").readline().rstrip("\n")


def _answers(port: int) -> bool:
    answer = ask(port, f"GET VAR {UPS} ups.status")
    return answer.startswith("VAR ") and "WAIT" not in answer


def _configure(folder: Path, port: int) -> None:
    files = {
        "ups.conf": f"pollinterval = 1\n[{UPS}]\ndriver = dummy-ups\nport = ups.dev\ndesc = test\n",
        "upsd.conf": f"LISTEN 127.0.0.1 {port}\nSTATEPATH {folder}\n",
        "upsd.users": f"[{USER}]\npassword = {PASSWORD}\nupsmon secondary\n",
    }
    for name, text in files.items():
        file = folder / name
        file.write_text(text)
        file.chmod(0o600)


def _read(file: Path) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in file.read_text().splitlines())


def _write(file: Path, variables: Mapping[str, str]) -> None:
    """Replaces the file whole; dummy-ups reads it again when its time, in seconds, has changed."""
    before = int(file.stat().st_mtime) if file.exists() else 0
    fresh = file.with_suffix(".new")
    fresh.write_text("".join(f"{name}: {value}\n" for name, value in variables.items()))
    moment = max(int(fresh.stat().st_mtime), before + 1)
    os.utime(fresh, (moment, moment))
    fresh.replace(file)
