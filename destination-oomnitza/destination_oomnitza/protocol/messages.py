"""Messages of the Airbyte protocol: reads and sends them as JSON lines.

The CDK is not used for this, because its models drop unknown fields (`destination_catalog`, `rejectedRecordCount`, fields of
a state), its reader raises on JSON that is no message, and its `write` cannot send a state while it waits for input.
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

from destination_oomnitza.errors import transient_error
from destination_oomnitza.masking import masked

_CHUNK = 1 << 18
MAX_LINE = 1 << 25
"""Longest line in bytes; bounds the memory. A longer one is cut, but still shows the stream of a record."""
_ENVELOPE_LENGTH = 1 << 16


def read_lines(descriptor: int, silence: float) -> Iterator[list[bytes]]:
    """Yield the lines of a pipe or a file as they arrive, several at a time.

    Yields an empty list after `silence` seconds without input. Raises AirbyteTracedException (transient_error) if the input
    cannot be read.
    """
    rest = bytearray()
    is_cut = False
    while True:
        if not select.select([descriptor], [], [], silence)[0]:
            yield []
            continue
        chunk = _read(descriptor)
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


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, _CHUNK)
    except OSError as error:
        raise transient_error(
            f"The input cannot be read ({error.strerror}). Records acknowledged before that are in Oomnitza."
        ) from None


class InvalidMessage(ValueError):
    """The line is no message of the Airbyte protocol; the message describes it."""

    def __init__(self, message: str, where: str = "") -> None:
        """`where`: the column of what is wrong, in parentheses, if it is known."""
        super().__init__(message)
        self.where = where


class BrokenRecord(ValueError):
    """The line is a record, but not valid JSON in UTF-8 (or it has NaN).

    `record` is the readable part.
    """

    def __init__(self, record: Any) -> None:
        super().__init__()
        self.record = record


_ENVELOPE = {name: re.compile(rf'"{name}"\s*:\s*"([^"\\]+)"') for name in ("type", "stream", "namespace")}
"""Patterns for the readable part of a cut line; its namespace may be in the part that was cut off."""

_DIGITS = bytes(ord("0") if byte in b"0123456789" else ord(" ") for byte in range(256))
_LARGE = b"0" * 19
"""A large number after every digit was replaced by zero: the fastest way to see that a line has none."""
_MOST = Decimal(10) ** 400

_KINDS = frozenset(
    {"RECORD", "STATE", "LOG", "SPEC", "CONNECTION_STATUS", "CATALOG", "CONTROL", "TRACE", "DESTINATION_CATALOG"}
)


def read_message(line: bytes) -> tuple[str, dict[str, Any]]:
    """Return a line's type and message; an empty line has the type "".

    Raises InvalidMessage, and BrokenRecord for a record that is not valid JSON, so that it is rejected and not lost.
    """
    try:
        message = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        if not line.strip():
            return "", {}
        message = _read_broken(line)
        if _kind(message) == "RECORD":
            raise BrokenRecord(message.get("record")) from None
        raise InvalidMessage("a line that is not JSON", f" (column {error.colno})") from None
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
    """Parse a line whose numbers are sent again digit by digit.

    A cursor may have more digits than a double. Raises InvalidMessage.
    """

    def number(digits: str) -> Any:
        return orjson.Fragment(digits)

    try:
        message = json.loads(line, parse_float=number, parse_int=number)
        orjson.dumps(message)  # fewer levels than json reads
        return message
    except (RecursionError, orjson.JSONEncodeError):
        raise InvalidMessage("a state that is nested too deeply to be kept") from None


def _with_large_numbers(line: bytes, message: dict[str, Any]) -> dict[str, Any]:
    """Parse a record with all digits of its whole numbers.

    orjson turns whole numbers beyond 64 bits into floats.
    """

    def number(digits: str) -> int | float:
        value = Decimal(digits)
        return int(value) if value == value.to_integral_value() and abs(value) < _MOST else float(digits)

    try:
        exact: dict[str, Any] = json.loads(line, parse_float=number)
    except (ValueError, ArithmeticError, RecursionError):  # such as a number of thousands of digits
        return message
    return exact


def _read_broken(line: bytes) -> Any:
    """Return the readable part of a line that is not JSON.

    That is the whole message if lenient parsing succeeds, else the type and stream.
    """
    text = line.decode("utf-8-sig", errors="replace")
    try:
        return json.loads(text, strict=False, parse_int=float)
    except (ValueError, RecursionError):
        envelope = text.partition('"data"')[0]
        read = {name: found[1] for name, pattern in _ENVELOPE.items() if (found := pattern.search(envelope))}
        return {"type": read.pop("type", None), "record": read}


def send(message: Mapping[str, Any]) -> None:
    """Write a message to standard output at once; thread-safe.

    Shares the lock of the log's buffer, so messages and log lines stay whole and in order.
    """
    with PRINT_BUFFER.lock:
        PRINT_BUFFER.write(orjson.dumps(message).decode() + "\n")
        PRINT_BUFFER.flush()


def send_error(error: AirbyteTracedException) -> None:
    """Send a TRACE ERROR message with each of its texts masked.

    The texts are masked one by one, so that a secret that looks like JSON cannot break the message.
    """
    message = AirbyteMessageSerializer.dump(error.as_airbyte_message())
    texts = message["trace"]["error"]
    for name in ("message", "internal_message", "stack_trace"):
        texts[name] = masked(texts[name] or "")
    send(message)
