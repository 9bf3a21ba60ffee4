"""The destination's commands: spec, check, discover and write."""

from __future__ import annotations

import argparse
import logging
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import orjson
from airbyte_cdk.destinations import Destination
from airbyte_cdk.models import (
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteMessageSerializer,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteCatalogSerializer,
    ConnectorSpecification,
    DestinationSyncMode,
    Status,
    Type,
)
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from destination_oomnitza.api.client import Client, RequestRejected
from destination_oomnitza.api.retries import RetryPolicy
from destination_oomnitza.api.saas_application import SaasApplication
from destination_oomnitza.cancellation import Cancellation
from destination_oomnitza.config.models import Config, IngestWriting
from destination_oomnitza.config.spec_schema import specification
from destination_oomnitza.errors import config_error
from destination_oomnitza.mapping.record_mapping import table
from destination_oomnitza.masking import mask_configuration, masked
from destination_oomnitza.person_schema import PersonSchema
from destination_oomnitza.pipeline.checkpoints import Checkpoints
from destination_oomnitza.pipeline.pipeline import SILENCE, Pipeline
from destination_oomnitza.planning.activation import destination_catalog
from destination_oomnitza.planning.stream_plan import StreamPlan, plan_stream
from destination_oomnitza.protocol import messages as protocol
from destination_oomnitza.report import Report
from destination_oomnitza.writers.ingest_writer import IngestWriter
from destination_oomnitza.writers.missing_users import MissingUsers
from destination_oomnitza.writers.people import USERS, People
from destination_oomnitza.writers.rest_writer import RestWriter
from destination_oomnitza.writers.saas_users import SaasUsers

logger = logging.getLogger("airbyte")

