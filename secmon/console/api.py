"""The JSON API of CONTRACT 5: devices, faults, tickets, verbs, events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final, Protocol

from aiohttp import web

from secmon.api import Clock, StoreDown, User
from secmon.console import views
from secmon.console.access import READERS, WORKERS, Brake, Door, guard, need, networks
from secmon.console.admin import OFFICE, Office, admin_routes
from secmon.console.kpi import COUNTED, Counted, kpi_routes
from secmon.console.openapi import document
from secmon.console.problems import Problem, as_problems
from secmon.console.requests import BODY, Kind, body_of, json_response
from secmon.core.model import (
    ENDED,
    Action,
    Content,
    Device,
    Entry,
    Observation,
    Policy,
    Refusal,
    Severity,
    Ticket,
    TicketState,
    Verb,
    Way,
)
from secmon.core.tickets import as_json, stamp
from secmon.core.world import World
from secmon.texts.clean import mask

PAGE = 500  # tickets of a listing, at most 5,000 by `limit`
OPEN_PATHS = frozenset(("/api/v1/openapi.json",))


class Daemon(Office, Counted, Protocol):
    """What the API needs of the daemon behind it."""

    clock: Clock
    version: str

    @property
    def world(self) -> World: ...
    @property
    def policy(self) -> Policy: ...
    def summary(self, ticket: Ticket) -> str: ...
    def events(self) -> AbstractContextManager[asyncio.Queue[Mapping[str, object]]]: ...
    async def act(self, action: Action) -> Ticket | Refusal: ...
    async def poll(self, device: str) -> Sequence[Observation]: ...
    async def tickets(
        self, states: Collection[TicketState] | None, device: str, limit: int
    ) -> Sequence[Ticket]: ...
    async def ticket(self, number: str) -> Ticket | None: ...
    async def journal(self, ticket: Ticket) -> Sequence[Entry]: ...
    async def user(self, digest: str) -> User | None: ...


DAEMON: Final = web.AppKey("daemon", Daemon)


def application(
    daemon: Daemon, beside: Sequence[web.RouteDef] = (), proxies: Sequence[str] = ()
) -> web.Application:
    """The API as an aiohttp application; `beside` are routes that need no log-in of ours, `proxies`
    the networks whose word on a client's address is taken."""
    brake = Brake(daemon.clock.tick)
    open_paths = OPEN_PATHS | {route.path for route in beside}
    app = web.Application(
        middlewares=[as_problems, guard(Door(daemon.user, brake, networks(proxies)), open_paths)],
        client_max_size=BODY,
    )
    app[DAEMON] = daemon
    app[OFFICE] = daemon
    app[COUNTED] = daemon
    app.add_routes(admin_routes())
    app.add_routes(kpi_routes())
    app.add_routes(beside)
    app.add_routes(
        [
            web.get("/api/v1/openapi.json", openapi),
            web.get("/api/v1/devices", devices),
            web.get("/api/v1/devices/{id}", device),
            web.post("/api/v1/devices/{id}/poll", poll),
            web.get("/api/v1/faults", faults),
            web.get("/api/v1/tickets", tickets),
            web.post("/api/v1/tickets", report),
            web.get("/api/v1/tickets/{number}", ticket),
            web.post("/api/v1/tickets/{number}/{verb}", verb),
            web.get("/api/v1/events", events),
        ]
    )
    return app


async def openapi(request: web.Request) -> web.Response:
    return json_response(document(request.app[DAEMON].version))


# --- devices and faults ----------------------------------------------------------------------


async def devices(request: web.Request) -> web.Response:
    need(request, READERS)
    daemon = request.app[DAEMON]
    every = daemon.policy.devices.values()
    rows = [views.device_row(daemon.world, daemon.policy, one) for one in every]
    return json_response({"devices": rows})


async def device(request: web.Request) -> web.Response:
    need(request, READERS)
    daemon = request.app[DAEMON]
    return json_response(views.device_page(daemon.world, daemon.policy, _device(request)))


async def poll(request: web.Request) -> web.Response:
    """Polls every probe of the device now and waits for what they say."""
    need(request, WORKERS)
    daemon = request.app[DAEMON]
    seen = await daemon.poll(_device(request).id)
    policy = daemon.policy
    return json_response({"observations": [views.observation_page(policy, one) for one in seen]})


async def faults(request: web.Request) -> web.Response:
    need(request, READERS)
    daemon = request.app[DAEMON]
    every = sorted(daemon.world.faults.items())
    return json_response({"faults": [views.fault_row(daemon.policy, fault) for _, fault in every]})


def _device(request: web.Request) -> Device:
    name = request.match_info["id"]
    found = request.app[DAEMON].policy.devices.get(name)
    if found is None:
        raise Problem(404, f"there is no device {name[:64]!r} in the site file")
    return found


# --- tickets ---------------------------------------------------------------------------------


def ticket_json(daemon: Daemon, one: Ticket) -> dict[str, object]:
    """CONTRACT 5's ticket without its journal, its summary in the site's language."""
    return {**as_json(one, daemon.clock.now()), "summary": daemon.summary(one)}


async def full_json(daemon: Daemon, one: Ticket) -> dict[str, object]:
    """The ticket with its journal."""
    try:
        lines = await daemon.journal(one)
    except StoreDown:
        lines = ()
    journal = [
        {"at": stamp(line.at), "by": line.by, "what": line.what, "why": line.why} for line in lines
    ]
    return {**ticket_json(daemon, one), "journal": journal}


