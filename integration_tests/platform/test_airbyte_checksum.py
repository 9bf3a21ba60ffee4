"""Tests the counts of states against the platform's own checksum."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.harness import source_process as source
from integration_tests.harness.destination_process import config, person, record, state, stream, write
from integration_tests.platform.airbyte_checksum import StateChecksum
from integration_tests.sandbox import Sandbox

BROKEN = b'{"type": "RECORD", "record": {"stream": "users", "data": {"name": "b", "email": "b\xff@acme.example"}}}'
CUT = b'{"type": "RECORD", "record": {"stream": "users", "data": {"name": "c'


def page(first: int, name: str = "users", size: int = 100, rejected: int = 20) -> list[Any]:
    """Return a page of records; every fifth has a first name that is not text."""
    each = range(first, first + size)
    data = [person(f"p{n}", **({"first_name": 5} if n % 5 == 0 and n < first + 5 * rejected else {})) for n in each]
    return [record(data, name) for data in data]


def of_all(number: int) -> dict[str, Any]:
    shared = {"type": "GLOBAL", "global": {"shared_state": {"n": number}, "stream_states": []}}
    return {"type": "STATE", "state": shared}


@pytest.mark.parametrize("kind", ["STREAM", "GLOBAL"])
@pytest.mark.parametrize("mode", ["append", "overwrite"])
def test_counts_of_states_equal_the_platform_s(sandbox: Sandbox, kind: str, mode: str) -> None:
    """Rejected, broken, filtered, repeated and unknown records add up."""

    def checkpoint(number: int, name: str = "users") -> dict[str, Any]:
        return state({"n": number}, name) if kind == "STREAM" else of_all(number)

    messages = [
        *page(0),
        checkpoint(1),
        BROKEN,
        *page(100, rejected=0),
        record(person("stranger"), "strangers"),
        CUT,
        checkpoint(2),
        checkpoint(3),
        *page(200, "guests", size=50, rejected=3),
        *page(150, size=60, rejected=0),
        record(person("bot", is_bot=True)),
        record(person("keyless", email=None)),
        checkpoint(4, "guests"),
        record(person("p1", first_name="Twice")),
        record(person("p1", first_name="Thrice")),
        checkpoint(5),
    ]
    platform = StateChecksum()
    output = write(
        config(sandbox, record_filter="{{ not record['is_bot'] }}"),
        platform.pass_on(messages),
        stream(destination_sync_mode=mode),
        stream("guests", destination_sync_mode=mode),
    )
    assert output.status == 0
    states = output.of("STATE")
    assert len(states) == 5
    for each in states:
        platform.take_back(each)
    assert platform.rejected == 20 + 2 + 3 == output.counts()["failed"] + output.counts("guests")["failed"]
    # A record without a stream is counted only by a state of all streams, as on the platform.
    assert platform.committed == 316 - 25 + (kind == "GLOBAL")


def test_state_after_rejected_records_counts_them_apart(sandbox: Sandbox) -> None:
    output = write(config(sandbox), [*page(0), state({"n": 1})])
    (acknowledged,) = output.of("STATE")
    assert acknowledged["destinationStats"] == {"recordCount": 80, "rejectedRecordCount": 20}


@pytest.mark.parametrize("sync_mode", ["full_refresh", "incremental"])
def test_counts_of_slack_users_are_those_of_source_and_platform(sandbox: Sandbox, sync_mode: str) -> None:
    """The platform between both connectors forwards records and states, no status."""
    active = [each["id"] for each in sandbox.slack.members() if each["profile"].get("email") and not each["deleted"]]
    for someone in active[:3]:
        sandbox.slack.set_title(someone, "B" * 255)
    read = source.read(source.config(sandbox, page_size=20), sync_mode=sync_mode)
    platform = StateChecksum()
    sent = [message for message in read.messages if message["type"] in ("RECORD", "STATE")]
    output = write(config(sandbox), list(platform.pass_on(sent)), stream(sync_mode=sync_mode))
    for each in output.of("STATE"):
        platform.take_back(each)
    assert (output.counts()["failed"], platform.rejected) == (3, 3)
    assert platform.committed == len(read.records()) - 3
