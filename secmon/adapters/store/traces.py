"""Five-minute values of the last 48 hours: written over while their hour runs, let go of when old.

A row holds a trace as zlib-packed bytes: a line of JSON that names its series, then float32,
little-endian.
"""

from __future__ import annotations

import json
import sys
import zlib
from array import array
from collections.abc import Sequence
from datetime import datetime, timedelta

from secmon.adapters.store.codec import moment, plain, stamp
from secmon.adapters.store.connection import Row, Session
from secmon.api import SLOT_S, TRACE_SLOTS, Trace

KEPT = timedelta(hours=48)
LENGTH = timedelta(seconds=SLOT_S * TRACE_SLOTS)  # of one trace at most
DROPPED_AT_ONCE = 2  # starts of traces that go with each write: more than one write brings
PACKED = 1  # zlib's level: what repeats is packed by the fastest too
UNPACKED_MAX = 1 << 20  # bytes of one row: far more than a probe's series are

PUT = """INSERT INTO trace (site, device, probe, at, data) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (site, device, probe, at) DO UPDATE SET data = excluded.data"""
SPAN = """SELECT device, probe, at, data FROM trace
    WHERE site = $1 AND device = $2 AND at >= $3 AND at < $4 ORDER BY at, probe"""
OLDEST = "SELECT MIN(at) AS at FROM trace WHERE site = $1 AND at < $2"
DROP = "DELETE FROM trace WHERE site = $1 AND at = $2"


async def put(session: Session, traces: Sequence[Trace], now: datetime) -> None:
    """Writes traces in place of what was there of the same start; a few old ones go."""
    rows = [
        (session.site, plain(one.device), plain(one.probe), stamp(one.at), pack(one))
        for one in traces
    ]
    await session.many(PUT, rows)
    for _ in range(DROPPED_AT_ONCE):
        if not await drop_oldest(session, now - KEPT):
            break


async def span(session: Session, device: str, since: datetime, until: datetime) -> list[Trace]:
    """The traces of a device that reach into [since, until), oldest first."""
    place = (plain(device), stamp(since - LENGTH), stamp(until))
    return [_trace(row) for row in await session.fetch(SPAN, session.site, *place)]


async def drop_oldest(session: Session, before: datetime) -> bool:
    """Removes the traces of all devices that have the oldest start, if that lies before; False:
    there are none."""
    row = await session.one(OLDEST, session.site, stamp(before))
    if row is None or row["at"] is None:
        return False
    await session.fetch(DROP, session.site, row["at"])
    return True


def pack(trace: Trace) -> bytes:
    numbers = trace.numbers
    if sys.byteorder == "big":
        numbers = array("f", numbers)
        numbers.byteswap()
    names = json.dumps(trace.series, ensure_ascii=True, separators=(",", ":"))
    return zlib.compress(names.encode() + b"\n" + numbers.tobytes(), PACKED)


def _trace(row: Row) -> Trace:
    raw = zlib.decompressobj().decompress(bytes(row["data"]), UNPACKED_MAX)
    names, _, data = raw.partition(b"\n")
    series = tuple((str(name), str(part)) for name, part in json.loads(names))
    numbers = array("f", data[: len(data) // 4 * 4])
    if sys.byteorder == "big":
        numbers.byteswap()
    return Trace(row["device"], row["probe"], moment(row["at"]), series, numbers)
