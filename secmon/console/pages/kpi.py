"""The month's figures as a page to read and print, and as a table for spreadsheet programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from aiohttp import web

from secmon.api import StoreDown
from secmon.console.daemon import DAEMON
from secmon.console.kpi import COUNTED, month_of
from secmon.console.pages.frame import render, speech_of
from secmon.console.problems import Problem
from secmon.console.wording import Speech
from secmon.core import kpi
from secmon.core.kpi import Figures
from secmon.core.model import Clock
from secmon.standard import tables
from secmon.texts.cells import BOM, csv_rows

MONTHS = 24  # that one may choose from
FRESH_S = 30.0  # the minute of a look is counted every 15 minutes anyway
SITE = "*"  # the whole site, among the systems
LOW = 0.95  # a share below this is marked


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure as people read it; `low` asks for attention."""

    text: str
    low: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    cells: Mapping[str, Cell]  # by column


COLUMNS = (
    *("devices", "online", "intact", "tickets", "cancelled", "unrestored"),
    *("respond", "arrive", "repair", "mtta", "mttr"),
)


class Known(dict[str, tuple[float, Mapping[str, Figures]]]):
    """Month → when it was counted, and its figures."""


KNOWN: Final = web.AppKey("figures of months", Known)


def set_up(app: web.Application) -> None:
    app[KNOWN] = Known()


def routes() -> list[web.RouteDef]:
    return [
        web.get("/kpi", figures, name="page.kpi"),
        web.get("/kpi.csv", sheet, name="page.kpi_sheet"),
    ]


async def figures(request: web.Request) -> web.Response:
    words, month = speech_of(request), _month(request)
    try:
        found = await _found(request, month)
    except StoreDown:
        found = {}
    site = found.pop(SITE, Figures())
    now = request.app[DAEMON].clock.now()
    this = kpi.month_of(now, _zone(request))
    return render(
        request,
        "kpi.html",
        title=words.say("kpi.title"),
        every=60 if month == this else 0,
        values={
            "month": month,
            "months": _months(this, month),
            "columns": COLUMNS,
            "rows": [
                Row(words.texts.word("systems", system), _cells(words, one))
                for system, one in _in_order(found).items()
            ],
            "site": Row(words.texts.site, _cells(words, site)),
            "any": bool(site.devices or site.tickets or site.cancelled),
            "running": month == this,
            "earlier": _step(month, -1),
            "later": _step(month, 1) if month < this else "",
        },
    )


async def sheet(request: web.Request) -> web.Response:
    """CSV, UTF-8: shares as numbers 0 to 1, times in seconds."""
    words, month = speech_of(request), _month(request)
    found = await _found(request, month)
    site = found.pop(SITE, Figures())
    head = [words.say("kpi.month"), words.say("devices.system")]
    named = [(words.texts.word("systems", system), one) for system, one in _in_order(found).items()]
    rows: list[list[object]] = [[*head, *map(str, _numbers(site))]]
    rows += [
        [month, name, *_numbers(one).values()] for name, one in [*named, (words.texts.site, site)]
    ]
    return web.Response(
        text=BOM + csv_rows(rows),
        content_type="text/csv",
        charset="utf-8",
        headers={"Content-Disposition": f'attachment; filename="kpi-{month}.csv"'},
    )


async def _found(request: web.Request, month: str) -> dict[str, Figures]:
    """The figures, at most FRESH_S old: a page that many look at counts once."""
    known, tick = request.app[KNOWN], request.app[DAEMON].clock.tick()
    at, found = known.get(month, (-FRESH_S, {}))
    if tick - at >= FRESH_S:
        if len(known) >= MONTHS:
            known.clear()
        found = await month_of(request.app[COUNTED], month)
        known[month] = tick, found
    return dict(found)


def _month(request: web.Request) -> str:
    """The month asked for, else the present one. Problem 400 for what is none."""
    said = request.query.get("month", "")
    if not said:
        return kpi.month_of(request.app[DAEMON].clock.now(), _zone(request))
    try:
        kpi.span(said, _zone(request))
    except ValueError as wrong:
        raise Problem(400, f"month: {wrong}") from None
    return said


def _zone(request: web.Request) -> ZoneInfo:
    return ZoneInfo(request.app[DAEMON].policy.timezone)


def _months(this: str, chosen: str) -> list[str]:
    """The newest first; the one that is shown among them."""
    found = [this]
    while len(found) < MONTHS:
        found.append(_step(found[-1], -1))
    return sorted({*found, chosen}, reverse=True)


def _step(month: str, by: int) -> str:
    year, number = map(int, month.split("-"))
    year, number = divmod(12 * year + number - 1 + by, 12)
    return f"{year:04d}-{number + 1:02d}" if date.min.year < year < date.max.year else month


def _in_order(found: Mapping[str, Figures]) -> dict[str, Figures]:
    """As the standard's Table 1 has the systems."""
    order = [*tables.systems(), *sorted(found)]
    return {system: found[system] for system in dict.fromkeys(order) if system in found}


def _cells(words: Speech, one: Figures) -> dict[str, Cell]:
    shares = {"online": one.online_ratio, "intact": one.intact_ratio}
    clocks = {str(clock): one.clocks.get(clock) for clock in Clock}
    return {
        **{key: Cell(str(getattr(one, key))) for key in ("devices", "tickets", "cancelled")},
        "unrestored": Cell(str(one.unrestored), low=one.unrestored > 0),
        **{key: _share(words, share) for key, share in shares.items()},
        **{
            key: _share(
                words, kept.ratio if kept else None, f" ({kept.kept}/{kept.of})" if kept else ""
            )
            for key, kept in clocks.items()
        },
        "mtta": Cell(_span(words, one.mtta)),
        "mttr": Cell(_span(words, one.mttr)),
    }


def _share(words: Speech, share: float | None, more: str = "") -> Cell:
    if share is None:
        return Cell("—")
    return Cell(f"{100 * share:.2f}%{more}", low=share < LOW)


def _span(words: Speech, span: timedelta | None) -> str:
    return words.texts.duration(span) if span is not None else "—"


def _numbers(one: Figures) -> dict[str, object]:
    """The same names as in the API's JSON."""
    out: dict[str, object] = {
        "devices": one.devices,
        "online_ratio": one.online_ratio,
        "intact_ratio": one.intact_ratio,
        "tickets": one.tickets,
        "cancelled": one.cancelled,
        "unrestored": one.unrestored,
    }
    for clock in Clock:
        kept = one.clocks.get(clock)
        out[f"{clock}_kept"], out[f"{clock}_of"] = (kept.kept, kept.of) if kept else (0, 0)
    out["mtta_seconds"] = one.mtta.total_seconds() if one.mtta is not None else None
    out["mttr_seconds"] = one.mttr.total_seconds() if one.mttr is not None else None
    return out
