"""Tests of docs/destination-oomnitza.md: settings, tables and examples."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from destination_oomnitza.config.models import Config
from destination_oomnitza.config.spec_schema import specification
from destination_oomnitza.mapping.rules import SLACK_LABELS, SMART_FIELDS
from destination_oomnitza.person_schema import PersonSchema
from destination_oomnitza.planning.stream_plan import plan_streams
from destination_oomnitza.protocol.catalog import Stream
from jsonschema import Draft7Validator

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "destination-oomnitza" / "destination_oomnitza"
PAGE = (ROOT / "docs" / "destination-oomnitza.md").read_text(encoding="utf-8")
FORM = specification(Config)
NAMED = re.compile(r"\*\*(.+?)\*\* \(`(\w+)`\)")
"""A field's title in the form, and its name in the configuration."""
LEAST: dict[str, Any] = {
    "instance_url": "acme",
    "credentials": {"auth_type": "api_token", "api_token": "made up"},
    "default_role": 25,
}


def section(title: str) -> str:
    """Return the page from a heading to the next one of the same or a higher level."""
    level = len(title) - len(title.lstrip("#"))
    return re.split(rf"\n#{{1,{level}}} ", PAGE.split(f"\n{title}\n")[1])[0]


def rows(text: str) -> list[list[str]]:
    """Return the cells of a table's rows, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines if not line.startswith("|---")
    ]


def test_page_has_each_field_of_the_form_with_its_default() -> None:
    page, within = section("### Step 2: Set up the destination in Airbyte").split("\nWithin ")
    documented = [(title, name, row[-1]) for row in rows(page) for title, name in NAMED.findall(row[0])]
    fields = {name: each for name, each in FORM["properties"].items() if isinstance(each, dict)}
    assert {name: title for title, name, _ in documented} == {name: each["title"] for name, each in fields.items()}
    advanced = {name for name, each in fields.items() if each.get("group") == "advanced"}
    assert {name for _, name, _ in documented[-len(advanced) :]} == advanced
    documented_within = [(title, name, row[-1]) for row in rows(within) for title, name in NAMED.findall(row[0])]
    choices = [choice["properties"] for each in fields.values() for choice in each.get("oneOf", [])]
    fields_within = {name: each for choice in choices for name, each in choice.items() if "const" not in each}
    assert {name: title for title, name, _ in documented_within} == {
        n: each["title"] for n, each in fields_within.items()
    }
    for _, name, default in documented + documented_within:
        expected = {**fields, **fields_within}[name].get("default")
        if isinstance(expected, bool):
            assert default == ("on" if expected else "off")
        elif isinstance(expected, (str, int, float)):
            assert default.strip("`") == f"{expected:g}" if isinstance(expected, float) else str(expected)


def test_tables_of_smart_mapping_are_in_force() -> None:
    documented = section("### Smart mapping")
    pairs = {
        field: source
        for fields, sources in rows(documented)
        for field, source in zip(re.findall(r"`(\w+)`", fields), re.findall(r"`(\w+)`", sources), strict=False)
    }
    assert pairs == SMART_FIELDS
    assert {label: source.strip("`") for label, source in rows(documented) if label in SLACK_LABELS} == SLACK_LABELS


RULES = [
    json.loads(rule.replace("\\|", "|")) for rule in re.findall(r"`(\{\"field\".*\})` \|", section("### Field mapping"))
]
EXAMPLES = [json.loads(each) for each in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]


@pytest.mark.parametrize(
    "config",
    [
        *[{"field_mapping": [rule]} for rule in RULES],
        *[each for each in EXAMPLES if "sync_report" not in each],
    ],
)
def test_example_fits_the_form_and_compiles(config: dict[str, Any]) -> None:
    config = {**LEAST, **config}
    Draft7Validator(FORM).validate(config)
    roles = {"searchhelp": [{"key": "25", "value": "Employee"}, {"key": "12", "value": "Asset Manager"}]}
    unique = {"data_type": "text", "unique": "1"}
    instance = PersonSchema.parse(
        {"role": roles, "employee_no": unique, "slack_user_id": {**unique, "label": "Slack User Id"}}
    )
    mappings = {268: {"POSITION": {"type": "attribute", "value": "title"}}}
    (plan,) = plan_streams(Config.parse(config), instance, [Stream("users")], mappings)
    assert plan.mapping.rules


def test_examples_return_documented_values() -> None:
    assert len(RULES) == 10 and len(EXAMPLES) == 2
    (report,) = [each["sync_report"]["users"] for each in EXAMPLES if "sync_report" in each]
    assert list(report) == ["added", "updated", "unchanged", "skipped", "failed", "skipped_because", "saas"]
    made = plan_streams(
        Config.parse({**LEAST, "field_mapping": RULES[-2:]}), PersonSchema.unknown(), [Stream("users")]
    )[0].mapping
    row = made(
        {
            "email": "a@b.example",
            "phone": "+1 (555) 1234",
            "fields": [{"name": "Desk"}, {"name": "Office", "value": "Rome"}],
        }
    )
    assert row is not None and (row.fields["phone_number"], row.fields["address"]) == ("15551234", "Rome")


def test_quoted_messages_are_those_of_the_code() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    quoted = re.findall(r"^\| `(.+?)` \|", section("## Limitations & Troubleshooting"), re.MULTILINE)
    parts = [part.strip(" ,.") for each in quoted for part in each.removeprefix("Rejected:").split("...")]
    assert len(quoted) == 3
    assert [part for part in parts if part not in code] == []
