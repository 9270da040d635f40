"""HTTP's Digest access authentication (RFC 7616): challenges read, answers computed; no I/O."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from probes.wire.http import ECHO

CHALLENGES_MAX = 8
# RFC 7616, 3.3. The `-sess` kinds, which no camera asks for, are left out.
HASHES: Mapping[str, Callable[[bytes], str]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
}

_SCHEME = re.compile(r"[ \t,]*([A-Za-z][A-Za-z0-9-]*)(?=[ \t,]|$)")
_PARAMETER = re.compile(
    r'[ \t,]*([A-Za-z][A-Za-z0-9-]*)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^ \t,"]+))'
)
_ESCAPED = re.compile(r"\\(.)")
_SPECIAL = re.compile(r'(["\\])')


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a 401 asks for."""

    realm: str
    nonce: str
    algorithm: str  # as it was written; empty: MD5
    opaque: str | None
    qop: bool  # `auth` is offered; without it the answer is that of RFC 2069
    stale: bool  # the last answer was right but for its nonce


def schemes(values: Iterable[str]) -> list[tuple[str, Mapping[str, str]]]:
    """The values of `WWW-Authenticate` → (scheme, parameters), both with names in lower case
    (RFC 9110, 11.6.1). What cannot be read ends its header."""
    found: list[tuple[str, dict[str, str]]] = []
    for value in values:
        at = 0
        while at < len(value) and len(found) <= CHALLENGES_MAX:
            if parameter := _PARAMETER.match(value, at):
                if not found:
                    break
                text = parameter[3] if parameter[2] is None else parameter[2]
                found[-1][1].setdefault(parameter[1].lower(), _ESCAPED.sub(r"\1", text))
                at = parameter.end()
            elif scheme := _SCHEME.match(value, at):
                found.append((scheme[1].lower(), {}))
                at = scheme.end()
            else:
                break
    return [(scheme, known) for scheme, known in found[:CHALLENGES_MAX]]


def challenge(values: Iterable[str]) -> Challenge | None:
    """The first of the challenges that we can answer: the other side puts its best first."""
    for scheme, known in schemes(values):
        algorithm = known.get("algorithm", "")
        offered = [one.strip().lower() for one in known.get("qop", "auth").split(",")]
        if scheme != "digest" or not known.get("nonce") or "auth" not in offered:
            continue
        if (algorithm or "MD5").upper() in HASHES:
            return Challenge(
                known.get("realm", ""),
                known["nonce"],
                algorithm,
                known.get("opaque"),
                "qop" in known,
                known.get("stale", "").lower() == "true",
            )
    return None


@dataclass(slots=True)
class Digest:
    """Answers one challenge, as often as its nonce is taken: each request costs no other."""

    challenge: Challenge
    username: str
    password: str = field(repr=False)
    count: int = 0  # requests that were signed (`nc`)
    taken: bool = False  # one of them was let in

    def header(self, method: str, path: str, cnonce: str) -> str:
        """The `Authorization` line of the next request (3.4.1). `cnonce`: made by chance."""
        asked = self.challenge
        digest = HASHES[(asked.algorithm or "MD5").upper()]
        self.count += 1
        account = digest(f"{self.username}:{asked.realm}:{self.password}".encode("utf-8", ECHO))
        action = digest(f"{method}:{path}".encode())
        tried = f"{self.count:08x}:{cnonce}:auth:" if asked.qop else ""
        answer = digest(f"{account}:{asked.nonce}:{tried}{action}".encode("utf-8", ECHO))
        words = [
            f"username={_quoted(self.username)}",
            f"realm={_quoted(asked.realm)}",
            f"nonce={_quoted(asked.nonce)}",
            f"uri={_quoted(path)}",
            f'response="{answer}"',
        ]
        if asked.algorithm:
            words.append(f"algorithm={asked.algorithm}")
        if asked.opaque is not None:
            words.append(f"opaque={_quoted(asked.opaque)}")
        if asked.qop:
            words += [f'cnonce="{cnonce}"', f"nc={self.count:08x}", "qop=auth"]
        return "Authorization: Digest " + ", ".join(words)


def _quoted(text: str) -> str:
    return '"' + _SPECIAL.sub(r"\\\1", text) + '"'
