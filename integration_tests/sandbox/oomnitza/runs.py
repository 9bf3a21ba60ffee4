"""Defines integrations and their runs: the batches and the outcomes of a portion."""

from __future__ import annotations

from dataclasses import dataclass, field

from integration_tests.sandbox.oomnitza.store import Row

OUTCOMES = ("added", "updated", "skipped", "unchanged", "failed", "canceled")
FATAL = "Fatal Error"


@dataclass
class Integration:
    """Describes an integration.

    `mapping` is what an administrator drew: `{internal id: {"type": ..., "value": ...}}`.

    `saas_sync_key` identifies the application instance; None accepts any, "" accepts none.
    """

    name: str
    mapping: dict[str, Row] = field(default_factory=dict)
    saas_sync_key: str | None = None


@dataclass
class Run:
    """Describes a run, with one portion.

    `objects` counts records by outcome, `logs` holds a line for each.

    `connector` is the displayed name, `sender` the integration's id, or "connector_" and the name that was sent.
    """

    portion: str
    connector: str
    sender: str
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
    """Records that a test run would have written."""

    def note(self, outcome: str, line: str) -> None:
        """Count one record."""
        self.objects[outcome] += 1
        self.logs[outcome].append(line)

    def note_fatal(self, error: str) -> None:
        """Log the error that ended the run."""
        self.logs.setdefault(FATAL, []).append(error)
