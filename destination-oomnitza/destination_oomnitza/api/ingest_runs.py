"""Oomnitza's log of a run of connector ingest: what became of the records, in its own counts.

Source: oomnitza.md, "Connector ingest" (`GET /api/v3/connector_run_logs/connectors/<portion>`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from destination_oomnitza.api.client import Client

RUN_LOGS = "/api/v3/connector_run_logs/connectors"
_ENDS = ("added", "updated", "skipped", "unchanged", "failed", "canceled")


@dataclass(frozen=True)
class RunLog:
    """The counts of a run, and the lines of its failed records."""

    objects: Mapping[str, int]
    failed: Sequence[str]

    def ended(self, records: int) -> bool:
        """Say whether Oomnitza is through with this many records. (One that was sent twice may count twice.)"""
        return not self.objects["processing"] and sum(self.objects[name] for name in _ENDS) >= records

    def open(self, records: int) -> int:
        """Return of how many of this many records Oomnitza has not told yet what became of them."""
        return max(0, records - sum(self.objects[name] for name in _ENDS))

    def without(self, reasons: Sequence[str], number: int) -> RunLog:
        """Return the log without records that could not be mapped: they were sent with these reasons, and are reported already."""
        failed = max(0, self.objects["failed"] - number)
        lines = [line for line in self.failed if not any(reason in line for reason in reasons)]
        return RunLog({**self.objects, "failed": failed}, lines)


def read_run_log(client: Client, portion: str) -> RunLog:
    """Read the log of a run, as far as it is told."""
    told = client.get_optional(f"{RUN_LOGS}/{portion}")
    told = told if isinstance(told, dict) else {}
    objects, logs = told.get("objects"), told.get("logs")
    lines = logs.get("failed") if isinstance(logs, dict) else None
    return RunLog(
        {name: _number(objects, name) for name in (*_ENDS, "processing")},
        [str(line) for line in lines] if isinstance(lines, list) else [],
    )


def _number(objects: Any, name: str) -> int:
    number = objects.get(name) if isinstance(objects, dict) else None
    return number if isinstance(number, int) else 0
