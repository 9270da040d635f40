"""Which drivers and notifiers are installed, and the code of those that a site file names.

Entry point groups `secmon.probes` (a `secmon.api.Driver`) and `secmon.notifiers` (an object whose
`options` is the model of its keys). Nothing else is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from secmon.loading.problems import nearest, one_of


class Unusable(Exception):
    """There is no such driver or notifier, or it cannot be loaded."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The entry points of one group; `noun` is what a text calls one of them."""

    noun: str
    points: Mapping[str, EntryPoint]
    loaded: dict[str, Any] = field(default_factory=dict)

    def get(self, name: str) -> Any:
        """The object behind a name. Raises Unusable, with the installed ones."""
        if name not in self.loaded:
            self.loaded[name] = self._load(name)
        return self.loaded[name]

    def _load(self, name: str) -> Any:
        if name not in self.points:
            close = nearest(name, self.points)
            known = one_of(self.points)
            raise Unusable(f"expected {known}{close} (got unknown {self.noun} {name!r})")
        try:
            return self.points[name].load()
        except (ImportError, AttributeError) as error:
            raise Unusable(f"expected a {self.noun} that loads (got {name}: {error})") from error


def drivers() -> Catalogue:
    return _catalogue("driver", "secmon.probes")


def notifiers() -> Catalogue:
    return _catalogue("channel", "secmon.notifiers")


def _catalogue(noun: str, group: str) -> Catalogue:
    points: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        points.setdefault(point.name, point)
    return Catalogue(noun, points)
