"""The merged mapping → models. Where it has mistakes, what is right is kept for later checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from secmon.loading.problems import Place
from secmon.loading.validation import salvage, tell
from secmon.settings import (
    CredentialsEntry,
    DeviceEntry,
    Http,
    Metrics,
    RuleEntry,
    Site,
    SiteFile,
)
from secmon.settings.duty import DutyEntry
from secmon.settings.maintenance import WindowEntry

M = TypeVar("M", bound=BaseModel)

# What stands in for a required value that is missing or wrong; that it is, was told.
_SITE: Mapping[str, object] = {"id": "site", "name": "site"}
_DEVICE: Mapping[str, object] = {"name": "device", "system": "other", "kind": "platform"}


@dataclass(frozen=True, slots=True)
class Entries:
    """The site file by models; devices and rules with their place in the list."""

    file: SiteFile  # its `devices` are empty: ten thousand need not be held twice
    devices: Sequence[tuple[int, DeviceEntry]]
    rules: Sequence[tuple[int, RuleEntry]]
    notify: Sequence[tuple[int, dict[str, Any]]]
    windows: Sequence[tuple[int, WindowEntry]]
    ids: frozenset[str]  # of all devices, also of those that have mistakes
    credentials: frozenset[str]  # names, also of those that have mistakes


def read(data: dict[str, Any], place: Place) -> Entries:
    """Models of everything; tells every mistake that one value alone shows."""
    try:
        file = SiteFile.model_validate(data)
    except ValidationError as error:
        tell(error, SiteFile, data, place)
        file = _salvaged(data)
        devices = _salvaged_list(DeviceEntry, data.get("devices"), _DEVICE)
        rules = _salvaged_list(RuleEntry, data.get("rules"), {})
        windows = _salvaged_list(WindowEntry, data.get("maintenance"), {})
    else:
        devices = list(enumerate(file.devices))
        rules = list(enumerate(file.rules))
        windows = list(enumerate(file.maintenance))
    named = _list(data.get("devices"))
    return Entries(
        file=file.model_copy(update={"devices": []}),
        devices=devices,
        rules=rules,
        notify=[(i, one) for i, one in enumerate(_list(data.get("notify"))) if _is_dict(one)],
        windows=windows,
        ids=frozenset(i for one in named if _is_dict(one) and isinstance(i := one.get("id"), str)),
        credentials=frozenset(_dict(data.get("credentials"))),
    )


def _salvaged(data: Mapping[str, Any]) -> SiteFile:
    site = salvage(Site, _dict(data.get("site")), _SITE)
    named = _dict(data.get("credentials"))
    kept = ((name, salvage(CredentialsEntry, one, {})) for name, one in named.items())
    return SiteFile.model_construct(
        site=site or Site(id="site", name="site"),
        http=salvage(Http, data.get("http"), {}) or Http(),
        metrics=salvage(Metrics, data.get("metrics"), {}) or Metrics(),
        duty=salvage(DutyEntry, data.get("duty"), {}),
        credentials={name: entry for name, entry in kept if entry is not None},
    )


def _salvaged_list(
    model: type[M], items: object, required: Mapping[str, object]
) -> list[tuple[int, M]]:
    found = []
    for index, one in enumerate(_list(items)):
        entry = salvage(model, one, {"id": f"unnamed-{index}", **required} if required else {})
        if entry is not None:
            found.append((index, entry))
    return found


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_dict(value: object) -> bool:
    return isinstance(value, dict)
