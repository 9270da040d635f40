"""The archive for machines without a network, the installer's guide followed literally, and the
unit under a real systemd."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from secmon import __version__
from tests.peers.process import eventually
from tests.peers.systemd import Machine, machine

pytestmark = [pytest.mark.peers, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs/install.zh.md"
LATER = "99.0.0"
PARTS = """
secmon probes config docs systemd grafana .ci
pyproject.toml requirements.lock LICENSE README.md CHANGELOG.md
"""
SITE = """
site: {id: lab, name: 示范工程, language: en}
store: sqlite:///var/lib/secmon/secmon.db
devices:
  - {id: me, name: 本机, system: platform, kind: platform, address: 127.0.0.1,
     probes: [{driver: icmp, every: 1s, timeout: 0.5s}]}
  - {id: supply, name: 电源, system: intrusion, kind: power-supply}
notify:
  - {id: hook, channel: webhook, url: "http://127.0.0.1:9/x", secret: {file: secrets/hook.secret}}
"""
MUTE = """
  - {id: mute, name: 无应答, system: video, kind: recorder, address: 192.0.2.7,
     probes: [{driver: tcp, port: 554, every: 20s, timeout: 20s}]}
  - {id: named, name: 域名, system: video, kind: recorder, address: nvr.example,
     probes: [{driver: tcp, port: 554, every: 5s}]}
notify:"""
LOST = "nameserver 192.0.2.53\\noptions timeout:15 attempts:4\\n"  # a name server that says nothing


def bundle(tree: Path, folder: Path) -> Path:
    """What `.ci/bundle --here` builds of a tree."""
    done = subprocess.run(
        [tree / ".ci/bundle", "--here"],
        env={**os.environ, "BUNDLE_DIR": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    if re.search("No matching distribution|connection|timed out", done.stderr):
        pytest.skip(f"no wheels can be fetched here: {done.stderr[-500:]}")
    assert done.returncode == 0, done.stderr
    [archive] = folder.glob("*.tar.gz")
    return archive


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same secmon, as a version to come."""
    tree = tmp_path_factory.mktemp("later")
    for name in PARTS.split():
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tree / name)
    (tree / ".venv").symlink_to(ROOT / ".venv")
    told = tree / "secmon/__init__.py"
    told.write_text(told.read_text().replace(__version__, LATER))
    return bundle(tree, tree / "dist")


@pytest.fixture
def unpacked(archive: Path, tmp_path: Path) -> Path:
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / "archive", filter="data")
    return tmp_path / f"archive/secmon-{__version__}"


