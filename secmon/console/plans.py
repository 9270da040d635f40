"""Emergency plans over HTTP (DB33/T 830-2011, 4.1 b): which there are, begin, tick."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from secmon.api import User
from secmon.console.access import USER
from secmon.console.acting import full_json
from secmon.console.daemon import DAEMON, Daemon
from secmon.console.duty_api import settled
from secmon.console.problems import Problem
from secmon.console.requests import body_of, json_response
from secmon.core.model import Plan
from secmon.core.wishes import BeginPlan, TickStep


def plan_routes() -> list[web.RouteDef]:
    one = "/api/v1/tickets/{number}/plans/{plan}"
    return [
        web.get("/api/v1/plans", plans),
        web.post(one, begin),
        web.post(one + "/steps/{step}", tick),
    ]


async def plans(request: web.Request) -> web.Response:
    every = request.app[DAEMON].policy.plans.values()
    return json_response({"plans": [_row(one) for one in every]})


def _row(one: Plan) -> Mapping[str, object]:
    return {
        "id": one.id,
        "system": one.system,
        "title": dict(one.title),
        "steps": [dict(step) for step in one.steps],
        "ours": one.ours,
    }


async def begin(request: web.Request) -> web.Response:
    """The plan is followed on this ticket from now on, as it stands now."""
    user = request[USER]
    await body_of(request, {})
    await begin_plan(request.app[DAEMON], user, *_named(request))
    return await _ticket(request, 201)


async def tick(request: web.Request) -> web.Response:
    """`done`: true, or false if it was ticked by mistake."""
    user = request[USER]
    done = (await body_of(request, {"done": bool})).get("done") is not False
    step = request.match_info["step"]
    await tick_step(request.app[DAEMON], user, *_named(request), step, done=done)
    return await _ticket(request)


async def begin_plan(daemon: Daemon, user: User, number: str, plan: str) -> str:
    """Problem 409 if somebody has begun it already, 404 if the ticket's system has no such plan."""
    return await settled(daemon, BeginPlan(number, plan, user.name, daemon.clock.now()))


async def tick_step(
    daemon: Daemon, user: User, number: str, plan: str, step: str, *, done: bool
) -> str:
    """Problem 409 if the step is so already, 404 if there is none."""
    if not (step.isascii() and step.isdecimal() and len(step) < 4):
        raise Problem(404, f"step: expected a number (got {step[:20]!r})")
    now = daemon.clock.now()
    wish = TickStep(number, plan, int(step), user.name, now, undone=not done)
    return await settled(daemon, wish)


def _named(request: web.Request) -> tuple[str, str]:
    return request.match_info["number"][:40], request.match_info["plan"][:64]


async def _ticket(request: web.Request, status: int = 200) -> web.Response:
    daemon = request.app[DAEMON]
    found = await daemon.ticket(request.match_info["number"])
    if found is None:
        raise Problem(404, "the ticket is gone")
    return json_response(await full_json(daemon, found), status)
