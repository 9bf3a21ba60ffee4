"""How long a request is retried: two minutes from its first fault, an hour for rate limits, three minutes for an answer."""

import time
from dataclasses import dataclass

_UNITS = ((3600, "hour"), (60, "minute"))

LONGEST_PAUSE = 30
"""Seconds between two tries, unless Slack asks for more."""


@dataclass(frozen=True)
class RetryPolicy:
    """How long to wait for Slack, in seconds.

    `faults` from the first fault of a request; `rate_limits` in all where Slack asks to wait; `answer` for one whole
    answer; `timeout` to connect, and between two pieces of an answer.
    """

    faults: float = 120
    rate_limits: float = 3600
    response: float = 180
    timeout: tuple[float, float] = (10, 60)


class RetryBudget:
    """Counts the time that one request has taken for its faults and rate limits."""

    def __init__(self, retry_policy: RetryPolicy) -> None:
        self._retry_policy = retry_policy
        self._tries = 0
        self._limited = 0.0
        self._deadline: float | None = None

    def pause_after_fault(self, asked: float | None) -> float | None:
        """Return how many seconds to wait before the next try; None if the time for faults is over.

        The last try is at the very end of that time, never before it.
        """
        now = time.monotonic()
        if self._deadline is None:
            self._deadline = now + self._retry_policy.faults
        left = self._deadline - now
        return min(self._backoff() if asked is None else asked, left) if left > 0 else None

    def pause_after_rate_limit(self, asked: float | None) -> float | None:
        """Return how many seconds to wait before the next try; None if that exceeds the time for rate limits."""
        pause = self._backoff() if asked is None else max(asked, 1)
        self._limited += pause
        if self._limited > self._retry_policy.rate_limits:
            return None
        if self._deadline is not None:
            self._deadline += pause  # this wait is no fault
        return pause

    def _backoff(self) -> float:
        self._tries += 1
        return min(2.0 ** (self._tries - 1), LONGEST_PAUSE)


def in_words(seconds: float) -> str:
    """Write a duration: 1 hour, 3 minutes, 12 seconds."""
    whole = round(seconds)
    size, unit = next((each for each in _UNITS if whole >= each[0] and whole % each[0] == 0), (1, "second"))
    return f"{whole // size} {unit}{'' if whole == size else 's'}"
