"""Requests to the daemon over its unix socket, or to the same code over the store itself."""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

Answer = tuple[int, Mapping[str, object]]

SLOW = 60.0  # seconds: a verify polls and waits, a backup copies


class CannotReach(Exception):
    """Neither the daemon nor its store can be spoken to: exit code 3."""


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket; long paths are reached through their folder's descriptor."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=SLOW)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(SLOW)
        folder = os.open(self._path.parent, os.O_PATH | os.O_DIRECTORY)
        try:
            self.sock.connect(f"/proc/self/fd/{folder}/{self._path.name}")
        finally:
            os.close(folder)


def fetch(path: Path, url: str) -> Iterator[bytes]:
    """What a GET brings, in pieces. CannotReach where it breaks off or is refused."""
    connection = _UnixConnection(path)
    try:
        connection.request("GET", url)
        response = connection.getresponse()
        if response.status >= 400:
            raise CannotReach(response.read().decode(errors="replace")[:500])
        while piece := response.read(1 << 16):
            yield piece
    except (OSError, http.client.HTTPException) as error:
        raise CannotReach(f"the daemon broke off: {error}") from None
    finally:
        connection.close()


def ask(path: Path, method: str, url: str, body: Mapping[str, object] | None = None) -> Answer:
    """One request over the unix socket at `path`. OSError where nobody listens."""
    connection = _UnixConnection(path)
    try:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data is not None else {}
        connection.request(method, url, body=data, headers=headers)
        response = connection.getresponse()
        raw = response.read()
        try:
            return response.status, json.loads(raw)
        except ValueError:
            if response.status < 400:
                raise CannotReach("the daemon broke off in the middle of its answer") from None
            return response.status, {"detail": raw.decode(errors="replace")[:500]}
    except http.client.HTTPException as error:
        raise CannotReach(f"the daemon broke off: {error}") from None
    finally:
        with suppress(OSError):
            connection.close()
