"""SNMP's values (RFC 2578, section 7): their tags, and the bytes of each read and written."""

from __future__ import annotations

import struct

from probes.wire import ber
from probes.wire.ber import Malformed

Raw = int | float | bytes | str | None
"""A value as it came: a number, octets, an object identifier or IP address as text; None: no such
object or instance, end of the MIB, NULL, a type that RFC 2578 does not know, or nonsense."""

INTEGER, OCTET_STRING, NULL, OBJECT_IDENTIFIER = 0x02, 0x04, 0x05, 0x06
IP_ADDRESS, COUNTER32, GAUGE32, TIME_TICKS, OPAQUE = 0x40, 0x41, 0x42, 0x43, 0x44
NSAP, COUNTER64, UINTEGER32 = 0x45, 0x46, 0x47
NO_SUCH_OBJECT, NO_SUCH_INSTANCE, END_OF_MIB_VIEW = 0x80, 0x81, 0x82

UNSIGNED = frozenset((COUNTER32, GAUGE32, TIME_TICKS, COUNTER64, UINTEGER32))
NUMBERS = UNSIGNED | {INTEGER}


def value(tag: int, content: bytes) -> Raw:
    """What the bytes of one value say. Counters without their leading zero stay positive."""
    if tag in NUMBERS:
        if not readable(tag, content):
            return None
        return int.from_bytes(content, "big", signed=tag == INTEGER)
    if tag in (OCTET_STRING, NSAP):
        return content
    if tag == OBJECT_IDENTIFIER:
        try:
            return ber.dotted(content)
        except Malformed:
            return None
    if tag == IP_ADDRESS:
        return ".".join(map(str, content[:4]))
    if tag == OPAQUE:
        return _opaque(content)
    return None


def readable(tag: int, content: bytes) -> bool:
    """Are these the 1 to 8 bytes of a number? A 64-bit one may have a leading zero besides."""
    size = len(content)
    return 1 <= size <= 8 or (size == 9 and tag in UNSIGNED and not content[0])


def _opaque(content: bytes) -> Raw:
    """Net-SNMP's wrapped floats (`9f 78 04 …`, `9f 79 08 …`), else the bytes."""
    match content[:3], len(content):
        case b"\x9f\x78\x04", 7:
            return float(struct.unpack(">f", content[3:])[0])
        case b"\x9f\x79\x08", 11:
            return float(struct.unpack(">d", content[3:])[0])
    return content


def encoded(tag: int, value: Raw) -> bytes:
    """The bytes of a value: of a number, octets, or a dotted text (IP address, OID)."""
    match value:
        case bytes():
            return value
        case int():
            return ber.integer(value)
        case float():
            return b"\x9f\x78\x04" + struct.pack(">f", value)
        case str() if tag == IP_ADDRESS:
            return bytes(map(int, value.split(".")))
        case str():
            return ber.oid(value)
        case None:
            return b""
