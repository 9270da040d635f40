"""The duty book: overrides, hand-overs, trainings, silences, and which change of shift was last.

Like the World it is mutated by `apply` alone; a batch writes on `Pages`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from secmon.core.handover import HandOver
from secmon.core.roster import Cover, Duty, Override
from secmon.core.windows import Silence

KEPT = timedelta(days=2)  # an override stays in memory so long after its end
WATCH = "the watch"  # in the heap of moments: look at the roster then


@dataclass(frozen=True, slots=True)
class Training:
    """Days are YYYY-MM-DD. `until` empty: as long as the site file says."""

    id: str
    user: str
    what: str
    day: str
    until: str
    by: str
    at: datetime
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Watch:
    """Where the roster stands. `relieved_at`: the last change of shift that was dealt with."""

    relieved_at: datetime | None = None
    rings_at: datetime | None = None
    warned: Mapping[str, datetime] = field(default_factory=dict)  # untrained user → said when


@dataclass(frozen=True, slots=True)
class Pages:
    """What one batch, or a start, writes into the book: each thing as it is now."""

    overrides: Mapping[str, Override] = field(default_factory=dict)
    hand_overs: Mapping[str, HandOver] = field(default_factory=dict)
    trainings: Mapping[str, Training] = field(default_factory=dict)
    watch: Watch | None = None
    silences: Mapping[str, Silence] = field(default_factory=dict)

    def __bool__(self) -> bool:
        every = (self.overrides, self.hand_overs, self.trainings, self.silences)
        return any(every) or self.watch is not None


@dataclass(slots=True)
class Book:
    """What is true now: overrides not long over, hand-overs that lack a signature."""

    overrides: dict[str, Override] = field(default_factory=dict)
    hand_overs: dict[str, HandOver] = field(default_factory=dict)
    trainings: dict[str, Training] = field(default_factory=dict)
    watch: Watch = Watch()
    silences: dict[str, Silence] = field(default_factory=dict)

    def take(self, pages: Pages, at: datetime) -> list[tuple[datetime, str]]:
        """Makes the pages true; the moments at which time alone will matter because of them."""
        self.overrides.update(pages.overrides)
        for key, over in list(self.overrides.items()):
            if over.removed_at is not None or over.end < at - KEPT:
                del self.overrides[key]
        for key, training in pages.trainings.items():
            self.trainings[key] = training
            if training.removed:
                del self.trainings[key]
        moments: list[tuple[datetime, str]] = []
        for key, silence in pages.silences.items():
            self.silences[key] = silence
            moments += [(when, key) for when in silence.calls.values()]
        for key, silence in list(self.silences.items()):
            if silence.until < at - KEPT:
                del self.silences[key]
        for key, one in pages.hand_overs.items():
            self.hand_overs[key] = one
            if not one.missing:
                del self.hand_overs[key]
            moments += [(when, key) for when in one.calls.values()]
        if pages.watch is not None:
            self.watch = pages.watch
            if pages.watch.rings_at is not None:
                moments.append((pages.watch.rings_at, WATCH))
        return moments

    def cover(self, duty: Duty | None) -> Cover | None:
        """The roster as it is; None where the site file has none."""
        return None if duty is None else Cover(duty, tuple(self.overrides.values()))


class Writing:
    """A batch's view of the book: its own pages first."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._overrides: dict[str, Override] = {}
        self._hand_overs: dict[str, HandOver] = {}
        self._trainings: dict[str, Training] = {}
        self._watch: Watch | None = None
        self._silences: dict[str, Silence] = {}
        self._cover: Cover | None = None

    # --- reading ---

    def cover(self, duty: Duty | None) -> Cover | None:
        if duty is None:
            return None
        if self._cover is None or self._cover.duty is not duty:
            self._cover = Cover(duty, tuple(self.overrides().values()))
        return self._cover

    def overrides(self) -> Mapping[str, Override]:
        """Those not removed, by id."""
        every = {**self._book.overrides, **self._overrides}
        return {key: one for key, one in every.items() if one.removed_at is None}

    def hand_over(self, hand_over: str) -> HandOver | None:
        return self._hand_overs.get(hand_over) or self._book.hand_overs.get(hand_over)

    def trainings(self) -> list[Training]:
        every = {**self._book.trainings, **self._trainings}
        return [one for one in every.values() if not one.removed]

    def silences(self) -> Mapping[str, Silence]:
        """Those not long over, by id."""
        return {**self._book.silences, **self._silences}

    @property
    def watch(self) -> Watch:
        return self._watch or self._book.watch

    # --- writing ---

    def put_override(self, one: Override) -> None:
        self._overrides[one.id] = one
        self._cover = None

    def put_hand_over(self, one: HandOver) -> None:
        self._hand_overs[one.id] = one

    def put_training(self, one: Training) -> None:
        self._trainings[one.id] = one

    def put_silence(self, one: Silence) -> None:
        self._silences[one.id] = one

    def set_watch(self, watch: Watch) -> None:
        self._watch = watch

    def pages(self) -> Pages | None:
        pages = Pages(
            self._overrides, self._hand_overs, self._trainings, self._watch, self._silences
        )
        return pages or None
