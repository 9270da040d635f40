"""A network namespace of its own for a server that insists on listening everywhere."""

import itertools
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.peers.need import need

MADE = itertools.count()  # namespaces of this process


@dataclass(frozen=True, slots=True)
class Namespace:
    """Reached from here at `address` only; nothing in it reaches further than this machine."""

    name: str
    address: str
    device: str = ""  # its end of the cable

    def argv(self, *argv: str | Path) -> list[str | Path]:
        """The command that runs another in here."""
        return [need("iproute2", "ip"), "netns", "exec", self.name, *argv]

    def plug(self, state: str) -> None:
        """`down`: its cable is pulled; `up`: it is back."""
        assert not _ip("-n", self.name, "link", "set", self.device, state)


@contextmanager
def namespace() -> Iterator[Namespace]:
    """Ends the test where none can be made: that needs root."""
    mine = f"{os.getpid()}{next(MADE):x}"  # the kernel takes its time to let go of the last one
    number = int(mine, 16) % 0x3FFF  # of a /30 in the range for tests between networks (RFC 2544)
    net = f"198.18.{number >> 6}.{(number & 0x3F) << 2}".rpartition(".")
    ours, theirs = (f"{net[0]}.{int(net[2]) + i}" for i in (1, 2))
    near, far = f"sm{mine}a", f"sm{mine}b"
    made = Namespace(f"secmon-{mine}", theirs, far)
    if error := _ip("netns", "add", made.name):
        pytest.skip(f"no network namespace can be made here (not root?): {error}")
    try:
        for words in (
            ("link", "add", near, "type", "veth", "peer", "name", far, "netns", made.name),
            ("address", "add", f"{ours}/30", "dev", near),
            ("link", "set", near, "up"),
            ("-n", made.name, "address", "add", f"{theirs}/30", "dev", far),
            ("-n", made.name, "link", "set", far, "up"),
            ("-n", made.name, "link", "set", "lo", "up"),
        ):
            if error := _ip(*words):
                pytest.skip(f"no network namespace can be reached here: {error}")
        yield made
    finally:
        _ip("link", "delete", near)  # the pair of devices, at once
        _ip("netns", "delete", made.name)


def _ip(*words: str) -> str:
    """What `ip` complains of; empty: it did it."""
    argv: Sequence[str] = (need("iproute2", "ip"), *words)
    ended = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=10)
    return ended.stderr.strip() or f"exit {ended.returncode}" if ended.returncode else ""
