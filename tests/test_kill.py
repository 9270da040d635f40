"""The whole daemon, killed twenty times while faults come and go and people work through the API.

What was answered with 2xx is there after the restart, at least as far; nothing is there twice; and
a receiver of notices never sees one event under two ids.
"""

import http.client
import itertools
import json
import os
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.cli.place import Place, place, told_by
from tests.equipment import Equipment, equipment
from tests.peers.process import eventually
from tests.receiver import Receiver, receiver

pytestmark = pytest.mark.slow

KILLS = 20
ROOMS = 6
OPERATORS = 3
ENDED = ("closed", "cancelled")
BROKEN = (OSError, http.client.HTTPException, ValueError)  # the daemon was killed meanwhile

OFTEN = "profile: xy-md02, every: 1s, timeout: 1s"
ROOM = """  - {{id: hall-{n}, name: 机房 {n}, system: center, kind: machine-room,
     address: 127.0.0.1, probes: [{{driver: modbus, port: {port}, unit: {n}, {often}}}]}}
"""


@dataclass(slots=True)
class Book:
    """What the API has promised: by ticket, its greatest version with its state then, and every
    word that was taken down."""

    state: dict[str, tuple[int, str]] = field(default_factory=dict)
    words: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    verbs: Counter[str] = field(default_factory=Counter)
    refused: Counter[int] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, verb: str, word: str, ticket: dict[str, Any]) -> None:
        with self.lock:
            number, version = ticket["number"], ticket["version"]
            if version > self.state.get(number, (0, ""))[0]:
                self.state[number] = version, ticket["state"]
            self.words[number].append(word)
            self.verbs[verb] += 1

    def copy(self) -> tuple[dict[str, tuple[int, str]], dict[str, list[str]]]:
        with self.lock:
            return dict(self.state), {number: list(words) for number, words in self.words.items()}


