"""Pages and API as one aiohttp application, every request through one door."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from secmon.console.access import DOOR, Brake, Door, guard
from secmon.console.account import account_routes
from secmon.console.admin import OFFICE, admin_routes
from secmon.console.admission import admission
from secmon.console.api import OPEN_PATHS, api_routes
from secmon.console.audit import audit_routes
from secmon.console.daemon import DAEMON, Daemon
from secmon.console.duty_api import WATCHROOM, duty_routes
from secmon.console.floors import MAPPED
from secmon.console.hand_over_api import hand_over_routes
from secmon.console.headers import set_headers
from secmon.console.kpi import COUNTED, kpi_routes
from secmon.console.ledger import LEDGER, NOISE, QUIET
from secmon.console.link_pages import PATH, set_up_links
from secmon.console.locks import Locks
from secmon.console.notices import set_up_notices
from secmon.console.origin import networks
from secmon.console.pages import OPEN_PAGES, page_routes, set_up_pages
from secmon.console.pages.trouble import as_pages
from secmon.console.people import user_routes
from secmon.console.people_api import people_routes
from secmon.console.plans import plan_routes
from secmon.console.problems import as_problems
from secmon.console.requests import BODY
from secmon.console.sessions import DESK, Desk
from secmon.console.uploads import GATE, Gate, upload_routes
from secmon.console.windows_api import windows_routes


def application(
    daemon: Daemon, beside: Sequence[web.RouteDef] = (), proxies: Sequence[str] = ()
) -> web.Application:
    """`beside` are routes that need no log-in of ours, `proxies` the networks whose word on a
    client's address and scheme is taken."""
    tick = daemon.clock.tick
    door = Door(
        lookup=daemon.user,
        brake=Brake(tick),
        proxies=networks(proxies),
        session=daemon.session,
        cookie=f"secmon-{daemon.policy.site}",
        public_url=daemon.public_url,
    )
    open_paths = OPEN_PATHS | OPEN_PAGES | {PATH} | {route.path for route in beside}
    app = web.Application(
        middlewares=[as_problems, as_pages, guard(door, open_paths), admission],
        client_max_size=BODY,
    )
    app[DOOR] = door
    app[DESK] = Desk(daemon, Brake(tick), Locks(daemon.clock.now, lambda: daemon.tries))
    app[DAEMON] = daemon
    app[OFFICE] = daemon
    app[COUNTED] = daemon
    app[WATCHROOM] = daemon
    app[LEDGER] = daemon.ledger
    app[QUIET] = Brake(tick, NOISE)
    app[GATE] = Gate()
    app[MAPPED] = daemon
    set_up_pages(app)
    set_up_links(app, daemon, door.proxies)
    set_up_notices(app, daemon)
    app.on_response_prepare.append(set_headers)
    for routes in (
        beside,
        upload_routes(),
        api_routes(),
        admin_routes(),
        user_routes(),
        account_routes(),
        audit_routes(),
        duty_routes(),
        hand_over_routes(),
        people_routes(),
        kpi_routes(),
        plan_routes(),
        windows_routes(),
        page_routes(),
    ):
        app.add_routes(routes)
    return app
