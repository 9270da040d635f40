"""A UPS behind NUT's upsd (RFC 9271), asked with LIST VAR over one TCP connection.

upsd answers for a UPS that does not answer it: stale data is the UPS's silence, not a bad battery.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pydantic import Field

from probes.wire import nut
from probes.wire.local import cause, ours, why
from secmon.api import (
    EMPTY_LAYOUT,
    Batch,
    Driver,
    Garbled,
    Probe,
    ProbeError,
    Reading,
    Refused,
    Target,
    Unreachable,
    arrange,
)
from secmon.api import Options as ApiOptions

# NUT's variable (docs/nut-names.txt) → our reading, and what its value is divided by.
NUMBERS = {
    "input.voltage": ("mains_voltage_volts", 1),
    "output.voltage": ("output_voltage_volts", 1),
    "ups.load": ("load_ratio", 100),
    "battery.voltage": ("battery_voltage_volts", 1),
    "battery.charge": ("battery_charge_ratio", 100),
    "battery.runtime": ("battery_runtime_seconds", 1),
    "battery.temperature": ("battery_temperature_celsius", 1),  # ups.temperature is the cabinet's
}
FACTS = {
    "maker": ("device.mfr", "ups.mfr"),
    "model": ("device.model", "ups.model"),
    "serial": ("device.serial", "ups.serial"),
    "firmware": ("ups.firmware",),
}
FACT_MAX = 128  # characters
SILENT = {
    "DATA-STALE": "the data that upsd holds is stale",
    "DRIVER-NOT-CONNECTED": "upsd has no connection to the UPS's NUT driver",
}
DENIED = {
    "ACCESS-DENIED": "this machine or user has no right to ask",
    "INVALID-USERNAME": "wrong user name",
    "INVALID-PASSWORD": "wrong password",
    "USERNAME-REQUIRED": "it wants a user name",
    "PASSWORD-REQUIRED": "it wants a password",
}
WRONG_LOG_IN = {"INVALID-USERNAME", "INVALID-PASSWORD"}


class Options(ApiOptions):
    port: int = Field(default=nut.PORT, ge=1, le=65535)
    ups: str = Field(default="", max_length=64, pattern=r"^[!-~]*$")
    """Name of the UPS in upsd's ups.conf; empty: the only one that upsd lists."""


class Profile(ApiOptions):
    """Nothing of the driver's own: a site's profile may still name the battery's cells."""


