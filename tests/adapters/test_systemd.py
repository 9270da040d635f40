"""The words of sd_notify(3), over a real datagram socket."""

import logging
import os
from pathlib import Path

import pytest

from secmon.adapters.systemd import Notify
from tests.peers.notify_socket import notify_socket

ME = str(os.getpid())


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_every_word_arrives_with_its_status(tmp_path: Path, abstract: bool) -> None:
    with notify_socket(tmp_path, abstract=abstract) as systemd:
        notify = Notify({"NOTIFY_SOCKET": systemd.address})
        notify.waits("the clock is early", 30)
        notify.ready("14 devices")
        notify.reloading(12.5)
        notify.alive("14 devices, 一张工单")
        notify.says("stuck")
        notify.stopping()
        assert systemd.during(0.2) == [
            {"EXTEND_TIMEOUT_USEC": "30000000", "STATUS": "the clock is early"},
            {"READY": "1", "STATUS": "14 devices"},
            {"RELOADING": "1", "MONOTONIC_USEC": "12500000", "STATUS": "reloading"},
            {"WATCHDOG": "1", "STATUS": "14 devices, 一张工单"},
            {"STATUS": "stuck"},
            {"STOPPING": "1", "STATUS": "stopping"},
        ]


def test_a_status_is_one_short_line(tmp_path: Path) -> None:
    with notify_socket(tmp_path) as systemd:
        Notify({"NOTIFY_SOCKET": systemd.address}).says("a\nREADY=1\r\nb" + "x" * 9000)
        [message] = systemd.during(0.2)
    assert list(message) == ["STATUS"]
    assert message["STATUS"].startswith("a READY=1 bxxx") and len(message["STATUS"]) == 200


@pytest.mark.parametrize("address", [None, "", "relative", "vsock:2:1"])
def test_elsewhere_nothing_is_told_and_nothing_fails(
    address: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    environ = {} if address is None else {"NOTIFY_SOCKET": address}
    notify = Notify({**environ, "WATCHDOG_USEC": "1000000"})
    notify.ready("x")
    assert notify.watchdog_s == 0 and caplog.records == []


def test_a_systemd_that_cannot_be_told_is_one_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    notify = Notify({"NOTIFY_SOCKET": str(tmp_path / "notify")})
    for _ in range(3):
        notify.alive("x")
    assert [record.message for record in caplog.records] == [
        "systemd cannot be told: No such file or directory"
    ]
    with notify_socket(tmp_path) as systemd:
        notify.alive("x")
        assert len(systemd.during(0.2)) == 1


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, 0),
        ({"WATCHDOG_USEC": "30000000"}, 30),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": ME}, 0.5),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, 0),
        ({"WATCHDOG_USEC": ""}, 0),
        ({"WATCHDOG_USEC": "-5"}, 0),
        ({"WATCHDOG_USEC": "²"}, 0),
    ],
)
def test_how_often_systemd_wants_a_sign_of_life(environ: dict[str, str], seconds: float) -> None:
    assert Notify({"NOTIFY_SOCKET": "/run/x", **environ}).watchdog_s == seconds
