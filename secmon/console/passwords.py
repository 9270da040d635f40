"""Passwords as scrypt texts (RFC 7914), and tokens: made here, stored only as what proves them."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode

COST, BLOCK, LANES = 2**15, 8, 1  # about 50 ms and 32 MiB
MEMORY = 128 * COST * BLOCK * 2
SHORTEST = 10  # characters; OWASP ASVS 2.1 asks for 12 where no second factor helps, we warn
LONGEST = 128  # OWASP ASVS 2.1.2
TOKEN_BYTES = 32
FEWEST = 5  # different signs
OURS = ("secmon", "admin", "administrator", "operator", "password")
RUNS = ("01234567890123456789", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm")
COMMON = frozenset(  # the commonest of at least ten signs
    [
        "1q2w3e4r5t",
        "1q2w3e4r5t6y",
        "1qaz2wsx3edc",
        "1qaz2wsx3e",
        "123qwe123qwe",
        "123456789a",
        "a123456789",
        "aa123456789",
        "aa12345678",
        "qq123456789",
        "q123456789",
        "1234567891",
        "12345678910",
        "123456789q",
        "1234512345",
        "1122334455",
        "1231231231",
        "123123123123",
        "147258369a",
        "1472583690",
        "7894561230",
        "0123456789",
        "asd123456789",
        "abc123456789",
        "abcd123456",
        "abcd1234567",
        "qwer123456",
        "qwerty1234",
        "qwerty12345",
        "qwerty123456",
        "qweasdzxc123",
        "qazwsxedcrfv",
        "zxcvbnm123",
        "asdfghjkl123",
        "asdfghjkl1",
        "qwertyuiop1",
        "qwertyuiop123",
        "iloveyou123",
        "iloveyou1234",
        "iloveyou12",
        "letmein123",
        "letmein1234",
        "welcome123",
        "welcome1234",
        "welcome12345",
        "passw0rd123",
        "p@ssw0rd123",
        "p@ssword123",
        "p@ssw0rd12",
        "pa$$word123",
        "changeme123",
        "changeme12",
        "changeit123",
        "monitor123",
        "security123",
        "security1234",
        "football123",
        "sunshine123",
        "princess123",
        "superman123",
        "woaini1314",
        "woaini520",
        "woaini1314520",
        "woaini5201314",
        "woaini123456",
        "5201314520",
        "5211314521",
        "1314520520",
        "1314521521",
        "zhang123456",
        "wang123456",
        "li123456789",
        "hikvision123",
        "hikvision12345",
        "hik12345678",
        "dahua12345",
        "dahua123456",
        "uniview123",
        "root123456",
        "test123456",
        "user123456",
        "guest123456",
    ]
)
NOBODY = "scrypt$32768$8$1$bm9ib2R5IGF0IGFsbC4uLg==$" + b64encode(bytes(32)).decode()  # no password


def hashed(password: str, name: str = "") -> str:
    """`scrypt$N$r$p$salt$key`. ValueError with what was expected if the password is too weak for
    the user of that name."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise ValueError(
            f"password: expected {SHORTEST} to {LONGEST} characters (got {len(password)})"
        )
    if guessable(password, name):
        raise ValueError(
            "password: expected one that is not among the first that are guessed: no run of the "
            "keyboard, no few signs repeated, not the user's name with numbers"
        )
    salt = secrets.token_bytes(16)
    key = _derive(password, salt, COST, BLOCK, LANES)
    parts = (str(COST), str(BLOCK), str(LANES), _text(salt), _text(key))
    return "$".join(("scrypt", *parts))


def guessable(password: str, name: str = "") -> bool:
    """Is it tried first? By NIST SP 800-63B, 5.1.1.2; nothing asks for kinds of signs."""
    said = password.casefold()
    letters = "".join(sign for sign in said if sign.isalpha())
    own = {"".join(sign for sign in one.casefold() if sign.isalpha()) for one in (name, *OURS)}
    runs = any(said in run or said in run[::-1] for run in RUNS)
    return said in COMMON or len(set(said)) < FEWEST or (letters in own - {""}) or runs


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
