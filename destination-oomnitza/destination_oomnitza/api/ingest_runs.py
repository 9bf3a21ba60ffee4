"""Runs of connector ingest: sends portions of records and reads the run logs.

The requests are those of Oomnitza's own connector (docs/oomnitza-api.md, "Connector ingest").
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from destination_oomnitza.api.client import Client
from destination_oomnitza.api.responses import RequestRejected
from destination_oomnitza.config.models import IngestWriting
from destination_oomnitza.errors import config_error

logger = logging.getLogger("airbyte")

BULK = "/api/v3/bulk"
RUN_LOGS = "/api/v3/connector_run_logs"
CANCELLATION_EVERY = 10
"""Number of requests of a run between two checks for a cancellation in Oomnitza; the first request is checked, too."""
LOG_SECONDS = 120.0
"""Seconds to wait for Oomnitza's run logs at the end of a sync."""
UNANSWERED_SECONDS = 20.0
"""Seconds to wait for run logs if Oomnitza rejects every request for one: the token may have no access to them."""
_LONGEST_WAIT = 15.0
_NEWEST_RUNS = 100
_MAX_ERRORS_KEPT = 1000
_ENDS = ("added", "updated", "skipped", "unchanged", "failed", "canceled")


@dataclass(frozen=True)
class RunLog:
    """Counts of one run, and the log lines of its failed records."""

    objects: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys((*_ENDS, "processing"), 0))
    failed: Sequence[str] = ()

    @property
    def ended(self) -> int:
        """Number of processed records; a record that was sent twice may count twice."""
        return sum(self.objects[name] for name in _ENDS)

    def without(self, reasons: Sequence[str], number: int) -> RunLog:
        """Return the log without the records that were sent as errors.

        Args:
            reasons: The reasons they were sent with; they are reported already.
            number: The number of these records.
        """
        failed = max(0, self.objects["failed"] - number)
        lines = [line for line in self.failed if not any(reason in line for reason in reasons)]
        return RunLog({**self.objects, "failed": failed}, lines)


@dataclass
class IngestRun:
    """One run: the records that Oomnitza matches by the same fields."""

    stream: str
    sync_field: Sequence[str | None]
    insert_only: bool
    update_only: bool
    id: str = field(default_factory=lambda: str(uuid4()))
    requests: int = 0
    records: int = 0
    errors: list[str] = field(default_factory=list)
    """Reasons of records that could not be mapped, at most the first thousand."""
    error_count: int = 0
    finalized: bool = False
    portion_id: int | None = None
    """Number of the run in Oomnitza, if its log cannot be read by `id`."""
    log: RunLog = field(default_factory=RunLog)
    """The log as last read."""

    def own_log(self) -> RunLog:
        """Return the log without the records that could not be mapped."""
        return self.log.without(self.errors, self.error_count)


