"""Collects the findings of a probe, and formats them as a table."""

import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bundle.http import HttpProblem

UNKNOWN = "unknown"
WIDTHS = (34, 40, 50)


@dataclass(frozen=True)
class Finding:
    """Holds a question, its answer, and its effect on the connectors.

    No field holds personal data or the name of the company.

    `switches` sets the sandbox's switches (integration_tests/sandbox) so that it behaves like the answer.
    """

    question: str
    answer: str
    effect: str
    switches: dict[str, Any] = field(default_factory=dict)


def ask(questions: Iterable[Callable[[], Finding]]) -> Iterator[Finding]:
    """Ask one question after the other; one without an answer does not end the rest."""
    for question in questions:
        try:
            yield question()
        except HttpProblem as problem:
            yield no_answer(question.__name__.strip("_").replace("_", " "), problem)


def no_answer(question: str, problem: HttpProblem) -> Finding:
    """Return the finding of a question without a response."""
    return Finding(question, f"no answer: it {problem}", "Run the probe again")


def table(title: str, findings: Iterable[Finding]) -> str:
    """Format findings as a table of three columns."""
    lines = ["", title, _line(("Question", "Answer", "What the connectors do because of it")), _line(("", "", ""), "-")]
    for finding in findings:
        cells = [
            textwrap.wrap(text, width) or [""]
            for text, width in zip((finding.question, finding.answer, finding.effect), WIDTHS, strict=True)
        ]
        for number in range(max(map(len, cells))):
            lines.append(_line(tuple(cell[number] if number < len(cell) else "" for cell in cells)))
    return "\n".join(lines)


def _line(cells: tuple[str, ...], fill: str = " ") -> str:
    return "  ".join(f"{cell:{fill}<{width}}" for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()
