"""The writer over connector ingest: what Oomnitza's own connector speaks (oomnitza.md, "Connector ingest"; observed).

One portion a stream, many records a request. Oomnitza matches people by the sync field and works through a portion by itself, so that a lot
which is sent twice does no harm, and the outcomes are only known from its run log, afterwards.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any
from uuid import uuid4

from destination_oomnitza.client import Client, Refusal, config_error
from destination_oomnitza.config import Config, IngestWriting
from destination_oomnitza.mapping import Row
from destination_oomnitza.plan import StreamPlan
from destination_oomnitza.protocol import StreamKey
from destination_oomnitza.report import Outcome, Report, Result

logger = logging.getLogger("airbyte")

BULK = "/api/v3/bulk"
RUN_LOGS = "/api/v3/connector_run_logs/connectors"
CANCELLATION_EVERY = 10
"""Lots of a portion after which it is asked whether an administrator cancelled it; also after the first."""
LOG_PATIENCE = 120.0
"""Seconds to wait for Oomnitza's run log after the end of a sync."""
_POLL_EVERY = 2.0
_MAX_ERRORS_KEPT = 1000
_ENDS = ("added", "updated", "skipped", "unchanged", "failed", "canceled")


class _Portion:
    """One run, as Oomnitza sees it: of one stream, and of people who may, or may not, be created."""

    def __init__(self, plan: StreamPlan, update_only: bool) -> None:
        self.id = str(uuid4())
        self.plan = plan
        self.update_only = update_only or not plan.create
        self.lots = 0
        self.records = 0
        self.errors: list[str] = []
        self.error_count = 0


