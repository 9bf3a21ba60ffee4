"""Tests of STATE messages: sent back digit by digit, with counts."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from destination_oomnitza.protocol.messages import read_message
from destination_oomnitza.protocol.state import read_state
from hypothesis import given
from hypothesis import strategies as st

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
def test_state_comes_back_as_it_came_with_counts(blob: Any, kind: str | None) -> None:
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
    acknowledged = orjson.loads(orjson.dumps(found.acknowledgement(5, 2)))
    assert acknowledged["state"].pop("destinationStats") == {"recordCount": 3.0, "rejectedRecordCount": 2.0}
    assert acknowledged == message


@pytest.mark.parametrize("cursor", ["123456789012345678901234", "0.1234567890123456789", "1.50", "1e5", "-7"])
def test_state_numbers_come_back_digit_by_digit(cursor: str) -> None:
    descriptor = '{"stream_descriptor":{"name":"users"},"stream_state":{"cursor":' + cursor + "}}"
    line = '{"type":"STATE","state":{"type":"STREAM","stream":' + descriptor + "}}"
    state = read_state(read_message(line.encode())[1])
    assert state is not None
    assert descriptor.encode() in orjson.dumps(state.acknowledgement(0, 0))


@pytest.mark.parametrize("descriptor", [{"name": "users", "namespace": ["n"]}, {"name": 5}, {"name": None}])
def test_read_state_without_a_stream_name_is_none(descriptor: dict[str, Any]) -> None:
    message = {"type": "STATE", "state": {"type": "STREAM", "stream": {"stream_descriptor": descriptor}}}
    assert read_state(message) is None
