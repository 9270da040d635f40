"""Starts a real server in its own session, waits until it answers, ends only that session."""

import itertools
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


class NotReady(Exception):
    """The server ended, or did not answer in time; the text holds the end of its log."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server process and where it writes what it says."""

    name: str
    process: subprocess.Popen[bytes]
    log_file: Path

    def log(self) -> str:
        """All that the server has said so far, on both outputs."""
        return self.log_file.read_text(errors="replace")

    def alive(self) -> bool:
        """True until the server has ended."""
        return self.process.poll() is None

    def stop(self, sig: signal.Signals = signal.SIGTERM, within_s: float = 10.0) -> None:
        """Ends the server and its children: by `sig`, and after `within_s` by SIGKILL."""
        if not self.alive():
            return
        os.killpg(self.process.pid, sig)
        try:
            self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(within_s)

    def kill(self) -> None:
        """Ends the server as a power cut would."""
        self.stop(signal.SIGKILL)


@contextmanager
def running(
    argv: Sequence[str | Path],
    folder: Path,
    ready: Callable[[], bool],
    *,
    env: Mapping[str, str] | None = None,
    within_s: float = 20.0,
) -> Iterator[Server]:
    """The server of `argv`, answering; `ready` may raise OSError as long as it is not."""
    server = _start(argv, folder, env or {})
    try:
        _wait(server, ready, within_s)
        yield server
    finally:
        server.stop()


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port of 127.0.0.1 that nobody holds, and that nobody else is given meanwhile: each process
    that runs tests goes through a range of its own, below the one that the kernel gives from."""
    for number in itertools.islice(PORTS, EACH):
        with socket.socket(socket.AF_INET, kind) as sock:
            try:
                sock.bind(("127.0.0.1", number))
            except OSError:
                continue
            return number
    raise AssertionError("every port is taken")


EACH = 5_000


def _ports() -> Iterator[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 4
    return itertools.cycle(
        12_000 + worker * EACH + (os.getpid() * 101 + n) % EACH for n in range(EACH)
    )


PORTS = _ports()


def tcp_accepts(port: int, address: str = "127.0.0.1") -> bool:
    """True when something accepts connections at `port`."""
    with socket.create_connection((address, port), timeout=0.5):
        return True


def http_get(url: str, timeout_s: float = 5.0) -> bytes:
    """The body of a 2xx answer, past any proxy of the environment; else OSError."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=timeout_s) as answer:
        body: bytes = answer.read()
        return body


def eventually(good: Callable[[], bool], within_s: float = 10.0) -> bool:
    """True as soon as `good` is, False when it was not within `within_s`."""
    deadline = time.monotonic() + within_s
    while not good():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _start(argv: Sequence[str | Path], folder: Path, env: Mapping[str, str]) -> Server:
    name = Path(argv[0]).name
    log_file = folder / f"{name}.log"
    with log_file.open("ab") as log:
        process = subprocess.Popen(
            [str(arg) for arg in argv],
            cwd=folder,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return Server(name, process, log_file)


def _wait(server: Server, ready: Callable[[], bool], within_s: float) -> None:
    def answers_or_ended() -> bool:
        try:
            return not server.alive() or ready()
        except OSError:
            return False

    answered = eventually(answers_or_ended, within_s)
    if not server.alive():
        raise NotReady(f"{server.name} ended with {server.process.returncode}: {_tail(server)}")
    if not answered:
        raise NotReady(f"{server.name} did not answer within {within_s:g} s: {_tail(server)}")


def _tail(server: Server) -> str:
    return server.log()[-2000:]
