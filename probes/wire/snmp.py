"""SNMP v1 and v2c messages (RFC 1157, RFC 3416): requests out, replies in, and an agent's side.

Object names are the content bytes of OIDs (`ber.oid`). A reply to a GET counts only if it names
exactly the OIDs that were asked, in order. With V3 as their version requests and replies are bare
PDUs: what a v3 message puts round them is `snmp_v3`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from probes.wire import ber
from probes.wire.ber import Malformed
from probes.wire.snmp_shape import Shape
from probes.wire.snmp_values import (
    INTEGER,
    NULL,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    UINTEGER32,
    Raw,
    encoded,
    value,
)

Slot = tuple[bytes, int, int, int]  # an OID's content, the value's tag, where its content stands

V1, V2C, V3 = 0, 1, 3

GET, GET_NEXT, RESPONSE, GET_BULK, REPORT = 0xA0, 0xA1, 0xA2, 0xA5, 0xA8
SEQUENCE = 0x30

NO_ERROR, TOO_BIG, NO_SUCH_NAME, BAD_VALUE, READ_ONLY, GEN_ERR, NO_ACCESS = range(7)
AUTHORIZATION_ERROR = 16

MAX_VARBINDS = 512
FIRST_REQUEST_ID, LAST_REQUEST_ID = 0x01000000, 0x7FFFFFFF  # always four bytes long

_REQUEST_ID = b"\x02\x04\x7f\x7f\x7f\x7f"  # stands in a template until it is sent


@dataclass(frozen=True, slots=True)
class Head:
    """A message up to its varbinds, which reach from `at` to the end of the datagram."""

    version: int
    community: bytes
    pdu: int
    request_id: int
    status: int  # of a request for GETBULK: non-repeaters
    index: int  # of a request for GETBULK: max-repetitions
    at: int
    id_at: tuple[int, int]  # where the content of the request-id stands


def opened(data: bytes) -> Head:
    """The head of a datagram whose lengths all fit. Malformed."""
    end = len(data)
    at, stop = ber.content(data, 0, end, SEQUENCE, "an SNMP message")
    if stop != end:
        raise Malformed(f"expected a message of {stop} bytes (got {end})")
    version, at = ber.number(data, at, end, "a version")
    if version not in (V1, V2C):
        raise Malformed(f"expected SNMP version 1 or 2c (got version field {version})")
    first, at = ber.content(data, at, end, OCTET_STRING, "a community")
    return _opened_pdu(data, at, version, data[first:at])


def opened_pdu(data: bytes) -> Head:
    """The head of a PDU that stands alone, as it does in a v3 message. Malformed."""
    return _opened_pdu(data, 0, V3, b"")


def _opened_pdu(data: bytes, at: int, version: int, community: bytes) -> Head:
    end = len(data)
    pdu, at, stop = ber.element(data, at, end)
    if stop != end:
        raise Malformed(f"expected a PDU up to byte {end} (got {stop})")
    id_at = ber.content(data, at, end, INTEGER, "a request-id")
    request_id, at = ber.number(data, at, end, "a request-id")
    status, at = ber.number(data, at, end, "an error-status")
    index, at = ber.number(data, at, end, "an error-index")
    at, stop = ber.content(data, at, end, SEQUENCE, "a list of varbinds")
    if stop != end:
        raise Malformed(f"expected varbinds up to byte {end} (got {stop})")
    return Head(version, community, pdu, request_id, status, index, at, id_at)


def slots(data: bytes, at: int, limit: int = MAX_VARBINDS) -> list[Slot]:
    """The varbinds from `at` to the end, at most `limit`. Malformed."""
    end = len(data)
    out: list[Slot] = []
    while at < end:
        if len(out) == limit:
            raise Malformed(f"expected at most {limit} varbinds (got more)")
        at, stop = ber.content(data, at, end, SEQUENCE, "a varbind")
        first, last = ber.content(data, at, stop, OBJECT_IDENTIFIER, "an OID")
        tag, start, at = ber.element(data, last, stop)
        if at != stop:
            raise Malformed(f"expected a varbind up to byte {stop} (got {at})")
        out.append((data[first:last], tag, start, stop))
    return out


# --- requests --------------------------------------------------------------------------------


class _Template:
    """A request encoded once; only the request-id differs from one sending to the next."""

    __slots__ = ("_head", "_tail")

    def __init__(
        self, version: int, community: bytes, pdu: int, numbers: bytes, names: Iterable[bytes]
    ) -> None:
        body = b"".join(varbind(name, NULL, None) for name in names)
        packet = ber.tlv(pdu, _REQUEST_ID + numbers + ber.tlv(SEQUENCE, body))
        message = packet
        if version != V3:
            lead = ber.tlv(INTEGER, bytes((version,))) + ber.tlv(OCTET_STRING, community)
            message = ber.tlv(SEQUENCE, lead + packet)
        # The community may hold the same bytes: the PDU starts where the packet does.
        at = message.index(_REQUEST_ID, len(message) - len(packet)) + 2
        self._head, self._tail = message[:at], message[at + 4 :]

    def datagram(self, request_id: int) -> bytes:
        return self._head + request_id.to_bytes(4, "big") + self._tail


class Get:
    """Asks for known values. `names` are contents of OIDs; a reply must echo them in order."""

    __slots__ = ("_names", "_plain", "_shape", "_size", "_template", "plain")

    def __init__(self, version: int, community: bytes, names: Sequence[bytes]) -> None:
        self._names = tuple(names)
        self._template = _Template(version, community, GET, b"\x02\x01\x00\x02\x01\x00", names)
        self._shape: Shape | None = None
        self._size = 0
        self._plain = False  # of the shape
        self.plain = False
        """Were all values of the last good reply whole numbers?"""

    def __len__(self) -> int:
        return len(self._names)

    def datagram(self, request_id: int) -> bytes:
        return self._template.datagram(request_id)

    def quick(self, data: bytes) -> list[Raw] | None:
        """[request-id, values …] if only numbers differ from the last good reply; else None."""
        if self._shape is None or (out := self._shape.read(data)) is None:
            return None
        self.plain = self._plain
        return out

    def decode(self, data: bytes, head: Head) -> list[Raw]:
        """The values in the order asked. Malformed if any other OID came, or one too few."""
        got = slots(data, head.at, len(self._names))
        if tuple([slot[0] for slot in got]) != self._names:
            raise Malformed(_strangers(self._names, got))
        values = [value(tag, data[start:stop]) for _, tag, start, stop in got]
        if len(data) == self._size:  # a size seen twice is worth the cost of a shape
            places = [slot[1:] for slot in got]
            self._shape = Shape(data, [(UINTEGER32, *head.id_at), *places])
            self._plain = all(type(raw) is int for raw in values)
        self._size = len(data)
        self.plain = all(type(raw) is int for raw in values)
        return values


class Walk:
    """Asks for what follows the `names`: GETBULK with `repetitions`, or GETNEXT (0)."""

    __slots__ = ("_limit", "_names", "_template")

    def __init__(
        self, version: int, community: bytes, names: Sequence[bytes], repetitions: int
    ) -> None:
        pdu = GET_BULK if repetitions else GET_NEXT
        numbers = bytes((INTEGER, 1, 0, INTEGER, 1, repetitions))
        self._names = names
        self._limit = len(names) * max(repetitions, 1)
        self._template = _Template(version, community, pdu, numbers, names)

    def __len__(self) -> int:
        return self._limit

    def datagram(self, request_id: int) -> bytes:
        return self._template.datagram(request_id)

    def quick(self, _data: bytes) -> list[Raw] | None:
        return None

    def decode(self, data: bytes, head: Head) -> list[tuple[bytes, int, Raw]]:
        """(OID, tag, value) of each varbind, at most as many as were asked for. Malformed."""
        return [
            (name, tag, value(tag, data[start:stop]))
            for name, tag, start, stop in slots(data, head.at, self._limit)
        ]


def _strangers(names: Sequence[bytes], got: Sequence[Slot]) -> str:
    if len(names) != len(got):
        return f"expected {len(names)} values (got {len(got)})"
    at = next(i for i, name in enumerate(names) if name != got[i][0])
    return f"expected the value of {_dotted(names[at])} (got one of {_dotted(got[at][0])})"


def _dotted(name: bytes) -> str:
    try:
        return ber.dotted(name)[:80]
    except Malformed:
        return f"a broken OID {name[:16].hex()}"


# --- an agent's side -------------------------------------------------------------------------


def varbind(name: bytes, tag: int, content: Raw) -> bytes:
    """One variable binding; `content` is a number, octets, or (IP address, OID) a dotted text."""
    return ber.tlv(SEQUENCE, ber.tlv(OBJECT_IDENTIFIER, name) + ber.tlv(tag, encoded(tag, content)))


def response(request: Head, status: int, index: int, varbinds: bytes) -> bytes:
    """The agent's answer to `request`; `varbinds` are encoded ones, joined."""
    numbers = b"".join(
        ber.tlv(INTEGER, ber.integer(number)) for number in (request.request_id, status, index)
    )
    packet = ber.tlv(RESPONSE, numbers + ber.tlv(SEQUENCE, varbinds))
    lead = ber.tlv(INTEGER, ber.integer(request.version))
    return ber.tlv(SEQUENCE, lead + ber.tlv(OCTET_STRING, request.community) + packet)