class IngestWriter:
    """Sends lots to connector ingest, and reads Oomnitza's run log at the end."""

    def __init__(self, client: Client, config: Config, options: IngestWriting, report: Report) -> None:
        self._client = client
        self._config = config
        self._options = options
        self._report = report
        self._lock = threading.Lock()
        self._portions: dict[tuple[StreamKey, bool], _Portion] = {}

    def write(self, plan: StreamPlan, rows: list[Row], refusals: list[str]) -> list[Result | None]:
        """Send one lot. See pipeline.Writer. What becomes of the records, Oomnitza's run log tells."""
        results: list[Result | None] = [None] * len(rows)
        lots: dict[bool, list[Row]] = {}
        for index, row in enumerate(rows):
            if row.inactive and not plan.update:
                results[index] = Result(Outcome.SKIPPED)  # nobody is created for an inactive account
            else:
                lots.setdefault(row.inactive, []).append(row)
        for inactive, some in lots.items():
            # Nobody may be created for an inactive account: those go into a portion of their own.
            portion = self._portion(plan, inactive)
            self._send(portion, [self._record(portion, row) for row in some])
        for refusal in refusals:
            portion = self._portion(plan, False)
            with self._lock:
                portion.error_count += 1
                if len(portion.errors) < _MAX_ERRORS_KEPT:
                    portion.errors.append(refusal)
            self._send(portion, [{}], error=refusal)
        return results

    def seen(self, plan: StreamPlan, record: Mapping[str, Any]) -> None:
        """Do nothing: connector ingest deactivates nobody. See pipeline.Writer."""

    def finish(self, complete: set[StreamKey], refused: bool) -> None:
        """Close the portions, and take Oomnitza's counts into the report. See pipeline.Writer."""
        for portion in self._portions.values():
            self._client.edit("POST", f"{BULK}/{portion.id}/finalize", {})
        deadline = time.monotonic() + LOG_PATIENCE
        for portion in self._portions.values():
            self._take_run_log(portion, deadline)

    def close(self) -> None:
        """Let go of nothing: this writer has no threads of its own."""

    def _portion(self, plan: StreamPlan, inactive: bool) -> _Portion:
        with self._lock:
            key = (plan.stream.key, inactive)
            if key not in self._portions:
                self._portions[key] = _Portion(plan, update_only=inactive)
            return self._portions[key]

    def _record(self, portion: _Portion, row: Row) -> dict[str, Any]:
        """Return a row as ingest wants it: by internal ids, with the application where SaaS users are kept."""
        mapping = portion.plan.mapping
        fields = row.fields if portion.update_only else mapping.new_person(row)
        ids = {name: mapping.fields[name].internal_id for name in fields}
        record: dict[str, Any] = {
            str(ids[name]): str(value) if name == "role" else value
            for name, value in fields.items()
            if ids[name] is not None
        }
        if portion.plan.saas and self._config.saas is not None:
            saas = self._config.saas
            record["SAAS"] = {"sync_key": self._options.saas_sync_key, "name": saas.saas_name}
            if saas.saas_id is not None:
                record["SAAS"]["selected_saas_id"] = saas.saas_id
        return record

    def _send(self, portion: _Portion, records: list[dict[str, Any]], error: str | None = None) -> None:
        mapping = portion.plan.mapping
        connector: dict[str, Any] = {"connector_name": self._options.connector_name}
        if self._options.connector_id is not None:
            connector = {"connector_id": self._options.connector_id}
        body = {
            "connector_version": version("airbyte-destination-oomnitza"),
            "sync_field": [mapping.fields[key].internal_id for key in mapping.sync_keys],
            "records": records,
            "portion": portion.id,
            "data_type": "users",
            "insert_only": portion.plan.create and not portion.plan.update and not portion.update_only,
            "update_only": portion.update_only,
            "error": error,
            "test_run": self._config.test_run,
            "multi_str_input_value": None,
            **connector,
        }
        try:
            self._client.edit("POST", BULK, body)
        except Refusal as refusal:
            raise config_error(
                f"Oomnitza refused a lot of connector ingest: {refusal}. Check the write method's settings, or choose REST."
            ) from None
        with self._lock:
            portion.lots += 1
            portion.records += 0 if error else len(records)
            ask = portion.lots == 1 or portion.lots % CANCELLATION_EVERY == 0
        if ask:
            self._stop_if_cancelled(portion)

    def _stop_if_cancelled(self, portion: _Portion) -> None:
        try:
            told = self._client.get(f"{BULK}/{portion.id}").json
        except Refusal:
            return  # an instance that does not tell cannot cancel
        if isinstance(told, dict) and told.get("canceled"):
            raise config_error(
                "An administrator cancelled this run in Oomnitza, so the sync ended. "
                "What was acknowledged stays; the next sync does the rest."
            )

    def _take_run_log(self, portion: _Portion, deadline: float) -> None:
        title = portion.plan.stream.title
        while True:
            log = self._read_run_log(portion)
            counts = log.get("objects")
            objects: Mapping[str, Any] = counts if isinstance(counts, dict) else {}
            if sum(_number(objects, name) for name in _ENDS) >= portion.records + portion.error_count:
                break
            if time.monotonic() >= deadline or not self._client.pause(_POLL_EVERY):
                logger.warning(
                    f"Oomnitza has not yet worked through the run {portion.id} of {title} ({portion.records} records). "
                    "What became of the rest shows under Configuration > Integrations, in the run's log."
                )
                break
        for outcome in (Outcome.ADDED, Outcome.UPDATED, Outcome.UNCHANGED, Outcome.SKIPPED):
            self._report.count(title, outcome, _number(objects, outcome.value))
        self._report.count(title, Outcome.SKIPPED, _number(objects, "canceled"))
        self._take_failures(portion, log, _number(objects, "failed") - portion.error_count)

    def _take_failures(self, portion: _Portion, log: Mapping[str, Any], number: int) -> None:
        """Report what failed in Oomnitza; records that could not be mapped are reported already."""
        logs = log.get("logs")
        told = logs.get("failed") if isinstance(logs, dict) else None
        reasons = [str(each) for each in told or [] if not any(error in str(each) for error in portion.errors)]
        for place in range(max(0, number)):
            reason = reasons[place] if place < len(reasons) else "Oomnitza's run log does not tell the reason"
            self._report.refuse(portion.plan.stream.title, f"run {portion.id}", reason)

    def _read_run_log(self, portion: _Portion) -> Mapping[str, Any]:
        try:
            answer = self._client.get(f"{RUN_LOGS}/{portion.id}").json
        except Refusal:
            return {}
        return answer if isinstance(answer, dict) else {}


def _number(objects: Mapping[str, Any], name: str) -> int:
    number = objects.get(name)
    return number if isinstance(number, int) else 0
