"""Tests of lines: messages, and input that is none."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from unittest.mock import MagicMock

import orjson
import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.masking import mask
from destination_oomnitza.protocol import messages
from destination_oomnitza.protocol.messages import (
    BrokenRecord,
    InvalidMessage,
    read_lines,
    read_message,
    send,
    send_error,
)
from hypothesis import given
from hypothesis import strategies as st

# -- messages ----------------------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=200))
def test_read_message_of_any_line_is_a_message_or_invalid(line: bytes) -> None:
    try:
        kind, message = read_message(line)
    except (InvalidMessage, BrokenRecord):
        return
    assert kind or message == {}


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
def test_read_message_of_a_broken_record_has_its_stream(line: str) -> None:
    with pytest.raises(BrokenRecord) as caught:
        read_message(line.encode())
    assert (caught.value.record["namespace"], caught.value.record["stream"]) == ("hr", "users")


@pytest.mark.parametrize("levels", [300, 900])
def test_read_message_of_a_state_too_deep_is_invalid(levels: int) -> None:
    """Such a state can be read, but not sent back."""
    line = '{"type":"STATE","state":' + "[" * levels + "]" * levels + "}"
    with pytest.raises(InvalidMessage, match="nested too deeply"):
        read_message(line.encode())


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("108086391056891904001", 108086391056891904001),
        ("-9223372036854775809", -9223372036854775809),
        ("12345678901234567890.0", 12345678901234567890),
        ("1234567890123456789012345678901234567890", 1234567890123456789012345678901234567890),
        ("18446744073709551615", 18446744073709551615),
        ("0.12345678901234567890123", 0.12345678901234567890123),
        ("-1.5e-30000000000000000000", 0.0),
    ],
)
def test_read_message_keeps_every_digit_of_a_record(number: str, value: float) -> None:
    kind, message = read_message((RECORD % number).encode())
    assert kind == "RECORD" and message["record"]["data"]["title"] == value
    assert type(message["record"]["data"]["title"]) is type(value)


@given(st.integers() | st.integers(-(10**60), 10**60), st.text())
def test_read_message_of_a_record_equals_python_json(number: int, text: str) -> None:
    record = {"stream": "users", "data": {"n": [number, {"n": number}], "text": text}}
    line = json.dumps({"type": "RECORD", "record": record}).encode()
    assert read_message(line) == ("RECORD", {"type": "RECORD", "record": record})


# -- lines ---------------------------------------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=50).filter(lambda line: b"\n" not in line)), st.booleans(), st.integers(1, 7))
def test_read_lines_joins_lines_cut_anywhere(lines: list[bytes], newline_at_end: bool, chunk: int) -> None:
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


def test_read_lines_of_five_megabytes_and_without_an_end(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"x" * 5_000_000 + b"\nshort")
    with path.open("rb") as file:
        got = [line for some in read_lines(file.fileno(), 5) for line in some]
    assert [len(line) for line in got] == [5_000_000, 5]


@pytest.mark.parametrize("newline", [b"\n", b""])
def test_read_lines_beyond_the_limit_keeps_the_envelope(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, newline: bytes
) -> None:
    monkeypatch.setattr(messages, "MAX_LINE", 1 << 20)
    long = (RECORD % ('"' + "x" * 3_000_000 + '"')).encode()
    (tmp_path / "lines").write_bytes(b"before\n" + long + b"\n" + long + b"\nafter\n" + long + newline)
    with (tmp_path / "lines").open("rb") as file:
        got = [line for some in read_lines(file.fileno(), 5) for line in some]
    cut = long[: 1 << 16]
    assert got == [b"before", cut, cut, b"after", cut]
    with pytest.raises(BrokenRecord) as caught:
        read_message(cut)
    assert (caught.value.record["namespace"], caught.value.record["stream"]) == ("hr", "users")


def test_read_lines_of_unreadable_input_is_transient(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(AirbyteTracedException, match=r"The input cannot be read \(Is a directory\)") as raised:
        list(read_lines(descriptor, 5))
    os.close(descriptor)
    assert raised.value.failure_type is FailureType.transient_error


def test_read_lines_in_silence_yields_an_empty_list() -> None:
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


def test_send_holds_the_lock_of_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log line of another thread comes before or after a message, never within it."""
    buffer = MagicMock()
    monkeypatch.setattr(messages, "PRINT_BUFFER", buffer)
    send({"type": "STATE"})
    assert [name for name, _, _ in buffer.mock_calls] == ["lock.__enter__", "write", "flush", "lock.__exit__"]


def test_send_error_with_any_secret_is_masked_and_a_message(capfd: pytest.CaptureFixture[str]) -> None:
    mask('","type":"', "made-up-secret")
    send_error(AirbyteTracedException(message="made-up-secret", internal_message='a","type":"b made-up-secret'))
    message = orjson.loads(capfd.readouterr().out)
    error = message["trace"]["error"]
    assert (message["type"], error["message"], error["internal_message"]) == ("TRACE", "****", "a****b ****")
    assert "made-up-secret" not in error["stack_trace"]
