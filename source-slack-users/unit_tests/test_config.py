"""What the configuration may be, and the sentences for what it may not be."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import source_slack_users
import yaml
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from source_slack_users.config import ApiToken, Config, OAuth, given_settings, parse_config

SPEC = yaml.safe_load((Path(source_slack_users.__file__).parent / "spec.yaml").read_text())["connectionSpecification"]
TOKEN = {"auth_type": "api_token", "api_token": "made-up-token"}
OAUTH = {"auth_type": "oauth2.0", "client_id": "1.2", "client_secret": "made-up", "access_token": "made-up-token"}


def refused(raw: dict[str, Any]) -> str:
    with pytest.raises(AirbyteTracedException) as caught:
        parse_config(raw)
    assert caught.value.failure_type is FailureType.config_error
    assert "made-up" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"page_size": 0}, "page_size must be greater than or equal to 1."),
        ({"page_size": 1001}, "page_size must be less than or equal to 1000."),
        ({"page_size": "200"}, "page_size must be a valid integer."),
        ({"include_bots": "yes"}, "include_bots must be a valid boolean."),
        ({"team_ids": "T1"}, "team_ids must be a valid list."),
        ({"team_ids": [""]}, "team_ids.0 must have at least 1 character."),
        (
            {"credentials": {"auth_type": "magic", "spell": "made-up"}},
            "credentials.auth_type must be api_token or oauth2.0.",
        ),
        ({"credentials": {"token": "made-up"}}, "credentials.auth_type must be api_token or oauth2.0."),
        ({"credentials": {"auth_type": "api_token", "token": "made-up"}}, "credentials.api_token is missing."),
        ({"credentials": {**TOKEN, "api_token": "made-up tok\nen"}}, "credentials.api_token is empty, or holds"),
        ({"credentials": {**TOKEN, "api_token": " "}}, "credentials.api_token is empty, or holds"),
        ({"credentials": {**OAUTH, "client_secret": 5}}, "credentials.client_secret must be a valid string."),
        ({"credentials": {**OAUTH, "token_expiry_date": "soon"}}, "credentials.token_expiry_date must be a date-time"),
        ({"credentials": "made-up"}, "credentials "),
        ({"api_url": "http://slack.com/api/"}, "api_url must begin with https://"),
        ({"api_url": "http://localhost.example.com/api/"}, "api_url must begin with https://"),
        ({"api_url": "http://127.0.0.1.example.com/"}, "api_url must begin with https://"),
        ({"api_url": "http://10.0.0.1/api/"}, "api_url must begin with https://"),
        ({"api_url": "ftp://slack.com/"}, "api_url must begin with https://"),
        ({"api_url": "slack.com"}, "api_url must be an address"),
        ({"api_url": "https://"}, "api_url must be an address"),
        ({"api_url": "https://sla ck.com/"}, "api_url must be an address"),
        ({"api_url": "https://slack..com/"}, "api_url must be an address"),
        ({"api_url": f"https://{'s' * 64}.com/"}, "api_url must be an address"),
        ({"api_url": "https://made-up@slack.com/api/"}, "api_url must be an address"),
        ({"api_url": "https://slack.com/api/?token=made-up"}, "api_url must be an address"),
        ({"api_url": "https://slack.com:port/"}, "api_url must be an address"),
    ],
)
def test_what_is_wrong_is_named_and_never_quoted(change: dict[str, Any], sentence: str) -> None:
    assert sentence in refused({"credentials": TOKEN, **change})


def test_nothing_at_all_is_refused() -> None:
    assert "credentials is missing." in refused({})


def test_the_defaults_are_those_that_the_form_shows() -> None:
    config = parse_config({"credentials": TOKEN})
    shown = {name: field["default"] for name, field in SPEC["properties"].items() if "default" in field}
    assert config.model_dump(exclude={"credentials"}) == shown
    assert set(SPEC["properties"]) == set(Config.model_fields)
    for variant, kind in zip(SPEC["properties"]["credentials"]["oneOf"], (OAuth, ApiToken), strict=True):
        assert set(variant["properties"]) == set(kind.model_fields)
        assert set(variant["required"]) == {name for name, field in kind.model_fields.items() if field.is_required()}


VALUES = st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.text(max_size=3))


@given(st.fixed_dictionaries({}, optional={name: VALUES for name in SPEC["properties"] if name != "credentials"}))
def test_what_is_accepted_fits_the_spec_that_the_platform_checks_against(settings: dict[str, Any]) -> None:
    raw = {"credentials": TOKEN, **settings}
    try:
        parse_config(raw)
    except AirbyteTracedException:
        return
    Draft7Validator(SPEC).validate(given_settings(raw))


@pytest.mark.parametrize("nothing", [None, ""])
def test_what_is_null_or_empty_was_not_given(nothing: str | None) -> None:
    oauth = {"auth_type": "oauth2.0", "client_id": "1", "client_secret": "made-up", "access_token": "made-up"}
    nulls = dict.fromkeys([name for name in SPEC["properties"] if name != "credentials"], nothing)
    given = parse_config({"credentials": {**oauth, "refresh_token": nothing, "token_expiry_date": nothing}, **nulls})
    assert given == parse_config({"credentials": oauth})
    with pytest.raises(AirbyteTracedException, match="credentials is missing"):
        parse_config({"credentials": nothing})


def test_keys_of_the_platforms_own_do_not_matter() -> None:
    raw = {"credentials": {**TOKEN, "note": 1}, "__injected_declarative_manifest": {}, "someone": "else"}
    assert parse_config(raw).credentials == ApiToken(**TOKEN)


@pytest.mark.parametrize(
    ("given_url", "used"),
    [
        ("https://slack-gov.com/api", "https://slack-gov.com/api/"),
        ("http://127.0.0.1:8080/api/", "http://127.0.0.1:8080/api/"),
        ("http://localhost/api", "http://localhost/api/"),
        ("http://[::1]:1/", "http://[::1]:1/"),
    ],
)
def test_addresses(given_url: str, used: str) -> None:
    assert parse_config({"credentials": TOKEN, "api_url": given_url}).api_url == used


def test_a_token_that_was_copied_with_its_line_end_is_the_token() -> None:
    credentials = parse_config({"credentials": {**TOKEN, "api_token": " made-up-token\n"}}).credentials
    assert isinstance(credentials, ApiToken)
    assert credentials.api_token == "made-up-token"


@pytest.mark.parametrize(
    ("expiry", "read"),
    [
        ("", None),
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=timezone.utc)),
        ("2026-01-31T13:00:00+01:00", datetime(2026, 1, 31, 12, tzinfo=timezone.utc)),
    ],
)
def test_the_expiry_is_read_where_there_is_one(expiry: str, read: datetime | None) -> None:
    credentials = parse_config({"credentials": {**OAUTH, "refresh_token": "", "token_expiry_date": expiry}}).credentials
    assert isinstance(credentials, OAuth)
    assert credentials.token_expiry_date == read
    assert credentials.refresh_token == ""