class IngestRuns:
    """Sends records to runs and reads their logs. Thread-safe; raises as Client."""

    def __init__(
        self,
        client: Client,
        options: IngestWriting,
        test_run: bool,
        *,
        sleep: Callable[[float], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the client; `sleep` waits for seconds and `clock` returns them."""
        self._client = client
        self._connector_id = options.connector_id
        self._connector: dict[str, Any] = {"connector_name": options.connector_name}
        self._connector_of_logs = f"connector_{options.connector_name}"
        if options.connector_id is not None:
            self._connector = {"connector_id": options.connector_id}
            self._connector_of_logs = str(options.connector_id)
        self._test_run = test_run
        self._sleep = sleep
        self._clock = clock
        self._version = version("airbyte-destination-oomnitza")
        self._lock = threading.Lock()
        self._has_logs = False

    def send(self, run: IngestRun, records: Sequence[Mapping[str, Any]]) -> None:
        """Send records by their internal ids. Raises RequestRejected if they are rejected."""
        number = self._post(run, records, None)
        with self._lock:
            run.records += len(records)
        self._raise_if_cancelled(run, number)

    def send_error(self, run: IngestRun, reason: str) -> None:
        """Add a record that could not be mapped to Oomnitza's run log."""
        try:
            number = self._post(run, [{}], reason)
        except RequestRejected as rejected:
            logger.warning(f"The reason of a rejected record is missing in Oomnitza's run log: {rejected}.")
            return
        with self._lock:
            run.error_count += 1
            if len(run.errors) < _MAX_ERRORS_KEPT:
                run.errors.append(reason)
        self._raise_if_cancelled(run, number)

    def finalize(self, run: IngestRun) -> None:
        """End a run, so that Oomnitza processes it."""
        self._client.edit("POST", f"{BULK}/{run.id}/finalize", {})
        run.finalized = True

    def report_empty(self) -> None:
        """Report a run without records, if an integration in Oomnitza can show it."""
        if self._connector_id is None or self._test_run:
            return
        body = {"correlation_id": str(uuid4()), "is_empty_run": True, "multi_str_input_value": None}
        try:
            self._client.edit("POST", f"{BULK}/{self._connector_id}/add_ready_portion", body)
        except RequestRejected as rejected:
            logger.warning(f"Oomnitza rejected the report of a run without records: {rejected}.")

    def wait_for_logs(self, runs: Sequence[IngestRun]) -> None:
        """Read each run's log until it has all records, for at most LOG_SECONDS."""
        start = self._clock()
        for run in runs:
            self._wait_for_log(run, start)

    def _post(self, run: IngestRun, records: Sequence[Mapping[str, Any]], error: str | None) -> int:
        """Send one request; return the number of requests of the run so far."""
        body = {
            "connector_version": self._version,
            "sync_field": run.sync_field,
            "records": records,
            "portion": run.id,
            "data_type": "users",
            "insert_only": run.insert_only,
            "update_only": run.update_only,
            "error": error,
            "test_run": self._test_run,
            "multi_str_input_value": None,
            **self._connector,
        }
        self._client.edit("POST", BULK, body)
        with self._lock:
            run.requests += 1
            return run.requests

    def _raise_if_cancelled(self, run: IngestRun, number: int) -> None:
        if number != 1 and number % CANCELLATION_EVERY:
            return
        status = self._client.get_optional(f"{BULK}/{run.id}")  # None if the instance does not report it
        if isinstance(status, dict) and status.get("canceled"):
            raise config_error(
                "An administrator cancelled this run in Oomnitza, so the sync ended. "
                "Records acknowledged before that are in Oomnitza; the next sync sends the rest."
            )

    def _wait_for_log(self, run: IngestRun, start: float) -> None:
        wait = 0.05
        while True:
            run.log = self._read_log(run)
            if not run.log.objects["processing"] and run.log.ended >= run.records + run.error_count:
                return
            limit = LOG_SECONDS if self._has_logs else min(LOG_SECONDS, UNANSWERED_SECONDS)
            rest = start + limit - self._clock()
            if rest <= 0:
                logger.warning(
                    f"Oomnitza has not yet reported the outcome of all {run.records} records of {run.stream}. "
                    f"See the log of the run {run.id} under Configuration > Integrations."
                )
                return
            self._sleep(min(wait, rest))
            wait = min(2 * wait, _LONGEST_WAIT)

    def _read_log(self, run: IngestRun) -> RunLog:
        """Read the log of a run; its counts are 0 if Oomnitza returns none."""
        answer = self._client.get_optional(f"{RUN_LOGS}/connectors/{run.portion_id or run.id}")
        if not isinstance(answer, dict) and run.portion_id is None:
            run.portion_id = self._find_portion_id(run)
            if run.portion_id is not None:
                return self._read_log(run)
        if isinstance(answer, dict):
            self._has_logs = True
        answer = answer if isinstance(answer, dict) else {}
        objects, logs = answer.get("objects"), answer.get("logs")
        lines = logs.get("failed") if isinstance(logs, dict) else None
        return RunLog(
            {name: _number(objects, name) for name in (*_ENDS, "processing")},
            [str(line) for line in lines] if isinstance(lines, list) else [],
        )

    def _find_portion_id(self, run: IngestRun) -> int | None:
        """Return Oomnitza's number of a run, or None if the run is not listed yet."""
        path = (
            f"{RUN_LOGS}/{quote(self._connector_of_logs, safe='')}?limit={_NEWEST_RUNS}&skip=0&sortby=portion_id%20desc"
        )
        rows = self._client.get_optional(path)
        if isinstance(rows, list):
            self._has_logs = True
        found = [
            row["portion_id"]
            for row in (rows if isinstance(rows, list) else ())
            if isinstance(row, dict) and row.get("portion_correlation_id") == run.id and "portion_id" in row
        ]
        return found[0] if found else None


def _number(objects: Any, name: str) -> int:
    number = objects.get(name) if isinstance(objects, dict) else None
    return number if isinstance(number, int) else 0
