"""Emergency plans on a ticket's page: begin one, tick its steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from secmon.api import StoreDown
from secmon.console.access import USER
from secmon.console.daemon import DAEMON
from secmon.console.pages.frame import form_of, go, may_work, speech_of
from secmon.console.plans import begin_plan, tick_step
from secmon.console.problems import Problem
from secmon.core.model import Checklist, Mark, Ticket
from secmon.core.plans import fitting, local

SAID = ("taken", "store")  # what a page that comes back says


@dataclass(frozen=True, slots=True)
class Step:
    number: int
    text: str
    done: Mark | None


@dataclass(frozen=True, slots=True)
class Followed:
    """A plan that was begun."""

    id: str
    title: str
    begun: Mark
    steps: Sequence[Step]
    ours: bool

    @property
    def done(self) -> int:
        return sum(step.done is not None for step in self.steps)


def routes() -> list[web.RouteDef]:
    one = "/tickets/{number}/plan/{plan}"
    return [
        web.post(one + "/begin", begin, name="page.plan_begin"),
        web.post(one + "/{step}", tick, name="page.plan_tick"),
    ]


async def begin(request: web.Request) -> web.Response:
    user = request[USER]
    number, plan = request.match_info["number"], request.match_info["plan"]
    said = ""
    try:
        await begin_plan(request.app[DAEMON], user, number, plan)
    except (Problem, StoreDown) as problem:
        said = _said(problem)
    return _back(number, plan, said)


async def tick(request: web.Request) -> web.Response:
    """`done` 1, or 0 for what was ticked by mistake."""
    user = request[USER]
    number, plan = request.match_info["number"], request.match_info["plan"]
    done = (await form_of(request)).get("done") != "0"
    said = ""
    try:
        await tick_step(
            request.app[DAEMON], user, number, plan, request.match_info["step"], done=done
        )
    except (Problem, StoreDown) as problem:
        said = _said(problem)
    return _back(number, plan, said)


def plan_values(request: web.Request, ticket: Ticket) -> Mapping[str, object]:
    """What the ticket's page shows of plans."""
    language = speech_of(request).texts.language
    works = may_work(request[USER]) and not ticket.ended
    fresh = fitting(request.app[DAEMON].policy, ticket) if works else []
    said = request.query.get("plan", "")
    return {
        "followed": [_followed(key, one, language) for key, one in ticket.checklists.items()],
        "may_tick": works,
        "fresh_plans": [(one.id, local(one.title, language), one.ours) for one in fresh],
        "plan_said": said if said in SAID else "",
    }


def _followed(key: str, one: Checklist, language: str) -> Followed:
    steps = [
        Step(number, local(step, language), one.done.get(str(number)))
        for number, step in enumerate(one.steps, 1)
    ]
    return Followed(key, local(one.title, language), one.begun, steps, one.ours)


def _said(problem: Problem | StoreDown) -> str:
    """Somebody else was quicker, or the store is away: no error page for that."""
    if isinstance(problem, StoreDown):
        return "store"
    if problem.status != 409:
        raise problem
    return "taken"


def _back(number: str, plan: str, said: str) -> web.Response:
    query = f"?plan={said}" if said else ""
    return go(f"/tickets/{number}{query}#plan-{plan}")
