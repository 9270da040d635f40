"""One ticket says what its fault comes of, from all that the probes of a device know."""

from dataclasses import replace

import pytest
from hypothesis import given

from secmon.core.deepening import SELDOM, STEADY
from secmon.core.model import Cause, Op, ProbePlan, Reason, Severity, TicketState, Verb
from tests.core.test_decide import LAWS, STORIES, small_site, told
from tests.core.world import (
    CLOCK,
    HOUR,
    NO_STREAM,
    REFUSING,
    SILENCE,
    STREAM_LOST,
    Site,
    device,
    failed,
    good,
    policy,
    rule,
)

STREAM = frozenset(["stream_up"])
PROBES = [
    ProbePlan("icmp", "icmp", 30, 2),
    ProbePlan("onvif", "onvif", 30, 5),
    ProbePlan("rtsp", "rtsp", 30, 5, brings=STREAM),
]
RULES = (SILENCE, REFUSING, STREAM_LOST, NO_STREAM, CLOCK)
UNREACHABLE, REFUSED = Reason.UNREACHABLE, Reason.REFUSED


def camera(*labels: str, rules=RULES) -> Site:
    probes = [plan for plan in PROBES if plan.label in (labels or ("onvif", "rtsp"))]
    return Site(policy([device("cam", kind="camera", probes=probes)], rules))


def goes(site: Site, start: float, end: float, **said) -> None:
    """Each probe says the same every 30 s: a reason and a cause, or True for a good poll."""
    when = start
    while when <= end:
        for place, (probe, how) in enumerate(said.items()):
            if how is True:
                brought = {"stream_up": True} if probe == "rtsp" else {}
                site.good("cam", when + place, probe, **brought)
            else:
                site.fails("cam", when + place, probe, *how)
        when += 30


def causes(site: Site) -> tuple[str, object, object]:
    ticket = site.only()
    return ticket.rule, ticket.facts.get("cause"), ticket.facts.get("probe")


# --- what is said ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("onvif", "rtsp", "cause", "probe"),
    [
        ((Reason.TIMEOUT, ""), (Reason.TIMEOUT, ""), "silent", "rtsp"),
        ((UNREACHABLE, ""), (UNREACHABLE, ""), "silent", "rtsp"),
        ((UNREACHABLE, "no_route"), (UNREACHABLE, ""), "no_route", "onvif"),
        ((Reason.TIMEOUT, ""), (UNREACHABLE, "closed"), "closed", "rtsp"),
        ((UNREACHABLE, "closed"), (UNREACHABLE, "closed"), "closed", "onvif"),
        ((UNREACHABLE, "closed"), (Reason.INTERNAL, ""), "closed", "onvif"),
    ],
)
def test_silence_is_told_from_a_closed_port(onvif, rtsp, cause, probe) -> None:
    site = camera()
    goes(site, 0, 90, onvif=onvif, rtsp=rtsp)
    assert causes(site) == ("no-answer", cause, probe)


@pytest.mark.parametrize("cause", ["login", "locked", "no_login", "no_right"])
def test_who_is_not_let_in_says_nothing_of_the_stream(cause) -> None:
    site = camera()
    goes(site, 0, 210, onvif=True, rtsp=(REFUSED, cause))
    assert causes(site) == ("probe-failing", cause, "rtsp")
    assert site.only().facts["answers"] == "onvif"
    assert site.fault("cam", "stream-failing", "rtsp") is None


@pytest.mark.parametrize(
    ("reason", "cause", "named"),
    [
        (REFUSED, "no_stream", "no_stream"),
        (REFUSED, "busy", "busy"),
        (UNREACHABLE, "closed", "closed"),
        (Reason.TIMEOUT, "", "silent"),
        (Reason.GARBLED, "", None),
    ],
)
def test_onvif_is_fine_but_there_is_no_stream(reason, cause, named) -> None:
    site = camera("icmp", "onvif", "rtsp")
    goes(site, 0, 90, icmp=True, onvif=True, rtsp=(reason, cause))
    assert causes(site) == ("stream-failing", named, "rtsp")
    assert site.only().severity is Severity.MAJOR
    assert site.only().facts["answers"] == "icmp, onvif"
    assert site.fault("cam", "probe-failing", "rtsp") is None


def test_without_a_rule_on_streams_a_failing_probe_is_what_it_always_was() -> None:
    site = camera(rules=(SILENCE, REFUSING))
    goes(site, 0, 210, onvif=True, rtsp=(REFUSED, "no_stream"))
    assert causes(site) == ("probe-failing", "no_stream", "rtsp")


def test_a_ping_that_is_answered_makes_a_silent_service() -> None:
    site = camera("icmp", "onvif")
    goes(site, 0, 210, icmp=True, onvif=(Reason.TIMEOUT, ""))
    assert causes(site) == ("probe-failing", "silent", "onvif")
    assert site.only().facts["answers"] == "icmp"


