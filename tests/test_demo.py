"""`secmon demo`, the real one: what a newcomer sees in the first minute, and that nothing stays."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.peers.process import eventually, free_port, http_get

pytestmark = pytest.mark.slow

READY = 60.0  # seconds, CONTRACT 1
CAMERAS = {"cam-1", "cam-2", "cam-3", "dome-1", "recorder-1"}
STREAMS = {*((name, "") for name in CAMERAS - {"recorder-1"})} | {
    ("recorder-1", f"ch{number}") for number in range(1, 5)
}
PROMISED = 4  # tickets within a minute of ready


class Demo:
    """A running demo and what it has said so far."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, port: int, home: Path) -> None:
        self.process = process
        self.log = log
        self.port = port
        self.home = home

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def ready(self) -> bool:
        """It has greeted: the clock of `--seconds` runs."""
        assert self.process.poll() is None, self.said()
        return "Bearer" in self.said()

    def daemons(self) -> list[int]:
        """The process ids of daemons that work in this demo's temporary folder."""
        found = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = entry.read_bytes()
            except OSError:
                continue
            if str(self.home).encode() in line and b"\0run\0" in line:
                found.append(int(entry.parent.name))
        return found

    def left(self) -> list[str]:
        """What is left of it: processes, folders, a port that is taken."""
        found = [f"process {pid}" for pid in self.daemons()]
        found += [str(path) for path in self.home.iterdir()]
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", self.port))
            except OSError as error:
                found.append(f"port {self.port}: {error}")
        return found


@contextmanager
def demo(folder: Path, *options: str, env: Mapping[str, str] | None = None) -> Iterator[Demo]:
    """The demo as a process; its temporary folder is made inside `folder`."""
    port, log, home = free_port(), folder / "demo.log", folder / "home"
    home.mkdir()
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "secmon", "demo", "--port", str(port), *options],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**os.environ, "TMPDIR": str(home), **(env or {})},
            start_new_session=True,
        )
    made = Demo(process, log, port, home)
    try:
        yield made
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.mark.timeout(150)
def test_forty_five_seconds_of_it(tmp_path: Path) -> None:
    begun = time.monotonic()
    with demo(tmp_path, "--seconds", "45") as shown:
        assert eventually(shown.ready, READY), shown.said()
        ready = time.monotonic()
        assert ready - begun < READY
        page = http_get(f"http://127.0.0.1:{shown.port}/metrics").decode()
        devices = {
            found[1]
            for found in re.finditer(r'^secmon_device_info\{.*?device="([^"]+)"', page, re.M)
        }
        assert len(devices) >= 12, devices
        assert eventually(lambda: _up(shown.port) >= 12, 15)
        asked, streams = set[str](), set[tuple[str, str]]()
        assert eventually(lambda: _watched(shown.port, asked, streams), 30), (asked, streams)
        assert eventually(lambda: _recalled(shown.port) == {"出口": 1.0, "全景": 1.0}, 20)
        code = shown.process.wait(70)
        took = time.monotonic() - ready
        said = shown.said()
    assert code == 0, said
    assert 44 < took < 60
    numbers = set(re.findall(r"WX-\d{4}-\d{4}", said))
    assert len(numbers) >= PROMISED, said
    assert len(re.findall(r"^\S+ +WX-\d{4}-\d{4} +待响应", said, re.M)) >= PROMISED, said
    mine = re.search(r"值机员小王：复核并关单 (WX-\S+)", said)
    assert mine is not None, said
    for word in ("已响应", "已到场", "已修复", "已核验", "已关闭"):
        assert re.search(rf"{mine[1]} +{word} ", said), f"{word}: {said}"
    dead = re.search(r"▸ 车库摄像机还在应答.*? (WX-\S+) +待响应 [^\n]*车库摄像机", said, re.DOTALL)
    assert dead is not None, said
    assert re.search(rf"▸ 车库摄像机恢复出图.*? {dead[1]} +已恢复 ", said, re.DOTALL), said
    assert re.search(r"tickets: \d+ opened, [1-9]\d* closed", said)
    assert "\x1b" not in said, "no colours in a file"
    assert "Traceback" not in said
    assert shown.left() == []


