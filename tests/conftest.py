"""With SECMON_REQUIRE_PEERS=1 nothing may be skipped: a skip becomes a failure. And a law is broken
by a value, never by a machine that has other things to do."""

from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from tests.peers.need import peers_required

settings.register_profile("secmon", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("secmon")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Judges the skips of tests and fixtures."""
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Judges the skips of whole files."""
    report = yield
    _refuse_skip(report)
    return report


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    expected_to_fail = hasattr(report, "wasxfail")
    if report.skipped and not expected_to_fail and peers_required():
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"SECMON_REQUIRE_PEERS=1 allows no skip: {reason}"
