"""The `probes` of a device → what the poller runs and what the core must know of it.

A site has ten thousand probes but a few dozen different ones: each distinct mapping is validated
once, and everything made of it is one object for all devices.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar, cast

from secmon.api import Driver, Options
from secmon.core.model import Device, Part, ProbePlan
from secmon.loading.catalogue import Catalogue, Unusable
from secmon.loading.problems import Finding, Place, Problems, nearest, one_of
from secmon.loading.profiles import Profile, Profiles
from secmon.loading.validation import validate
from secmon.settings import ProbeEntry
from secmon.settings.values import Name

T = TypeVar("T")

EVERY = timedelta(seconds=30)
TIMEOUT = timedelta(seconds=5)

AnyDriver = Driver[Any, Any]
_OWN = frozenset(ProbeEntry.model_fields)


@dataclass(frozen=True, slots=True)
class ProbeSetup:
    """One probe of one device: all that it takes to run it.

    `fingerprint` changes when anything about this probe changed; good within one process.
    """

    device: str
    label: str
    driver: AnyDriver
    options: Options
    profile: Options | None
    profile_name: str
    address: str
    interval: float  # seconds
    timeout: float  # seconds
    credentials: str | None
    bus: str | None  # devices with one key are asked one at a time
    fingerprint: str


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """One distinct probe mapping, validated."""

    driver: AnyDriver
    options: Options
    profile: Profile | None
    name: str
    interval: float
    timeout: float
    credentials: str | None
    text: str  # what was written, for the fingerprint


@dataclass(slots=True)
class Probes:
    """Makes the probes of every device; remembers what it made for the next one."""

    drivers: Catalogue
    profiles: Profiles
    credentials: Mapping[str, object]  # names in `credentials:` → their secrets, for fingerprints
    shapes: dict[tuple[str, str | None], tuple[Shape | None, Problems]] = field(
        default_factory=dict
    )
    plans: dict[object, Any] = field(default_factory=dict)

    def shapes_of(
        self, raw: Sequence[Mapping[str, Any]], profile: str | None, place: Place
    ) -> tuple[Shape, ...]:
        """The good ones of a device's probes; what is wrong with the others is told."""
        found = []
        for index, one in enumerate(raw):
            key = (repr(one), profile)
            known = self.shapes.get(key)
            if known is None:
                known = self.shapes[key] = self._shape(one, profile, place)
            shape, problems = known
            if problems.errors or problems.doubts:
                _repeat(problems, place.at("probes", index))
            if shape is not None:
                found.append(shape)
        return tuple(found)

    def plans_of(
        self, shapes: tuple[Shape, ...], labels: tuple[str, ...], parts: Mapping[str, Part]
    ) -> tuple[ProbePlan, ...]:
        """What the core must know; one object for all devices with the same probes and parts."""
        key = (shapes, labels, tuple(parts.items()))
        plans = self.plans.get(key)
        if plans is None:
            plans = tuple(_plan(*pair, parts) for pair in zip(shapes, labels, strict=True))
            self.plans[key] = plans
        return plans

    def same(self, value: T) -> T:
        """One object for all that are equal: ten thousand devices need not hold their own."""
        return cast("T", self.plans.setdefault(value, value))

    def setup(self, device: Device, shape: Shape, plan: ProbePlan) -> ProbeSetup:
        """All that it takes to run one probe."""
        driver, profile = shape.driver, shape.profile
        secret = self.credentials.get(shape.credentials) if shape.credentials else None
        told = profile.document.text if profile is not None else ""
        parts = tuple(device.parts.items())
        print_ = hash((device.id, plan.label, device.address, shape.text, told, parts, secret))
        return ProbeSetup(
            device.id,
            plan.label,
            driver,
            shape.options,
            profile.options if profile is not None else None,
            plan.profile,
            device.address,
            plan.interval,
            plan.timeout,
            shape.credentials,
            driver.bus(device.address, shape.options) if driver.bus is not None else None,
            f"{print_ & 0xFFFFFFFFFFFFFFFF:016x}",
        )

    def _shape(
        self, raw: Mapping[str, Any], device_profile: str | None, place: Place
    ) -> tuple[Shape | None, Problems]:
        here = Place(Problems(), place.source)
        shape = self._validated(raw, device_profile, here)
        return shape, here.problems

    def _validated(
        self, raw: Mapping[str, Any], device_profile: str | None, here: Place
    ) -> Shape | None:
        own = {key: value for key, value in raw.items() if key in _OWN}
        rest = {key: value for key, value in raw.items() if key not in _OWN}
        entry = validate(ProbeEntry, own, here)
        driver = self._driver(raw.get("driver"), here)
        if driver is None:
            return None
        options = validate(driver.options, rest, here, also=_OWN)
        if entry is None:
            return None
        profile = self._profile(entry, driver, device_profile, here)
        self._check_credentials(entry.credentials, here)
        least = timedelta(seconds=driver.least_timeout(options) if options is not None else 0)
        every = entry.every or EVERY
        timeout = entry.timeout or min(max(TIMEOUT, least), every)
        if timeout < least:
            (here.at("timeout") if entry.timeout else here.at("every")).wrong(
                f"expected at least {least.total_seconds():g}s, which the probe's other keys ask "
                f"for (got {timeout.total_seconds():g}s)"
            )
        if timeout > every:
            here.at("timeout").doubt("expected at most what `every` says: polls will be skipped")
        if options is None:
            return None
        return Shape(
            driver,
            options,
            profile,
            entry.name or "",
            every.total_seconds(),
            timeout.total_seconds(),
            entry.credentials,
            repr(raw),
        )

    def _driver(self, name: object, here: Place) -> AnyDriver | None:
        if not isinstance(name, str):
            return None  # told already
        try:
            driver = self.drivers.get(name)
        except Unusable as error:
            here.at("driver").wrong(str(error))
            return None
        assert isinstance(driver, Driver)
        return driver

    def _profile(
        self, entry: ProbeEntry, driver: AnyDriver, device_profile: Name | None, here: Place
    ) -> Profile | None:
        if driver.profile is None:
            if entry.profile is not None:
                here.at("profile").wrong(
                    f"expected no profile: {driver.name} knows none (got {entry.profile})"
                )
            return None
        if entry.profile is None and device_profile is not None:
            shared = self.profiles.get(device_profile, here)
            if shared is None or shared.driver == driver.name:
                return shared
        name = entry.profile or driver.default_profile
        if name is None:
            return None
        profile = self.profiles.get(name, here.at("profile"))
        if profile is not None and profile.driver != driver.name:
            here.at("profile").wrong(
                f"expected a profile of {driver.name} (got {name}, one of {profile.driver})"
            )
            return None
        return profile

    def _check_credentials(self, name: str | None, here: Place) -> None:
        if name is not None and name not in self.credentials:
            close = nearest(name, self.credentials)
            here.at("credentials").wrong(
                f"expected {one_of(self.credentials)}{close} (got unknown credentials {name!r})"
            )


