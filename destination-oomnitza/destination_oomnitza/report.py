"""Report of a sync: counts by outcome, and reasons of unwritten records."""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any

from destination_oomnitza.masking import masked

logger = logging.getLogger("airbyte")

MAX_REJECTED = 50
"""Number of rejected records that are logged one by one; further ones are counted by reason."""
MAX_SKIPPED = 10
"""Number of skipped records of a stream that are logged for each reason."""
MAX_EXAMPLES = 10
_MAX_REASONS = 100
_MAX_IGNORED = 50
_MAX_VALUE = 200
_MAX_REASON = 500


class Outcome(Enum):
    """Outcome of one record, in Oomnitza's words."""

    ADDED = "added"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    FAILED = "failed"


class SkipReason(str, Enum):
    """Reason to skip a record, as the sync report names it."""

    FILTERED = "filtered"
    NO_SYNC_KEY = "no_sync_key"
    INACTIVE_UNKNOWN = "inactive_unknown"
    WRITE_MODE = "write_mode"
    SUPERSEDED = "superseded"


_BECAUSE = {
    SkipReason.FILTERED: "the record filter is not true for it",
    SkipReason.NO_SYNC_KEY: "it has no value for a sync key",
    SkipReason.INACTIVE_UNKNOWN: "its account is inactive, and its person is not in Oomnitza",
    SkipReason.WRITE_MODE: "the write mode does not write its person",
    SkipReason.SUPERSEDED: "a later record is of the same person",
}
SAAS_COUNTS = ("assigned", "activated", "deactivated", "roles_changed")
_OPEN = "open"


class Report:
    """Counts outcomes, and logs rejected and skipped records. Thread-safe.

    The number of logged records is bounded.
    """

    def __init__(self, streams: Iterable[str], test_run: bool = False) -> None:
        self.test_run = test_run
        self._lock = threading.Lock()
        self._counts: dict[str, Counter[str]] = {stream: Counter() for stream in streams}
        self._rejected = 0
        self._unnamed: Counter[str] = Counter()
        self._ignored: Counter[str] = Counter()
        self._examples: list[str] = []
        self._kept: Counter[tuple[str, str]] = Counter()
        self._kept_examples: dict[tuple[str, str], str] = {}

    def count(self, stream: str, outcome: Outcome, number: int = 1) -> None:
        """Count records of a stream."""
        with self._lock:
            self._counts[stream][outcome.value] += number

    def count_saas(self, stream: str, what: str, number: int = 1) -> None:
        """Count changes of SaaS users: one of SAAS_COUNTS."""
        with self._lock:
            self._counts[stream][what] += number

    def leave_open(self, stream: str, number: int) -> None:
        """Count records that were sent, but whose outcome Oomnitza has not reported yet."""
        with self._lock:
            self._counts[stream][_OPEN] += number

    def skip(self, stream: str, reason: SkipReason, name: Callable[[], str]) -> None:
        """Count a skipped record, and log it if it is among the first of its reason."""
        with self._lock:
            counts = self._counts[stream]
            counts[Outcome.SKIPPED.value] += 1
            counts[reason.value] += 1
            is_named = counts[reason.value] <= MAX_SKIPPED
        if is_named:
            logger.info(f"Skipped ({reason.value}): {stream}, {_short(masked(name()))}: {_BECAUSE[reason]}")

    def count_skipped(self, stream: str, reason: SkipReason, number: int) -> None:
        """Count skipped records that cannot be named."""
        with self._lock:
            self._counts[stream][Outcome.SKIPPED.value] += number
            self._counts[stream][reason.value] += number

    def reject(self, stream: str, key: str, reason: str) -> None:
        """Count a rejected record, and log its key and the reason."""
        reason = _short(masked(reason), _MAX_REASON)
        with self._lock:
            self._counts[stream][Outcome.FAILED.value] += 1
            self._rejected += 1
            is_named = self._rejected <= MAX_REJECTED
            if not is_named:
                known = reason in self._unnamed or len(self._unnamed) < _MAX_REASONS
                self._unnamed[reason if known else "other reasons"] += 1
        if is_named:
            logger.error(f"Rejected: {stream}, {_short(key)}: {reason}")

    def ignore(self, what: str, where: str = "") -> None:
        """Count input that is no record; the first of each kind is logged."""
        with self._lock:
            if what not in self._ignored and len(self._ignored) >= _MAX_IGNORED:
                what = "more input of other kinds"
            self._ignored[what] += 1
            first = self._ignored[what] == 1
        if first:
            logger.warning(f"Ignored: {what}{where}. More of the same are counted at the end.")

    def example(self, stream: str, key: str, what: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Keep an example of a change in a test run; the first ten are logged."""
        if not self.test_run:
            return
        with self._lock:
            if len(self._examples) < MAX_EXAMPLES:
                lines = [f"    {name}: {_short(before.get(name))} -> {_short(value)}" for name, value in after.items()]
                self._examples.append("\n".join([f"  {stream}, {key} would be {what}:", *lines]))

    def keep_otherwise(self, stream: str, key: str, name: str, sent: Any, kept: Any) -> None:
        """Note that Oomnitza stored another value than was sent.

        The first one of each field is logged as an example.
        """
        with self._lock:
            self._kept[stream, name] += 1
            if self._kept[stream, name] == 1:
                self._kept_examples[stream, name] = masked(f"{_short(key)}: sent {_short(sent)}, kept {_short(kept)}")

    def rejected(self) -> int:
        """Return the number of rejected records."""
        return self._rejected

    def all_rejected(self) -> bool:
        """Return whether there were records and all of them were rejected."""
        total: Counter[str] = sum(self._counts.values(), Counter())
        others = [_OPEN, *(outcome.value for outcome in Outcome if outcome is not Outcome.FAILED)]
        return total[Outcome.FAILED.value] > 0 and not any(total[each] for each in others)

    def as_dict(self) -> dict[str, Any]:
        """Return the counts in the form of the sync report."""
        return {
            stream: {
                **{outcome.value: counts[outcome.value] for outcome in Outcome},
                "skipped_because": {reason.value: counts[reason.value] for reason in SkipReason},
                "saas": {what: counts[what] for what in SAAS_COUNTS},
            }
            for stream, counts in self._counts.items()
        }

    def finish(self) -> None:
        """Log the totals, and the examples of a test run."""
        for reason, number in self._unnamed.most_common():
            logger.error(f"Rejected: {number} more: {reason}")
        for what, number in self._ignored.items():
            if number > 1:
                logger.warning(f"Ignored: {what}, {number} times.")
        for (stream, name), number in self._kept.items():
            logger.warning(
                f"Oomnitza stores another {name} than was sent, for {number} people of {stream}, for example "
                f"{self._kept_examples[stream, name]}. The field is written in every sync."
            )
        if self.test_run:
            done = (
                "Test run: nothing was written, so no state is acknowledged, and the next sync sends all records again."
            )
            logger.info("\n".join([done, *self._examples]))

    def message(self) -> dict[str, Any]:
        """Return the sync report as a LOG message.

        It is not masked: it has counts and no secret, and a mask could break its JSON.
        """
        return {"type": "LOG", "log": {"level": "INFO", "message": json.dumps({"sync_report": self.as_dict()})}}


def _short(value: Any, longest: int = _MAX_VALUE) -> str:
    text = "(empty)" if value is None or value == "" else str(value)
    text = text.encode(errors="replace").decode()  # half a surrogate pair cannot be encoded
    return text if len(text) <= longest else text[:longest] + "…"