class Api:
    """Requests over one connection that is made anew when the daemon was killed."""

    def __init__(self, here: Place, token: str) -> None:
        self._port = here.port
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._link: http.client.HTTPConnection | None = None

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and JSON; one of BROKEN where the daemon went away."""
        if self._link is None:
            self._link = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            data = None if body is None else json.dumps(body)
            self._link.request(method, path, data, self._headers)
            answer = self._link.getresponse()
            return answer.status, json.loads(answer.read())
        except BROKEN:
            self.close()
            raise

    def close(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None


def operate(api: Api, book: Book, seed: int, stop: threading.Event) -> None:
    """Somebody who never rests: takes any open ticket one step on, or writes a word into it."""
    chance, count = random.Random(seed), itertools.count()
    while not stop.is_set():
        word = f"word-{seed}-{next(count)}"
        try:
            _step(api, book, chance, word)
        except BROKEN:
            stop.wait(0.05)
    api.close()


def _step(api: Api, book: Book, chance: random.Random, word: str) -> None:
    state = "open,acknowledged,repaired,verified"
    tickets = api.ask("GET", f"/api/v1/tickets?state={state}")[1]["tickets"]
    if len(tickets) < 3:
        report = {"device": "supply-1", "note": word}
        status, answer = api.ask("POST", "/api/v1/tickets", report)
        verb = "report"
    else:
        one = chance.choice(tickets)
        verb = _next(one, chance)
        path = f"/api/v1/tickets/{one['number']}/{verb}"
        status, answer = api.ask("POST", path, {"note": word, "way": "remote", "to": "李四"})
    if status in (200, 201):
        book.note(verb, word, answer)
    else:
        book.refused[status] += 1


def _next(ticket: dict[str, Any], chance: random.Random) -> str:
    if chance.random() < 0.3:
        return chance.choice(("note", "assign", "transfer"))
    if ticket["cleared_at"] and chance.random() < 0.3:
        return "close"
    ways = {"open": "acknowledge", "acknowledged": "repair", "repaired": "verify"}
    return ways.get(ticket["state"], "close")


def weather(wired: Equipment, seed: int, stop: threading.Event) -> None:
    """Rooms get too warm and cool down again."""
    chance = random.Random(seed)
    while not stop.wait(0.02):
        wired.set(chance.randint(1, ROOMS), input={1: chance.choice((235, 300))})


@contextmanager
def busy(here: Place, wired: Equipment, book: Book, token: str, seed: int) -> Iterator[None]:
    """Equipment and people at work until the context ends."""
    stop = threading.Event()
    threads = [
        threading.Thread(target=operate, args=(Api(here, token), book, seed + n, stop))
        for n in range(OPERATORS)
    ]
    threads.append(threading.Thread(target=weather, args=(wired, seed, stop)))
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@pytest.mark.timeout(180)
def test_killed_twenty_times(tmp_path: Path) -> None:
    seed = int.from_bytes(os.urandom(4))
    chance = random.Random(seed)
    begun = time.monotonic()
    with equipment(rooms=ROOMS) as wired, receiver() as hook:
        here = _site(tmp_path, wired, hook)
        words = ("user", "add", "robot", "--role", "manager", "--token")
        token = here.command(*words).out.strip()
        book, api = Book(), Api(here, token)
        with busy(here, wired, book, token, seed):
            for kill in range(KILLS):
                promised = book.copy()
                with here.daemon() as server:
                    _kept(api, *promised, f"seed {seed}, before kill {kill + 1}")
                    time.sleep(chance.uniform(0.1, 0.9))
                    assert server.alive(), server.log()[-3000:]
                    api.close()
                    server.kill()
        promised = book.copy()
        with here.daemon() as server:
            _kept(api, *promised, f"seed {seed}, at the end")
            tickets = api.ask("GET", "/api/v1/tickets?limit=5000")[1]["tickets"]
            told = {one["number"] for one in tickets}
            assert eventually(lambda: told <= _opened(hook), 20), told - _opened(hook)
            log = server.log()
            api.close()
    events = _one_id_for_one_event(hook, seed)
    assert hook.forged == []
    assert "Traceback" not in log and "our bug" not in log, log[-5000:]
    faults = sum(1 for one in tickets if one["rule"])
    print(
        f"\n{KILLS} kills in {time.monotonic() - begun:.0f} s, seed {seed}: {len(tickets)} tickets "
        f"({faults} of faults), {sum(book.verbs.values())} verbs acknowledged {dict(book.verbs)}, "
        f"refused {dict(book.refused)}, {len(hook.got)} notices of {events} events"
    )
    assert len(tickets) > KILLS and faults > ROOMS and sum(book.verbs.values()) > 5 * KILLS


def _site(folder: Path, wired: Equipment, hook: Receiver) -> Place:
    (folder / "hook.secret").write_text("geheim-geheim")
    rooms = "".join(
        ROOM.format(n=n, port=wired.gateway.port, often=OFTEN) for n in range(1, ROOMS + 1)
    )
    (folder / "conf.d").mkdir()
    (folder / "conf.d" / "rooms.yaml").write_text(f"devices:\n{rooms}")
    return place(folder, wired, f"notify: [{told_by(hook.url)}]")


def _kept(
    api: Api, state: dict[str, tuple[int, str]], words: dict[str, list[str]], where: str
) -> None:
    """Every promise of before the kill holds, and nothing is there twice."""
    tickets = api.ask("GET", "/api/v1/tickets?limit=5000")[1]["tickets"]
    numbers = [one["number"] for one in tickets]
    assert len(numbers) == len(set(numbers)), where
    assert sorted(numbers) == [f"{numbers[0][:7]}-{n:04d}" for n in range(1, len(numbers) + 1)], (
        where
    )
    open_faults = Counter(
        (one["device"], one["rule"], one["part"])
        for one in tickets
        if one["rule"] and one["state"] not in ENDED
    )
    assert max(open_faults.values(), default=0) <= 1, f"{where}: {open_faults}"
    known = {one["number"]: one for one in tickets}
    for number, (version, was) in state.items():
        assert number in known, f"{where}: {number} was acknowledged and is gone"
        assert known[number]["version"] >= version, f"{where}: {number} fell back"
        if was in ENDED:
            assert known[number]["state"] == was, f"{where}: {number} was {was}"
    for number, said in words.items():
        journal = api.ask("GET", f"/api/v1/tickets/{number}")[1]["journal"]
        lines = Counter(
            word for line in journal for word in line["why"].split() if word.startswith("word-")
        )
        assert all(lines[word] == 1 for word in said), (
            f"{where}: {number}: {set(said) - set(lines)}"
        )


def _opened(hook: Receiver) -> set[str]:
    return {one["ticket"]["number"] for one in list(hook.got) if one["reason"] == "opened"}


def _one_id_for_one_event(hook: Receiver, seed: int) -> int:
    """How many events were told."""
    events: dict[tuple[str, ...], set[str]] = defaultdict(set)
    ids: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for one in hook.got:
        event = (one["ticket"]["number"], one["reason"], one["at"], str(one["ticket"]["version"]))
        events[event].add(one["id"])
        ids[one["id"]].add(event)
    assert all(len(found) == 1 for found in events.values()), f"seed {seed}: one event, two ids"
    assert all(len(found) == 1 for found in ids.values()), f"seed {seed}: one id, two events"
    return len(events)
