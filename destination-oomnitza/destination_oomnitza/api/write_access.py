"""Write access: detects a role that may not write anything."""

from __future__ import annotations

import threading

from destination_oomnitza.errors import config_error


class WriteAccess:
    """Counts the writes that Oomnitza answered with HTTP 403. Thread-safe.

    One such response concerns its record only. If every write is answered like that, the role may not write at all.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forbidden = 0
        self._others = 0

    def note(self, forbidden: bool) -> None:
        """Count one write."""
        with self._lock:
            self._forbidden += forbidden
            self._others += not forbidden

    def raise_if_none(self) -> None:
        """Raise AirbyteTracedException (config_error) if every write was forbidden."""
        if self._forbidden and not self._others:
            raise config_error(
                f"The role of the token's user may not write in Oomnitza: each of {self._forbidden} writes was answered with HTTP 403. "
                "Give the role write access to People (and Software > SaaS, if you sync SaaS users) under Configuration > Security > Roles."
            )
