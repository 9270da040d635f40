"""Logging in by password or by a link that works once, and logging out."""

from __future__ import annotations

from aiohttp import web

from secmon.console.access import DOOR, PASS, USER, digest, need_same_origin
from secmon.console.daemon import DAEMON
from secmon.console.ledger import What, note
from secmon.console.pages.frame import form_of, go, local, render, speech_of
from secmon.console.problems import Problem
from secmon.console.sessions import DESK, forget, keep

OPEN = frozenset(("/login", "/login/once"))


def routes() -> list[web.RouteDef]:
    return [
        web.get("/login", login, name="page.login"),
        web.post("/login", log_in, name="page.log_in"),
        web.post("/login/once", log_in_once, name="page.log_in_once"),
        web.post("/logout", log_out, name="page.logout"),
    ]


async def login(request: web.Request) -> web.Response:
    """The form; with `?once=` a button, so that a link's preview does not use the link up."""
    wanted = local(request.query.get("next", "/"))
    once = request.query.get("once", "")[:200]
    if not once and await _logged_in(request):
        return go(wanted)
    return _page(request, wanted, once=once, again=_asks_again(request))


def _asks_again(request: web.Request) -> bool:
    """A link on another site's page comes without our SameSite=Strict cookie: the page that we
    give then asks once more by itself, and what our own page asks for comes with it."""
    return request.headers.get("Sec-Fetch-Site") == "cross-site" and "again" not in request.query


async def _logged_in(request: web.Request) -> bool:
    secret = request.cookies.get(request.app[DOOR].cookie, "")
    return bool(secret) and await request.app[DAEMON].session(digest(secret)) is not None


async def log_in(request: web.Request) -> web.Response:
    need_same_origin(request, request.app[DOOR])
    form = await form_of(request)
    wanted, name = local(form.get("next", "/")), form.get("name", "").strip()
    try:
        secret = await request.app[DESK].by_password(request, name, form.get("password", ""))
    except Problem as said:
        return _refused(request, said, wanted, name)
    if not secret:
        say = speech_of(request).say
        return _page(request, wanted, name=name, wrong=say("login.wrong"), status=401)
    return _in(request, secret, wanted)


async def log_in_once(request: web.Request) -> web.Response:
    need_same_origin(request, request.app[DOOR])
    form = await form_of(request)
    wanted = local(form.get("next", "/"))
    try:
        secret = await request.app[DESK].by_link(request, form.get("once", ""))
    except Problem as said:
        return _refused(request, said, wanted, "")
    if not secret:
        say = speech_of(request).say
        return _page(request, wanted, wrong=say("login.link_over"), status=401)
    return _in(request, secret, wanted)


async def log_out(request: web.Request) -> web.Response:
    came_by = request.get(PASS)
    if came_by and came_by.session:
        await request.app[DAEMON].end_session(came_by.digest)
        await note(request, What.LOG_OUT, request[USER].name)
    response = go("/login")
    forget(request, response)
    return response


def _in(request: web.Request, secret: str, wanted: str) -> web.Response:
    response = go(wanted)
    keep(request, response, secret)
    return response


def _refused(request: web.Request, said: Problem, wanted: str, name: str) -> web.Response:
    say = speech_of(request).say
    seconds = (said.headers or {}).get("Retry-After", "60")
    page = _page(
        request, wanted, name=name, wrong=say("login.wait", seconds=seconds), status=said.status
    )
    page.headers.update(said.headers or {})
    return page


def _page(
    request: web.Request,
    wanted: str,
    *,
    name: str = "",
    once: str = "",
    wrong: str = "",
    again: bool = False,
    status: int = 200,
) -> web.Response:
    return render(
        request,
        "login.html",
        title=speech_of(request).say("login.title"),
        status=status,
        every=0,
        values={"wanted": wanted, "name": name[:64], "once": once, "wrong": wrong, "again": again},
    )
