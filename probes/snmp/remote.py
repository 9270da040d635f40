"""A v3 engine as one user sees it: seals what is asked there, opens what is answered.

Who may be believed (RFC 3414, 3.2): an answer must bear the msgID under way, this engine's ID, this
user, the level asked for, a right signature and a time inside the window. What is unsigned can
only be a report, and is told as one that may be forged.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from probes.snmp.exchange import Reported
from probes.snmp.user import LEVELS, Keys, User
from probes.wire import snmp_v3, usm
from probes.wire.ber import Malformed
from probes.wire.snmp_v3 import LEVEL, REPORTABLE, SEALED, SIGNED, Message, Security

WINDOW_S = 150  # RFC 3414, 2.2.3
LATEST = 0x7FFFFFFF  # of boots: such an engine is never in time (RFC 3414, 3.2.7); of its time


class Clock:
    """An engine's count of boots and its time since (RFC 3414, 2.2.2)."""

    __slots__ = ("_at", "_boots", "_latest", "_now", "_time", "known")

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._boots = self._time = self._latest = 0
        self._at = 0.0  # when the engine's time was `_time`
        self.known = False  # by a signed message; else only hearsay

    def hear(self, boots: int, time: int) -> None:
        """What an unsigned message says: good enough to try. The next signed one is believed."""
        self._set(boots, time)
        self.known = False

    def read(self) -> tuple[int, int]:
        """(boots, time) as they should be there now."""
        return self._boots, min(self._time + int(self._now() - self._at), LATEST)

    def accepts(self, boots: int, time: int) -> bool:
        """Is a signed message of this time no old one? The clock follows it (RFC 3414, 3.2.7b)."""
        if not self.known or (boots, time) > (self._boots, self._latest):
            self._set(boots, time)
            self.known = True
        _, now = self.read()
        return boots < LATEST and boots == self._boots and time >= now - WINDOW_S

    def _set(self, boots: int, time: int) -> None:
        self._boots, self._time, self._latest = boots, time, time
        self._at = self._now()


class Remote:
    """One engine, asked by one user."""

    __slots__ = (
        "_keys",
        "_name",
        "_padding",
        "_salt",
        "_size",
        "_user",
        "clock",
        "engine_id",
        "proven",
    )

    def __init__(self, engine_id: bytes, user: User, keys: Keys, now: Callable[[], float]) -> None:
        self.engine_id = engine_id
        self.clock = Clock(now)
        self.proven = False  # it answered what only somebody with the user's keys can
        self._user = user
        self._name = user.name.encode()
        self._keys = keys
        self._size = keys.signer.hash.sent if keys.signer else 0
        self._padding = usm.BLOCK - 1 if user.privacy == "DES" else 0
        self._salt = secrets.randbits(64)

    # --- out ---

    def sealed(self, msg_id: int, pdu: bytes) -> bytes:
        boots, time = self.clock.read() if self._user.auth else (0, 0)
        body, salt = snmp_v3.scoped(self.engine_id, pdu), b""
        if self._keys.sealer is not None:
            self._salt = (self._salt + 1) & 0xFFFFFFFFFFFFFFFF
            salt, body = self._keys.sealer.encrypted(boots, time, self._salt, body)
        security = Security(self.engine_id, boots, time, self._name, self._size, salt)
        flags = self._user.level | REPORTABLE
        message, at = snmp_v3.message(msg_id, flags, security, body)
        return message if self._keys.signer is None else self._keys.signer.signed(message, at)

    # --- in ---

    def opened(self, message: Message) -> bytes:
        if message.flags & SIGNED:
            self._verify(message)
        body, padding = message.body, 0
        if message.flags & SEALED:
            body, padding = self._decrypted(message), self._padding
        scoped = snmp_v3.opened_scoped(body, padding)
        report = snmp_v3.reported(scoped.pdu)
        if report is not None:
            raise Reported(report, message, at_once=bool(message.flags & SIGNED))
        self._expect(message)
        if (scoped.engine_id, scoped.context) != (self.engine_id, b""):
            raise Malformed("expected the context that was asked (got another one)")
        self.proven = True
        return scoped.pdu

    def _verify(self, message: Message) -> None:
        """Malformed, unless who made this has the user's keys."""
        self._expect_names(message)
        signer = self._keys.signer
        if signer is None:
            raise Malformed(f"expected {LEVELS[0]} (got a signed message)")
        if not signer.verifies(message.data, *message.signature):
            raise Malformed(f"expected a message signed for {self._user.name} (got a wrong digest)")
        self.proven = True
        if not self.clock.accepts(message.boots, message.time):
            raise Reported(snmp_v3.OUT_OF_TIME, message, at_once=True)

    def _decrypted(self, message: Message) -> bytes:
        if self._keys.sealer is None:
            raise Malformed(f"expected {LEVELS[self._user.level]} (got an encrypted message)")
        return self._keys.sealer.decrypted(message.boots, message.time, message.salt, message.body)

    def _expect(self, message: Message) -> None:
        level = message.flags & LEVEL
        if level != self._user.level:
            raise Malformed(f"expected {LEVELS[self._user.level]} (got {LEVELS[level]})")
        self._expect_names(message)

    def _expect_names(self, message: Message) -> None:
        if message.engine_id != self.engine_id:
            came = message.engine_id.hex() or "none"
            raise Malformed(f"expected engine {self.engine_id.hex()} (got {came})")
        if message.user != self._name:
            raise Malformed(f"expected an answer to user {self._user.name} (got another user's)")


class Discovery:
    """Asks an address for its engine (RFC 3414, 4). Any report with an engine ID is the answer."""

    def sealed(self, msg_id: int, pdu: bytes) -> bytes:
        return snmp_v3.message(msg_id, REPORTABLE, Security(), snmp_v3.scoped(b"", pdu))[0]

    def opened(self, message: Message) -> bytes:
        if message.flags & LEVEL:
            raise Malformed("expected a report on an unknown engine (got a signed message)")
        report = snmp_v3.reported(snmp_v3.opened_scoped(message.body).pdu)
        if report is None or not message.engine_id:
            raise Malformed("expected a report with an engine ID (got none)")
        raise Reported(report, message, at_once=True)
