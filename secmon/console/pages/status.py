"""How the daemon itself is."""

from __future__ import annotations

from aiohttp import web

from secmon.console.daemon import DAEMON
from secmon.console.pages.frame import render, speech_of


def routes() -> list[web.RouteDef]:
    return [web.get("/status", status, name="page.status")]


async def status(request: web.Request) -> web.Response:
    daemon, words = request.app[DAEMON], speech_of(request)
    health = await daemon.health()
    up = daemon.clock.now() - health.started_at
    return render(
        request,
        "status.html",
        title=words.say("status.title"),
        every=5,
        values={
            "health": health,
            "uptime": words.texts.duration(up),
            "lateness": words.texts.value(health.lateness_mean_s * 1000),
            "troubles": [words.say(f"wall.trouble_{word}") for word in daemon.troubles()],
            "devices": len(daemon.policy.devices),
        },
    )
