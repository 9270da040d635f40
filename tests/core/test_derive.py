"""Last observation + this one → rates, utilization, rise, schedule, float charge (HOUSE 3, 6)."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from secmon.core import floating
from secmon.core.derive import RESTING, Deriver, inside, parse
from secmon.core.model import Battery, Observation, Part
from tests.core.world import HOUR, at, device, failed, good, word

COUNTER, SPEED = "interface_receive_bytes_total", "interface_speed_bytes_per_second"
WORDS = {
    one.name: one
    for one in (
        word(COUNTER, type="counter"),
        word("interface_receive_errors_total", type="counter"),
        word(SPEED),
        word(
            "interface_receive_errors_per_second",
            derive="rate(interface_receive_errors_total)",
        ),
        word("interface_receive_utilization_ratio", derive=f"utilization({COUNTER}, {SPEED})"),
        word("temperature_celsius"),
        word(
            "temperature_rise_celsius_per_minute",
            derive="rise(temperature_celsius, 10m)",
        ),
        word("panel_armed", type="flag"),
        word("panel_armed_late", type="flag", derive="schedule(panel_armed)"),
        word("battery_voltage_volts"),
        word(
            "battery_float_deviation_ratio",
            derive="float_deviation(battery_voltage_volts)",
        ),
        word("battery_float_ok", type="flag", derive="float_ok(battery_voltage_volts)"),
    )
}
ERRORS = "interface_receive_errors_total"
RATE = "interface_receive_errors_per_second"
USED = "interface_receive_utilization_ratio"
SHANGHAI = ZoneInfo("Asia/Shanghai")


def deriver(interval: float = 30, resting_since: datetime | None = None, **options: Any):
    return Deriver(device("sw", **options), WORDS, SHANGHAI, interval, resting_since)


def value(seen: Observation, name: str, part: str = ""):
    index = seen.layout.index(name, part)
    return None if index is None else seen.values[index]


# --- rates -----------------------------------------------------------------------------------


def test_a_rate_over_two_polls() -> None:
    one = deriver()
    first = one.extend(good("sw", 0, **{ERRORS: {"p1": 100, "p2": 7}}))
    assert value(first, RATE, "p1") is None, "one poll makes no rate"
    second = one.extend(good("sw", 30, **{ERRORS: {"p1": 160, "p2": 7}}))
    assert (value(second, RATE, "p1"), value(second, RATE, "p2")) == (2.0, 0.0)
    assert value(second, ERRORS, "p1") == 160, "what was read stays"


def test_a_rate_runs_on_ticks_not_on_the_wall_clock() -> None:
    one = deriver()
    one.extend(good("sw", 0, tick=10, **{ERRORS: 0}))
    seen = one.extend(good("sw", -3600, tick=40, **{ERRORS: 60}))
    assert value(seen, RATE) == 2.0


def test_a_64_bit_counter_keeps_every_count() -> None:
    one = deriver()
    one.extend(good("sw", 0, **{ERRORS: 2**63}))
    assert value(one.extend(good("sw", 30, **{ERRORS: 2**63 + 3})), RATE) == 0.1


def test_a_counter_that_went_back_gives_no_rate_once() -> None:
    one = deriver()
    one.extend(good("sw", 0, **{ERRORS: {"p1": 1000, "p2": 10}}))
    seen = one.extend(good("sw", 30, **{ERRORS: {"p1": 5, "p2": 40}}))
    assert value(seen, RATE, "p1") is None
    assert value(seen, RATE, "p2") == 1.0, "the other port counts on"
    assert value(one.extend(good("sw", 60, **{ERRORS: {"p1": 35, "p2": 40}})), RATE, "p1") == 1.0


def test_after_a_start_of_the_device_no_counter_is_compared() -> None:
    one = deriver()
    one.extend(good("sw", 0, uptime_seconds=90000, **{ERRORS: 10}))
    seen = one.extend(good("sw", 30, uptime_seconds=20, **{ERRORS: 5000}))
    assert value(seen, RATE) is None, "5000 errors in 30 s would be a lie"
    assert value(one.extend(good("sw", 60, uptime_seconds=50, **{ERRORS: 5030})), RATE) == 1.0


def test_over_a_failed_poll_the_rate_is_the_mean() -> None:
    one = deriver()
    one.extend(good("sw", 0, **{ERRORS: 0}))
    lost = failed("sw", 30)
    assert one.extend(lost) is lost
    assert value(one.extend(good("sw", 60, **{ERRORS: 60})), RATE) == 1.0


def test_asked_twice_within_milliseconds() -> None:
    """A poll at once, beside the regular one, must not turn one count into a storm."""
    one = deriver()
    one.extend(good("sw", 0, **{ERRORS: 0}))
    assert value(one.extend(good("sw", 30, **{ERRORS: 30})), RATE) == 1.0
    assert value(one.extend(good("sw", 30.002, **{ERRORS: 40})), RATE) == 1.0
    assert value(one.extend(good("sw", 60, **{ERRORS: 60})), RATE) == 1.0, "over the whole turn"


def test_asked_twice_at_the_very_start() -> None:
    one = deriver()
    one.extend(good("sw", 0, **{ERRORS: 0}))
    assert value(one.extend(good("sw", 0.002, **{ERRORS: 50})), RATE) is None
    assert value(one.extend(good("sw", 30, **{ERRORS: 60})), RATE) == 2.0


def test_asked_again_and_again_still_gives_a_rate() -> None:
    one = deriver()
    for second in range(0, 61, 10):
        seen = one.extend(good("sw", second, **{ERRORS: second}))
    assert value(seen, RATE) == 1.0


# --- utilization -----------------------------------------------------------------------------


def busy(speed: object) -> object:
    one = deriver()
    for when, count in ((0, 0), (30, 750)):
        given = {COUNTER: {"p1": count}, **({} if speed is None else {SPEED: {"p1": speed}})}
        seen = one.extend(good("sw", when, **given))
    return value(seen, USED, "p1")


@pytest.mark.parametrize(
    ("speed", "used"), [(100, 0.25), (25, 1.0), (10, 1.0), (0, None), (None, None)]
)
def test_utilization(speed, used) -> None:
    assert busy(speed) == used


def test_a_port_without_a_speed_beside_one_with() -> None:
    one = deriver()
    for when, count in ((0, 0), (30, 300)):
        seen = one.extend(
            good("sw", when, **{COUNTER: {"p1": count, "lo": count}, SPEED: {"p1": 100}})
        )
    assert (value(seen, USED, "p1"), value(seen, USED, "lo")) == (0.1, None)


# --- rate of rise ----------------------------------------------------------------------------


def test_a_rise_over_its_window() -> None:
    one = deriver()
    for step in range(41):  # 20 minutes, 0.3 °C a minute
        seen = one.extend(good("sw", 30 * step, temperature_celsius=20 + 0.15 * step))
        if step < 10:
            assert value(seen, "temperature_rise_celsius_per_minute") is None, "too short to say"
    assert value(seen, "temperature_rise_celsius_per_minute") == pytest.approx(0.3, abs=0.01)


def test_one_spike_is_no_fast_rise_over_ten_minutes() -> None:
    one = deriver()
    for step in range(40):
        one.extend(good("sw", 30 * step, temperature_celsius=20.0))
    seen = one.extend(good("sw", 1200, temperature_celsius=21.0))
    assert value(seen, "temperature_rise_celsius_per_minute") == pytest.approx(0.1, abs=0.02)


def test_falling_is_a_negative_rise() -> None:
    one = deriver()
    for step in range(41):
        seen = one.extend(good("sw", 30 * step, temperature_celsius=30 - 0.1 * step))
    assert value(seen, "temperature_rise_celsius_per_minute") == pytest.approx(-0.2, abs=0.01)


def test_after_a_long_gap_the_window_begins_anew() -> None:
    one = deriver()
    for step in range(41):
        one.extend(good("sw", 30 * step, temperature_celsius=20.0))
    seen = one.extend(good("sw", 1200 + 3600, temperature_celsius=26.0))
    assert value(seen, "temperature_rise_celsius_per_minute") is None


# --- schedule --------------------------------------------------------------------------------

NIGHT = (18 * 60, 7 * 60)  # "18:00-07:00"


@pytest.mark.parametrize(
    ("local", "within"),
    [
        ("17:59", False),
        ("18:00", True),
        ("23:59", True),
        ("00:00", True),
        ("06:59", True),
        ("07:00", False),
        ("12:00", False),
    ],
)
def test_a_schedule_over_midnight_in_shanghai(local, within) -> None:
    one = deriver(parts=[Part("1", armed=NIGHT), Part("2")])
    hour, minute = map(int, local.split(":"))
    moment = datetime(2026, 3, 2, hour, minute, tzinfo=SHANGHAI).astimezone(UTC)
    when = (moment - at(0)).total_seconds()
    seen = one.extend(good("sw", when, panel_armed={"1": False, "2": False}))
    assert value(seen, "panel_armed_late", "1") is within
    assert value(seen, "panel_armed_late", "2") is None, "no schedule, no verdict"
    armed = one.extend(good("sw", when + 30, panel_armed={"1": True, "2": False}))
    assert value(armed, "panel_armed_late", "1") is False


@pytest.mark.parametrize(
    ("minute", "within"), [(479, False), (480, True), (1079, True), (1080, False)]
)
def test_a_schedule_within_one_day(minute, within) -> None:
    assert inside(minute, (480, 1080)) is within


def test_a_poll_at_once_sees_that_it_is_armed_now() -> None:
    """`verify` polls now: what needs no time in between must not be the old word."""
    one = deriver(parts=[Part("1", armed=NIGHT)])
    late = datetime(2026, 3, 2, 20, 0, tzinfo=SHANGHAI).astimezone(UTC)
    when = (late - at(0)).total_seconds()
    assert value(one.extend(good("sw", when, panel_armed={"1": False})), "panel_armed_late", "1")
    seen = one.extend(good("sw", when + 3, panel_armed={"1": True}))
    assert value(seen, "panel_armed_late", "1") is False


# --- float charge ----------------------------------------------------------------------------

SIX = Battery(cells=6)
# Narada's table, V per cell, as FIELD-NOTES has it: 2.25 − 0.003·(T − 25), T clamped to 5..40
NARADA = {0: 2.31, 5: 2.31, 10: 2.295, 15: 2.28, 20: 2.265, 25: 2.25, 30: 2.235, 35: 2.22}
NARADA |= {40: 2.205, 50: 2.205}


@pytest.mark.parametrize(("celsius", "volts"), NARADA.items())
def test_the_narada_table(celsius, volts) -> None:
    assert floating.volts_per_cell(SIX, celsius) == pytest.approx(volts, abs=1e-9)
    assert floating.deviation(SIX, 6 * volts, celsius) == pytest.approx(0, abs=1e-9)


def test_the_deviation_is_a_share_of_what_is_expected() -> None:
    assert floating.deviation(SIX, 13.5 * 0.97, 25) == pytest.approx(-0.03)
    assert floating.deviation(SIX, 13.5 * 1.02, 25) == pytest.approx(0.02)
    twelve = Battery(cells=12, v25=2.27, coefficient=-0.004)
    assert floating.deviation(twelve, 12 * (2.27 - 0.04), 35) == pytest.approx(0)


def test_half_the_resolution_widens() -> None:
    coarse = Battery(cells=12, resolution=0.1)
    assert floating.deviation(coarse, 27.04, 25) == 0
    assert floating.deviation(coarse, 27.06, 25) > 0
    assert floating.deviation(Battery(cells=12), 27.04, 25) > 0


def test_without_a_temperature_the_band_widens_and_the_words_say_so() -> None:
    low, high = floating.expected(SIX, None)
    assert low == pytest.approx(6 * 2.22)  # 35 °C
    assert high == pytest.approx(6 * 2.295)  # 10 °C
    assert floating.deviation(SIX, 13.4, None) == 0
    assert floating.deviation(SIX, 13.4, 25) < 0
    assert "celsius" not in floating.words(SIX, 13.4, None)
    assert floating.words(SIX, 13.4, 25.0)["celsius"] == 25.0


@pytest.mark.parametrize(
    ("volts", "judgement"), [(13.21, "under_charged"), (13.5, "right"), (14.2, "over_charged")]
)
def test_the_words(volts, judgement) -> None:
    said = floating.words(SIX, volts, 25.0)
    assert said["judgement"] == judgement
    assert (said["volts"], said["celsius"]) == (volts, 25.0)
    assert said["low"] == pytest.approx(13.5 * 0.985)
    assert said["high"] == pytest.approx(13.5 * 1.015)


def ups_poll(when: float, volts: float = 13.5, *, battery: bool = False, **more: Any):
    brought = {"battery_temperature_celsius": 25.0, "battery_discharging": False, **more}
    return good("ups", when, on_battery=battery, battery_voltage_volts=volts, **brought)


def judged(seen: Observation) -> tuple[object, object]:
    return value(seen, "battery_float_deviation_ratio"), value(seen, "battery_float_ok")


def follow(one: Deriver, start: float, end: float, *, every: float = 60, **said: Any):
    when = start
    while when <= end:
        seen = one.extend(ups_poll(when, **said))
        when += every
    return seen


def ups(resting_since: datetime | None = None, **battery: Any) -> Deriver:
    return deriver(60, resting_since, battery=Battery(cells=6, **battery))


def test_it_is_judged_after_six_hours_of_rest() -> None:
    one = ups()
    assert judged(follow(one, 0, 6 * HOUR - 60)) == (None, None)
    assert judged(follow(one, 6 * HOUR, 6 * HOUR)) == (0.0, True)


def test_a_profile_may_settle_sooner() -> None:
    one = ups(settle=600)
    assert judged(follow(one, 0, 540)) == (None, None)
    assert judged(follow(one, 600, 600)) == (0.0, True)


def test_a_wrong_float_charge() -> None:
    one = ups()
    follow(one, 0, 6 * HOUR)
    off, right = judged(follow(one, 6 * HOUR + 60, 6 * HOUR + 60, volts=12.9))
    assert off == pytest.approx((12.9 - 13.5) / 13.5)
    assert right is False


@pytest.mark.parametrize("said", [{"battery": True}, {"battery_discharging": True}])
def test_on_battery_it_is_not_judged_and_rest_begins_anew(said) -> None:
    one = ups()
    follow(one, 0, 6 * HOUR)
    assert judged(follow(one, 6 * HOUR + 60, 6 * HOUR + 60, volts=12.0, **said)) == (None, None)
    assert judged(follow(one, 6 * HOUR + 120, 12 * HOUR)) == (None, None)
    assert judged(follow(one, 12 * HOUR + 60, 12 * HOUR + 120)) == (0.0, True)


def test_a_gap_begins_the_rest_anew() -> None:
    one = ups()
    follow(one, 0, 5 * HOUR)
    assert judged(follow(one, 6 * HOUR, 7 * HOUR)) == (None, None), "who knows what was between"


def test_without_knowing_of_mains_nothing_is_judged() -> None:
    one = ups()
    for when in range(0, int(7 * HOUR), 60):
        seen = one.extend(good("ups", when, battery_voltage_volts=12.0))
    assert judged(seen) == (None, None)


def test_a_device_without_a_battery_profile_is_not_judged() -> None:
    one = deriver(60)
    assert judged(follow(one, 0, 7 * HOUR)) == (None, None)


def test_the_moment_of_rest_is_a_fact_that_outlives_a_short_restart() -> None:
    one = ups()
    first = one.extend(ups_poll(0))
    assert first.facts[RESTING] == at(0).isoformat()
    follow(one, 60, 5 * HOUR)
    after = ups(resting_since=datetime.fromisoformat(first.facts[RESTING]))
    assert judged(follow(after, 5 * HOUR + 60, 6 * HOUR - 60)) == (None, None)
    assert judged(follow(after, 6 * HOUR, 6 * HOUR)) == (0.0, True)


def test_found_on_battery_after_a_restart_the_old_rest_is_forgotten() -> None:
    one = ups(resting_since=at(-8 * HOUR))
    seen = one.extend(ups_poll(0, battery=True))
    assert seen.facts[RESTING] == ""
    assert judged(follow(one, 60, 5 * HOUR)) == (None, None)


def test_a_poll_that_changes_nothing_about_the_rest_writes_no_fact() -> None:
    one = ups()
    follow(one, 0, 60)
    assert RESTING not in follow(one, 120, 120).facts


# --- the rest --------------------------------------------------------------------------------


def test_parse() -> None:
    assert parse("rise(temperature_celsius, 10m)") == ("rise", ("temperature_celsius", "10m"))
    with pytest.raises(ValueError, match="expected name"):
        parse("rise temperature")


def test_nothing_to_derive_leaves_the_observation_alone() -> None:
    seen = good("sw", 0, humidity_ratio=0.4)
    assert deriver().extend(seen) is seen


def test_the_same_observations_say_the_same() -> None:
    polls = [
        good("sw", 30 * n, **{ERRORS: n * n, "temperature_celsius": 20 + n / 9}) for n in range(60)
    ]
    first, second = deriver(), deriver()
    assert [first.extend(p).values for p in polls] == [second.extend(p).values for p in polls]


def test_the_layout_is_kept_while_the_shape_stays() -> None:
    """Everything compiled for a layout is found again by its identity."""
    one = deriver()
    layouts = {id(one.extend(good("sw", 30 * n, **{ERRORS: n})).layout) for n in range(1, 20)}
    assert len(layouts) <= 2


def test_the_words_of_the_real_vocabulary_are_understood() -> None:
    from secmon.standard.tables import vocabulary

    known = {
        *("rate", "utilization", "rise", "schedule", "float_deviation", "float_ok"),
        "restarts",
    }
    derived = [parse(one.derive) for one in vocabulary().values() if one.derive]
    assert {kind for kind, _ in derived} == known
    assert all(args[0] in vocabulary() for _, args in derived)


def test_time_zones_are_the_sites() -> None:
    moment = at(0).astimezone(SHANGHAI)
    assert (moment.hour, moment.utcoffset()) == (9, timedelta(hours=8))
