"""ICMP echo (RFC 792, RFC 4443) and the errors that come back for one: bytes in, values out."""

from __future__ import annotations

import struct
from dataclasses import dataclass

HEADER = 8  # bytes: type, code, checksum, id, sequence
REQUEST = {4: 8, 6: 128}  # IP version → type
REPLY = {4: 0, 6: 129}
_UNREACHABLE = {4: 3, 6: 1}
_TIME_EXCEEDED = {4: 11, 6: 3}
_FROM_ICMP = {4: 2, 6: 3}  # ee_origin, linux/errqueue.h; 1 is our own kernel, without ICMP

_WORDS_4 = {
    0: "network unreachable",
    1: "host unreachable",
    2: "protocol unreachable",
    3: "port unreachable",
    4: "packet too big",
    5: "source route failed",
    6: "network unknown",
    7: "host unknown",
    9: "network prohibited by an administrator",
    10: "host prohibited by an administrator",
    11: "network unreachable for this type of traffic",
    12: "host unreachable for this type of traffic",
    13: "traffic prohibited by an administrator",
}  # RFC 792, RFC 1122 (3.2.2.1), RFC 1812 (5.2.7.1)
_WORDS_6 = {
    0: "no route",
    1: "traffic prohibited by an administrator",
    2: "beyond the scope of the source address",
    3: "address unreachable",
    4: "port unreachable",
    5: "source address prohibited",
    6: "route rejected",
}  # RFC 4443, 3.1


@dataclass(frozen=True, slots=True)
class Echo:
    id: int
    sequence: int
    payload: bytes


def encode(version: int, echo: Echo) -> bytes:
    """An echo request. For IPv6 the checksum is left to the kernel, which knows the addresses."""
    head = struct.pack("!BBHHH", REQUEST[version], 0, 0, echo.id, echo.sequence)
    if version == 6:
        return head + echo.payload
    sum_ = checksum(head + echo.payload)
    return head[:2] + sum_.to_bytes(2, "big") + head[4:] + echo.payload


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071): ones' complement sums are sums modulo 0xFFFF."""
    if len(data) % 2:
        data += b"\0"
    total = int.from_bytes(data, "big")
    return 0xFFFF - (total % 0xFFFF or (0xFFFF if total else 0))


def decode(packet: bytes, type_: int) -> Echo | None:
    """The echo message of this type that `packet` is, without an IP header; None: it is none."""
    if len(packet) < HEADER:
        return None
    kind, code, _, id_, sequence = struct.unpack_from("!BBHHH", packet)
    if kind != type_ or code != 0:
        return None
    return Echo(id_, sequence, packet[HEADER:])


def strip_ipv4(packet: bytes) -> bytes:
    """What a raw IPv4 socket gives, without the IP header; empty when it is too short."""
    return packet[(packet[0] & 0x0F) * 4 :] if packet else b""


def refusal(version: int, error: bytes) -> str | None:
    """A Linux `sock_extended_err` → what went wrong, in words; None: nothing that ends an echo."""
    if len(error) < 16:
        return None
    _, origin, type_, code = struct.unpack_from("=IBBB", error)
    if origin != _FROM_ICMP[version]:
        return None
    if type_ == _TIME_EXCEEDED[version]:
        return "time exceeded on the way (a routing loop?)"
    if type_ != _UNREACHABLE[version]:
        return None
    words = (_WORDS_4 if version == 4 else _WORDS_6).get(code)
    return f"destination unreachable: {words or f'code {code}'}"


def cause(words: str) -> str:
    """The word for what a refusal says (`secmon.api.Cause`): a router beside the device that finds
    nobody there tells of silence, all others of the way."""
    nobody = ("host unreachable", "host unknown", "address unreachable")
    return "silent" if words.endswith(nobody) else "no_route"
