"""Who may do what: every route of the application as every role, and as nobody at all."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from aiohttp import web

from secmon.api import Role
from secmon.console.application import application
from secmon.core.model import Verb
from tests.console.reader import HASHED, reader, somebody
from tests.console.site import Lab, lab

pytestmark = pytest.mark.asyncio(loop_scope="module")

V, W, E, M, U, A = "viewer", "operator", "engineer", "manager", "auditor", "admin"
ALL = frozenset((V, W, E, M, U, A))
ALL_BUT_VIEWER = ALL - {V}
WORKERS = frozenset((W, E, M, A))
LEADERS = frozenset((M, A))
OVERSEERS, ADMINS = frozenset((U, A)), frozenset((A,))
ANYBODY = None  # without a log-in

# Written from docs/access.md, not from the table that decides. A route that is not here fails.
EXPECTED = {
    "GET /login": ANYBODY,
    "POST /login": ANYBODY,
    "POST /login/once": ANYBODY,
    "GET /static/{name}": ANYBODY,
    "GET /api/v1/openapi.json": ANYBODY,
    "GET /metrics": ANYBODY,
    "GET /-/healthy": ANYBODY,
    "GET /-/ready": ANYBODY,
    "POST /-/reload": ANYBODY,  # by its own token, or from this machine
    "GET /t/{token}": ANYBODY,  # the token is the log-in
    "POST /t/{token}": ANYBODY,
    "GET /api/v1/notices": ALL_BUT_VIEWER,
    # how things are
    **dict.fromkeys(("GET /", "GET /tickets", "GET /tickets/{number}", "GET /devices"), ALL),
    **dict.fromkeys(("GET /devices/{id}", "GET /status"), ALL),
    **dict.fromkeys(("GET /devices/{id}/label", "GET /labels"), ALL),
    **dict.fromkeys(("GET /my", "GET /kpi", "GET /kpi.csv"), ALL),
    **dict.fromkeys(("GET /api/v1/devices", "GET /api/v1/devices/{id}"), ALL),
    **dict.fromkeys(("GET /api/v1/faults", "GET /api/v1/tickets", "GET /api/v1/kpi"), ALL),
    **dict.fromkeys(("GET /api/v1/tickets/{number}", "GET /api/v1/events"), ALL),
    # the duty book: for whom exactly, tests/console/test_duty.py says
    **dict.fromkeys(("GET /api/v1/duty", "GET /api/v1/duty/now", "GET /api/v1/hand-overs"), ALL),
    "GET /api/v1/hand-overs/{id}": ALL_BUT_VIEWER,
    "GET /api/v1/users/{name}/training": ALL,
    **dict.fromkeys(("POST /api/v1/duty/overrides", "POST /api/v1/hand-overs"), WORKERS),
    "POST /api/v1/duty/overrides/{id}/confirm": WORKERS,
    "DELETE /api/v1/duty/overrides/{id}": WORKERS,
    "POST /api/v1/hand-overs/{id}/sign": WORKERS,
    **{f"{method} /api/v1/users/{{name}}/contact": ALL for method in ("GET", "PUT")},
    **dict.fromkeys(("GET /windows", "GET /api/v1/windows"), ALL),
    **dict.fromkeys(("POST /windows", "POST /windows/{id}/end"), WORKERS),
    **dict.fromkeys(("POST /api/v1/windows", "DELETE /api/v1/windows/{id}"), WORKERS),
    **{f"{method} /api/v1/users/{{name}}/training": LEADERS for method in ("POST", "DELETE")},
    # … and its pages
    **dict.fromkeys(("GET /duty", "GET /hand-overs", "GET /wall"), ALL),
    "GET /hand-overs/{id}": ALL_BUT_VIEWER,
    **dict.fromkeys(("POST /duty/overrides", "POST /hand-overs"), WORKERS),
    "POST /duty/overrides/{id}/confirm": WORKERS,
    "POST /duty/overrides/{id}/withdraw": WORKERS,
    "POST /hand-overs/{id}/sign": WORKERS,
    # emergency plans
    "GET /api/v1/plans": ALL,
    "POST /api/v1/tickets/{number}/plans/{plan}": WORKERS,
    "POST /api/v1/tickets/{number}/plans/{plan}/steps/{step}": WORKERS,
    "POST /tickets/{number}/plan/{plan}/begin": WORKERS,
    "POST /tickets/{number}/plan/{plan}/{step}": WORKERS,
    # floor plans
    **dict.fromkeys(("GET /plan", "GET /plan/{floor}", "GET /plan/{floor}/picture"), ALL),
    "POST /plan/{floor}/spots": LEADERS | {E},
    "POST /plan/{floor}/spots/{device}/remove": LEADERS | {E},
    # pictures
    "GET /api/v1/tickets/{number}/attachments/{id}": ALL_BUT_VIEWER,
    "GET /api/v1/tickets/{number}/evidence/{n}": ALL_BUT_VIEWER,
    # work
    **dict.fromkeys(("POST /devices/{id}/poll", "POST /devices/{id}/report"), WORKERS),
    **dict.fromkeys(("POST /tickets/{number}/{verb}", "POST /api/v1/tickets"), WORKERS),
    **dict.fromkeys(
        ("POST /api/v1/devices/{id}/poll", "POST /api/v1/tickets/{number}/{verb}"), WORKERS
    ),
    "POST /tickets/{number}/attachments": WORKERS,
    "POST /api/v1/tickets/{number}/attachments": WORKERS,
    "POST /api/v1/channels/{id}/test": WORKERS,
    # one's own account
    **dict.fromkeys(("GET /account", "POST /account/password", "POST /logout"), ALL),
    **dict.fromkeys(("POST /account/sessions/end", "POST /account/tokens"), ALL),
    **dict.fromkeys(("POST /account/tokens/remove", "GET /api/v1/me"), ALL),
    **dict.fromkeys(("POST /api/v1/me/password", "DELETE /api/v1/me/sessions"), ALL),
    **dict.fromkeys(("DELETE /api/v1/me/sessions/{id}", "GET /api/v1/me/tokens"), ALL),
    **dict.fromkeys(("POST /api/v1/me/tokens", "DELETE /api/v1/me/tokens/{token}"), ALL),
    # the audit
    **dict.fromkeys(("GET /audit", "GET /api/v1/audit", "GET /api/v1/audit/check"), OVERSEERS),
    # people and the store
    **dict.fromkeys(("GET /people", "POST /people/{verb}"), ADMINS),
    **dict.fromkeys(("GET /api/v1/users", "POST /api/v1/users"), ADMINS),
    "DELETE /api/v1/users/{name}": ADMINS,
    **{
        f"POST /api/v1/users/{{name}}/{word}": ADMINS
        for word in ("role", "password", "link", "unlock", "tokens")
    },
    **{
        f"{method} /api/v1/users/{{name}}/{word}": ADMINS
        for method, word in (("GET", "sessions"), ("DELETE", "sessions"), ("GET", "tokens"))
    },
    "DELETE /api/v1/users/{name}/tokens/{token}": ADMINS,
    "POST /api/v1/notices/{id}/resend": ADMINS,
    "POST /api/v1/store/backup": ADMINS,
    "GET /api/v1/store/sizes": ADMINS,
}
VERBS = {"cancel": frozenset((M, A))} | dict.fromkeys(
    (
        *("acknowledge", "assign", "arrive", "repair", "verify"),
        *("reject", "transfer"),
        "close",
        "note",
    ),
    WORKERS,
)
PLACES = {
    "number": "WX-2026-9999",
    "id": "none",
    "n": "1",
    "verb": "note",
    "name": "nobody",
    "plan": "center",
    "step": "1",
    "floor": "none",
    "device": "cam-1",
}


def routes(app: web.Application) -> Iterator[tuple[str, str]]:
    """(method, path as it was written) of all that the application answers."""
    for route in app.router.routes():
        if route.method != "HEAD" and route.resource is not None:
            yield route.method, route.resource.canonical


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    async with lab(tmp_path_factory.mktemp("site")) as running:
        yield running


def paths(site: Lab) -> list[tuple[str, str]]:
    beside = [("GET", "/metrics"), ("GET", "/-/healthy"), ("GET", "/-/ready")]
    return [*routes(application(site.daemon)), *beside, ("POST", "/-/reload")]


def filled(path: str) -> str:
    for name, value in PLACES.items():
        path = path.replace(f"{{{name}}}", value)
    return path.replace("{token}", "none")


async def test_every_route_was_decided_on(site: Lab) -> None:
    found = {f"{method} {path}" for method, path in paths(site)}
    assert found == EXPECTED.keys()


@pytest.mark.parametrize("role", sorted(ALL))
async def test_each_route_as_each_role(site: Lab, role: str) -> None:
    """By the role's token; 403 is the only answer that says no."""
    for method, path in paths(site):
        roles = EXPECTED[f"{method} {path}"]
        if roles is ANYBODY:
            continue
        url = site.base + filled(path)
        headers = {"Authorization": f"Bearer {site.tokens[role]}", "Accept": "text/html"}
        async with site.session.request(method, url, headers=headers, allow_redirects=False) as got:
            said = await got.text() if got.status == 403 else ""
        refused = got.status == 403 and "this needs one of" in said
        assert refused == (role not in roles), (role, method, path, got.status)
        assert got.status != 500, (method, path)


