"""Claims people for records."""

from __future__ import annotations

import tracemalloc

from destination_oomnitza.writers.claims import Claims
from hypothesis import given
from hypothesis import strategies as st

NUMBER = st.integers(-(2**63), 2**63 - 1)


@given(st.lists(st.tuples(st.integers(-5, 5) | NUMBER, NUMBER)))
def test_claims_any_hashes_are_kept_like_in_a_dict(pairs: list[tuple[int, int]]) -> None:
    claims, expected = Claims(), {}
    for person, owner in pairs:
        assert claims.setdefault(person, owner) == expected.setdefault(person, owner)


def test_claims_of_many_people_take_few_bytes_each() -> None:
    tracemalloc.start()
    claims = Claims()
    empty = tracemalloc.get_traced_memory()[0]
    for number in range(50_000):
        claims.setdefault(hash(f"person {number}"), hash(f"key {number}"))
    size = tracemalloc.get_traced_memory()[0] - empty
    tracemalloc.stop()
    assert size < 50_000 * 40
