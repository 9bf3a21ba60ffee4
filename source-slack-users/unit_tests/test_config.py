"""Tests which configurations are accepted, and the errors of the others."""

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
from source_slack_users.config import (
    XOX_PATTERN,
    ApiToken,
    Config,
    OAuth,
    given_settings,
    parse_config,
    unknown_settings,
)

SPEC = yaml.safe_load((Path(source_slack_users.__file__).parent / "spec.yaml").read_text())["connectionSpecification"]
TOKEN = {"auth_type": "api_token", "api_token": "xoxb-made-up-token"}
OAUTH = {"auth_type": "oauth2.0", "client_id": "1.2", "client_secret": "made-up", "access_token": "xoxb-made-up-token"}


def rejection_of(raw: dict[str, Any]) -> str:
    with pytest.raises(AirbyteTracedException) as caught:
        parse_config(raw)
    assert caught.value.failure_type is FailureType.config_error
    assert "made-up" not in str(caught.value)
    return str(caught.value)


NOT_A_TOKEN = "Token (credentials.api_token) must begin with xoxb- or xoxp-"
NOT_AN_ADDRESS = "Address of the Slack Web API (api_url) must be an address such as https://slack.com/api/."
NOT_ENCRYPTED = "Address of the Slack Web API (api_url) must begin with https://"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"page_size": 0}, "People per request (page_size) must be greater than or equal to 1."),
        ({"page_size": 1001}, "People per request (page_size) must be less than or equal to 1000."),
        ({"page_size": "200"}, "People per request (page_size) must be a valid integer."),
        ({"include_bots": "yes"}, "Include bots (include_bots) must be a valid boolean."),
        ({"team_ids": "T1"}, "Workspaces (team_ids) must be a valid list."),
        ({"team_ids": [""]}, "Workspaces (team_ids.0) must have at least 1 character."),
        (
            {"credentials": {"auth_type": "magic", "spell": "made-up"}},
            "Authentication (credentials.auth_type) must be api_token or oauth2.0.",
        ),
        ({"credentials": {"secret": "made-up"}}, "(credentials.auth_type) must be api_token or oauth2.0."),
        ({"credentials": {"auth_type": "api_token", "token": "made-up"}}, "Token (credentials.api_token) is missing."),
        (
            {"credentials": {**OAUTH, "client_secret": 5}},
            "Client secret (credentials.client_secret) must be a valid string.",
        ),
        ({"credentials": {**OAUTH, "client_secret": "made-up\n?"}}, "(credentials.client_secret) is empty, or holds"),
        (
            {"credentials": {**OAUTH, "token_expiry_date": "made-up"}},
            "Expiry of the access token (credentials.token_expiry_date) must be a date-time such as",
        ),
        ({"credentials": "made-up"}, "Authentication (credentials) must be an object."),
        ({"credentials": None}, "Authentication (credentials) is missing."),
        ({"api_url": "http://slack.com/api/"}, NOT_ENCRYPTED),
        ({"api_url": "http://localhost.example.com/api/"}, NOT_ENCRYPTED),
        ({"api_url": "http://127.0.0.1.example.com/"}, NOT_ENCRYPTED),
        ({"api_url": "http://10.0.0.1/api/"}, NOT_ENCRYPTED),
        ({"api_url": "ftp://slack.com/"}, NOT_ENCRYPTED),
        ({"api_url": "slack.com"}, NOT_AN_ADDRESS),
        ({"api_url": "https://"}, NOT_AN_ADDRESS),
        ({"api_url": "https://sla ck.com/"}, NOT_AN_ADDRESS),
        ({"api_url": "https://slack..com/"}, NOT_AN_ADDRESS),
        ({"api_url": f"https://{'s' * 64}.com/"}, NOT_AN_ADDRESS),
        ({"api_url": "https://made-up@slack.com/api/"}, NOT_AN_ADDRESS),
        ({"api_url": "https://slack.com/api/?token=made-up"}, NOT_AN_ADDRESS),
        ({"api_url": "https://slack.com:port/"}, NOT_AN_ADDRESS),
    ],
)
def test_config_invalid_setting_is_named_never_quoted(change: dict[str, Any], sentence: str) -> None:
    assert sentence in rejection_of({"credentials": TOKEN, **change})


@pytest.mark.parametrize(
    "token",
    [
        "e",
        "made-up",
        "xapp-1-made-up",
        "Bearer xoxb-made-up",
        '"xoxb-made-up"',
        " xoxb-made-up",
        "xoxb-made-up\n",
        " ",
        "xoxb-",
    ],
)
def test_config_token_of_wrong_kind_is_rejected(token: str) -> None:
    """The connector and the pattern of the form reject the same tokens."""
    assert NOT_A_TOKEN in rejection_of({"credentials": {**TOKEN, "api_token": token}})
    assert not Draft7Validator(SPEC).is_valid({"credentials": {**TOKEN, "api_token": token}}) or token.endswith("\n")
    assert "Access token (credentials.access_token)" in rejection_of({"credentials": {**OAUTH, "access_token": token}})


