"""How a simulated device checks who asks: WS-Security UsernameToken Profile 1.0, PasswordDigest.

Written from the specification (OASIS, 2004; ONVIF Core, 5.9) and without a line of the driver, so
that each proves the other.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from xml.etree.ElementTree import Element

_WSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
_WSSE = f"{{{_WSS}wssecurity-secext-1.0.xsd}}"
_WSU = f"{{{_WSS}wssecurity-utility-1.0.xsd}}"
_DIGEST = f"{_WSS}username-token-profile-1.0#PasswordDigest"
NONCES_MAX = 1000


@dataclass(slots=True)
class LogIn:
    """Without a password everybody is let in; `locked`: nobody is. `tolerance_s`: how far from the
    device's own clock a message may have been signed."""

    username: str
    password: str = field(repr=False)
    tolerance_s: float
    locked: bool = False
    _nonces: dict[str, datetime] = field(default_factory=dict)

    def refuses(self, envelope: Element, now: datetime) -> str:
        """Why this message is not let in, as the device words it; empty: it is. `now` by the
        device's clock."""
        if not self.password:
            return ""
        token = envelope.find(f"*/{_WSSE}Security/{_WSSE}UsernameToken")
        if token is None:
            return "Sender not authorized"
        if self.locked:
            return "The account is locked"
        word = token.find(f"{_WSSE}Password")
        if word is None or word.get("Type") != _DIGEST:
            return "Sender not authorized: PasswordDigest is required"
        nonce = token.findtext(f"{_WSSE}Nonce", "").strip()
        created = token.findtext(f"{_WSU}Created", "").strip()
        if not self._timely(created, now):
            return "Sender not authorized: Created is not within tolerance"
        expected = _digest(nonce, created, self.password)
        same = hmac.compare_digest(expected, (word.text or "").strip().encode())
        if not same or token.findtext(f"{_WSSE}Username", "").strip() != self.username:
            return "Sender not authorized"
        return self._replayed(nonce, now)

    def _timely(self, created: str, now: datetime) -> bool:
        try:
            at = datetime.fromisoformat(created)
        except ValueError:
            return False
        return at.tzinfo is not None and abs((at - now).total_seconds()) <= self.tolerance_s

    def _replayed(self, nonce: str, now: datetime) -> str:
        """Lines 229 ff. of the profile: a nonce is good once, while its message would be timely."""
        oldest = now - timedelta(seconds=2 * self.tolerance_s)
        self._nonces = {one: at for one, at in self._nonces.items() if at >= oldest}
        if nonce in self._nonces or len(self._nonces) >= NONCES_MAX:
            return "Sender not authorized: the nonce was used before"
        self._nonces[nonce] = now
        return ""


def _digest(nonce: str, created: str, password: str) -> bytes:
    """Base64 of SHA-1 of nonce, created and password; of what is no Base64 nothing that fits."""
    try:
        raw = base64.b64decode(nonce, validate=True)
    except (binascii.Error, ValueError):
        return b"\0"
    sha1 = hashlib.sha1(raw + created.encode() + password.encode(), usedforsecurity=False)
    return base64.b64encode(sha1.digest())
