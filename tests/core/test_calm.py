"""What lies in the calm band of some rules is bad to none of them, whatever the numbers."""

from hypothesis import given
from hypothesis import strategies as st

from secmon.core.faults import Verdict, calm, verdict
from secmon.core.model import Op
from tests.core.world import rule

LIMITS = st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False), st.just("open"))
VALUES = st.one_of(st.booleans(), st.integers(), st.floats())
OPS = st.sampled_from([op for op in Op if op is not Op.MISSING and op is not Op.STUCK])


@given(st.lists(st.tuples(OPS, LIMITS), min_size=1, max_size=4), VALUES)
def test_a_value_in_the_band_breaks_no_rule(pairs: list, value: float) -> None:
    rules = [rule(str(i), "load_ratio", op, limit) for i, (op, limit) in enumerate(pairs)]
    low, high = calm(rules)
    if low <= value <= high:
        assert all(verdict(one, value) is not Verdict.BAD for one in rules)


@given(OPS, LIMITS.filter(lambda limit: not isinstance(limit, str)))
def test_the_limit_itself_and_its_neighbours_are_looked_at(op: Op, limit: float) -> None:
    low, high = calm([rule("one", "load_ratio", op, limit)])
    for value in (limit, limit + 1, limit - 1):
        if verdict(rule("one", "load_ratio", op, limit), value) is Verdict.BAD:
            assert not low <= value <= high


def test_an_ordinary_value_is_in_the_band() -> None:
    rules = [rule("low", "mains", Op.BELOW, 198), rule("high", "mains", Op.ABOVE, 242)]
    low, high = calm(rules)
    assert low <= 230 <= high
    assert not low <= 190 <= high
    assert not low <= 250 <= high
    assert calm([rule("tamper", "zone_tamper", Op.IS, True)]) == (0, 0)
    assert calm([rule("silent", "device_up", Op.IS, False)]) == (1, 1)
