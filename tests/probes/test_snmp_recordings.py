"""Walks of real devices, played by the test's agent, where they stand beside the checkout.

They are no part of the project: without them there is nothing to test, and nothing to skip.
"""

from pathlib import Path

import pytest

from probes.snmp.probe import SLOW_EVERY
from tests.probes.snmp_device import Entries, playing, probing, read, values

BESIDE = Path(__file__).parents[3] / "shared" / "recordings" / "snmp"
RECORDINGS = sorted(BESIDE.glob("*.snmprec"))

if RECORDINGS:

    @pytest.mark.parametrize("name", ["switch", "ups-mib"])
    @pytest.mark.parametrize("version", ["1", "2c"])
    @pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
    async def test_a_real_device_is_polled(recording: Path, version: str, name: str) -> None:
        entries = recorded(recording)
        async with (
            playing(entries) as device,
            probing(device.port, name, version=version) as probe,
        ):
            batches = [await read(probe) for _ in range(SLOW_EVERY + 2)]
        assert {batch.layout for batch in batches} == {batches[-1].layout}
        for part in batches[-1].layout.parts:
            assert len(part) <= 64
            assert part.isprintable()
        if name == "switch":
            rows = {oid.split(".")[-1] for oid in entries if oid.startswith("1.3.6.1.2.1.2.2.1.8.")}
            assert len(values(batches[-1], "interface_up")) == len(rows)


def recorded(file: Path) -> Entries:
    """A .snmprec: OID|tag|value, `x` after the tag means hexadecimal; values may hold line ends."""
    entries: Entries = {}
    for line in file.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        oid, _, rest = line.partition("|")
        tag, _, said = rest.partition("|")
        if not tag.rstrip("x").isdigit() or not oid.startswith("1."):
            continue
        kind = int(tag.rstrip("x"))
        raw = bytes.fromhex(said) if tag.endswith("x") else said.encode(errors="surrogateescape")
        if kind in (2, 65, 66, 67, 70):
            entries[oid] = (kind, int(said))
        elif kind in (6, 64) and raw.count(b".") >= {6: 1, 64: 3}[kind]:
            entries[oid] = (kind, said)
        else:
            entries[oid] = (kind, raw)
    return entries
