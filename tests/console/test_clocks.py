"""The three clocks as pages show them. Expected paces are CONTRACT 5's: a colour from 50 % on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from secmon.console.clocks import Pace, faces, nearest
from secmon.console.wording import Speech
from secmon.core.model import Clock, Mark, Severity, Ticket, TicketState, Way
from secmon.texts import Texts
from secmon.texts.pages import phrases

AT = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TICKET = Ticket(
    id="t",
    number="WX-2026-0001",
    version=1,
    device="cam-1",
    device_name="",
    location="",
    system="video",
    rule="r",
    part="",
    severity=Severity.MAJOR,
    state=TicketState.OPEN,
    opened_at=AT,
    detected_at=AT,
    due={Clock.RESPOND: AT + 30 * MINUTE, Clock.ARRIVE: AT + 240 * MINUTE},
)


def paces(ticket: Ticket, minutes: float) -> list[str]:
    return [str(face.pace) for face in faces(ticket, AT + minutes * MINUTE)]


@pytest.mark.parametrize(
    ("minutes", "pace"),
    [
        (0, "calm"),
        (14.9, "calm"),
        (15, "half"),
        (23.9, "half"),
        (24, "soon"),
        (29.9, "soon"),
        (30, "late"),
        (90, "late"),
    ],
)
def test_how_much_of_a_clock_is_gone(minutes: float, pace: str) -> None:
    assert paces(TICKET, minutes) == [pace, "calm"]


def test_a_clock_that_stopped_says_whether_in_time() -> None:
    good = replace(TICKET, marks={TicketState.ACKNOWLEDGED: Mark(AT + 29 * MINUTE, "wang")})
    late = replace(TICKET, marks={TicketState.ACKNOWLEDGED: Mark(AT + 31 * MINUTE, "wang")})
    assert paces(good, 100) == ["kept", "calm"]
    assert paces(late, 100) == ["missed", "calm"]
    assert paces(replace(TICKET, cleared_at=AT + 20 * MINUTE), 300) == ["kept", "kept"]


def test_a_clock_that_does_not_apply_or_was_never_decided() -> None:
    assert paces(replace(TICKET, way=Way.PHONE), 0) == ["calm", "none"]
    assert paces(replace(TICKET, state=TicketState.CANCELLED), 0) == ["none", "none"]
    assert nearest(replace(TICKET, state=TicketState.CANCELLED), AT) is None


def test_the_nearest_clock_is_the_running_one_due_first() -> None:
    face = nearest(TICKET, AT)
    assert face is not None and face.clock is Clock.RESPOND and face.left_s == 1800
    done = replace(TICKET, marks={TicketState.ACKNOWLEDGED: Mark(AT, "wang")})
    face = nearest(done, AT)
    assert face is not None and face.clock is Clock.ARRIVE


@pytest.mark.parametrize(
    ("left_s", "zh", "en"),
    [
        (0, "剩 0:00:00", "0:00:00 left"),
        (59.9, "剩 0:00:59", "0:00:59 left"),
        (3909, "剩 1:05:09", "1:05:09 left"),
        (2 * 86400 + 3, "剩 2 天 0:00:03", "2 d 0:00:03 left"),
        (-61, "超时 0:01:01", "0:01:01 over"),
    ],
)
def test_a_countdown_in_words(left_s: float, zh: str, en: str) -> None:
    said = {
        language: Speech(Texts(language, "UTC", {}, {}), phrases(language), {}).countdown(left_s)
        for language in ("zh", "en")
    }
    assert said == {"zh": zh, "en": en}
    assert Pace("calm") is Pace.CALM
