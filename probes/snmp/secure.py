"""The way of v3: finds a device's engine and its clock, and asks it as one user.

What an unsigned report may do (RFC 3414 lets it end a request; anybody can forge one who sees the
request): it is heeded only where no signed answer comes for half of the patience, and a refusal
only if a second request, under another msgID, meets one too. Once a device has proven that the
credentials are good there, no report says that they are bad for ever: it fails one poll. A signed
report is heeded at once.

A device that reports another time, or signs one that lies back (it lost its count of boots), is
asked again by its own clock, under another msgID. Another engine at the same address is found anew
and told as Replaced, once it has signed: keys and what was learned are never carried over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from probes.snmp.engine import SMALL, Engine
from probes.snmp.exchange import Declined, Peer, Reported, Request, Silent
from probes.snmp.remote import Discovery, Remote
from probes.snmp.user import LEVELS, User, Vault
from probes.wire import snmp, snmp_v3
from secmon.api import Garbled, ProbeError, Refused

ROUNDS_MAX = 5  # of asking the same anew because of reports


class Replaced(Garbled):
    """Another engine answers at this address: nothing that was learned holds."""


class Session:
    """What stays known of a device's engine when its connection ends."""

    __slots__ = ("remote",)

    def __init__(self) -> None:
        self.remote: Remote | None = None  # the one that proved itself last


class Secured:
    """One connection: it begins with a discovery, which costs one small question."""

    __slots__ = (
        "_answered",
        "_engine",
        "_now",
        "_patience_s",
        "_peer",
        "_remote",
        "_session",
        "_user",
        "_vault",
    )

    def __init__(
        self,
        engine: Engine,
        peer: Peer,
        user: User,
        *,
        vault: Vault,
        session: Session,
        patience_s: float,
        now: Callable[[], float],
    ) -> None:
        self._engine = engine
        self._peer = peer
        self._user = user
        self._vault = vault
        self._session = session
        self._patience_s = patience_s
        self._now = now
        self._remote: Remote | None = None
        self._answered = False  # anything but the discovery

    def facts(self) -> dict[str, str]:
        """The ID of the engine that answers, in hexadecimal."""
        remote = self._session.remote
        return {} if remote is None else {"engine_id": remote.engine_id.hex()}

    async def ask(self, requests: Sequence[Request]) -> list[Any]:
        """As `Engine.ask`, but what an engine reports is settled here. Refused, Replaced too."""
        refused = 0
        for _ in range(ROUNDS_MAX):
            if self._remote is None:
                self._remote = await self._discovered()
            try:
                return await self._asked(self._remote, requests)
            except Reported as said:
                report = said
            if not self._settles(self._remote, report):
                refused += 1
                if report.at_once or refused > 1:
                    raise self._failure(report)
        raise self._garbled(report)

    async def _asked(self, remote: Remote, requests: Sequence[Request]) -> list[Any]:
        brief = not self._answered
        try:
            answers = await self._engine.ask(
                self._peer, requests, self._patience_s, seal=remote, brief=brief
            )
        except (Declined, Reported):
            self._trust(remote)
            raise
        except Silent:
            if max(map(len, requests)) > SMALL:
                raise
            raise self._mute() from None
        self._trust(remote)
        return answers

    def _trust(self, remote: Remote) -> None:
        """Replaced, if it proved itself and is not the engine that was here before."""
        before = self._session.remote
        self._answered |= remote.proven
        if not remote.proven or remote is before:
            return
        self._session.remote = remote
        if before is not None and before.engine_id != remote.engine_id:
            raise Replaced(
                f"SNMP from {self._peer}: expected engine {before.engine_id.hex()} "
                f"(got {remote.engine_id.hex()})"
            )

    async def _discovered(self) -> Remote:
        """The engine that now claims to be at this address."""
        found = await self._discover()
        known = self._session.remote
        if known is not None and known.engine_id == found.engine_id:
            return known
        keys = await self._vault.keys(self._user, found.engine_id)
        remote = Remote(found.engine_id, self._user, keys, self._now)
        remote.clock.hear(found.boots, found.time)
        return remote

    async def _discover(self) -> snmp_v3.Message:
        question = snmp.Get(snmp.V3, b"", ())
        try:
            await self._engine.ask(self._peer, (question,), self._patience_s, seal=Discovery())
        except Reported as said:
            return said.message
        raise AssertionError("a discovery opens no answer")

    # --- reports ---

    def _settles(self, remote: Remote, report: Reported) -> bool:
        """Is asking again, after this report, another question? Else it is a refusal."""
        message = report.message
        match report.what:
            case snmp_v3.UNKNOWN_ENGINE_IDS:
                self._remote = None
            case snmp_v3.NOT_IN_TIME_WINDOWS if report.at_once:
                pass  # the clock follows every signed message
            case snmp_v3.NOT_IN_TIME_WINDOWS | snmp_v3.OUT_OF_TIME:
                remote.clock.hear(message.boots, message.time)
            case _:
                return False
        return True

    def _failure(self, report: Reported) -> ProbeError:
        user, level = self._user, LEVELS[self._user.level]
        match report.what:
            case snmp_v3.UNKNOWN_USER_NAMES:
                text = f"expected `username` to be a user of the device (it knows no {user.name})"
            case snmp_v3.UNSUPPORTED_SEC_LEVELS:
                text = f"expected the device to allow {user.name} {level} (it does not)"
            case snmp_v3.WRONG_DIGESTS:
                text = (
                    f"expected `auth` ({user.auth}) and `auth_key` to be those of {user.name} on "
                    "the device (they are not)"
                )
            case snmp_v3.DECRYPTION_ERRORS:
                text = (
                    f"expected `privacy` ({user.privacy}) and `privacy_key` to be those of "
                    f"{user.name} on the device (they are not{user.doubt})"
                )
            case _:
                return self._garbled(report)
        for_ever = report.at_once or self._session.remote is None
        return Refused(f"SNMP: {text}: {report.what}", credentials=for_ever)

    def _mute(self) -> Refused:
        """Many agents say nothing where a key does not fit: Net-SNMP's, of the privacy key."""
        user = self._user
        suspect = "privacy_key" if user.privacy else "auth_key" if user.auth else "username"
        return Refused(
            f"SNMP: expected an answer to {user.name} by {LEVELS[user.level]} (the device told its "
            f"engine ID, then nothing: `{suspect}` may not be what it is there{user.doubt})"
        )

    def _garbled(self, report: Reported) -> Garbled:
        return Garbled(f"SNMP from {self._peer}: expected an answer (got {report.what})")
