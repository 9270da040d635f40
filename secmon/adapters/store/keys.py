"""Keys that the store makes for itself and gives to nobody outside."""

from __future__ import annotations

import secrets

from secmon.adapters.store.connection import Session

ADD = """INSERT INTO meta (site, name, value) VALUES ($1, 'link_key', $2)
    ON CONFLICT (site, name) DO NOTHING"""
KEY = "SELECT value FROM meta WHERE site = $1 AND name = 'link_key'"
BYTES = 32


async def link_key(session: Session) -> bytes:
    """The key that signs links: made when it is first asked for."""
    row = await session.one(KEY, session.site)
    if row is None:
        await session.fetch(ADD, session.site, secrets.token_hex(BYTES))
        row = await session.one(KEY, session.site)
    if row is None:
        raise RuntimeError("the key for links vanished inside its own transaction")
    return bytes.fromhex(row["value"])
