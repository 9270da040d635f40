"""Python's garbage collector, kept from looking for garbage among what lasts as long as the site.

A start makes half a million objects for 10,000 devices and drops hardly any: looking through them
again and again would make the start a quarter longer, and later stop the loop for long moments.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def resting() -> Iterator[None]:
    """Collects nothing until `settled`; everything is as before when the context ends."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if was_on:
            gc.enable()


def settled() -> None:
    """What is there now stays; from here on only newer objects are looked through."""
    gc.freeze()
    gc.enable()


def renewed() -> None:
    """Another site file was taken up: the old one is garbage now, in circles of its own."""
    if gc.get_freeze_count():
        gc.unfreeze()
        gc.collect()
        gc.freeze()
