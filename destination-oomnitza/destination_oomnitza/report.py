"""What became of the records: counts, refused records with their reasons, and the report at the end of a sync."""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from collections.abc import Iterable
from enum import Enum
from typing import Any

from destination_oomnitza.masking import masked

logger = logging.getLogger("airbyte")

MAX_TOLD = 50
"""Rejected records that are logged in full; the others are counted by their reason."""
MAX_EXAMPLES = 10
_MAX_REASONS = 100
_MAX_COMPLAINTS = 50
_MAX_VALUE = 200
_MAX_REASON = 500


class Outcome(Enum):
    """What became of one record, in Oomnitza's words."""

    ADDED = "added"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    FAILED = "failed"


_OPEN = "open"
SAAS_COUNTS = ("assigned", "activated", "deactivated", "roles_changed")


class Report:
    """Counts by stream, from any thread; logs refused records, at most the first 50 of them in full."""

    def __init__(self, streams: Iterable[str], test_run: bool = False) -> None:
        self._test_run = test_run
        self._lock = threading.Lock()
        self._counts: dict[str, Counter[str]] = {stream: Counter() for stream in streams}
        self._told = 0
        self._untold: Counter[str] = Counter()
        self._complaints: Counter[str] = Counter()
        self._examples: list[str] = []

    def count(self, stream: str, outcome: Outcome, number: int = 1) -> None:
        """Count records of a stream."""
        with self._lock:
            self._counts[stream][outcome.value] += number

    def count_saas(self, stream: str, what: str, number: int = 1) -> None:
        """Count what was done to SaaS users: one of SAAS_COUNTS."""
        with self._lock:
            self._counts[stream][what] += number

    def leave_open(self, stream: str, number: int) -> None:
        """Note records that were handed over, and of which Oomnitza has not told what became of them."""
        with self._lock:
            self._counts[stream][_OPEN] += number

    def refuse(self, stream: str, key: str, reason: str) -> None:
        """Count a refused record, and log its key and the reason."""
        reason = _short(masked(reason), _MAX_REASON)
        with self._lock:
            self._counts[stream][Outcome.FAILED.value] += 1
            self._told += 1
            told = self._told <= MAX_TOLD
            if not told:
                known = reason in self._untold or len(self._untold) < _MAX_REASONS
                self._untold[reason if known else "other reasons"] += 1
        if told:
            logger.error(f"Refused: {stream}, {_short(key)}: {reason}")

    def complain(self, what: str) -> None:
        """Note input that is no record: told when it first comes, and counted."""
        with self._lock:
            if what not in self._complaints and len(self._complaints) >= _MAX_COMPLAINTS:
                what = "more input of other kinds"
            self._complaints[what] += 1
            first = self._complaints[what] == 1
        if first:
            logger.warning(f"Ignored: {what}. More of the same are counted, and told at the end.")

    def example(self, stream: str, key: str, what: str, before: dict[str, Any], after: dict[str, Any]) -> None:
        """Keep an example of what a test run would change, field by field; the first ten are shown."""
        with self._lock:
            if len(self._examples) < MAX_EXAMPLES:
                lines = [f"    {name}: {_short(before.get(name))} -> {_short(value)}" for name, value in after.items()]
                self._examples.append("\n".join([f"  {stream}, {key} would be {what}:", *lines]))

    def failed(self) -> int:
        """Return how many records were refused."""
        return sum(counts[Outcome.FAILED.value] for counts in self._counts.values())

    def everything_failed(self) -> bool:
        """Say whether there were records, and every one of them was refused."""
        total: Counter[str] = sum(self._counts.values(), Counter())
        others = [_OPEN, *(outcome.value for outcome in Outcome if outcome is not Outcome.FAILED)]
        return total[Outcome.FAILED.value] > 0 and not any(total[each] for each in others)

    def as_dict(self) -> dict[str, Any]:
        """Return the counts as the sync report has them."""
        return {
            stream: {
                **{outcome.value: counts[outcome.value] for outcome in Outcome},
                "saas": {what: counts[what] for what in SAAS_COUNTS},
            }
            for stream, counts in self._counts.items()
        }

    def finish(self) -> None:
        """Log what was only counted, the examples of a test run, and the sync report as one line of JSON."""
        for reason, number in self._untold.most_common():
            logger.error(f"Refused: {number} more: {reason}")
        for what, number in self._complaints.items():
            if number > 1:
                logger.warning(f"Ignored: {what}, {number} times.")
        if self._test_run:
            logger.info(
                "Test run: nothing was written, so no state is acknowledged, and the next sync brings all of it again.\n"
                + "\n".join(self._examples)
            )
        logger.info(json.dumps({"sync_report": self.as_dict()}))


def _short(value: Any, longest: int = _MAX_VALUE) -> str:
    text = "(empty)" if value is None or value == "" else str(value)
    text = text.encode(errors="replace").decode()  # half a surrogate pair is no text, and cannot be logged
    return text if len(text) <= longest else text[:longest] + "…"
