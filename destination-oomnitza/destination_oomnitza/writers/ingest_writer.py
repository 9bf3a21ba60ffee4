"""Writer over connector ingest: one run per stream, many records per request.

Oomnitza matches people by the sync fields and processes a run by itself. So a batch may be sent twice without harm, and its
outcomes are known only from the run log, afterwards.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from destination_oomnitza.api.bisection import bisect
from destination_oomnitza.api.client import Client
from destination_oomnitza.api.ingest_runs import IngestRun, IngestRuns
from destination_oomnitza.config.models import IngestWriting
from destination_oomnitza.errors import config_error
from destination_oomnitza.mapping.record_mapping import MappedRecord
from destination_oomnitza.normalize import is_empty
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.protocol.catalog import StreamKey
from destination_oomnitza.report import Outcome, Report, SkipReason
from destination_oomnitza.writers.base import Batch, RecordWrite, StreamEnd
from destination_oomnitza.writers.known_people import KnownPeople

logger = logging.getLogger("airbyte")


@dataclass(frozen=True, slots=True)
class _Sent:
    """Record, and its body in the format of connector ingest."""

    write: RecordWrite
    body: dict[str, Any]


@dataclass(frozen=True)
class _StreamRun:
    """Run of a stream's active accounts, or of its inactive ones.

    The run of inactive accounts creates no people.
    """

    key: StreamKey
    inactive: bool
    run: IngestRun


class IngestWriter:
    """Sends batches to connector ingest, and reports the counts of its run logs."""

    def __init__(
        self, client: Client, runs: IngestRuns, options: IngestWriting, report: Report, *, reports_empty: bool = True
    ) -> None:
        """Take the client and its runs.

        `reports_empty`: whether to report a sync without records to Oomnitza as an empty run.
        """
        self._client = client
        self._reports_empty = reports_empty
        self._api = runs
        self._saas_sync_key = options.saas_sync_key
        self._report = report
        self._lock = threading.Lock()
        self._runs: dict[tuple[StreamKey, bool], _StreamRun] = {}
        self._known: dict[tuple[str, ...], KnownPeople] = {}

    def write(self, batch: Batch) -> None:
        """Send one batch; Oomnitza's run log reports the outcomes. See Writer."""
        plan = batch.plan
        sent: dict[bool, list[_Sent]] = {}
        for write in batch.records:
            if all(key is None for key in write.record.keys):
                write.skip(SkipReason.NO_SYNC_KEY)
            elif write.record.inactive and plan.existing == "skip":
                write.skip(SkipReason.WRITE_MODE)  # neither edits a known person nor creates one
            else:
                try:
                    sent.setdefault(write.record.inactive, []).append(_Sent(write, self._body(plan, write.record)))
                except ValueError as error:
                    write.fail(str(error))
        for inactive, records in sent.items():
            for each, reason in self._send(self._run(plan, inactive), records):
                each.write.fail(f"Oomnitza rejected it: {reason}")
        for rejected in batch.rejected:
            self._api.send_error(self._run(plan, inactive=False), f"{rejected.key}: {rejected.reason}")

    @property
    def holds_states(self) -> bool:
        """False, because Oomnitza reports outcomes after the states have left. See Writer."""
        return False

    def finish(self, end: StreamEnd) -> None:
        """Finalize the runs of complete streams, and report their counts. See Writer."""
        if self._reports_empty and not end.broken and not any(each.run.requests for each in self._runs.values()):
            self._api.report_empty()
        whole = [each for each in self._runs.values() if each.run.requests and each.key not in end.broken]
        for each in whole:
            self._api.finalize(each.run)
        try:
            self._api.wait_for_logs([each.run for each in whole])
        finally:  # counts what the logs have so far
            for each in self._runs.values():
                self._count(each)
        cancelled = sum(each.run.log.objects["canceled"] for each in whole)
        if cancelled:
            raise config_error(
                f"An administrator cancelled this run in Oomnitza, which left {cancelled} records unwritten after they were "
                "acknowledged. To send them again, clear the stream's data in Airbyte (or refresh it, if that is offered), and sync."
            )

    def close(self) -> None:
        """Log the runs that stay open. See Writer."""
        for run in [each.run for each in self._runs.values()]:
            if run.requests and not run.finalized:
                logger.warning(
                    f"The run {run.id} of {run.stream} was not finalized: {run.records} records were sent. "
                    "See the run's log under Configuration > Integrations."
                )

    def _run(self, plan: StreamPlan, inactive: bool) -> IngestRun:
        with self._lock:
            key = (plan.stream.key, inactive)
            if key not in self._runs:
                run = IngestRun(
                    plan.stream.title,
                    [plan.mapping.rules[name].field.internal_id for name in plan.mapping.sync_keys],
                    insert_only=plan.creates and plan.existing == "skip",
                    update_only=inactive or not plan.creates,
                )
                self._runs[key] = _StreamRun(plan.stream.key, inactive, run)
                who = ", inactive accounts" if inactive else ""
                logger.info(f"Connector ingest: the run of {plan.stream.title}{who} is {run.id}.")
            return self._runs[key].run

    def _send(self, run: IngestRun, records: Sequence[_Sent]) -> list[tuple[_Sent, str]]:
        """Send records; return the rejected ones, each with the reason."""

        def call(some: Sequence[_Sent]) -> None:
            self._api.send(run, [each.body for each in some])

        rejected = bisect(records, call)
        if len(rejected) == len(records) > 1 and not run.requests:
            # Every record of this run so far was rejected, so the cause is not a record.
            raise config_error(
                f"Oomnitza rejects every record of connector ingest: {rejected[0][1]}. "
                "Check the write method's settings (connector name or integration id), or choose REST."
            )
        return rejected

    def _count(self, stream_run: _StreamRun) -> None:
        """Add a run's counts and the reasons of its failures to the report."""
        run, log = stream_run.run, stream_run.run.own_log()
        for outcome in (Outcome.ADDED, Outcome.UPDATED, Outcome.UNCHANGED):
            self._report.count(run.stream, outcome, log.objects[outcome.value])
        reason = SkipReason.INACTIVE_UNKNOWN if stream_run.inactive else SkipReason.WRITE_MODE
        self._report.count_skipped(run.stream, reason, log.objects["skipped"])
        reasons = [*log.failed[: log.objects["failed"]]]
        reasons += ["Oomnitza's run log does not report the reason"] * (log.objects["failed"] - len(reasons))
        reasons += ["the run was cancelled in Oomnitza"] * log.objects["canceled"]
        for each in reasons:
            self._report.reject(run.stream, f"run {run.id}", each)
        self._report.leave_open(run.stream, max(0, run.records - log.ended))

    # -- one record ----------------------------------------------------------------------------------------------------

    def _body(self, plan: StreamPlan, record: MappedRecord) -> dict[str, Any]:
        """Return a record by internal ids, with the application of its SaaS user.

        Raises ValueError if the internal id of a field is not known.
        """
        body: dict[str, Any] = {}
        for name, value in self._fields(plan, record).items():
            rule = plan.mapping.rules.get(name)
            internal_id = (rule.field if rule is not None else plan.mapping.fields[name]).internal_id
            if not internal_id:
                raise ValueError(
                    f"{name}: Oomnitza does not report the internal id of this field, which connector ingest needs"
                )
            body[internal_id] = str(value) if name == "role" else value
        if plan.saas is not None and not record.inactive:
            application = plan.saas.application
            body["SAAS"] = {"sync_key": self._saas_sync_key, "name": application.saas_name}
            if application.saas_id is not None:
                body["SAAS"]["selected_saas_id"] = application.saas_id
        return body

    def _fields(self, plan: StreamPlan, record: MappedRecord) -> dict[str, Any]:
        """Return a record's fields, with the defaults of new people if it may be one.

        Ingest does not separate new people from known ones, so a default role would replace the role of a known person. Known
        people are therefore read first, unless the mode never edits them.
        """
        if record.inactive or not plan.creates:
            return _fields_of_known(plan, record)
        if plan.existing == "skip":
            return plan.mapping.new_person(record)
        if not plan.must_know_people:
            return record.fields
        known = self._known_people(plan)
        if known.has(record.keys):
            return _fields_of_known(plan, record) if known.whole else record.fields
        defaults = {name: value for name, value in plan.mapping.defaults.items() if is_empty(record.fields.get(name))}
        return {**record.fields, **defaults}

    def _known_people(self, plan: StreamPlan) -> KnownPeople:
        with self._lock:
            keys = plan.mapping.sync_keys
            return self._known.setdefault(keys, KnownPeople(self._client, keys))


def _fields_of_known(plan: StreamPlan, record: MappedRecord) -> dict[str, Any]:
    """Return a record's fields without the user name, which no known person is given."""
    kept = plan.mapping.sync_keys
    return {name: value for name, value in record.fields.items() if name != "username" or name in kept}
