"""Cancellation of a sync, for every thread and reason.

The reason may be a signal, an error in one thread, or any other failure of the sync.
"""

from __future__ import annotations

from concurrent.futures import Future, InvalidStateError, wait
from contextlib import suppress
from typing import NoReturn


class Cancellation:
    """Cancels a sync for all of its threads, with the first error of any thread."""

    def __init__(self) -> None:
        self.cancelled: Future[NoReturn] = Future()
        """Done when the sync is cancelled; code that waits for other futures waits for this one, too."""

    def cancel(self, error: BaseException) -> None:
        """Cancel the sync with this error; later errors, its consequences, are ignored."""
        with suppress(InvalidStateError):
            self.cancelled.set_exception(error)

    def raise_if_cancelled(self) -> None:
        """Raise the error that cancelled the sync, if any."""
        if self.cancelled.done():
            self.cancelled.result()

    def sleep(self, seconds: float) -> None:
        """Sleep until the time is up or the sync is cancelled.

        Raises as `raise_if_cancelled`.
        """
        wait([self.cancelled], seconds)
        self.raise_if_cancelled()
