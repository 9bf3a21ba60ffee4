"""Limits the deactivations of one application, whatever their reason."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from destination_oomnitza.api.saas_application import SaasApplication
from destination_oomnitza.api.saas_user import Reasons
from destination_oomnitza.errors import config_error

AT_LEAST = 10
"""Number of people that a sync may always deactivate."""


class DeactivationLimit:
    """Deactivates users, up to a share of those active at the start. Thread-safe."""

    def __init__(self, application: SaasApplication, max_percent: float, test_run: bool = False) -> None:
        self._application = application
        self._test_run = test_run
        self._max_percent = max_percent
        self._lock = threading.Lock()
        self._deactivated = 0
        self._beyond = 0
        self._missing_beyond = 0

    @property
    def is_exceeded(self) -> bool:
        """Whether the limit kept a user active."""
        return self._beyond + self._missing_beyond > 0

    def deactivate(self, user_ids: Sequence[str]) -> tuple[Sequence[str], Reasons]:
        """Deactivate users up to the limit.

        Returns:
            The users within the limit, and those of them that Oomnitza rejected.
        """
        with self._lock:
            within = user_ids[: self._left()]
            self._deactivated += len(within)
            self._beyond += len(user_ids) - len(within)
        return within, self._switch(within)

    def deactivate_missing(self, user_ids: Sequence[str]) -> tuple[Sequence[str], Reasons]:
        """Deactivate all missing users, or none if they exceed the limit.

        Returns:
            As `deactivate`.
        """
        with self._lock:
            if len(user_ids) > self._left():
                self._missing_beyond += len(user_ids)
                return [], {}
            self._deactivated += len(user_ids)
        return user_ids, self._switch(user_ids)

    def _left(self) -> int:
        return max(0, self._limit() - self._deactivated)

    def _limit(self) -> int:
        return max(AT_LEAST, int(self._max_percent * self._application.active_at_start / 100))

    def _switch(self, user_ids: Sequence[str]) -> Reasons:
        rejected = self._application.switch(user_ids, active=False)
        with self._lock:
            self._deactivated -= len(rejected)
        return rejected

    def raise_if_exceeded(self) -> None:
        """Raise AirbyteTracedException (config_error) if the limit was exceeded."""
        if not self.is_exceeded:
            return
        parts = [
            f"{number} {what}"
            for number, what in ((self._beyond, "inactive accounts"), (self._missing_beyond, "missing from the source"))
            if number
        ]
        advice = (
            "If they really left, raise it for one sync; if not, correct Account is inactive when (inactive_when), or check what the "
            "source reads."
        )
        if not self._application.reports_activity:
            advice = (
                "This Oomnitza does not report who is inactive, so people who left earlier count again: unassign them in Oomnitza, "
                "or leave the setting raised."
            )
        done, left = ("would be", "would not") if self._test_run else ("were", "were not")
        raise config_error(
            f"{self._deactivated} of the {self._application.active_at_start} active SaaS users of {self._application.name} {done} "
            f"deactivated, and {' and '.join(parts)} {left}: at most {self._limit()} may be, by Deactivation limit (percent) "
            f"(write_method.max_deactivated_percent), which is {self._max_percent:g} percent, and at least {AT_LEAST} people. {advice}"
        )
