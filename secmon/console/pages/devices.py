"""The list of devices, with how each stands."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from secmon.console.access import USER
from secmon.console.daemon import DAEMON
from secmon.console.pages.frame import render, speech_of
from secmon.console.rights import Right, may
from secmon.console.status import RANK, Level, Standing, standings
from secmon.console.wording import Speech
from secmon.core.model import Device
from secmon.standard import tables

SHOWN = 100  # devices of a page
ORDER = {level: place for place, level in enumerate(Level)}  # what is wrong first


@dataclass(frozen=True, slots=True)
class Wish:
    """What the reader wants to see."""

    state: str = ""
    system: str = ""
    kind: str = ""
    text: str = ""
    page: int = 1

    @property
    def narrowed(self) -> bool:
        return bool(self.state or self.system or self.kind or self.text)

    def link(self, **other: object) -> str:
        mine = {"state": self.state, "system": self.system, "kind": self.kind, "q": self.text}
        query = {key: value for key, value in {**mine, **other}.items() if value}
        return "/devices?" + urlencode(query)


def routes() -> list[web.RouteDef]:
    return [web.get("/devices", devices, name="page.devices")]


async def devices(request: web.Request) -> web.Response:
    daemon, words = request.app[DAEMON], speech_of(request)
    wish = _wish(request)
    every = standings(daemon.world, daemon.policy, daemon.clock.tick(), daemon.shade())
    where = may(request[USER], Right.ADDRESSES)
    found = [one for one in every if _wanted(one, wish, words, where)]
    found.sort(key=_order)
    start = (wish.page - 1) * SHOWN
    return render(
        request,
        "devices.html",
        title=words.say("devices.title"),
        live=("ticket", "device"),
        values={
            "wish": wish,
            "rows": [(one, wrong_of(request, one)) for one in found[start : start + SHOWN]],
            "total": len(found),
            "following": wish.link(page=wish.page + 1) if start + SHOWN < len(found) else "",
            "levels": tuple(Level),
            "systems": tables.systems(),
            "kinds": sorted({one.device.kind for one in every}),
            "devices": daemon.policy.devices,
            "any": bool(every),
        },
    )


def wrong_of(request: web.Request, one: Standing) -> list[str]:
    """What is wrong with a device: its tickets' words, else its faults'."""
    daemon, words = request.app[DAEMON], speech_of(request)
    said = [words.wrong(ticket) for ticket in one.tickets if ticket.cleared_at is None]
    return said or list(dict.fromkeys(words.fault(daemon.policy, fault) for fault in one.faults))


def _wish(request: web.Request) -> Wish:
    query = request.query
    page = query.get("page", "1")
    state = query.get("state", "")
    return Wish(
        state=state if state in set(Level) else "",
        system=query.get("system", "")[:40],
        kind=query.get("kind", "")[:40],
        text=query.get("q", "").strip()[:100],
        page=int(page) if page.isdecimal() and 0 < len(page) < 5 and int(page) else 1,
    )


def _order(one: Standing) -> tuple[int, int, str]:
    return ORDER[one.level], RANK[one.severity], one.device.id


def _wanted(one: Standing, wish: Wish, words: Speech, addresses: bool) -> bool:
    device = one.device
    if wish.state and one.level != wish.state:
        return False
    if (wish.system and device.system != wish.system) or (wish.kind and device.kind != wish.kind):
        return False
    return not wish.text or _holds(device, wish.text.casefold(), words, addresses)


def _holds(device: Device, wanted: str, words: Speech, addresses: bool) -> bool:
    """Who may not see addresses must not find them either."""
    said = (device.id, device.name, device.location, device.maker, device.model)
    hidden = (device.address, device.serial) if addresses else ()
    return any(wanted in one.casefold() for one in (*said, *hidden, words.kind(device.kind)))
