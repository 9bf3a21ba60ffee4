"""Tests docstrings: short first lines without question words, right examples."""

from __future__ import annotations

import ast
import doctest
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
LONGEST = 80
QUESTIONS = re.compile(r"(?:What|Who|Where|Whose|How)\b")
FOLDERS = ("bundle", "destination-oomnitza", "integration_tests", "source-slack-users")


def first_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line number and first line of each docstring."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node)
            if docstring:
                yield node.body[0].lineno, docstring.partition("\n")[0]


def test_docstring_starts_with_short_line() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line}"
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        for number, line in first_lines(path)
        if len(line) > LONGEST or QUESTIONS.match(line)
    ]
    assert found == []


def test_docstring_examples_are_right() -> None:
    modules = [path for path in sorted((ROOT / "bundle").rglob("*.py")) if ">>>" in path.read_text(encoding="utf-8")]
    results = [doctest.testmod(importlib.import_module(f"bundle.{path.stem}")) for path in modules]
    assert sum(result.attempted for result in results) >= len(modules) > 0
    assert sum(result.failed for result in results) == 0