def labels_of(shapes: Sequence[Shape], place: Place) -> tuple[str, ...]:
    """`snmp`; of several probes of one driver `snmp:core` by name, else `snmp`, `snmp:2` …"""
    if len(shapes) == 1:
        return (shapes[0].driver.name,)
    times = Counter(shape.driver.name for shape in shapes)
    seen: Counter[str] = Counter()
    labels: list[str] = []
    for shape in shapes:
        driver = shape.driver.name
        seen[driver] += 1
        name = shape.name or ("" if seen[driver] == 1 else str(seen[driver]))
        label = f"{driver}:{name}" if name and times[driver] > 1 else driver
        if label in labels:
            place.at("probes").wrong(f"expected different names of probes (got {label} twice)")
        labels.append(label)
    return tuple(labels)


def _plan(shape: Shape, label: str, parts: Mapping[str, Part]) -> ProbePlan:
    profile = shape.profile
    options = profile.options if profile is not None else None
    return ProbePlan(
        label,
        shape.driver.name,
        shape.interval,
        shape.timeout,
        profile.name if profile is not None else "",
        frozenset(shape.driver.brings(shape.options, options, parts)),
    )


def _repeat(problems: Problems, place: Place) -> None:
    """The same mistakes at another device."""
    for kept, more in (
        (place.problems.errors, problems.errors),
        (place.problems.doubts, problems.doubts),
    ):
        kept += [
            Finding(one.source, (*place.path, *one.path), one.text, one.at_key) for one in more
        ]
