"""The User-based Security Model's arithmetic: keys from passwords, signatures, encryption.

RFC 3414 (MD5, SHA-1, DES), RFC 7860 (SHA-2), RFC 3826 (AES-128). AES-192 and AES-256 have no RFC:
they run as AES-128 does, and where a hash is shorter than the key, the key is lengthened as
draft-blumenthal-aes-usm-04 (3.1.2.1) says and Net-SNMP does; Reeder's way (Cisco) is not spoken.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from probes.wire.ber import Malformed

if TYPE_CHECKING:
    from cryptography.hazmat.decrepit.ciphers.modes import CFB
    from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
    from cryptography.hazmat.primitives.ciphers.modes import CBC

EXPANDED = 1 << 20  # bytes of repeated password that make a key (RFC 3414, A.2)
SALT = 8  # bytes: msgPrivacyParameters
PASSWORD_MIN = 8  # characters (RFC 3414, 11.2)
BLOCK = 8  # bytes of DES


@dataclass(frozen=True, slots=True)
class Hash:
    """An authentication protocol: a hash of `size` bytes; `sent` of its HMAC's are sent."""

    name: str  # as hashlib knows it
    size: int
    sent: int


HASHES: Mapping[str, Hash] = {
    "MD5": Hash("md5", 16, 12),
    "SHA-1": Hash("sha1", 20, 12),
    "SHA-224": Hash("sha224", 28, 16),
    "SHA-256": Hash("sha256", 32, 24),
    "SHA-384": Hash("sha384", 48, 32),
    "SHA-512": Hash("sha512", 64, 48),
}

CIPHERS: Mapping[str, int] = {"DES": 16, "AES-128": 16, "AES-192": 24, "AES-256": 32}
"""Privacy protocol → bytes of its key; of DES the latter half makes the IV (RFC 3414, 8.1.1.1)."""


def key(hash_: Hash, password: bytes) -> bytes:
    """The user's key, not yet bound to an engine (RFC 3414, A.2). Slow: it hashes a megabyte.
    ValueError for an empty password."""
    if not password:
        raise ValueError("expected a password (got an empty one)")
    repeated = password * (EXPANDED // len(password) + 1)
    return hashlib.new(hash_.name, memoryview(repeated)[:EXPANDED]).digest()


def localised(hash_: Hash, user_key: bytes, engine_id: bytes) -> bytes:
    """The user's key at this one engine (RFC 3414, 2.6)."""
    return hashlib.new(hash_.name, user_key + engine_id + user_key).digest()


def lengthened(hash_: Hash, localised_key: bytes, size: int) -> bytes:
    """A key of `size` bytes, by Blumenthal's way where the hash gives less."""
    out = localised_key
    while len(out) < size:
        out += hashlib.new(hash_.name, out).digest()
    return out[:size]


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs and verifies whole messages with one localised key."""

    hash: Hash
    key: bytes = field(repr=False)

    def signed(self, message: bytes, at: int) -> bytes:
        """The message with its signature in the place of the zeros at `at`."""
        digest = hmac.digest(self.key, message, self.hash.name)[: self.hash.sent]
        return message[:at] + digest + message[at + self.hash.sent :]

    def verifies(self, message: bytes, start: int, stop: int) -> bool:
        """Is what stands between `start` and `stop` the signature? Takes the same time always."""
        zeroed = message[:start] + bytes(self.hash.sent) + message[stop:]
        digest = hmac.digest(self.key, zeroed, self.hash.name)[: self.hash.sent]
        return hmac.compare_digest(digest, message[start:stop])


class Sealer:
    """Encrypts and decrypts with one localised key. A salt must never be used twice."""

    __slots__ = ("_cipher", "_des")

    def __init__(self, cipher: str, key: bytes) -> None:
        """`key`: as many bytes as CIPHERS says."""
        self._des = cipher == "DES"
        self._cipher = _des(key) if self._des else _aes(key)

    def encrypted(self, boots: int, time: int, count: int, data: bytes) -> tuple[bytes, bytes]:
        """(salt, what is sent). `count` (of 64 bits) differs at every call."""
        salt = count.to_bytes(SALT, "big")
        if self._des:
            salt = boots.to_bytes(4, "big") + salt[4:]
            data += bytes(-len(data) % BLOCK)
        context = self._cipher(boots, time, salt).encryptor()
        return salt, _all(context, data)

    def decrypted(self, boots: int, time: int, salt: bytes, data: bytes) -> bytes:
        """What was meant; with DES up to 7 bytes more. With a wrong key it is noise. Malformed."""
        if len(salt) != SALT:
            raise Malformed(f"expected {SALT} privacy parameters (got {len(salt)})")
        if self._des and len(data) % BLOCK:
            raise Malformed(f"expected blocks of {BLOCK} encrypted bytes (got {len(data)} bytes)")
        return _all(self._cipher(boots, time, salt).decryptor(), data)


Ciphers = Callable[[int, int, bytes], "Cipher[CBC | CFB]"]
"""(boots, time, salt) → the cipher of one message. `cryptography` is loaded here, when a device has
a privacy key: it takes 9 MB, which a site without any need not carry."""


def _des(key: bytes) -> Ciphers:
    """RFC 3414, 8: the second half of the key makes the IV. Triple DES with one key is DES."""
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers import Cipher  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers.modes import CBC  # noqa: PLC0415

    algorithm = TripleDES(key[:BLOCK] * 3)
    pre_iv = int.from_bytes(key[BLOCK : 2 * BLOCK], "big")

    def cipher(boots: int, time: int, salt: bytes) -> Cipher[CBC | CFB]:
        iv = pre_iv ^ int.from_bytes(salt, "big")
        return Cipher(algorithm, CBC(iv.to_bytes(BLOCK, "big")))

    return cipher


def _aes(key: bytes) -> Ciphers:
    """RFC 3826, 3.1.2.1: the IV is the engine's boots and time, and the salt."""
    from cryptography.hazmat.decrepit.ciphers.modes import CFB  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers import Cipher  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers.algorithms import AES  # noqa: PLC0415

    algorithm = AES(key)

    def cipher(boots: int, time: int, salt: bytes) -> Cipher[CBC | CFB]:
        return Cipher(algorithm, CFB((boots << 32 | time).to_bytes(8, "big") + salt))

    return cipher


def _all(context: CipherContext, data: bytes) -> bytes:
    return context.update(data) + context.finalize()
