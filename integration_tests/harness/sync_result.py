"""Holds the result of a sync, run by a process, this process, or PyAirbyte."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from integration_tests.harness.source_process import Output

_REJECTED = re.compile(r"Rejected: [^,:]+, (.+?): (.+)")


@dataclass
class SyncResult(Output):
    """Holds the messages of a write, and its exit status."""

    requests: Mapping[str, int] = field(default_factory=dict)
    """Requests by service, if they were counted."""

    @property
    def error(self) -> str:
        """Message of the error that ended the sync; "" if it succeeded."""
        return self.failure()[1] if self.status else ""

    @property
    def failure_type(self) -> str:
        """Failure type of the error that ended the sync; "" if it succeeded."""
        return self.failure()[0] if self.status else ""

    def failure(self) -> tuple[str, str]:
        """Failure type and message of the one TRACE ERROR of a failed sync."""
        assert self.status == 1, self.text
        (error,) = self.errors()
        return error["failure_type"], error["message"]

    def acknowledged(self) -> list[Any]:
        """States of all streams, in the order in which they were sent."""
        return [state["stream"]["stream_state"] for state in self.of("STATE")]

    def report(self) -> dict[str, Any]:
        """Sync report by stream; there is exactly one."""
        (line,) = [line for line in self.log_lines() if '"sync_report"' in line]
        report: dict[str, Any] = json.loads(line)["sync_report"]
        return report

    def counts(self, stream: str = "users") -> dict[str, int]:
        """Return the counts of a stream's outcomes, without zeros."""
        return {name: number for name, number in self.report()[stream].items() if isinstance(number, int) and number}

    def skipped(self, stream: str = "users") -> dict[str, int]:
        """Return the counts of a stream's skipped records by reason, without zeros."""
        return {reason: number for reason, number in self.report()[stream]["skipped_because"].items() if number}

    def saas(self, stream: str = "users") -> dict[str, int]:
        """Return the counts of a stream's changes to SaaS users, without zeros."""
        return {name: number for name, number in self.report()[stream]["saas"].items() if number}

    def rejected(self) -> list[tuple[str, str]]:
        """Return the rejected records that the log names: key, and reason."""
        found = [_REJECTED.match(line) for line in self.log_lines("ERROR")]
        return [(each[1], each[2]) for each in found if each]

    def log_lines(self, level: str | None = None) -> list[str]:
        """Return the log messages, all or those of one level."""
        return [log["message"] for log in self.of("LOG") if level in (None, log["level"])]

    def logs(self, level: str | None = None) -> str:
        """Log messages as one text."""
        return "\n".join(self.log_lines(level))
