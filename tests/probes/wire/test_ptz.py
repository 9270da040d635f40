"""How far apart two places of a head are, whatever scale its camera counts by."""

import pytest

from probes.wire.ptz import Position, Range, Ranges

GENERIC = Ranges({"g": (Range(-1, 1), Range(-1, 1))}, {"z": Range(0, 1)})
DEGREES = Ranges({"d": (Range(-180, 180), Range(-90, 30))}, {"z": Range(1, 31)})
FULL = Ranges({"d": (Range(0, 360), Range(0, 90))})
HALF = Ranges({"d": (Range(-90, 90), Range(-90, 90))})
NOTHING = Ranges()


@pytest.mark.parametrize(
    ("ranges", "one", "other", "apart"),
    [
        (GENERIC, (0.1, 0.2, 0.3), (0.1, 0.2, 0.3), 0.0),
        (GENERIC, (0.1, 0.0, 0.0), (0.3, 0.0, 0.0), 0.1),
        (GENERIC, (0.0, 1.0, 0.0), (0.0, -1.0, 0.0), 1.0),
        (GENERIC, (0.0, 0.0, 0.0), (0.0, 0.1, 0.4), 0.4),  # the largest of them
        (GENERIC, (0.99, 0.0, 0.0), (-0.99, 0.0, 0.0), 0.01),  # round the back
        (DEGREES, (179.0, 0.0, 1.0), (-179.0, 0.0, 1.0), 2 / 360),
        (DEGREES, (0.0, -90.0, 1.0), (0.0, 30.0, 1.0), 1.0),
        (DEGREES, (0.0, 0.0, 1.0), (0.0, 0.0, 16.0), 0.5),
        (FULL, (359.0, 0.0, None), (1.0, 0.0, None), 2 / 360),
        (HALF, (-90.0, 0.0, None), (90.0, 0.0, None), 1.0),  # no circle: its ends are far apart
        (GENERIC, (170.0, 10.0, 0.0), (-170.0, 10.0, 0.0), 20 / 360),  # degrees after all
        (NOTHING, (0.5, 0.5, 0.0), (0.5, 0.4, 0.0), 0.05),
        (NOTHING, (0.5, 45.0, None), (0.5, 0.0, None), 0.25),
        (GENERIC, (None, None, 0.5), (None, None, 0.4), 0.1),
        (GENERIC, (0.5, 0.5, None), (0.5, 0.5, 0.1), None),  # not the same axes
        (GENERIC, (5000.0, 0.0, None), (5001.0, 0.0, None), None),  # no scale fits
        (GENERIC, (0.0, 0.0, 7.0), (0.0, 0.0, 8.0), None),
        (GENERIC, (None, None, None), (None, None, None), None),
    ],
)
def test_apart(
    ranges: Ranges,
    one: tuple[float | None, ...],
    other: tuple[float | None, ...],
    apart: float | None,
) -> None:
    expected = apart if apart is None else pytest.approx(apart)
    assert ranges.apart(Position(*one), Position(*other)) == expected  # type: ignore[arg-type]
    assert ranges.apart(Position(*other), Position(*one)) == expected  # type: ignore[arg-type]


def test_an_axis_without_a_range_stands_still() -> None:
    fixed = Ranges({"g": (Range(-1, 1), Range(-1, 1))}, {"z": Range(0, 0)})
    assert fixed.apart(Position(0.0, 0.0, 0.0), Position(0.2, 0.0, 0.0)) == pytest.approx(0.1)


def test_places_in_different_spaces_do_not_compare() -> None:
    one, other = Position(0.1, 0.1, space="d"), Position(0.1, 0.1, space="g")
    assert GENERIC.apart(one, other) is None
    assert GENERIC.apart(one, Position(0.1, 0.1)) == 0.0


def test_the_space_that_is_named_gives_the_range() -> None:
    both = Ranges({**GENERIC.pan_tilt, **DEGREES.pan_tilt})
    one, other = Position(0.0, 0.0, space="d"), Position(0.9, 0.0, space="d")
    assert both.apart(one, other) == pytest.approx(0.9 / 360)


@pytest.mark.parametrize(
    ("pans", "turned"),
    [
        ((0.0, 0.1, 0.2, 0.3), False),
        ((0.3, 0.2, 0.1, -0.9), False),
        ((0.0, 0.3, 0.2), True),
        ((0.0, -0.3, -0.2), True),
        ((0.0, 0.3, 0.295), False),  # settles
        ((0.0, 0.005, -0.5), False),
        ((0.8, 0.95, -0.9, -0.6), False),  # on over the seam
        ((0.8, 0.95, -0.9, 0.95), True),
        ((0.0,), False),
    ],
)
def test_turned(pans: tuple[float, ...], turned: bool) -> None:
    assert GENERIC.turned([Position(pan, 0.0, 0.0) for pan in pans], 0.01) is turned


def test_zero() -> None:
    assert Position(0.0, -0.0, None).zero and not Position(0.0, 0.0, 0.1).zero