async def test_nobody_sees_anything(site: Lab) -> None:
    for method, path in paths(site):
        if EXPECTED[f"{method} {path}"] is ANYBODY:
            continue
        url = site.base + filled(path)
        for headers in ({}, {"Accept": "text/html"}):
            async with site.session.request(
                method, url, headers=headers, allow_redirects=False
            ) as got:
                text = await got.text()
                where = got.headers.get("Location", "")
            to_log_in = got.status == 303 and where.startswith("/login?") and not text
            assert got.status == 401 or to_log_in, (method, path, got.status)


async def test_each_verb_as_each_role(site: Lab) -> None:
    assert set(VERBS) == set(Verb) - {Verb.REPORT}
    for role in sorted(ALL):
        for verb, roles in VERBS.items():
            answer = await site.act("WX-2026-9999", verb, role, note="x", to="y", way="phone")
            assert answer.status == (404 if role in roles else 403), (role, verb)


async def test_a_form_from_elsewhere_does_nothing_whatever_the_route(site: Lab) -> None:
    """Cookies alone: every route that changes something refuses what no page of ours sent."""
    async with reader(site, "root", Role.ADMIN) as one, somebody(site) as stranger:
        for method, path in paths(site):
            if method == "GET" or path in ("/-/reload", "/t/{token}"):  # no cookie lets in there
                continue
            who = stranger if EXPECTED[f"{method} {path}"] is ANYBODY else one
            for origin in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {}):
                url = site.base + filled(path)
                async with who.session.request(
                    method, url, headers=origin, allow_redirects=False
                ) as got:
                    said = await got.text()
                assert got.status == 403, (method, path, origin, got.status)
                assert "expected a request from a page of ours" in said, (method, path)
        assert (await one.get("/account")).status == 200, "still logged in"


