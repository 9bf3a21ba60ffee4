"""The Airbyte protocol as it comes and goes: lines in, lines out.

The CDK's message models drop what they do not know (`destination_catalog`, `rejectedRecordCount`, the fields of a state), its reader
raises on a line that is JSON but no message, and its `write` cannot send a state while it waits for input. What it lacks is here,
and only here: states are kept and sent back as the JSON that came.
"""

from __future__ import annotations

import json
import os
import re
import select
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import orjson
from airbyte_cdk.logger import PRINT_BUFFER
from airbyte_cdk.models import AirbyteMessageSerializer, FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from destination_oomnitza.masking import masked

StreamKey = tuple[str | None, str]
"""Namespace and name: what tells streams apart."""

_CHUNK = 1 << 18


@dataclass(frozen=True)
class Stream:
    """One stream of the configured catalog, as far as this destination cares."""

    name: str
    namespace: str | None = None
    sync_mode: str = "full_refresh"
    destination_sync_mode: str = "append"
    properties: Mapping[str, Any] | None = None
    primary_key: tuple[str, ...] = ()
    object_name: str | None = None
    """Set with Airbyte's data activation: records are already mapped to this Oomnitza object."""

    @property
    def key(self) -> StreamKey:
        """What tells the stream apart."""
        return (self.namespace, self.name)

    @property
    def title(self) -> str:
        """The stream's name, as people read it."""
        return f"{self.namespace}.{self.name}" if self.namespace else self.name


