"""Tests the project's language: one word for each thing."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Each has a plainer word: batch, again, fix, limit, acknowledgement, no duplicates; software reports and returns.
GONE = re.compile(
    r"\b(?:lots?|anew|mend(?:s|ed|ing)?|goodwill|glance|bear with|brakes?|receipts?|nobody twice|told|tells|says|said|knows|speaks|minds)\b"
    r"|\blook-ups?\b|\bheight (?=of\b|where\b|\|)",
    re.IGNORECASE,
)
ALLOWED = re.compile(r"\ba lot of\b|\blots of\b", re.IGNORECASE)
SUFFIXES = (".py", ".md", ".yaml", ".yml", ".toml", ".html", ".js", ".tf")


def files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = [name for name in listed.splitlines() if name.endswith(SUFFIXES) or name == "Makefile"]
    return [ROOT / name for name in names if name != "integration_tests/docs/test_language.py"]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="the list of files is git's, and this is no checkout")
def test_words_that_are_gone_stay_out() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {each[0]}"
        for path in files()
        if path.is_file()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for each in GONE.finditer(ALLOWED.sub("", line))
    ]
    assert found == []


def test_cited_files_exist_in_the_repository() -> None:
    """Facts are cited by URL, or by docs/oomnitza-api.md."""
    absent = re.compile(r"\b(?:design\.md|(?<!-)oomnitza\.md|configuration\.md)\b")
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()[:100]}"
        for path in files()
        if path.is_file() and path.suffix == ".py"
        for line in path.read_text(encoding="utf-8").splitlines()
        if absent.search(line.replace("destination-oomnitza.md", ""))
    ]
    assert found == []


def test_names_of_tests_are_short_and_begin_with_the_unit() -> None:
    """Compare with `test_<unit>_<condition>_<result>`, at most 60 characters."""
    names = [
        name
        for path in files()
        if path.is_file() and path.suffix == ".py"
        for name in re.findall(r"def (test_\w+)\(", path.read_text(encoding="utf-8"))
    ]
    assert len(names) > 1000
    assert [each for each in names if len(each) > 60 or re.match(r"test_(?:an?|it|the|who|what|where)_", each)] == []
