"""Tests docs/source-slack-users.md: fields, settings, manifests and errors."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from source_slack_users.error_codes import RULES
from source_slack_users.workspaces import NEEDED_SCOPES

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "source-slack-users" / "source_slack_users"
PAGE = (ROOT / "docs" / "source-slack-users.md").read_text(encoding="utf-8")
WORDS = {"array": "array of strings"}


def section(title: str) -> str:
    """Return a section of the page, up to the next heading of its level or above."""
    level = len(title) - len(title.lstrip("#"))
    return re.split(rf"\n#{{1,{level}}} ", PAGE.split(f"\n{title}\n")[1])[0]


@pytest.mark.parametrize("stream", [path.stem for path in (PACKAGE / "schemas").glob("*.json")])
def test_documented_fields_are_those_of_the_schema(stream: str) -> None:
    schema = json.loads((PACKAGE / "schemas" / f"{stream}.json").read_text())["properties"]
    documented = dict(re.findall(r"^\| `(\w+)` \| ([a-z -]+) \|", section(f"### {stream}"), re.MULTILINE))
    declared = {}
    for name, field in schema.items():
        (kind,) = set(field["type"] if isinstance(field["type"], list) else [field["type"]]) - {"null"}
        declared[name] = field.get("format") or WORDS.get(kind, kind)
    assert documented == declared


def test_documented_settings_are_those_of_the_form() -> None:
    fields: dict[str, Any] = yaml.safe_load((PACKAGE / "spec.yaml").read_text())["connectionSpecification"][
        "properties"
    ]
    documented = re.findall(
        r"^\| \*\*(.+)\*\* \(`(\w+)`\) \|", section("### Step 2: Set up the source in Airbyte"), re.MULTILINE
    )
    assert {name: title for title, name in documented} == {name: field["title"] for name, field in fields.items()}


def test_documented_manifests_ask_for_needed_scopes() -> None:
    manifests = [
        json.loads(text) for text in re.findall(r"```json\n(.*?)```", section("#### Slack app manifest"), re.DOTALL)
    ]
    assert [manifest["oauth_config"]["scopes"]["bot"] for manifest in manifests] == [list(NEEDED_SCOPES)] * 2
    assert [manifest["settings"]["token_rotation_enabled"] for manifest in manifests] == [False, True]


def test_error_messages_page_explains_each_codes_advice() -> None:
    page = (ROOT / "docs" / "error-messages.md").read_text(encoding="utf-8").split("\n## ")[1]
    rows = [line for line in page.splitlines() if line.startswith("|")]
    for code, rule in RULES.items():
        assert not rule.advice or any(f"| {rule.advice} |" in row and f"`{code}`" in row for row in rows), code