def test_a_stream_without_media() -> None:
    site = camera()
    for when in (0, 30, 60):
        site.good("cam", when, "onvif")
        site.good("cam", when + 1, "rtsp", stream_up=False)
    assert causes(site) == ("no-stream", "no_media", None)
    assert site.only().facts["answers"] == "onvif"


@pytest.mark.parametrize(
    ("seconds", "named"), [(-3600.0, None), (3600.0, None), (-820_540_800.0, "clock_reset")]
)
def test_a_clock_at_its_factory_date_is_told_from_one_that_is_wrong(seconds, named) -> None:
    ahead = rule("ahead", "clock_offset_seconds", Op.ABOVE, 60, soak=600, clear=30)
    site = camera(rules=(CLOCK, ahead))
    for when in range(0, 631, 30):
        site.good("cam", when, "onvif", clock_offset_seconds=seconds)
    assert site.only().facts.get("cause") == named


@pytest.mark.parametrize(("ahead", "said"), [(-7200.0, -7200.0), (30.0, None)])
def test_a_wrong_clock_is_named_beside_a_refused_log_in(ahead, said) -> None:
    site = camera()
    site.good("cam", 0, "onvif", clock_offset_seconds=ahead)
    goes(site, 30, 240, onvif=(REFUSED, "login"), rtsp=True)
    assert site.only().facts.get("clock_offset_seconds") == said


def test_what_the_failed_poll_itself_says_of_the_clock_comes_first() -> None:
    site = camera()
    site.good("cam", 0, "onvif", clock_offset_seconds=0.0)
    for when in range(30, 241, 30):
        seen = failed("cam", when, "onvif", reason=REFUSED, cause="login")
        assert seen.failure is not None
        knows = replace(seen.failure, facts={"clock_offset_seconds": 900.0})
        site.take(replace(seen, failure=knows))
        site.good("cam", when + 1, "rtsp", stream_up=True)
    assert site.only().facts["clock_offset_seconds"] == 900.0


# --- when it changes -------------------------------------------------------------------------


def test_the_text_follows_a_cause_that_lasts() -> None:
    site = camera()
    goes(site, 0, 90, onvif=(UNREACHABLE, "closed"), rtsp=(UNREACHABLE, "closed"))
    before = site.only()
    goes(site, 120, 150, onvif=(Reason.TIMEOUT, ""), rtsp=(Reason.TIMEOUT, ""))
    assert site.only() == before, "not yet for as long as the soak"
    goes(site, 180, 210, onvif=(Reason.TIMEOUT, ""), rtsp=(Reason.TIMEOUT, ""))
    after = site.only()
    assert causes(site) == ("no-answer", "silent", "rtsp")
    assert (after.number, after.version, after.turns) == (before.number, before.version + 1, 1)
    assert site.journal[-1].what == "deepened"
    assert site.journal[-1].why == "no-answer (closed) -> no-answer (silent)"
    assert [reason for _, reason in site.told()] == ["opened", "deepened"], "another kind of work"


def test_a_change_within_one_kind_of_work_is_not_told() -> None:
    site = camera()
    goes(site, 0, 90, onvif=(UNREACHABLE, "no_route"), rtsp=(UNREACHABLE, ""))
    goes(site, 120, 240, onvif=(UNREACHABLE, ""), rtsp=(UNREACHABLE, ""))
    assert causes(site)[1] == "silent"
    assert [reason for _, reason in site.told()] == ["opened"]


def test_causes_that_take_turns_change_nothing() -> None:
    site = camera()
    for start in range(0, 7200, 60):
        goes(site, start, start, onvif=(UNREACHABLE, "closed"), rtsp=(UNREACHABLE, "closed"))
        goes(site, start + 30, start + 30, onvif=(Reason.TIMEOUT, ""), rtsp=(Reason.TIMEOUT, ""))
    assert [entry.what for entry in site.journal if entry.what != "due_soon"][:2] == [
        "opened",
        "overdue",
    ]
    assert [entry for entry in site.journal if entry.what == "deepened"] == []


def test_causes_that_last_and_take_turns_write_one_line_an_hour_and_one_notice() -> None:
    site, hours = camera(), 6
    for start in range(0, int(hours * HOUR), 360):
        goes(site, start, start + 150, onvif=(UNREACHABLE, "closed"), rtsp=(UNREACHABLE, "closed"))
        goes(site, start + 180, start + 330, onvif=(Reason.TIMEOUT, ""), rtsp=(Reason.TIMEOUT, ""))
    lines = [entry.at for entry in site.journal if entry.what == "deepened"]
    assert STEADY < len(lines) <= STEADY + hours
    assert all(b - a >= SELDOM for a, b in zip(lines[STEADY - 1 :], lines[STEADY:], strict=False))
    assert len(site.told("deepened")) == 1
    assert site.only().turns > 100


