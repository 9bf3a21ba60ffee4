"""Tests of the configured catalog: valid and invalid documents."""

from __future__ import annotations

from pathlib import Path

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.protocol.catalog import parse_catalog, read_catalog

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
    b'{"streams": [{"stream": {"name": "users", "namespace": ["a"]}}]}',
    b'{"streams": [{"stream": {"name": "users", "json_schema": {"properties": true}}}]}',
    b'{"streams": [{"stream": {"name": "users"}, "destination_object_name": 5}]}',
    b"[" * 5000,
    b"9" * 5000,
]


@pytest.mark.parametrize("content", CATALOGS, ids=lambda content: content[:60].decode(errors="replace"))
def test_read_catalog_of_no_catalog_is_a_config_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "catalog.json"
    path.write_bytes(content)
    with pytest.raises(AirbyteTracedException) as raised:
        read_catalog(str(path))
    assert raised.value.failure_type is FailureType.config_error
    assert str(path) in str(raised.value)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b'{"streams":\n [}', "is not JSON: line 2, column 3"),
        (b" ", "is empty"),
        (b"\xff", "is not text in UTF-8"),
        (b"[" * 100_000, "is nested too deeply"),
    ],
)
def test_read_catalog_that_is_not_json_says_where(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "catalog.json"
    path.write_bytes(content)
    with pytest.raises(AirbyteTracedException) as raised:
        read_catalog(str(path))
    assert f"The configured catalog {path} {what}." == raised.value.message


def test_read_catalog_of_no_file_is_a_config_error(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.json"):
        with pytest.raises(AirbyteTracedException) as raised:
            read_catalog(str(path))
        assert raised.value.failure_type is FailureType.config_error


def test_parse_catalog_reads_used_properties() -> None:
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


@pytest.mark.parametrize("mode", ["overwrite", "append", "append_dedup"])
@pytest.mark.parametrize("generations", [(None, None), (0, 0), (0, 3), (2, 3), (3, 3)])
@pytest.mark.parametrize("sync_mode", ["full_refresh", "incremental"])
def test_full_reload_is_overwrite_or_a_new_generation(
    mode: str, generations: tuple[int | None, int | None], sync_mode: str
) -> None:
    """An increment that overwrites is no full reload: unchanged people are not sent."""
    minimum, generation = generations
    configured = {"stream": {"name": "users", "is_resumable": True}, "sync_mode": sync_mode}
    configured |= {"destination_sync_mode": mode, "minimum_generation_id": minimum, "generation_id": generation}
    (stream,) = parse_catalog({"streams": [configured]})
    assert stream.is_full_reload == (generations == (3, 3) or (mode == "overwrite" and sync_mode == "full_refresh"))
    assert stream.is_resumable
