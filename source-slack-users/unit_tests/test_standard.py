"""Runs the CDK's standard tests, with the scenarios of standard_scenarios.yml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests
import requests_mock
import yaml
from airbyte_cdk.test.standard_tests import SourceTestSuiteBase


@pytest.fixture(autouse=True)
def _slack_by_token(slack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Respond to each configuration's token in its own way."""
    answer = type(slack).matcher

    def matcher(self: Any, request: requests.PreparedRequest) -> requests.Response:
        token = request.headers["Authorization"]
        if token.endswith("2"):
            return requests_mock.create_response(request, json={"ok": False, "error": "invalid_auth"})
        self.scopes = "users:read" if token.endswith("3") else "users:read,users:read.email,admin"
        return answer(self, request)

    monkeypatch.setattr(type(slack), "matcher", matcher)


class TestSuite(SourceTestSuiteBase):
    """Runs all standard tests except those of images."""

    acceptance_test_config = yaml.safe_load(Path(__file__).with_name("standard_scenarios.yml").read_text())


for _name in [name for name in dir(SourceTestSuiteBase) if name.startswith("test_docker_image")]:
    setattr(TestSuite, _name, None)
