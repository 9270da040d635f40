"""An SNMP v1 and v2c agent without its socket: a request's bytes in, the answer's bytes out."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence

from probes.wire import ber, snmp
from probes.wire.snmp_values import COUNTER64, END_OF_MIB_VIEW, NO_SUCH_INSTANCE, NULL, Raw

REPLY_MAX = 1400  # bytes; a longer answer is tooBig, or cut (GETBULK), as on real agents

Content = tuple[int, Raw]  # a value's tag, and the value as `snmp.varbind` takes it
Source = Content | Callable[[], Content]


class Mib:
    """Values by OID, in the order of a walk."""

    def __init__(self, entries: Mapping[str, Source]) -> None:
        """`entries`: dotted OID → value, or what gives it when it is asked for."""
        self._by_oid = {ber.oid(dotted): source for dotted, source in entries.items()}
        self._oids = sorted(self._by_oid, key=ber.arcs)
        self._arcs = [ber.arcs(oid) for oid in self._oids]

    def get(self, oid: bytes) -> Content | None:
        source = self._by_oid.get(oid)
        return source() if callable(source) else source

    def after(self, oid: bytes, wide: bool = True) -> tuple[bytes, Content] | None:
        """The next OID and its value; without `wide` no Counter64, which v1 does not know."""
        at = bisect_right(self._arcs, ber.arcs(oid))
        for name in self._oids[at:]:
            content = self.get(name)
            if content is not None and (wide or content[0] != COUNTER64):
                return name, content
        return None


def answer(data: bytes, community: bytes, mib: Mib, reply_max: int = REPLY_MAX) -> bytes | None:
    """What the agent says; None: nothing, as to another community. Malformed."""
    head = snmp.opened(data)
    names = [slot[0] for slot in snmp.slots(data, head.at)]
    if head.community != community:
        return None
    echo = b"".join(snmp.varbind(name, NULL, None) for name in names)
    match head.pdu:
        case snmp.GET_BULK if head.version == snmp.V2C:
            return _bulk(head, names, mib, reply_max)
        case snmp.GET:
            found = [_get(head, mib, name) for name in names]
        case snmp.GET_NEXT:
            found = [_next(head, mib, name) for name in names]
        case _:
            return None
    if head.version == snmp.V1:
        for i, (_, content) in enumerate(found):
            if content[0] in (NO_SUCH_INSTANCE, END_OF_MIB_VIEW):
                return snmp.response(head, snmp.NO_SUCH_NAME, i + 1, echo)
    reply = snmp.response(head, 0, 0, _joined(found))
    return reply if len(reply) <= reply_max else snmp.response(head, snmp.TOO_BIG, 0, b"")


def _get(head: snmp.Head, mib: Mib, name: bytes) -> tuple[bytes, Content]:
    content = mib.get(name)
    if content is None or (head.version == snmp.V1 and content[0] == COUNTER64):
        return name, (NO_SUCH_INSTANCE, None)
    return name, content


def _next(head: snmp.Head, mib: Mib, name: bytes) -> tuple[bytes, Content]:
    return mib.after(name, head.version == snmp.V2C) or (name, (END_OF_MIB_VIEW, None))


def _bulk(head: snmp.Head, names: Sequence[bytes], mib: Mib, reply_max: int) -> bytes:
    once, repeated = names[: max(head.status, 0)], list(names[max(head.status, 0) :])
    out = b"".join(snmp.varbind(name, *content) for name, content in _nexts(head, mib, once))
    for _ in range(max(head.index, 0)):
        row = _nexts(head, mib, repeated)
        repeated = [name for name, _ in row]
        for name, content in row:
            varbind = snmp.varbind(name, *content)
            if len(out) + len(varbind) > reply_max - 64:
                return snmp.response(head, 0, 0, out)
            out += varbind
        if all(content[0] == END_OF_MIB_VIEW for _, content in row):
            break
    return snmp.response(head, 0, 0, out)


def _nexts(head: snmp.Head, mib: Mib, names: Sequence[bytes]) -> list[tuple[bytes, Content]]:
    return [_next(head, mib, name) for name in names]


def _joined(found: Sequence[tuple[bytes, Content]]) -> bytes:
    return b"".join(snmp.varbind(name, *content) for name, content in found)
