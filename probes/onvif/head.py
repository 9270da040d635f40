"""The head of one camera, moved and looked at through ONVIF."""

from __future__ import annotations

from collections.abc import Callable

from probes.onvif.session import Session
from probes.wire import onvif_ptz
from probes.wire.onvif import Place
from probes.wire.onvif_ptz import Node, Status
from probes.wire.ptz import Position, Ranges
from secmon.api import Garbled, Refused


class OnvifHead:
    """`token`: of the media profile that moves it. `fresh` opens another connection."""

    __slots__ = ("_fresh", "_place", "_session", "_token")

    def __init__(
        self, session: Session, place: Place, token: str, fresh: Callable[[], Session]
    ) -> None:
        self._session = session
        self._place = place
        self._token = token
        self._fresh = fresh

    async def look(self) -> Status:
        answer = await self._session.ask(self._place, onvif_ptz.status(self._token))
        return onvif_ptz.read_status(answer)

    async def recall(self, preset: str) -> None:
        await self._session.ask(self._place, onvif_ptz.goto_preset(self._token, preset))

    async def move(self, to: Position) -> None:
        await self._session.ask(self._place, onvif_ptz.absolute_move(self._token, to))

    async def promises(self) -> bool:
        try:
            answer = await self._session.ask(self._place, onvif_ptz.ABILITIES)
        except (Refused, Garbled):
            return False
        return onvif_ptz.read_abilities(answer)

    async def wish(self, home: Position, way: str) -> None:
        """An answer may still be under way on the other connection."""
        session = self._fresh()
        other = OnvifHead(session, self._place, self._token, self._fresh)
        try:
            await (other.recall(way) if way else other.move(home))
        finally:
            session.close()

    async def node(self) -> Node:
        """What it can do, and over what range. A device that does not tell can be sent nowhere by
        a position."""
        try:
            node = onvif_ptz.read_nodes(await self._session.ask(self._place, onvif_ptz.NODES))
        except (Refused, Garbled):
            node = Node(Ranges(), absolute_pan_tilt=False, absolute_zoom=False)
        if node.ranges.pan_tilt or node.ranges.zoom:
            return node
        try:
            answer = await self._session.ask(self._place, onvif_ptz.CONFIGURATIONS)
        except (Refused, Garbled):
            return node
        ranges = onvif_ptz.read_limits(answer)
        return Node(ranges, absolute_pan_tilt=False, absolute_zoom=False)