async def tickets(request: web.Request) -> web.Response:
    """Newest first. `state` takes one or several states, comma-separated, or `all`."""
    need(request, READERS)
    daemon = request.app[DAEMON]
    states = _states(request.query.get("state", ""))
    wanted = request.query.get("device", "")
    limit = _limit(request.query.get("limit", ""))
    found = await daemon.tickets(states, wanted, limit)
    return json_response({"tickets": [ticket_json(daemon, one) for one in found]})


def _states(text: str) -> Collection[TicketState] | None:
    if text in ("", "all"):
        return None
    known = {str(state) for state in TicketState}
    asked = [word.strip() for word in text.split(",") if word.strip()]
    wrong = [word for word in asked if word not in known]
    if wrong:
        raise Problem(
            400, f"state: expected one of {', '.join(sorted(known))} (got {wrong[0][:40]!r})"
        )
    return [TicketState(word) for word in asked]


def _limit(text: str) -> int:
    if not text:
        return PAGE
    if not text.isdecimal() or len(text) > 9 or not 1 <= int(text) <= 10 * PAGE:
        raise Problem(400, f"limit: expected 1 to {10 * PAGE} (got {text[:20]!r})")
    return int(text)


async def ticket(request: web.Request) -> web.Response:
    need(request, READERS)
    daemon = request.app[DAEMON]
    number = request.match_info["number"]
    found = await daemon.ticket(number)
    if found is None:
        raise Problem(404, f"there is no ticket {number[:40]}")
    return json_response(await full_json(daemon, found))


REPORT_KEYS: Mapping[str, Kind] = {"device": str, "note": str, "part": str, "severity": Severity}
VERB_KEYS: Mapping[str, Kind] = {
    "note": str,
    "version": int,
    "way": Way,
    "to": str,
    "content": Content,
}


async def report(request: web.Request) -> web.Response:
    """A person reports a fault: `device`, `note`, and if known `part` and `severity`."""
    user = need(request, WORKERS)
    daemon = request.app[DAEMON]
    body = await body_of(request, REPORT_KEYS)
    if "device" not in body:
        raise Problem(400, "device: expected a device's id (got nothing)")
    action = Action(
        str(body["device"]),
        Verb.REPORT,
        user.name,
        daemon.clock.now(),
        note=mask(str(body.get("note", ""))),
        part=str(body.get("part", "")),
        severity=Severity(str(body.get("severity", Severity.MINOR))),
    )
    done = await _settle(daemon, await daemon.act(action), action)
    return json_response(await full_json(daemon, done), 201)


async def verb(request: web.Request) -> web.Response:
    """Applies a verb. 409 carries the present ticket; nothing was changed then."""
    user = need(request, WORKERS)
    daemon = request.app[DAEMON]
    word = request.match_info["verb"]
    if word not in set(Verb) - {Verb.REPORT}:
        raise Problem(404, f"there is no verb {word[:40]!r}")
    body = await body_of(request, VERB_KEYS)
    number = request.match_info["number"]
    if word == Verb.VERIFY:
        await _look_again(daemon, number)
    version = body.get("version")
    action = Action(
        number,
        Verb(word),
        user.name,
        daemon.clock.now(),
        note=mask(str(body.get("note", ""))),
        version=version if isinstance(version, int) else None,
        way=Way(str(body["way"])) if "way" in body else None,
        to=mask(str(body.get("to", ""))),
        content=Content(str(body["content"])) if "content" in body else None,
    )
    done = await _settle(daemon, await daemon.act(action), action)
    return json_response(await full_json(daemon, done))


async def _look_again(daemon: Daemon, number: str) -> None:
    """`verify` polls now and waits, so that it is judged on what is true now."""
    found = await daemon.ticket(number)
    if found is None or found.state is not TicketState.REPAIRED:
        return
    device = daemon.policy.devices.get(found.device)
    if device is not None and device.probes:
        await daemon.poll(device.id)


async def _settle(daemon: Daemon, outcome: Ticket | Refusal, action: Action) -> Ticket:
    if isinstance(outcome, Ticket):
        return outcome
    status = 400 if outcome.code == "invalid" else 409
    present = outcome.ticket or await daemon.ticket(action.subject)
    if present is None:
        raise Problem(404 if outcome.code == "unknown" else status, outcome.text)
    text = outcome.text
    if outcome.ticket is None and present.state in ENDED:
        text = f"ticket {present.number} is {present.state}: cannot {action.verb}"
    raise Problem(status, text, code=outcome.code, ticket=await full_json(daemon, present))


# --- events ----------------------------------------------------------------------------------


async def events(request: web.Request) -> web.StreamResponse:
    """Server-sent events: every lasting change, with a comment every few seconds between."""
    need(request, READERS)
    daemon = request.app[DAEMON]
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
    )
    await response.prepare(request)
    with daemon.events() as queue:
        async for chunk in _stream(queue):
            await response.write(chunk)
    return response


async def _stream(queue: asyncio.Queue[Mapping[str, object]]) -> AsyncIterator[bytes]:
    yield b": secmon\n\n"
    while True:
        try:
            async with asyncio.timeout(5):
                event = await queue.get()
        except TimeoutError:
            yield b": still here\n\n"
            continue
        data = json.dumps(event, ensure_ascii=False)
        yield f"event: {event.get('type', 'change')}\ndata: {data}\n\n".encode()
