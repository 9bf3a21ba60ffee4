"""Messages of the Airbyte protocol: reads lines and sends lines.

The CDK's models drop unknown fields (`destination_catalog`, `rejectedRecordCount`, the fields of a state), its reader raises on a line
that is JSON but no message, and its `write` cannot send a state while it waits for input. So messages are read and sent here as JSON.
"""

from __future__ import annotations

import json
import os
import re
import select
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import orjson
from airbyte_cdk.logger import PRINT_BUFFER
from airbyte_cdk.models import AirbyteMessageSerializer
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from destination_oomnitza.masking import masked

_CHUNK = 1 << 18
MAX_LINE = 1 << 25
"""A longer line is cut, so that memory is bounded: of a record, what is left shows its stream."""
_ENVELOPE_LENGTH = 1 << 16


def read_lines(descriptor: int, silence: float) -> Iterator[list[bytes]]:
    """Yield the lines of a pipe or a file, as they come and several at a time; an empty list after `silence` seconds without any."""
    rest = bytearray()
    is_cut = False
    while True:
        if not select.select([descriptor], [], [], silence)[0]:
            yield []
            continue
        chunk = os.read(descriptor, _CHUNK)
        if not chunk:
            break
        first, *lines = chunk.split(b"\n")
        if not is_cut:
            rest += first
        if len(rest) > MAX_LINE:
            del rest[_ENVELOPE_LENGTH:]
            is_cut = True
        if lines:
            yield [bytes(rest), *lines[:-1]]
            rest, is_cut = bytearray(lines[-1]), False
    if rest:
        yield [bytes(rest)]


class InvalidMessage(ValueError):
    """A line is no message of the Airbyte protocol; the exception's message names it."""


class BrokenRecord(ValueError):
    """A line is a record whose text is not valid JSON in UTF-8 (or holds NaN). `record` is what can be read of it."""

    def __init__(self, record: Any) -> None:
        super().__init__()
        self.record = record


_ENVELOPE = {name: re.compile(rf'"{name}"\s*:\s*"([^"\\]+)"') for name in ("type", "stream", "namespace")}
"""What can be read of a line that was cut; the namespace may have come after the cut."""

_DIGITS = bytes(ord("0") if byte in b"0123456789" else ord(" ") for byte in range(256))
_LARGE = b"0" * 19
"""What a number of so many digits is, once every digit is a zero: the fastest way to see that a line has none."""
_MOST = Decimal(10) ** 400

_KINDS = frozenset(
    {"RECORD", "STATE", "LOG", "SPEC", "CONNECTION_STATUS", "CATALOG", "CONTROL", "TRACE", "DESTINATION_CATALOG"}
)


def read_message(line: bytes) -> tuple[str, dict[str, Any]]:
    """Return a line's type and the message. An empty line is a message of no type.

    Raises InvalidMessage; and BrokenRecord for a record that is not valid JSON, so that it is rejected and not lost.
    """
    try:
        message = orjson.loads(line)
    except orjson.JSONDecodeError:
        if not line.strip():
            return "", {}
        message = _read_broken(line)
        if _kind(message) == "RECORD":
            raise BrokenRecord(message.get("record")) from None
        raise InvalidMessage("a line that is not JSON") from None
    kind = _kind(message)
    if kind is None:
        raise InvalidMessage("a line that is not a message of the Airbyte protocol")
    if kind == "STATE":
        return kind, _exact(line)
    if kind == "RECORD" and _LARGE in line.translate(_DIGITS):
        return kind, _with_large_numbers(line, message)
    return kind, message


def _kind(message: Any) -> str | None:
    kind = message.get("type") if isinstance(message, dict) else None
    return kind if isinstance(kind, str) and kind in _KINDS else None


def _exact(line: bytes) -> Any:
    """Read a line whose numbers go out again digit by digit: a cursor of 30 digits is no double. Raises InvalidMessage."""

    def number(digits: str) -> Any:
        return orjson.Fragment(digits)

    try:
        return json.loads(line, parse_float=number, parse_int=number)
    except RecursionError:
        raise InvalidMessage("a state that is nested too deeply to be kept") from None


def _with_large_numbers(line: bytes, message: dict[str, Any]) -> dict[str, Any]:
    """Read a record whose whole numbers keep every digit: beyond 64 bits, orjson makes floats of them."""

    def number(digits: str) -> int | float:
        value = Decimal(digits)
        return int(value) if value == value.to_integral_value() and abs(value) < _MOST else float(digits)

    try:
        exact: dict[str, Any] = json.loads(line, parse_float=number)
    except (ValueError, ArithmeticError, RecursionError):  # Python reads no number of thousands of digits
        return message
    return exact


def _read_broken(line: bytes) -> Any:
    """Read what can be read of a line that is not JSON: all of it leniently, or else that it is a record, and its stream."""
    text = line.decode("utf-8-sig", errors="replace")
    try:
        return json.loads(text, strict=False, parse_int=float)
    except (ValueError, RecursionError):
        envelope = text.partition('"data"')[0]
        read = {name: found[1] for name, pattern in _ENVELOPE.items() if (found := pattern.search(envelope))}
        return {"type": read.pop("type", None), "record": read}


def send(message: Mapping[str, Any]) -> None:
    """Write a message to standard output, at once and whole, from any thread; in order with what is logged."""
    with PRINT_BUFFER.lock:
        PRINT_BUFFER.write(orjson.dumps(message).decode() + "\n")
        PRINT_BUFFER.flush()


def send_error(error: AirbyteTracedException) -> None:
    """Send a TRACE ERROR message, its texts masked one by one: a secret that looks like JSON must not break the message."""
    message = AirbyteMessageSerializer.dump(error.as_airbyte_message())
    texts = message["trace"]["error"]
    for name in ("message", "internal_message", "stack_trace"):
        texts[name] = masked(texts[name] or "")
    send(message)
