"""The pages that belong to no one connector are true: messages, comparisons, file names, commands and links."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest
from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer
from destination_oomnitza.protocol.catalog import parse_catalog

from integration_tests.sandbox.oomnitza.switches import Switches
from integration_tests.tools import error_messages

ROOT = Path(__file__).parents[2]
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
    "docs/terraform/README.md",
]


def section(page: str, title: str) -> str:
    """Give a page's text from a second heading to the next."""
    return re.split(r"\n## ", (ROOT / page).read_text(encoding="utf-8").split(f"\n## {title}\n")[1])[0]


def rows(text: str) -> list[list[str]]:
    """Give the cells of all tables' rows, without their heads."""
    lines = text.splitlines()
    return [
        [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line, after in zip(lines, [*lines[1:], ""], strict=True)
        if line.startswith("|") and not line.startswith("|---") and not after.startswith("|---")
    ]


def test_the_comparison_names_for_each_of_our_lines_a_test_that_there_is() -> None:
    table = rows((ROOT / "docs" / "compared.md").read_text(encoding="utf-8"))
    assert len(table) > 30
    for row in table:
        shown = re.findall(r"`([\w/.-]+\.py)::(\w+)`", row[-1])
        assert shown or row[-1] == "not offered", row
        for path, test in shown:
            assert f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{test}"


def test_contributings_catalog_is_one() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.DOTALL)
    (stream,) = parse_catalog(json.loads(example))
    assert (stream.name, stream.destination_sync_mode) == ("users", "append_dedup")
    assert ConfiguredAirbyteCatalogSerializer.load(json.loads(example)).streams[0].stream.name == "users"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    path = ROOT / page
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if not target.startswith(("https://", "#")):
            name, _, anchor = target.partition("#")
            there = path.parent / name
            assert there.exists(), target
            if anchor:
                titles = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.MULTILINE)
                assert anchor in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}, target


def test_how_it_works_names_files_that_there_are() -> None:
    """Each file or folder is in one of the two packages, and each function that stands beside a file is in it."""
    page = (ROOT / "docs" / "how-it-works.md").read_text(encoding="utf-8")
    packages = (
        ROOT / "source-slack-users" / "source_slack_users",
        ROOT / "destination-oomnitza" / "destination_oomnitza",
    )
    homes = (ROOT, *packages, *(package.parent for package in packages))
    named = re.findall(r"`([\w/-]+(?:\.py|\.json|\.yaml|/))`|\b([\w/]+\.py)<br/>", page)
    assert len(named) > 60
    for name in map("".join, named):
        assert any((home / name).exists() for home in homes), name
    for name, function in re.findall(r"`([\w/]+\.py)`, `(?:[A-Z]\w+\.)?(\w+)`", page):
        code = "".join(path.read_text(encoding="utf-8") for home in homes if (path := home / name).exists())
        assert re.search(rf"(?:def|class) {function}\b", code), f"{name}: {function}"


def test_open_points_name_every_switch_of_the_sandbox() -> None:
    """docs/oomnitza-api.md has a row for each point that is open, and the sandbox a switch for each."""
    table = rows(section("docs/oomnitza-api.md", "Open points"))
    named = {name for row in table for name in re.findall(r"`(\w+)`", row[-1])}
    assert named == {each.name for each in dataclasses.fields(Switches)}
    assert all(named.intersection(re.findall(r"\w+", row[-1])) or row[-1] == "always rejected" for row in table)


def test_error_messages_page_is_that_of_the_code() -> None:
    """`make docs` writes it."""
    assert error_messages.PAGE.read_text(encoding="utf-8") == error_messages.page()
