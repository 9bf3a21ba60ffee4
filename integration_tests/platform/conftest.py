"""Provides a simulated Airbyte, and the command that registers with it."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration_tests.platform.registration import Registration, specs
from integration_tests.sandbox.airbyte_api import AirbyteStandIn


@pytest.fixture
def environment_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore the environment, which the bundle sets for PyAirbyte."""
    for name in ("AIRBYTE_OFFLINE_MODE", "DO_NOT_TRACK", "AIRBYTE_LOGGING_ROOT", "TMPDIR", "NO_LIVE_PROGRESS"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    monkeypatch.setattr(tempfile, "tempdir", tempfile.tempdir)


@pytest.fixture
def airbyte(monkeypatch: pytest.MonkeyPatch) -> Iterator[AirbyteStandIn]:
    monkeypatch.setattr("bundle.register.read_spec", specs)  # each runs a process
    with AirbyteStandIn().running() as running:
        yield running


@pytest.fixture
def registration(tmp_path: Path, airbyte: AirbyteStandIn, capsys: pytest.CaptureFixture[str]) -> Registration:
    return Registration(tmp_path, airbyte, capsys)
