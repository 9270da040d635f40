"""The audit: who did what, from where, and how it ended."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import urlencode

from aiohttp import web

from secmon.api import AuditWish
from secmon.console.audit import wish_of
from secmon.console.ledger import LEDGER, What
from secmon.console.pages.frame import render, speech_of
from secmon.console.problems import Problem

SHOWN = 100  # lines of a page
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)  # what a date field takes
KEYS = ("from", "to", "who", "what", "subject")


def routes() -> list[web.RouteDef]:
    return [web.get("/audit", audit, name="page.audit")]


async def audit(request: web.Request) -> web.Response:
    words = speech_of(request)
    refused, wish = "", AuditWish(SHOWN + 1)
    try:
        wish = replace(wish_of(request), limit=SHOWN + 1)
    except Problem as said:
        refused = said.detail
    lines = [] if refused else list(await request.app[LEDGER].audit(wish))
    given = {key: request.query.get(key, "")[:200] for key in KEYS}
    query = urlencode({key: value for key, value in given.items() if value})
    older = f"/audit?{query}&before={lines[SHOWN - 1].id}" if len(lines) > SHOWN else ""
    return render(
        request,
        "audit.html",
        title=words.say("audit.title"),
        every=0,
        status=400 if refused else 200,
        values={
            "lines": lines[:SHOWN],
            "given": given,
            "days": {
                key: given[key] if DAY.fullmatch(given[key]) else "" for key in ("from", "to")
            },
            "narrowed": bool(query),
            "older": older,
            "newest": f"/audit?{query}" if "before" in request.query else "",
            "export": f"/api/v1/audit?{query}{'&' if query else ''}format=",
            "whats": tuple(What),
            "what_word": lambda code: words.say(f"audit.what_{code}"),
            "refused": refused,
            "chain": await request.app[LEDGER].check_audit() if "check" in request.query else None,
        },
    )
