"""Provides a simulated Airbyte, and the command that registers with it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from integration_tests.platform.registration import Registration, specs
from integration_tests.sandbox.airbyte_api import AirbyteStandIn


@pytest.fixture
def airbyte(monkeypatch: pytest.MonkeyPatch) -> Iterator[AirbyteStandIn]:
    monkeypatch.setattr("bundle.register.read_spec", specs)  # each runs a process
    with AirbyteStandIn().running() as running:
        yield running


@pytest.fixture
def registration(tmp_path: Path, airbyte: AirbyteStandIn, capsys: pytest.CaptureFixture[str]) -> Registration:
    return Registration(tmp_path, airbyte, capsys)
