"""The JSON API of CONTRACT 5: devices, faults, tickets, verbs, events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Mapping

from aiohttp import web

from secmon.api import StoreDown
from secmon.console import acting, views
from secmon.console.access import PASS, USER, Pass
from secmon.console.acting import full_json, ticket_json
from secmon.console.daemon import DAEMON
from secmon.console.openapi import document
from secmon.console.problems import Problem
from secmon.console.requests import body_of, json_response
from secmon.console.rights import Right, may
from secmon.core.model import Device, TicketState
from secmon.texts import Texts

PAGE = 500  # tickets of a listing, at most 5,000 by `limit`
LOOK_AGAIN = 15.0  # seconds after which a stream asks anew whether its reader may still listen
OPEN_PATHS = frozenset(("/api/v1/openapi.json",))


def api_routes() -> list[web.RouteDef]:
    return [
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


async def openapi(request: web.Request) -> web.Response:
    return json_response(document(request.app[DAEMON].version))


# --- devices and faults ----------------------------------------------------------------------


async def devices(request: web.Request) -> web.Response:
    daemon = request.app[DAEMON]
    every = daemon.policy.devices.values()
    shade = daemon.shade()
    rows = [views.device_row(daemon.world, daemon.policy, one, shade) for one in every]
    if not may(request[USER], Right.ADDRESSES):
        rows = [views.without_addresses(row) for row in rows]
    return json_response({"devices": rows})


async def device(request: web.Request) -> web.Response:
    daemon = request.app[DAEMON]
    page = views.device_page(daemon.world, daemon.policy, _device(request), daemon.shade())
    shown = may(request[USER], Right.ADDRESSES)
    return json_response(page if shown else views.without_addresses(page))


async def poll(request: web.Request) -> web.Response:
    """Polls every probe of the device now and waits for what they say."""
    daemon = request.app[DAEMON]
    seen = await daemon.poll(_device(request).id)
    policy = daemon.policy
    return json_response({"observations": [views.observation_page(policy, one) for one in seen]})


async def faults(request: web.Request) -> web.Response:
    daemon = request.app[DAEMON]
    every = sorted(daemon.world.faults.items())
    rows = [views.fault_row(daemon.policy, fault) for _, fault in every]
    if not may(request[USER], Right.ADDRESSES):
        rows = [views.without_words(row) for row in rows]
    return json_response({"faults": rows})


def _device(request: web.Request) -> Device:
    name = request.match_info["id"]
    found = request.app[DAEMON].policy.devices.get(name)
    if found is None:
        raise Problem(404, f"there is no device {name[:64]!r} in the site file")
    return found


# --- tickets ---------------------------------------------------------------------------------


async def tickets(request: web.Request) -> web.Response:
    """Newest first. `state` takes one or several states, comma-separated, or `all`."""
    daemon = request.app[DAEMON]
    states = _states(request.query.get("state", ""))
    wanted = request.query.get("device", "")
    limit = _limit(request.query.get("limit", ""))
    found = await daemon.tickets(states, wanted, limit)
    hide = not may(request[USER], Right.ADDRESSES)
    return json_response({"tickets": [ticket_json(daemon, one, hide) for one in found]})


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
    daemon = request.app[DAEMON]
    number = request.match_info["number"]
    found = await daemon.ticket(number)
    if found is None:
        raise Problem(404, f"there is no ticket {number[:40]}")
    hide = not may(request[USER], Right.ADDRESSES)
    return json_response(await full_json(daemon, found, hide))


async def report(request: web.Request) -> web.Response:
    """A person reports a fault: `device`, `note`, and if known `part` and `severity`."""
    user = request[USER]
    daemon = request.app[DAEMON]
    done = await acting.report(daemon, user, await body_of(request, acting.REPORT_KEYS))
    return json_response(await full_json(daemon, done), 201)


async def verb(request: web.Request) -> web.Response:
    """Applies a verb. 409 carries the present ticket; nothing was changed then."""
    user = request[USER]
    daemon = request.app[DAEMON]
    word = acting.verb_of(request.match_info["verb"])
    body = await body_of(request, acting.VERB_KEYS)
    done = await acting.carry_out(daemon, user, request.match_info["number"], word, body)
    return json_response(await full_json(daemon, done))


# --- events ----------------------------------------------------------------------------------


async def events(request: web.Request) -> web.StreamResponse:
    """Server-sent events: every lasting change, with a comment every few seconds between."""
    daemon = request.app[DAEMON]
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
    )
    await response.prepare(request)
    came_by = request.get(PASS)
    looked = daemon.clock.tick()
    with daemon.events() as queue:
        hide = not may(request[USER], Right.ADDRESSES)
        async for chunk in _stream(queue, daemon.speak(daemon.language) if hide else None):
            if came_by and daemon.clock.tick() - looked > LOOK_AGAIN:
                looked = daemon.clock.tick()
                if not await _holds(came_by):
                    break  # logged out, or the password was changed
            await response.write(chunk)
    return response


async def _holds(came_by: Pass) -> bool:
    try:
        return await came_by.holds()
    except StoreDown:  # locks nobody out
        return True


async def _stream(
    queue: asyncio.Queue[Mapping[str, object]], hiding: Texts | None
) -> AsyncIterator[bytes]:
    yield b": secmon\n\n"
    while True:
        try:
            async with asyncio.timeout(5):
                event = await queue.get()
        except TimeoutError:
            yield b": still here\n\n"
            continue
        if hiding is not None:
            event = _without_words(event, hiding)
        data = json.dumps(event, ensure_ascii=False)
        yield f"event: {event.get('type', 'change')}\ndata: {data}\n\n".encode()


def _without_words(event: Mapping[str, object], texts: Texts) -> Mapping[str, object]:
    """The event as a viewer may see it."""
    match event:
        case {"ticket": dict() as ticket}:
            hidden = views.without_words(ticket)
            own = hidden["summary"] if hidden["reported_by"] else ""
            return {
                **event,
                "ticket": {**hidden, "summary": texts.summary({**hidden, "summary": own})},
            }
        case {"state": dict() as state}:
            return {**event, "state": views.without_addresses(state)}
    return event
