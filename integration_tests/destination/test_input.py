"""Tests the input: invalid lines, and records of any size and number.

Nothing ends in a traceback, and memory stays constant.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from integration_tests.harness.destination_process import config, lines, person, record, running, state, stream, write
from integration_tests.sandbox import Sandbox

NONSENSE = [
    "this is no JSON",
    b"\xff\xfe\xfa",
    "{",
    "[1, 2, 3]",
    "42",
    '"text"',
    "null",
    "{}",
    '{"type": []}',
    '{"type": "NEWS", "news": {}}',
    '{"type": "RECORD"}',
    '{"type": "RECORD", "record": []}',
    '{"type": "RECORD", "record": {"data": {}}}',
    '{"type": "STATE", "state": []}',
    "[" * 100_000,
]


def test_nonsense_is_counted_told_once_and_harms_nothing(sandbox: Sandbox) -> None:
    messages = [record(person("ada")), *NONSENSE * 500, record(person("bob")), state({"n": 1})]
    output = write(config(sandbox), messages)
    assert output.status == 0
    assert output.counts() == {"added": 2}
    assert output.states() == [{"n": 1}]
    assert output.errors() == []
    assert len(output.of("LOG")) < 20
    assert "Ignored: a line that is not JSON, 2000 times." in output.logs("WARN")
    assert "Traceback" not in output.text


def test_records_that_cannot_be_written_are_refused_one_by_one(sandbox: Sandbox) -> None:
    broken: list[Any] = [
        b'{"type": "RECORD", "record": {"stream": "users", "data": {"name": "b", "email": "b\xff@acme.example"}}}',
        b'{"type": "RECORD", "record": {"stream": "users", "data": {"name": "\\ud800", "email": "c@acme.example"}}}',
        record(None),
        record(["a", "list"]),
        record(person("dee", first_name={"an": "object"})),
        record(person("eve", email=5)),
        record(person("flo", email="both\"and'@acme.example")),
        record(person("gil", email="g\x00@acme.example")),
    ]
    output = write(config(sandbox), [record(person("ada")), *broken, state({"n": 1})])
    assert output.status == 0
    assert output.counts()["failed"] >= 7
    (kept,) = output.of("STATE")
    failed = output.counts()["failed"]
    assert kept["destinationStats"] == {"recordCount": 9 - failed, "rejectedRecordCount": failed}
    assert len(re.findall("Rejected: users", output.logs("ERROR"))) == output.counts()["failed"]


def test_unknown_streams_are_named_and_their_states_kept_back(sandbox: Sandbox) -> None:
    strange = [record(person("ada"), "strangers"), state({"n": 1}, "strangers")] * 1000
    output = write(config(sandbox), [*strange, record(person("bob")), state({"n": 2})])
    assert output.status == 0
    assert [each["stream"]["stream_descriptor"]["name"] for each in output.of("STATE")] == ["users"]
    assert output.logs("WARN").count("strangers") == 4
    assert output.counts() == {"added": 1}


def test_empty_input_is_an_empty_sync(sandbox: Sandbox) -> None:
    output = write(config(sandbox), [])
    assert output.status == 0
    assert output.counts() == {}


def test_record_of_five_megabytes_is_written(sandbox: Sandbox) -> None:
    output = write(config(sandbox), [record(person("ada", profile={"about": "x" * 5_000_000})), state({"n": 1})])
    assert output.status == 0
    assert output.counts() == {"added": 1}
    big = record(person("bob", email="b" * 5_000_000))
    output = write(config(sandbox), [big, record(person("cy")), state({"n": 1})])
    assert output.counts() == {"added": 1, "failed": 1}
    assert len(output.text) < 10_000


def test_record_beyond_the_limit_of_a_line_is_rejected(sandbox: Sandbox) -> None:
    output = write(
        config(sandbox), [record(person("ada", about="x" * 34_000_000)), record(person("bob")), state({"n": 1})]
    )
    assert output.counts() == {"added": 1, "failed": 1}
    assert "longer than 32 MB" in output.logs("ERROR")
    (acknowledged,) = output.of("STATE")
    assert acknowledged["destinationStats"] == {"recordCount": 1, "rejectedRecordCount": 1}


@pytest.mark.parametrize("outcome", ["continue", "fail_after_sync"])
def test_sync_with_all_records_rejected_fails_without_state(sandbox: Sandbox, outcome: str) -> None:
    messages = [*(record(person(f"p{n}", first_name=["no", "name"])) for n in range(200)), state({"n": 1})]
    output = write(config(sandbox, on_failed_record=outcome), messages)
    failure_type, message = output.failure()
    assert failure_type == "config_error"
    assert "200" in message
    assert output.states() == []
    assert output.logs("ERROR").count("Rejected: users") == 50


def test_fail_after_sync_keeps_states_from_rejected_record_on(sandbox: Sandbox) -> None:
    messages = [record(person("ada")), state({"n": 1}), record(person("bob", first_name=5)), state({"n": 2})]
    messages += [record(person("cy")), state({"n": 3})]
    output = write(config(sandbox, on_failed_record="fail_after_sync"), messages)
    assert output.failure()[0] == "config_error"
    assert output.states() == [{"n": 1}]
    assert output.counts() == {"added": 2, "failed": 1}


def test_states_of_all_kinds_return_unchanged(sandbox: Sandbox) -> None:
    shared = {"type": "GLOBAL", "global": {"shared_state": {"x": [1, 2.5, None, "ü"]}, "stream_states": []}, "id": 7}
    messages = [
        record(person("ada")),
        {"type": "STATE", "state": shared, "beside": True},
        {"type": "STATE", "state": {"data": {"old": 1}}},
        state({"n": 1}, sourceStats={"recordCount": 0.0, "x": 1}, unknown={"y": []}),
    ]
    output = write(config(sandbox), messages)
    assert output.status == 0
    back = [message for message in output.messages if message["type"] == "STATE"]
    assert [each["state"].pop("destinationStats")["recordCount"] for each in back] == [1, 0, 0]
    assert back == messages[1:]


def peak(sandbox: Sandbox, messages: Iterable[Any], **settings: Any) -> float:
    """Return the peak memory of a sync in MB, after its last state and before its end."""
    with running(config(sandbox, **settings), stream()) as process:
        last = threading.Event()

        def listen() -> None:
            for line in process.stdout:
                if b'"last"' in line:
                    last.set()

        threading.Thread(target=listen, daemon=True).start()
        for message in messages:
            process.stdin.write(message if isinstance(message, bytes) else lines([message]))
        process.stdin.write(lines([state("last")]))
        process.stdin.flush()
        assert last.wait(600)
        status = Path(f"/proc/{process.pid}/status").read_text()
        process.stdin.close()
        assert process.wait(30) == 0
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024


def many(number: int) -> Iterable[bytes]:
    """Yield records of so many people, with a state after each thousand."""
    for thousand in range(0, number, 1000):
        text = [
            json.dumps(record(person(f"p{n:07d}", profile={"about": "x" * 200})))
            for n in range(thousand, thousand + 1000)
        ]
        yield lines([*text, state(thousand)])


def test_memory_does_not_grow_with_the_number_of_records() -> None:
    with Sandbox(people=1) as sandbox:
        sandbox.requests.body_limit = 0
        few = peak(sandbox, many(4_000), write_mode="update_only")
        more = peak(sandbox, many(20_000), write_mode="update_only")
    assert more - few < 25, f"{few:.0f} MB, then {more:.0f} MB"


def test_records_of_one_key_take_no_memory() -> None:
    line = lines([record(person("ada"))])
    with Sandbox(people=1) as sandbox:
        few = peak(sandbox, [line * 100])
        more = peak(sandbox, [line * 10_000] * 6)
        assert len(sandbox.oomnitza.people()) == 1
    assert more - few < 25, f"{few:.0f} MB, then {more:.0f} MB"


def test_stream_without_a_sync_key_fails_and_names_its_fields(sandbox: Sandbox) -> None:
    """A stream whose key was renamed or hashed is not a sync without people."""
    renamed = [person(f"p{number}") for number in range(12)]
    for each in renamed:
        each["mail"] = each.pop("email")
    output = write(config(sandbox), [*map(record, renamed), state({"n": 1})])
    failure_type, message = output.failure()
    assert failure_type == "config_error"
    assert "None of 12 records of users has a value for a sync key: email (from email)" in message
    assert "lacks email; its fields are id, name, first_name" in message
    assert output.skipped() == {"no_sync_key": 12}
    assert output.states() == []
