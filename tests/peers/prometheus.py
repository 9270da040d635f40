"""A Prometheus server that scrapes what a test names, and answers queries."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.peers.need import need
from tests.peers.process import Server, free_port, http_get, running


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running server."""

    port: int
    server: Server

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The result vector of an instant query: `metric` and `value` of each series."""
        answer = json.loads(http_get(f"{self.url}/api/v1/query?{urlencode({'query': expression})}"))
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result


@contextmanager
def prometheus(folder: Path, config: str) -> Iterator[Prometheus]:
    """A server on 127.0.0.1 with `config` as its prometheus.yml."""
    port = free_port()
    file = folder / "prometheus.yml"
    file.write_text(config)
    argv = [
        need("prometheus"),
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-lifecycle",
    ]
    ready = f"http://127.0.0.1:{port}/-/ready"
    with running(argv, folder, lambda: bool(http_get(ready))) as server:
        yield Prometheus(port, server)


def scrape_config(port: int, *, job: str = "secmon", interval: str = "1s") -> str:
    """A prometheus.yml that scrapes /metrics of 127.0.0.1:`port`."""
    return (
        f"global: {{scrape_interval: {interval}, scrape_timeout: {interval}}}\n"
        "scrape_configs:\n"
        f"  - job_name: {job}\n"
        f'    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]\n'
    )