def test_a_taken_port_is_2_and_named(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with demo(tmp_path, "--port", str(port)) as shown:
            assert shown.process.wait(20) == 2
            assert str(port) in shown.said() and "Traceback" not in shown.said()
            assert list(shown.home.iterdir()) == []


@pytest.mark.parametrize("options", [["--port", "0"], ["--port", "99999"], ["--seconds", "soon"]])
def test_wrong_use_is_2(tmp_path: Path, options: list[str]) -> None:
    with demo(tmp_path, *options) as shown:
        assert shown.process.wait(20) == 2
        assert "Traceback" not in shown.said()


def logs_in(url: str) -> bool:
    """Presses the button behind a one-time log-in, as a browser does. Is it let in?"""
    base = url.partition("/login")[0]
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with browser.open(url, timeout=5) as shown:
        fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', shown.read().decode()))
    form = urllib.parse.urlencode(fields).encode()
    try:
        with browser.open(
            urllib.request.Request(f"{base}/login/once", form, {"Origin": base}), timeout=5
        ) as after:
            return str(after.url) == f"{base}/" and "值机员小王" in after.read().decode()
    except urllib.error.HTTPError:
        return False


def test_the_banners_log_in_opens_the_console_once(tmp_path: Path) -> None:
    with demo(tmp_path) as shown:
        assert eventually(shown.ready, READY), shown.said()
        url = re.search(r"http\S+/login\?once=\S+", shown.said())
        assert url is not None, shown.said()
        assert logs_in(url[0])
        assert not logs_in(url[0])


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_told(tmp_path: Path, sign: signal.Signals) -> None:
    with demo(tmp_path, "--lang", "en") as shown:
        assert eventually(shown.ready, READY), shown.said()
        assert len(shown.daemons()) == 1
        shown.process.send_signal(sign)
        assert shown.process.wait(12) == 0, shown.said()
        assert "Traceback" not in shown.said(), shown.said()
        assert shown.left() == []


def test_ctrl_c_before_it_is_ready(tmp_path: Path) -> None:
    with demo(tmp_path) as shown:
        assert eventually(lambda: bool(shown.daemons()), 20)
        shown.process.send_signal(signal.SIGINT)
        assert shown.process.wait(12) == 0, shown.said()
        assert "Traceback" not in shown.said(), shown.said()
        assert shown.left() == []


def test_killed_it_leaves_no_daemon_behind(tmp_path: Path) -> None:
    with demo(tmp_path) as shown:
        assert eventually(shown.ready, READY), shown.said()
        assert len(shown.daemons()) == 1
        shown.process.kill()
        shown.process.wait()
        assert eventually(lambda: not shown.daemons(), 5)


def _up(port: int) -> int:
    page = http_get(f"http://127.0.0.1:{port}/metrics").decode()
    return len(re.findall(r"^secmon_device_up\{.*\} 1$", page, re.M))


def _watched(port: int, asked: set[str], streams: set[tuple[str, str]]) -> bool:
    """Adds what was polled with success: by now once each camera by ONVIF, once each stream."""
    page = http_get(f"http://127.0.0.1:{port}/metrics").decode()
    for line in page.splitlines():
        name, _, rest = line.partition("{")
        label = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        if name == "secmon_probe_success" and label["probe"] == "onvif" and rest.endswith("} 1"):
            asked.add(label["device"])
        elif name == "secmon_stream_up" and rest.endswith("} 1"):
            streams.add((label["device"], label.get("part", "")))
    return asked == CAMERAS and streams == STREAMS


def _recalled(port: int) -> dict[str, float]:
    """Which presets of the dome were reached, as its head was sent there and back."""
    page = http_get(f"http://127.0.0.1:{port}/metrics").decode()
    found = re.findall(r'^secmon_preset_reached\{.*part="([^"]+)".*\} (\S+)$', page, re.M)
    return {part: float(value) for part, value in found}
