"""One's own account: last log-in, password, sessions, tokens."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from secmon.console import account as own
from secmon.console.access import USER
from secmon.console.account import SHORT, this_session
from secmon.console.daemon import DAEMON
from secmon.console.ledger import LEDGER
from secmon.console.pages.frame import form_of, go, render, speech_of
from secmon.console.passwords import LONGEST, SHORTEST
from secmon.console.people import drop_token, make_token
from secmon.console.problems import Problem
from secmon.console.rights import ROLES, SCOPES, Scope
from secmon.console.sessions import keep

SAID = ("password", "sessions", "token_removed")
EXPIRIES = ("30d", "90d", "365d", "")


def routes() -> list[web.RouteDef]:
    return [
        web.get("/account", account, name="page.account"),
        web.post("/account/password", password, name="page.password"),
        web.post("/account/sessions/end", end_sessions, name="page.end_sessions"),
        web.post("/account/tokens", add_token, name="page.add_token"),
        web.post("/account/tokens/remove", remove_token, name="page.remove_token"),
    ]


async def account(request: web.Request) -> web.Response:
    done, say = request.query.get("done", ""), speech_of(request).say
    return await _page(request, said=say(f"account.done_{done}") if done in SAID else "")


async def password(request: web.Request) -> web.Response:
    form = await form_of(request)
    given = [form.get(key, "") for key in ("old", "password", "again")]
    say = speech_of(request).say
    if given[1] != given[2]:
        return await _page(request, refused=say("account.not_the_same"), status=400)
    try:
        secret = await own.change_password(request, given[0], given[1])
    except Problem as said:
        return await _refused(request, said)
    response = go("/account?done=password")
    keep(request, response, secret)
    return response


async def end_sessions(request: web.Request) -> web.Response:
    await own.end_other_sessions(request)
    return go("/account?done=sessions")


async def add_token(request: web.Request) -> web.Response:
    """The new token is on the answer's page and nowhere else."""
    form = await form_of(request)
    chosen = [scope for scope in Scope if form.get(f"scope_{scope}")]
    body = {
        "name": form.get("name", ""),
        "scopes": ",".join(chosen),
        "expires": form.get("expires", ""),
    }
    try:
        made = await make_token(request, own.need_session(request).name, body)
    except Problem as said:
        return await _refused(request, said)
    return await _page(request, made=made)


async def remove_token(request: web.Request) -> web.Response:
    form = await form_of(request)
    user = own.need_session(request)
    try:
        await drop_token(request, user.name, form.get("name", " "))
    except Problem as said:
        return await _refused(request, said)
    return go("/account?done=token_removed")


async def _refused(request: web.Request, said: Problem) -> web.Response:
    """By its code in the reader's words, else as it was said."""
    if said.status not in (400, 404, 409, 429, 503):
        raise said
    words = speech_of(request)
    key = f"account.refused_{said.more.get('code', '')}"
    wait = (said.headers or {}).get("Retry-After", "60")
    text = words.say(key, seconds=wait) if key in words.phrases else said.detail
    if text == said.detail and said.detail.startswith("password:"):
        text = words.say("account.refused_weak", shortest=SHORTEST, longest=LONGEST)
    return await _page(request, refused=text, status=said.status)


async def _page(
    request: web.Request,
    *,
    said: str = "",
    refused: str = "",
    made: Mapping[str, object] | None = None,
    status: int = 200,
) -> web.Response:
    user, ledger = request[USER], request.app[LEDGER]
    words = speech_of(request)
    return render(
        request,
        "account.html",
        title=words.say("account.title"),
        every=0,
        status=status,
        values={
            "rights": [right for right, roles in ROLES.items() if user.role in roles],
            "sessions": await ledger.sessions(user.name, request.app[DAEMON].idle),
            "tokens": await ledger.tokens(user.name),
            "this": this_session(request)[:SHORT],
            "idle": words.texts.duration(request.app[DAEMON].idle),
            "scopes": [
                scope
                for scope in Scope
                if any(SCOPES[r] is scope and user.role in roles for r, roles in ROLES.items())
            ],
            "expiries": EXPIRIES,
            "shortest": SHORTEST,
            "must": user.must_change,
            "said": said,
            "refused": refused,
            "made": made,
        },
    )
