"""The plan view (电子地图): floor plans with the devices on them; who may, places them.

A plan is an SVG whose coordinates are those of its picture, so markers need no style of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import web

from secmon.api import Spot, StoreDown
from secmon.console.access import USER
from secmon.console.daemon import DAEMON
from secmon.console.floors import MAPPED
from secmon.console.ledger import What, note
from secmon.console.pages.devices import ORDER, wrong_of
from secmon.console.pages.frame import form_of, go, refusal, render, speech_of
from secmon.console.problems import Problem
from secmon.console.rights import Right, may
from secmon.console.status import Level, Standing, standings
from secmon.core import escalation
from secmon.core.model import SEVERITIES, TicketState
from secmon.loading.floors import Floor

ZOOMS = (1, 2, 4)
WHOLE = 10_000  # hundredths of a per cent
KEPT = "private, max-age=86400"


@dataclass(frozen=True, slots=True)
class Marker:
    """A device on the plan; `x`, `y` in pixels of the picture. `calls`: nobody took it up yet."""

    standing: Standing
    x: float
    y: float
    wrong: str
    calls: bool


def routes() -> list[web.RouteDef]:
    return [
        web.get("/plan", plan, name="page.plan"),
        web.get("/plan/{floor}", plan, name="page.plan_floor"),
        web.get("/plan/{floor}/picture", picture),
        web.post("/plan/{floor}/spots", place, name="page.plan_place"),
        web.post("/plan/{floor}/spots/{device}/remove", remove, name="page.plan_remove"),
    ]


async def plan(request: web.Request) -> web.Response:
    return await _page(request)


async def picture(request: web.Request) -> web.StreamResponse:
    """The plan's picture, for who is logged in."""
    floor = _floor(request)
    if floor is None:
        raise Problem(404, "there is no such plan")
    headers = {"Content-Type": floor.content_type, "Cache-Control": KEPT}
    return web.FileResponse(floor.file, headers=headers)


async def place(request: web.Request) -> web.Response:
    """A device stands there from now on: `x` and `y` in per cent from the top left."""
    user = request[USER]
    daemon, floor = request.app[DAEMON], _floor(request)
    form = await form_of(request)
    try:
        if floor is None:
            raise Problem(404, "there is no such plan")
        device = form.get("device", "")
        if device not in daemon.policy.devices:
            raise Problem(400, f"device: there is no device {device[:64]!r}")
        x, y = _share(form.get("x", ""), "x"), _share(form.get("y", ""), "y")
        spot = Spot(floor.name, device, x, y, user.name, daemon.clock.now())
        await request.app[MAPPED].put_spot(spot)
        await note(request, What.SPOT, device, why=f"{floor.name} {x / 100} % {y / 100} %")
    except (Problem, StoreDown) as said:
        text, status = refusal(request, said)
        return await _page(request, refused=text, given=form, status=status)
    return go(_link(floor.name, edit="1"))


async def remove(request: web.Request) -> web.Response:
    name, device = request.match_info["floor"], request.match_info["device"]
    try:
        if await request.app[MAPPED].remove_spot(name, device):
            await note(request, What.SPOT, device, why=f"{name}: taken off")
    except StoreDown as said:
        text, status = refusal(request, said)
        return await _page(request, refused=text, status=status)
    return go(_link(name, edit="1"))


def _share(text: str, key: str) -> int:
    """`12.5` per cent → 1250."""
    try:
        share = float(text.strip().replace(",", ".")) if len(text) < 20 else -1.0
    except ValueError:
        share = -1.0
    if not 0 <= share <= 100:
        raise Problem(400, f"{key}: expected 0 to 100 % (got {text[:20]!r})")
    return round(share * WHOLE / 100)


def _floor(request: web.Request) -> Floor | None:
    """The one that is asked for, else the first."""
    floors = request.app[MAPPED].floors
    wanted = request.match_info.get("floor")
    if wanted is None:
        return floors[0] if floors else None
    return next((one for one in floors if one.name == wanted), None)


def _link(floor: str, **query: object) -> str:
    said = "&".join(f"{key}={value}" for key, value in query.items() if value)
    return f"/plan/{quote(floor, safe='')}" + (f"?{said}" if said else "")


# --- the page --------------------------------------------------------------------------------


async def _page(
    request: web.Request,
    *,
    refused: str = "",
    given: Mapping[str, str] | None = None,
    status: int = 200,
) -> web.Response:
    mapped, words, floor = request.app[MAPPED], speech_of(request), _floor(request)
    if floor is None and "floor" in request.match_info:
        raise Problem(404, "there is no such plan")
    may_place = may(request[USER], Right.PLACE)
    edit = may_place and (request.query.get("edit") == "1" or request.method == "POST")
    zoom = next((one for one in ZOOMS if request.query.get("zoom") == str(one)), 1)
    try:
        spots: Sequence[Spot] = await mapped.spots()
    except StoreDown:
        spots = []
        refused = refused or words.say("plan_view.store")
    markers = _markers(request, floor, spots) if floor else []
    return render(
        request,
        "plan.html",
        title=words.say("plan_view.title"),
        url=_link(floor.name, edit=edit and "1", zoom=zoom if zoom > 1 else "") if floor else "",
        live=("ticket", "device"),
        status=status,
        values={
            "floor": floor,
            "floors": [(one.name, _link(one.name, edit=edit and "1")) for one in mapped.floors],
            "picture": f"{_link(floor.name)}/picture?v={floor.version}" if floor else "",
            "markers": markers,
            "zoom": zoom,
            "zooms": [(one, _link(floor.name, edit=edit and "1", zoom=one)) for one in ZOOMS]
            if floor
            else [],
            "edit": edit,
            "may_place": may_place,
            "switch": _link(floor.name, edit="" if edit else "1") if floor else "",
            "devices": request.app[DAEMON].policy.devices,
            "elsewhere": _elsewhere(request, spots),
            "refused": refused,
            "given": given or request.query,
            "action": f"{_link(floor.name)}/spots" if floor else "",
        },
    )


def _markers(request: web.Request, floor: Floor, spots: Sequence[Spot]) -> list[Marker]:
    """Who is wrong last, so that nothing covers it."""
    daemon = request.app[DAEMON]
    here = {one.device: one for one in spots if one.floor == floor.name}
    every = standings(daemon.world, daemon.policy, daemon.clock.tick())
    found = [
        Marker(
            one,
            round(spot.x / WHOLE * floor.width, 1),
            round(spot.y / WHOLE * floor.height, 1),
            next(iter(wrong_of(request, one)), "") if one.level is Level.FAULTY else "",
            _calls(one),
        )
        for one in every
        if (spot := here.get(one.device.id)) is not None
    ]
    found.sort(key=_order, reverse=True)
    return found


def _order(one: Marker) -> tuple[int, int, str]:
    standing = one.standing
    return ORDER[standing.level], SEVERITIES.index(standing.severity), standing.device.id


def _calls(one: Standing) -> bool:
    """Is something wrong that nobody has acknowledged?"""
    return one.level is Level.FAULTY and (
        not one.tickets
        or any(
            ticket.cleared_at is None
            and (ticket.state is TicketState.OPEN or escalation.awaits(ticket))
            for ticket in one.tickets
        )
    )


def _elsewhere(request: web.Request, spots: Sequence[Spot]) -> list[str]:
    """Devices that stand on no plan."""
    placed = {one.device for one in spots}
    every = request.app[DAEMON].policy.devices.values()
    return [one.id for one in every if one.id not in placed and one.kind != "duty"]
