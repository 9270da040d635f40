"""A simulated ONVIF camera, dome or recorder: SOAP 1.2 over HTTP, log-in by WS-Security.

Options: those of `probes.simulators.onvif.device`; keys of `set`: see `_Server.set`. The streams
themselves come from an RTSP simulator beside it, as they come from a server of its own on a camera.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import fields
from datetime import UTC, datetime

from aiohttp import web

from probes.simulators import Running, Simulator
from probes.simulators.listener import Listener
from probes.simulators.onvif import soap
from probes.simulators.onvif.device import PATHS, Device, Options
from probes.simulators.onvif.head import Position, Preset, within

GRACE_S = 0.1  # for an answer that is being made; 0 would be for ever


class _Server:
    """A device and the port on which it answers."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self._http = web.Server(self._answer, access_log=None)
        self.listener = Listener(self._http, device.options.port)

    @property
    def port(self) -> int:
        return self.listener.port

    async def set(self, **state: object) -> None:
        """`listening`: is the port open; `clock_offset`: seconds by which its clock is ahead;
        `password`; `locked`: the account; `serial`; of a dome also `head`: an operator moves it to
        (pan, tilt, zoom), `speed`: 0 for a stuck one, `presets`: {token: (name, position)}."""
        for key, value in state.items():
            try:
                await self._set(key, value)
            except (TypeError, ValueError):
                raise ValueError(
                    "expected listening or locked (true or false), clock_offset (s), password, "
                    "serial, and of a dome head, speed or presets; positions are pan and tilt from "
                    f"-1 to 1 and zoom from 0 to 1; got {key}: {value!r}"
                ) from None

    async def open(self) -> None:
        await self.listener.open()
        self.device.port = self.listener.port

    async def close(self) -> None:
        """Connections that are open are ended too."""
        self.listener.close()
        for one in self._http.connections:
            one.force_close()
        await self._http.shutdown(GRACE_S)

    async def _set(self, key: str, value: object) -> None:
        device, head = self.device, self.device.head
        match key, value:
            case "listening", bool():
                await (self.open() if value else self.close())
            case "locked", bool():
                device.log_in.locked = value
            case "clock_offset", int() | float():
                device.clock_offset = float(value)
            case "password", str():
                device.log_in.password = value
            case "serial", str():
                device.serial = value
            case "head", (_, _, _) if head is not None:
                head.go(_position(value))
            case "speed", int() | float() if head is not None and value >= 0:
                head.turn(float(value))
            case "presets", Mapping() if head is not None:
                device.presets = {token: _preset(one) for token, one in value.items()}
            case _:
                raise ValueError

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path not in PATHS.values():
            return web.Response(status=404, text="Not Found")
        if request.method != "POST":
            return web.Response(status=405, text="Method Not Allowed")
        try:
            asked = soap.read(await request.read())
            body, status = soap.answer(asked, self.device.answer(asked, request.path)), 200
        except soap.Fault as fault:
            body, status = soap.refusal(fault), fault.status
        return web.Response(status=status, body=body, headers={"Content-Type": soap.CONTENT_TYPE})


def _position(value: object) -> Position:
    match value:
        case (int() | float() as pan, int() | float() as tilt, int() | float() as zoom):
            return within((float(pan), float(tilt), float(zoom)))
    raise ValueError


def _preset(value: object) -> Preset:
    match value:
        case (str() as name, place):
            return Preset(name, _position(place))
    raise ValueError


@asynccontextmanager
async def start(options: dict[str, object]) -> AsyncIterator[Running]:
    """A device. ValueError for an option that it does not have."""
    known = {option.name for option in fields(Options)}
    if (strange := options.keys() - known) or "rtsp_port" not in options:
        names = ", ".join(sorted(known))
        raise ValueError(f"expected rtsp_port, and of {names} (got {', '.join(sorted(strange))})")
    loop = asyncio.get_running_loop()
    made = Options(**options)  # type: ignore[arg-type] # the names are checked
    server = _Server(Device(made, lambda: datetime.now(UTC), loop.time))
    try:
        await server.open()
        yield server
    finally:
        await server.close()
        server.listener.give_up()


SIMULATOR = Simulator("onvif", start)
