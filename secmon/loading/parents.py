"""What hangs on what: parents exist, and nothing hangs on itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from secmon.core.model import Device
from secmon.loading.problems import Place, nearest
from secmon.settings import DeviceEntry

Entries = Sequence[tuple[int, DeviceEntry]]  # with their place in `devices:`


def check_parents(entries: Entries, ids: Collection[str], place: Place) -> None:
    """Tells of unknown parents and of every loop. `ids` are all ids that the file writes."""
    with_probes = {entry.id for _, entry in entries if entry.probes}
    hanging = [(index, entry) for index, entry in entries if entry.parent]
    for index, entry in hanging:
        here = place.at("devices", index, "parent")
        for feed in entry.parent:
            if feed.device not in ids:
                close = nearest(feed.device, ids) if len(ids) < 1000 else ""
                here.wrong(f"expected the id of a device{close} (got unknown {feed.device!r})")
            elif feed.part and feed.device not in with_probes:
                here.doubt(
                    f"expected a parent with probes: nothing tells whether {feed.part} "
                    f"of {feed.device} is off"
                )
    _check_loops(hanging, place)


def _check_loops(hanging: Entries, place: Place) -> None:
    above = {entry.id: [feed.device for feed in entry.parent] for _, entry in hanging}
    places = {entry.id: index for index, entry in hanging}
    done: set[str] = set()
    for start in above:
        for loop in _loops(start, above, done):
            here = place.at("devices", places[loop[0]], "parent")
            here.wrong(f"expected no loop of parents (got {' → '.join([*loop, loop[0]])})")


def _loops(start: str, above: Mapping[str, list[str]], done: set[str]) -> Iterable[list[str]]:
    """Each loop that is met on the way up from `start`, through what is not `done` yet."""
    way: dict[str, int] = {}  # device → its depth below `start`
    waiting: list[tuple[str, int]] = [(start, 0)]
    while waiting:
        device, depth = waiting.pop()
        while len(way) > depth:
            done.add(way.popitem()[0])
        if device in way:
            yield list(way)[way[device] :]
        elif device not in done:
            way[device] = depth
            waiting += [(parent, depth + 1) for parent in above.get(device, ())]
    done.update(way)


def fed_parts(entries: Entries) -> dict[str, frozenset[str]]:
    """Device → its parts that other devices name as their parent."""
    fed: dict[str, set[str]] = {}
    for _, entry in entries:
        for feed in entry.parent:
            if feed.part:
                fed.setdefault(feed.device, set()).add(feed.part)
    return {device: frozenset(parts) for device, parts in fed.items()}


def children(devices: Mapping[str, Device]) -> dict[str, tuple[str, ...]]:
    """Parent → the devices that hang on it."""
    found: dict[str, list[str]] = {}
    for device in devices.values():
        for parent in dict.fromkeys(feed.device for feed in device.parents):
            found.setdefault(parent, []).append(device.id)
    return {parent: tuple(below) for parent, below in found.items()}
