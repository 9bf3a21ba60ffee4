"""Tests the links of the pages, and the tables of contents of long ones.

External links are compared with docs/links.md; nothing is requested.
"""

from __future__ import annotations

import re

import pytest

from integration_tests.docs.pages import PAGES, ROOT, headings, links, read, rows

EXTERNAL = "docs/links.md"
TWO_SCREENS = 80


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_and_headings(page: str) -> None:
    for target in links(read(page)):
        if not target.startswith("https://"):
            name, _, anchor = target.partition("#")
            there = ((ROOT / page).parent / name).resolve() if name else ROOT / page
            assert there.exists(), target
            anchors = {each.anchor for each in headings(read(there))} if anchor else {""}
            assert anchor in anchors, target


def test_external_links_are_those_of_the_list() -> None:
    used = {target for page in PAGES if page != EXTERNAL for target in links(read(page)) if "://" in target}
    listed = [row[0].strip("<>") for row in rows(read(EXTERNAL))]
    assert listed == sorted(used)


@pytest.mark.parametrize("page", PAGES)
def test_long_page_begins_with_a_table_of_contents(page: str) -> None:
    """Compare the links before the first section with all sections, in order."""
    if len((ROOT / page).read_text(encoding="utf-8").splitlines()) > TWO_SCREENS:
        sections = [f"#{each.anchor}" for each in headings(read(page)) if each.level == 2]
        beginning = [target for target in links(read(page).split("\n## ")[0]) if target in sections]
        assert beginning[-len(sections) :] == sections


@pytest.mark.parametrize("page", PAGES)
def test_table_has_rows_of_equal_length(page: str) -> None:
    for table in re.findall(r"(?:^ *\|.*\n?)+", read(page), re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1, table
