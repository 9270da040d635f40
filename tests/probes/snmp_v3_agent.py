"""The authoritative side of SNMP v3, for tests: an engine with users that may be made to lie."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from probes.snmp import DRIVER
from probes.snmp.profile import Profile
from probes.snmp.user import User
from probes.wire import ber, snmp, snmp_v3, usm
from probes.wire.ber import Malformed
from probes.wire.snmp_agent import Mib, answer
from probes.wire.snmp_v3 import LEVEL, REPORTABLE, REPORTS, SEALED, SIGNED, Message, Security
from probes.wire.snmp_values import COUNTER32, OCTET_STRING
from secmon.api import Probe
from tests.probes.loopback import target
from tests.probes.snmp_device import Entries, profile

ENGINE = bytes.fromhex("8000b2f5045345434d4f4e")
OTHER_ENGINE = bytes.fromhex("8000b2f5044f54484552")
OPS = User("ops", "SHA-256", "auth-key-of-ops", "AES-128", "privacy-key-of-ops")
OIDS = {name: ber.oid(f"{dotted}.0") for dotted, name in REPORTS.items()}
PUBLIC = ber.tlv(0x02, b"\x01") + ber.tlv(OCTET_STRING, b"public")

Bend = Callable[["Engine", Message, bytes | None], Sequence[bytes]]
"""(engine, the request, the honest answer) → the datagrams that are sent instead."""


Forge = Callable[["Engine", Message, bytes], Sequence[bytes]]
"""The same, where there is an honest answer to spoil."""


def honest(_engine: "Engine", _request: Message, reply: bytes | None) -> list[bytes]:
    return [] if reply is None else [reply]


def once_found(forge: Forge, *, answers: bool = True) -> Bend:
    """Forges what comes after the discovery: before the honest answer, or instead of it."""

    def bend(engine: "Engine", request: Message, reply: bytes | None) -> Sequence[bytes]:
        right = honest(engine, request, reply)
        if not request.engine_id or reply is None:
            return right
        return [*forge(engine, request, reply), *(right if answers else [])]

    return bend


@dataclass
class Keys:
    """One user's keys at this engine."""

    user: User
    signer: usm.Signer | None = None
    sealer: usm.Sealer | None = None


def keys(user: User, engine_id: bytes) -> Keys:
    if not user.auth:
        return Keys(user)
    hash_ = usm.HASHES[user.auth]
    at_home = [
        usm.localised(hash_, usm.key(hash_, (password or user.auth_key).encode()), engine_id)
        for password in (user.auth_key, user.privacy_key)
    ]
    signer = usm.Signer(hash_, at_home[0])
    if not user.privacy:
        return Keys(user, signer)
    long = usm.lengthened(hash_, at_home[1], usm.CIPHERS[user.privacy])
    return Keys(user, signer, usm.Sealer(user.privacy, long))


