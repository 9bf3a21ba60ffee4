"""Runs one connection of the bundle with PyAirbyte.

PyAirbyte reads its settings from the environment when it is imported: only `bundle.engine` imports this module.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, Literal, cast

from airbyte import logs
from airbyte._executors.local import PathExecutor
from airbyte.caches import CacheBase
from airbyte.destinations.base import Destination
from airbyte.exceptions import AirbyteConnectorCheckFailedError, PyAirbyteError
from airbyte.sources.base import Source
from airbyte.strategies import WriteStrategy
from airbyte_protocol.models import (
    AirbyteMessage,
    ConfiguredAirbyteCatalog,
    TraceType,
    Type,
)
from airbyte_protocol.models import (
    SyncMode as ReadMode,
)

from bundle.configuration import Json
from bundle.definition import Connection, Connectors, SyncMode
from bundle.errors import SyncFailed, UsageError
from bundle.listener import Listener
from bundle.state import StateFile

logs.AIRBYTE_LOGGING_ROOT = None  # its documented value for no log files

WRITE = {
    SyncMode.FULL_REFRESH_APPEND: WriteStrategy.APPEND,
    SyncMode.FULL_REFRESH_OVERWRITE: WriteStrategy.REPLACE,
    SyncMode.INCREMENTAL_APPEND: WriteStrategy.APPEND,
    SyncMode.INCREMENTAL_DEDUPED_HISTORY: WriteStrategy.MERGE,
}


class _Source(Source):
    """Reads as the connection defines, and passes all messages to the listener."""

    listener: Listener
    modes: dict[str, SyncMode]

    def get_configured_catalog(
        self, streams: Literal["*"] | list[str] | None = None, *, force_full_refresh: bool = False
    ) -> ConfiguredAirbyteCatalog:
        catalog = super().get_configured_catalog(streams, force_full_refresh=force_full_refresh)
        for stream in catalog.streams:
            mode = self.modes[stream.stream.name]
            stream.sync_mode = ReadMode.incremental if mode.incremental else ReadMode.full_refresh
            # Only overwrite begins a new generation, as on the platform. PyAirbyte always begins one.
            stream.generation_id, stream.sync_id = 1, 1
            stream.minimum_generation_id = 1 if mode is SyncMode.FULL_REFRESH_OVERWRITE else 0
        return catalog

    def _peek_airbyte_message(self, message: AirbyteMessage, *, raise_on_error: bool = True) -> None:
        hear(self.listener, self.name, message)
        if message.type is Type.CONTROL:
            super()._peek_airbyte_message(message, raise_on_error=raise_on_error)


class _Destination(Destination):
    """Passes all messages to the listener."""

    listener: Listener

    def _peek_airbyte_message(self, message: AirbyteMessage, *, raise_on_error: bool = True) -> None:
        hear(self.listener, self.name, message)


def hear(listener: Listener, connector: str, message: AirbyteMessage) -> None:
    """Pass a connector's logs and errors on; PyAirbyte drops their levels."""
    if message.type is Type.LOG and message.log:
        listener.log(connector, message.log.level.value, message.log.message)
    elif message.type is Type.TRACE and message.trace and message.trace.type is TraceType.ERROR and message.trace.error:
        listener.error(connector, message.trace.error.message)


