"""The month's figures as JSON: `GET /api/v1/kpi?month=2026-11`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from aiohttp import web

from secmon.api import Clock
from secmon.console.access import READERS, need
from secmon.console.problems import Problem
from secmon.console.requests import json_response
from secmon.core import kpi
from secmon.core.kpi import Figures, Watched
from secmon.core.model import Policy, Ticket
from secmon.core.tickets import stamp


class Counted(Protocol):
    """What the figures need of the daemon behind them."""

    clock: Clock

    @property
    def policy(self) -> Policy: ...
    async def watched(self, month: str) -> Sequence[Watched]: ...
    async def opened(self, since: datetime, until: datetime) -> Sequence[Ticket]: ...


COUNTED: Final = web.AppKey("counted", Counted)


def kpi_routes() -> list[web.RouteDef]:
    return [web.get("/api/v1/kpi", kpis)]


async def kpis(request: web.Request) -> web.Response:
    """The figures of one month, by system and of the whole site; else of this month."""
    need(request, READERS)
    counted = request.app[COUNTED]
    zone = ZoneInfo(counted.policy.timezone)
    month = request.query.get("month", "") or kpi.month_of(counted.clock.now(), zone)
    try:
        since, until = kpi.span(month, zone)
    except ValueError as wrong:
        raise Problem(400, f"month: {wrong}") from None
    found = await month_of(counted, month)
    rows = [{"system": system, **_json(one)} for system, one in found.items() if system != "*"]
    return json_response(
        {
            "month": month,
            "from": stamp(since),
            "to": stamp(until),
            "systems": rows,
            "site": _json(found["*"]),
        }
    )


async def month_of(counted: Counted, month: str) -> dict[str, Figures]:
    """System → figures, `*` the whole site. ValueError for what is no month."""
    since, until = kpi.span(month, ZoneInfo(counted.policy.timezone))
    watched, tickets = await counted.watched(month), await counted.opened(since, until)
    return kpi.by_system(watched, tickets, counted.clock.now())


def _json(one: Figures) -> dict[str, object]:
    return {
        "devices": one.devices,
        "online_ratio": one.online_ratio,
        "intact_ratio": one.intact_ratio,
        "tickets": one.tickets,
        "cancelled": one.cancelled,
        "unrestored": one.unrestored,
        "clocks": {
            str(clock): {"kept": kept.kept, "of": kept.of, "ratio": kept.ratio}
            for clock, kept in one.clocks.items()
        },
        "mtta_seconds": _seconds(one.mtta),
        "mttr_seconds": _seconds(one.mttr),
    }


def _seconds(span: timedelta | None) -> float | None:
    return round(span.total_seconds(), 3) if span is not None else None
