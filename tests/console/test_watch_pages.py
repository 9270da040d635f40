"""The pages of the operator on duty, without a browser: what they show, to whom, and refuse."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from secmon.api import Role
from tests.console.reader import reader
from tests.console.site import Lab, lab
from tests.console.watching import duty, floors


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Lab]:
    floors(tmp_path)
    async with lab(tmp_path, duty(datetime.now(UTC))) as running:
        yield running


async def test_a_device_is_placed_moved_and_taken_off_by_those_who_may(site: Lab) -> None:
    async with reader(site, "sun", Role.MANAGER) as sun, reader(site) as wang:
        plan = "/plan/F1%20%E5%A4%A7%E5%8E%85"
        page = await sun.get(f"{plan}?edit=1")
        assert page.status == 200, page.words
