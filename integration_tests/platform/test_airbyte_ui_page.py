"""Tests docs/airbyte-ui.md: names of fields, and the bundle's values."""

import logging
import re
from pathlib import Path
from typing import Any

import pytest
from destination_oomnitza.destination import DestinationOomnitza
from source_slack_users import SourceSlackUsers

from bundle.definition import DEFAULT_CONNECTION, load_bundle, load_metadata

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "airbyte-ui.md").read_text(encoding="utf-8")
BUNDLE = load_bundle(ROOT)


def connection_specification(connector: str) -> dict[str, Any]:
    """Return a connector's form."""
    made = {"source-slack-users": SourceSlackUsers, "destination-oomnitza": DestinationOomnitza}[connector]()
    form: dict[str, Any] = made.spec(logging.getLogger("airbyte")).connectionSpecification
    return form


def step(title: str) -> str:
    """Return one step of the page."""
    (found,) = re.findall(rf"^## Step \d: {re.escape(title)}$(.*?)^## ", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.mark.parametrize("connector", ["source-slack-users", "destination-oomnitza"])
def test_step_names_fields_of_the_form(connector: str) -> None:
    side = connector.partition("-")[0]
    named = re.findall(r"^ +\| \*\*(.+?)\*\* \|", step(f"Set up the {side}"), re.MULTILINE)
    titles = {part["title"] for part in connection_specification(connector)["properties"].values()}
    assert named[0] == f"{side.title()} name"
    assert set(named[1:]) <= titles


@pytest.mark.parametrize("side", ["source", "destination"])
def test_page_names_the_images_of_the_bundle(side: str) -> None:
    connector = getattr(BUNDLE.connectors, side)
    assert f"--build-arg CONNECTOR={connector.directory} -t {connector.image} ." in PAGE
    assert f"kind load docker-image {connector.image} " in PAGE
    form = step("Add the two connectors")
    for value in (load_metadata(ROOT, connector).name, connector.repository, connector.tag):
        assert f"`{value}` |" in form


def test_page_names_the_connection_of_the_bundle() -> None:
    form = step("Connect them")
    connection = BUNDLE.connections[DEFAULT_CONNECTION]
    connectors = BUNDLE.connectors
    for value in (connection.name, connectors.source.name, connectors.destination.name, connection.schedule.cron):
        assert f"`{value}`" in form
    assert all(f"Stream `{stream.name}` | On" in form for stream in connection.streams)
