"""Errors of pages as pages; who is not logged in is sent to do so."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from urllib.parse import urlencode

from aiohttp import web

from secmon.api import StoreDown
from secmon.console.pages.frame import go, render, speech_of
from secmon.console.problems import Handler, Problem

log = logging.getLogger(__name__)

PROGRAMS = ("/api/", "/-/", "/metrics", "/static/")  # what no person reads
KNOWN = (400, 401, 403, 404, 405, 413, 415, 429, 500, 503)


@web.middleware
async def as_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Stands between the API's problem documents and the pages' handlers."""
    if not for_a_person(request):
        return await handler(request)
    try:
        return await handler(request)
    except Problem as said:
        if said.status == 401 and request.method in ("GET", "HEAD"):
            return go("/login?" + urlencode({"next": request.path_qs}))
        return trouble(request, said.status, said.detail, said.headers)
    except StoreDown as down:
        return trouble(request, 503, str(down), {"Retry-After": "5"})
    except web.HTTPException as error:
        if error.status < 400:
            raise
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
        return trouble(request, error.status, error.text or error.reason, allow)
    except Exception:
        log.exception("our bug in a page path=%s", request.path)
        return trouble(request, 500, "")


def for_a_person(request: web.Request) -> bool:
    """Is it a page of ours, or else a browser that asks?"""
    if request.path.startswith(PROGRAMS):
        return False
    named = request.match_info.route.name or ""
    return named.startswith("page.") or "text/html" in request.headers.get("Accept", "")


def trouble(
    request: web.Request, status: int, detail: str, headers: Mapping[str, str] | None = None
) -> web.Response:
    """The page of an error. `detail` is English, for whoever is asked for help."""
    say = speech_of(request).say
    number = status if status in KNOWN else (500 if status >= 500 else 400)
    response = render(
        request,
        "trouble.html",
        title=say(f"trouble.title_{number}"),
        status=status,
        every=0,
        values={"number": status, "about": say(f"trouble.about_{number}"), "detail": detail[:500]},
    )
    response.headers.update(headers or {})
    return response