DOCUMENTATION = "https://github.com/airbyte-oomnitza/airbyte-oomnitza/blob/main/docs/destination-oomnitza.md"
CHECK_SECONDS = 15.0
"""A check answers within this time, whatever Oomnitza does (configuration.md: within 30 seconds, the start of the process included)."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise config_error(f"The command is not complete: {message}. There are spec, check, discover and write.")


def read_person_schema(client: Client) -> PersonSchema:
    """Ask the instance for its person fields; go on without where it does not tell. Raises as Client.get."""
    try:
        document = client.get(f"{USERS}/meta").json
    except RequestRejected as refusal:
        logger.info(
            f"This Oomnitza does not tell its fields ({refusal.status}): only standard fields are mapped by smart mapping."
        )
        return PersonSchema.unknown()
    return PersonSchema.parse(document) if isinstance(document, dict) and document else PersonSchema.unknown()


def log_mapping(plan: StreamPlan) -> None:
    """Log the mapping in force as a table, so that nobody has to guess."""
    logger.info(f"Mapping of {plan.stream.title}:\n{table(plan.mapping.rules.values(), plan.mapping.defaults)}")
    for remark in plan.remarks:
        logger.info(remark)


class DestinationOomnitza(Destination):
    """Turns records into Oomnitza people and SaaS users."""

    # `Config.parse` does it, in plain sentences and without quoting the configuration.
    check_config_against_spec = False

    def __init__(self, cancellation: Cancellation | None = None) -> None:
        """Keep what ends a write from outside."""
        self._cancellation = cancellation or Cancellation()

    def spec(self, logger: logging.Logger) -> ConnectorSpecification:
        """Return the form of the Airbyte UI."""
        return ConnectorSpecification(
            documentationUrl=DOCUMENTATION,
            connectionSpecification=specification(Config),
            supportsIncremental=True,
            supported_destination_sync_modes=[
                DestinationSyncMode.append_dedup,
                DestinationSyncMode.append,
                DestinationSyncMode.overwrite,
            ],
        )

    def parse_args(self, args: list[str]) -> argparse.Namespace:
        """Parse the command line: the CDK's, and `discover`. Raises AirbyteTracedException (config_error)."""
        parser = _Parser(
            prog="destination-oomnitza", description="Airbyte destination: Oomnitza people and SaaS users."
        )
        commands = parser.add_subparsers(dest="command", required=True)
        commands.add_parser("spec", help="print the configuration's form")
        for name, help_text in (
            ("check", "prove a configuration"),
            ("discover", "list the objects of data activation"),
            ("write", "write records from stdin"),
        ):
            command = commands.add_parser(name, help=help_text)
            command.add_argument("--config", required=True, help="path to the configuration, JSON")
            if name == "write":
                command.add_argument("--catalog", required=True, help="path to the configured catalog, JSON")
        return parser.parse_args(args)

    def run_cmd(self, parsed_args: argparse.Namespace) -> Iterable[AirbyteMessage]:
        """Run one command. Raises AirbyteTracedException where it fails; a failed check is a message, not an error."""
        if parsed_args.command == "spec":
            yield AirbyteMessage(type=Type.SPEC, spec=self.spec(logger))
        elif parsed_args.command == "check":
            yield AirbyteMessage(type=Type.CONNECTION_STATUS, connectionStatus=self._check_file(parsed_args.config))
        elif parsed_args.command == "discover":
            self.discover(_read_config(parsed_args.config))
        else:
            _write(
                _parse(_read_config(parsed_args.config)),
                protocol.read_catalog(parsed_args.catalog),
                protocol.read_lines(sys.stdin.fileno(), SILENCE),
                protocol.send,
                self._cancellation,
            )

    def _check_file(self, path: str) -> AirbyteConnectionStatus:
        try:
            return self.check(logger, _read_config(path))
        except AirbyteTracedException as error:
            return _failed(str(error))

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        """Prove address, token, rights, mapping and role. Never raises, and answers within 30 seconds."""
        outcome: list[AirbyteConnectionStatus] = []

        def run() -> None:
            try:
                self._prove(_parse(config))
                outcome.append(AirbyteConnectionStatus(status=Status.SUCCEEDED))
            except AirbyteTracedException as error:
                outcome.append(_failed(str(error)))
            except Exception as error:
                outcome.append(
                    _failed(
                        f"The check failed by a fault of this connector ({type(error).__name__}: {error}). Please report it."
                    )
                )

        mask_configuration(config)
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(CHECK_SECONDS)
        return (
            outcome[0]
            if outcome
            else _failed(
                "Oomnitza gave no whole answer in time. See whether it is up and whether the address is right."
            )
        )

    def _prove(self, config: Config) -> None:
        client = Client(config, RetryPolicy.of_a_check())
        client.sign_in()
        plan = plan_stream(
            config, read_person_schema(client), protocol.Stream("every stream, before its fields are known")
        )
        ingest = isinstance(config.write_method, IngestWriting)
        try:
            if not ingest or plan.defaults_need_known_people:
                client.get_list(f"{USERS}?limit=1")
            if not ingest and config.saas is not None:
                SaasApplication(client, config.saas).find()
        except RequestRejected as refusal:
            raise config_error(
                f"{config.instance_url} does not answer as an Oomnitza instance does: {refusal}. Check the address."
            ) from None
        log_mapping(plan)

    def discover(self, config: Mapping[str, Any]) -> None:
        """Send a DESTINATION_CATALOG message: the objects, fields and keys of data activation. Raises AirbyteTracedException."""
        parsed = _parse(config)
        client = Client(parsed)
        client.sign_in()
        protocol.send(destination_catalog(read_person_schema(client), parsed.default_role is not None))

    def write(
        self,
        config: Mapping[str, Any],
        configured_catalog: ConfiguredAirbyteCatalog,
        input_messages: Iterable[AirbyteMessage],
    ) -> Iterable[AirbyteMessage]:
        """Write messages that are in memory, for whoever calls the destination from Python. Returns the states, after all is written.

        The command `write` does not come by here: it answers while it reads. Raises AirbyteTracedException.
        """
        mask_configuration(config)
        sent: list[AirbyteMessage] = []
        _write(
            _parse(config),
            protocol.parse_catalog(ConfiguredAirbyteCatalogSerializer.dump(configured_catalog)),
            ([orjson.dumps(AirbyteMessageSerializer.dump(message))] for message in input_messages),
            lambda message: sent.append(AirbyteMessageSerializer.load(orjson.loads(orjson.dumps(message)))),
            Cancellation(),
        )
        return sent


