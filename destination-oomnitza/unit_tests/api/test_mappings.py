"""Tests of mappings drawn in Oomnitza, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.api.client import Client
from destination_oomnitza.api.mappings import read_mappings
from destination_oomnitza.config.models import Config
from requests_mock import Mocker

ORIGIN = "https://acme.oomnitza.com"
ADDRESS = f"{ORIGIN}/api/v2/mappings?connector_id=268"


def client() -> Client:
    credentials = {"auth_type": "api_token", "api_token": "made-up"}
    return Client(Config.parse({"instance_url": ORIGIN, "credentials": credentials}))


@pytest.mark.parametrize("status", [400, 404, 410])
def test_unknown_integration_has_no_mapping(requests_mock: Mocker, status: int) -> None:
    requests_mock.get(ADDRESS, status_code=status, json={"error": "no such connector"})
    assert read_mappings(client(), [268]) == {268: None}


def test_forbidden_mapping_is_a_config_error_with_the_reason(requests_mock: Mocker) -> None:
    requests_mock.get(ADDRESS, status_code=403, json={"error": "not for you"})
    with pytest.raises(AirbyteTracedException, match=r"integration 268 \(integration_mapping\): not for you") as error:
        read_mappings(client(), [268])
    assert error.value.failure_type is FailureType.config_error


@pytest.mark.parametrize(
    "document", [{}, {"EMAIL": {"type": "attribute", "value": "email"}}, {"error": {"type": "value", "value": "x"}}]
)
def test_mapping_is_returned_as_it_is(requests_mock: Mocker, document: dict[str, Any]) -> None:
    """Its keys are internal ids, so one named "error" is no error."""
    requests_mock.get(ADDRESS, json=document)
    assert read_mappings(client(), [268]) == {268: document}


def test_mappings_without_integration_cost_no_request(requests_mock: Mocker) -> None:
    assert read_mappings(client(), []) == {}
    assert requests_mock.call_count == 0
