"""The end of a sync, for every thread and reason: a signal, an error of one thread, or a sync that failed otherwise."""

from __future__ import annotations

from concurrent.futures import Future, InvalidStateError, wait
from contextlib import suppress
from typing import NoReturn


class Cancellation:
    """Ends a sync for all of its threads, with the first error that one of them met."""

    def __init__(self) -> None:
        self.cancelled: Future[NoReturn] = Future()
        """Is done when the sync has ended: who waits for other futures waits for this one, too."""

    def cancel(self, error: BaseException) -> None:
        """End the sync with this error. A later error is a consequence of the first one, and changes nothing."""
        with suppress(InvalidStateError):
            self.cancelled.set_exception(error)

    def raise_if_cancelled(self) -> None:
        """Raise the error that ended the sync, if it has ended."""
        if self.cancelled.done():
            self.cancelled.result()

    def sleep(self, seconds: float) -> None:
        """Wait, but no longer than the sync lasts. Raises as `raise_if_cancelled`."""
        wait([self.cancelled], seconds)
        self.raise_if_cancelled()
