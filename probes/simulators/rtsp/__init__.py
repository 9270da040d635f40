"""A simulated camera's RTSP server: small H.264 streams over TCP, log-in by digest.

Options, and keys of `set`: see `Streams` and `_Server.set`. A stream is sent to each client from a
key frame on; nothing is sent, and no time spent, while nobody watches.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields, replace

from probes.simulators import Running, Simulator
from probes.simulators.listener import Listener
from probes.simulators.rtsp.log_in import LogIn
from probes.simulators.rtsp.packets import payloads
from probes.simulators.rtsp.picture import frames
from probes.simulators.rtsp.session import Connection

STATES = ("on", "silent", "gone")


@dataclass(frozen=True, slots=True)
class Streams:
    """What `start` takes. Each stream is at `rtsp://127.0.0.1:PORT/NAME`."""

    names: tuple[str, ...] = ("main",)
    username: str = "operator"
    password: str = field(default="", repr=False)  # empty: no log-in
    frames_per_s: float = 10.0
    port: int = 0  # 0: a free one


class _Server:
    """Answers on one port for all streams of a camera."""

    def __init__(self, streams: Streams) -> None:
        self.log_in = LogIn(streams.username, streams.password)
        self.frames_per_s = streams.frames_per_s
        self.listener = Listener(self._connection, streams.port)
        self._states = dict.fromkeys(streams.names, "on")
        self._connections: set[Connection] = set()
        self._made: dict[str, list[tuple[bytes, ...]]] = {}

    @property
    def port(self) -> int:
        return self.listener.port

    async def set(self, **state: object) -> None:
        """`stream`: on, silent (PLAY is answered, nothing comes), gone (404; who watches is hung up
        on), of `name`, or without it of all; `listening`: is the port open; `password`; `locked`:
        nobody is let in."""
        names = (str(state.pop("name")),) if "name" in state else tuple(self._states)
        for key, value in state.items():
            if key == "stream" and value in STATES and set(names) <= self._states.keys():
                self._turn(names, str(value))
            elif key == "listening" and isinstance(value, bool):
                await self._listen(value)
            elif key == "password" and isinstance(value, str):
                self.log_in = replace(self.log_in, password=value)
            elif key == "locked" and isinstance(value, bool):
                self.log_in = replace(self.log_in, locked=value)
            else:
                raise ValueError(
                    f"expected stream ({', '.join(STATES)}; name: {', '.join(self._states)}), "
                    f"listening or locked (true or false) or password, got {key}: {value!r}"
                )

    def state(self, path: str) -> str:
        return self._states.get(path, "gone")

    def payloads(self, path: str, number: int) -> tuple[bytes, ...]:
        """Made when a stream is watched first, then kept."""
        made = self._made.get(path)
        if made is None:
            tint = zlib.crc32(f"{self.port}/{path}".encode()) & 0xFF
            made = self._made[path] = [payloads(units) for units in frames(tint)]
        return made[number]

    def close(self) -> None:
        self.listener.close()
        for one in tuple(self._connections):
            one.abort()

    def _turn(self, names: tuple[str, ...], state: str) -> None:
        self._states |= dict.fromkeys(names, state)
        for one in tuple(self._connections):
            if state == "gone" and one.path in names:
                one.abort()

    async def _listen(self, listening: bool) -> None:
        if listening:
            await self.listener.open()
        else:
            self.close()

    def _connection(self) -> Connection:
        made = Connection(self, self._connections.discard)
        self._connections.add(made)
        return made


@asynccontextmanager
async def start(options: dict[str, object]) -> AsyncIterator[Running]:
    """A camera's streams. ValueError for an option that `Streams` does not have."""
    known = {option.name for option in fields(Streams)}
    if strange := options.keys() - known:
        raise ValueError(f"expected {', '.join(sorted(known))} (got {', '.join(sorted(strange))})")
    server = _Server(Streams(**options))  # type: ignore[arg-type] # the names are checked
    try:
        await server.listener.open()
        yield server
    finally:
        server.close()
        server.listener.give_up()


SIMULATOR = Simulator("rtsp", start)
