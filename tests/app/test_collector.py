"""The collector rests during a start, forgets what is old after a reload, ends as it began."""

import gc
import weakref

from secmon.app import collector


class Ring:
    """Garbage that only the collector finds."""

    def __init__(self) -> None:
        self.itself = self


def test_rests_until_settled_and_is_as_before_at_the_end() -> None:
    with collector.resting():
        assert not gc.isenabled()
        collector.settled()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_an_old_site_is_found_after_a_reload() -> None:
    with collector.resting():
        old = Ring()
        seen = weakref.ref(old)
        collector.settled()
        del old
        gc.collect()
        assert seen() is not None
        collector.renewed()
        assert seen() is None
        assert gc.get_freeze_count() > 0


def test_a_reload_without_a_settled_start_changes_nothing() -> None:
    assert gc.get_freeze_count() == 0
    collector.renewed()
    assert gc.get_freeze_count() == 0
