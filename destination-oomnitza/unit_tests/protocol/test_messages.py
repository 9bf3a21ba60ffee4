"""Lines in, lines out: what comes back is what came."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import orjson
import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.masking import mask
from destination_oomnitza.protocol.messages import (
    BrokenText,
    NoMessage,
    parse_catalog,
    read_catalog,
    read_lines,
    read_message,
    read_state,
    send_error,
)
from hypothesis import given
from hypothesis import strategies as st

CATALOGS = [
    b"",
    b"not json",
    b"\xff",
    b"[]",
    b"5",
    b"null",
    b"{}",
    b'{"streams": 5}',
    b'{"streams": null}',
    b'{"streams": [1]}',
    b'{"streams": [{}]}',
    b'{"streams": [{"stream": {}}]}',
    b'{"streams": [{"stream": {"name": "users", "json_schema": 5}}]}',
    b'{"streams": [{"stream": {"name": ["users"]}}]}',
    b'{"streams": [{"stream": {"name": "users"}, "primary_key": 5}]}',
    b"[" * 5000,
]


@pytest.mark.parametrize("content", CATALOGS, ids=lambda content: content[:60].decode(errors="replace"))
def test_a_file_that_is_no_catalog_is_a_config_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "catalog.json"
    path.write_bytes(content)
    with pytest.raises(AirbyteTracedException) as raised:
        read_catalog(str(path))
    assert raised.value.failure_type is FailureType.config_error
    assert str(path) in str(raised.value)


def test_a_catalog_that_cannot_be_read_is_a_config_error(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.json"):
        with pytest.raises(AirbyteTracedException) as raised:
            read_catalog(str(path))
        assert raised.value.failure_type is FailureType.config_error


def test_a_stream_is_read_as_far_as_it_matters() -> None:
    (stream,) = parse_catalog(
        {
            "streams": [
                {
                    "stream": {
                        "name": "users",
                        "namespace": "",
                        "json_schema": {"properties": {"id": {}}},
                        "source_defined_primary_key": [["id"]],
                    },
                    "sync_mode": "incremental",
                    "destination_sync_mode": "append_dedup",
                    "destination_object_name": "user",
                    "primary_key": [["profile", "email"]],
                }
            ]
        }
    )
    assert stream.key == (None, "users")
    assert stream.primary_key == ("profile.email",)
    assert (stream.sync_mode, stream.destination_sync_mode, stream.object_name) == (
        "incremental",
        "append_dedup",
        "user",
    )
    assert stream.properties == {"id": {}}


# -- messages ----------------------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=200))
def test_any_line_is_a_message_or_not_and_nothing_else(line: bytes) -> None:
    try:
        kind, message = read_message(line)
    except (NoMessage, BrokenText):
        return
    assert kind or message == {}


JSON: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(JSON, st.sampled_from(["STREAM", "GLOBAL", "LEGACY", None]))
def test_a_state_comes_back_as_it_came_with_the_counts(blob: Any, kind: str | None) -> None:
    state: dict[str, Any] = {"x-unknown": blob, "sourceStats": {"recordCount": 7.0}, "data": {"blob": blob}}
    if kind:
        state["type"] = kind
    if kind == "STREAM":
        state["stream"] = {"stream_descriptor": {"name": "users", "namespace": "n"}, "stream_state": blob}
    if kind == "GLOBAL":
        state["global"] = {"shared_state": blob, "stream_states": []}
    message = {"type": "STATE", "state": state, "beside": blob}
    kind_read, read = read_message(orjson.dumps(message))
    assert kind_read == "STATE"
    found = read_state(read)
    assert found is not None
    assert found.scope == (("n", "users") if kind == "STREAM" else "every stream")
    receipt = orjson.loads(orjson.dumps(found.receipt(5, 2)))
    assert receipt["state"].pop("destinationStats") == {"recordCount": 5.0, "rejectedRecordCount": 2.0}
    assert receipt == message


@pytest.mark.parametrize("cursor", ["123456789012345678901234", "0.1234567890123456789", "1.50", "1e5", "-7"])
def test_the_numbers_of_a_state_come_back_digit_by_digit(cursor: str) -> None:
    descriptor = '{"stream_descriptor":{"name":"users"},"stream_state":{"cursor":' + cursor + "}}"
    line = '{"type":"STATE","state":{"type":"STREAM","stream":' + descriptor + "}}"
    state = read_state(read_message(line.encode())[1])
    assert state is not None
    assert descriptor.encode() in orjson.dumps(state.receipt(0, 0))


RECORD = '{"type":"RECORD","record":{"namespace":"hr","stream":"users","data":{"name":"bob","title":%s}}}'


@pytest.mark.parametrize(
    "line",
    [
        RECORD % '"Boss\tof all"',
        "\ufeff" + RECORD % '"Boss"',
        RECORD % ("9" * 5000),
        RECORD % ("[" * 5000 + "]" * 5000),
        RECORD % '"\\"type\\": \\"STATE\\"' + "}",
        (RECORD % '"Boss"')[:-5],
        RECORD % "NaN",
    ],
    ids=["tab", "mark", "digits", "deep", "quotes", "cut", "NaN"],
)
def test_a_record_that_is_damaged_is_a_record_of_its_stream_all_the_same(line: str) -> None:
    with pytest.raises(BrokenText) as caught:
        read_message(line.encode())
    assert (caught.value.record["namespace"], caught.value.record["stream"]) == ("hr", "users")


@pytest.mark.parametrize("descriptor", [{"name": "users", "namespace": ["n"]}, {"name": 5}, {"name": None}])
def test_a_state_of_what_cannot_be_a_stream_is_no_state(descriptor: dict[str, Any]) -> None:
    message = {"type": "STATE", "state": {"type": "STREAM", "stream": {"stream_descriptor": descriptor}}}
    assert read_state(message) is None


# -- lines ---------------------------------------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=50).filter(lambda line: b"\n" not in line)), st.booleans(), st.integers(1, 7))
def test_lines_come_whole_however_they_are_cut(lines: list[bytes], newline_at_end: bool, chunk: int) -> None:
    content = b"\n".join(lines) + (b"\n" if newline_at_end and lines else b"")
    read, write = os.pipe()

    def feed() -> None:
        with os.fdopen(write, "wb", buffering=0) as pipe:
            for place in range(0, len(content), chunk):
                pipe.write(content[place : place + chunk])

    thread = threading.Thread(target=feed)
    thread.start()
    got = [line for some in read_lines(read, 5) for line in some]
    thread.join()
    os.close(read)
    assert b"\n".join(got).rstrip(b"\n") == content.rstrip(b"\n")
    assert [line for line in got if line] == [line for line in lines if line]


def test_a_line_of_five_megabytes_and_one_without_an_end(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"x" * 5_000_000 + b"\nshort")
    with path.open("rb") as file:
        got = [line for some in read_lines(file.fileno(), 5) for line in some]
    assert [len(line) for line in got] == [5_000_000, 5]


def test_silence_is_told() -> None:
    read, write = os.pipe()
    os.write(write, b"a\nb")
    lines = read_lines(read, 0.01)
    assert next(lines) == [b"a"]
    assert next(lines) == []
    assert next(lines) == []
    os.write(write, b"c\n")
    assert next(lines) == [b"bc"]
    os.close(write)
    assert list(lines) == []
    os.close(read)


def test_an_error_is_masked_and_stays_a_message_whatever_the_secret_is(capfd: pytest.CaptureFixture[str]) -> None:
    mask('","type":"', "made-up-secret")
    send_error(AirbyteTracedException(message="made-up-secret", internal_message='a","type":"b made-up-secret'))
    message = orjson.loads(capfd.readouterr().out)
    error = message["trace"]["error"]
    assert (message["type"], error["message"], error["internal_message"]) == ("TRACE", "****", "a****b ****")
    assert "made-up-secret" not in error["stack_trace"]
