"""What drivers keep is bounded, and comes back byte for byte."""

from pathlib import Path

import pytest

from secmon.api import Memory
from tests.adapters.store.made import store

KB = 1024


async def test_memory_survives(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        memory: Memory = kept.memory("cam-1")
        assert await memory.get("1", "mean") is None
        await memory.put("1", "mean", b"old")
        await memory.put("1", "mean", bytes(range(256)))
        await memory.put("2", "mean", b"")
    async with store(tmp_path) as again:
        assert await again.memory("cam-1").get("1", "mean") == bytes(range(256))
        assert await again.memory("cam-1").get("2", "mean") == b""
        assert await again.memory("cam-2").get("1", "mean") is None


async def test_a_part_has_64_kb_for_all_its_keys(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        memory = kept.memory("cam-1")
        await memory.put("1", "a", b"x" * 40 * KB)
        with pytest.raises(ValueError, match="cam-1 '1': expected at most 65536 bytes"):
            await memory.put("1", "b", b"y" * (24 * KB + 1))
        assert await memory.get("1", "b") is None
        await memory.put("1", "b", b"y" * 24 * KB)
        await memory.put("1", "a", b"z" * 40 * KB)  # replacing counts the new only
        await memory.put("2", "a", b"x" * 64 * KB)


async def test_a_device_that_names_ever_new_parts_is_stopped(tmp_path: Path) -> None:
    async with store(tmp_path) as kept:
        memory = kept.memory("cam-1")
        for part in range(64):
            await memory.put(str(part), "a", b"x" * 64 * KB)
        with pytest.raises(ValueError, match="4194304 a device"):
            await memory.put("64", "a", b"x")
        await kept.memory("cam-2").put("1", "a", b"x")
