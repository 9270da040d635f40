"""The daemon's process: how it starts, where its socket is, and that it always ends in time."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from secmon.cli.link import CannotReach, ask
from tests.cli.place import SECMON, Place, place, told_by
from tests.equipment import Equipment
from tests.peers.process import Server, eventually
from tests.receiver import Receiver

pytestmark = pytest.mark.slow

END = 10.0  # seconds, CONTRACT's promise


def ends(server: Server, sign: signal.Signals) -> float:
    """Sends it and waits; seconds that the end took. The exit code must be 0."""
    begun = time.monotonic()
    os.kill(server.process.pid, sign)
    assert server.process.wait(END) == 0, server.log()
    assert "Traceback" not in server.log(), server.log()
    return time.monotonic() - begun


@contextmanager
def silent(port_holder: socket.socket) -> Iterator[int]:
    """A TCP port that accepts and then says nothing at all."""
    port_holder.bind(("127.0.0.1", 0))
    port_holder.listen(16)
    try:
        yield port_holder.getsockname()[1]
    finally:
        port_holder.close()


def test_it_ends_in_time_whatever_hangs(tmp_path: Path, wired: Equipment) -> None:
    """A device that hangs in a poll, a webhook that never answers, a reader of events, a request
    cut in half: SIGTERM ends it all the same."""
    with silent(socket.socket()) as port:
        (tmp_path / "hook.secret").write_text("geheim-geheim")
        more = f"notify: [{told_by(f'http://127.0.0.1:{port}/x')}]"
        here = place(tmp_path, wired, more, slow="every: 20s, timeout: 20s", gateway=port)
        with here.daemon() as server:
            token = here.command("user", "add", "r", "--role", "viewer", "--token").out.strip()
            assert here.command("ticket", "report", "supply-1", "--note", "x").code == 0
            links = [socket.create_connection(("127.0.0.1", here.port)) for _ in range(2)]
            head = f"Host: x\r\nAuthorization: Bearer {token}\r\n\r\n"
            links[0].sendall(f"GET /api/v1/events HTTP/1.1\r\n{head}".encode())
            assert links[0].recv(100).startswith(b"HTTP/1.1 200")
            links[1].sendall(
                b"POST /api/v1/tickets HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"
            )
            poll = subprocess.Popen(
                [*SECMON, "probe", "room-1", "-c", str(here.file)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            time.sleep(1)
            took = ends(server, signal.SIGTERM)
            assert took < 8, "with room to spare"
            assert poll.wait(10) == 3
            assert poll.stderr is not None
            said = poll.stderr.read().decode()
            poll.stderr.close()
            assert "broke off" in said and "Traceback" not in said, said
            for link in links:
                link.close()


def test_ctrl_c_ends_it_at_once_and_what_waits_is_told_after_the_next_start(
    tmp_path: Path, wired: Equipment, hook: Receiver
) -> None:
    (tmp_path / "hook.secret").write_text("geheim-geheim")
    here = place(tmp_path, wired, f"notify: [{told_by(hook.url)}]")
    before = len(hook.got)
    hook.status = 503
    with here.daemon() as server:
        number = here.command("ticket", "report", "supply-1", "--note", "x").out.split()[0]
        assert eventually(lambda: len(hook.got) > before)
        assert ends(server, signal.SIGINT) < 5
    hook.status = 200
    refused = len(hook.got)
    with here.daemon() as server:
        assert eventually(lambda: len(hook.got) > refused)
        assert "open_tickets=1" in server.log()
        assert here.command("ticket", "acknowledge", number).code == 0
        assert ends(server, signal.SIGTERM) < 5
    assert len({one["id"] for one in hook.got[before:]}) == 1, "the same event has the same id"
    assert hook.forged == []


def test_the_socket_is_in_the_runtime_directory(tmp_path: Path, wired: Equipment) -> None:
    here = place(tmp_path, wired)
    runtime = tmp_path / "run"
    runtime.mkdir()
    env = {"RUNTIME_DIRECTORY": f"{runtime}:/elsewhere"}
    with here.daemon(env) as server:
        path = runtime / "secmon.sock"
        assert path.is_socket() and path.stat().st_mode & 0o777 == 0o660
        assert here.process("ticket", "list").code == 0, "from beside the store it is found too"
        assert ask(path, "GET", "/api/v1/devices")[0] == 200
        assert here.process("ticket", "list", env=env).code == 0
        server.kill()
    assert path.exists(), "killed: the socket is left"
    assert here.process("ticket", "list", env=env).code == 0, "and not in the way"
    with here.daemon(env):
        assert ask(path, "GET", "/api/v1/devices")[0] == 200


def test_a_runtime_directory_that_is_not_there_is_told(tmp_path: Path, wired: Equipment) -> None:
    said = place(tmp_path, wired).process("run", env={"RUNTIME_DIRECTORY": "/nowhere/at/all"})
    assert said.code == 2 and "/nowhere/at/all" in said.err and "Traceback" not in said.err, said


def test_a_command_whose_daemon_breaks_off_is_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wired: Equipment
) -> None:
    """Something answers at the socket, and hangs up in the middle."""
    here: Place = place(tmp_path, wired)
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    with socket.socket(socket.AF_UNIX) as broken:
        broken.bind(str(tmp_path / "secmon.sock"))
        broken.listen()
        broken.settimeout(10)
        command = subprocess.Popen(
            [*SECMON, "ticket", "list", "-c", str(here.file)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        answer = b'{"openapi": "3.1.0"}'
        for said in (
            b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n" + answer,
            b"HTTP/1.1 200 OK\r\n",
        ):
            link, _ = broken.accept()
            link.recv(4096)
            link.sendall(said)
            link.close()
    assert command.wait(10) == 3
    assert command.stderr is not None
    text = command.stderr.read().decode()
    command.stderr.close()
    assert "Traceback" not in text and text.startswith("secmon: "), text


def test_nobody_at_the_socket_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        ask(tmp_path / "nowhere" / "secmon.sock", "GET", "/")
    assert not issubclass(CannotReach, OSError)
