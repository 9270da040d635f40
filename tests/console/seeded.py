"""Two hours of five-minute values in the store, as a daemon that ran then would have left them."""

import math
from array import array
from datetime import UTC, datetime, timedelta

from secmon.adapters.store.sqlite import SqliteStore
from secmon.api import SLOT_S, Trace

SERIES = (("probe_success", "modbus"), ("temperature_celsius", ""), ("humidity_ratio", ""))


async def seed(store: SqliteStore, device: str = "room-1", hours: int = 2) -> None:
    """From 21.0 °C at the start up by 0.5 °C an hour; half an hour in the middle is missing."""
    now = math.floor(datetime.now(UTC).timestamp() / SLOT_S) * SLOT_S
    start = datetime.fromtimestamp(now, UTC) - timedelta(hours=hours)
    traces = []
    for hour in range(hours):
        numbers = array("f")
        for slot in range(12):
            warm = 21 + hour / 2 + slot / 24
            numbers.extend((1, 1, 1, warm - 0.2, warm + 0.3, warm, 0.4, 0.4, 0.4))
        at = start + timedelta(hours=hour)
        traces.append(Trace(device, "modbus", at, SERIES, numbers))
    await store.put_traces(traces)
