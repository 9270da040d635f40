"""A real systemd, process 1 of namespaces of its own, on a copy-on-write view of this machine.

What is installed and written there is gone with it; only its journal and what a test starts run.
It has a loopback and no other network, and reaches neither this machine's processes nor its disks.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.peers.need import need
from tests.peers.process import NotReady, Server, eventually, running

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# $1: an empty folder; $2: a name for the control group. Mounts, then the machine, then tidying up.
OUTSIDE = r"""
over=$1/over root=$1/root groups=$1/groups ours=$1/groups/$2
mkdir "$over" "$root" "$groups"
mount -t tmpfs tmpfs "$over"
mkdir "$over/upper" "$over/work"
mount -t overlay overlay -o "lowerdir=/,upperdir=$over/upper,workdir=$over/work" "$root"
mount -t cgroup2 cgroup2 "$groups"
mkdir "$ours"
tidy() { find "$ours" -depth -type d -exec rmdir {} + 2>/dev/null; }
trap 'kill -KILL $inside || true; for _ in $(seq 50); do tidy && break; sleep 0.1; done' EXIT
trap 'exit 143' TERM
(
    echo "$BASHPID" >"$ours/cgroup.procs"
    exec unshare --pid --net --uts --ipc --cgroup --fork --kill-child bash -euc "$INSIDE" - "$root"
) &
inside=$!
wait $inside
"""

INSIDE = r"""
cd "$1"
mount --make-rshared .  # as systemd itself does, where it is no container's
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs tmpfs dev
while read -r device minor; do  # of its own: what systemd does to them stays in there
    mknod -m 666 "dev/$device" c "${minor%:*}" "${minor#*:}"
done <<<'null 1:3
zero 1:5
full 1:7
random 1:8
urandom 1:9
tty 5:0'
mkdir dev/shm dev/pts
mount -t tmpfs tmpfs dev/shm
mount -t devpts -o ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ip link set lo up
printf '[Unit]\nRequires=systemd-journald.service\n' >etc/systemd/system/secmon-test.target
exec env -i container=secmon-test PATH="$PATH" chroot . \
    /lib/systemd/systemd --system --unit=secmon-test.target --log-target=journal
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """A booted machine. `pid` is its process 1 as seen from here."""

    pid: int

    def path(self, inside: str) -> Path:
        """Where a file of the machine's is for us."""
        return Path(f"/proc/{self.pid}/root{inside}")

    def put(self, file: Path, inside: str) -> None:
        shutil.copy(file, self.path(inside))

    def sh(self, script: str, stdin: str = "", within_s: float = 60.0) -> tuple[int, str]:
        """Exit code of a shell script run there by root, and all that it said."""
        done = subprocess.run(
            [
                *(need("util-linux", "nsenter"), "-t", str(self.pid), "-m", "-p", "-n", "-u"),
                *(
                    "-i",
                    "-C",
                    "-r",
                    "-w",
                    "env",
                    "-i",
                    f"PATH={PATH}",
                    "HOME=/root",
                    "LC_ALL=C.UTF-8",
                ),
                *("bash", "-c", f"cd /srv\n{script}"),
            ],
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=within_s,
            check=False,
        )
        return done.returncode, done.stdout

    def good(self, script: str, stdin: str = "", within_s: float = 60.0) -> str:
        """What it said; it must end well."""
        code, said = self.sh(script, stdin, within_s)
        assert code == 0, f"{script}\n{said}"
        return said

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.good(f"systemctl show -p {name} --value {unit}").strip()


@contextmanager
def machine(folder: Path) -> Iterator[Machine]:
    """A machine that has booted. Ends the test where none can be made: that needs root."""
    need("systemd", "/lib/systemd/systemd")
    argv = [
        *(need("util-linux", "unshare"), "--mount", "--propagation", "private", "bash", "-euc"),
        *(OUTSIDE, "-", str(folder), f"secmon-test-{os.getpid()}"),
    ]
    try:
        with running(argv, folder, lambda: True, env={"INSIDE": INSIDE, "PATH": PATH}) as server:
            yield _booted(server)
    except NotReady as error:
        pytest.skip(f"no systemd can be started here (not root?): {error}")


def _booted(server: Server) -> Machine:
    """Waits for process 1 and for what it is to start."""
    found: list[Machine] = []

    def answers() -> bool:
        if not server.alive():
            raise NotReady(f"it ended: {server.log()[-1000:]}")
        pid = _process_1(server.process.pid)
        if pid and not found:
            found.append(Machine(pid))
        return bool(found) and found[0].sh("systemctl is-system-running")[1].strip() in (
            "running",
            "degraded",
        )

    if not eventually(answers, 30):
        raise NotReady(f"it did not boot: {server.log()[-1000:]}")
    return found[0]


def _process_1(outside: int) -> int:
    """The systemd below the process that made the namespaces; 0 as long as there is none."""
    try:
        for child in Path(f"/proc/{outside}/task/{outside}/children").read_text().split():
            if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                return int(child)
            if below := _process_1(int(child)):
                return below
    except OSError:
        return 0
    return 0
