"""Defines the base class of the streams.

A stream reads each listing to its end or fails; it never resumes in the middle of one.
"""

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from airbyte_cdk.models import (
    AirbyteMessage,
    AirbyteRecordMessage,
    ConfiguredAirbyteStream,
    SyncMode,
    Type,
)
from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.sources.streams import Stream
from airbyte_cdk.sources.utils.schema_helpers import InternalConfig
from airbyte_cdk.sources.utils.slice_logger import SliceLogger
from airbyte_cdk.utils.datetime_helpers import ab_datetime_parse
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from requests.auth import AuthBase

from source_slack_users.coercion import iso
from source_slack_users.config import Config
from source_slack_users.errors import config_error, unexpected_error
from source_slack_users.retries import RetryPolicy
from source_slack_users.slack_api import SlackApi
from source_slack_users.workspaces import Identity, Workspace, identify, workspaces_to_read

Record = dict[str, Any]
State = Mapping[str, Any]

CLOCKS_DIFFER = 5
"""Seconds by which this machine's clock may be ahead of Slack's: a Date header has whole seconds, and may be old."""

CLOCK_ERROR = 2 * 24 * 3600
"""Seconds by which a saved time may be in the future, as by a clock in another time zone; a later one is an error."""


class SlackStream(Stream, ABC):
    """Reads its whole listing, emits ready messages, and ends with one STATE."""

    page_size: int | None = None  # if it is not the administrator's choice

    # The platform discards what a failed full refresh has written, because the next attempt starts again.
    is_resumable = False

    def __init__(self, config: Config, auth: AuthBase, started: float) -> None:
        """`started` is the start of the read, in Unix seconds."""
        self.config = config
        self.started = int(started)
        self.failure: AirbyteTracedException | None = None
        self._api = SlackApi(
            self.name, config.api_url, auth, retry_policy=RetryPolicy(), page_size=self.page_size or config.page_size
        )

    @abstractmethod
    def records(self, state: State) -> Iterator[Record]:
        """Read the whole listing, and yield the records changed at or after `state`."""

    @abstractmethod
    def next_state(self, state: State) -> State:
        """Return the state for the next read, after the whole listing was read."""

    def read(  # noqa: PLR0917 - the CDK's signature
        self,
        configured_stream: ConfiguredAirbyteStream,
        logger: logging.Logger,
        slice_logger: SliceLogger,
        stream_state: MutableMapping[str, Any],
        state_manager: ConnectorStateManager,
        internal_config: InternalConfig,
    ) -> Iterator[AirbyteMessage]:
        """Yield the RECORD messages, then the STATE. A full refresh ignores the old state.

        Overrides the CDK's `read`, which asks for a state after each record; here there is none before the end.
        """
        state = stream_state if configured_stream.sync_mode == SyncMode.incremental else {}
        try:
            yield from self.read_records(configured_stream.sync_mode, stream_state=state)
            after = self.next_state(state)
        except AirbyteTracedException as failure:
            self.failure = failure
            raise
        except Exception as error:
            self.failure = unexpected_error(error)
            raise self.failure from error
        state_manager.update_state_for_stream(self.name, self.namespace, after)
        yield state_manager.create_state_message(self.name, self.namespace)

    def read_records(
        self,
        sync_mode: SyncMode,
        cursor_field: list[str] | None = None,
        stream_slice: Mapping[str, Any] | None = None,
        stream_state: Mapping[str, Any] | None = None,
    ) -> Iterator[AirbyteMessage]:
        """Yield the records as ready messages, which the CDK does not convert."""
        name = self.name
        for record in self.records(stream_state or {}):
            message = AirbyteRecordMessage(stream=name, data=record, emitted_at=time.time_ns() // 1_000_000)
            yield AirbyteMessage(type=Type.RECORD, record=message)

    def identify(self) -> Identity:
        """Identify the token; start the read by Slack's clock if this one is fast."""
        identity = identify(self._api)
        if identity.now is not None and self.started - identity.now > CLOCKS_DIFFER:
            self.started = identity.now
        return identity

    def workspaces(self) -> list[Workspace]:
        """Return the workspaces to read, as Slack reports them."""
        return workspaces_to_read(self._api, self.identify(), self.config.team_ids)

    def since(self, state: State) -> int:
        """Return the time of a state, in Unix seconds; 0 if it has none.

        Raises config_error if it is not a time, or is in the future.
        """
        field = str(self.cursor_field)
        value = state.get(field) or 0
        try:
            since = int(value) if isinstance(value, (int, float)) else int(ab_datetime_parse(value).timestamp())
            moment = iso(since)  # raises for a year beyond the calendar's
        except (TypeError, ValueError, OverflowError, OSError):
            problem = f"has no time in {field}"
        else:
            if since <= self.started + CLOCK_ERROR:
                return since
            problem = f"is in the future ({field}: {moment})"
        raise config_error(f"The saved state of {self.name} {problem}. Clear the stream's data and sync again.")
