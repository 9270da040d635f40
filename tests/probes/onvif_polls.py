"""Polls ONVIF devices in a process of its own and prints, as JSON, how each poll ended, how long it
took and by how much memory grew at its worst: `python -m tests.probes.onvif_polls PORT…`.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import TypedDict

from probes.onvif import DRIVER, Options
from secmon.api import ProbeError
from tests.probes.loopback import target
from tests.probes.onvif_device import PASSWORD, USER

DEADLINE_S = 0.5


class Ended(TypedDict):
    ended: str  # good, timeout, or the reason of the failure
    text: str
    seconds: float
    megabytes: float


async def polled(port: int) -> Ended:
    Path("/proc/self/clear_refs").write_text("5")  # the highest so far is forgotten
    before, begun = _memory_mb("VmRSS"), time.monotonic()
    aim = target(username=USER, password=PASSWORD)
    ended, text = "good", ""
    try:
        async with (
            asyncio.timeout(DEADLINE_S),
            DRIVER.connect(aim, Options(port=port), None) as probe,
        ):
            await probe.read()
    except TimeoutError:
        ended = "timeout"
    except ProbeError as error:
        ended, text = error.reason.value, str(error)
    return {
        "ended": ended,
        "text": text,
        "seconds": time.monotonic() - begun,
        "megabytes": _memory_mb("VmHWM") - before,
    }


def _memory_mb(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


if __name__ == "__main__":
    ports = [int(port) for port in sys.argv[1:]]
    print(json.dumps([asyncio.run(polled(port)) for port in ports]))
