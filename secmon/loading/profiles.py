"""Profile files: found by name, own ones in `profiles/` beside the site file first."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secmon.api import Options
from secmon.core.model import Battery
from secmon.loading.catalogue import Catalogue, Unusable
from secmon.loading.problems import Place, Problems, nearest, one_of
from secmon.loading.validation import validate
from secmon.loading.yaml_lines import Document, read
from secmon.settings import BatteryEntry, ProfileFile, RuleEntry

_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """A profile that was read: its head, and the driver's part by the driver's own model."""

    name: str
    driver: str
    options: Options | None
    watches: frozenset[str]  # parts whose being down is a fault on every such device
    rules: tuple[RuleEntry, ...]
    document: Document
    battery: Battery | None = None


@dataclass(frozen=True, slots=True)
class Profiles:
    """Reads each profile once. Its mistakes are told once, however many probes name it."""

    folders: tuple[Path, ...]
    drivers: Catalogue
    words: Collection[str]  # names of the readings that exist
    problems: Problems
    loaded: dict[str, Profile | None] = field(default_factory=dict)

    def get(self, name: str, place: Place) -> Profile | None:
        """The profile that `place` names; None after telling what is wrong with it."""
        file = self._file(name)
        if file is None:
            known = self.names()
            expected = f"expected {one_of(known)}{nearest(name, known)}"
            place.wrong(f"{expected} (got unknown profile {name!r})")
            return None
        if name not in self.loaded:
            self.loaded[name] = self._load(name, file)
        return self.loaded[name]

    def names(self) -> frozenset[str]:
        """Every profile there is."""
        return frozenset(file.stem for folder in self.folders for file in folder.glob("*.yaml"))

    def _file(self, name: str) -> Path | None:
        files = (folder / f"{name}.yaml" for folder in self.folders)
        return next((file for file in files if file.is_file()), None)

    def _load(self, name: str, file: Path) -> Profile | None:
        document = read(file, self.problems)
        if document is None:
            return None
        place = Place(self.problems, document)
        if not isinstance(document.data, dict):
            place.wrong("expected a mapping with the keys profile and driver (got something else)")
            return None
        return self._profile(name, document, place)

    def _profile(self, name: str, document: Document, place: Place) -> Profile | None:
        named = document.data.get("driver")
        driver_name = named if isinstance(named, str) else ""
        own = {key: value for key, value in document.data.items() if key != driver_name}
        head = validate(ProfileFile, own, place, [driver_name] if driver_name else ())
        if head is not None and head.profile != name:
            place.at("profile").wrong(f"expected {name}, as the file is named (got {head.profile})")
        driver = self._driver(driver_name, place)
        if driver is None:
            return None
        part = document.data.get(driver_name) or {}
        check_readings(part, self.words, place.at(driver_name))
        options = validate(driver.profile, part, place.at(driver_name))
        if head is None or options is None:
            return None
        return Profile(
            name,
            driver_name,
            options,
            frozenset(driver.watches(options)),
            tuple(head.rules),
            document,
            battery(head.battery),
        )

    def _driver(self, name: str, place: Place) -> Any:
        if not name:
            return None  # told already
        try:
            driver = self.drivers.get(name)
        except Unusable as error:
            place.at("driver").wrong(str(error))
            return None
        if driver.profile is None:
            place.at("driver").wrong(f"expected a driver with profiles (got {name})")
            return None
        return driver


def check_readings(part: object, words: Collection[str], place: Place) -> None:
    """Whatever stands under a key `reading` in a driver's part is a word of the vocabulary."""
    if isinstance(part, list):
        for index, one in enumerate(part):
            check_readings(one, words, place.at(index))
    elif isinstance(part, dict):
        for key, value in part.items():
            if key == "reading" and isinstance(value, str) and value not in words:
                check_word(value, words, place.at(key))
            elif isinstance(value, (dict, list)):
                check_readings(value, words, place.at(key))


def check_word(name: str, words: Collection[str], place: Place) -> None:
    """This is the name of a reading."""
    if name not in words:
        close = nearest(name, words)
        place.wrong(f"expected a reading of the vocabulary{close} (got unknown {name!r})")


def battery(entry: BatteryEntry | None) -> Battery | None:
    if entry is None:
        return None
    return Battery(
        cells=entry.cells,
        v25=entry.v25,
        coefficient=entry.coefficient,
        resolution=entry.resolution,
        settle=entry.settle.total_seconds(),
    )


def folders(site_file: Path) -> tuple[Path, ...]:
    """Where profiles are looked for, best first."""
    return (site_file.parent / "profiles", shipped_folder())


def shipped_folder() -> Path:
    """`secmon/profiles` of an installed package; `config/profiles` of a checkout."""
    packed = _PACKAGE / "profiles"
    return packed if packed.is_dir() else _PACKAGE.parent / "config" / "profiles"
