"""Tests of the specification: OAuth and the form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from source_slack_users.config import form

from .commands import command


def test_spec_oauth_fields_exist_in_the_form(tmp_path: Path) -> None:
    (spec,) = [m["spec"] for m in command(tmp_path, "spec") if m["type"] == "SPEC"]
    auth = spec["advanced_auth"]
    assert (auth["auth_flow_type"], auth["predicate_key"], auth["predicate_value"]) == (
        "oauth2.0",
        ["credentials", "auth_type"],
        "oauth2.0",
    )
    flow = auth["oauth_config_specification"]
    asked = flow["oauth_connector_input_specification"]
    assert asked["scope"] == "users:read,users:read.email"
    assert flow["complete_oauth_server_input_specification"]["required"] == ["client_id", "client_secret"]
    oauth_fields = spec["connectionSpecification"]["properties"]["credentials"]["oneOf"][1]["properties"]
    merged = (
        flow["complete_oauth_output_specification"]["properties"]
        | flow["complete_oauth_server_output_specification"]["properties"]
    )
    assert {tuple(field["path_in_connector_config"]) for field in merged.values()} == {
        ("credentials", name) for name in oauth_fields if name != "auth_type"
    }


def test_spec_has_only_what_the_form_understands(tmp_path: Path) -> None:
    (spec,) = [m["spec"] for m in command(tmp_path, "spec") if m["type"] == "SPEC"]
    text = json.dumps(spec["connectionSpecification"])
    assert not any(keyword in text for keyword in ('"$ref"', '"allOf"', '"anyOf"', '"not"'))
    fields = spec["connectionSpecification"]["properties"]
    assert [field["order"] for field in fields.values()] == list(range(len(fields)))
    for variant in fields["credentials"]["oneOf"]:
        fields = {**fields, **{name: field for name, field in variant["properties"].items() if name != "auth_type"}}
    assert all(field["title"] and field["description"] for field in fields.values())


def open_fields(schema: dict[str, Any]) -> list[str]:
    """Return the titles of the fields that Airbyte's form shows at first.

    Those are required fields, fields with always_show, and each oneOf (https://github.com/airbytehq/airbyte-platform).
    """
    required = schema.get("required", [])
    fields = sorted(schema["properties"].items(), key=lambda item: item[1].get("order", 0))
    shown = [field for name, field in fields if name in required or field.get("always_show") or "oneOf" in field]
    return [field["title"] for field in shown if "const" not in field]


def test_form_first_look_shows_what_a_first_sync_needs() -> None:
    assert open_fields(form()) == ["Authentication"]
    token, oauth = form()["properties"]["credentials"]["oneOf"]
    assert open_fields(token) == ["Token"], "the first option is chosen"
    assert open_fields(oauth) == ["Client ID", "Client secret", "Access token", "Refresh token"]


def test_form_rare_settings_are_in_group_advanced() -> None:
    groups = [group["id"] for group in form()["groups"]]
    assert groups == ["advanced"]
    rare = [name for name, field in form()["properties"].items() if field.get("group") == "advanced"]
    assert rare == ["page_size", "api_url"]