@pytest.mark.parametrize(
    "token", ["xoxb-1-2-abc", "xoxp-1-2-3-abc", "xoxe.xoxb-1-Mi0yLTk", "xoxe.xoxp-1-abc", "xoxa-2-abc"]
)
def test_config_each_kind_of_token_is_accepted(token: str) -> None:
    for credentials in ({**TOKEN, "api_token": token}, {**OAUTH, "access_token": token}):
        parse_config({"credentials": credentials})
        Draft7Validator(SPEC).validate({"credentials": credentials})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"include_bot": True}, "include_bot: did you mean include_bots?"),
        ({"includeBots": True}, "includeBots: did you mean include_bots?"),
        ({"page-size": 5, "teamids": []}, "page-size: did you mean page_size? teamids: did you mean team_ids?"),
        ({"credentials": {**TOKEN, "api_tokens": "made-up"}}, "credentials.api_tokens: did you mean api_token?"),
        (
            {"credentials": {**OAUTH, "refreshtoken": "made-up"}},
            "credentials.refreshtoken: did you mean refresh_token?",
        ),
        ({"credentials": {**TOKEN, "refresh_tokn": "x"}}, "credentials.refresh_tokn: did you mean refresh_token?"),
        ({"credentials": {"auth-type": "api_token"}}, "credentials.auth-type: did you mean auth_type?"),
    ],
)
def test_config_misspelt_setting_is_rejected(change: dict[str, Any], sentence: str) -> None:
    assert sentence in rejection_of({"credentials": TOKEN, **change})


def test_config_unknown_setting_is_returned_for_a_warning() -> None:
    raw = {
        "credentials": {**TOKEN, "note": 1, "refresh_token": "of the other way to sign in"},
        "__injected_declarative_manifest": {},
        "someone": "else",
        "k3y": "x",
        "none": None,
    }
    assert parse_config(raw).credentials == ApiToken.model_validate(TOKEN)
    assert unknown_settings(raw) == [
        "someone",
        "a name that is no word",
        "credentials.note",
        "credentials.refresh_token",
    ]


@pytest.mark.parametrize("name", list(SPEC["properties"]))
def test_config_known_setting_is_not_unknown(name: str) -> None:
    assert unknown_settings({name: None}) == []


def test_config_defaults_equal_the_forms() -> None:
    config = parse_config({"credentials": TOKEN})
    shown = {name: field["default"] for name, field in SPEC["properties"].items() if "default" in field}
    assert config.model_dump(exclude={"credentials"}) == shown
    assert set(SPEC["properties"]) == set(Config.model_fields)
    for variant, kind in zip(SPEC["properties"]["credentials"]["oneOf"], (ApiToken, OAuth), strict=True):
        assert set(variant["properties"]) == set(kind.model_fields)
        assert set(variant["required"]) == {name for name, field in kind.model_fields.items() if field.is_required()}


VALUES = st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.text(max_size=3))
TOKENS = st.from_regex(XOX_PATTERN, fullmatch=True) | st.text(max_size=8)


@given(
    TOKENS,
    st.fixed_dictionaries({}, optional={name: VALUES for name in SPEC["properties"] if name != "credentials"}),
)
def test_config_accepted_fits_the_spec(token: str, settings: dict[str, Any]) -> None:
    """The platform validates the configuration against the spec."""
    raw = {"credentials": {**TOKEN, "api_token": token}, **settings}
    try:
        parse_config(raw)
    except AirbyteTracedException:
        return
    Draft7Validator(SPEC).validate(given_settings(raw))


@pytest.mark.parametrize("nothing", [None, ""])
def test_config_null_or_empty_setting_counts_as_absent(nothing: str | None) -> None:
    nulls = dict.fromkeys([name for name in SPEC["properties"] if name != "credentials"], nothing)
    given = parse_config({"credentials": {**OAUTH, "refresh_token": nothing, "token_expiry_date": nothing}, **nulls})
    assert given == parse_config({"credentials": OAUTH})
    with pytest.raises(AirbyteTracedException, match="is missing"):
        parse_config({"credentials": nothing})


@pytest.mark.parametrize(
    ("given_url", "used"),
    [
        ("https://slack-gov.com/api", "https://slack-gov.com/api/"),
        ("http://127.0.0.1:8080/api/", "http://127.0.0.1:8080/api/"),
        ("http://localhost/api", "http://localhost/api/"),
        ("http://[::1]:1/", "http://[::1]:1/"),
    ],
)
def test_config_address_ends_with_a_slash(given_url: str, used: str) -> None:
    assert parse_config({"credentials": TOKEN, "api_url": given_url}).api_url == used


@pytest.mark.parametrize(
    ("expiry", "read"),
    [
        ("", None),
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=timezone.utc)),
        ("2026-01-31T13:00:00+01:00", datetime(2026, 1, 31, 12, tzinfo=timezone.utc)),
    ],
)
def test_config_expiry_is_read_if_there_is_one(expiry: str, read: datetime | None) -> None:
    credentials = parse_config({"credentials": {**OAUTH, "refresh_token": "", "token_expiry_date": expiry}}).credentials
    assert isinstance(credentials, OAuth)
    assert credentials.token_expiry_date == read
    assert credentials.refresh_token == ""
