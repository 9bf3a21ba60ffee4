"""Configured catalog: the streams, and how to write each of them.

Read as plain JSON, because the CDK's model drops `destination_object_name`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from destination_oomnitza.errors import config_error
from destination_oomnitza.protocol.input_files import read_json

StreamKey = tuple[str | None, str]
"""Namespace and name of a stream."""


@dataclass(frozen=True)
class Stream:
    """One stream of the configured catalog, with the properties used here."""

    name: str
    namespace: str | None = None
    sync_mode: str = "full_refresh"
    destination_sync_mode: str = "append"
    properties: Mapping[str, Any] | None = None
    primary_key: tuple[str, ...] = ()
    object_name: str | None = None
    """Oomnitza object to which Airbyte's data activation has mapped the records; None without data activation."""
    is_resumable: bool = False
    """Whether an attempt may resume a full refresh, so that a STATE does not mean it was read completely."""
    is_new_generation: bool = False
    """Whether all earlier generations are replaced: `0 < minimum_generation_id == generation_id`."""

    @cached_property
    def key(self) -> StreamKey:
        """Namespace and name."""
        return (self.namespace, self.name)

    @property
    def is_full_reload(self) -> bool:
        """Whether the stream is sent completely and replaces all earlier records."""
        # If the metadata declares supportsRefreshes, the platform sends overwrite as append with a new generation.
        overwrites = self.destination_sync_mode == "overwrite" and self.sync_mode == "full_refresh"
        return overwrites or self.is_new_generation

    @property
    def title(self) -> str:
        """Name of the stream for messages."""
        return f"{self.namespace}.{self.name}" if self.namespace else self.name


def read_catalog(path: str) -> list[Stream]:
    """Read the configured catalog from a file.

    Raises AirbyteTracedException (config_error) if it cannot be read or is no catalog.
    """
    document = read_json(path, "configured catalog")
    try:
        return parse_catalog(document)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise config_error(
            f"The file {path} is not a configured catalog of Airbyte. Use the platform's, or make one from a source's discover.",
            f"{type(error).__name__}: {error}",
        ) from None


def parse_catalog(document: Mapping[str, Any]) -> list[Stream]:
    """Parse a configured catalog. Raises KeyError, TypeError or AttributeError."""
    return [_stream(each) for each in document["streams"]]


def _stream(configured: Mapping[str, Any]) -> Stream:
    stream = configured["stream"]
    properties = (stream.get("json_schema") or {}).get("properties")
    if not isinstance(stream["name"], str) or not isinstance(properties or {}, dict):
        raise TypeError("a stream's name is not text, or its properties are not an object")
    keys = configured.get("primary_key") or stream.get("source_defined_primary_key") or []
    return Stream(
        name=stream["name"],
        namespace=_text(stream.get("namespace")),
        sync_mode=_text(configured.get("sync_mode")) or "full_refresh",
        destination_sync_mode=_text(configured.get("destination_sync_mode")) or "append",
        properties=properties,
        primary_key=tuple(".".join(path) if isinstance(path, list) else str(path) for path in keys),
        is_resumable=stream.get("is_resumable") is True,
        is_new_generation=0 < (configured.get("minimum_generation_id") or 0) == configured.get("generation_id"),
        object_name=_text(configured.get("destination_object_name")),
    )


def _text(value: Any) -> str | None:
    if not isinstance(value, str | None):
        raise TypeError("a name or a mode is not text")
    return value or None
