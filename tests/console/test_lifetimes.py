"""Warranty and service life by the calendar; a suggestion is never called the standard's word."""

from datetime import date

import pytest

from secmon.console.lifetimes import Pace, Span, service_life, warranty
from secmon.core.model import Device
from secmon.standard import tables

TODAY = date(2026, 11, 28)
KINDS, LIVES = tables.kinds(), tables.service_lives()


def device(kind: str = "camera", **more: object) -> Device:
    return Device("x", "x", "video", kind, **more)  # type: ignore[arg-type]  # as each test says


@pytest.mark.parametrize(
    ("until", "left", "pace"),
    [
        ("2026-11-28", 0, Pace.SOON),
        ("2026-11-27", -1, Pace.OVER),
        ("2027-02-26", 90, Pace.SOON),
        ("2027-02-27", 91, Pace.LONG),
    ],
)
def test_warranty(until: str, left: int, pace: Pace) -> None:
    span = warranty(device(warranty_until=until), TODAY)
    assert span == Span(date.fromisoformat(until), left)
    assert Span(date.fromisoformat(until), left).pace is pace


def test_nobody_said() -> None:
    assert warranty(device(), TODAY) is None
    assert service_life(device("switch"), KINDS, LIVES, TODAY, "zh") is None


def test_a_camera_has_a_suggested_life_and_a_panel_a_printed_one() -> None:
    camera = service_life(device(installed="2020-12-01"), KINDS, LIVES, TODAY, "zh")
    assert camera is not None and camera.suggested and camera.years == 6
    assert camera.printed == "5.1.2 a CCD 摄像机"
    assert camera.span == Span(date(2026, 12, 1), 3)
    panel = service_life(device("alarm-panel"), KINDS, LIVES, TODAY, "en")
    assert panel is not None and not panel.suggested and panel.span is None
    assert panel.printed == "5.1.2 k alarm controller"


def test_the_site_file_s_own_years_win_and_acceptance_stands_in_for_installation() -> None:
    own = service_life(device(service_life=9, accepted="2016-02-29"), KINDS, LIVES, TODAY, "en")
    assert own is not None and (own.years, own.printed, own.suggested) == (9, "", False)
    assert own.span is not None and own.span.end == date(2025, 2, 28)
    assert own.span.pace is Pace.OVER
    late = service_life(device(service_life=100, installed="9990-01-01"), KINDS, LIVES, TODAY, "en")
    assert late is not None and late.span is None
