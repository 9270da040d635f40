"""The channels that people are told through: what each gives to the daemon, and is given by it.

A notifier delivers one notice at a time and raises Later or Never. It does not retry, has no
deadline of its own and does not log failures: the outbox does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar, runtime_checkable

from secmon.api import Clock, Credentials, Notifier
from secmon.settings import SecretRef, Section

__all__ = ["Context", "Mirror", "NotifierKind", "Payload", "Secrets", "Snapshot", "as_bytes"]

Payload = Mapping[str, object]
Snapshot = Callable[[], Iterable[tuple[str, Payload | None]]]
"""The present state: (topic below `secmon/<site>/`, what to retain there or None for nothing)."""

O = TypeVar("O", bound=Section)  # noqa: E741


class Secrets(Protocol):
    """What the site file refers to; `secmon.loading.secrets.Secrets` is one."""

    def credentials(self, name: str) -> Credentials: ...
    def secret(self, reference: SecretRef) -> str: ...
    def path(self, name: str) -> Path: ...


@dataclass(frozen=True, slots=True)
class Context:
    """The daemon, as far as a channel may know it."""

    site: str  # id
    clock: Clock
    snapshot: Snapshot | None = None  # None: no channel mirrors anything
    healthy: Callable[[bool], None] = lambda _: None
    """For a channel that also speaks by itself: whether it was heard."""
    halted: Callable[[], str] | None = None
    """Why the daemon makes no progress, nothing while it does; None: a command without a daemon."""
    console: str = ""  # where people can open the console; empty: nowhere


@dataclass(frozen=True, slots=True)
class NotifierKind(Generic[O]):
    """The code for one sort of channel; the object behind an entry point of `secmon.notifiers`.

    `open` gives a notifier that is ready at once, whether or not its peer is there; it is closed
    after the outbox has stopped. May raise ConfigError for a secret or a file that is not there.
    """

    name: str
    options: type[O]
    open: Callable[[O, Secrets, Context], AbstractAsyncContextManager[Notifier]]
    for_people: bool = False  # read by people, so told what people need; else by programs
    told: bool = True  # of tickets; else it has nothing to do with them
    flaws: Callable[[O, Secrets], Sequence[tuple[str, str]]] = lambda *_: ()
    """Key and what is wrong with it, as far as no network is needed: `secmon check` tells."""


@runtime_checkable
class Mirror(Protocol):
    """A notifier that also shows the present state; it takes its `snapshot` at each connection."""

    def changed(self, topic: str, payload: Payload | None) -> None:
        """What stands at `topic` below `secmon/<site>/` from now on. Never waits."""
        ...


def as_bytes(payload: Payload) -> bytes:
    """JSON in UTF-8, as people read it; what JSON has no word for is shown as text."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"), default=str).encode(
        "utf-8", "replace"
    )
