"""Which families there are: our own on devices and probes, and one per metric of the vocabulary."""

from __future__ import annotations

from collections.abc import Mapping

from secmon.adapters.exposition.text import PREFIX, Family, label
from secmon.core.model import Word


class Catalogue:
    """Every family of device series, in the order of the page."""

    def __init__(self) -> None:
        self._families: dict[str, Family] = {}
        self._readings: dict[str, tuple[Family, str]] = {}
        own = self._own
        self.up = own("device_up", "Whether the device answered the last poll of any probe")
        self.info = own("device_info", "What is known of the device", "info")
        self.success = own("probe_success", "Whether the last poll succeeded")
        self.duration = own("probe_duration_seconds", "How long the last poll took")
        self.last_run = own("probe_last_run_timestamp_seconds", "When the last poll was made")
        self.last_success = own(
            "probe_last_success_timestamp_seconds", "When the last successful poll was made"
        )
        self.failures = own("probe_failures_total", "Polls that failed, by reason", "counter")

    def learn(self, words: Mapping[str, Word]) -> None:
        """Takes the vocabulary's metrics in; families that are known keep their lines."""
        exported = (word for word in words.values() if word.metric and word.type != "text")
        self._readings = {word.name: (self._of(word), _fixed(word)) for word in exported}

    def families(self) -> tuple[Family, ...]:
        """All families, with or without lines."""
        return tuple(self._families.values())

    def of_reading(self, name: str) -> tuple[Family, str] | None:
        """Family and fixed labels (`,direction="receive"`) of a reading; None: not exported."""
        return self._readings.get(name)

    def _own(self, name: str, help_text: str, kind: str = "gauge") -> Family:
        family = Family(PREFIX + name, kind, help_text)
        self._families[family.name] = family
        return family

    def _of(self, word: Word) -> Family:
        name = PREFIX + word.metric
        if name not in self._families:
            help_text = word.help.get("en") or word.name
            if word.labels:  # «Port utilization (receiving)»: several words share the metric
                help_text = help_text.partition(" (")[0]
            kind = "counter" if word.type == "counter" else "gauge"
            self._families[name] = Family(name, kind, help_text)
        return self._families[name]


def _fixed(word: Word) -> str:
    return "".join("," + label(name, value) for name, value in word.labels.items())