def read_catalog(path: str) -> list[Stream]:
    """Read the configured catalog. Raises AirbyteTracedException (config_error) where it is none."""
    try:
        return parse_catalog(orjson.loads(Path(path).read_bytes()))
    except OSError as error:
        raise AirbyteTracedException(
            message=f"The configured catalog {path} cannot be read ({error.strerror}).",
            internal_message=type(error).__name__,
            failure_type=FailureType.config_error,
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AirbyteTracedException(
            message=f"The file {path} is not a configured catalog of Airbyte; it comes from the platform, or from a source's discover.",
            internal_message=f"{type(error).__name__}: {error}",
            failure_type=FailureType.config_error,
        ) from None


def parse_catalog(document: Mapping[str, Any]) -> list[Stream]:
    """Read a configured catalog that is JSON already. Raises KeyError, TypeError or AttributeError where it is none."""
    return [_stream(each) for each in document["streams"]]


def _stream(configured: Mapping[str, Any]) -> Stream:
    stream = configured["stream"]
    if not isinstance(stream["name"], str):
        raise TypeError("a stream's name is no text")
    keys = configured.get("primary_key") or stream.get("source_defined_primary_key") or []
    return Stream(
        name=stream["name"],
        namespace=stream.get("namespace") or None,
        sync_mode=configured.get("sync_mode") or "full_refresh",
        destination_sync_mode=configured.get("destination_sync_mode") or "append",
        properties=(stream.get("json_schema") or {}).get("properties"),
        primary_key=tuple(".".join(path) if isinstance(path, list) else str(path) for path in keys),
        object_name=configured.get("destination_object_name") or None,
    )


def read_lines(descriptor: int, silence: float) -> Iterator[list[bytes]]:
    """Yield the lines of a pipe or a file, as they come and several at a time; an empty list after `silence` seconds without any."""
    rest: list[bytes] = []
    while True:
        if not select.select([descriptor], [], [], silence)[0]:
            yield []
            continue
        chunk = os.read(descriptor, _CHUNK)
        if not chunk:
            break
        head, newline, tail = chunk.rpartition(b"\n")
        if not newline:
            rest.append(tail)
            continue
        yield b"".join([*rest, head]).split(b"\n")
        rest = [tail] if tail else []
    if rest:
        yield [b"".join(rest)]


class NoMessage(ValueError):
    """A line is no message of the Airbyte protocol; the message of the exception says what it is."""


class BrokenText(ValueError):
    """A line is a record whose text is not valid JSON in UTF-8 (or holds NaN). `record` is what can be read of it."""

    def __init__(self, record: Any) -> None:
        super().__init__()
        self.record = record


_TELLS = {name: re.compile(rf'"{name}"\s*:\s*"([^"\\]+)"') for name in ("type", "stream", "namespace")}
"""Where a line that was cut still tells what it is; the namespace may have come after the cut."""

_KINDS = frozenset(
    {"RECORD", "STATE", "LOG", "SPEC", "CONNECTION_STATUS", "CATALOG", "CONTROL", "TRACE", "DESTINATION_CATALOG"}
)


def read_message(line: bytes) -> tuple[str, dict[str, Any]]:
    """Return a line's type and the message. An empty line is a message of no type.

    Raises NoMessage; and BrokenText for a record that can only be read with goodwill, so that it is refused and not lost.
    """
    try:
        message = orjson.loads(line)
    except orjson.JSONDecodeError:
        if not line.strip():
            return "", {}
        message = _read_broken(line)
        if _kind(message) == "RECORD":
            raise BrokenText(message.get("record")) from None
        raise NoMessage("a line that is not JSON") from None
    kind = _kind(message)
    if kind is None:
        raise NoMessage("a line that is not a message of the Airbyte protocol")
    return kind, _exact(line) if kind == "STATE" else message


def _kind(message: Any) -> str | None:
    kind = message.get("type") if isinstance(message, dict) else None
    return kind if isinstance(kind, str) and kind in _KINDS else None


def _exact(line: bytes) -> Any:
    """Read a line whose numbers go out again digit by digit: a cursor of 30 digits is no double. Raises NoMessage."""

    def number(digits: str) -> Any:
        return orjson.Fragment(digits)

    try:
        return json.loads(line, parse_float=number, parse_int=number)
    except RecursionError:
        raise NoMessage("a state that is nested too deeply to be kept") from None


def _read_broken(line: bytes) -> Any:
    """Read what can be read of a line that is not JSON: all of it with goodwill, or else that it is a record, and of which stream."""
    text = line.decode("utf-8-sig", errors="replace")
    try:
        return json.loads(text, strict=False, parse_int=float)
    except (ValueError, RecursionError):
        envelope = text.partition('"data"')[0]
        told = {name: found[1] for name, pattern in _TELLS.items() if (found := pattern.search(envelope))}
        return {"type": told.pop("type", None), "record": told}


@dataclass
class State:
    """A STATE message, to be sent back as it came."""

    message: dict[str, Any]
    scope: StreamKey | Literal["every stream"]

    def receipt(self, records: int, rejected: int) -> dict[str, Any]:
        """Return the message with the destination's counts since the last state."""
        stats = {"recordCount": float(records), "rejectedRecordCount": float(rejected)}
        return {**self.message, "state": {**self.message["state"], "destinationStats": stats}}


def read_state(message: dict[str, Any]) -> State | None:
    """Read a STATE message: of one stream, or of all (GLOBAL, LEGACY). None where it has not a state's shape."""
    state = message.get("state")
    if not isinstance(state, dict):
        return None
    if state.get("type", "LEGACY") != "STREAM":
        return State(message, "every stream")
    try:
        descriptor = state["stream"]["stream_descriptor"]
        namespace, name = descriptor.get("namespace") or None, descriptor["name"]
    except (KeyError, TypeError, AttributeError):
        return None
    return State(message, (namespace, name)) if isinstance(name, str) and isinstance(namespace, str | None) else None


def send(message: Mapping[str, Any]) -> None:
    """Write a message to standard output, at once and whole, from any thread; in order with what is logged."""
    with PRINT_BUFFER.lock:
        PRINT_BUFFER.write(orjson.dumps(message).decode() + "\n")
        PRINT_BUFFER.flush()


def send_error(error: AirbyteTracedException) -> None:
    """Send a TRACE ERROR message, its texts masked one by one: a secret that looks like JSON must not break the message."""
    message = AirbyteMessageSerializer.dump(error.as_airbyte_message())
    told = message["trace"]["error"]
    for name in ("message", "internal_message", "stack_trace"):
        told[name] = masked(told[name] or "")
    send(message)
