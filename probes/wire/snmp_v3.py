"""SNMP v3 messages with USM's parameters (RFC 3412, 6; RFC 3414, 2.4): bytes out, bytes in.

Nothing is believed here: a `Message` is what came, its signature not yet verified.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from probes.wire import ber, snmp
from probes.wire.ber import Malformed
from probes.wire.snmp_values import INTEGER, OBJECT_IDENTIFIER, OCTET_STRING

SIGNED, SEALED, REPORTABLE = 1, 2, 4  # msgFlags: authFlag, privFlag, reportableFlag
LEVEL = SIGNED | SEALED
USM = 3  # msgSecurityModel
MAX_SIZE = 65507  # msgMaxSize: what one UDP datagram holds
MAX_ENGINE_ID = 32  # bytes (RFC 3411, 5: SnmpEngineID); it asks for at least 5, devices give less
MAX_USER = 32  # bytes (RFC 3414, 5: usmUserName)
MAX_SIGNATURE, MAX_SALT = 48, 8

UNSUPPORTED_SEC_LEVELS = "usmStatsUnsupportedSecLevels"
NOT_IN_TIME_WINDOWS = "usmStatsNotInTimeWindows"
UNKNOWN_USER_NAMES = "usmStatsUnknownUserNames"
UNKNOWN_ENGINE_IDS = "usmStatsUnknownEngineIDs"
WRONG_DIGESTS = "usmStatsWrongDigests"
DECRYPTION_ERRORS = "usmStatsDecryptionErrors"
OUT_OF_TIME = "a signed answer from outside the time window"  # no engine reports this: we see it

_VERSION = b"\x02\x01\x03"

REPORTS: Mapping[str, str] = {
    "1.3.6.1.6.3.15.1.1.1": UNSUPPORTED_SEC_LEVELS,
    "1.3.6.1.6.3.15.1.1.2": NOT_IN_TIME_WINDOWS,
    "1.3.6.1.6.3.15.1.1.3": UNKNOWN_USER_NAMES,
    "1.3.6.1.6.3.15.1.1.4": UNKNOWN_ENGINE_IDS,
    "1.3.6.1.6.3.15.1.1.5": WRONG_DIGESTS,
    "1.3.6.1.6.3.15.1.1.6": DECRYPTION_ERRORS,
    "1.3.6.1.6.3.11.2.1.1": "snmpUnknownSecurityModels",
    "1.3.6.1.6.3.11.2.1.2": "snmpInvalidMsgs",
    "1.3.6.1.6.3.11.2.1.3": "snmpUnknownPDUHandlers",
    "1.3.6.1.6.3.12.1.4": "snmpUnavailableContexts",
    "1.3.6.1.6.3.12.1.5": "snmpUnknownContexts",
}
"""What a Report counts (RFC 3414, 5; RFC 3412, 5; RFC 3413, 4.1.2), without the instance `.0`."""


@dataclass(frozen=True, slots=True)
class Message:
    """A v3 message. `body` is an encrypted scopedPDU, or a plain one with its tag and length."""

    data: bytes = field(repr=False)
    msg_id: int
    flags: int
    engine_id: bytes
    boots: int
    time: int
    user: bytes
    signature: tuple[int, int]  # where it stands in `data`
    salt: bytes
    body: bytes = field(repr=False)


def is_v3(data: bytes) -> bool:
    """Does this begin as a v3 message does? No more is said of it."""
    at = 2 + (data[1] & 0x7F if len(data) > 1 and data[1] & 0x80 else 0)
    return data[at : at + 3] == _VERSION


def opened(data: bytes) -> Message:
    """The parts of a datagram whose lengths all fit. Malformed."""
    end = len(data)
    at, stop = ber.content(data, 0, end, snmp.SEQUENCE, "an SNMP message")
    if stop != end:
        raise Malformed(f"expected a message of {stop} bytes (got {end})")
    version, at = ber.number(data, at, end, "a version")
    if version != snmp.V3:
        raise Malformed(f"expected SNMP version 3 (got version field {version})")
    start, at = ber.content(data, at, end, snmp.SEQUENCE, "header data")
    msg_id, flags = _header(data, start, at)
    start, at = ber.content(data, at, end, OCTET_STRING, "security parameters")
    engine_id, boots, time, user, signature, salt = _security(data, start, at)
    if flags & SEALED:
        start, stop = ber.content(data, at, end, OCTET_STRING, "an encrypted PDU")
    else:
        start, stop = at, ber.content(data, at, end, snmp.SEQUENCE, "a scoped PDU")[1]
    if stop != end:
        raise Malformed(f"expected a PDU up to byte {end} (got {stop})")
    body = data[start:stop]
    return Message(data, msg_id, flags, engine_id, boots, time, user, signature, salt, body)


def _header(data: bytes, at: int, end: int) -> tuple[int, int]:
    """(msgID, msgFlags)."""
    msg_id, at = _counted(data, at, end, "a message id")
    _, at = _counted(data, at, end, "a greatest size")
    start, at = _octets(data, at, end, 1, "message flags")
    if at == start:
        raise Malformed("expected message flags (got none)")
    flags = data[start]
    model, at = _counted(data, at, end, "a security model")
    if model != USM:
        raise Malformed(f"expected security model {USM} (got {model})")
    if flags & LEVEL == SEALED:
        raise Malformed("expected an encrypted message to be signed (got one that is not)")
    _ends(at, end, "header data")
    return msg_id, flags


def _security(
    data: bytes, at: int, end: int
) -> tuple[bytes, int, int, bytes, tuple[int, int], bytes]:
    at, stop = ber.content(data, at, end, snmp.SEQUENCE, "USM's parameters")
    _ends(stop, end, "security parameters")
    start, at = _octets(data, at, end, MAX_ENGINE_ID, "an engine id")
    engine_id = data[start:at]
    boots, at = _counted(data, at, end, "a count of boots")
    time, at = _counted(data, at, end, "an engine time")
    start, at = _octets(data, at, end, MAX_USER, "a user name")
    user = data[start:at]
    signature = _octets(data, at, end, MAX_SIGNATURE, "a signature")
    start, at = _octets(data, signature[1], end, MAX_SALT, "a salt")
    _ends(at, end, "USM's parameters")
    return engine_id, boots, time, user, signature, data[start:at]


def _counted(data: bytes, at: int, end: int, what: str) -> tuple[int, int]:
    """(value, stop) of a number from 0 to 2**31 - 1. Malformed."""
    value, at = ber.number(data, at, end, what)
    if value < 0:
        raise Malformed(f"expected {what} from 0 (got {value})")
    return value, at


def _octets(data: bytes, at: int, end: int, most: int, what: str) -> tuple[int, int]:
    """(start, stop) of an OCTET STRING of at most so many bytes. Malformed."""
    start, stop = ber.content(data, at, end, OCTET_STRING, what)
    if stop - start > most:
        raise Malformed(f"expected {what} of at most {most} bytes (got {stop - start})")
    return start, stop


def _ends(at: int, end: int, what: str) -> None:
    if at != end:
        raise Malformed(f"expected the end of {what} at byte {at} (got {end - at} bytes more)")


# --- scoped PDUs -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scoped:
    """A PDU, and whose values it speaks of."""

    engine_id: bytes
    context: bytes
    pdu: bytes = field(repr=False)  # with its tag and length


def scoped(engine_id: bytes, pdu: bytes) -> bytes:
    """A scopedPDU for the engine's own values, in the context without a name."""
    return ber.tlv(snmp.SEQUENCE, ber.tlv(OCTET_STRING, engine_id) + b"\x04\x00" + pdu)


