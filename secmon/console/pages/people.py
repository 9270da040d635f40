"""People, for administrators: roles, last log-ins, locks, sessions."""

from __future__ import annotations

from aiohttp import web

from secmon.api import Role
from secmon.console.access import USER
from secmon.console.admin import NAME, OFFICE
from secmon.console.pages.frame import form_of, go, render, speech_of
from secmon.console.people import change_role, end_all, everybody, lift_lock
from secmon.console.problems import Problem

VERBS = ("unlock", "end_sessions", "role")


def routes() -> list[web.RouteDef]:
    return [
        web.get("/people", people, name="page.people"),
        web.post("/people/{verb}", act, name="page.people_act"),
    ]


async def people(request: web.Request) -> web.Response:
    say, done = speech_of(request).say, request.query.get("done", "")
    return render(
        request,
        "people.html",
        title=say("people.title"),
        every=30,
        values={
            "people": await everybody(request),
            "roles": tuple(Role),
            "me": request[USER].name,
            "said": say(f"people.done_{done}") if done in VERBS else "",
        },
    )


async def act(request: web.Request) -> web.Response:
    """A button beside a name."""
    verb, form = request.match_info["verb"], await form_of(request)
    name = form.get("name", "")
    if verb not in VERBS:
        raise Problem(404, f"there is no verb {verb[:40]!r}")
    if not any(user.name == name for user in await request.app[OFFICE].users()):
        raise Problem(404, f"there is no user {name[:NAME]!r}")
    match verb:
        case "unlock":
            await lift_lock(request, name)
        case "end_sessions":
            await end_all(request, name)
        case _:
            role = form.get("role", "")
            if role not in set(Role):
                raise Problem(400, f"role: expected one of {', '.join(Role)} (got {role[:40]!r})")
            await change_role(request, name, Role(role))
    return go(f"/people?done={verb}")
