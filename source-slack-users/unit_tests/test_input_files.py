"""Tests that a command reads its files, or reports one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.models import AirbyteStateMessageSerializer, FailureType
from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from hypothesis import given
from hypothesis import strategies as st
from source_slack_users.input_files import read_catalog, read_json, read_states

SECRET = "xoxb-made-up"
USERS = {"type": "STREAM", "stream": {"stream_descriptor": {"name": "users"}, "stream_state": {"updated": 5}}}
STREAM = {
    "stream": {"name": "users", "json_schema": {}, "supported_sync_modes": ["full_refresh"]},
    "sync_mode": "full_refresh",
    "destination_sync_mode": "append",
}


def written(folder: Path, content: Any) -> str:
    path = folder / "input.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return str(path)


def rejection_of(read: Any, *arguments: str) -> str:
    with pytest.raises(AirbyteTracedException) as caught:
        read(*arguments)
    assert caught.value.failure_type is FailureType.config_error
    assert SECRET not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'{"a": "xoxb-made-up",}', "is not JSON: line 1, column 22."),
        (b'{\n"a": 1\n"b"', "is not JSON: line 3, column 1."),
        (b"xoxb-made-up", "is not JSON: line 1, column 1."),
        (b" \n", "is empty."),
        (b"\xff\xfe\xfa", "is not text in UTF-8."),
        (b"[" * 100_000, "is nested too deeply."),
    ],
)
def test_read_json_broken_file_is_located_never_quoted(tmp_path: Path, content: bytes, sentence: str) -> None:
    assert rejection_of(read_json, written(tmp_path, content), "state").endswith(sentence)


@pytest.mark.parametrize("path", ["missing.json", "."])
def test_read_json_file_that_cannot_be_read_is_named(tmp_path: Path, path: str) -> None:
    assert f"The state {tmp_path / path} cannot be read (" in rejection_of(read_json, str(tmp_path / path), "state")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_read_json_each_editors_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    assert read_json(written(tmp_path, '{"a": "\u00e9"}'.encode(encoding)), "state") == {"a": "\u00e9"}


def updated(states: list[Any]) -> Any:
    return ConnectorStateManager(state=states).get_stream_state("users", None).get("updated")


LEGACY = {"users": {"updated": 5}, "other": {}}


@pytest.mark.parametrize("content", [[USERS], USERS, LEGACY, [{"type": "LEGACY", "data": LEGACY}]])
def test_read_states_each_form_is_read(tmp_path: Path, content: Any) -> None:
    assert updated(read_states(written(tmp_path, content))) == 5


@pytest.mark.parametrize("content", [[], {}, None])
def test_read_states_nothing_is_no_state(tmp_path: Path, content: Any) -> None:
    assert read_states(written(tmp_path, content)) == []
    assert read_states(None) == []


GLOBAL = {"type": "GLOBAL", "global": {"shared_state": {}, "stream_states": []}}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty."),
        (b"{", "is not JSON: line 1, column 2."),
        ([GLOBAL], "holds a state that is not of type STREAM"),
        (GLOBAL, "holds a state that is not of type STREAM"),
        ([{"type": "LEGACY", "data": {"users": 5}}], "does not have Airbyte's format."),
        ([{"type": "LEGACY"}], "does not have Airbyte's format."),
        ([{"type": "STREAM"}], "holds a state that is not of type STREAM"),
        (["users"], "does not have Airbyte's format."),
        ([{"type": "STREAM", "stream": 5}], "does not have Airbyte's format."),
        ({"users": 5}, "does not have Airbyte's format."),
        ("users", "does not have Airbyte's format."),
        (5, "does not have Airbyte's format."),
    ],
)
def test_read_states_another_form_is_rejected(tmp_path: Path, content: Any, sentence: str) -> None:
    assert sentence in rejection_of(read_states, written(tmp_path, content))


def test_read_catalog_configured_catalog_is_read(tmp_path: Path) -> None:
    assert read_catalog(written(tmp_path, {"streams": [STREAM]})).streams[0].stream.name == "users"


@pytest.mark.parametrize(
    "content",
    [[], None, 5, {}, {"streams": 5}, {"streams": [STREAM["stream"]]}, {"streams": [{**STREAM, "sync_mode": SECRET}]}],
)
def test_read_catalog_another_form_is_rejected(tmp_path: Path, content: Any) -> None:
    assert "does not have Airbyte's format." in rejection_of(read_catalog, written(tmp_path, content))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "stream", "streams", "sync_mode", "data"]) | st.text(max_size=3), inner
        )
    ),
    max_leaves=8,
)


@given(JSON)
def test_input_whatever_json_comes_is_read_or_rejected(tmp_path_factory: pytest.TempPathFactory, content: Any) -> None:
    path = written(tmp_path_factory.getbasetemp(), content)
    for read in (read_states, read_catalog):
        try:
            found = read(path)
        except AirbyteTracedException as error:
            assert error.failure_type is FailureType.config_error
        else:
            assert not isinstance(found, list) or list(map(AirbyteStateMessageSerializer.dump, found)) is not None
