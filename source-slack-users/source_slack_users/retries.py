"""Limits the retries of a request by time."""

import time
from dataclasses import dataclass

_UNITS = ((3600, "hour"), (60, "minute"))

LONGEST_PAUSE = 30
"""Seconds between two attempts, unless Slack asks for more."""


@dataclass(frozen=True)
class RetryPolicy:
    """Holds the time limits of a request, in seconds.

    Attributes:
        faults: From the first fault to the last attempt.
        rate_limits: For all waits that Slack asks for.
        response: For one whole response.
        timeout: To connect, and between two parts of a response.
    """

    faults: float = 120
    rate_limits: float = 3600
    response: float = 180
    timeout: tuple[float, float] = (10, 60)


class RetryBudget:
    """Tracks the time that one request has spent on faults and rate limits."""

    def __init__(self, retry_policy: RetryPolicy) -> None:
        self._retry_policy = retry_policy
        self._attempts = 0
        self._limited = 0.0
        self._deadline: float | None = None

    def pause_after_fault(self, asked: float | None) -> float | None:
        """Return the seconds to wait; None if the time for faults is over.

        The last attempt is at the end of that time, not before it.
        """
        now = time.monotonic()
        if self._deadline is None:
            self._deadline = now + self._retry_policy.faults
        left = self._deadline - now
        return min(asked or self._backoff(), left) if left > 0 else None

    def pause_after_rate_limit(self, asked: float | None) -> float | None:
        """Return the seconds to wait; None if they exceed the time for rate limits."""
        pause = self._backoff() if asked is None else max(asked, 1)
        self._limited += pause
        if self._limited > self._retry_policy.rate_limits:
            return None
        if self._deadline is not None:
            self._deadline += pause  # a rate limit is not a fault
        return pause

    def _backoff(self) -> float:
        self._attempts += 1
        return min(2.0 ** (self._attempts - 1), LONGEST_PAUSE)


def in_words(seconds: float) -> str:
    """Format a duration: 1 hour, 3 minutes, 12 seconds."""
    whole = round(seconds)
    size, unit = next((each for each in _UNITS if whole >= each[0] and whole % each[0] == 0), (1, "second"))
    return f"{whole // size} {unit}{'' if whole == size else 's'}"
