"""Tests that the Terraform example parses, and fits the provider and the bundle."""

import re
from functools import reduce
from pathlib import Path
from typing import Any

import hcl2
import pytest
import yaml

from bundle.definition import BUNDLE_FILE

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "terraform"
TEXT = (FOLDER / "main.tf").read_text(encoding="utf-8")

# From the provider's documentation (airbytehq/airbyte 1.3, docs/resources): arguments that can be set (and Terraform's
# `for_each`), and read-only attributes that others can refer to. documentation_url is left out, because its change would
# replace a definition, and with it the state of its connections.
ARGUMENTS = {
    "airbyte_source_definition": {"docker_image_tag", "docker_repository", "name", "workspace_id"},
    "airbyte_destination_definition": {
        "docker_image_tag",
        "docker_repository",
        "name",
        "workspace_id",
    },
    "airbyte_source": {"configuration", "name", "workspace_id", "definition_id"},
    "airbyte_destination": {"configuration", "name", "workspace_id", "definition_id"},
    "airbyte_connection": {
        "for_each",
        "configurations",
        "destination_id",
        "name",
        "schedule",
        "source_id",
        "status",
    },
}
ATTRIBUTES = {
    "airbyte_source_definition": "id",
    "airbyte_destination_definition": "id",
    "airbyte_source": "source_id",
    "airbyte_destination": "destination_id",
}


def parse(name: str) -> dict[str, Any]:
    with (FOLDER / name).open(encoding="utf-8") as file:
        content: dict[str, Any] = hcl2.load(file)
    return content


def resources() -> dict[tuple[str, str], dict[str, Any]]:
    found = {}
    for block in parse("main.tf")["resource"]:
        ((kind, named),) = block.items()
        ((name, body),) = named.items()
        found[kind.strip('"'), name.strip('"')] = {key: value for key, value in body.items() if key != "__is_block__"}
    return found


def test_resources_are_those_of_make_register() -> None:
    assert sorted(kind for kind, _ in resources()) == sorted(ARGUMENTS)


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_resource_has_arguments_of_the_provider(kind: str) -> None:
    (body,) = [body for (other, _), body in resources().items() if other == kind]
    assert body.keys() == ARGUMENTS[kind]


def test_variables_are_declared_and_used() -> None:
    declared = {name.strip('"') for block in parse("variables.tf")["variable"] for name in block}
    assert set(re.findall(r"\bvar\.(\w+)", TEXT)) == declared


def test_secret_variables_are_sensitive() -> None:
    blocks = {name.strip('"'): body for block in parse("variables.tf")["variable"] for name, body in block.items()}
    sensitive = {name for name, body in blocks.items() if body.get("sensitive") is True}
    assert sensitive == {"client_id", "client_secret", "slack_token", "oomnitza_token"}


def test_references_between_resources_exist() -> None:
    references = re.findall(r"\b(airbyte_\w+)\.(\w+)\.(\w+)", TEXT)
    assert len(references) == 4
    for kind, name, attribute in references:
        assert (kind, name) in resources()
        assert ATTRIBUTES[kind] == attribute


def test_values_from_metadata_files_exist() -> None:
    def read(path: Path) -> Any:
        return yaml.safe_load(path.read_text(encoding="utf-8"))

    bundle = read(ROOT / BUNDLE_FILE)
    places: dict[str, Any] = {
        "bundle": bundle,
        "connectors": bundle["connectors"],
        "connections": bundle["connections"],
    }
    for side in ("source", "destination"):
        places[f"{side}_metadata"] = read(ROOT / bundle["connectors"][side]["directory"] / "metadata.yaml")["data"]
    references = set(re.findall(r"\blocal\.([\w.]+)", TEXT))
    assert {reference.split(".")[0] for reference in references} == places.keys()
    for reference in references:
        assert reduce(lambda place, step: place[step], reference.split("."), places) is not None


def test_schedule_is_written_as_airbyte_returns_it() -> None:
    # Airbyte returns the time zone, so every plan would show a difference without it.
    (connection,) = [body for (kind, _), body in resources().items() if kind == "airbyte_connection"]
    assert connection["schedule"]["cron_expression"] == '"${each.value.schedule.cron} UTC"'


def test_connection_has_what_the_bundle_says_of_each() -> None:
    bundle = yaml.safe_load((ROOT / BUNDLE_FILE).read_text(encoding="utf-8"))
    for connection in bundle["connections"].values():
        for reference in set(re.findall(r"\beach\.value\.([\w.]+)", TEXT)) - {"enabled"}:
            assert reduce(lambda place, step: place[step], reference.split("."), connection) is not None


def test_connection_that_is_not_enabled_is_inactive() -> None:
    assert 'try(each.value.enabled, true) ? "active" : "inactive"' in TEXT
