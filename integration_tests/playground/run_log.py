"""Reads the log of a run: the sync report, and the records that it names. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from integration_tests.playground.values import name_of
from integration_tests.sandbox.slack.members import Member

_REPORT = re.compile(r'\{"sync_report": .*\}')
_NAMED = re.compile(r" (?:Rejected|Skipped \((?P<reason>\w+)\)): (?P<stream>\w+), (?:\w+=)?(?P<key>.+?): (?P<why>.+)")


@dataclass(frozen=True)
class NamedRecord:
    """Holds a skipped or rejected record, and the member it is of, "" if unknown.

    `reason` is the sync report's word for why it was skipped, "" for a rejected record.
    """

    stream: str
    reason: str
    why: str
    name: str
    member: str


def read_report(log: str) -> dict[str, Any]:
    """Return the counts of each stream."""
    report: dict[str, Any] = {}
    for found in _REPORT.findall(log):
        report |= json.loads(found)["sync_report"]
    return report


def named_records(log: str, members: Iterable[Member]) -> list[NamedRecord]:
    """Return the skipped and rejected records that the log names, in its order."""
    by_key: dict[str, Member] = {}
    for member in members:
        by_key[(member["profile"].get("email") or member["id"]).lower()] = by_key[member["id"].lower()] = member
    return [_named(found, by_key.get(found["key"].lower())) for found in _NAMED.finditer(log)]


def _named(found: re.Match[str], member: Member | None) -> NamedRecord:
    name, of = (name_of(member), member["id"]) if member else (found["key"], "")
    return NamedRecord(found["stream"], found["reason"] or "", found["why"], name, of)
