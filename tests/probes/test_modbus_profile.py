"""Modbus profiles: what is asked for, how it is read, and which mistakes are told."""

import csv
import math
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from probes.modbus import DRIVER
from probes.modbus.plan import Plan, compiled, halve
from probes.modbus.profile import Options, Profile
from secmon.api import Part, Value

ROOT = Path(__file__).parents[2]
SHIPPED = ("xy-md02", "di-16", "apc-smt")


def shipped(name: str) -> Profile:
    head = yaml.safe_load((ROOT / f"config/profiles/{name}.yaml").read_text(encoding="utf-8"))
    assert (head["profile"], head["driver"]) == (name, "modbus")
    return Profile.model_validate(head["modbus"])


def profile(*points: Mapping[str, object], **more: object) -> Profile:
    return Profile.model_validate({"points": points, **more})


def holding(addr: int, **more: object) -> dict[str, object]:
    return {"reading": f"r{addr}", "fn": "holding", "addr": addr, **more}


def asked(plan: Plan) -> list[str]:
    return [str(block.read) for block in plan.blocks]


def words(*values: int) -> bytes:
    return bytes((3, 2 * len(values))) + struct.pack(f">{len(values)}H", *values)


def value(point: Mapping[str, object], *registers: int) -> Value | None:
    """What a point makes of its registers."""
    plan = compiled(profile({"reading": "r", "fn": "holding", "addr": 7, **point}), {}).readings
    (found,) = plan.decode([words(*registers)])
    assert found is None or isinstance(found, Value)
    return found


# --- what is asked


@pytest.mark.parametrize(
    ("points", "more", "requests"),
    [
        ([holding(4), holding(3), holding(5)], {}, ["holding registers 3-5"]),
        ([holding(3), holding(5)], {}, ["holding registers 3", "holding registers 5"]),
        ([holding(3), holding(5)], {"max_gap": 1}, ["holding registers 3-5"]),
        ([holding(0, type="u32"), holding(2)], {}, ["holding registers 0-2"]),
        ([holding(0, type="u32"), holding(1), holding(2)], {}, ["holding registers 0-2"]),
        ([holding(3), holding(4, fn="input")], {}, ["holding registers 3", "input registers 4"]),
        ([holding(40001), holding(40002)], {"base": 1}, ["holding registers 40000-40001"]),
        (
            [holding(0), holding(1, type="f32"), holding(3)],
            {"max_registers": 2},
            ["holding registers 0", "holding registers 1-2", "holding registers 3"],
        ),
    ],
)
def test_neighbours_are_asked_together_and_no_hole_is_read(
    points: Sequence[Mapping[str, object]], more: Mapping[str, object], requests: list[str]
) -> None:
    assert asked(compiled(profile(*points, **more), {}).readings) == requests


def row(fn: str, count: int, **more: object) -> Profile:
    repeat = {"count": count, **more}
    return profile({"reading": "r", "part": "{n}", "fn": fn, "addr": 0, "repeat": repeat})


def test_a_request_is_never_longer_than_the_protocol_allows() -> None:
    assert asked(compiled(row("holding", 251), {}).readings) == [
        "holding registers 0-124",
        "holding registers 125-249",
        "holding registers 250",
    ]
    assert asked(compiled(row("coil", 2000), {}).readings) == ["coils 0-1999"]


@given(st.sets(st.integers(0, 60), min_size=1), st.integers(0, 3), st.integers(2, 20))
def test_every_value_is_asked_once_and_nothing_else_within_the_gap(
    addresses: set[int], gap: int, most: int
) -> None:
    made = profile(*map(holding, addresses), max_gap=gap, max_registers=most)
    reads = [block.read for block in compiled(made, {}).readings.blocks]
    covered = [a for read in reads for a in range(read.address, read.address + read.count)]
    assert len(covered) == len(set(covered))
    assert set(covered) >= addresses
    assert all(read.count <= most for read in reads)
    if not gap:
        assert set(covered) == addresses


