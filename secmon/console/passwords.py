"""Passwords as scrypt texts (RFC 7914), and tokens: made here, stored only as what proves them."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode

COST, BLOCK, LANES = 2**15, 8, 1  # about 50 ms and 32 MiB
MEMORY = 128 * COST * BLOCK * 2
SHORTEST = 10  # characters; OWASP ASVS 2.1 asks for 12 where no second factor helps, we warn
LONGEST = 200
TOKEN_BYTES = 32
NOBODY = "scrypt$32768$8$1$bm9ib2R5IGF0IGFsbC4uLg==$" + b64encode(bytes(32)).decode()  # no password


def hashed(password: str) -> str:
    """`scrypt$N$r$p$salt$key`. ValueError with what was expected if the password is too weak."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise ValueError(
            f"password: expected {SHORTEST} to {LONGEST} characters (got {len(password)})"
        )
    salt = secrets.token_bytes(16)
    key = _derive(password, salt, COST, BLOCK, LANES)
    parts = (str(COST), str(BLOCK), str(LANES), _text(salt), _text(key))
    return "$".join(("scrypt", *parts))


def matches(password: str, stored: str) -> bool:
    """Is it the password that `stored` was made of? Takes the same time either way."""
    try:
        kind, cost, block, lanes, salt, key = stored.split("$")
    except ValueError:
        return False
    if kind != "scrypt" or len(password) > LONGEST:
        return False
    made = _derive(password, b64decode(salt), int(cost), int(block), int(lanes))
    return hmac.compare_digest(made, b64decode(key))


def proves(password: str, stored: str) -> bool:
    """As `matches`; without a stored password it takes as long and is False."""
    return matches(password, stored or NOBODY) and bool(stored)


def new_token() -> str:
    """256 random bits, told once and stored only as their SHA-256."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def _derive(password: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    return hashlib.scrypt(
        password.encode(), salt=salt, n=cost, r=block, p=lanes, maxmem=MEMORY, dklen=32
    )


def _text(raw: bytes) -> str:
    return b64encode(raw).decode()
