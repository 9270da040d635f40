"""Two drivers and a notifier, installed like anybody's: by entry points."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager

from pydantic import Field

from secmon.api import Driver, Options, Part, Probe, Reading, Target
from secmon.settings import Secret, Section


class LampOptions(Options):
    port: int = Field(default=23, ge=1, le=65535)
    colour: str = "white"


class Point(Options):
    reading: str
    part: str = ""


class LampProfile(Options):
    points: list[Point] = Field(min_length=1)
    uplinks: tuple[str, ...] = ()


class PlainOptions(Options):
    path: str = "/"


class PaperOptions(Section):
    url: str
    credentials: str | None = None
    secret: Secret | None = None


class Lamp:
    async def read(self) -> Sequence[Reading]:
        return [Reading("contact_closed", True)]


@asynccontextmanager
async def connect(
    target: Target, options: Options, profile: Options | None
) -> AsyncIterator[Probe]:
    yield Lamp()


def brings(
    options: LampOptions, profile: LampProfile | None, parts: Mapping[str, Part]
) -> Collection[str]:
    return [point.reading for point in profile.points] if profile else []


LAMP = Driver(
    "lamp",
    LampOptions,
    LampProfile,
    connect,
    default_profile="lamp-1",
    brings=brings,
    watches=lambda profile: profile.uplinks if profile else (),
    bus=lambda address, options: f"{address}:{options.port}",
)
PLAIN = Driver("plain", PlainOptions, None, connect, needs_address=False)


class Paper:
    options = PaperOptions
    for_people = False
    told = True

    @staticmethod
    def flaws(options: PaperOptions, secrets: object) -> list[tuple[str, str]]:
        return []


PAPER = Paper()
