"""Profiles of the driver `snmp`: what they may say, and the UPS-MIB."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from probes.snmp import DRIVER
from probes.snmp.cells import unique
from probes.snmp.profile import Options, Profile
from probes.snmp.values import number, text
from probes.wire.snmp_values import GAUGE32, INTEGER, OCTET_STRING, Raw
from tests.probes.snmp_device import (
    Entries,
    playing,
    probing,
    profile,
    read,
    system,
    values,
)

UPS = "1.3.6.1.2.1.33.1"
RECORDINGS = sorted(
    (Path(__file__).parents[3] / "shared" / "recordings" / "snmp").glob("*.snmprec")
)
COLUMN = {"entry": "1.3", "columns": [{"column": 1, "reading": "load_ratio"}]}

# --- what a profile and the site file may say


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"scalars": [{"oid": "1.3.x", "reading": "load_ratio"}]}, "object identifier"),
        ({"scalars": [{"oid": "1.3.6.1"}]}, "either a reading or a fact"),
        ({"scalars": [{"oid": "1.3.6", "reading": "a", "fact": "b"}]}, "either a reading or"),
        ({"scalars": [{"oid": "1.3.6", "reading": "a", "unit": "V"}]}, "unit"),
        ({"tables": [{"entry": "1.3.6", "columns": []}]}, "at least 1 item"),
        ({"tables": [{"entry": "1.3.6", "columns": [{"column": 0, "reading": "a"}]}]}, "greater"),
        ({"tables": [{"entry": "1.3", "columns": [{"column": 1, "fact": "a"}]}]}, "no facts"),
        (
            {
                "tables": [
                    {"entry": "1.3", "part": "{x}", "columns": [{"column": 1, "reading": "a"}]}
                ]
            },
            "{index} and {name}",
        ),
        ({"interfaces": {"uplink": []}}, "uplink"),
        ({"tables": [COLUMN, COLUMN]}, "load_ratio again"),
        ({"scalars": [{"oid": "1.3.6", "reading": "uptime_seconds"}]}, "uptime_seconds again"),
        ({"polls": 3}, "polls"),
    ],
)
def test_a_mistake_in_a_profile_is_told(said: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Profile.model_validate(said)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("said", "version"), [("1", "1"), (1, "1"), ("2c", "2c"), (None, "2c"), ("3", "3"), (3, "3")]
)
def test_a_version_may_be_written_as_a_number(said: object, version: str) -> None:
    given = {} if said is None else {"version": said}
    assert Options.model_validate(given).version == version


@pytest.mark.parametrize("said", ["4", 4, "2", "v2c", 2.0])
def test_a_version_that_is_not_there_is_an_error(said: object) -> None:
    with pytest.raises(ValidationError, match="'1', '2c' or '3'"):
        Options.model_validate({"version": said})


def test_a_profile_says_what_a_good_poll_brings_and_which_ports_matter() -> None:
    brings = DRIVER.brings(Options(), profile("ups-mib"), {})
    assert {"uptime_seconds", "on_battery", "load_ratio"} <= set(brings)
    assert "battery_temperature_celsius" not in brings
    assert set(DRIVER.watches(profile("switch"))) == set()
    assert set(DRIVER.watches(Profile.model_validate({"interfaces": {"uplinks": ["GE1"]}}))) == {
        "GE1"
    }


# --- raw values


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (7, 7),
        (b"54.3", 54.3),
        (b" -12\x00", -12),
        (b"15 PERCENT", 15),
        (b"0.0 GB", 0.0),
        (b"", None),
        (b"1e5", None),
        (b"12 34", None),
        (b"\xff", None),
        (float("nan"), None),
        (2.5, 2.5),
        (None, None),
        ("1.3.6", None),
        (b"9" * 60, None),
    ],
)
def test_numbers_may_come_as_text(raw: Raw, expected: float | None) -> None:
    assert number(raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"plain", "plain"),
        ("上联".encode(), "上联"),
        ("上联".encode("gb18030"), "上联"),
        (b"a\x1b[31mb\r\n", "a [31mb"),
        ("evil\u202etext".encode(), "evil text"),
        (b"\x80\xff", "\x80\xff".replace("\x80", " ").strip()),
        (12, "12"),
        (None, ""),
        ("上".encode() * 300, "上" * 256),
        (b"x" * 70_000, "x" * 256),
    ],
)
def test_text_is_bounded_and_shows_no_controls(raw: Raw, expected: str) -> None:
    assert text(raw) == expected


def test_names_of_parts_are_unique_and_bounded() -> None:
    rows = [("a", "1"), ("a", "2"), ("a#2", "3"), ("a", "2"), ("x" * 70, "4"), ("x" * 70, "4")]
    parts = unique(rows)
    assert parts[:3] == ["a", "a#2", "a#2#3"]
    assert len(set(parts)) == len(rows)
    assert max(map(len, parts)) == 64


# --- the UPS-MIB


def ups(**scalars: tuple[int, Raw]) -> Entries:
    """A one-phase UPS on mains with spare rows for phases that are not fitted."""
    said: dict[str, tuple[int, Raw]] = {
        "1.1.0": (OCTET_STRING, b"ACME"),
        "1.2.0": (OCTET_STRING, b"UPS 3000"),
        "2.1.0": (INTEGER, 2),
        "2.3.0": (INTEGER, 22),
        "2.4.0": (INTEGER, 100),
        "2.5.0": (INTEGER, 412),
        "2.7.0": (INTEGER, 23),
        "3.3.1.3.1": (INTEGER, 231),
        "3.3.1.3.2": (INTEGER, 0),
        "4.1.0": (INTEGER, 3),
        "4.4.1.2.1": (INTEGER, 230),
        "4.4.1.5.1": (INTEGER, 35),
        "4.4.1.5.2": (INTEGER, 61),
    }
    said |= {key.replace("_", "."): value for key, value in scalars.items()}
    return system(1000) | {f"{UPS}.{key}": value for key, value in said.items()}


async def polled(entries: Entries) -> tuple[dict[str, object], dict[str, str]]:
    async with playing(entries) as device, probing(device.port, "ups-mib") as probe:
        first, second = await read(probe), await read(probe)
    assert second.layout is first.layout
    assert set(first.layout.parts) == {""}
    return dict(zip(first.layout.names, first.values, strict=True)), dict(first.facts)


async def test_a_ups_is_read_in_our_units() -> None:
    found, facts = await polled(ups())
    assert found == {
        "uptime_seconds": 10.0,
        "on_battery": False,
        "battery_discharging": False,
        "battery_low": False,
        "battery_runtime_seconds": 1320,
        "battery_charge_ratio": 1.0,
        "battery_voltage_volts": 41.2,
        "battery_temperature_celsius": 23,
        "mains_voltage_volts": 231,
        "output_voltage_volts": 230,
        "load_ratio": 0.61,
    }
    assert facts == {"name": "sw", "location": "room", "maker": "ACME", "model": "UPS 3000"}


@pytest.mark.parametrize(("source", "on_battery"), [(3, False), (4, False), (5, True), (6, False)])
async def test_a_ups_on_battery(source: int, on_battery: bool) -> None:
    found, _ = await polled(ups(**{"4_1_0": (INTEGER, source)}))
    assert found["on_battery"] is found["battery_discharging"] is on_battery


async def test_what_a_card_does_not_know_is_left_out() -> None:
    said: dict[str, tuple[int, Raw]] = {
        "2_3_0": (GAUGE32, 4294967295),
        "2_4_0": (INTEGER, -1),
        "2_5_0": (OCTET_STRING, b""),
        "2_7_0": (INTEGER, -1000),
        "4_4_1_2_1": (INTEGER, -1),
    }
    found, _ = await polled(ups(**said))
    assert found.keys() == {
        "uptime_seconds",
        "on_battery",
        "battery_discharging",
        "battery_low",
        "mains_voltage_volts",
        "load_ratio",
    }


async def test_a_card_that_writes_numbers_as_text() -> None:
    texts = {"2_5_0": b"541", "2_7_0": b"24.5", "2_4_0": b"87 %", "4_4_1_5_1": b"70"}
    found, _ = await polled(ups(**{key: (OCTET_STRING, said) for key, said in texts.items()}))
    assert found["battery_voltage_volts"] == 54.1
    assert found["battery_temperature_celsius"] == 24.5
    assert found["battery_charge_ratio"] == 0.87
    assert found["load_ratio"] == 0.7


# --- a table that no code knows


async def test_a_table_of_a_new_model_needs_no_code() -> None:
    entry = "1.3.6.1.4.1.99999.1.1"
    said = Profile.model_validate(
        {
            "tables": [
                {
                    "entry": entry,
                    "name": 2,
                    "part": "{name} {index}",
                    "columns": [
                        {"column": 3, "reading": "temperature_celsius", "scale": 0.1},
                        {"column": 4, "reading": "water_leak", "flag": [2], "invalid": [9]},
                    ],
                }
            ]
        }
    )
    entries: Entries = system(1000)
    for row, name, celsius, leak in (
        ("1.1", b"rack", 215, 1),
        ("1.2", b"", -50, 2),
        ("2.1", b"door", 0, 9),
    ):
        entries |= {
            f"{entry}.2.{row}": (OCTET_STRING, name),
            f"{entry}.3.{row}": (INTEGER, celsius),
            f"{entry}.4.{row}": (INTEGER, leak),
        }
    async with playing(entries) as device, probing(device.port, said) as probe:
        batch = await read(probe)
    assert values(batch, "temperature_celsius") == {
        "rack 1.1": 21.5,
        "1.2 1.2": -5.0,
        "door 2.1": 0.0,
    }
    assert values(batch, "water_leak") == {"rack 1.1": False, "1.2 1.2": True}