def install(unpacked: Path, root: Path) -> subprocess.CompletedProcess[str]:
    """Into an empty root, by a program that reaches no registry: every proxy is a closed port."""
    root.mkdir(exist_ok=True)
    closed = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")
    return subprocess.run(
        [unpacked / "install.sh", "--root", root],
        env={"PATH": os.environ["PATH"], "PYTHON": sys.executable, **closed},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def said_by(*argv: str | Path) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_all_that_is_no_code(unpacked: Path) -> None:
    [wheel] = (unpacked / "wheels").glob("secmon-*.whl")
    with zipfile.ZipFile(wheel) as opened:
        held = set(opened.namelist())
    listed = subprocess.run(
        ["git", "ls-files", "secmon", "probes"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    wanted = set(listed.stdout.split())
    profiles = {f"secmon/profiles/{one.name}" for one in (ROOT / "config/profiles").glob("*.yaml")}
    assert wanted and profiles
    assert wanted | profiles | {"secmon/config/demo.yaml"} <= held
    assert not [name for name in held if "__pycache__" in name or name.startswith("tests")]


def test_it_installs_without_a_network_and_beside_an_older_version(
    unpacked: Path, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    older = root / "opt/secmon/0.0.1"
    older.mkdir(parents=True)
    (root / "opt/secmon/current").symlink_to("0.0.1")
    done = install(unpacked, root)
    assert done.returncode == 0 and done.stderr == "", done

    assert (root / "opt/secmon/current").readlink() == Path(__version__) and older.is_dir()
    assert (root / "etc/secmon/secrets").stat().st_mode & 0o777 == 0o700
    assert not (root / "etc/secmon/secmon.yaml").exists()
    command = root / "usr/local/bin/secmon"
    assert said_by(command, "--version") == f"secmon {__version__}\n"
    example = root / "opt/secmon/current/share/config/site.example.yaml"
    assert ": good: " in said_by(command, "check", "--no-secrets", "-c", example)
    boards = root / "opt/secmon/current/share/grafana"
    assert {one.parent.name for one in boards.glob("dashboards/*/secmon-overview.json")} == {
        *("zh", "en")
    }
    assert not list(boards.rglob("__pycache__"))

    again = install(unpacked, root)
    assert again.returncode == 0 and again.stderr == "", again


def test_a_damaged_archive_changes_nothing(unpacked: Path, tmp_path: Path) -> None:
    with (unpacked / "systemd/secmon.service").open("a") as unit:
        unit.write("#")
    done = install(unpacked, tmp_path / "root")
    assert done.returncode == 1 and "systemd/secmon.service: FAILED" in done.stderr
    assert list((tmp_path / "root").iterdir()) == []


# --- the guide, under a real systemd ---


@pytest.fixture(scope="module")
def blocks() -> dict[str, list[str]]:
    """The guide's shell blocks by their heading."""
    found: dict[str, list[str]] = {}
    for section in GUIDE.read_text(encoding="utf-8").split("\n## ")[1:]:
        heading, _, text = section.partition("\n")
        found[heading] = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return found


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory, archive: Path, later: Path) -> Iterator[Machine]:
    """A booted machine with both archives in the folder where commands begin."""
    with machine(tmp_path_factory.mktemp("machine")) as made:
        for one in (archive, later):
            made.put(one, f"/srv/{one.name}")
        made.good("ip route add 192.0.2.0/24 dev lo")  # packets to there vanish
        yield made


def version_of(block: str, name: str, version: str) -> str:
    changed, count = re.subn(rf"(?m)^{name}=\S+", f"{name}={version}", block)
    assert count == 1
    return changed


def status(box: Machine) -> str:
    return box.show("secmon", "StatusText")


def log(box: Machine) -> str:
    return box.good("journalctl -u secmon --no-pager -o cat")


def tickets(box: Machine) -> str:
    return box.good("secmon ticket list --json")


def test_the_guide_from_the_first_installation_to_the_last_file(
    box: Machine, blocks: dict[str, list[str]]
) -> None:
    [block] = blocks.pop("安装")
    said = box.good(version_of(block, "V", __version__))
    assert said.rstrip().endswith(f"secmon {__version__}")

    [block] = blocks.pop("站点文件与密码")
    before, after = re.split(r"(?m)^vi .*\n", block)
    box.good(before)
    box.path("/etc/secmon/secmon.yaml").write_text(SITE, encoding="utf-8")
    assert ": good: 2 devices" in box.good(after, "geheim-geheim\n")

    [block] = blocks.pop("启动")
    assert "active (running)" in box.good(block)
    assert status(box) == "2 devices, 0 open tickets"
    assert "ready site=lab" in log(box) and "WARNING" not in log(box)

    [block] = blocks.pop("第一个用户")
    said = box.good(block, "correct horse\n")
    assert "user zhang added (admin)" in said and re.search(r"zhang +admin", said)
    number = box.good("secmon ticket report supply --note 电池鼓包").split()[0]

    [block] = blocks.pop("修改配置")
    box.good(block)
    site = box.path("/etc/secmon/secmon.yaml")
    site.write_text(SITE.replace("power-supply", "power-suply"), encoding="utf-8")
    code, _ = box.sh(block)
    assert code != 0 and "/etc/secmon/secmon.yaml:7: devices[1].kind: expected" in log(box)
    assert box.show("secmon", "ActiveState") == "active"
    site.write_text(SITE, encoding="utf-8")
    box.good(block)

    [block] = blocks.pop("备份")
    box.good(block)
    assert box.path("/var/lib/secmon/backup.db").stat().st_size > 10_000

    [block] = blocks.pop("升级")
    box.good(version_of(block, "NEW", LATER))
    assert box.good("secmon --version") == f"secmon {LATER}\n"
    assert eventually(lambda: status(box) == "2 devices, 1 open tickets"), status(box)
    assert number in tickets(box)
    since = box.good("secmon ticket report me --note 之后").split()[0]

    back, data = blocks.pop("回滚")
    box.good(version_of(back, "OLD", __version__))
    assert box.good("secmon --version") == f"secmon {__version__}\n"
    assert since in tickets(box)
    box.good(f"NEW={LATER}\n{data}")
    assert number in tickets(box) and since not in tickets(box)

    program, data = blocks.pop("卸载")
    box.good(program)
    assert box.sh("secmon --version")[0] == 127
    assert box.path("/var/lib/private/secmon/secmon.db").exists(), "the data stay"
    box.good(data)
    made = (
        "-name '*secmon*' -not -name 'secmon-test*' -newer /etc/systemd/system/secmon-test.target"
    )
    assert box.good(f"find /etc /opt /usr/local /var /run {made}") == "", "nothing is left"
    assert {heading: text for heading, text in blocks.items() if text} == {}


@pytest.fixture
def service(box: Machine) -> Machine:
    """Installed afresh, running, and made to be patient for two seconds only."""
    box.good(f"tar xf secmon-{__version__}-offline.tar.gz && secmon-{__version__}/install.sh")
    box.path("/etc/secmon/secmon.yaml").write_text(SITE, encoding="utf-8")
    box.path("/etc/secmon/secrets/hook.secret").write_text("geheim-geheim\n")
    box.path("/etc/secmon/secrets/hook.secret").chmod(0o600)
    box.good("mkdir -p /etc/systemd/system/secmon.service.d")
    box.path("/etc/systemd/system/secmon.service.d/here.conf").write_text(
        "[Service]\nWatchdogSec=2s\nRestartSec=200ms\n"
    )
    box.good("systemctl daemon-reload && systemctl restart secmon")
    return box


def test_under_systemd_it_is_let_do_its_work_and_nothing_else(service: Machine) -> None:
    box = service
    pid = box.show("secmon", "MainPID")
    facts = dict(
        line.split(":\t", 1)
        for line in box.good(f"cat /proc/{pid}/status").splitlines()
        if "\t" in line
    )
    assert facts["Uid"].split()[0] != "0" and facts["Seccomp"] == "2" and facts["NoNewPrivs"] == "1"
    assert {facts[key] for key in ("CapEff", "CapBnd", "CapAmb")} == {f"{1 << 13:016x}"}
    page = "curl -s http://127.0.0.1:9841/metrics"
    wanted = 'secmon_device_up{site="lab",system="platform",kind="platform",device="me"} 1'
    assert eventually(lambda: wanted in box.good(page)), "echo needs the one capability"
    probe = box.good("secmon probe me --json")
    assert '"failure": null' in probe

    box.path("/etc/secmon/environment").write_text("SCRAPE=open sesame\n")
    box.path("/etc/secmon/environment").chmod(0o600)
    more = 'metrics: {listen: "127.0.0.1:9841", token: {env: SCRAPE}}\n'
    box.path("/etc/secmon/secmon.yaml").write_text(SITE + more, encoding="utf-8")
    box.good("systemctl restart secmon")
    assert wanted not in box.good(page)
    assert eventually(lambda: wanted in box.good(f"{page} -H 'Authorization: Bearer open sesame'"))


def test_under_systemd_it_ends_in_time_though_polls_lookups_and_notices_hang(
    service: Machine,
) -> None:
    box = service
    site = SITE.replace("127.0.0.1:9", "192.0.2.8").replace("\nnotify:", MUTE)
    box.path("/etc/secmon/secmon.yaml").write_text(site, encoding="utf-8")
    box.good(f"rm -f /etc/resolv.conf; printf '{LOST}' >/etc/resolv.conf")
    box.good("systemctl restart secmon && secmon ticket report supply --note x")
    time.sleep(5)  # its notice and every poll are on their way
    begun = time.monotonic()
    box.good("systemctl stop secmon")
    assert time.monotonic() - begun < 10
    assert box.show("secmon", "Result") == "success"
    assert log(box).rstrip().splitlines()[-2].endswith(
        "Stopped secmon.service - secmon, watches security installations."
    ) or "stopped" in log(box)


def test_under_systemd_it_comes_back_from_a_kill_and_from_a_hang(service: Machine) -> None:
    box = service
    number = box.good("secmon ticket report supply --note x").split()[0]

    def back(times: int) -> bool:
        shown = box.show("secmon", "NRestarts"), box.show("secmon", "SubState")
        return shown == (str(times), "running")

    first = int(box.show("secmon", "NRestarts"))
    box.good("systemctl kill -s KILL secmon")
    assert eventually(lambda: back(first + 1), 15), log(box)
    assert number in tickets(box)
    time.sleep(5)
    assert back(first + 1), "fed by itself it is left alone"
    box.good("systemctl kill -s STOP secmon")
    assert eventually(lambda: back(first + 2), 30), log(box)
    assert number in tickets(box)

    def says_where_it_was() -> bool:
        said = log(box)
        return "Fatal Python error: Aborted" in said and "secmon/app/running.py" in said

    assert eventually(says_where_it_was), log(box)  # the journal may be behind the restart
    assert "Watchdog timeout" in log(box)
