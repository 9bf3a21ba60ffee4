"""Tests all endings of a stream: by platform, PyAirbyte or a pipe."""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

import pytest

from integration_tests.destination.team import empty
from integration_tests.harness.destination_inside import write
from integration_tests.harness.destination_process import complete, config, person, record, state, stream
from integration_tests.sandbox import Sandbox


class Row(NamedTuple):
    """Describes how a stream is sent, and how it ends."""

    mode: str
    minimum: int
    status: str
    last: str
    resumable: bool

    @property
    def configured(self) -> dict[str, Any]:
        """Return the stream in the catalog, as a full refresh of the fourth generation."""
        made = stream(destination_sync_mode=self.mode, minimum_generation_id=self.minimum, generation_id=4)
        made["stream"]["is_resumable"] = self.resumable
        return made

    def messages(self, people: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the people and two states; the last message is one of either."""
        *before, last = map(record, people)
        end = [last, state(2)] if self.last == "STATE" else [state(2), last]
        status = complete()
        status["trace"]["stream_status"]["status"] = self.status
        return [*before, state(1), *end, *([status] if self.status != "none" else [])]

    @property
    def is_full_reload(self) -> bool:
        """Whether missing people are recognized if the stream is complete."""
        return self.mode == "overwrite" or self.minimum == 4

    @property
    def is_complete(self) -> bool:
        """Whether everyone came."""
        on_platform = self.status == "none" and self.last == "STATE" and not self.resumable
        return self.status == "COMPLETE" or on_platform

    @property
    def is_broken(self) -> bool:
        """Whether the source failed before the end."""
        return self.status == "INCOMPLETE" or (self.status == "none" and self.last == "RECORD")


ROWS = [
    Row(*each)
    for each in product(
        ("overwrite", "append", "append_dedup"),
        (0, 4),
        ("COMPLETE", "INCOMPLETE", "none"),
        ("STATE", "RECORD"),
        (False, True),
    )
]
_ids = [
    f"{row.mode}, minimum {row.minimum}, status {row.status}, {row.last} last{', resumable' if row.resumable else ''}"
    for row in ROWS
]
PEOPLE = [person(f"p{number}") for number in range(4)]


@pytest.mark.parametrize("row", ROWS, ids=_ids)
def test_missing_users_go_after_a_complete_full_reload(quick: Sandbox, row: Row) -> None:
    empty(quick)
    saas_id = quick.oomnitza.add_application("Slack")
    for each in (*PEOPLE, person("missing")):
        quick.oomnitza.assign(saas_id, quick.oomnitza.add_person(username=each["name"], email=each["email"]))
    configuration = config(
        quick,
        record_type={"type": "user_and_saas_user", "saas_name": "Slack"},
        write_method={"method": "rest", "deactivate_missing": True},
    )
    written = write(configuration, row.messages(PEOPLE), row.configured)
    assert not written.error
    gone = [user["username"] for user in quick.oomnitza.saas_users("Slack") if not user["active"]]
    assert gone == (["missing"] if row.is_full_reload and row.is_complete else [])
    assert written.report()["users"]["saas"]["deactivated"] == len(gone)
    # Another attempt must not resume in the middle of a full reload: people who came before would be missing.
    assert written.acknowledged() == ([] if row.is_full_reload and row.is_broken else [1, 2])


@pytest.mark.parametrize("row", ROWS, ids=_ids)
def test_ingest_run_of_a_broken_stream_stays_open(quick: Sandbox, row: Row) -> None:
    empty(quick)
    with quick.oomnitza.switches.temporarily(run_polls=0):
        written = write(config(quick, write_method={"method": "ingest"}), row.messages(PEOPLE), row.configured)
    assert not written.error
    (run,) = quick.oomnitza.runs()
    assert run.finalized is not row.is_broken
    assert written.acknowledged() == [1, 2]
