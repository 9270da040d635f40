"""Planned work: what is silenced now and what comes; silence something, end a silence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from aiohttp import web

from secmon.api import StoreDown
from secmon.console.access import READERS, WORKERS, need
from secmon.console.daemon import DAEMON
from secmon.console.pages.frame import form_of, go, render, speech_of
from secmon.console.problems import Problem
from secmon.console.requests import checked
from secmon.console.windows_api import (
    KEYS,
    OVER,
    lift,
    local_time,
    present_rows,
    silence,
    silence_row,
)
from secmon.core.windows import Do
from secmon.standard import tables

LASTS = ("30m", "1h", "2h", "4h", "8h", "24h", "72h")
FIELDS = ("what", "device", "system", "part", "rule", "do", "for", "to", "note")


def routes() -> list[web.RouteDef]:
    return [
        web.get("/windows", windows, name="page.windows"),
        web.post("/windows", add, name="page.windows_add"),
        web.post("/windows/{id}/end", end, name="page.windows_end"),
    ]


async def windows(request: web.Request) -> web.Response:
    need(request, READERS)
    done = request.query.get("done", "")
    said = speech_of(request).say(f"windows.done_{done}") if done in ("add", "end") else ""
    device = request.query.get("device", "")[:64]
    given = {"what": "device", "device": device} if device else {}
    return await _page(request, said=said, given=given)


async def add(request: web.Request) -> web.Response:
    """Silences what the form says; what was refused comes back with all that was typed."""
    user = need(request, WORKERS)
    form = await form_of(request)
    given = {key: form[key].strip() for key in FIELDS if form.get(key, "").strip()}
    try:
        body = checked(_body(request, given), KEYS)
        await silence(request.app[DAEMON], user, body)
    except StoreDown:
        words = speech_of(request).say("ticket.refused_store")
        return await _page(request, refused=words, given=given, status=503)
    except Problem as said:
        if said.status not in (400, 409):
            raise
        words = speech_of(request).say("ticket.refused_invalid") + " " + said.detail
        return await _page(request, refused=words, given=given, status=said.status)
    return go("/windows?done=add")


async def end(request: web.Request) -> web.Response:
    user = need(request, WORKERS)
    try:
        await lift(request.app[DAEMON], user, request.match_info["id"])
    except StoreDown:
        words = speech_of(request).say("ticket.refused_store")
        return await _page(request, refused=words, status=503)
    except Problem as said:
        if said.status not in (404, 409):
            raise
        words = speech_of(request).say("windows.not_ended") + " " + said.detail
        return await _page(request, refused=words, status=said.status)
    return go("/windows?done=end")


def _body(request: web.Request, given: Mapping[str, str]) -> dict[str, object]:
    """The form as the API wants it: what is covered by its own key, times with their zone."""
    what = given.get("what", "device")
    wanted = {"device": ("device", "part", "rule"), "system": ("system", "rule")}.get(
        what, ("rule",)
    )
    body: dict[str, object] = {key: given[key] for key in wanted if key in given}
    body |= {key: given[key] for key in ("do", "note") if key in given}
    if what == "site":
        body["site"] = True
    if "to" in given:
        zone = ZoneInfo(request.app[DAEMON].policy.timezone)
        body["to"] = local_time(given["to"], zone)
    elif "for" in given:
        body["for"] = given["for"]
    return body


async def _page(
    request: web.Request,
    *,
    said: str = "",
    refused: str = "",
    given: Mapping[str, str] | None = None,
    status: int = 200,
) -> web.Response:
    daemon, words = request.app[DAEMON], speech_of(request)
    now = daemon.clock.now()
    try:
        over = [silence_row(one, now) for one in await daemon.silences_over(OVER)]
    except StoreDown:
        over = []
    return render(
        request,
        "windows.html",
        title=words.say("windows.title"),
        url="/windows",
        live=("device",),
        every=15,
        status=status,
        values={
            "rows": present_rows(daemon),
            "over": over,
            "at": lambda text: datetime.fromisoformat(text) if text else None,
            "devices": daemon.policy.devices,
            "systems": [
                code
                for code in tables.systems()
                if any(one.system == code for one in daemon.policy.devices.values())
            ],
            "rules": sorted({rule.id for rule in daemon.policy.rules}),
            "lasts": LASTS,
            "dos": tuple(Do),
            "said": said,
            "refused": refused,
            "given": given or {},
        },
    )