@given(st.sets(st.integers(0, 40), min_size=1))
def test_halving_ends_with_every_value_alone(addresses: set[int]) -> None:
    blocks = list(compiled(profile(*map(holding, addresses), max_gap=40), {}).readings.blocks)
    alone = []
    while blocks:
        block = blocks.pop()
        halves = halve(block)
        alone += [] if halves else [block.read]
        blocks += halves
    assert sorted((read.address, read.count) for read in alone) == [
        (a, 1) for a in sorted(addresses)
    ]


# --- what is made of it


@pytest.mark.parametrize(
    ("point", "registers", "expected"),
    [
        ({}, (65535,), 65535),
        ({"type": "i16"}, (65535,), -1),
        ({"type": "i16", "scale": 0.1}, (3,), 0.3),
        ({"type": "i16", "scale": "1/10"}, (0xFFF6,), -1.0),
        ({"scale": "1/512"}, (51200,), 100.0),
        ({"scale": 2, "offset": -3}, (5,), 7),
        ({"scale": "1/2", "offset": 0.25}, (3,), 1.75),
        ({"type": "u32"}, (0xFFFF, 0xFFFF), 4294967295),
        ({"type": "u32", "order": "little"}, (1, 0), 1),
        ({"type": "i32"}, (0xFFFF, 0xFFFE), -2),
        ({"type": "f32"}, (0x41BC, 0), 23.5),
        ({"type": "f32", "scale": 10}, (0x41BC, 0), 235.0),
        ({"bit": 3}, (0b1000,), True),
        ({"bit": 3}, (0b0111,), False),
        ({"bits": [0, 3]}, (0b0001,), True),
        ({"bit": 3, "invert": True}, (0b0111,), True),
        ({"type": "u32", "bit": 17}, (0b10, 0), True),
        ({"when": [2, 5]}, (5,), True),
        ({"when": [2, 5]}, (3,), False),
        ({"when": [2, 5], "invert": True}, (3,), True),
    ],
)
def test_a_point_is_read(
    point: Mapping[str, object], registers: tuple[int, ...], expected: Value
) -> None:
    found = value(point, *registers)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("point", "registers"),
    [
        ({"invalid": [0xFFFF]}, (0xFFFF,)),
        ({"type": "i16", "invalid": [0x8000]}, (0x8000,)),
        ({"type": "i16", "invalid": [-32768]}, (0x8000,)),
        ({"type": "i16", "scale": "1/10", "invalid": [-9999]}, (0xD8F1,)),
        ({"type": "u32", "invalid": [0xFFFFFFFF]}, (0xFFFF, 0xFFFF)),
        ({"bit": 0, "invalid": [0xFFFF]}, (0xFFFF,)),
        ({"type": "f32", "invalid": [-999.9]}, (0xC479, 0xF99A)),
        ({"type": "f32"}, (0x7FC0, 0)),
        ({"type": "f32"}, (0x7F80, 0)),
        ({"type": "f32"}, (0xFF80, 0)),
    ],
)
def test_a_sentinel_is_no_value(point: Mapping[str, object], registers: tuple[int, ...]) -> None:
    assert value(point, *registers) is None


@given(st.binary(min_size=4, max_size=4), st.sampled_from(["u32", "i32", "f32"]))
def test_whatever_a_register_holds_no_reading_is_infinite(raw: bytes, kind: str) -> None:
    found = value({"type": kind, "scale": "1/10"}, *struct.unpack(">2H", raw))
    assert found is None or math.isfinite(float(found))


# --- parts


def inputs(bits: int, parts: Mapping[str, Part]) -> dict[tuple[str, str], bool]:
    plan = compiled(shipped("di-16"), parts).readings
    assert asked(plan) == ["discrete inputs 0-15"]
    values = plan.decode([bytes((2, 2)) + bits.to_bytes(2, "little")])
    keys = [(item.reading, item.part) for item in plan.items]
    return dict(zip(keys, values, strict=True))


