"""Answers a 401 of HTTP or RTSP: by Digest, or by Basic where nothing better is offered
(RFC 9110, 11; RFC 7617). One `Login` lasts as long as its challenge does; no I/O."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from probes.wire import http_digest

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(slots=True)
class Login:
    """Signs one request after another. `digest` None: Basic."""

    username: str
    password: str = field(repr=False)
    digest: http_digest.Digest | None = None

    def authorization(self, method: str, uri: str, cnonce: str) -> str:
        """The value of the Authorization header. `uri` as the request says it, `cnonce` by
        chance."""
        if self.digest is not None:
            return self.digest.header(method, uri, cnonce).partition(": ")[2]
        pair = f"{self.username}:{self.password}".encode()
        return "Basic " + base64.b64encode(pair).decode()


def log_in(challenges: Sequence[str], username: str, password: str) -> Login:
    """What answers these values of WWW-Authenticate. ValueError says why nothing can."""
    if _CONTROL.search(username):
        raise ValueError("the user name holds control characters")
    digest = http_digest.challenge(challenges)
    if digest is not None:
        return Login(username, password, http_digest.Digest(digest, username, password))
    offered = [scheme for scheme, _ in http_digest.schemes(challenges)]
    if "basic" in offered and ":" not in username:
        return Login(username, password)
    names = ", ".join(ascii(name[:20]) for name in offered) or "nothing that can be read"
    raise ValueError(f"expected Digest or Basic, got an offer of {names}")


def stale(challenges: Sequence[str]) -> bool:
    """True: the log-in was right, only its nonce is too old (RFC 7616, 3.3)."""
    digest = http_digest.challenge(challenges)
    return digest is not None and digest.stale
