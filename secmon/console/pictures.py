"""Pictures that people or cameras sent, decoded and written anew: what is not a picture is gone.

Pillow is loaded with the first of them: most daemons see none for months, and it takes 5 MB.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 4096  # pixels of the longer side that we keep
PIXELS = 25_000_000  # that we decode: 75 MB of memory, twice that for progressive JPEG
FORMATS = ("JPEG", "PNG", "WEBP")
QUALITY = 88


class NoPicture(Exception):
    """It can't be taken; the text says what was expected."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of ours. `kind` is jpeg or png."""

    body: bytes
    kind: str
    width: int
    height: int


def written_anew(raw: bytes, longest: int) -> Picture:
    """Turned as its EXIF says, at most 4096 pixels wide and high, at most `longest` bytes, and with
    nothing in it but pixels. CPU work: not on the event loop. Raises NoPicture."""
    from PIL import UnidentifiedImageError  # noqa: PLC0415
    from PIL.Image import open as decoded  # noqa: PLC0415

    try:
        with decoded(BytesIO(raw), formats=FORMATS) as found:
            if found.width * found.height > PIXELS:
                raise NoPicture(
                    f"expected a picture of at most {PIXELS // 1_000_000} megapixels "
                    f"(got {found.width} × {found.height})"
                )
            found.load()
            return _written(_bare(found), found.format == "PNG", longest)
    except NoPicture:
        raise
    except UnidentifiedImageError:
        raise NoPicture("expected a JPEG, PNG or WebP picture") from None
    except Exception as error:  # a decoder meets bytes that a stranger chose
        what = type(error).__name__
        raise NoPicture(f"expected a whole picture (it cannot be decoded: {what})") from None


def _bare(found: Image) -> Image:
    """Its pixels alone: a new image has no EXIF, no text, no comment, no colour profile."""
    from PIL.Image import new  # noqa: PLC0415

    turned = _turned(found)
    turned.thumbnail((SIDE, SIDE))
    see_through = turned.mode in ("LA", "PA", "RGBA") or "transparency" in turned.info
    mode = "RGBA" if see_through else "RGB"
    bare = new(mode, turned.size)
    bare.paste(turned.convert(mode))
    return bare


def _turned(found: Image) -> Image:
    """As its EXIF says; garbled EXIF turns nothing, the picture may be good all the same."""
    from PIL.ImageOps import exif_transpose  # noqa: PLC0415

    try:
        return exif_transpose(found)
    except Exception:
        return found


def _written(bare: Image, as_png: bool, longest: int) -> Picture:
    from PIL.Image import new  # noqa: PLC0415

    if as_png or bare.mode == "RGBA":
        out = BytesIO()
        bare.save(out, "PNG")
        if out.tell() <= longest:
            return Picture(out.getvalue(), "png", *bare.size)
    out = BytesIO()
    flat = new("RGB", bare.size, "white")
    flat.paste(bare, mask=bare.getchannel("A") if bare.mode == "RGBA" else None)
    flat.save(out, "JPEG", quality=QUALITY)
    if out.tell() > longest:
        raise NoPicture(f"expected a picture of at most {longest >> 20} MB when written anew")
    return Picture(out.getvalue(), "jpeg", *flat.size)
