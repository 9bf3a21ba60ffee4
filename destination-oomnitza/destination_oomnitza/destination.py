"""Commands of the destination: spec, check, discover and write."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
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

from destination_oomnitza.api.client import Client
from destination_oomnitza.api.mappings import read_mappings
from destination_oomnitza.api.people import USERS
from destination_oomnitza.api.responses import RequestRejected
from destination_oomnitza.api.retries import RetryPolicy
from destination_oomnitza.api.saas_application import SaasApplication
from destination_oomnitza.cancellation import Cancellation
from destination_oomnitza.config.models import Config
from destination_oomnitza.config.spec_schema import specification
from destination_oomnitza.errors import config_error
from destination_oomnitza.masking import mask_configuration, masked
from destination_oomnitza.person_schema import PersonSchema
from destination_oomnitza.pipeline.pipeline import SILENCE
from destination_oomnitza.planning.activation import destination_catalog
from destination_oomnitza.planning.capabilities import capabilities
from destination_oomnitza.planning.mapping_table import mapping_table
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.planning.stream_plan import plan_check
from destination_oomnitza.protocol.catalog import parse_catalog, read_catalog
from destination_oomnitza.protocol.input_files import read_json
from destination_oomnitza.protocol.messages import read_lines, send
from destination_oomnitza.sync import log_mapping, read_person_schema, run_sync

logger = logging.getLogger("airbyte")

DOCUMENTATION = "https://github.com/airbyte-oomnitza/airbyte-oomnitza/blob/main/docs/destination-oomnitza.md"
CHECK_SECONDS = 15.0
"""Longest duration of a check; Airbyte waits 30 seconds, including the start of the process."""


_ONE_PERSON = f"{USERS}?limit=1"


@contextmanager
def _blame_address(config: Config) -> Iterator[None]:
    """Blame the address if a request is rejected that every Oomnitza accepts."""
    try:
        yield
    except RequestRejected as rejected:
        raise config_error(
            f"{config.instance_url} does not answer as an Oomnitza instance does: {rejected}. Check the address."
        ) from None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise config_error(f"The command is incomplete: {message}. The commands are spec, check, discover and write.")


class DestinationOomnitza(Destination):
    """Turns records into Oomnitza people and SaaS users."""

    # `Config.parse` checks it instead, with readable messages that do not quote the configuration.
    check_config_against_spec = False

    def __init__(self, cancellation: Cancellation | None = None) -> None:
        """Take the cancellation that ends a write from outside."""
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
        """Parse the command line: the CDK's commands, and `discover`.

        Raises AirbyteTracedException (config_error).
        """
        parser = _Parser(
            prog="destination-oomnitza", description="Airbyte destination: Oomnitza people and SaaS users."
        )
        commands = parser.add_subparsers(dest="command", required=True)
        commands.add_parser("spec", help="print the configuration's form")
        for name, help_text in (
            ("check", "check a configuration"),
            ("discover", "list the objects of data activation"),
            ("write", "write records from stdin"),
        ):
            command = commands.add_parser(name, help=help_text)
            command.add_argument("--config", required=True, help="path to the configuration, JSON")
            if name == "write":
                command.add_argument("--catalog", required=True, help="path to the configured catalog, JSON")
        return parser.parse_args(args)

    def run_cmd(self, parsed_args: argparse.Namespace) -> Iterable[AirbyteMessage]:
        """Run one command. Raises AirbyteTracedException if it fails.

        A failed check is a message, not an error.
        """
        if parsed_args.command == "spec":
            yield AirbyteMessage(type=Type.SPEC, spec=self.spec(logger))
        elif parsed_args.command == "check":
            status = self._check_file(parsed_args.config)
            _show(status.message or "The check succeeded: address, token, mapping and role are valid.")
            yield AirbyteMessage(type=Type.CONNECTION_STATUS, connectionStatus=status)
        elif parsed_args.command == "discover":
            self.discover(read_config(parsed_args.config))
        else:
            run_sync(
                parse_config(read_config(parsed_args.config)),
                read_catalog(parsed_args.catalog),
                _input_lines(),
                send,
                cancellation=self._cancellation,
            )

    def _check_file(self, path: str) -> AirbyteConnectionStatus:
        try:
            return self.check(logger, read_config(path))
        except AirbyteTracedException as error:
            return _failed(str(error))

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        """Check address, token, permissions, mapping and role.

        Never raises, and returns within 30 seconds.
        """
        outcome: list[AirbyteConnectionStatus] = []

        def run() -> None:
            try:
                self._prove(parse_config(config))
                outcome.append(AirbyteConnectionStatus(status=Status.SUCCEEDED))
            except AirbyteTracedException as error:
                outcome.append(_failed(str(error)))
            except Exception as error:
                outcome.append(
                    _failed(
                        f"The check failed because of a bug in this connector ({type(error).__name__}: {error}). Please report it."
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
                "Oomnitza did not answer in time. Check that it is available and that Oomnitza address (instance_url) is right."
            )
        )

    def _prove(self, config: Config) -> None:
        client = Client(config, RetryPolicy.of_a_check())
        client.sign_in()
        schema = read_person_schema(client)
        method = capabilities(config.write_method)
        with _blame_address(config):
            if method.reads_people:  # first of all, because another host would not report fields either
                client.get_list(_ONE_PERSON)
            plans = self._plans(client, config, schema)
            if not method.reads_people and any(plan.must_know_people for plan in plans):
                client.get_list(_ONE_PERSON)
            if method.writes_saas_users:
                for application in {plan.saas.application for plan in plans if plan.saas is not None}:
                    SaasApplication(client, application).find()
        for plan in plans:
            log_mapping(plan)
            if plan.mapping.rules:
                _show(
                    "\n".join(
                        [f"Mapping of {plan.stream.title}:", mapping_table(plan), *plan.remarks, *plan.warnings, ""]
                    )
                )

    def _plans(self, client: Client, config: Config, schema: PersonSchema) -> list[StreamPlan]:
        try:
            return plan_check(config, schema, read_mappings(client, config.integrations))
        except AirbyteTracedException:
            if not schema.known:  # the address is wrong rather than the rest of the configuration
                client.get_list(_ONE_PERSON)
            raise

    def discover(self, config: Mapping[str, Any]) -> None:
        """Send a DESTINATION_CATALOG message: objects, fields and keys of data activation.

        Raises AirbyteTracedException.
        """
        parsed = parse_config(config)
        client = Client(parsed)
        client.sign_in()
        send(destination_catalog(read_person_schema(client), parsed.default_role is not None))

    def write(
        self,
        config: Mapping[str, Any],
        configured_catalog: ConfiguredAirbyteCatalog,
        input_messages: Iterable[AirbyteMessage],
    ) -> Iterable[AirbyteMessage]:
        """Write messages in memory; return the acknowledged states and the sync report.

        For callers of the Python API only: the command `write` acknowledges states while it reads. Raises AirbyteTracedException.
        """
        mask_configuration(config)
        sent: list[AirbyteMessage] = []
        run_sync(
            parse_config(config),
            parse_catalog(ConfiguredAirbyteCatalogSerializer.dump(configured_catalog)),
            ([orjson.dumps(AirbyteMessageSerializer.dump(message))] for message in input_messages),
            lambda message: sent.append(AirbyteMessageSerializer.load(orjson.loads(orjson.dumps(message)))),
        )
        return sent


def _input_lines() -> Iterator[list[bytes]]:
    """Return the lines of standard input.

    Raises AirbyteTracedException (config_error) if it is closed.
    """
    if sys.stdin is None:
        raise config_error("The input is closed, so there are no messages to write. Send them to the standard input.")
    return read_lines(sys.stdin.fileno(), SILENCE)


def _show(text: str) -> None:
    """Print text for a person who runs the check in a terminal.

    Prints nothing on a platform, which reads the messages.
    """
    if os.isatty(1):  # not sys.stdout, which the CDK has replaced by its buffer
        print(masked(text), file=sys.__stderr__, flush=True)


def _failed(message: str) -> AirbyteConnectionStatus:
    return AirbyteConnectionStatus(status=Status.FAILED, message=masked(message))


def parse_config(raw: Mapping[str, Any]) -> Config:
    """Parse the configuration, and warn of unknown names. Raises as Config.parse."""
    config = Config.parse(raw)
    if unknown := config.unknown(raw):
        names = ", ".join(name[:100] for name in unknown[:20])
        logger.warning(f"Unknown settings are ignored; check whether they are misspelt: {names}.")
    return config


def read_config(path: str) -> Mapping[str, Any]:
    """Read the configuration file, and mask its secrets.

    Raises AirbyteTracedException (config_error).
    """
    config = read_json(path, "configuration")
    if not isinstance(config, dict):
        raise config_error(f"The configuration {path} is not a JSON object.")
    mask_configuration(config)
    return config