def test_an_input_that_the_site_does_not_name_is_a_zone() -> None:
    found = inputs(1 << 8, {})
    assert list(found) == [("zone_alarm", f"DI{n}") for n in range(1, 17)]
    assert [part for (_, part), flag in found.items() if flag] == ["DI9"]


def test_the_site_says_what_an_input_stands_for() -> None:
    parts = {
        "DI1": Part("DI1", name="财务室"),
        "DI9": Part("DI9", reading="zone_tamper", invert=True),
        "DI10": Part("DI10", reading="on_battery"),
        "DI2": Part("DI2", invert=True),
    }
    found = inputs(0b1 << 9 | 0b1, parts)
    assert [name for name, _ in found] == ["zone_alarm"] * 14 + ["zone_tamper", "on_battery"]
    assert found["zone_tamper", "DI9"] is True
    assert found["on_battery", "DI10"] is True
    assert (found["zone_alarm", "DI1"], found["zone_alarm", "DI2"]) == (True, True)
    assert sum(found.values()) == 4
    assert DRIVER.brings(Options(), shipped("di-16"), parts) == {
        "zone_alarm",
        "zone_tamper",
        "on_battery",
    }


def test_only_a_free_input_is_the_sites_to_name() -> None:
    point = {"reading": "door_open", "fn": "coil", "addr": 0, "part": "DI1"}
    plan = compiled(profile(point), {"DI1": Part("DI1", reading="zone_alarm", invert=True)})
    assert [item.reading for item in plan.readings.items] == ["door_open"]
    assert plan.readings.decode([b"\1\1\1"]) == [True]


# --- the shipped ones


def known_words() -> dict[str, str]:
    with (ROOT / "secmon/vocabulary.csv").open(encoding="utf-8", newline="") as file:
        return {line["name"]: line["type"] for line in csv.DictReader(file)}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_profile_speaks_the_vocabulary(name: str) -> None:
    types = known_words()
    for point in shipped(name).points:
        if point.reading:
            assert types[point.reading] == ("flag" if point.is_flag else "gauge"), point
        else:
            assert point.fact in ("model", "serial", "firmware")


def test_the_room_sensor() -> None:
    plan = compiled(shipped("xy-md02"), {}).readings
    assert asked(plan) == ["input registers 1-2"]
    assert plan.decode([words(0xFFCE, 456)]) == [-5.0, 0.456]


def test_the_ups() -> None:
    plans = compiled(shipped("apc-smt"), {})
    answers = {
        "holding registers 0-1": (0, 1 << 2),
        "holding registers 18": (2,),
        "holding registers 22": (4,),
        "holding registers 128-131": (0, 1800, 51200, 864),
        "holding registers 135-136": (3200, 5888),
        "holding registers 142": (14720,),
        "holding registers 151": (0xFFFF,),
    }
    assert asked(plans.readings) == list(answers)
    values = plans.readings.decode([words(*registers) for registers in answers.values()])
    assert dict(zip((item.reading for item in plans.readings.items), values, strict=True)) == {
        "on_battery": True,
        "battery_discharging": True,
        "battery_low": True,
        "battery_replace": True,
        "battery_runtime_seconds": 1800,
        "battery_charge_ratio": 1.0,
        "battery_voltage_volts": 27.0,
        "battery_temperature_celsius": 25.0,
        "load_ratio": 0.23,
        "output_voltage_volts": 230.0,
        "mains_voltage_volts": None,
    }
    assert asked(plans.facts) == [
        "holding registers 516-523",
        "holding registers 532-547",
        "holding registers 564-571",
    ]


