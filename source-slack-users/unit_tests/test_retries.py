"""Tests the time limits of one request."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_slack_users.retries import RetryBudget, RetryPolicy, in_words


def test_budget_last_try_is_two_minutes_after_first_fault(clock: Any) -> None:
    budget = RetryBudget(RetryPolicy())
    clock.now += 500  # a slow first attempt is not a fault
    first = clock.now
    pauses = []
    while (pause := budget.pause_after_fault(None)) is not None:
        pauses.append(pause)
        clock.now += pause
    assert clock.now - first == 120
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 29]


def test_budget_slow_faults_end_at_first_after_two_minutes(clock: Any) -> None:
    budget = RetryBudget(RetryPolicy())
    assert budget.pause_after_fault(None) == 1
    clock.now += 119
    assert budget.pause_after_fault(None) == 1
    clock.now += 1
    assert budget.pause_after_fault(None) is None


def test_budget_fault_with_retry_after_waits_as_asked(clock: Any) -> None:
    budget = RetryBudget(RetryPolicy())
    assert budget.pause_after_fault(7) == 7
    assert budget.pause_after_fault(1000) == 120


def test_budget_fault_that_asks_for_no_pause_has_one(clock: Any) -> None:
    budget = RetryBudget(RetryPolicy())
    assert [budget.pause_after_fault(0) for _ in range(3)] == [1, 2, 4]


def test_budget_rate_limit_waits_for_an_hour_in_all(clock: Any) -> None:
    budget = RetryBudget(RetryPolicy())
    assert [budget.pause_after_rate_limit(1200) for _ in range(4)] == [1200, 1200, 1200, None]


def test_budget_rate_limit_does_not_shorten_time_for_faults(clock: Any) -> None:
    budget = RetryBudget(RetryPolicy())
    budget.pause_after_fault(None)
    budget.pause_after_rate_limit(600)
    clock.now += 600
    assert budget.pause_after_fault(None) is not None


@pytest.mark.parametrize("asked", [0.0, 0.5, 1.0])
def test_budget_rate_limit_waits_at_least_a_second(asked: float) -> None:
    assert RetryBudget(RetryPolicy()).pause_after_rate_limit(asked) == 1


@given(st.lists(st.none() | st.floats(0, 5000, allow_nan=False), min_size=1))
def test_budget_rate_limits_never_exceed_their_time(asked: list[float | None]) -> None:
    budget = RetryBudget(RetryPolicy())
    pauses = [budget.pause_after_rate_limit(each) for each in asked]
    assert sum(pause or 0 for pause in pauses) <= 3600


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 seconds"),
        (1, "1 second"),
        (8.2, "8 seconds"),
        (60, "1 minute"),
        (120, "2 minutes"),
        (90, "90 seconds"),
        (3600, "1 hour"),
        (7200, "2 hours"),
    ],
)
def test_in_words_durations_are_readable(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
