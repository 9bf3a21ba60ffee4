"""Implements Airbyte's commands: the connection check, and the list of streams."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import replace
from typing import Any

from airbyte_cdk.models import (
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteStateMessage,
    ConfiguredAirbyteCatalog,
    FailureType,
    Status,
)
from airbyte_cdk.sources import AbstractSource
from airbyte_cdk.sources.streams import Stream
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_slack_users.access_logs import LastLogins
from source_slack_users.billable_info import BillableInfo
from source_slack_users.config import given_settings, parse_config, unknown_settings
from source_slack_users.custom_fields import CustomFields
from source_slack_users.errors import config_error, failure, transient_error, unexpected_error
from source_slack_users.input_files import CONFIGURATION, read_catalog, read_json, read_states
from source_slack_users.member_activity import MemberActivity
from source_slack_users.oauth import mask_secrets, sign_in
from source_slack_users.retries import RetryPolicy
from source_slack_users.slack_api import SlackApi
from source_slack_users.streams import SlackStream
from source_slack_users.user_groups import UserGroups
from source_slack_users.users_stream import Users
from source_slack_users.workspaces import identify, workspaces_to_read

# Airbyte expects a check within 30 seconds, including the start of the process.
CHECK_RETRY_POLICY = RetryPolicy(faults=6, rate_limits=5, response=6, timeout=(4, 5))
CHECK_SECONDS = 20
# A refresh token is spent once Slack has it: giving up before the response would lose the new one.
RENEWAL_RETRY_POLICY = replace(CHECK_RETRY_POLICY, response=14, timeout=(4, 14))

STREAMS: tuple[type[SlackStream], ...] = (Users, LastLogins, BillableInfo, UserGroups, MemberActivity)

_INVALID = "__invalid"
_PLACEHOLDER = "xoxb-none"  # fits the spec, which the CDK checks


class SourceSlackUsers(AbstractSource):
    """Reads the people of Slack as an Airbyte source."""

    raise_exception_on_missing_stream = True
    message_repository = None  # no part of this source queues messages, for which the CDK would look after each record
    _reading: list[SlackStream]

    @staticmethod
    def read_config(config_path: str) -> MutableMapping[str, Any]:
        """Read the configuration file.

        If it cannot be read, returns an object with the reason, which the command reports as an invalid configuration.
        """
        try:
            config = read_json(config_path, CONFIGURATION)
        except AirbyteTracedException as error:
            return {_INVALID: str(error)}
        if not isinstance(config, dict):
            return {_INVALID: f"The configuration {config_path} is not a JSON object."}
        return config

    @classmethod
    def read_catalog(cls, catalog_path: str) -> ConfiguredAirbyteCatalog:
        """Read the configured catalog. Raises config_error if it cannot be read."""
        return read_catalog(catalog_path)

    @classmethod
    def read_state(cls, state_path: str) -> list[AirbyteStateMessage]:
        """Read the state, legacy or not. Raises config_error if it cannot be read."""
        return read_states(state_path)

    def configure(self, config: Mapping[str, Any], temp_dir: str) -> Mapping[str, Any]:
        """Return the given settings; the reason if the configuration is not valid.

        Overrides the CDK's method, which writes all secrets to a file, rejects null for an optional setting, quotes the
        credentials in its message, and does not mask those under an unknown name.
        """
        try:
            mask_secrets(parse_config(_accepted(config)).credentials)
        except AirbyteTracedException as error:
            return {"credentials": {"auth_type": "api_token", "api_token": _PLACEHOLDER}, _INVALID: str(error)}
        for name in unknown_settings(config):
            logging.getLogger("airbyte").warning(f"Unknown setting, which has no effect: {name}.")
        return given_settings(config)

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        """Check the configuration, and return the reason of a failure.

        The CDK's own method quotes the configuration.
        """
        succeeded, problem = self.check_connection(logger, config)
        if succeeded:
            return AirbyteConnectionStatus(status=Status.SUCCEEDED)
        return AirbyteConnectionStatus(status=Status.FAILED, message=filter_secrets(str(problem)))

    def check_connection(self, logger: logging.Logger, config: Mapping[str, Any]) -> tuple[bool, str | None]:
        """Check token, scopes and workspaces; return success, and a failure's reason."""
        try:
            _within(CHECK_SECONDS, lambda: _check(logger, config))
        except AirbyteTracedException as error:
            return False, str(error)
        except Exception as error:
            return False, f"{unexpected_error(error)} {error!r}"
        return True, None

    def streams(self, config: Mapping[str, Any]) -> list[Stream]:
        """Build the streams. Raises config_error if the configuration is not valid."""
        parsed = parse_config(_accepted(config))
        auth = sign_in(parsed, config, RetryPolicy())
        started = time.time()
        self._reading = [kind(parsed, auth, started) for kind in STREAMS]
        return list(self._reading)

    def read(
        self,
        logger: logging.Logger,
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: list[AirbyteStateMessage] | None = None,
    ) -> Iterator[AirbyteMessage]:
        """Read the streams one after the other; if one fails, send its TRACE and go on.

        If any failed, raises an error of the right failure type at the end. The CDK's own is always a config_error.
        """
        self._reading = []
        try:
            yield from super().read(logger, config, catalog, state)
        except AirbyteTracedException:
            failures = {stream.name: stream.failure for stream in self._reading if stream.failure}
            if not failures:
                raise
            reasons = " ".join(f"{name}: {error}" for name, error in failures.items())
            kinds = {error.failure_type for error in failures.values()}
            order = (FailureType.config_error, FailureType.system_error, FailureType.transient_error)
            raise failure(f"Not all streams were read. {reasons}", next(k for k in order if k in kinds)) from None


def _accepted(config: Mapping[str, Any]) -> Mapping[str, Any]:
    if _INVALID in config:
        raise config_error(config[_INVALID])
    return config


def _check(logger: logging.Logger, raw: Mapping[str, Any]) -> None:
    config = parse_config(_accepted(raw))
    auth = sign_in(config, raw, RENEWAL_RETRY_POLICY)
    api = SlackApi(None, config.api_url, auth, retry_policy=CHECK_RETRY_POLICY)
    identity = identify(api)
    identity.require_scopes()
    workspaces = workspaces_to_read(api, identity, config.team_ids)
    # Classic apps have scopes of other names, so only a request shows whether the token can list people.
    api.call("users.list", limit=1, team_id=workspaces[0].parameter)
    if config.include_custom_fields:
        CustomFields(api, workspaces)
    logger.info(f"The token sees {', '.join(f'{workspace.name} ({workspace.id})' for workspace in workspaces)}.")


def _within(seconds: float, work: Callable[[], None]) -> None:
    """Run `work`; raise transient_error if it takes longer than `seconds`."""
    # The time-out of a request does not cover the DNS lookup.
    done: Future[None] = Future()

    def run() -> None:
        try:
            work()
            done.set_result(None)
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=run, name="check", daemon=True).start()
    try:
        done.result(seconds)
    except FutureTimeoutError:
        raise transient_error(
            f"Slack did not respond within {seconds:.0f} seconds. Try again; if it fails again, check Address of the Slack "
            "Web API (api_url) and the network between this machine and Slack."
        ) from None
