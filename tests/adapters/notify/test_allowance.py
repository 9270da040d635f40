"""The vendors' limits, as sliding windows."""

from secmon.adapters.notify.allowance import Allowance, Window


def test_never_more_than_the_limit_within_any_minute() -> None:
    allowance, sent = Allowance([Window(18, 60.0)]), []
    now = 0.0
    while now < 600:
        room, wait_s = allowance.room(now)
        if room:
            allowance.take(now)
            sent.append(now)
            now += 0.1  # as fast as anybody may want to
        else:
            assert 0 < wait_s <= 60
            now += wait_s
    assert len(sent) >= 18 * 9, "and it is used"
    for start in sent:
        assert sum(start <= at < start + 59.999 for at in sent) <= 18


def test_the_narrower_of_two_windows_counts() -> None:
    allowance = Allowance([Window(90, 60.0), Window(4, 1.0)])
    for _ in range(4):
        assert allowance.room(10.0)[0] > 0
        allowance.take(10.0)
    assert allowance.room(10.0) == (0, 1.0)
    assert allowance.room(11.0) == (4, 0.0)


def test_silence_that_the_vendor_asks_for() -> None:
    allowance = Allowance([Window(18, 60.0)])
    allowance.rest(100.0, 600.0)
    allowance.rest(100.0, 60.0)  # a shorter one does not shorten it
    assert allowance.room(400.0) == (0, 300.0)
    assert allowance.room(700.0) == (18, 0.0)
