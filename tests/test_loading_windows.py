"""`maintenance:` of a site file → the windows, and every mistake in it with its line."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from secmon.core.windows import Do, Every, Window
from secmon.loading import check, load

HEAD = """\
site: {id: lab, name: 示范工程, timezone: Europe/Berlin}
devices:
  - {id: room-1, name: 机房, system: center, kind: machine-room}
maintenance:
"""
BERLIN = ZoneInfo("Europe/Berlin")
SUNDAY = frozenset((6,))


def windows(text: str, folder: Path) -> tuple[Window, ...]:
    file = folder / "site.yaml"
    file.write_text(f"{HEAD}  - {text}\n", encoding="utf-8")
    return load(file).policy.windows


def mistakes(text: str, folder: Path) -> list[str]:
    file = folder / "site.yaml"
    file.write_text(f"{HEAD}  - {text}\n", encoding="utf-8")
    wrong, _ = check(file)
    return [one.removeprefix(f"{file}:") for one in wrong]


def test_once_by_the_sites_clock(tmp_path: Path) -> None:
    text = (
        '{id: ac, name: 空调, devices: room-1, start: "2026-03-29 01:30", end: "2026-03-29 03:30"}'
    )
    (one,) = windows(text, tmp_path)
    assert (one.id, one.name, one.do, one.devices) == (
        "ac",
        "空调",
        Do.MUTE,
        frozenset(("room-1",)),
    )
    assert one.start == datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    assert one.end == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # the clock jumped in between


@pytest.mark.parametrize(
    ("text", "every"),
    [
        ("day 03:00-04:00", Every(180, 240, BERLIN)),
        ("sun 03:00-04:00", Every(180, 240, BERLIN, SUNDAY)),
        ("Sat,Sun 23:00-01:00", Every(1380, 1500, BERLIN, frozenset((5, 6)))),
        ("mon-fri 00:00-00:00", Every(0, 1440, BERLIN, frozenset(range(5)))),
        ("fri-mon 03:00-04:00", Every(180, 240, BERLIN, frozenset((4, 5, 6, 0)))),
        ("1st sun 03:00-04:00", Every(180, 240, BERLIN, SUNDAY, 1)),
        ("last sun 03:00-04:00", Every(180, 240, BERLIN, SUNDAY, -1)),
        ("1,15 03:00-04:00", Every(180, 240, BERLIN, days=frozenset((1, 15)))),
    ],
)
def test_again_and_again(text, every, tmp_path) -> None:
    (one,) = windows(f'{{id: w, system: center, every: "{text}", do: skip}}', tmp_path)
    assert (one.every, one.said, one.do, one.system) == (every, text.lower(), Do.SKIP, "center")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{id: w, devices: room-9, every: 'day 03:00-04:00'}", "devices[0]: expected a device of"),
        ("{id: w, system: video, every: 'day 03:00-04:00'}", "system: expected a system of a dev"),
        ("{id: w, every: 'day 03:00-04:00'}", "expected one of the keys devices, system, and sit"),
        ("{id: w, site: true, devices: room-1, every: 'day 03:00-04:00'}", "expected one of the"),
        ("{id: w, site: true}", "expected the keys start and end, or every"),
        ("{id: w, site: true, start: '2026-12-01 09:00'}", "expected the keys start and end, or e"),
        (
            "{id: w, site: true, start: '2026-12-01 09:00', end: '2026-12-01 09:00'}",
            "expected an end after the start",
        ),
        ("{id: w, site: true, every: 'soon'}", "every: expected days and times like"),
        ("{id: w, site: true, every: '6th sun 03:00-04:00'}", "every: expected days and times"),
        ("{id: w, site: true, every: '0 03:00-04:00'}", "every: expected days and times like"),
        ("{id: w, site: true, every: 'day 25:00-26:00'}", "every: expected days and times like"),
        ("{id: w, site: true, start: 2026-12-01, end: 'x'}", "start: expected a local time like"),
        ("{id: w, site: true, every: 'day 03:00-04:00', do: stop}", "do: expected"),
        ("{id: w, site: true, every: 'day 03:00-04:00', when: now}", "when: expected"),
    ],
)
def test_mistakes(text, line, tmp_path) -> None:
    said = mistakes(text, tmp_path)
    assert said and all(one.startswith("5: maintenance[0]") for one in said)
    assert any(line in one for one in said), said


def test_an_id_is_given_once(tmp_path: Path) -> None:
    one = "{id: w, site: true, every: 'day 03:00-04:00'}"
    said = mistakes(f"{one}\n  - {one}", tmp_path)
    assert said == ["6: maintenance[1].id: expected each id once (got 'w' again)"]