def test_a_relapse_speaks_of_todays_cause_and_may_be_told_anew() -> None:
    site = camera()
    goes(site, 0, 90, onvif=(UNREACHABLE, "closed"), rtsp=(UNREACHABLE, "closed"))
    goes(site, 120, 120, onvif=True, rtsp=True)
    goes(site, 150, 240, onvif=(Reason.TIMEOUT, ""), rtsp=(Reason.TIMEOUT, ""))
    assert causes(site)[1] == "silent"
    goes(site, 270, 400, onvif=(UNREACHABLE, "closed"), rtsp=(UNREACHABLE, "closed"))
    reasons = [reason for _, reason in site.told()]
    assert reasons == ["opened", "cleared", "relapsed", "deepened"]


def test_back_to_the_clock_when_the_stream_is_back() -> None:
    site = camera()
    for when in range(0, 631, 30):
        site.good("cam", when, "onvif", clock_offset_seconds=-3600.0)
        site.good("cam", when + 1, "rtsp", stream_up=True)
    first = site.only()
    assert (first.rule, first.severity) == ("clock-behind", Severity.MINOR)
    site.act(Verb.ACKNOWLEDGE, 640)
    for when in range(660, 800, 30):
        site.good("cam", when, "onvif", clock_offset_seconds=-3600.0)
        site.fails("cam", when + 1, "rtsp", UNREACHABLE, "closed")
    assert (site.only().number, site.only().rule) == (first.number, "stream-failing")
    assert site.only().severity is Severity.MAJOR
    site.good("cam", 811, "rtsp", stream_up=True)
    ticket = site.only()
    assert (ticket.rule, ticket.severity, ticket.value) == ("clock-behind", Severity.MINOR, -3600.0)
    assert ticket.state is TicketState.ACKNOWLEDGED
    assert ticket.cleared_at is None


# --- restarts --------------------------------------------------------------------------------


def test_a_restart_neither_repeats_nor_loses_what_the_ticket_says() -> None:
    site = camera()
    goes(site, 0, 90, onvif=(UNREACHABLE, "closed"), rtsp=(UNREACHABLE, "closed"))
    goes(site, 120, 240, onvif=(Reason.TIMEOUT, ""), rtsp=(Reason.TIMEOUT, ""))
    before, lines, notices = site.only(), len(site.journal), len(site.notices)
    site.restart(250, alive=249)
    goes(site, 270, 600, onvif=(Reason.TIMEOUT, ""), rtsp=(Reason.TIMEOUT, ""))
    assert site.only() == before
    assert (len(site.journal), len(site.notices)) == (lines, notices)
    goes(site, 630, 750, onvif=(UNREACHABLE, "closed"), rtsp=(UNREACHABLE, "closed"))
    assert causes(site)[1] == "closed"
    assert len(site.journal) == lines + 1


def test_two_tickets_of_an_older_secmon_become_one() -> None:
    """Before, a clock had a ticket of its own beside a silence."""
    site = camera(rules=(CLOCK,))
    for when in range(0, 631, 30):
        site.good("cam", when, "onvif", clock_offset_seconds=-3600.0)
    clock = site.only()
    site.world.groups.clear()
    site.policy = policy(site.policy.devices.values(), RULES)
    goes(site, 660, 750, onvif=(Reason.TIMEOUT, ""), rtsp=(Reason.TIMEOUT, ""))
    assert len(site.open()) == 2
    site.restart(760, alive=759)
    silence = next(ticket for ticket in site.open() if ticket.rule == "no-answer")
    other = next(ticket for ticket in site.open() if ticket.number == clock.number)
    assert (other.rule, other.cleared_at is not None) == ("", True)
    assert silence.number in other.summary
    site.good("cam", 780, "onvif", clock_offset_seconds=-3600.0)
    assert site.tickets[silence.id].rule == "clock-behind"
    assert site.act(Verb.CLOSE, 790, other.number, note="-").ended


# --- the law ---------------------------------------------------------------------------------


@LAWS
@given(STORIES)
def test_a_camera_never_has_two_tickets(story) -> None:
    site = Site(small_site())
    for seen in told(story):
        site.take(seen)
        assert sum(ticket.device == "dome" for ticket in site.open()) <= 1


def test_every_cause_makes_a_kind_of_work() -> None:
    from secmon.core.causes import work

    kinds = {work(str(cause), "") for cause in Cause if cause}
    assert kinds == {"line", "device", "account", "stream", "identity", "clock"}
    assert work("", "stream_up") == "stream_up"


def test_a_good_poll_of_a_well_device_says_nothing() -> None:
    site = camera()
    site.take(good("cam", 0, "onvif"), good("cam", 1, "rtsp", stream_up=True))
    assert site.world.faults == {}
