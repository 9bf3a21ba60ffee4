"""Formats the sync report of the destination for a terminal."""

from typing import Any

OUTCOMES = ("added", "updated", "unchanged", "skipped", "failed")
REASONS = "skipped_because"
SAAS = "saas"


def report_table(report: dict[str, Any]) -> str:
    """Format the counts as a table: one row per outcome, one column per stream.

    >>> print(report_table({"users": {"added": 2, "skipped": 1, "skipped_because": {"filtered": 1}}}))
                  users
    added             2
    updated           0
    unchanged         0
    skipped           1
      filtered        1
    failed            0
    """
    rows: list[tuple[str, list[str]]] = [("", list(report))]
    for outcome in OUTCOMES:
        rows.append((outcome, [str(counts.get(outcome, 0)) for counts in report.values()]))
        if outcome == "skipped":
            rows += _part(report, REASONS)
    if saas := _part(report, SAAS):
        rows += [("SaaS users", [""] * len(report)), *saas]
    first = max(max(len(label) for label, _ in rows) + 2, 14)
    widths = [max(len(numbers[column]) for _, numbers in rows) for column in range(len(report))]
    return "\n".join(
        f"{label:{first}}" + "  ".join(f"{number:>{width}}" for number, width in zip(numbers, widths, strict=True))
        for label, numbers in rows
    )


def failed(report: dict[str, Any]) -> int:
    """Return the number of rejected records."""
    return sum(int(counts.get("failed", 0)) for counts in report.values())


def _part(report: dict[str, Any], part: str) -> list[tuple[str, list[str]]]:
    """Return a row for each count of a part that is not 0 in every stream."""
    names = dict.fromkeys(name for counts in report.values() for name, number in counts.get(part, {}).items() if number)
    return [
        (f"  {name.replace('_', ' ')}", [str(counts.get(part, {}).get(name, 0)) for counts in report.values()])
        for name in names
    ]
