"""systemd/secmon.service: what systemd thinks of it, and that it fits the contract."""

import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from secmon.cli.commands import DEFAULT
from secmon.settings import SiteFile
from tests.peers.need import need

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "systemd/secmon.service"
UNITS = Path("/usr/lib/systemd/system")  # that ours refers to
WORST = 2.0


def keys() -> dict[str, list[str]]:
    """Every key of the unit with its values."""
    found = defaultdict(list)
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            found[key].append(value)
    return found


def only(key: str) -> str:
    [value] = keys()[key]
    return value


def analyze(*words: str | Path) -> tuple[str, str]:
    """What systemd-analyze says on both outputs."""
    argv = [need("systemd", "systemd-analyze"), *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    return done.stdout, done.stderr


def verified(folder: Path, text: str) -> str:
    """All that `verify` has to say of a unit that is installed in a system of its own."""
    shutil.copytree(UNITS, folder / UNITS.relative_to("/"), symlinks=True)
    for program in ("opt/secmon/current/bin/secmon", "bin/kill"):
        (folder / program).parent.mkdir(parents=True, exist_ok=True)
        (folder / program).touch(mode=0o755)
    unit = folder / "etc/systemd/system/secmon.service"
    unit.parent.mkdir(parents=True)
    unit.write_text(text)
    return "".join(analyze("verify", "--man=no", f"--root={folder}", "secmon.service"))


@pytest.mark.peers
def test_its_exposure_is_low() -> None:
    said, wrong = analyze("security", "--offline=true", "--no-pager", UNIT)
    found = re.search(r"Overall exposure level for secmon\.service: ([\d.]+)", said)
    assert found and float(found[1]) <= WORST and wrong == "", said + wrong


@pytest.mark.peers
def test_systemd_has_nothing_to_say_of_it(tmp_path: Path) -> None:
    assert verified(tmp_path, UNIT.read_text()) == ""


@pytest.mark.peers
@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ("ProtectHome=", "ProtectHomee=", "Unknown key"),
        ("current/bin/secmon run", "current/bin/secman run", "not executable"),
        ("After=network-online.target", "After=network-online.targt", "Failed to add dependency"),
        ("SystemCallFilter=@system-service", "SystemCallFilter=@system-servant", "@system-servant"),
    ],
)
def test_it_would_have(tmp_path: Path, good: str, bad: str, told: str) -> None:
    text = UNIT.read_text()
    assert good in text
    said = verified(tmp_path, text.replace(good, bad))
    assert told in said


def test_it_runs_what_is_installed_on_the_contracts_site_file() -> None:
    program = "/opt/secmon/current/bin/secmon"
    assert only("ExecStart") == f"{program} run -c {DEFAULT}"
    assert keys()["ExecReload"][0] == f"{program} check --no-secrets -c {DEFAULT}"
    assert program.removeprefix("/") in (ROOT / "systemd/install.sh").read_text()
    documented = only("Documentation").removeprefix("file:///opt/secmon/current/share/")
    assert (ROOT / documented).is_file()


def test_the_store_is_where_it_may_write() -> None:
    folder = Path("/var/lib") / only("StateDirectory")
    example = yaml.safe_load((ROOT / "config/site.example.yaml").read_text(encoding="utf-8"))
    least = SiteFile.model_validate({"site": {"id": "lab", "name": "x"}})
    stores = [Path(example["store"].removeprefix("sqlite://").replace("//", "/")), least.store]
    assert [store.parent for store in stores] == [folder, folder]
    assert "ReadWritePaths" not in keys() and only("ProtectSystem") == "strict"


def test_the_examples_secrets_are_among_the_credentials() -> None:
    name, folder = only("LoadCredential").split(":")
    assert Path(folder) == DEFAULT.parent / name
    example = (ROOT / "config/site.example.yaml").read_text(encoding="utf-8")
    files = re.findall(r"\{file: ([^}]+)\}", example)
    assert files and all(file.startswith(f"{name}/") for file in files)


def test_systemd_waits_longer_than_we_take() -> None:
    assert float(only("TimeoutStopSec").removesuffix("s")) > 10, "a clean stop takes up to 10 s"
    assert (only("Type"), only("WatchdogSec"), only("Restart")) == ("notify", "30s", "always")
