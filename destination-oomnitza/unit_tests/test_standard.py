"""Runs the CDK's standard destination tests on standard_scenarios.yml."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import requests_mock
import yaml
from airbyte_cdk.test.standard_tests.destination_base import DestinationTestSuiteBase
from destination_oomnitza import DestinationOomnitza

META = {
    "role": {"label": "Role", "unique": "0", "searchhelp": [{"key": "25", "value": "Employee", "help_text": ""}]},
    "slack_user_id": {"label": "Slack User Id", "data_type": "text", "unique": "1", "internal_id": "A" * 32},
}


@pytest.fixture(autouse=True)
def _oomnitza() -> Iterator[None]:
    """Register an Oomnitza with one token and one password."""

    def answer(request: requests.PreparedRequest, context: Any) -> Any:
        if request.headers.get("Authorization2") != "token-of-the-tests-1":
            context.status_code = 401
            return {"error": "no"}
        return META if request.path_url.startswith("/api/v3/users/meta") else []

    with requests_mock.Mocker() as mock:
        mock.get(requests_mock.ANY, json=answer)
        mock.post("https://acme.oomnitza.com/api/request_token", json={"token": "token-of-the-tests-1"})
        yield


class TestSuite(DestinationTestSuiteBase):
    """All standard tests but those that need a container engine."""

    acceptance_test_config = yaml.safe_load(Path(__file__).with_name("standard_scenarios.yml").read_text())

    connector = DestinationOomnitza


for _name in [name for name in dir(DestinationTestSuiteBase) if name.startswith("test_docker_image")]:
    setattr(TestSuite, _name, None)
