"""An Alertmanager on loopback: takes alerts, says what it has, tells a webhook."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.peers.need import need
from tests.peers.process import Server, free_port, http_get, running


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """A running server."""

    port: int
    server: Server

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def alerts(self, name: str = "") -> list[dict[str, Any]]:
        """What it has now, suppressed ones too: `labels`, `annotations`, `status.state`, …"""
        found: list[dict[str, Any]] = json.loads(http_get(f"{self.url}/api/v2/alerts"))
        return [one for one in found if name in ("", one["labels"]["alertname"])]


@contextmanager
def alertmanager(folder: Path, config: str) -> Iterator[Alertmanager]:
    """A server on 127.0.0.1 with `config` as its alertmanager.yml; it speaks to no other."""
    port = free_port()
    file = folder / "alertmanager.yml"
    file.write_text(config, encoding="utf-8")
    argv = [
        need("prometheus-alertmanager", "prometheus-alertmanager", "alertmanager"),
        f"--config.file={file}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    ready = f"http://127.0.0.1:{port}/-/ready"
    with running(argv, folder, lambda: bool(http_get(ready))) as server:
        yield Alertmanager(port, server)
