"""Collects the connectors' logs during a sync."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, TextIO

LEVELS = ("FATAL", "ERROR", "WARN")
REPORT = '{"sync_report": '


@dataclass
class Listener:
    """Shows important lines on `screen`, and writes all lines to `file`.

    Important are the destination's lines, and the source's warnings. `report` is the sync report by stream; `errors`
    are the sentences of connectors that failed.
    """

    screen: TextIO
    file: TextIO | None = None
    report: dict[str, Any] | None = None
    errors: list[str] = field(default_factory=list)
    checking: bool = True
    """Whether to show only warnings: the sync logs the mapping again, and exactly."""

    def log(self, connector: str, level: str, text: str) -> None:
        """Record a log line of a connector."""
        self._write(connector, level, text)
        before, found, rest = text.partition(REPORT)
        if found and not before.strip():
            self.report = json.loads(REPORT + rest)["sync_report"]
        elif level in LEVELS or (connector.startswith("destination-") and level == "INFO" and not self.checking):
            self.screen.write(f"{text}\n")
            self.screen.flush()

    def error(self, connector: str, text: str) -> None:
        """Record the sentence of a connector's failure."""
        self._write(connector, "ERROR", text)
        if text not in self.errors:
            self.errors.append(text)

    def _write(self, connector: str, level: str, text: str) -> None:
        if self.file is not None:
            now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
            self.file.write(f"{now} {connector} {level} {text}\n")
            self.file.flush()
