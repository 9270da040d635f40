"""/metrics: how a reading is written, whatever it is called, and the page as a whole."""

import asyncio
import math
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmon.core.model import (
    Layout,
    Observation,
    Reading,
    Reason,
    Value,
    arrange,
)
from secmon.core.world import World
from tests.adapters.exposition_page import AT, failed, lines, page_of, parts, samples, seen, switch

# --- readings --------------------------------------------------------------------------------


def test_a_reading_is_one_series_with_the_labels_of_its_device_and_its_part():
    page = page_of()
    page.observe(seen(Reading("interface_up", True, "GE1/0/1")), 0.01)
    assert samples(page)["secmon_interface_up"] == [
        (
            {
                "site": "lab",
                "system": "network",
                "kind": "switch",
                "device": "sw-1",
                "part": "GE1/0/1",
            },
            1.0,
        )
    ]


def test_without_a_part_there_is_no_part_label():
    page = page_of()
    page.observe(seen(Reading("temperature_celsius", 21.5)), 0.01)
    ((labels, value),) = samples(page)["secmon_temperature_celsius"]
    assert labels.keys() == {"site", "system", "kind", "device"}
    assert value == 21.5


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, "1"),
        (False, "0"),
        (2**64 - 1, "18446744073709551615"),
        (-3, "-3"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1e300, "1e+300"),
        (-0.5, "-0.5"),
    ],
)
def test_a_value_is_written_exactly(value: Value, written: str):
    page = page_of()
    page.observe(seen(Reading("temperature_celsius", value)), 0.01)
    assert lines(page, "secmon_temperature_celsius{")[0].rsplit(" ", 1)[1] == written


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 10**400, "warm", None])
def test_what_is_no_finite_number_is_left_out_and_its_neighbours_stay(bad):
    page = page_of()
    for middle, shown in ((1.5, {"a", "b", "c"}), (bad, {"a", "c"}), (2.5, {"a", "b", "c"})):
        page.observe(
            seen(
                Reading("temperature_celsius", 1.0, "a"),
                Reading("temperature_celsius", middle, "b"),
                Reading("temperature_celsius", 3.0, "c"),
            ),
            0.01,
        )
        assert parts(page, "secmon_temperature_celsius").keys() == shown
        samples(page)


def test_an_int_may_become_a_float_and_a_flag_an_int():
    page, layout = page_of(), arrange([Reading("temperature_celsius", 0)])[0]
    for value, written in ((21, "21"), (21.5, "21.5"), (22, "22"), (True, "1"), (0, "0")):
        page.observe(Observation("sw-1", "snmp", AT, 0.0, layout, [value]), 0.01)
        assert parts(page, "secmon_temperature_celsius") == {"": written}


def test_texts_and_readings_without_a_metric_are_not_exported():
    page = page_of()
    page.observe(
        seen(
            Reading("interface_alias", "to the roof", "1"),
            Reading("internal_rate", 5, "1"),
            Reading("no_such_word", 5, "1"),
        ),
        0.01,
    )
    assert not any("alias" in n or "rate" in n or "such" in n for n in samples(page))


def test_two_words_of_one_metric_share_a_family_and_differ_by_a_label():
    page = page_of()
    page.observe(seen(Reading("rx_ratio", 0.25, "1"), Reading("tx_ratio", 0.5, "1")), 0.01)
    found = {la["direction"]: value for la, value in samples(page)["secmon_interface_ratio"]}
    assert found == {"receive": 0.25, "transmit": 0.5}
    assert lines(page, "# HELP secmon_interface_ratio") == ["# HELP secmon_interface_ratio Use"]


def test_all_samples_of_a_family_stand_together_under_one_head():
    page = page_of(switch(), switch(id="sw-2"))
    for device in ("sw-1", "sw-2"):
        reading = Reading("interface_receive_bytes_total", 7, "1")
        page.observe(seen(reading, Reading("interface_up", True, "1"), device=device), 0.01)
    text = lines(page, "")
    first = text.index("# TYPE secmon_interface_receive_bytes_total counter")
    assert text[first - 1].startswith("# HELP secmon_interface_receive_bytes_total ")
    assert ['device="sw-1"' in text[first + 1], 'device="sw-2"' in text[first + 2]] == [True, True]
    assert sum("interface_receive_bytes_total" in line for line in text) == 4


def test_openmetrics_names_counters_without_total_and_ends_with_eof():
    page = page_of()
    page.observe(seen(Reading("interface_receive_bytes_total", 7, "1")), 0.01)
    text = page.render(World(), True, AT).decode()
    assert "# TYPE secmon_interface_receive_bytes counter\n" in text
    assert "\nsecmon_interface_receive_bytes_total{" in text
    assert "# TYPE secmon_device info\nsecmon_device_info{" in text
    assert text.endswith("# EOF\n")
    assert text.count("# EOF") == 1


# --- laws ------------------------------------------------------------------------------------


@given(st.lists(st.text(), max_size=5))
def test_no_part_breaks_the_page_or_makes_a_series_twice(names: list[str]):
    page = page_of()
    page.observe(seen(*(Reading("temperature_celsius", 1.5, name) for name in names)), 0.01)
    found = samples(page).get("secmon_temperature_celsius", [])
    kept = {
        "".join("\ufffd" if category(c) == "Cc" and c != "\n" else c for c in name[:128])
        for name in names
    }
    assert {labels.get("part", "") for labels, _ in found} == kept


@pytest.mark.parametrize("part", ["\ud800", "%s %d", "100%", '"} 1\n#', "x" * 10_000, "\\"])
def test_awkward_parts(part: str):
    page = page_of()
    page.observe(seen(Reading("temperature_celsius", 1.5, part)), 0.01)
    ((labels, value),) = samples(page)["secmon_temperature_celsius"]
    assert labels["part"] == part[:128].replace("\ud800", "?")
    assert value == 1.5


NUMBERS = st.one_of(st.booleans(), st.integers(), st.floats(), st.just("no number"))
POLLS = st.lists(
    st.none() | st.dictionaries(st.sampled_from("abc"), NUMBERS, max_size=3), max_size=6
)


@given(POLLS)
def test_after_any_polls_the_page_shows_the_latest_one_and_nothing_else(polls):
    page = page_of()
    layouts: dict[tuple[str, ...], Layout] = {}
    shown: dict[str, float] = {}
    for poll in polls:
        if poll is None:
            page.observe(failed(Reason.TIMEOUT), 0.01)
            shown = {}
            continue
        names = tuple(poll)
        layout = layouts.setdefault(names, Layout(("temperature_celsius",) * len(names), names))
        page.observe(Observation("sw-1", "snmp", AT, 0.0, layout, list(poll.values())), 0.01)
        shown = {k: v for k, v in poll.items() if not isinstance(v, str) and math.isfinite(v)}
    found = samples(page).get("secmon_temperature_celsius", [])
    assert {labels["part"]: value for labels, value in found} == shown


# --- at length -------------------------------------------------------------------------------


async def test_rendering_slowly_gives_the_same_page_and_lets_polls_in_between():
    page = page_of(*(switch(id=f"sw-{i}") for i in range(3000)))
    for i in range(3000):
        page.observe(seen(Reading("interface_up", True, "1"), device=f"sw-{i}"), 0.01)
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    slow = b"".join(await page.render_slowly(World(), True, AT))
    counting.cancel()
    at_once = page.render(World(), True, AT)
    assert slow.split(b"# HELP python_info")[0].split(b"# HELP process_")[0] in at_once
    assert len(slow) > 1_000_000
    assert turns > 5
