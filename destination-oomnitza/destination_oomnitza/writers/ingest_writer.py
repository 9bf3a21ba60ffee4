"""The writer over connector ingest: what Oomnitza's own connector speaks (oomnitza.md, "Connector ingest"; observed).

One portion a stream, many records a request. Oomnitza matches people by the sync field and works through a portion by itself, so that a
batch which is sent twice does no harm, and the outcomes are only known from its run log, afterwards.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any
from uuid import uuid4

from destination_oomnitza.api.bisection import bisect
from destination_oomnitza.api.client import Client
from destination_oomnitza.api.ingest_runs import RunLog, read_run_log
from destination_oomnitza.api.responses import RequestRejected
from destination_oomnitza.config.models import Config, IngestWriting
from destination_oomnitza.errors import config_error
from destination_oomnitza.mapping.record_mapping import MappedRecord
from destination_oomnitza.normalize import is_empty
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.protocol.catalog import StreamKey
from destination_oomnitza.report import Outcome, Report, SkipReason
from destination_oomnitza.writers.base import Batch, RecordWrite, StreamEnd
from destination_oomnitza.writers.known_people import KnownPeople

logger = logging.getLogger("airbyte")

BULK = "/api/v3/bulk"
CANCELLATION_EVERY = 10
"""Batches of a portion after which it is asked whether an administrator cancelled it; also after the first."""
LOG_PATIENCE = 120.0
"""Seconds to wait for Oomnitza's run logs after the end of a sync."""
_LONGEST_WAIT = 15.0
_MAX_ERRORS_KEPT = 1000


@dataclass
class Portion:
    """One run, as Oomnitza sees it: of one stream, and of people who may, or may not, be created."""

    plan: StreamPlan
    inactive: bool
    """Whether it holds inactive accounts, for which nobody may be created."""
    id: str = field(default_factory=lambda: str(uuid4()))
    batches: int = 0
    records: int = 0
    errors: list[str] = field(default_factory=list)
    """The reasons of records that could not be mapped, at most the first thousand."""
    error_count: int = 0
    concluded: bool = False

    @property
    def update_only(self) -> bool:
        """Whether its records may create nobody."""
        return self.inactive or not self.plan.creates


@dataclass(frozen=True, slots=True)
class _Sent:
    """A record as ingest takes it."""

    write: RecordWrite
    body: dict[str, Any]