@dataclass
class Engine:
    """What an agent does with a message (RFC 3414, 3.2), its clock as the test sets it."""

    mib: Mib
    users: Sequence[User] = (OPS,)
    engine_id: bytes = ENGINE
    boots: int = 7
    time: int = 100_000
    reply_max: int = 60_000
    salt: int = 0
    asked: list[tuple[int, int]] = field(default_factory=list)  # (PDU type, OIDs) of each request
    reports: list[str] = field(default_factory=list)  # what was reported
    signed_time: bool = True  # its reports on the time are signed, as they should be
    _keys: dict[tuple[User, bytes], Keys] = field(default_factory=dict)

    def show(self, entries: Entries) -> None:
        self.mib = Mib(entries)

    def answer(self, message: Message) -> bytes | None:
        if message.engine_id != self.engine_id:
            return self.report(message, snmp_v3.UNKNOWN_ENGINE_IDS)
        found = self.keys(message.user)
        if found is None:
            return self.report(message, snmp_v3.UNKNOWN_USER_NAMES)
        level = message.flags & LEVEL
        if level & ~found.user.level:
            return self.report(message, snmp_v3.UNSUPPORTED_SEC_LEVELS)
        if found.signer and level:
            if not found.signer.verifies(message.data, *message.signature):
                return self.report(message, snmp_v3.WRONG_DIGESTS)
            if message.boots != self.boots or abs(message.time - self.time) > 150:
                how = SIGNED if self.signed_time else 0
                return self.report(message, snmp_v3.NOT_IN_TIME_WINDOWS, level=how)
        try:
            pdu = self.opened(message, found)
        except Malformed:
            return self.report(message, snmp_v3.DECRYPTION_ERRORS)
        return self.sealed(message, self.answered(pdu))

    def keys(self, name: bytes) -> Keys | None:
        for user in self.users:
            if user.name.encode() == name:
                key = (user, self.engine_id)
                if key not in self._keys:
                    self._keys[key] = keys(user, self.engine_id)
                return self._keys[key]
        return None

    def opened(self, message: Message, found: Keys) -> bytes:
        body = message.body
        if message.flags & SEALED and found.sealer:
            body = found.sealer.decrypted(message.boots, message.time, message.salt, body)
        return snmp_v3.opened_scoped(body, padding=7).pdu

    def answered(self, pdu: bytes) -> bytes:
        """The agent's PDU for that of a manager."""
        request = ber.tlv(snmp.SEQUENCE, PUBLIC + pdu)
        head = snmp.opened(request)
        self.asked.append((head.pdu, len(snmp.slots(request, head.at))))
        reply = answer(request, b"public", self.mib, self.reply_max)
        assert reply is not None
        start, stop = ber.content(reply, 0, len(reply), snmp.SEQUENCE, "a message")
        return reply[start + len(PUBLIC) : stop]

    def sealed(
        self,
        request: Message,
        pdu: bytes,
        *,
        level: int | None = None,
        user: bytes | None = None,
        times: tuple[int, int] | None = None,
        engine_id: bytes | None = None,
        msg_id: int | None = None,
        scope: bytes | None = None,
    ) -> bytes:
        """The answer to this request; what a test names is other than it should be."""
        name = request.user if user is None else user
        level = request.flags & LEVEL if level is None else level
        engine = self.engine_id if engine_id is None else engine_id
        boots, time = times or (self.boots, self.time)
        found = self.keys(name) or Keys(User("nobody"))
        body, salt = snmp_v3.scoped(engine if scope is None else scope, pdu), b""
        if level & SEALED and found.sealer:
            self.salt += 1
            salt, body = found.sealer.encrypted(boots, time, self.salt, body)
        size = found.signer.hash.sent if found.signer and level & SIGNED else 0
        security = Security(engine, boots, time, name, size, salt)
        msg_id = request.msg_id if msg_id is None else msg_id
        message, at = snmp_v3.message(msg_id, level, security, body)
        return found.signer.signed(message, at) if found.signer and level & SIGNED else message

    def report(self, request: Message, what: str, *, level: int = 0) -> bytes:
        """A report; unsigned ones anybody could send who saw the request."""
        self.reports.append(what)
        body = snmp.varbind(OIDS[what], COUNTER32, 1)
        pdu = ber.tlv(snmp.REPORT, b"\x02\x01\x00" * 3 + ber.tlv(snmp.SEQUENCE, body))
        return self.sealed(request, pdu, level=level)


@dataclass
class Device(asyncio.DatagramProtocol):
    """The engine behind a UDP port; `bend` may spoil every answer, also those to discoveries."""

    engine: Engine
    bend: Bend = honest
    port: int = 0
    transport: asyncio.DatagramTransport | None = None

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        request = snmp_v3.opened(data)
        assert request.flags & REPORTABLE
        assert self.transport is not None
        for reply in self.bend(self.engine, request, self.engine.answer(request)):
            self.transport.sendto(reply, addr)


@asynccontextmanager
async def playing(entries: Entries, bend: Bend = honest, *users: User) -> AsyncIterator[Device]:
    """A device on a free port of loopback, with user `ops` or those given."""
    loop = asyncio.get_running_loop()
    engine = Engine(Mib(entries), users or (OPS,))
    transport, device = await loop.create_datagram_endpoint(
        lambda: Device(engine, bend), local_addr=("127.0.0.1", 0)
    )
    device.transport = transport
    device.port = transport.get_extra_info("sockname")[1]
    try:
        yield device
    finally:
        transport.close()


def credentials(user: User) -> dict[str, str]:
    """As the site file would give them."""
    given = {
        "username": user.name,
        "auth": user.auth,
        "auth_key": user.auth_key,
        "privacy": user.privacy,
        "privacy_key": user.privacy_key,
    }
    return {key: value for key, value in given.items() if value}


@asynccontextmanager
async def probing(
    port: int,
    user: User = OPS,
    said: str | Profile = "switch",
    *,
    timeout_s: float = 0.9,
    shared: object = None,
) -> AsyncIterator[Probe]:
    """The driver's probe of such a device."""
    asked = replace(
        target("127.0.0.1", shared, **credentials(user)), timeout=timeout_s, interval=30.0
    )
    told_by = profile(said) if isinstance(said, str) else said
    async with DRIVER.connect(asked, DRIVER.options(port=port, version="3"), told_by) as probe:
        yield probe


@asynccontextmanager
async def meeting(
    entries: Entries, bend: Bend = honest, user: User = OPS, *, timeout_s: float = 0.9
) -> AsyncIterator[tuple[Device, Probe]]:
    """A device with this user, and the probe of it."""
    async with (
        playing(entries, bend, user) as device,
        probing(device.port, user, timeout_s=timeout_s) as probe,
    ):
        yield device, probe
