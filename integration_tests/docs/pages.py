"""Reads the pages of documentation: their headings, links and tables."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "docs/**/*.md", "*/README.md")
    for path in ROOT.glob(pattern)
    if not path.relative_to(ROOT).parts[0].startswith(".")
)


@dataclass(frozen=True)
class Heading:
    """A heading, with its anchor as GitHub makes it."""

    level: int
    title: str
    anchor: str


def read(page: str | Path) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```$", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def section(page: str, title: str) -> str:
    """Return a page's text from a second-level heading to the next."""
    return re.split(r"\n## ", read(page).split(f"\n## {title}\n")[1])[0]


def headings(text: str) -> list[Heading]:
    """Return the headings of a text in order."""
    found = []
    times: Counter[str] = Counter()
    for marks, title in re.findall(r"^(#+) (.+)$", text, re.MULTILINE):
        anchor = re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        found.append(Heading(len(marks), title, f"{anchor}-{times[anchor]}" if times[anchor] else anchor))
        times[anchor] += 1
    return found


def links(text: str) -> list[str]:
    """Return the targets of links and pictures that do not stand in code."""
    return re.findall(r"\]\(([^)\s]+)\)", re.sub(r"(`+)[^\n]*?\1", "", text))


def rows(text: str) -> list[list[str]]:
    """Return the cells of all tables' rows, without their heads."""
    lines = text.splitlines()
    return [
        [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line, after in zip(lines, [*lines[1:], ""], strict=True)
        if line.startswith("|") and not line.startswith("|---") and not after.startswith("|---")
    ]
