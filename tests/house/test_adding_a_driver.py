"""The driver author's guide works when followed literally: its files are written and run."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.probes.loopback import serving

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs/adding-a-driver.md"
BLOCK = re.compile(r"^`([\w./-]+)`\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
GROUP = '[project.entry-points."secmon.probes"]\n'

FILES = {
    "probes/acme.py",
    "config/profiles/acme-x100.yaml",
    "tests/probes/testdata/acme/x100.line",
    "tests/probes/test_acme.py",
    "pyproject.toml",
    "site.yaml",
}

# Loads the site file as the daemon does and polls its one probe once, at the port that it names.
POLL = """
import asyncio, json, sys
from pathlib import Path
from secmon.api import Batch, Credentials, ProbeError
from secmon.loading import load
from tests.probes.loopback import serving, target

[setup] = load(Path("site.yaml"), secrets=False).probes
[plan] = load(Path("site.yaml"), secrets=False).policy.devices["room-1"].probes

def answering(answer):
    async def talk(reader, writer):
        await reader.readline()
        writer.write(answer)
    return talk

async def told(answer):
    async with serving(answering(answer)) as port:
        options = setup.options.model_copy(update={"port": port})
        try:
            async with setup.driver.connect(target(setup.address), options, setup.profile) as probe:
                return {one.name: one.value for one in await probe.read()}
        except ProbeError as error:
            return error.reason.value

answers = [b"OK T=23.4 H=41.5 W=1\\n", b"NO\\n", b"OK T", b"\\0\\n", b""]
print(json.dumps({
    "probe": [setup.label, setup.profile_name, setup.interval, setup.options.port],
    "brings": sorted(plan.brings),
    "told": [asyncio.run(told(answer)) for answer in answers],
}))
"""


def blocks() -> dict[str, str]:
    """The guide's blocks by the file that each is to be written to."""
    found = BLOCK.findall(GUIDE.read_text(encoding="utf-8"))
    assert len(found) == len(dict(found))
    return dict(found)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which the guide was followed, installed as `make setup` would."""
    folder = tmp_path_factory.mktemp("guide")
    ignored = shutil.ignore_patterns("__pycache__", "test_*.py")
    for name in ("secmon", "probes", "config", "tests/peers", "tests/probes"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("tests/__init__.py", "tests/conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    follow(folder)
    install(folder)
    return folder


def follow(folder: Path) -> None:
    written = blocks()
    project = folder / "pyproject.toml"
    text = project.read_text(encoding="utf-8")
    assert text.count(GROUP) == 1
    project.write_text(text.replace(GROUP, GROUP + written.pop("pyproject.toml")), encoding="utf-8")
    for name, text in written.items():
        file = folder / name
        assert not file.exists()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def install(folder: Path) -> None:
    """Metadata as an editable install writes it; found before that of the project itself."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = folder / "secmon-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: secmon\nVersion: 0\n")
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python in that tree; `-c` and `-m` put it first on the path, before the project itself."""
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=50
    )


def test_the_guide_names_every_file() -> None:
    assert blocks().keys() == FILES


def test_its_test_passes(tree: Path) -> None:
    ended = run(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/probes/test_acme.py")
    assert ended.returncode == 0, ended.stdout
    assert " passed" in ended.stdout


def test_its_code_is_clean(tree: Path) -> None:
    files = [name for name in sorted(FILES) if name.endswith(".py")]
    for command in (["format", "--check"], ["check"]):
        ended = run(tree, "-m", "ruff", *command, "--no-cache", *files)
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_site_file_that_names_the_driver_is_polled(tree: Path) -> None:
    ended = run(tree, "-c", POLL)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == {
        "probe": ["acme", "acme-x100", 10.0, 4001],
        "brings": ["humidity_ratio", "temperature_celsius", "water_leak"],
        "told": [
            {"temperature_celsius": 23.4, "humidity_ratio": 0.415, "water_leak": True},
            "refused",
            "garbled",
            "garbled",
            "unreachable",
        ],
    }


async def test_the_commands_show_its_readings(tree: Path) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write((tree / "tests/probes/testdata/acme/x100.line").read_bytes())

    async with serving(talk) as port:
        text = (tree / "site.yaml").read_text(encoding="utf-8").replace("4001", str(port))
        own = f"store: sqlite://{tree}/secmon.db\n"
        (tree / "real.yaml").write_text(own + text, encoding="utf-8")
        command = ("-m", "secmon", "probe", "room-1", "-c", "real.yaml", "--json")
        ended = await asyncio.to_thread(run, tree, *command)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    [seen] = json.loads(ended.stdout)["observations"]
    told = {one["reading"]: one["value"] for one in seen["readings"]}
    assert told == {"temperature_celsius": 23.4, "humidity_ratio": 0.415, "water_leak": False}


def test_a_mistake_in_the_drivers_keys_is_told_with_its_line(tree: Path) -> None:
    text = (tree / "site.yaml").read_text(encoding="utf-8")
    (tree / "wrong.yaml").write_text(text.replace("port: 4001", "prot: 4001"), encoding="utf-8")
    ended = run(tree, "-m", "secmon", "check", "-c", "wrong.yaml")
    assert ended.returncode == 2
    told = ended.stdout + ended.stderr
    assert "wrong.yaml:9: devices[0].probes[0].prot: expected" in told
