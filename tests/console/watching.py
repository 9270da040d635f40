"""A site with a roster, and people on it, for the pages of the operator on duty."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from PIL import Image, ImageDraw

from tests.cli.place import Place
from tests.console.browsing import add_user
from tests.equipment import Equipment

SHANGHAI = ZoneInfo("Asia/Shanghai")
PHONE = "+86 138 0000 0001"


def duty(now: datetime, in_minutes: int = 60) -> str:
    """Two shifts that change so many minutes from now: `wang` is on duty, then `li`."""
    local = now.astimezone(SHANGHAI) + timedelta(minutes=in_minutes)
    change, other = f"{local:%H:%M}", f"{local + timedelta(hours=12):%H:%M}"
    return f"""
duty:
  shifts: {{day: "{other}-{change}", night: "{change}-{other}"}}
  rotation:
    start: {local.date() - timedelta(days=14)}
    days: [{{day: wang, night: [li]}}]
  lead: [sun]
  manager: [nobody]
"""


def floors(folder: Path) -> None:
    """Two floor plans beside the site file, drawn like an architect's."""
    plans = folder / "plans"
    plans.mkdir()
    for name in ("F1 大厅", "F2"):
        picture = Image.new("RGB", (1600, 900), "white")
        pen = ImageDraw.Draw(picture)
        for box in ((40, 40, 1560, 860), (40, 40, 620, 420), (620, 40, 1100, 420)):
            pen.rectangle(box, outline="black", width=6)
        picture.save(plans / f"{name}.png")


def prepare(here: Place, things: Equipment) -> dict[str, str]:
    """People with log-ins, one with a telephone; open tickets. What tests need of it by name."""
    for name, role in (("wang", "operator"), ("li", "operator"), ("sun", "manager")):
        add_user(here, name, role)
    add_user(here, "guest", "viewer")
    here.command("user", "contact", "wang", "--name", "王建国", "--phone", PHONE)
    here.command("user", "contact", "li", "--name", "李梅", "--phone", "+86 139 0000 0002")
    here.command("user", "training", "wang", "--day", "2026-01-05", "--what", "现场培训")
    token = here.command("user", "add", "program", "--role", "operator", "--token").out.strip()
    things.set(1, input={1: 300})
    boss = here.command("user", "add", "boss", "--role", "manager", "--token").out.strip()
    found: dict[str, str] = {"token": token, "boss": boss}
    deadline = time.monotonic() + 8
    while "room" not in found:
        listed = here.get("/api/v1/tickets?device=room-1&state=open", token)[1]["tickets"]
        if listed:
            found["room"] = str(listed[0]["number"])
        elif time.monotonic() > deadline:
            raise AssertionError("room-1 has no open ticket")
        time.sleep(0.05)
    body = {"device": "cam-1", "note": "画面发黑，听到异响", "severity": "critical"}
    found["cam"] = str(here.http("POST", "/api/v1/tickets", token, body)[1]["number"])
    found["handover"] = str(here.http("POST", "/api/v1/hand-overs", boss, {})[1]["id"])
    return found
