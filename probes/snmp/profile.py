"""What the site file says of an SNMP probe, and what a profile says of a model of device.

sysUpTime is read with every profile, for `uptime_seconds` and to see a restart. All that a profile
names besides is data: a second model of device is another profile, no code.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, model_validator
from pydantic import Field as Limited

from probes.wire import ber
from secmon.api import Options as ApiOptions
from secmon.api import Part

UPTIME = "uptime_seconds"

INTERFACE_READINGS = (
    "interface_up",
    "interface_admin_up",
    "interface_speed_bytes_per_second",
    "interface_receive_bytes_total",
    "interface_transmit_bytes_total",
    "interface_receive_errors_total",
    "interface_transmit_errors_total",
    "interface_receive_discards_total",
    "interface_transmit_discards_total",
    "interface_alias",
    "interface_last_change_seconds",
)


def _version(value: object) -> object:
    return str(value) if isinstance(value, int) else value  # YAML reads `version: 1` as a number


def _oid(dotted: str) -> str:
    ber.oid(dotted)
    return dotted.strip(".")


Oid = Annotated[str, AfterValidator(_oid)]


class Options(ApiOptions):
    port: int = Limited(default=161, ge=1, le=65535)
    version: Annotated[Literal["1", "2c", "3"], BeforeValidator(_version)] = "2c"


class Field(ApiOptions):
    """How a raw value becomes a reading or a fact; exactly one of the two is named."""

    reading: str = ""
    fact: str = ""
    scale: float = 1.0  # the reading is the raw number times this
    flag: tuple[int, ...] = ()  # the reading is a flag: true for these raw numbers
    invalid: tuple[float, ...] = ()  # raw numbers that say «not fitted», «not known»
    optional: bool = False  # a good poll need not bring it

    @model_validator(mode="after")
    def _one_name(self) -> Field:
        if bool(self.reading) == bool(self.fact):
            raise ValueError("expected either a reading or a fact")
        return self


class Scalar(Field):
    """One value at one OID (with its `.0`)."""

    oid: Oid


class Column(Field):
    """One column of a table. With `combine` all rows together give one value without a part."""

    column: int = Limited(ge=1, le=0xFFFFFFFF)
    combine: Literal["", "max", "min", "sum"] = ""

    @model_validator(mode="after")
    def _no_fact(self) -> Column:
        if self.fact:
            raise ValueError("expected a reading: a table gives no facts")
        return self


class Table(ApiOptions):
    """A table whose rows are found by walking its columns."""

    entry: Oid  # of the conceptual row; a column's number follows
    columns: tuple[Column, ...] = Limited(min_length=1)
    name: int | None = Limited(default=None, ge=1, le=0xFFFFFFFF)  # the column with a row's name
    part: str = "{index}"  # `{index}` and `{name}` are filled in

    @model_validator(mode="after")
    def _known_fields(self) -> Table:
        try:
            self.part.format(index="", name="")
        except (KeyError, IndexError, ValueError):
            raise ValueError(
                f"expected a part of {{index}} and {{name}} (got {self.part!r})"
            ) from None
        return self


class Interfaces(ApiOptions):
    """IF-MIB's ports: every row of ifTable, with ifXTable's columns where there are any."""

    uplinks: tuple[str, ...] = ()  # parts whose being down is a fault


class Profile(ApiOptions):
    scalars: tuple[Scalar, ...] = ()
    tables: tuple[Table, ...] = ()
    interfaces: Interfaces | None = None

    @model_validator(mode="after")
    def _readings_once(self) -> Profile:
        taken = {UPTIME, *(INTERFACE_READINGS if self.interfaces else ())}
        for reading in _named(self):
            if reading in taken:
                raise ValueError(f"expected each reading once (got {reading} again)")
            taken.add(reading)
        return self


def brings(
    _options: Options, profile: Profile | None, _parts: Mapping[str, Part]
) -> Collection[str]:
    """The readings that every good poll should have."""
    if profile is None:
        return (UPTIME,)
    ports = INTERFACE_READINGS if profile.interfaces else ()
    return {UPTIME, *_named(profile, optional=False), *ports}


def watches(profile: Profile | None) -> Collection[str]:
    return profile.interfaces.uplinks if profile is not None and profile.interfaces else ()


def _named(profile: Profile, optional: bool = True) -> list[str]:
    """The readings that the profile names itself, with those that a device may lack or without."""
    columns = [column for table in profile.tables for column in table.columns]
    fields = [field for field in (*profile.scalars, *columns) if field.reading]
    return [field.reading for field in fields if optional or not field.optional]
