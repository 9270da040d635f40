"""A v3 user as `credentials:` describes one, and its keys at each engine."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from probes.wire import usm
from probes.wire.snmp_v3 import LEVEL, MAX_USER, SEALED, SIGNED
from secmon.api import Credentials, Refused

LEVELS: Mapping[int, str] = {0: "noAuthNoPriv", SIGNED: "authNoPriv", LEVEL: "authPriv"}
KEYS_MAX = 10_000  # passwords whose keys are kept


@dataclass(frozen=True, slots=True)
class User:
    """Without `auth` nothing is signed, without `privacy` nothing is encrypted."""

    name: str
    auth: str = ""  # of usm.HASHES
    auth_key: str = field(default="", repr=False)
    privacy: str = ""  # of usm.CIPHERS
    privacy_key: str = field(default="", repr=False)

    @property
    def level(self) -> int:
        """As msgFlags say it."""
        return (SIGNED if self.auth else 0) | (SEALED if self.privacy else 0)

    @property
    def proof_bytes(self) -> int:
        """About what a reply needs to say for whom it is, more than a v2c reply does."""
        sent = usm.HASHES[self.auth].sent if self.auth else 0
        return 110 + len(self.name.encode()) + sent

    @property
    def doubt(self) -> str:
        """What else may be behind a privacy key that does not fit: words to add, or none."""
        if not self.privacy or usm.CIPHERS[self.privacy] <= usm.HASHES[self.auth].size:
            return ""
        return f", or it lengthens the key of {self.auth} by Reeder's way: then use a longer hash"


def user(credentials: Credentials) -> User:
    """The user of these credentials. Refused says what is missing or too much."""
    told = User(
        credentials.get("username"),
        credentials.get("auth"),
        credentials.get("auth_key"),
        credentials.get("privacy"),
        credentials.get("privacy_key"),
    )
    if not 1 <= len(told.name.encode()) <= MAX_USER:
        got = f"{len(told.name.encode())} bytes" if told.name else "none"
        _wrong("username", f"of at most {MAX_USER} bytes", got)
    _pair("auth", told.auth, told.auth_key, usm.HASHES)
    _pair("privacy", told.privacy, told.privacy_key, usm.CIPHERS)
    if told.privacy and not told.auth:
        _wrong("auth", "beside `privacy`: what is not signed cannot be encrypted", "none")
    return told


def _pair(key: str, protocol: str, password: str, known: Mapping[str, object]) -> None:
    """A protocol and its password: both or none."""
    if password and not protocol:
        _wrong(key, f"beside `{key}_key`, one of {', '.join(known)}", "none")
    if protocol and protocol not in known:
        _wrong(key, f"one of {', '.join(known)}", protocol)
    if protocol and len(password) < usm.PASSWORD_MIN:
        got = f"{len(password)} characters" if password else "none"
        _wrong(f"{key}_key", f"of at least {usm.PASSWORD_MIN} characters beside `{key}`", got)


def _wrong(key: str, what: str, got: str) -> None:
    raise Refused(
        f"SNMP 3 needs a user: expected `credentials:` of the probe to name an entry with "
        f"`{key}` {what} (got {got})",
        credentials=True,
    )


@dataclass(frozen=True, slots=True)
class Keys:
    """A user's keys at one engine."""

    signer: usm.Signer | None
    sealer: usm.Sealer | None


class Vault:
    """Passwords → keys. To make one takes milliseconds, so each is made once, on a thread."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], asyncio.Future[bytes]] = {}

    async def keys(self, user: User, engine_id: bytes) -> Keys:
        """The user's keys at this engine."""
        if not user.auth:
            return Keys(None, None)
        hash_ = usm.HASHES[user.auth]
        auth = usm.localised(hash_, await self._key(hash_, user.auth_key), engine_id)
        if not user.privacy:
            return Keys(usm.Signer(hash_, auth), None)
        privacy = usm.localised(hash_, await self._key(hash_, user.privacy_key), engine_id)
        full = usm.lengthened(hash_, privacy, usm.CIPHERS[user.privacy])
        return Keys(usm.Signer(hash_, auth), usm.Sealer(user.privacy, full))

    async def _key(self, hash_: usm.Hash, password: str) -> bytes:
        known = self._made.get((hash_.name, password))
        if known is None:
            if len(self._made) >= KEYS_MAX:
                del self._made[next(iter(self._made))]  # the oldest
            loop = asyncio.get_running_loop()
            known = loop.run_in_executor(None, usm.key, hash_, password.encode())
            self._made[hash_.name, password] = known
        return await asyncio.shield(known)  # a poll that ends must not end it for the others
