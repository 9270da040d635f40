"""Labels to print: a device's name, place and a code that opens its page on the spot."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import quote, urlencode, urlsplit

from aiohttp import web
from markupsafe import Markup

from secmon.console.daemon import DAEMON
from secmon.console.pages.frame import render, speech_of
from secmon.console.problems import Problem
from secmon.core.model import Device
from secmon.standard import tables

SHEET = 24  # labels of an A4 page: three by eight
SHOWN = 2 * SHEET  # of one page here
QUIET = 4  # modules of white around the code, as ISO/IEC 18004 asks
MASK = 2  # any is allowed; trying all eight would cost ten times as much


@dataclass(frozen=True, slots=True)
class Label:
    device: Device
    url: str
    code: Markup  # SVG


def routes() -> list[web.RouteDef]:
    return [
        web.get("/devices/{id}/label", label, name="page.label"),
        web.get("/labels", labels, name="page.labels"),
    ]


async def label(request: web.Request) -> web.Response:
    found = request.app[DAEMON].policy.devices.get(request.match_info["id"])
    if found is None:
        raise Problem(404, f"there is no device {request.match_info['id'][:64]!r} in the site file")
    return _page(request, [found], {"one": found, "system": "", "page": 1, "more": False})


async def labels(request: web.Request) -> web.Response:
    """Sheets of all devices, or of one system."""
    every = request.app[DAEMON].policy.devices.values()
    system = request.query.get("system", "")[:40]
    said = request.query.get("page", "1")
    page = int(said) if said.isdecimal() and 0 < len(said) < 5 and int(said) else 1
    wanted = [one for one in every if not system or one.system == system]
    start = (page - 1) * SHOWN
    some = wanted[start : start + SHOWN]
    more = start + SHOWN < len(wanted)
    return _page(
        request, some, {"one": None, "system": system, "page": page, "more": more}, len(wanted)
    )


def code_of(url: str) -> Markup:
    """The QR code as SVG; it stays dark on light whatever the page's colours are."""
    import segno  # noqa: PLC0415 # labels are printed once

    made = segno.make_qr(url, error="m", mask=MASK)
    return Markup(
        made.svg_inline(omitsize=True, border=QUIET, svgclass="qr", dark="#000", light="#fff")
    )


def _page(
    request: web.Request, some: list[Device], values: dict[str, object], total: int = 1
) -> web.Response:
    base = request.app[DAEMON].public_url
    made = [_label(base, one) for one in some]
    return render(
        request,
        "labels.html",
        title=speech_of(request).say("label.title"),
        every=0,
        values={
            **values,
            "labels": made,
            "total": total,
            "systems": tables.systems(),
            "base": base,
            "only_here": _only_here(base),
            "following": _link(values, 1) if values["more"] else "",
            "before": _link(values, -1) if values["page"] != 1 else "",
        },
    )


def _label(base: str, device: Device) -> Label:
    url = f"{base.rstrip('/')}/devices/{quote(device.id, safe='')}"
    return Label(device, url, code_of(url))


def _link(values: dict[str, object], step: int) -> str:
    query = {"system": values["system"], "page": int(str(values["page"])) + step}
    return "/labels?" + urlencode({key: value for key, value in query.items() if value})


def _only_here(base: str) -> bool:
    """Does the address lead nowhere but to this machine?"""
    host = urlsplit(base).hostname or ""
    try:
        address = ip_address(host)
    except ValueError:
        return host in ("", "localhost")
    return address.is_loopback or address.is_unspecified
