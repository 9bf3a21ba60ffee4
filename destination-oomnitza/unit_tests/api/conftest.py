"""Provides Oomnitza's HTTP without a network."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests_mock

from .acme import PROBE


@pytest.fixture
def http() -> Iterator[requests_mock.Mocker]:
    with requests_mock.Mocker() as mocker:
        mocker.get(PROBE, json=[])
        yield mocker
