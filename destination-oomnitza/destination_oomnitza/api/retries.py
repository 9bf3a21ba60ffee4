"""Retries: time-outs, waits between attempts, and when a request is given up."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry


def _waits(*, factor: float, longest: float, longest_asked_for: int) -> Retry:
    """Return urllib3's rules: waits in seconds, doubled up to `longest`.

    A Retry-After header takes precedence. The number of attempts has no limit here: under a rate limit an unlucky request may
    need many short waits.
    """
    return Retry(
        total=None,
        allowed_methods=None,
        backoff_factor=factor,
        backoff_max=longest,
        backoff_jitter=factor / 2,
        retry_after_max=longest_asked_for,
    )


@dataclass(frozen=True)
class RetryPolicy:
    """Time-outs and waits of a request, in seconds."""

    connect: float = 10
    silence: float = 60
    """Seconds between two pieces of a response."""
    answer: float = 180
    """Seconds from a request to the end of its response."""
    faults: float = 180
    """Seconds from the first failure of a request until it is given up."""
    waits: Retry = field(default_factory=lambda: _waits(factor=0.5, longest=60, longest_asked_for=600))

    @classmethod
    def of_a_check(cls) -> RetryPolicy:
        """Return the short time-outs of a check, which a person waits for."""
        return cls(connect=4, silence=6, answer=8, faults=6, waits=_waits(factor=0.25, longest=1, longest_asked_for=2))


class RetryState:
    """Attempts of one request."""

    def __init__(self, retry_policy: RetryPolicy) -> None:
        self._retry_policy = retry_policy
        self._waits = retry_policy.waits
        self._first_fault: float | None = None

    def wait_after(self, retry_after: str | None) -> float | None:
        """Return the seconds to wait after a failure; None to give up.

        `retry_after` is the header of the response, if there is one.
        """
        now = time.monotonic()
        if self._first_fault is None:
            self._first_fault = now
        if now - self._first_fault >= self._retry_policy.faults:
            return None
        self._waits = self._waits.increment()  # without the failure, which would stay in its history
        return self._asked_for(retry_after) or self._waits.get_backoff_time()

    def _asked_for(self, retry_after: str | None) -> float:
        try:
            return self._waits.parse_retry_after(retry_after) if retry_after else 0
        except (InvalidHeader, ValueError, OverflowError):  # neither seconds nor a date
            return 0
