"""The operator's pages: a module for each, rendered on the server, alive by `static/console.js`.

How a page is added stands in docs/console.md.
"""

from __future__ import annotations

from aiohttp import web

from secmon.console.pages import (
    account,
    audit,
    device,
    devices,
    duty,
    frame,
    handovers,
    kpi,
    labels,
    login,
    my,
    people,
    plan,
    plans,
    screen,
    static,
    status,
    ticket,
    tickets,
    wall,
    windows,
)

OPEN_PAGES = login.OPEN


def page_routes() -> list[web.RouteDef]:
    modules = (
        wall,
        tickets,
        ticket,
        devices,
        device,
        status,
        login,
        static,
        account,
        people,
        audit,
        labels,
        my,
        kpi,
        windows,
    )
    watch = (duty, handovers, plans, plan, screen)  # the operator on duty
    return [route for module in (*modules, *watch) for route in module.routes()]


def set_up_pages(app: web.Application) -> None:
    """What pages share: templates, words, static files."""
    static.set_up(app)
    frame.set_up(app)
    device.set_up(app)
    kpi.set_up(app)
