"""Runs `sync`: one connection of the bundle, with PyAirbyte on this machine."""

import argparse
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, TextIO

from bundle.configuration import Json, read_configuration
from bundle.definition import DEFAULT_CONNECTION, Bundle, Connection, load_bundle
from bundle.engine import load_runner
from bundle.errors import CommandError, SyncFailed, UsageError
from bundle.identity import oomnitza_identity, pair_name
from bundle.listener import Listener
from bundle.private_folder import exclusive, make_private, private_folder, temporary_folder
from bundle.rotated import RotatedCredentials
from bundle.sync_report import failed, report_table

if TYPE_CHECKING:
    from bundle.runner import Runner

REJECTED = 2
"""Exit status of a sync that succeeded and rejected records."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument(
        "--connection", default=DEFAULT_CONNECTION, metavar="NAME", help="a connection of metadata.yaml (%(default)s)"
    )
    parser.add_argument("--test-run", action="store_true", help="look up and compare, and write nothing")
    parser.add_argument("--full-refresh", action="store_true", help="remove the state, and read everything again")
    parser.add_argument("--log", type=Path, metavar="FILE", help="append both connectors' logs to FILE (mode 0600)")


def run(options: argparse.Namespace, environment: Mapping[str, str], root: Path) -> int:
    """Sync, print the sync report, and return 0, or 2 if records were rejected.

    Raises CommandError.
    """
    bundle = load_bundle(root)
    connection = _connection(bundle, options.connection)
    source, destination = read_configuration(options.source_config), read_configuration(options.destination_config)
    destination = settings_for(connection, bundle, destination)
    if options.test_run:
        destination = {**destination, "test_run": True}
    with ExitStack() as stack:
        stack.enter_context(ended_by_signals())
        private = private_folder(environment)
        temporary = stack.enter_context(temporary_folder(private))
        listener = Listener(sys.stdout, stack.enter_context(_log(options.log)) if options.log else None)
        rotated = RotatedCredentials(private, source)
        stack.enter_context(rotated.exclusive())
        _print(f"{connection.name}: {', '.join(stream.name for stream in connection.streams)}")
        runner = load_runner(temporary)(
            bundle.connectors,
            connection=connection,
            source=rotated.newest(),
            destination=destination,
            listener=listener,
            keep_configuration=rotated.keep,
        )
        _check(runner, bundle)
        pair = pair_name(runner.source_configuration(), destination)
        file = private / "state" / pair / f"{options.connection}.json"
        make_private(file.parent)
        stack.enter_context(exclusive(file.with_suffix(".lock"), f"{connection.name!r} between these two"))
        _sync(runner, listener, file, full_refresh=options.full_refresh)
    return _conclude(listener, destination)


def settings_for(connection: Connection, bundle: Bundle, destination: Json) -> Json:
    """Return the configuration without settings of other connections' streams.

    The destination would warn of them in every sync, as of misspelt streams.
    """
    every = {stream.name for each in bundle.connections.values() for stream in each.streams}
    others = every - {stream.name for stream in connection.streams}
    entries = destination.get("streams")
    if not isinstance(entries, list):
        return destination
    return {**destination, "streams": [entry for entry in entries if not _is_of(entry, others)]}


def _is_of(entry: object, streams: set[str]) -> bool:
    stream = entry.get("stream") if isinstance(entry, dict) else None
    return isinstance(stream, str) and stream in streams  # anything else is for the destination's check to reject


def _check(runner: "Runner", bundle: Bundle) -> None:
    for connector, check in (
        (bundle.connectors.source, runner.check_source),
        (bundle.connectors.destination, runner.check_destination),
    ):
        _print(f"Checking {connector.directory} ...", end=" ")
        try:
            check()
        except SyncFailed:
            _print("failed.")
            raise
        _print("ok.")


def _sync(runner: "Runner", listener: Listener, file: Path, *, full_refresh: bool) -> None:
    listener.checking = False
    try:
        runner.run(file, full_refresh=full_refresh)
    except SyncFailed:
        if listener.report is not None:
            _print(f"\nWritten before the failure:\n{report_table(listener.report)}")
        raise


def _conclude(listener: Listener, destination: Json) -> int:
    if listener.report is None:
        raise SyncFailed("The destination sent no sync report. Run again with --log FILE, and see the end of FILE.")
    heading = "Would be done" if destination.get("test_run") else "Done"
    _print(f"\n{heading} in {oomnitza_identity(destination)}:\n{report_table(listener.report)}")
    if destination.get("test_run"):
        _print("\nTEST RUN: nothing was written.")
    return REJECTED if failed(listener.report) else 0


def _connection(bundle: Bundle, name: str) -> Connection:
    if name not in bundle.connections:
        raise UsageError(f"metadata.yaml has no connection {name!r}, only {', '.join(bundle.connections)}.")
    return bundle.connections[name]


@contextmanager
def _log(file: Path) -> Iterator[TextIO]:
    """Open a log for appending, readable by its owner alone. Raises UsageError."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.fchmod(descriptor, 0o600)
    except OSError as error:
        raise UsageError(f"The log {file} cannot be written: {error.strerror}.") from None
    with os.fdopen(descriptor, "a", encoding="utf-8", errors="replace") as opened:
        yield opened


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """End the sync on SIGTERM as on Ctrl-C: connectors stop, temporary files go."""

    def end(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except CommandError as error:
        if interrupt := _interrupt_before(error):
            raise type(interrupt)(*interrupt.args) from None
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt_before(error: BaseException | None) -> BaseException | None:
    """Return the interrupt that an error replaced; None if there was none.

    On its way up, PyAirbyte stops the connectors, and raises an error because they were stopped.
    """
    while error is not None and not isinstance(error, (KeyboardInterrupt, SystemExit)):
        error = error.__context__
    return error


def _print(text: str, end: str = "\n") -> None:
    sys.stdout.write(f"{text}{end}")
    sys.stdout.flush()
