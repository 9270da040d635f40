"""What the plan view needs of the daemon behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from aiohttp import web

from secmon.api import Spot
from secmon.loading.floors import Floor


class Mapped(Protocol):
    """Floor plans, and where devices stand on them."""

    @property
    def floors(self) -> Sequence[Floor]: ...
    async def spots(self) -> Sequence[Spot]: ...
    async def put_spot(self, spot: Spot) -> None: ...
    async def remove_spot(self, floor: str, device: str) -> bool: ...


MAPPED: Final = web.AppKey("mapped", Mapped)
