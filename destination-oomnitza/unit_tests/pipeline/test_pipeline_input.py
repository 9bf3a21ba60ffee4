"""Tests of the pipeline's input: broken lines, unreadable records, other messages."""

from __future__ import annotations

import pytest

from .fake_sync import Sync, record, state

BROKEN_LINES = [
    b"not json",
    b"\xff\xfe\x00",
    b"{",
    b"[1, 2]",
    b"5",
    b'"text"',
    b"true",
    b"{}",
    b'{"type": 7}',
    b'{"type": []}',
    b'{"type": {}}',
    b'{"type": "NEWS"}',
    b'{"type": "RECORD"}',
    b'{"type": "RECORD", "record": 3}',
    b'{"type": "RECORD", "record": {"data": {}}}',
    b'{"type": "RECORD", "record": {"stream": [], "data": {}}}',
    b'{"type": "RECORD", "record": {"stream": "users", "namespace": {"a": 1}, "data": {}}}',
    b'{"type": "RECORD", "record": {"stream": "strangers", "data": {}}}',
    b'{"type": "STATE"}',
    b'{"type": "STATE", "state": "s"}',
    b'{"type": "STATE", "state": {"type": "STREAM"}}',
    b'{"type": "STATE", "state": {"type": "STREAM", "stream": {"stream_descriptor": 1}}}',
    b'{"type": "STATE", "state": {"type": "STREAM", "stream": {"stream_descriptor": {"name": "strangers"}}}}',
    b"[" * 3000 + b"]" * 3000,
]


@pytest.mark.parametrize("line", BROKEN_LINES, ids=lambda line: line[:70].decode(errors="replace"))
def test_ignored_input_is_logged_once_and_counted(line: bytes, caplog: pytest.LogCaptureFixture) -> None:
    sync = Sync()
    sync.run(record(1, "ada"), *[line] * 50, state(1))
    sync.report.finish()
    assert sync.numbers() == [1]
    assert sync.counts() == {"added": 1}
    logged = [each.getMessage() for each in caplog.records if each.getMessage().startswith("Ignored")]
    assert len(logged) == 2
    assert logged[1].endswith("50 times.")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"   ",
        b'{"type": "LOG", "log": {"level": "INFO", "message": "m"}}',
        b'{"type": "TRACE"}',
        b'{"type": "TRACE", "trace": {"type": "STREAM_STATUS", "stream_status": 5}}',
        b'{"type": "CONTROL", "control": null}',
    ],
)
def test_other_messages_of_the_protocol_are_not_logged(line: bytes, caplog: pytest.LogCaptureFixture) -> None:
    sync = Sync()
    sync.run(line, record(1, "ada"), line)
    assert caplog.records == []
    assert sync.counts() == {"added": 1}


def test_ignored_input_of_2000_kinds_is_150_lines(caplog: pytest.LogCaptureFixture) -> None:
    sync = Sync()
    sync.run(*[record(1, "ada", stream=f"stranger {number}") for number in range(2000)])
    sync.report.finish()
    assert len(caplog.records) < 150


@pytest.mark.parametrize(
    "line",
    [
        b'{"type": "RECORD", "record": {"stream": "users", "data": {"name": "b", "email": "b\xff@acme.example"}}}',
        b'{"type": "RECORD", "record": {"stream": "users", "data": {"name": "\\ud800", "email": "b@acme.example"}}}',
        b'{"type": "RECORD", "record": {"stream": "users", "data": {"name": "b", "email": "b@acme.example", "x": NaN}}}',
        b'{"type": "RECORD", "record": {"stream": "users", "data": {"name": 5, "email": "b@acme.example"}}}',
        b'{"type": "RECORD", "record": {"stream": "users", "data": [1]}}',
        b'{"type": "RECORD", "record": {"stream": "users", "data": null}}',
        b'{"type": "RECORD", "record": {"stream": "users"}}',
    ],
)
def test_record_that_cannot_be_read_is_rejected(line: bytes, caplog: pytest.LogCaptureFixture) -> None:
    sync = Sync()
    sync.run(record(1, "ada"), line, state(1))
    assert sync.counts() == {"added": 1, "failed": 1}
    assert sync.stats() == [(1, 1)]
    assert len([each for each in caplog.records if each.getMessage().startswith("Rejected")]) == 1
