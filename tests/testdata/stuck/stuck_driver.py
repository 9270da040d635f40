"""A driver with the two bugs that no timeout of ours can end. Both begin once the file is there."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from secmon.api import Driver, Options, Probe, Reading, Target


class StuckOptions(Options):
    bug: Literal["deaf", "blocking"]
    once: str  # path


class Stuck:
    def __init__(self, options: StuckOptions) -> None:
        self._options = options

    async def read(self) -> Sequence[Reading]:
        if Path(self._options.once).exists():
            while self._options.bug == "blocking":
                time.sleep(60)
            while True:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    continue
        return [Reading("contact_closed", True)]


@asynccontextmanager
async def connect(
    target: Target, options: StuckOptions, profile: Options | None
) -> AsyncIterator[Probe]:
    yield Stuck(options)


DRIVER = Driver("stuck", StuckOptions, None, connect, needs_address=False)
