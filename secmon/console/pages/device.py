"""One device: what it says now, what is wrong with it, what it is; poll it, report a fault."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from aiohttp import web

from secmon.api import StoreDown
from secmon.console import acting
from secmon.console.access import USER
from secmon.console.daemon import DAEMON
from secmon.console.lifetimes import service_life, warranty
from secmon.console.pages.day import day_of
from secmon.console.pages.devices import wrong_of
from secmon.console.pages.frame import form_of, go, render, speech_of
from secmon.console.pages.tickets import rows
from secmon.console.past import Series
from secmon.console.problems import Problem
from secmon.console.requests import checked
from secmon.console.rights import Right, may
from secmon.console.status import standing
from secmon.console.wording import Speech
from secmon.core.change import ProbeState
from secmon.core.derive import RESTING
from secmon.core.model import Device, Fault, ProbePlan, Severity, Ticket, Value
from secmon.core.rules import rule_of, severity_at
from secmon.standard import tables
from secmon.standard.tables import Kind, ServiceLife

TICKETS = 10  # shown of a device
REMEMBERED = ("own_", "found_")  # notes of core.identity: who the device was, who it is
COLUMNS = 40  # readings of one table at most


@dataclass(frozen=True, slots=True)
class Matrix:
    """Readings that several parts have: a row for each part."""

    names: Sequence[str]
    parts: Sequence[str]
    values: Mapping[tuple[str, str], str]  # (part, name) → as people read it


@dataclass(frozen=True, slots=True)
class Poll:
    """One probe and its latest poll. `single`: (name, part, value) of readings of one part, and
    which series that is."""

    plan: ProbePlan
    state: ProbeState | None
    single: Sequence[tuple[str, str, str, Series]]
    matrix: Matrix | None


@dataclass(frozen=True, slots=True)
class Books:
    """The standard's tables, read once."""

    kinds: Mapping[str, Kind]
    lives: Mapping[str, ServiceLife]


BOOKS: Final = web.AppKey("books", Books)


def set_up(app: web.Application) -> None:
    app[BOOKS] = Books(tables.kinds(), tables.service_lives())


def routes() -> list[web.RouteDef]:
    return [
        web.get("/devices/{id}", device, name="page.device"),
        web.post("/devices/{id}/poll", poll, name="page.poll"),
        web.post("/devices/{id}/report", report, name="page.report"),
    ]


async def device(request: web.Request) -> web.Response:
    said = speech_of(request).say("device.polled") if "polled" in request.query else ""
    return await _page(request, _device(request), said=said)


async def poll(request: web.Request) -> web.Response:
    """Polls every probe now and waits for what they say."""
    found = _device(request)
    await request.app[DAEMON].poll(found.id)
    return go(f"/devices/{found.id}?polled=1")


async def report(request: web.Request) -> web.Response:
    """A person reports a fault; what was refused comes back with all that was typed."""
    user = request[USER]
    found = _device(request)
    form = await form_of(request)
    given = {key: form[key] for key in ("note", "part", "severity") if form.get(key, "").strip()}
    try:
        body = checked({"device": found.id, **given}, acting.REPORT_KEYS)
        opened = await acting.report(request.app[DAEMON], user, body)
    except StoreDown:
        words = speech_of(request).say("ticket.refused_store")
        return await _page(request, found, refused=words, given=given, status=503)
    except Problem as said:
        if said.status not in (400, 409):
            raise
        words = speech_of(request).say("ticket.refused_invalid") + " " + said.detail
        return await _page(request, found, refused=words, given=given, status=said.status)
    return go(f"/tickets/{opened.number}?done=report")


def _device(request: web.Request) -> Device:
    name = request.match_info["id"]
    found = request.app[DAEMON].policy.devices.get(name)
    if found is None:
        raise Problem(404, f"there is no device {name[:64]!r} in the site file")
    return found


