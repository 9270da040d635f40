"""Equipment for the whole folder; a site without a daemon for every test, one with it for all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.place import Place, place, told_by
from tests.equipment import ROOM, Equipment, equipment
from tests.receiver import Receiver, receiver


@pytest.fixture(scope="session")
def hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture(scope="session")
def wired() -> Iterator[Equipment]:
    with equipment() as made:
        yield made


@pytest.fixture
def stopped(tmp_path: Path, wired: Equipment) -> Place:
    """A site whose daemon does not run."""
    return place(tmp_path, wired)


@pytest.fixture(scope="module")
def shared(
    tmp_path_factory: pytest.TempPathFactory, wired: Equipment, hook: Receiver
) -> Iterator[Place]:
    """A site whose daemon runs, deep in folders: no socket address is that long."""
    folder = tmp_path_factory.mktemp("site") / ("很深的目录" * 8) / ("x" * 100)
    folder.mkdir(parents=True)
    (folder / "hook.secret").write_text("geheim-geheim")
    gone = told_by("http://u:pw@127.0.0.1:9/x", "gone")
    made = place(folder, wired, f"notify: [{told_by(hook.url)}, {gone}]")
    assert len(str(folder / "secmon.sock")) > 107
    with made.daemon():
        yield made


@pytest.fixture
def daemon(shared: Place, wired: Equipment) -> Iterator[Place]:
    """The shared site; the rooms are well again after the test."""
    yield shared
    for unit in (1, 2):
        wired.set(unit, input=dict(ROOM), silent=False)
    wired.listen(True)
