"""The audit for programs: lines as JSON, JSON lines or CSV, and the check of its chain."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from aiohttp import web

from secmon.api import AuditLine, AuditWish
from secmon.console.daemon import DAEMON
from secmon.console.ledger import LEDGER, What, note
from secmon.console.problems import Problem
from secmon.console.requests import json_response
from secmon.core.tickets import stamp
from secmon.texts.cells import BOM, csv_rows

PAGE = 200  # lines, at most 1,000 by `limit`
MOST = 1000
COLUMNS = ("id", "at", "who", "address", "what", "subject", "outcome", "why", "sha256")
KINDS = {"csv": "text/csv", "jsonl": "application/jsonl"}


def audit_routes() -> list[web.RouteDef]:
    return [web.get("/api/v1/audit", audit), web.get("/api/v1/audit/check", check)]


async def audit(request: web.Request) -> web.StreamResponse:
    """Newest first. `format=csv` or `jsonl`: all lines of the span as a file, oldest last."""
    kind = request.query.get("format", "json")
    wish = wish_of(request)
    if kind in KINDS:
        return await _export(request, wish, kind)
    if kind != "json":
        raise Problem(400, f"format: expected json, jsonl or csv (got {kind[:20]!r})")
    lines = await request.app[LEDGER].audit(wish)
    return json_response({"lines": [line_json(line) for line in lines]})


async def check(request: web.Request) -> web.Response:
    """Was no line changed, taken out or put in? `head` is what to keep elsewhere."""
    found = await request.app[LEDGER].check_audit()
    return json_response(
        {
            "good": not found.mistakes,
            "lines": found.count,
            "first": found.first,
            "last": found.last,
            "head": found.head,
            "mistakes": list(found.mistakes),
        }
    )


def line_json(line: AuditLine) -> dict[str, object]:
    return {
        "id": line.id,
        "at": stamp(line.at),
        "who": line.who,
        "address": line.address,
        "what": line.what,
        "subject": line.subject,
        "outcome": line.outcome,
        "why": line.why,
        "sha256": line.sha256,
    }


def wish_of(request: web.Request) -> AuditWish:
    """`from`, `to` (a day of the site's, or RFC 3339), `who`, `what`, `subject`, `before`, `limit`.
    Problem 400."""
    query = request.query
    what = query.get("what", "")
    if what and what not in set(What):
        raise Problem(400, f"what: expected one of {', '.join(What)} (got {what[:40]!r})")
    zone = ZoneInfo(request.app[DAEMON].policy.timezone)
    return AuditWish(
        limit=_number(query, "limit", MOST) or PAGE,
        before=_number(query, "before", 1 << 62),
        since=_moment(query, "from", zone, timedelta(0)),
        until=_moment(query, "to", zone, timedelta(days=1)),
        who=query.get("who", "")[:64],
        what=what,
        subject=query.get("subject", "")[:200],
    )


def _number(query: Mapping[str, str], key: str, most: int) -> int | None:
    text = query.get(key, "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > 18 or not 1 <= int(text) <= most:
        raise Problem(400, f"{key}: expected 1 to {most} (got {text[:20]!r})")
    return int(text)


def _moment(
    query: Mapping[str, str], key: str, zone: ZoneInfo, day_end: timedelta
) -> datetime | None:
    """A bare day is the site's day; as `to` it is within."""
    text = query.get(key, "").strip()
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text[:40])
        at = found if found.tzinfo else found.replace(tzinfo=zone)
        return (at + day_end if len(text) == len("2026-11-01") else at).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Problem(
            400, f"{key}: expected a day like 2026-11-01 or a time in RFC 3339 (got {text[:40]!r})"
        ) from None


async def _export(request: web.Request, wish: AuditWish, kind: str) -> web.StreamResponse:
    """In pages, so that 400 days of lines need no memory. Written down before the first of them."""
    span = f"{stamp(wish.since) or 'the first'} to {stamp(wish.until) or 'now'}"
    await note(request, What.EXPORT, "audit", why=f"{kind} {span}")
    name = f"audit-{request.app[DAEMON].policy.site}.{kind}"
    response = web.StreamResponse(
        headers={
            "Content-Type": f"{KINDS[kind]}; charset=utf-8",
            "Content-Disposition": f'attachment; filename="{name}"',
        }
    )
    await response.prepare(request)
    if kind == "csv":
        await response.write((BOM + csv_rows([COLUMNS])).encode())
    async for lines in _pages(request, wish):
        await response.write(_written(lines, kind).encode())
    await response.write_eof()
    return response


async def _pages(request: web.Request, wish: AuditWish) -> AsyncIterator[list[AuditLine]]:
    wish = replace(wish, limit=MOST)
    while lines := await request.app[LEDGER].audit(wish):
        yield list(lines)
        wish = replace(wish, before=lines[-1].id)


def _written(lines: list[AuditLine], kind: str) -> str:
    rows = [line_json(line) for line in lines]
    if kind == "csv":
        return csv_rows([[row[key] for key in COLUMNS] for row in rows])
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
