"""Floor plans: the pictures in `plans/` beside the site file, each named by its file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from secmon.loading.problems import Line, Place, Problems

FOLDER = "plans"
KINDS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
MAX_BYTES = 10 * 1024 * 1024
MAX_SIDE = 10_000  # pixels
MOST = 100
NAME = re.compile(r"[^\x00-\x1f\x7f/\\?#%]{1,60}")


@dataclass(frozen=True, slots=True)
class Floor:
    """A floor plan: `name` is its file's, without the ending. Pixels."""

    name: str
    file: Path
    content_type: str
    width: int
    height: int
    version: int  # moves when the file does


def build(file: Path, problems: Problems) -> tuple[Floor, ...]:
    """The plans of a site by name, numbers in them by value. `file`: the site file."""
    folder = file.parent / FOLDER
    found: dict[str, Floor] = {}
    known = sorted(folder.iterdir(), key=_order) if folder.is_dir() else []
    for one in known:
        if one.name.startswith(".") or one.is_dir():
            continue
        place = Place(problems, Line(str(one)))
        if one.suffix.lower() not in ENDINGS:
            place.doubt(f"expected a picture ({', '.join(ENDINGS)}); this file is left alone")
        elif len(found) >= MOST:
            place.wrong(f"expected at most {MOST} floor plans")
            break
        elif one.stem in found or not NAME.fullmatch(one.stem):
            place.wrong("expected a name of its own, of at most 60 characters, without /\\?#%")
        elif floor := _read(one, place):
            found[floor.name] = floor
    return tuple(found.values())


def _order(file: Path) -> list[tuple[int, int | str]]:
    """B1 before B2 before B10."""
    parts = re.split(r"(\d{1,9})", file.name)
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts if part]


def _read(file: Path, place: Place) -> Floor | None:
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 # few sites have plans

    try:
        size = file.stat()
        if size.st_size > MAX_BYTES:
            place.wrong(f"expected at most {MAX_BYTES // 2**20} MB (got {size.st_size} bytes)")
            return None
        with Image.open(file, formats=tuple(KINDS)) as picture:
            kind, (width, height) = str(picture.format), picture.size
    except (UnidentifiedImageError, Image.DecompressionBombError, ValueError, SyntaxError):
        place.wrong(f"expected a picture ({', '.join(KINDS)}; got something else)")
        return None
    except OSError as error:
        place.wrong(f"expected a picture that can be read (got {error.strerror or error})")
        return None
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        place.wrong(f"expected at most {MAX_SIDE} pixels a side (got {width} x {height})")
        return None
    moved = size.st_mtime_ns ^ size.st_size
    return Floor(file.stem, file, KINDS[kind], width, height, moved)