class IngestWriter:
    """Sends batches to connector ingest, and reads Oomnitza's run log at the end. `sleep` waits for seconds, and `clock` counts them."""

    def __init__(
        self,
        client: Client,
        config: Config,
        options: IngestWriting,
        report: Report,
        *,
        sleep: Callable[[float], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._config = config
        self._options = options
        self._report = report
        self._sleep = sleep
        self._clock = clock
        self._version = version("airbyte-destination-oomnitza")
        self._lock = threading.Lock()
        self._portions: dict[tuple[StreamKey, bool], Portion] = {}
        self._known: dict[tuple[str, ...], KnownPeople] = {}

    def write(self, batch: Batch) -> None:
        """Send one batch. See Writer. What becomes of the records, Oomnitza's run log reports."""
        plan = batch.plan
        portions: dict[bool, list[_Sent]] = {}
        for write in batch.records:
            record = write.record
            if all(key is None for key in record.keys):
                write.skip(SkipReason.NO_SYNC_KEY)
                continue
            if record.inactive and plan.existing == "skip":  # who is there is left alone, and nobody is created for it
                write.skip(SkipReason.WRITE_MODE)
                continue
            try:
                portions.setdefault(record.inactive, []).append(_Sent(write, self._record(plan, record)))
            except ValueError as error:
                write.fail(str(error))
        for inactive, sent in portions.items():
            # Nobody may be created for an inactive account: those go into a portion of their own.
            for each, reason in self._send_batch(self._portion(plan, inactive), sent):
                each.write.fail(f"Oomnitza refused it: {reason}")
        for rejected in batch.rejected:
            self._send_error(self._portion(plan, False), f"{rejected.key}: {rejected.reason}")

    @property
    def holds_states(self) -> bool:
        """False: Oomnitza reports outcomes after the states have left. See Writer."""
        return False

    def finish(self, end: StreamEnd) -> None:
        """Finalize the portions that were read whole, and take Oomnitza's counts into the report. See Writer."""
        whole = [each for each in self._portions.values() if each.batches and each.plan.stream.key not in end.broken]
        for portion in self._portions.values():
            if portion not in whole:
                self._report.leave_open(portion.plan.stream.title, portion.records)
        for portion in whole:
            self._client.edit("POST", f"{BULK}/{portion.id}/finalize", {})
            portion.concluded = True
        deadline = self._clock() + LOG_PATIENCE
        canceled = 0
        for portion in whole:
            log = self._wait_for_log(portion, deadline)
            own = log.without(portion.errors, portion.error_count)
            self._count(portion, own)
            self._report.leave_open(portion.plan.stream.title, own.open(portion.records))
            canceled += log.objects["canceled"]
        if canceled:
            raise config_error(
                f"An administrator cancelled this run in Oomnitza, which left {canceled} records unwritten after they were "
                "acknowledged. To bring them again, refresh the stream."
            )

    def close(self) -> None:
        """Say which runs stay open. See Writer."""
        for portion in self._portions.values():
            if portion.batches and not portion.concluded:
                logger.warning(
                    f"The run {portion.id} of {portion.plan.stream.title} was not finalized: {portion.records} records were sent. "
                    "What became of them shows under Configuration > Integrations, in the run's log."
                )

    def _portion(self, plan: StreamPlan, inactive: bool) -> Portion:
        with self._lock:
            key = (plan.stream.key, inactive)
            if key not in self._portions:
                self._portions[key] = Portion(plan, inactive)
                who = ", inactive accounts" if inactive else ""
                logger.info(f"Connector ingest: the run of {plan.stream.title}{who} is {self._portions[key].id}.")
            return self._portions[key]

    # -- one record ----------------------------------------------------------------------------------------------------

    def _record(self, plan: StreamPlan, row: MappedRecord) -> dict[str, Any]:
        """Return a row as ingest wants it: by internal ids, with the application where SaaS users are kept.

        Raises ValueError for a field whose internal id is not known.
        """
        record: dict[str, Any] = {}
        for name, value in self._fields(plan, row).items():
            rule = plan.mapping.rules.get(name)
            internal_id = (rule.field if rule is not None else plan.mapping.fields[name]).internal_id
            if not internal_id:
                raise ValueError(
                    f"{name}: Oomnitza does not tell its internal id, by which connector ingest names fields"
                )
            record[internal_id] = str(value) if name == "role" else value
        if plan.saas is not None and not row.inactive:
            application = plan.saas.application
            record["SAAS"] = {"sync_key": self._options.saas_sync_key, "name": application.saas_name}
            if application.saas_id is not None:
                record["SAAS"]["selected_saas_id"] = application.saas_id
        return record

    def _fields(self, plan: StreamPlan, row: MappedRecord) -> dict[str, Any]:
        """Return a row's fields, with the defaults of new people where the person may be new.

        Ingest does not tell new people from known ones, and would give a known one the role of new people. So who is known is read
        first, unless the mode leaves known people alone.
        """
        if row.inactive or not plan.creates:
            return row.fields
        if plan.existing == "skip":
            return plan.mapping.new_person(row)
        defaults = {name: value for name, value in plan.mapping.defaults.items() if is_empty(row.fields.get(name))}
        if not defaults or self._known_people(plan).has(row.keys):
            return row.fields
        return {**row.fields, **defaults}

    def _known_people(self, plan: StreamPlan) -> KnownPeople:
        with self._lock:
            keys = plan.mapping.sync_keys
            return self._known.setdefault(keys, KnownPeople(self._client, keys))

    # -- one request ---------------------------------------------------------------------------------------------------

    def _send_batch(self, portion: Portion, sent: Sequence[_Sent]) -> list[tuple[_Sent, str]]:
        def call(some: Sequence[_Sent]) -> None:
            self._send(portion, [each.body for each in some])

        refused = bisect(sent, call)
        if len(refused) == len(sent) > 1 and not portion.batches:
            # Nothing of this run was ever taken: it is not about the records.
            raise config_error(
                f"Oomnitza takes nothing by connector ingest: {refused[0][1]}. "
                "Check the write method's settings (connector name or integration id), or choose REST."
            )
        return refused

    def _send_error(self, portion: Portion, reason: str) -> None:
        """Send a record that could not be mapped, so that it shows in Oomnitza's run log."""
        try:
            self._send(portion, [{}], error=reason)
        except RequestRejected as refusal:
            logger.warning(f"Oomnitza did not take the reason of a refused record into its run log: {refusal}.")
            return
        with self._lock:
            portion.error_count += 1
            if len(portion.errors) < _MAX_ERRORS_KEPT:
                portion.errors.append(reason)

    def _send(self, portion: Portion, records: list[dict[str, Any]], error: str | None = None) -> None:
        plan = portion.plan
        connector: dict[str, Any] = {"connector_name": self._options.connector_name}
        if self._options.connector_id is not None:
            connector = {"connector_id": self._options.connector_id}
        body = {
            "connector_version": self._version,
            "sync_field": [plan.mapping.rules[key].field.internal_id for key in plan.mapping.sync_keys],
            "records": records,
            "portion": portion.id,
            "data_type": "users",
            "insert_only": plan.creates and plan.existing == "skip",
            "update_only": portion.update_only,
            "error": error,
            "test_run": self._config.test_run,
            "multi_str_input_value": None,
            **connector,
        }
        self._client.edit("POST", BULK, body)
        with self._lock:
            portion.batches += 1
            portion.records += 0 if error is not None else len(records)
            ask = portion.batches == 1 or portion.batches % CANCELLATION_EVERY == 0
        if ask:
            self._stop_if_cancelled(portion)

    def _stop_if_cancelled(self, portion: Portion) -> None:
        told = self._client.get_optional(f"{BULK}/{portion.id}")  # an instance that does not tell cannot cancel
        if isinstance(told, dict) and told.get("canceled"):
            raise config_error(
                "An administrator cancelled this run in Oomnitza, so the sync ended. "
                "What was acknowledged stays; the next sync brings the rest."
            )

    # -- the run log ---------------------------------------------------------------------------------------------------

    def _count(self, portion: Portion, log: RunLog) -> None:
        """Take a run's counts into the report, and the reasons of what failed."""
        stream = portion.plan.stream.title
        for outcome in (Outcome.ADDED, Outcome.UPDATED, Outcome.UNCHANGED):
            self._report.count(stream, outcome, log.objects[outcome.value])
        reason = SkipReason.INACTIVE_UNKNOWN if portion.inactive else SkipReason.WRITE_MODE
        self._report.count_skipped(stream, reason, log.objects["skipped"])
        reasons = [*log.failed[: log.objects["failed"]]]
        reasons += ["Oomnitza's run log does not tell the reason"] * (log.objects["failed"] - len(reasons))
        reasons += ["the run was cancelled in Oomnitza"] * log.objects["canceled"]
        for each in reasons:
            self._report.reject(stream, f"run {portion.id}", each)

    def _wait_for_log(self, portion: Portion, deadline: float) -> RunLog:
        """Read the run's log until it is whole, less and less often."""
        wait = 0.05
        while True:
            log = read_run_log(self._client, portion.id)
            if log.ended(portion.records + portion.error_count):
                return log
            rest = deadline - self._clock()
            if rest <= 0:
                logger.warning(
                    f"Oomnitza has not yet told what became of all {portion.records} records of {portion.plan.stream.title}. "
                    f"It shows under Configuration > Integrations, in the log of the run {portion.id}."
                )
                return log
            self._sleep(min(wait, rest))
            wait = min(2 * wait, _LONGEST_WAIT)
