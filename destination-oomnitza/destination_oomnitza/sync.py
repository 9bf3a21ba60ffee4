"""Puts one write together: client, plans, writer, checkpoints and pipeline."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

from destination_oomnitza.api.client import Client
from destination_oomnitza.api.ingest_runs import IngestRuns
from destination_oomnitza.api.mappings import read_mappings
from destination_oomnitza.api.people import USERS, PeopleApi
from destination_oomnitza.api.read_only_client import ReadOnlyClient
from destination_oomnitza.api.responses import RequestRejected
from destination_oomnitza.api.retries import RetryPolicy
from destination_oomnitza.api.saas_application import SaasApplication
from destination_oomnitza.cancellation import Cancellation
from destination_oomnitza.config.models import Config, IngestWriting, RestWriting
from destination_oomnitza.errors import config_error
from destination_oomnitza.normalize import folded
from destination_oomnitza.person_schema import PersonSchema
from destination_oomnitza.pipeline.checkpoints import Checkpoints
from destination_oomnitza.pipeline.first_records import FirstRecords
from destination_oomnitza.pipeline.pipeline import Pipeline
from destination_oomnitza.pipeline.scheduler import Scheduler
from destination_oomnitza.pipeline.settlement import Settlement
from destination_oomnitza.pipeline.sync_key_watch import SyncKeyWatch
from destination_oomnitza.planning.capabilities import capabilities
from destination_oomnitza.planning.mapping_table import mapping_table
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.planning.stream_plan import entries_without_stream, plan_streams
from destination_oomnitza.protocol.catalog import Stream, StreamKey
from destination_oomnitza.report import Report
from destination_oomnitza.writers.base import Writer
from destination_oomnitza.writers.deactivation_limit import DeactivationLimit
from destination_oomnitza.writers.ingest_writer import IngestWriter
from destination_oomnitza.writers.missing_users import MissingUsers
from destination_oomnitza.writers.people import People
from destination_oomnitza.writers.rest_writer import Application, RestWriter
from destination_oomnitza.writers.saas_users import SaasUsers

logger = logging.getLogger("airbyte")


def run_sync(
    config: Config,
    streams: Sequence[Stream],
    lines: Iterable[list[bytes]],
    send: Callable[[dict[str, Any]], None],
    *,
    cancellation: Cancellation | None = None,
    retry_policy: RetryPolicy | None = None,
) -> None:
    """Write the records of all lines, and send the sync report in any case.

    Args:
        config: The configuration.
        streams: The streams of the configured catalog.
        lines: The messages as they are read; an empty list means that the source is silent.
        send: Sends the acknowledged STATE messages and, at the end, the sync report as a LOG message.
        cancellation: Ends the sync from outside; is cancelled if the sync fails.
        retry_policy: The time-outs and waits of requests.

    Raises:
        AirbyteTracedException: The sync failed; records acknowledged before are in Oomnitza.
    """
    cancellation = cancellation or Cancellation()
    report = Report([stream.title for stream in streams], config.test_run)
    try:
        # With connector ingest, Oomnitza itself does the test run.
        reads_only = config.test_run and capabilities(config.write_method).reads_people
        client = (ReadOnlyClient if reads_only else Client)(config, retry_policy, cancellation)
        _write(config, streams, lines, send, client=client, report=report, cancellation=cancellation)
    except RequestRejected as rejected:  # of a request for no single record; those are counted as rejected
        raise config_error(
            f"Oomnitza rejected a request (HTTP {rejected.status}): {rejected}. "
            "Records acknowledged before the error are in Oomnitza."
        ) from None
    finally:
        report.finish()
        send(report.message())


def _write(
    config: Config,
    streams: Sequence[Stream],
    lines: Iterable[list[bytes]],
    send: Callable[[dict[str, Any]], None],
    *,
    client: Client,
    report: Report,
    cancellation: Cancellation,
) -> None:
    plans = _plans(config, streams, client)
    writer = _writer(config, client, report, cancellation, plans)
    keys = SyncKeyWatch()
    checkpoints = Checkpoints(
        _withhold if config.test_run else send,  # a state is an acknowledgement, and a test run writes nothing
        config.on_failed_record == "fail_after_sync",
        {plan.stream.key for plan in plans if plan.deactivates_missing},
        hold=lambda: bool(keys.keyless()) or writer.holds_states,
    )
    settlement = Settlement(report, checkpoints)
    with closing(writer), _executor(config.num_workers) as executor:
        scheduler = Scheduler(executor, writer, settlement.settle, cancellation, max_in_flight=2 * config.num_workers)
        pipeline = Pipeline(
            plans,
            scheduler,
            checkpoints,
            report,
            keys,
            first_records=FirstRecords(config.test_run),
            cancellation=cancellation,
            take_deferred=settlement.take_deferred,
            batch_size=config.batch_size,
        )
        try:
            end = pipeline.run(lines)
            writer.finish(end)
            client.write_access.raise_if_none()
            _fail_if_unwritten(config, report, keys)
        except BaseException as error:
            cancellation.cancel(error)  # ends requests that wait for their next attempt
            raise
        checkpoints.conclude(end.broken)


@contextmanager
def _executor(num_workers: int) -> Iterator[Executor]:
    """Yield an executor; do not wait for running batches at the end."""
    executor = ThreadPoolExecutor(num_workers, thread_name_prefix="batch")
    try:
        yield executor
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _withhold(state: dict[str, Any]) -> None:
    """Send nothing."""


def _plans(config: Config, streams: Sequence[Stream], client: Client) -> list[StreamPlan]:
    """Sign in, plan the streams, and log the mapping of each."""
    client.sign_in()
    schema = read_person_schema(client)
    plans = plan_streams(config, schema, streams, read_mappings(client, config.integrations))
    for warning in entries_without_stream(config, streams):
        logger.warning(warning)
    for plan in plans:
        log_mapping(plan, with_table=not config.test_run)  # a test run shows it with the first record
    return plans


def read_person_schema(client: Client) -> PersonSchema:
    """Return the instance's person fields, or the standard ones if it reports none.

    Raises as Client.get.
    """
    try:
        document = client.get(f"{USERS}/meta", keyed=True).json
    except RequestRejected as rejected:
        logger.info(
            f"This Oomnitza does not report its fields (HTTP {rejected.status}), so smart mapping maps standard fields only."
        )
        return PersonSchema.unknown()
    return PersonSchema.parse(document) if isinstance(document, dict) and document else PersonSchema.unknown()


def log_mapping(plan: StreamPlan, with_table: bool = True) -> None:
    """Log the mapping of a stream as a table, with its remarks and warnings."""
    if with_table and plan.mapping.rules:
        logger.info(f"Mapping of {plan.stream.title}:\n{mapping_table(plan)}")
    for remark in plan.remarks:
        logger.info(remark)
    for warning in plan.warnings:
        logger.warning(warning)


def _writer(
    config: Config, client: Client, report: Report, cancellation: Cancellation, plans: Sequence[StreamPlan]
) -> Writer:
    """Return the writer of the write method."""
    if isinstance(config.write_method, IngestWriting):
        runs = IngestRuns(client, config.write_method, config.test_run, sleep=cancellation.sleep)
        reports_empty = any(plan.writes for plan in plans)
        return IngestWriter(client, runs, config.write_method, report, reports_empty=reports_empty)
    people = People(PeopleApi(client, config.instance_url), report)
    applications = _applications(config.write_method, client, report, plans)
    return RestWriter(people, applications, config.num_workers)


def _applications(
    options: RestWriting, client: Client, report: Report, plans: Sequence[StreamPlan]
) -> dict[StreamKey, Application]:
    """Return the SaaS application of each stream that writes to one.

    Streams that name the same application share it.
    """
    made: dict[tuple[str | None, str], SaasApplication] = {}
    streams: dict[SaasApplication, list[StreamPlan]] = {}
    for plan in plans:
        if plan.saas is not None:
            wanted = plan.saas.application
            identity = (wanted.saas_id, folded(wanted.saas_name))
            saas = made.setdefault(identity, SaasApplication(client, wanted))
            streams.setdefault(saas, []).append(plan)
    applications: dict[StreamKey, Application] = {}
    for saas, of_one in streams.items():
        whole = [plan.stream for plan in of_one if plan.deactivates_missing]
        limit = DeactivationLimit(saas, options.max_deactivated_percent, report.test_run)
        missing = MissingUsers(saas, limit, report, whole) if whole else None
        application = Application(SaasUsers(saas, limit, options, report), limit, missing)
        applications.update(dict.fromkeys((plan.stream.key for plan in of_one), application))
    return applications


def _fail_if_unwritten(config: Config, report: Report, keys: SyncKeyWatch) -> None:
    keyless = keys.error()
    if keyless is not None:
        raise keyless
    if report.all_rejected():
        raise config_error(
            f"Oomnitza or the mapping rejected every record ({report.rejected()}). See the reasons in the log; "
            "the usual cause is a wrong field mapping or role."
        )
    if report.rejected() and config.on_failed_record == "fail_after_sync":
        raise config_error(
            f"Rejected records: {report.rejected()}. All others are written. See the reasons in the log. "
            "The next sync sends the rejected records again."
        )