async def _page(
    request: web.Request,
    found: Device,
    *,
    said: str = "",
    refused: str = "",
    given: Mapping[str, str] | None = None,
    status: int = 200,
) -> web.Response:
    daemon, words = request.app[DAEMON], speech_of(request)
    world, now = daemon.world, daemon.clock.now()
    own = [ticket for ticket in world.tickets.values() if ticket.device == found.id]
    addresses = may(request[USER], Right.ADDRESSES)
    one = standing(world, daemon.policy, found, own, daemon.clock.tick(), shade=daemon.shade())
    today = now.astimezone(ZoneInfo(daemon.policy.timezone)).date()
    language = words.texts.language
    return render(
        request,
        "device.html",
        title=found.name,
        url=f"/devices/{found.id}",
        live=("ticket", f"device:{found.id}"),
        every=5,
        status=status,
        values={
            "device": found,
            "devices": daemon.policy.devices,
            "standing": one,
            "covers": daemon.shade().over(found),
            "wrong": wrong_of(request, one),
            "polls": [
                _poll(words, found, plan, world.probes.get((found.id, plan.label)))
                for plan in found.probes
            ],
            "faults": _faults(request, found),
            "facts": sorted(
                (name, said)
                for name, said in world.facts.get(found.id, {}).items()
                if addresses and name != RESTING and not name.startswith(REMEMBERED)
            ),
            "addresses": addresses,
            "children": daemon.policy.children.get(found.id, ()),
            "tickets": [rows(words, each, now) for each in await _tickets(request, found, own)],
            "severities": tuple(Severity),
            "day": await day_of(request, found),
            "warranty": warranty(found, today),
            "life": service_life(
                found, request.app[BOOKS].kinds, request.app[BOOKS].lives, today, language
            ),
            "report_open": bool(given) or "report" in request.query,
            "said": said,
            "refused": refused,
            "given": given or {},
        },
    )


async def _tickets(request: web.Request, found: Device, own: Sequence[Ticket]) -> list[Ticket]:
    """The newest of it, ended ones too; the open ones alone where the store is away."""
    try:
        return list(await request.app[DAEMON].tickets(None, found.id, TICKETS))
    except StoreDown:
        return sorted(own, key=lambda ticket: ticket.number, reverse=True)[:TICKETS]


def _faults(request: web.Request, found: Device) -> list[tuple[Fault, Severity | None, str]]:
    """(fault, severity, what is wrong); those that are only suspected too."""
    daemon, words = request.app[DAEMON], speech_of(request)
    out = []
    for key in sorted(daemon.world.troubled.get(found.id, ())):
        fault = daemon.world.faults[key]
        rule = rule_of(daemon.policy, key.rule)
        severity = severity_at(found, rule, key.part) if rule else None
        out.append((fault, severity, words.fault(daemon.policy, fault)))
    return out


def _poll(words: Speech, found: Device, plan: ProbePlan, state: ProbeState | None) -> Poll:
    """What failed shows no old values."""
    if state is None or state.failure is not None:
        return Poll(plan, state, (), None)
    layout = state.layout
    rows = list(zip(layout.names, layout.parts, state.values, strict=True))
    many = {name for name, (start, end) in layout.spans.items() if end - start > 1}
    if len(many) == 1:  # a table of one column says no more than a list
        many.clear()
    single = [
        (words.texts.name(name), words.part(found, part), words.reading(value, name), (name, part))
        for name, part, value in rows
        if name not in many
    ]
    return Poll(plan, state, single, _matrix(words, [row for row in rows if row[0] in many]))


def _matrix(words: Speech, rows: Iterable[tuple[str, str, Value]]) -> Matrix | None:
    names: dict[str, None] = {}
    parts: dict[str, None] = {}
    values: dict[tuple[str, str], str] = {}
    for name, part, value in rows:
        names[name] = parts[part] = None
        values[part, name] = words.reading(value, name)
    return Matrix(list(names)[:COLUMNS], list(parts), values) if values else None
