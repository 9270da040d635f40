"""Every profile that is shipped loads, uses known names, and says where its table comes from."""

from pathlib import Path

import pytest

from secmon.loading import catalogue
from secmon.loading.problems import ConfigError, Line, Place, Problems
from secmon.loading.profiles import Profile, Profiles, shipped_folder
from secmon.loading.yaml_lines import read
from secmon.standard import tables

FOLDER = Path(__file__).parents[2] / "config" / "profiles"
PROMISED = {"switch", "xy-md02", "apc-smt", "di-16", "ups-mib"}


def load(name: str) -> Profile | None:
    problems = Problems()
    words = tables.vocabulary()
    shelf = Profiles((FOLDER,), catalogue.drivers(), words, problems)
    profile = shelf.get(name, Place(problems, Line("test")))
    problems.raise_errors()
    return profile


def test_the_promised_ones_are_there() -> None:
    assert {file.stem for file in FOLDER.glob("*.yaml")} >= PROMISED


def test_a_checkout_ships_its_own() -> None:
    assert shipped_folder() == FOLDER


@pytest.mark.parametrize("name", sorted(file.stem for file in FOLDER.glob("*.yaml")))
def test_a_profile(name: str) -> None:
    profile = load(name)
    assert profile is not None
    driver = catalogue.drivers().get(profile.driver)
    words = tables.vocabulary()
    brings = set(driver.brings(driver.options(), profile.options, {}))
    assert brings <= words.keys()
    assert brings, "a profile that brings nothing sure"
    head = read(FOLDER / f"{name}.yaml", Problems())
    assert head is not None
    assert head.data["verified"] in ("hardware", "document", "unofficial")
    assert len(head.data["source"]) > 10


def test_default_profiles_exist() -> None:
    drivers = catalogue.drivers()
    for name in ("icmp", "modbus", "nut", "snmp", "tcp"):
        default = drivers.get(name).default_profile
        assert default is None or load(default) is not None


def test_an_unknown_profile_is_told() -> None:
    with pytest.raises(ConfigError, match="unknown profile 'swich'"):
        load("swich")
