"""`notify:` → the channels that tickets are told to, each with its notifier's own keys."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from secmon.loading.catalogue import Catalogue, Unusable
from secmon.loading.problems import ConfigError, Place, nearest, one_of
from secmon.loading.secrets import Secrets, check_secret
from secmon.loading.validation import validate
from secmon.settings import NotifyEntry, SecretRef

_OWN = frozenset(NotifyEntry.model_fields)


@dataclass(frozen=True, slots=True)
class ChannelSetup:
    """One channel: `notifier` is the object behind the entry point, `options` its own keys."""

    id: str
    channel: str
    notifier: Any
    options: BaseModel


def build(
    entries: Sequence[tuple[int, dict[str, Any]]],
    notifiers: Catalogue,
    credentials: Collection[str],
    secrets: Secrets | None,
    place: Place,
) -> tuple[ChannelSetup, ...]:
    """All channels. Mistakes are told; secrets are looked up where `secrets` are given."""
    found: dict[str, ChannelSetup] = {}
    for index, raw in entries:
        here = place.at("notify", index)
        setup = _channel(raw, notifiers, here)
        if setup is None:
            continue
        if setup.id in found:
            here.at("id").wrong(f"expected a channel's id once (got {setup.id} again)")
        _check_credentials(setup.options, credentials, here)
        if secrets is not None:
            for name in type(setup.options).model_fields:
                value = getattr(setup.options, name)
                if isinstance(value, SecretRef):
                    check_secret(secrets, value, here.at(name))
            with suppress(ConfigError):  # a secret that is not there was told
                for key, text in setup.notifier.flaws(setup.options, secrets):
                    here.at(key).wrong(text)
        found[setup.id] = setup
    return tuple(found.values())


def _channel(raw: dict[str, Any], notifiers: Catalogue, here: Place) -> ChannelSetup | None:
    own = {key: value for key, value in raw.items() if key in _OWN}
    rest = {key: value for key, value in raw.items() if key not in _OWN}
    entry = validate(NotifyEntry, own, here)
    name = raw.get("channel")
    if not isinstance(name, str):
        return None  # told already
    try:
        notifier = notifiers.get(name)
    except Unusable as error:
        here.at("channel").wrong(str(error))
        return None
    options = validate(notifier.options, rest, here, also=_OWN)
    if entry is None or options is None:
        return None
    return ChannelSetup(entry.id, name, notifier, options)


def _check_credentials(options: BaseModel, known: Collection[str], here: Place) -> None:
    name = getattr(options, "credentials", None)
    if isinstance(name, str) and name and name not in known:
        expected = f"expected {one_of(known)}{nearest(name, known)}"
        here.at("credentials").wrong(f"{expected} (got unknown credentials {name!r})")