async def test_a_route_that_nobody_decided_on_is_refused_to_everybody(
    site: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    from secmon.console import rights

    less = {key: right for key, right in rights.ROUTES.items() if key != "GET /api/v1/faults"}
    monkeypatch.setattr(rights, "ROUTES", less)
    answer = await site.get("/api/v1/faults", "admin")
    assert answer.status == 403 and "nobody decided" in answer.json["detail"]


# --- what a viewer does not see (5.1.4) ---


async def test_a_viewer_sees_how_things_are_but_no_address(site: Lab) -> None:
    site.daemon.world.facts["cam-1"] = {"stream_uri": "rtsp://127.0.0.1/live", "serial": "SN-77"}
    await site.cam.set(listening=False)
    await site.poll("cam-1")
    shown = (await site.get("/api/v1/devices/cam-1", "viewer")).json
    whole = (await site.get("/api/v1/devices/cam-1", "operator")).json
    assert (whole["address"], whole["facts"]["serial"]) == ("127.0.0.1", "SN-77")
    assert whole["probes"][0]["failure"]["text"]
    assert (shown["address"], shown["serial"], shown["facts"]) == ("", "", {})
    assert shown["probes"][0]["failure"]["reason"] == "unreachable"
    assert shown["probes"][0]["failure"]["text"] == ""
    number = await site.ticket_of("cam-1")
    assert "127.0.0.1" in (await site.get(f"/api/v1/tickets/{number}")).text
    for path in ("devices", "faults", "tickets", f"tickets/{number}"):
        assert "127.0.0.1" not in (await site.get(f"/api/v1/{path}", "viewer")).text, path
    token = {"Authorization": f"Bearer {site.tokens['viewer']}"}
    async with site.session.get(f"{site.base}/api/v1/events", headers=token) as stream:
        assert (await stream.content.readline()).startswith(b":")
        await site.act(number, "acknowledge")
        event = b""
        while b"acknowledged" not in event:
            event = await stream.content.readline()
        assert b"127.0.0.1" not in event and b"cam-1" in event
    await site.store.add_user("guan", Role.VIEWER, HASHED)
    async with reader(site, "guan", Role.VIEWER) as one, reader(site, "wang") as operator:
        for path in (
            "/devices/cam-1",
            "/devices",
            "/",
            "/status",
            f"/tickets/{number}",
            "/tickets",
        ):
            page = (await one.get(path)).text.partition("<main")[2].partition("</main>")[0]
            assert "127.0.0.1" not in page and "SN-77" not in page, path
        assert "No device matches." in (await one.get("/devices?q=127.0.0")).words
        assert "SN-77" in (await operator.get("/devices/cam-1")).text
        assert "cam-1" in (await operator.get("/devices?q=127.0.0")).text
