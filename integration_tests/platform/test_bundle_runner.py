"""Tests of the runner with a PyAirbyte that starts no connector."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import IO, Any

import pytest
from airbyte_protocol.models import AirbyteMessage

from bundle.definition import load_bundle
from bundle.engine import load_runner
from bundle.errors import SyncFailed, UsageError
from bundle.listener import Listener
from bundle.sync import ended_by_signals

ROOT = Path(__file__).resolve().parents[2]
RENEWED = {"credentials": {"refresh_token": "second"}}
CONTROL = {"type": "CONNECTOR_CONFIG", "emitted_at": 0, "connectorConfig": {"config": RENEWED}}


@pytest.fixture
def make_runner(tmp_path: Path, environment_stays: None) -> Callable[..., Any]:
    """Create a runner of a connection, whose methods of PyAirbyte the test replaces."""

    def make(connection: str, **settings: Any) -> Any:
        bundle = load_bundle(ROOT)
        arguments = {"source": {}, "destination": {}, "keep_configuration": lambda _: None, **settings}
        runner: Any = load_runner(tmp_path)(
            bundle.connectors, connection=bundle.connections[connection], listener=Listener(StringIO()), **arguments
        )
        runner._source.get_available_streams = lambda: [each.name for each in bundle.connections[connection].streams]
        runner._destination.write = lambda *_, **__: None
        return runner

    return make


def test_renewed_token_that_is_not_saved_fails_the_sync(make_runner: Callable[..., Any], tmp_path: Path) -> None:
    """PyAirbyte ignores errors of the method that receives a connector's message."""

    def keep(_: Any) -> None:
        raise UsageError("The disk is full.")

    def receive(*_: Any, **__: Any) -> None:
        with suppress(Exception):
            runner._source._peek_airbyte_message(AirbyteMessage.model_validate({"type": "CONTROL", "control": CONTROL}))

    runner = make_runner("users", keep_configuration=keep)
    runner._source.check = runner._destination.write = receive
    for run in (runner.check_source, lambda: runner.run(tmp_path / "state.json")):
        with pytest.raises(SyncFailed, match=r"could not be saved: The disk is full\. Then authenticate again"):
            run()
        assert runner.source_configuration() == RENEWED


@pytest.mark.parametrize("test_run", [True, False])
def test_full_refresh_in_a_test_run_keeps_the_state(
    make_runner: Callable[..., Any], tmp_path: Path, test_run: bool
) -> None:
    """It reads everything without the state, and the next sync continues from it."""
    state = tmp_path / "activity.json"
    state.write_text("[]")
    writes: list[Any] = []
    runner = make_runner("activity", destination={"test_run": test_run})
    runner._destination.write = lambda *_, state_cache, **__: writes.append(state_cache)
    runner.run(state, full_refresh=True)
    assert state.exists() is test_run
    assert [bool(each) for each in writes] == [not test_run]


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), SystemExit(143)])
def test_interrupt_with_a_connector_that_fails_is_kept(
    make_runner: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interrupt: BaseException
) -> None:
    """PyAirbyte raises the error of the connector that it stopped instead."""

    def lines(file: IO[str]) -> Iterator[str]:
        yield from file
        raise interrupt

    stopped = tmp_path / "connector"
    stopped.write_text("#!/bin/sh\ntrap '' TERM\nexit 1\n")
    stopped.chmod(0o700)
    runner = make_runner("users")
    runner._destination.executor = type(runner._destination.executor)("destination-oomnitza", path=stopped)
    monkeypatch.setattr("airbyte._executors.base._stream_from_file", lines)
    with pytest.raises(SyncFailed):
        runner.check_destination()
    with pytest.raises(type(interrupt)) as ended, ended_by_signals():
        runner.check_destination()
    assert ended.value.args == interrupt.args