@dataclass(frozen=True, slots=True)
class _Link:
    """One TCP connection to upsd."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def gone(self) -> bool:
        """upsd hangs up on a client that says nothing for a minute."""
        return self.reader.at_eof() or self.reader.exception() is not None

    def close(self) -> None:
        self.writer.transport.abort()


class _Ups:
    """The probe: connects at the first read, and again when upsd hung up in between."""

    def __init__(self, target: Target, options: Options) -> None:
        self._target = target
        self._port = options.port
        self._wanted = options.ups
        self._ups = ""
        self._link: _Link | None = None
        self._where = f"upsd at {target.address} port {options.port}"
        self._layout = EMPTY_LAYOUT

    async def read(self) -> Batch:
        if self._link is not None and self._link.gone():
            self.close()
        if self._link is None:
            self._link = await self._open()
            await self._log_in(self._link)
            self._ups = self._wanted or await self._only_ups(self._link)
        variables = await self._list(self._link, "VAR", self._ups)
        try:
            return self._batch(variables)
        except nut.Malformed as error:
            raise Garbled(f"{self._where}: {error}") from None

    def close(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    async def _open(self) -> _Link:
        address, port = self._target.address, self._port
        try:
            streams = await asyncio.open_connection(address, port, limit=nut.LINE_MAX)
        except OSError as error:
            failure = ProbeError if ours(error) else Unreachable
            raise failure(
                f"{self._where}: no TCP connection: {why(error)}", cause=cause(error)
            ) from None
        return _Link(*streams)

    async def _log_in(self, link: _Link) -> None:
        """upsd itself checks a password only before it lets somebody act; others check at once."""
        for name in ("username", "password"):
            if secret := self._target.credentials.get(name):
                try:
                    line = nut.request(name.upper(), secret)
                except ValueError:
                    raise Refused(f"{self._where}: the {name} holds control characters") from None
                await self._ask(link, line, name.upper(), nut.confirm)

    async def _only_ups(self, link: _Link) -> str:
        names = sorted(await self._list(link, "UPS"))
        if len(names) == 1:
            return names[0]
        if not names:
            raise Refused(f"{self._where}: expected a UPS, got an empty list")
        listed = ", ".join(nut.shown(name.encode()) for name in names[:20])
        raise Refused(
            f"{self._where}: expected `ups:` with one of the names that it lists: {listed}"
        )

    async def _list(self, link: _Link, *query: str) -> Mapping[str, str]:
        listing = nut.Listing(query)
        await self._ask(link, listing.request, " ".join(("LIST", *query)), listing.take)
        return listing.rows

    async def _ask(
        self, link: _Link, line: bytes, asked: str, take: Callable[[bytes], bool]
    ) -> None:
        """Sends one line and gives the answer's lines to `take` until that says it is whole."""
        link.writer.write(line)
        begun = False
        try:
            while not take(await link.reader.readuntil()):
                begun = True
        except nut.Denied as error:
            raise self._denied(error.code) from None
        except nut.Malformed as error:
            raise Garbled(f"{self._where}: {asked}: {error}") from None
        except asyncio.LimitOverrunError:
            expected = f"expected lines of at most {nut.LINE_MAX} bytes, got a longer one"
            raise Garbled(f"{self._where}: {asked}: {expected}") from None
        except (asyncio.IncompleteReadError, OSError) as error:
            if begun or (isinstance(error, asyncio.IncompleteReadError) and error.partial):
                raise Garbled(f"{self._where}: {asked}: the answer was cut off") from None
            raise Unreachable(f"{self._where}: {asked}: hung up without an answer") from None

    def _denied(self, code: str) -> ProbeError:
        if code in SILENT:
            return self._silent(f"{code}, {SILENT[code]}")
        if code == "UNKNOWN-UPS":
            return Refused(f"{self._where}: {code}: it has no UPS named {self._ups!a}")
        words = f": {DENIED[code]}" if code in DENIED else ""
        return Refused(f"{self._where}: {code}{words}", credentials=code in WRONG_LOG_IN)

    def _silent(self, said: str) -> Unreachable:
        return Unreachable(
            f"{self._where} answers, but the UPS {self._ups!a} behind it does not: {said}"
        )

    def _batch(self, variables: Mapping[str, str]) -> Batch:
        if variables.get("ups.status") == "WAIT":
            raise self._silent("WAIT, upsd has no data from its NUT driver")
        layout, values = arrange(readings(variables))
        if layout.names != self._layout.names:
            self._layout = layout
        return Batch(self._layout, values, facts(variables))


def readings(variables: Mapping[str, str]) -> list[Reading]:
    """What of a UPS's variables we have a name for; an empty one is none. Raises Malformed."""
    found = [
        Reading(name, nut.number(variables[variable], variable) / divisor)
        for variable, (name, divisor) in NUMBERS.items()
        if variables.get(variable)
    ]
    if status := variables.get("ups.status"):
        found += _status(frozenset(status.split()))
    return found


def _status(flags: frozenset[str]) -> list[Reading]:
    """`ups.status` (nut-names.txt); in OFF or BYPASS alone it does not say where power is from."""
    found = [
        Reading("battery_discharging", bool(flags & {"DISCHRG", "OB", "CAL"})),
        Reading("battery_low", "LB" in flags),
        Reading("battery_replace", "RB" in flags),
    ]
    if flags & {"OB", "OL"}:
        found.append(Reading("on_battery", "OB" in flags))
    return found


def facts(variables: Mapping[str, str]) -> dict[str, str]:
    """Who made the UPS, and which one it is: what is printable of it, and bounded."""
    found = {}
    for name, sources in FACTS.items():
        text = next((variables[source] for source in sources if variables.get(source)), "")
        if text := "".join(char for char in text if char.isprintable()).strip()[:FACT_MAX]:
            found[name] = text
    return found


@asynccontextmanager
async def connect(
    target: Target, options: Options, profile: Profile | None
) -> AsyncIterator[Probe]:
    ups = _Ups(target, options)
    try:
        yield ups
    finally:
        ups.close()


DRIVER = Driver("nut", Options, Profile, connect)
