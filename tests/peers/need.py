"""Finds the programs that .ci/peers installs; a missing one skips the test, or fails it in CI."""

import os
import shutil

import pytest

# Debian's /usr/sbin/upsd is a wrapper that obeys /etc/nut/nut.conf: the real one comes first.
FOLDERS = ("/lib/nut", "/usr/lib/nut", os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin")


def peers_required() -> bool:
    """True where nothing may be skipped (CI)."""
    return os.environ.get("SECMON_REQUIRE_PEERS") == "1"


def need(package: str, *programs: str) -> str:
    """The path of the first of `programs` that is here; without any, the test ends."""
    path = os.pathsep.join(FOLDERS)
    for program in programs or (package,):
        if found := shutil.which(program, path=path):
            return found
    reason = f"{package} is not installed (no {', '.join(programs or (package,))}): run .ci/peers"
    if peers_required():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
