"""Tests of bisection: one bad item does not cost its batch."""

from __future__ import annotations

from collections.abc import Sequence

from destination_oomnitza.api.bisection import bisect
from destination_oomnitza.api.responses import RequestRejected
from hypothesis import given
from hypothesis import strategies as st


@given(bad=st.sets(st.integers(0, 63)), number=st.integers(0, 64))
def test_bisect_finds_the_bad_and_sends_the_others(bad: set[int], number: int) -> None:
    taken: list[int] = []

    def call(some: Sequence[int]) -> None:
        if bad.intersection(some):
            raise RequestRejected(400, "bad")
        taken.extend(some)

    rejected = bisect(range(number), call)
    assert [item for item, _ in rejected] == sorted(item for item in bad if item < number)
    assert taken == [item for item in range(number) if item not in bad]
