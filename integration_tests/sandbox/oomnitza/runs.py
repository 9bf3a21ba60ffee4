"""A run of ingest: what one portion brought, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from integration_tests.sandbox.oomnitza.store import Row

OUTCOMES = ("added", "updated", "skipped", "unchanged", "failed", "canceled")


@dataclass
class Run:
    """One portion. `objects` counts records by outcome, `logs` holds a line for each."""

    portion: str
    connector: str
    mode: str
    test_run: bool
    started: int
    ended: int = 0
    finalized: bool = False
    canceled: bool = False
    polls: int = 0
    batches: int = 0
    objects: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    logs: dict[str, list[str]] = field(default_factory=lambda: {outcome: [] for outcome in OUTCOMES})
    payload: list[Row] = field(default_factory=list)
    """What a test run would have written."""

    def note(self, outcome: str, line: str) -> None:
        """Count one record."""
        self.objects[outcome] += 1
        self.logs[outcome].append(line)
