"""A site of its own for every test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.console.site import Lab, lab


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Lab]:
    async with lab(tmp_path) as running:
        yield running
