"""`10s 5m 4h 14d`, and nothing else."""

from datetime import timedelta

import pytest

from secmon.core.durations import duration, written


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("0s", timedelta(0)),
        ("10s", timedelta(seconds=10)),
        ("0.5s", timedelta(milliseconds=500)),
        ("5m", timedelta(minutes=5)),
        ("4h", timedelta(hours=4)),
        ("14d", timedelta(days=14)),
    ],
)
def test_a_duration(text: str, length: timedelta) -> None:
    assert duration(text) == length


@pytest.mark.parametrize(
    "text",
    ["", "s", "10", "-5s", "+5s", "5 s", "5S", "1w", "1h30m", "1.2.3s", ".s", "٣s", "36501d"],
)
def test_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration"):
        duration(text)


@pytest.mark.parametrize("text", ["0s", "90s", "2m", "30m", "4h", "36h", "14d", "0.5s"])
def test_written_as_read(text: str) -> None:
    assert written(duration(text)) == text
