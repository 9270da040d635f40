"""One change of the core into its tables: all of it in the transaction that the caller holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from secmon.adapters.store import devices, duty, faults, journal, outbox, tickets
from secmon.adapters.store.codec import moment, stamp
from secmon.adapters.store.connection import Session
from secmon.api import Change, Stored

NOTE_TIME = """INSERT INTO meta (site, name, value) VALUES ($1, 'committed_at', $2)
    ON CONFLICT (site, name) DO UPDATE SET value = excluded.value"""
TIME = "SELECT value FROM meta WHERE site = $1 AND name = 'committed_at'"


async def keep(session: Session, zone: ZoneInfo, change: Change) -> Change:
    """Writes it; gives it back with the numbers of new tickets and their `previous`."""
    kept = replace(change, tickets=await tickets.keep(session, zone, change))
    await faults.keep(session, kept.faults)
    await journal.add(session, kept.entries)
    await outbox.add(session, kept)
    await devices.keep_facts(session, kept.facts)
    await devices.keep_evidence(session, kept.evidence, kept.at)
    await duty.keep(session, kept.pages)
    await session.fetch(NOTE_TIME, session.site, stamp(kept.at))
    return kept


async def load(session: Session, now: datetime) -> Stored:
    """What a start needs; `alive_at` is for the lock to say."""
    noted = await session.one(TIME, session.site)
    return Stored(
        faults=await faults.load(session),
        tickets=await tickets.load(session),
        facts=await devices.load_facts(session),
        committed_at=moment(noted["value"]) if noted else None,
        pages=await duty.load(session, now),
    )
