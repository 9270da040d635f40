"""Behind the door: may this user use this route? Who may not is written down."""

from __future__ import annotations

from aiohttp import web

from secmon.console.access import PASS, USER
from secmon.console.ledger import Outcome, What, note
from secmon.console.problems import Handler, Problem
from secmon.console.rights import Right, decision, require

PASSWORD_PAGE = "/account?must=1"


@web.middleware
async def admission(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Stands behind `guard`; a route that nobody decided on is refused to everybody."""
    if USER not in request or request.match_info.http_exception is not None:
        return await handler(request)
    try:
        right = _right(request)
        require(request[USER], right)
        if right is not Right.ACCOUNT and _must_change(request):
            return _change_first(request)
        return await handler(request)
    except Problem as said:
        if said.status == 403:
            asked = f"{request.method} {request.path}"
            await note(request, What.DENIED, asked, outcome=Outcome.REFUSED, why=said.detail)
        raise


def _right(request: web.Request) -> Right:
    resource = request.match_info.route.resource
    path = resource.canonical if resource else ""
    right = decision(request.method, path)
    if right is None:
        raise Problem(403, f"nobody decided who may use {request.method} {path}")
    return right


def _change_first(request: web.Request) -> web.Response:
    if request.path.startswith("/api/"):
        raise Problem(403, "change your password first", code="password")
    return web.Response(status=303, headers={"Location": PASSWORD_PAGE})


def _must_change(request: web.Request) -> bool:
    came_by = request.get(PASS)
    return came_by is not None and came_by.session and request[USER].must_change
