"""Tests of retries: waits between attempts, and giving up."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from destination_oomnitza.api.retries import RetryPolicy, RetryState


class Clock:
    """Request that fails again and again, with a simulated clock."""

    def __init__(self, retry_policy: RetryPolicy) -> None:
        self.now = 1000.0
        self._tries = RetryState(retry_policy)

    def waits(self, retry_after: str | None = None, answer_takes: float = 0, most: int = 1000) -> list[float]:
        """Return the waits until the request is given up."""
        waits: list[float] = []
        with patch("destination_oomnitza.api.retries.time.monotonic", lambda: self.now):
            while (seconds := self._tries.wait_after(retry_after)) is not None and len(waits) < most:
                waits.append(seconds)
                self.now += seconds + answer_takes
        return waits


def test_waits_double_up_to_a_minute_for_three_minutes() -> None:
    waits = Clock(RetryPolicy()).waits()
    assert waits[0] == 0
    assert all(2 ** (n - 1) <= wait < 2 ** (n - 1) + 0.5 or wait == 60 for n, wait in enumerate(waits) if n)
    assert 180 <= sum(waits) < 300


def test_waits_short_retry_after_may_be_many() -> None:
    assert Clock(RetryPolicy()).waits("1") == [1] * 180


def test_waits_time_of_answers_counts() -> None:
    assert len(Clock(RetryPolicy()).waits(answer_takes=60)) == 3


def test_waits_long_retry_after_has_a_limit() -> None:
    assert Clock(RetryPolicy()).waits("100000") == [600]


@pytest.mark.parametrize(
    "header", ["0", "", None, "soon", "-5", "1e9999", "9" * 5000 + "x", "Tue, 99 Foo 2020 10:00:00"]
)
def test_waits_unreadable_retry_after_is_ignored(header: str | None) -> None:
    waits = Clock(RetryPolicy()).waits(header, most=5)
    assert waits[0] == 0
    assert waits[3] >= 4


def test_waits_of_a_check_take_seconds() -> None:
    retry_policy = RetryPolicy.of_a_check()
    assert sum(Clock(retry_policy).waits()) < 12
    assert sum(Clock(retry_policy).waits("3600")) < 12
    assert retry_policy.connect + retry_policy.faults < 20
