"""systemd's side of $NOTIFY_SOCKET: a datagram socket, and what came over it."""

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

Message = Mapping[str, str]


@dataclass(slots=True)
class NotifySocket:
    """`address` goes into the daemon's environment."""

    address: str
    sock: socket.socket
    got: list[Message] = field(default_factory=list)  # all so far, oldest first

    def next(self, within_s: float = 10.0) -> Message:
        """The next message. TimeoutError if none comes."""
        self.sock.settimeout(max(within_s, 0.001))
        text = self.sock.recv(4096).decode()
        message = dict(line.split("=", 1) for line in text.splitlines())
        self.got.append(message)
        return message

    def until(self, key: str, within_s: float = 10.0) -> Message:
        """The next message that holds `key`; those before it are passed over."""
        deadline = time.monotonic() + within_s
        while key not in (message := self.next(deadline - time.monotonic())):
            pass
        return message

    def during(self, seconds: float) -> list[Message]:
        """All that comes within so many seconds."""
        deadline, came = time.monotonic() + seconds, []
        while (left := deadline - time.monotonic()) > 0:
            try:
                came.append(self.next(left))
            except TimeoutError:
                break
        return came


@contextmanager
def notify_socket(folder: Path, *, abstract: bool = False) -> Iterator[NotifySocket]:
    """At a path in `folder`, or at an abstract name made of it."""
    path = folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(f"\0{path}" if abstract else str(path))
        yield NotifySocket(f"@{path}" if abstract else str(path), sock)