class Runner:
    """Runs both connectors for one connection."""

    def __init__(
        self,
        connectors: Connectors,
        *,
        connection: Connection,
        source: Json,
        destination: Json,
        listener: Listener,
        keep_configuration: Callable[[Json], None],
    ) -> None:
        """Set up both connectors.

        `keep_configuration` receives the source's configuration after each renewal of its token.
        """
        self._connection = connection
        self._strategy = _write_strategy(connection)
        self._listener = listener
        self._keep = keep_configuration
        self._unsaved: SyncFailed | None = None
        with _silenced():  # PyAirbyte announces each connector
            self._source = _Source(
                make_executor(connectors.source.directory),
                connectors.source.directory,
                source,
                config_change_callback=self._renewed,
            )
            self._destination = _Destination(
                make_executor(connectors.destination.directory), connectors.destination.directory, destination
            )
        self._source.listener = self._destination.listener = listener
        self._source.modes = {stream.name: stream.sync_mode for stream in connection.streams}

    def check_source(self) -> None:
        """Check the source. Raises SyncFailed with the connector's message."""
        with self._token_saved():
            self._check(self._source)

    def check_destination(self) -> None:
        """Check the destination. Raises SyncFailed with the connector's message."""
        self._check(self._destination)

    def run(self, state_file: Path, *, full_refresh: bool = False) -> None:
        """Run one sync. Raises SyncFailed with the connectors' messages.

        Reads and writes `state_file` if a stream is incremental. With `full_refresh` removes it first, and in a test run
        ignores it.
        """
        streams = [stream.name for stream in self._connection.streams]
        if missing := set(streams) - set(self._source.get_available_streams()):
            raise UsageError(f"The source has no stream {', '.join(sorted(missing))}: correct metadata.yaml.")
        state = StateFile(state_file)
        incremental = any(stream.sync_mode.incremental for stream in self._connection.streams)
        if full_refresh and self._destination.get_config().get("test_run"):
            incremental = False  # read everything, and leave the state to the next sync
        elif full_refresh:
            state.forget()
        states = cast("CacheBase | Literal[False]", state if incremental else False)
        with self._token_saved():
            self._write(streams, states)

    def source_configuration(self) -> Json:
        """Return the source's configuration, with a renewed token if there is one."""
        return self._source.get_config()

    def _write(self, streams: list[str], states: "CacheBase | Literal[False]") -> None:
        try:
            with nullcontext() if "NO_LIVE_PROGRESS" not in os.environ else _silenced():
                self._destination.write(
                    self._source, streams=streams, cache=False, state_cache=states, write_strategy=self._strategy
                )
        except PyAirbyteError as error:
            raise SyncFailed("\n".join(self._listener.errors) or str(error)) from error

    def _check(self, connector: Source | Destination) -> None:
        try:
            with _silenced():
                connector.check()
        except AirbyteConnectorCheckFailedError as error:
            reason = (error.context or {}).get("failure_reason") or "\n".join(self._listener.errors) or str(error)
            raise SyncFailed(f"{connector.name}: {reason}") from error

    def _renewed(self, configuration: dict[str, Any]) -> None:
        self._source.set_config(configuration, validate=False)
        try:
            self._keep(configuration)
        except UsageError as error:  # kept for the end, because PyAirbyte ignores errors of this method
            self._unsaved = SyncFailed(
                f"The renewed Slack token could not be saved: {error} Then authenticate again, and enter the new pair of "
                "tokens, because the refresh token in the configuration is used up."
            )
        else:
            self._unsaved = None

    @contextmanager
    def _token_saved(self) -> Iterator[None]:
        """Raise SyncFailed at the end of the block if a renewed token was not saved."""
        try:
            yield
        except (SyncFailed, UsageError) as error:
            if self._unsaved:
                raise SyncFailed(f"{error}\n{self._unsaved}") from error
            raise
        if self._unsaved:
            raise self._unsaved


def _write_strategy(connection: Connection) -> WriteStrategy:
    """Return PyAirbyte's write strategy, which is one for all streams.

    Raises UsageError if the streams need several.
    """
    strategies = {WRITE[stream.sync_mode] for stream in connection.streams}
    if len(strategies) > 1:
        raise UsageError(
            f"The streams of the connection {connection.name!r} have different write modes, which PyAirbyte does not "
            "support: give them one mode in metadata.yaml, or a connection each."
        )
    return strategies.pop()


@contextmanager
def _silenced() -> Iterator[None]:
    """Hide PyAirbyte's own output; the listener keeps its own screen."""
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        yield


def make_executor(connector: str) -> PathExecutor:
    """Return the executor of a connector that is installed beside this Python."""
    return PathExecutor(connector, path=Path(sys.executable).with_name(connector))
