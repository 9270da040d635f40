"""What systemd is told over $NOTIFY_SOCKET, after sd_notify(3): ready, reloading, stopping, alive.

Without the variable nothing is told and nothing fails: the daemon runs the same in a terminal.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping

log = logging.getLogger(__name__)

SENDING_S = 1.0  # for one datagram: systemd reads them at once, or has other worries
STATUS = 200  # characters of a status line


class Notify:
    """Tells the systemd that started us. Its state is one line that `systemctl status` shows."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self._failing = False
        self.watchdog_s = _watchdog_s(environ) if self._address else 0.0
        """Seconds after which systemd kills a daemon that gave no sign of life; 0.0: never."""

    def waits(self, status: str, allow_s: float) -> None:
        """Not ready yet: give us `allow_s` seconds more, from now."""
        self._tell(f"EXTEND_TIMEOUT_USEC={round(allow_s * 1e6)}", status)

    def ready(self, status: str) -> None:
        """The start, or the reload, has ended."""
        self._tell("READY=1", status)

    def reloading(self, tick: float) -> None:
        """A reload has begun at `tick`, in seconds of CLOCK_MONOTONIC; `ready` ends it."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={round(tick * 1e6)}", "reloading")

    def stopping(self) -> None:
        """The end has begun."""
        self._tell("STOPPING=1", "stopping")

    def alive(self, status: str) -> None:
        """A sign of life, for the watchdog."""
        self._tell("WATCHDOG=1", status)

    def says(self, status: str) -> None:
        """The status alone: no sign of life."""
        self._tell("", status)

    def _tell(self, state: str, status: str) -> None:
        if not self._address:
            return
        line = f"STATUS={' '.join(status.split())[:STATUS]}"
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.settimeout(SENDING_S)
                sock.sendto(f"{state}\n{line}".strip().encode(), self._address)
        except OSError as error:
            if not self._failing:
                log.warning("systemd cannot be told: %s", error.strerror or error)
            self._failing = True
        else:
            self._failing = False


def _address(text: str) -> str:
    """What `connect` takes: a path, or an abstract name, which starts with a NUL byte. systemd
    names no others to a daemon beside it (vsock is for machines)."""
    if text.startswith("@"):
        return f"\0{text[1:]}"
    return text if text.startswith("/") else ""


def _watchdog_s(environ: Mapping[str, str]) -> float:
    """WATCHDOG_USEC, if it is meant for this process (sd_watchdog_enabled(3))."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    usec = environ.get("WATCHDOG_USEC", "")
    return int(usec) / 1e6 if usec.isascii() and usec.isdigit() else 0.0
