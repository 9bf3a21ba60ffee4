"""The end of a sync, for every thread and reason: a signal, an error of one thread, or the end of the work."""

from __future__ import annotations

import threading


class Cancellation:
    """Ends a sync for all of its threads, with the first error that one of them met."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._error: BaseException | None = None

    def cancel(self, error: BaseException) -> None:
        """End the sync with this error. A later error is a consequence of the first one, and changes nothing."""
        with self._lock:
            self._error = self._error or error
        self._cancelled.set()

    def raise_if_cancelled(self) -> None:
        """Raise the error that ended the sync, if it has ended."""
        if self._error is not None:
            raise self._error

    def sleep(self, seconds: float) -> None:
        """Wait, but no longer than the sync lasts. Raises as `raise_if_cancelled`."""
        self._cancelled.wait(seconds)
        self.raise_if_cancelled()