# --- mistakes


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        ({"fact": "model"}, "either `reading` or `fact`"),
        ({"fn": "register"}, "fn"),
        ({"addr": 65536}, "addr"),
        ({"addr": 65535, "type": "u32"}, "addresses up to 65535, got 65536"),
        ({"type": "u64"}, "type"),
        ({"typo": 1}, "typo"),
        ({"fn": "coil", "scale": 2}, "no scale with a coil"),
        ({"fn": "discrete", "bit": 2}, "no bit with a discrete"),
        ({"type": "text", "length": 4}, "text to be a `fact`"),
        ({"length": 4}, "with a text, and only so"),
        ({"bit": 16}, "bits that a u16 has"),
        ({"type": "f32", "bit": 1}, "bits that a f32 has"),
        ({"bit": 1, "when": [2]}, "either bits or `when`"),
        ({"bit": 1, "scale": 2}, "no scale or offset with a flag"),
        ({"invert": True}, "`invert` only with a flag"),
        ({"scale": 0}, "scale that is not 0"),
        ({"scale": "1/0"}, "scale"),
        ({"invalid": [65536]}, "invalid values that a u16 has"),
        ({"type": "i16", "invalid": [-999.9]}, "invalid values that a i16 has"),
        ({"fn": "coil", "free": True}, "free input to be a flag with a `part`"),
        ({"part": "DI{n}"}, "exactly where there is a `repeat`"),
        ({"repeat": {"count": 2}}, "exactly where there is a `repeat`"),
        ({"part": "{n}", "addr": 65530, "repeat": {"count": 7}}, "addresses up to 65535"),
    ],
)
def test_a_mistake_in_a_point_is_told(point: Mapping[str, object], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        profile({"reading": "r", "fn": "holding", "addr": 0, **point})


@pytest.mark.parametrize(
    ("points", "more", "expected"),
    [
        ([], {}, "points"),
        ([holding(1), {**holding(2), "reading": "r1"}], {}, "r1 is given twice"),
        (
            [
                {"reading": "zone_alarm", "part": "1", "fn": "coil", "addr": 0, "free": True},
                {"reading": "zone_tamper", "part": "1", "fn": "coil", "addr": 1},
            ],
            {},
            "free input 1 to have its part to itself",
        ),
        ([holding(0)], {"base": 1}, "expected addresses from 1 on, got 0"),
        ([holding(0)], {"max_registers": 126}, "max_registers"),
        (
            [{"fact": "model", "fn": "holding", "addr": 0, "type": "text", "length": 9}],
            {"max_registers": 8},
            "model is longer than max_registers: 8",
        ),
    ],
)
def test_a_mistake_in_a_profile_is_told(
    points: Sequence[Mapping[str, object]], more: Mapping[str, object], expected: str
) -> None:
    with pytest.raises(ValidationError, match=expected):
        profile(*points, **more)


def test_a_profile_has_an_end() -> None:
    rows = [
        {
            "reading": f"r{i}",
            "part": "{n}",
            "fn": "coil",
            "addr": 0,
            "repeat": {"count": 2000},
        }
        for i in range(3)
    ]
    with pytest.raises(ValidationError, match="at most 4096 values"):
        profile(*rows)


@pytest.mark.parametrize("framing", ["rtu", "rtu-over-tcp"])
def test_a_framing_that_is_not_there_is_said_to_be_so(framing: str) -> None:
    with pytest.raises(ValidationError, match=f"expected tcp: {framing} is not there yet"):
        Options.model_validate({"framing": framing})


@pytest.mark.parametrize("wrong", [{"port": 0}, {"unit": 256}, {"framing": "udp"}, {"serial": "x"}])
def test_a_mistake_in_the_options_is_told(wrong: Mapping[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Options.model_validate(wrong)


def test_units_behind_one_gateway_are_asked_in_turn() -> None:
    assert DRIVER.bus is not None
    assert {DRIVER.bus("192.0.2.7", Options(unit=unit)) for unit in (1, 2)} == {"192.0.2.7:502"}