def opened_scoped(body: bytes, padding: int = 0) -> Scoped:
    """The parts of a scopedPDU; of what a cipher of blocks added at most `padding` bytes may
    follow. Malformed."""
    at, end = ber.content(body, 0, len(body), snmp.SEQUENCE, "a scoped PDU")
    if len(body) - end > padding:
        raise Malformed(f"expected a scoped PDU of {end} bytes (got {len(body)})")
    start, at = ber.content(body, at, end, OCTET_STRING, "a context's engine id")
    engine_id = body[start:at]
    start, at = ber.content(body, at, end, OCTET_STRING, "a context's name")
    return Scoped(engine_id, body[start:at], body[at:end])


def reported(pdu: bytes) -> str | None:
    """What a Report-PDU counts: a name of REPORTS, else its OID; None: it is no report.
    Malformed."""
    if pdu[:1] != bytes((snmp.REPORT,)):
        return None
    head = snmp.opened_pdu(pdu)
    if head.at == len(pdu):
        raise Malformed("expected a report to say what it counts (got no varbind)")
    at, stop = ber.content(pdu, head.at, len(pdu), snmp.SEQUENCE, "a varbind")
    start, stop = ber.content(pdu, at, stop, OBJECT_IDENTIFIER, "an OID")
    dotted = ber.dotted(pdu[start:stop])
    return REPORTS.get(dotted.removesuffix(".0"), dotted[:80])


# --- out -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Security:
    """UsmSecurityParameters to be sent. `signature`: how many bytes are kept free for it."""

    engine_id: bytes = b""
    boots: int = 0
    time: int = 0
    user: bytes = b""
    signature: int = 0
    salt: bytes = b""


def message(msg_id: int, flags: int, security: Security, body: bytes) -> tuple[bytes, int]:
    """(a message with zeros for its signature, where they stand). `body` as in `Message`."""
    header = _number(msg_id) + _SIZE + bytes((OCTET_STRING, 1, flags)) + _MODEL
    tail = ber.tlv(OCTET_STRING, security.salt)
    parts = (
        ber.tlv(OCTET_STRING, security.engine_id),
        _number(security.boots),
        _number(security.time),
        ber.tlv(OCTET_STRING, security.user),
        ber.tlv(OCTET_STRING, bytes(security.signature)),
        tail,
    )
    parameters = ber.tlv(OCTET_STRING, ber.tlv(snmp.SEQUENCE, b"".join(parts)))
    payload = ber.tlv(OCTET_STRING, body) if flags & SEALED else body
    whole = ber.tlv(snmp.SEQUENCE, _VERSION + ber.tlv(snmp.SEQUENCE, header) + parameters + payload)
    return whole, len(whole) - len(payload) - len(tail) - security.signature


def _number(value: int) -> bytes:
    return ber.tlv(INTEGER, ber.integer(value))


_SIZE, _MODEL = _number(MAX_SIZE), _number(USM)
