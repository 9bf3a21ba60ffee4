"""Tests of the configuration: rejected values and the messages about them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.config.models import Config
from hypothesis import given
from hypothesis import strategies as st

SECRET = "a-made-up-secret-71"
LEAST: dict[str, Any] = {
    "instance_url": "acme",
    "credentials": {"auth_type": "api_token", "api_token": SECRET},
}

SAAS = {"type": "user_and_saas_user", "saas_name": "Slack"}


def failure(raw: dict[str, Any]) -> str:
    with pytest.raises(AirbyteTracedException) as caught:
        Config.parse(raw)
    assert caught.value.failure_type is FailureType.config_error
    assert caught.value.__context__ is None, "a validation error quotes the configuration"
    for sentence in (caught.value.message, caught.value.internal_message):
        assert sentence and SECRET not in sentence
    return str(caught.value.message)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"instance_url": "http://acme.oomnitza.com"}, r"Oomnitza address \(instance_url\) must begin with https://"),
        ({"instance_url": 7}, r"Oomnitza address \(instance_url\) must be text\."),
        ({"credentials": SECRET}, r"Credentials \(credentials\) must be a group of settings\."),
        ({"credentials": {}}, r"Credentials \(credentials\) does not name one of the options\."),
        ({"credentials": {"auth_type": SECRET}}, r"Credentials \(credentials\) must be one of 'api_token', 'password'\."),
        ({"credentials": {"auth_type": "api_token"}}, r"API token \(credentials\.api_token\) is missing\."),
        ({"credentials": {"auth_type": "api_token", "token": SECRET}}, r"\(credentials\.api_token\) is missing\."),
        ({"credentials": {"auth_type": "api_token", "api_token": " "}}, r"\(credentials\.api_token\) is empty\."),
        ({"credentials": {"auth_type": "api_token", "api_token": [SECRET]}}, r"\(credentials\.api_token\) must be text\."),
        (
            {"credentials": {"auth_type": "password", "username": "", "password": 5}},
            r"User name \(credentials\.username\) is empty\. Credentials > Password \(credentials\.password\) must be text\.",
        ),
        ({"record_type": {"type": "asset"}}, r"What to write \(record_type\) must be one of 'user', 'user_and_saas_user'"),
        ({"record_type": {"type": "user_and_saas_user"}}, r"SaaS application \(record_type\.saas_name\) is missing"),
        ({"write_mode": "upsert"}, r"Create or update \(write_mode\) must be one of 'create_and_update', 'create_only' or"),
        ({"sync_keys": []}, r"Sync keys \(sync_keys\) is empty; it needs at least one entry"),
        ({"sync_keys": ["email", " "]}, r"Sync keys > entry 2 \(sync_keys\.1\) is empty"),
        ({"sync_keys": ["email", "email"]}, r"Sync keys \(sync_keys\) names a field twice"),
        ({"sync_keys": "email"}, r"Sync keys \(sync_keys\) must be a list"),
        ({"default_role": ["Employee"]}, r"Role of new people \(default_role\) must be a whole number or text\.$"),
        ({"default_role": True}, r"Role of new people \(default_role\) must be a whole number or text\.$"),
        ({"smart_mapping": "yes"}, r"Smart mapping \(smart_mapping\) must be true or false"),
        ({"field_mapping": {"field": "x"}}, r"Field mapping \(field_mapping\) must be a list"),
        ({"field_mapping": ["x"]}, r"Field mapping > entry 1 \(field_mapping\.0\) must be a group of settings"),
        ({"field_mapping": [{"value": "x"}]}, r"entry 1 > Oomnitza field \(field_mapping\.0\.field\) is missing"),
        ({"field_mapping": [{"field": "x"}]}, r"\(field_mapping\.0\) has neither a value nor a default for x"),
        ({"field_mapping": [{"field": "x", "value": "", "default": ""}]}, r"has neither a value nor a default for x"),
        ({"field_mapping": [{"field": "x", "default": []}]}, r"Default \(field_mapping\.0\.default\) must be text, "),
        (
            {"field_mapping": [{"field": "x", "value": "a"}, {"field": "x", "value": "b"}]},
            r"Field mapping \(field_mapping\) has two entries for x",
        ),
        ({"existing_values": "none"}, r"existing_values\) must be one of 'overwrite', 'fill_empty' or 'keep'"),
        ({"on_identity_change": "x"}, r"\(on_identity_change\) must be one of 'update' or 'refuse'"),
        ({"integration_mapping": "268"}, r"Mapping drawn in Oomnitza \(integration_mapping\) must be a whole number"),
        ({"streams": [{"skip": True}]}, r"entry 1 > Stream \(streams\.0\.stream\) is missing"),
        ({"streams": [{"stream": "a"}, {"stream": "a"}]}, r"\(streams\) has two entries for a; keep one of them"),
        (
            {"streams": [{"stream": "a", "sync_keys": ["x", "x"]}]},
            r"entry 1 > Sync keys \(streams\.0\.sync_keys\) names a field twice",
        ),
        (
            {"streams": [{"stream": "a", "record_type": {"type": "user_and_saas_user"}}]},
            r"SaaS application \(streams\.0\.record_type\.saas_name\) is missing",
        ),
        (
            {"streams": [{"stream": "a", "field_mapping": [{"field": "x"}]}]},
            r"\(streams\.0\.field_mapping\.0\) has neither a value nor a default for x",
        ),
        ({"record_filter": 5}, r"\(record_filter\) must be text"),
        ({"write_method": {"method": "soap"}}, r"Write method \(write_method\) must be one of 'rest', 'ingest'"),
        ({"write_method": {"method": "rest", "max_deactivated_percent": 101}}, r"percent\) must be at most 100\."),
        ({"write_method": {"method": "ingest", "connector_name": ""}}, r"needs a connector name or an integration id"),
        ({"write_method": {"method": "ingest", "connector_id": "12"}}, r"connector_id\) must be a whole number"),
        (
            {"record_type": SAAS, "write_method": {"method": "ingest", "connector_name": "CSV_users"}},
            r"by connector ingest needs an integration in Oomnitza and its sync key: give Integration id "
            r"\(write_method\.connector_id\) and SaaS sync key \(write_method\.saas_sync_key\), or choose REST\.",
        ),
        (
            {"record_type": SAAS, "write_method": {"method": "ingest", "connector_id": 12, "saas_sync_key": " "}},
            r"its sync key: give SaaS sync key \(write_method\.saas_sync_key\), or choose REST\.",
        ),
        (
            {"streams": [{"stream": "a", "record_type": SAAS}], "write_method": {"method": "ingest"}},
            r"give Integration id \(write_method\.connector_id\) and SaaS",
        ),
        ({"on_failed_record": "explode"}, r"\(on_failed_record\) must be one of 'continue' or 'fail_after_sync'"),
        ({"test_run": 1}, r"Test run \(test_run\) must be true or false"),
        ({"batch_size": 0}, r"Records per batch \(batch_size\) must be at least 1\."),
        ({"batch_size": 1001}, r"Records per batch \(batch_size\) must be at most 1000\."),
        ({"batch_size": True}, r"Records per batch \(batch_size\) must be a whole number\."),
        ({"num_workers": 2.5}, r"Concurrent requests \(num_workers\) must be a whole number\."),
    ],
)  # fmt: skip
def test_mistake_has_its_sentence(more: dict[str, Any], sentence: str) -> None:
    assert re.search(sentence, failure({**LEAST, **more}))


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"testrun": True}, "testrun: did you mean test_run?"),
        ({"Test-Run": True}, "Test-Run: did you mean test_run?"),
        ({"sync_key": ["email"]}, "sync_key: did you mean sync_keys?"),
        (
            {"write_method": {"method": "rest", "deactivate_mising": True}},
            "write_method.deactivate_mising: did you mean",
        ),
        (
            {"record_type": {"type": "user_and_saas_user", "saasname": "x"}},
            "record_type.saasname: did you mean saas_name?",
        ),
        ({"record_type": {"type": "user", "saas_nam": "x"}}, "record_type.saas_nam: did you mean saas_name?"),
        ({"field_mapping": [{"field": "x", "vlaue": "y", "default": 1}]}, "field_mapping.0.vlaue: did you mean value?"),
        ({"streams": [{"stream": "a", "skipp": True}]}, "streams.0.skipp: did you mean skip?"),
        (
            {"streams": [{"stream": "a", "field_mapping": [{"field": "x", "defualt": "y", "value": "z"}]}]},
            "streams.0.field_mapping.0.defualt: did you mean default?",
        ),
    ],
)
def test_misspelt_setting_fails_at_every_depth(more: dict[str, Any], sentence: str) -> None:
    assert sentence in failure({**LEAST, **more})


def test_unknown_setting_that_resembles_none_is_listed() -> None:
    raw = {
        **LEAST,
        "of_a_later_version": True,
        "credentials": {"auth_type": "api_token", "api_token": "made up", "username": "of another way to sign in"},
        "write_method": {"method": "rest", "connector_name": "of the other method", "other": None},
        "field_mapping": [{"field": "x", "value": "y", "note": "z"}],
    }
    unknown = Config.unknown(raw)
    assert Config.parse(raw).sync_keys == ["email"]
    assert sorted(unknown) == [
        "credentials.username",
        "field_mapping.0.note",
        "of_a_later_version",
        "write_method.connector_name",
    ]
    assert Config.unknown(LEAST) == []


@given(st.sampled_from([*Config.model_fields, "credentials"]), st.data())
def test_setting_with_one_slip_is_never_ignored(name: str, data: st.DataObject) -> None:
    """A letter too many, too few, or two swapped fail the check instead of a warning."""
    place = data.draw(st.integers(0, len(name) - 2))
    slips = [name[:place] + name[place + 1 :], name[:place] + name[place + 1] + name[place] + name[place + 2 :]]
    slip = data.draw(st.sampled_from([*slips, f"{name}s"]))
    if slip not in Config.model_fields:
        assert f"{slip}: did you mean " in failure({**LEAST, slip: True})


def test_mistakes_are_reported_together_a_sentence_each() -> None:
    sentence = failure({"write_mode": "x", "batch_size": 0, "default_role": {}})
    assert sentence.startswith("The configuration is not valid. ")
    assert sentence.count(" (") == 5
    for name in ("instance_url", "credentials", "write_mode", "batch_size", "default_role"):
        assert f"({name})" in sentence


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*Config.model_fields, "other"]), json_values, max_size=4), json_values)
def test_config_of_any_kind_is_read_or_named_without_secret(given_: Any, odd: Any) -> None:
    credentials = {"auth_type": "api_token", "api_token": SECRET, "password": SECRET, "extra": odd, SECRET: odd}
    raw = {**LEAST, **given_, "credentials": credentials}
    try:
        config = Config.parse(raw)
    except AirbyteTracedException as error:
        assert SECRET not in f"{error.message}{error.internal_message}"
        assert "pydantic" not in str(error.message) and "Input" not in str(error.message)
    else:
        assert SECRET not in repr(config)


def test_null_and_unknown_settings_change_nothing() -> None:
    nulls = {name: None for name in Config.model_fields if name not in LEAST}
    assert Config.parse({**LEAST, **nulls, "of a later version": 1}) == Config.parse(LEAST)


def test_blank_setting_is_not_set() -> None:
    config = Config.parse(
        {**LEAST, "default_role": "", "default_position": " ", "record_filter": "", "inactive_when": ""}
    )
    assert (config.default_role, config.default_position, config.record_filter, config.inactive_when) == (None,) * 4


STREAMS = [
    {"stream": "logins", "write_mode": "update_only", "sync_keys": ["slack_user_id"], "inactive_when": ""},
    {"stream": "groups", "skip": True, "record_type": {"type": "as_above"}, "write_mode": None},
    {"stream": "users", "namespace": "hr", "default_role": 7},
]


def test_entry_given_settings_win_others_stay() -> None:
    config = Config.parse({**LEAST, "default_role": 25, "existing_values": "keep", "streams": STREAMS})
    logins = config.for_stream("logins", "any namespace")
    assert (logins.write_mode, logins.sync_keys, logins.inactive_when) == ("update_only", ["slack_user_id"], None)
    assert (logins.default_role, logins.existing_values) == (25, "keep")
    assert logins.instance_url == config.instance_url


def test_entry_without_settings_changes_nothing() -> None:
    saas = {"type": "user_and_saas_user", "saas_name": "Slack"}
    config = Config.parse({**LEAST, "record_type": saas, "streams": STREAMS})
    groups = config.for_stream("groups")
    assert groups == config and groups.saas is not None
    entry = config.entry("groups")
    assert entry is not None and entry.skip
    assert config.for_stream("another") is config


def test_entry_with_namespace_holds_there_alone() -> None:
    config = Config.parse({**LEAST, "streams": [*STREAMS, {"stream": "users", "default_role": 8}]})
    roles = [config.for_stream("users", namespace).default_role for namespace in ("hr", "it", None)]
    assert roles == [7, 8, 8]


def test_saas_id_as_a_number_becomes_text() -> None:
    saas = Config.parse(
        {**LEAST, "record_type": {"type": "user_and_saas_user", "saas_name": "Slack", "saas_id": 12}}
    ).saas
    assert saas is not None and saas.saas_id == "12"


@pytest.mark.parametrize("default", ["HQ", 5, 1.5, True, False, "5", "true"])
def test_constant_keeps_its_type(default: Any) -> None:
    (entry,) = Config.parse({**LEAST, "field_mapping": [{"field": "x", "default": default}]}).field_mapping
    assert entry.default == default and type(entry.default) is type(default)


def test_texts_are_trimmed() -> None:
    config = Config.parse({**LEAST, "sync_keys": [" email "], "field_mapping": [{"field": " address ", "value": "x"}]})
    assert config.sync_keys == ["email"]
    assert config.field_mapping[0].field == "address"
