"""Tests both forms as Airbyte's UI renders them: open fields, and places."""

from __future__ import annotations

import re
from typing import Any

import pytest
from destination_oomnitza.config.models import Config

from integration_tests.platform.airbyte_form import (
    OPTIONAL_FIELDS,
    Block,
    FormBuildError,
    draw,
    form_block,
    initial_values,
)
from integration_tests.platform.test_airbyte_ui_page import PAGE, ROOT, connection_specification

DIRECTORIES = {"source": "source-slack-users", "destination": "destination-oomnitza"}
SPECS = {connector: connection_specification(directory) for connector, directory in DIRECTORIES.items()}
OWN_FIELD = {"source": "Source name", "destination": "Destination name"}


def drawn(connector: str) -> list[str]:
    return draw(SPECS[connector], OWN_FIELD[connector])


def blocks(block: Block) -> list[Block]:
    return [block, *(inner for part in block.parts for inner in blocks(part))]


def top_level(lines: list[str]) -> list[str]:
    return [line.partition(" [")[0] for line in lines if not line.startswith(" ")]


@pytest.mark.parametrize("connector", SPECS)
def test_page_draws_the_form_as_the_ui_renders_it(connector: str) -> None:
    drawings = re.findall(r"^```text\n(.*?)\n```$", PAGE, re.MULTILINE | re.DOTALL)
    (drawing,) = [each for each in drawings if each.startswith(OWN_FIELD[connector])]
    assert drawing.splitlines() == drawn(connector)


def test_destination_opens_what_a_first_sync_needs() -> None:
    lines = top_level(drawn("destination"))
    assert lines[: lines.index(OPTIONAL_FIELDS)] == [
        "Destination name",
        "Oomnitza address",
        "Credentials",
        "Role of new people",
        "What to write",
        "Test run",
        "Field mapping",
    ]


@pytest.mark.parametrize("connector", SPECS)
def test_credentials_offer_the_api_token_first(connector: str) -> None:
    credentials = form_block(SPECS[connector]["properties"]["credentials"])
    assert credentials.parts[0].title == "API token"


@pytest.mark.parametrize("connector", SPECS)
@pytest.mark.parametrize("place", range(3), ids=["open", "Optional fields", "Advanced"])
def test_page_names_the_place_of_every_field(connector: str, place: int) -> None:
    """The page describes each field under the heading that the form shows."""
    page = (ROOT / "docs" / f"{DIRECTORIES[connector]}.md").read_text(encoding="utf-8")
    form = re.split(rf"^### Step 2: Set up the {connector} in Airbyte$", page, flags=re.MULTILINE)[1]
    tables = re.split(r"^(?:Under \*\*(?:Optional fields|Advanced)\*\*|Within |#)", form, flags=re.MULTILINE)
    rows = re.findall(r"^\| \*\*(.+?)\*\* \(", tables[place], re.MULTILINE)
    titles = {name: each["title"] for name, each in SPECS[connector]["properties"].items()}
    root = {part.title: part for part in form_block(SPECS[connector]).parts}
    where = {
        title: 2 if root[title].schema.get("group") == "advanced" else 0 if root[title].stands_open else 1
        for title in titles.values()
    }
    assert rows == [title for title in sorted(where, key=lambda each: root[each].order or 0) if where[title] == place]


def test_rule_of_the_mapping_has_a_title_without_flags() -> None:
    """The title of a rule lists its settings, but no flag that is off."""
    rule = form_block(SPECS["destination"]["properties"]["field_mapping"]["items"])
    assert [part.title for part in rule.parts if part.stands_open] == ["Oomnitza field", "Value", "Default"]
    assert not [part.title for part in rule.parts if "default" in part.schema]


def test_entry_of_a_stream_changes_nothing_by_itself() -> None:
    """The defaults of a new entry change nothing by themselves."""
    entry = form_block(SPECS["destination"]["properties"]["streams"]["items"])
    choices = [part for part in entry.parts if part.kind == "condition"]
    assert [choice.parts[0].title for choice in choices] == ["As for all streams"]
    assert not [part.title for part in entry.parts if "default" in part.schema]


def test_untouched_form_is_the_least_configuration() -> None:
    values = initial_values(form_block(SPECS["destination"]))
    values |= {"instance_url": "acme", "credentials": {**values["credentials"], "api_token": "made up"}}
    least = {"instance_url": "acme", "credentials": {"auth_type": "api_token", "api_token": "made up"}}
    assert Config.parse(values) == Config.parse(least)


def test_untouched_entry_of_a_stream_is_as_all_streams() -> None:
    least = {"instance_url": "acme", "credentials": {"auth_type": "api_token", "api_token": "made up"}}
    saas = {"record_type": {"type": "user_and_saas_user", "saas_name": "Slack"}, "write_mode": "update_only"}
    entry = {**initial_values(form_block(SPECS["destination"]["properties"]["streams"]["items"])), "stream": "logins"}
    config = Config.parse({**least, **saas, "streams": [entry]})
    assert entry.keys() == {"stream", "record_type"}
    assert config.for_stream("logins") == config


@pytest.mark.parametrize("connector", SPECS)
def test_field_has_a_title_and_an_order(connector: str) -> None:
    """Every field has a title and an order; the form would use its name otherwise."""
    fields = [each for each in blocks(form_block(SPECS[connector])) if each.key and not each.is_hidden]
    assert len(fields) > 10
    assert not [each.key for each in fields if not each.schema.get("title")]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "oneOf": [{"const": "create_only", "title": "Create only"}]},
        {"type": "object", "oneOf": [{"properties": {"kind": {"type": "string"}}}]},
    ],
)
def test_form_that_the_ui_cannot_build_is_an_error(schema: dict[str, Any]) -> None:
    """The UI shows an error for a oneOf of texts."""
    with pytest.raises(FormBuildError):
        form_block({"type": "object", "properties": {"write_mode": schema}})
