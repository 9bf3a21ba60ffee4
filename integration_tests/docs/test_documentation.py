"""Tests pages of the whole project: messages, comparisons, names and commands."""

from __future__ import annotations

import dataclasses
import json
import re

from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer
from destination_oomnitza.protocol.catalog import parse_catalog

from integration_tests.docs.pages import ROOT, read, rows, section
from integration_tests.sandbox.oomnitza.switches import Switches
from integration_tests.tools import error_messages


def test_comparison_shows_each_line_by_a_test() -> None:
    """Compare the features with the rows of "Shown by", and these with the tests."""
    compared, shown = read("docs/compared.md").split("\n## Shown by\n")
    features = [row for row in rows(compared) if len(row) == 4]
    assert len(features) > 60
    offered = [row[0] for row in features if not re.match(r"no(,|$)", row[-1])]
    tests = {row[0]: re.findall(r"\[(\w+)\]\(\.\./([\w/.-]+\.py)\)", row[1]) for row in rows(shown)}
    assert list(tests) == [feature for feature in (row[0] for row in features) if feature in tests]
    assert [feature for feature in offered if not tests.get(feature)] == []
    named = [each for shown_by in tests.values() for each in shown_by]
    assert [each for each in named if f"def {each[0]}(" not in (ROOT / each[1]).read_text(encoding="utf-8")] == []


def test_contributings_catalog_is_one() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.DOTALL)
    (stream,) = parse_catalog(json.loads(example))
    assert (stream.name, stream.destination_sync_mode) == ("users", "append_dedup")
    assert ConfiguredAirbyteCatalogSerializer.load(json.loads(example)).streams[0].stream.name == "users"


def test_contributing_names_every_command() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = re.findall(r"`make ([a-z-]+)[^`]*`", section("CONTRIBUTING.md", "Commands"))
    assert sorted(named) == sorted(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))


def test_contributing_names_files_that_exist() -> None:
    named = re.findall(r"`(\w+/(?:\w+\.py)?)`", section("CONTRIBUTING.md", "Tests"))
    assert len(named) > 5
    assert [name for name in named if not (ROOT / "integration_tests" / name).exists()] == []


def test_security_names_tests_that_exist() -> None:
    named = set(re.findall(r"`(test_\w+\.py)`", read("SECURITY.md")))
    there = {path.name for folder in ("*/unit_tests", "integration_tests") for path in ROOT.glob(f"{folder}/**/*.py")}
    assert len(named) > 15
    assert named - there == set()


def test_how_it_works_names_files_that_exist() -> None:
    """Each file exists in one of the packages, and holds the functions named with it."""
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
    """Each open point has a row in docs/oomnitza-api.md and a switch in the sandbox."""
    table = rows(section("docs/oomnitza-api.md", "Open points"))
    named = {name for row in table for name in re.findall(r"`(\w+)`", row[-1])}
    assert named == {each.name for each in dataclasses.fields(Switches)}
    assert all(named.intersection(re.findall(r"\w+", row[-1])) or row[-1] == "always rejected" for row in table)


def test_error_messages_page_is_that_of_the_code() -> None:
    """The page equals the output of `make docs`."""
    assert error_messages.PAGE.read_text(encoding="utf-8") == error_messages.page()
