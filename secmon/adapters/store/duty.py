"""The duty book in its tables: overrides, hand-overs, trainings, silences, and the watch."""

from __future__ import annotations

from datetime import datetime

from secmon.adapters.store.codec import plain, read, stamp, write
from secmon.adapters.store.connection import Session
from secmon.core.book import KEPT, Pages, Training, Watch
from secmon.core.handover import HandOver
from secmon.core.roster import Override
from secmon.core.windows import Silence

PUT_OVERRIDE = """INSERT INTO duty_override (site, id, starts_at, ends_at, data)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT (site, id) DO UPDATE SET data = excluded.data"""
PUT_HAND_OVER = """INSERT INTO hand_over (site, id, due_at, sealed, data)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT (site, id) DO UPDATE SET
    sealed = excluded.sealed, data = excluded.data WHERE hand_over.sealed = 0"""
PUT_TRAINING = """INSERT INTO training (site, id, person, removed, data)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT (site, id) DO UPDATE SET
    removed = excluded.removed, data = excluded.data"""
PUT_SILENCE = """INSERT INTO silence (site, id, until, data) VALUES ($1, $2, $3, $4)
    ON CONFLICT (site, id) DO UPDATE SET until = excluded.until, data = excluded.data"""
PUT_WATCH = """INSERT INTO meta (site, name, value) VALUES ($1, 'watch', $2)
    ON CONFLICT (site, name) DO UPDATE SET value = excluded.value"""
WATCH = "SELECT value FROM meta WHERE site = $1 AND name = 'watch'"
OVERRIDES = """SELECT data FROM duty_override
    WHERE site = $1 AND ends_at > $2 AND starts_at < $3 ORDER BY starts_at, id"""
LATER = "SELECT data FROM duty_override WHERE site = $1 AND ends_at > $2 ORDER BY starts_at, id"
UNSEALED = "SELECT data FROM hand_over WHERE site = $1 AND sealed = 0 ORDER BY due_at, id"
HAND_OVER = "SELECT data FROM hand_over WHERE site = $1 AND id = $2"
NEWEST = """SELECT data FROM hand_over WHERE site = $1 AND due_at < $2
    ORDER BY due_at DESC LIMIT $3"""
SILENCES = "SELECT data FROM silence WHERE site = $1 AND until > $2 ORDER BY id"
ENDED = """SELECT data FROM silence WHERE site = $1 AND until <= $2
    ORDER BY until DESC, id LIMIT $3"""
TRAININGS = "SELECT data FROM training WHERE site = $1 AND removed = 0 ORDER BY id"
EVER = "9999"  # after every time


async def keep(session: Session, pages: Pages | None) -> None:
    if not pages:
        return
    site = session.site
    await session.many(
        PUT_OVERRIDE,
        [
            (site, plain(one.id), stamp(one.start), stamp(one.end), write(one))
            for one in pages.overrides.values()
        ],
    )
    await session.many(
        PUT_HAND_OVER,
        [
            (site, plain(one.id), stamp(one.due_at), int(bool(one.seal)), write(one))
            for one in pages.hand_overs.values()
        ],
    )
    await session.many(
        PUT_TRAINING,
        [
            (site, plain(one.id), plain(one.user), int(one.removed), write(one))
            for one in pages.trainings.values()
        ],
    )
    await session.many(
        PUT_SILENCE,
        [(site, plain(one.id), stamp(one.until), write(one)) for one in pages.silences.values()],
    )
    if pages.watch is not None:
        await session.fetch(PUT_WATCH, site, write(pages.watch))


async def load(session: Session, now: datetime) -> Pages:
    """What is open: overrides that are not long over, hand-overs that lack a signature."""
    watch = await session.one(WATCH, session.site)
    later = await session.fetch(LATER, session.site, stamp(now - KEPT))
    rows = await session.fetch(UNSEALED, session.site)
    unsealed = [read(HandOver, row["data"]) for row in rows]
    return Pages(
        overrides={
            one.id: one for row in later if not (one := read(Override, row["data"])).removed_at
        },
        hand_overs={one.id: one for one in unsealed},
        trainings={one.id: one for one in await trainings(session)},
        watch=read(Watch, watch["value"]) if watch else None,
        silences={one.id: one for one in await silences(session, now - KEPT)},
    )


async def silences(session: Session, since: datetime) -> list[Silence]:
    """Those that are not over by then."""
    rows = await session.fetch(SILENCES, session.site, stamp(since))
    return [read(Silence, row["data"]) for row in rows]


async def silences_over(session: Session, now: datetime, limit: int) -> list[Silence]:
    """The newest of those that are over."""
    rows = await session.fetch(ENDED, session.site, stamp(now), limit)
    return [read(Silence, row["data"]) for row in rows]


async def overrides(session: Session, since: datetime, until: datetime) -> list[Override]:
    """Those that touch this time, those taken back too, by start."""
    rows = await session.fetch(OVERRIDES, session.site, stamp(since), stamp(until))
    return [read(Override, row["data"]) for row in rows]


async def hand_over(session: Session, hand_over: str) -> HandOver | None:
    row = await session.one(HAND_OVER, session.site, plain(hand_over))
    return read(HandOver, row["data"]) if row else None


async def hand_overs(session: Session, limit: int, before: datetime | None) -> list[HandOver]:
    """Newest first, those due before this moment."""
    edge = stamp(before) if before else EVER
    rows = await session.fetch(NEWEST, session.site, edge, limit)
    return [read(HandOver, row["data"]) for row in rows]


async def trainings(session: Session) -> list[Training]:
    rows = await session.fetch(TRAININGS, session.site)
    return [read(Training, row["data"]) for row in rows]
