"""Which failures of a socket tell of this machine and nothing of the device."""

from __future__ import annotations

import errno
import os

OURS = frozenset(
    (
        errno.EACCES,  # our own firewall, or an address that only a broadcast reaches
        errno.EPERM,
        errno.EADDRNOTAVAIL,  # no free local port
        errno.EAFNOSUPPORT,  # IPv6 is switched off here
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
        errno.EAGAIN,
    )
)


def ours(error: OSError) -> bool:
    """True when the failure must not be taken for the device's silence."""
    return error.errno in OURS


_CAUSES = {
    errno.ECONNREFUSED: "closed",
    errno.EHOSTUNREACH: "silent",  # whoever is next to it asked for its MAC, and nobody answered
    errno.EHOSTDOWN: "silent",
    errno.ENETUNREACH: "no_route",
    errno.ECONNRESET: "hung_up",
    errno.EPIPE: "hung_up",
}


def cause(error: OSError) -> str:
    """The word for what it comes of (`secmon.api.Cause`); empty where it tells none."""
    if error.errno is not None and error.errno < 0:  # a failed look-up of a name counts downwards
        return "no_name"
    return _CAUSES.get(error.errno or 0, "")


def why(error: OSError) -> str:
    """The system's own words: asyncio's only repeat the address."""
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or str(error) or type(error).__name__