def _write(
    config: Config,
    streams: list[protocol.Stream],
    lines: Iterable[list[bytes]],
    send: Callable[[dict[str, Any]], None],
    cancellation: Cancellation,
) -> None:
    """Write everything that comes, and log the sync report, however it ends. `cancellation` ends it early, and is cancelled if it fails."""
    report = Report([stream.title for stream in streams], config.test_run)
    try:
        _write_all(config, streams, lines, send, cancellation=cancellation, report=report)
    except RequestRejected as refusal:  # of a request that is about no record, or it would have been counted
        raise config_error(
            f"Oomnitza refused a request (HTTP {refusal.status}): {refusal}. What was acknowledged stays."
        ) from None
    finally:
        report.finish()


def _write_all(
    config: Config,
    streams: list[protocol.Stream],
    lines: Iterable[list[bytes]],
    send: Callable[[dict[str, Any]], None],
    *,
    cancellation: Cancellation,
    report: Report,
) -> None:
    client = Client(config, cancellation=cancellation)
    client.sign_in()
    metadata = read_person_schema(client)
    plans = [plan_stream(config, metadata, stream) for stream in streams]
    for plan in plans:
        log_mapping(plan)
    whole = [plan.stream for plan in plans if plan.whole]
    writer = _writer(config, client, report, cancellation, whole)
    # A state is a receipt, and in a test run nothing was written.
    checkpoints = Checkpoints(
        _withhold if config.test_run else send,
        config.on_failed_record == "fail_after_sync",
        {stream.key for stream in whole},
    )
    pipeline = Pipeline(
        plans,
        writer,
        report,
        checkpoints,
        batch_size=config.batch_size,
        num_workers=config.num_workers,
        cancellation=cancellation,
    )
    try:
        broken = pipeline.run(lines)
        _fail_if_refused(config, report)
        checkpoints.conclude(broken)
    except BaseException as error:
        cancellation.cancel(error)  # what is still waiting for another try must not go on
        raise
    finally:
        writer.close()


def _withhold(state: dict[str, Any]) -> None:
    """Send nothing."""


def _writer(
    config: Config, client: Client, report: Report, cancellation: Cancellation, whole: list[protocol.Stream]
) -> RestWriter | IngestWriter:
    """Choose between the two writers: the only place that does. `whole`: streams that are the whole truth about SaaS users."""
    if isinstance(config.write_method, IngestWriting):
        return IngestWriter(client, config, config.write_method, report, sleep=cancellation.sleep)
    people = People(client, report, len(config.instance_url), config.test_run)
    saas = missing = None
    if config.saas is not None:
        application = SaasApplication(client, config.saas, config.test_run)
        saas = SaasUsers(application, config.write_method, report)
        if whole:
            missing = MissingUsers(application, report, whole, config.write_method.max_deactivated_percent)
    return RestWriter(people, saas, missing, config.num_workers, config.test_run)


def _fail_if_refused(config: Config, report: Report) -> None:
    if report.everything_failed():
        raise config_error(
            f"Oomnitza, or the mapping, refused every record ({report.failed()}). The log has the reasons; "
            "most often a field mapping or a role is wrong."
        )
    if report.failed() and config.on_failed_record == "fail_after_sync":
        raise config_error(
            f"Refused records: {report.failed()}. All the others are written. The log has the reasons. "
            "The next sync brings the refused records again."
        )


def _failed(message: str) -> AirbyteConnectionStatus:
    return AirbyteConnectionStatus(status=Status.FAILED, message=masked(message))


def _parse(raw: Mapping[str, Any]) -> Config:
    """Return the configuration as types, and warn of names that are none of its settings. Raises as Config.parse."""
    config = Config.parse(raw)
    if unknown := config.unknown(raw):
        names = ", ".join(name[:100] for name in unknown[:20])
        logger.warning(f"Settings that this version does not know are ignored; see whether they are misspelt: {names}.")
    return config


def _read_config(path: str) -> Mapping[str, Any]:
    """Read the configuration file and have its secrets masked. Raises AirbyteTracedException (config_error)."""
    try:
        config = orjson.loads(Path(path).read_bytes())
    except OSError as error:
        raise config_error(
            f"The configuration {path} cannot be read ({error.strerror}).", type(error).__name__
        ) from None
    except ValueError as error:
        raise config_error(f"The configuration {path} is not JSON.", type(error).__name__) from None
    if not isinstance(config, dict):
        raise config_error(f"The configuration {path} is not a JSON object.")
    mask_configuration(config)
    return config
