"""What an RTSP server asks of who wants a stream: Digest (RFC 2326, D; RFC 2069, 2.1)."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field

REALM = "secmon simulated camera"
_GIVEN = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')


@dataclass(frozen=True, slots=True)
class LogIn:
    """Whom it lets in. Without a password everybody."""

    username: str
    password: str = field(repr=False)
    locked: bool = False  # then not even those who know the password

    def admits(self, authorization: str, method: str, uri: str, nonce: str) -> bool:
        """Does this header answer the challenge with `nonce`, for just this request?"""
        if not self.password:
            return True
        scheme, _, rest = authorization.partition(" ")
        given = {name.lower(): text or word for name, text, word in _GIVEN.findall(rest)}
        if self.locked or scheme.lower() != "digest" or given.get("nonce") != nonce:
            return False
        if given.get("username") != self.username or given.get("uri") != uri:
            return False
        who = _md5(f"{self.username}:{REALM}:{self.password}")
        expected = _md5(f"{who}:{nonce}:{_md5(f'{method}:{uri}')}")
        return hmac.compare_digest(expected, given.get("response", "").lower())


def challenge(nonce: str) -> str:
    return f'WWW-Authenticate: Digest realm="{REALM}", nonce="{nonce}"'


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
