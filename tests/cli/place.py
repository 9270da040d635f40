"""A site in a folder, the commands on it, and the daemon as a process of its own."""

import io
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from secmon.cli import main
from tests.equipment import Equipment
from tests.peers.process import Server, free_port, http_get, running

SITE = """
site: {{id: lab, name: 示范工程, language: en}}
store: sqlite://{store}/secmon.db
http: {{listen: "127.0.0.1:{port}"}}
metrics: {{listen: "127.0.0.1:{port}"}}
devices:
  - {{id: room-1, name: 主机房, system: center, kind: machine-room, address: 127.0.0.1,
     probes: [{{driver: modbus, port: {gateway}, unit: 1, profile: xy-md02, {slow}}}]}}
  - {{id: room-2, name: 弱电间, system: center, kind: machine-room, address: 127.0.0.1,
     probes: [{{driver: modbus, port: {gateway}, unit: 2, profile: xy-md02, {slow}}}]}}
  - {{id: cam-1, name: 摄像机, system: video, kind: camera, address: 127.0.0.1,
     probes: [{{driver: tcp, port: {cam}, {slow}}}]}}
  - {{id: supply-1, name: 电源, system: intrusion, kind: power-supply}}
rules:
  - {{reading: temperature_celsius, where: {{kind: machine-room}}, op: ">", limit: 25, clear: 24.5,
     for: 0s, severity: major}}
{more}
"""


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Place:
    """The site file and where its daemon answers, or would."""

    folder: Path
    file: Path
    port: int

    def command(self, *words: str, stdin: str = "") -> Said:
        """One command, as the shell would run it, but in this process."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err), patch("sys.stdin", io.StringIO(stdin)):
            try:
                code = main([*words, "-c", str(self.file)])
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else 1
        return Said(code, out.getvalue(), err.getvalue())

    def process(self, *words: str, env: Mapping[str, str] | None = None) -> Said:
        """One command as a process of its own."""
        done = subprocess.run(
            [*SECMON, *words, "-c", str(self.file)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            env={**os.environ, **(env or {})},
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def get(self, path: str, token: str = "") -> tuple[int, Any]:
        """Status and JSON of a GET over TCP."""
        return self.http("GET", path, token)

    def http(
        self, method: str, path: str, token: str = "", body: Mapping[str, object] | None = None
    ) -> tuple[int, Any]:
        """Status and JSON of a request over TCP."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = "application/json"
        url = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, data, headers, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"null")

    def metric(self, name: str) -> float:
        """The value of a series of the daemon's own, without labels but `site`."""
        page = http_get(f"http://127.0.0.1:{self.port}/metrics").decode()
        line = next(line for line in page.splitlines() if line.startswith(f"{name}{{"))
        return float(line.rpartition(" ")[2])

    def ready(self) -> bool:
        return bool(http_get(f"http://127.0.0.1:{self.port}/-/ready"))

    @contextmanager
    def daemon(self, env: Mapping[str, str] | None = None) -> Iterator[Server]:
        """The daemon, ready."""
        argv: list[str | Path] = [*SECMON, "run", "-c", self.file]
        with running(argv, self.folder, self.ready, env=env) as server:
            yield server


def told_by(url: str, name: str = "hook") -> str:
    """A webhook's line in a list of channels; its secret is in the file `hook.secret`."""
    return f'{{id: {name}, channel: webhook, url: "{url}", secret: {{file: hook.secret}}}}'


SECMON = [sys.executable, "-m", "secmon"]
SLOW = "every: 1h, timeout: 1s"


def place(
    folder: Path, equipment: Equipment, more: str = "", slow: str = SLOW, **changes: object
) -> Place:
    """A site file in `folder`; `more` is added to it, `slow` are the keys of every probe."""
    file, port = folder / "secmon.yaml", free_port()
    values = {
        "store": folder,
        "port": port,
        "gateway": equipment.gateway.port,
        "cam": equipment.cam.port,
        "more": more,
        "slow": slow,
        **changes,
    }
    file.write_text(SITE.format(**values), encoding="utf-8")
    return Place(folder, file, int(str(values["port"])))
