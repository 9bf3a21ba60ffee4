"""Tests of responses: accepted ones, rejections, and those that prove nothing."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from destination_oomnitza.api import responses
from destination_oomnitza.api.responses import (
    RequestRejected,
    Response,
    TransientFailure,
    error_in,
    read_response,
    words,
)
from destination_oomnitza.masking import LONGEST_TEXT, mask
from hypothesis import given
from hypothesis import strategies as st

NOTHING = st.sampled_from([None, "", [], {}, False, 0, [None], {"email": []}, [[], {}]])
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def read(status: int, document: Any, **how: bool) -> Response:
    return read_response(status, {}, orjson.dumps(document), **how)


# -- accepted ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_read_response_empty_body_is_accepted(status: int) -> None:
    assert read_response(status, {}, b" \r\n").json is None


@given(st.dictionaries(st.sampled_from(["errors", "error"]), NOTHING), st.sampled_from([True, None, "true", 1]))
def test_read_response_empty_errors_are_none(errors: dict[str, Any], success: Any) -> None:
    document = {"user_id": "1", "success": success, **errors}
    assert read(200, document).json == document


def test_read_response_field_named_error_in_keyed_document() -> None:
    """The metadata of an instance may have a person field of this name."""
    document = {"error": {"label": "Error", "data_type": "text"}}
    assert read(200, document, keyed=True).json == document
    with pytest.raises(RequestRejected):
        read(200, {"errors": ["no"]}, keyed=True)


def test_read_response_half_an_emoji_is_accepted() -> None:
    assert read_response(200, {}, b'[{"first_name": "Ada \\ud83d"}]').json == [{"first_name": "Ada \ud83d"}]


# -- rejections ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"errors": ["email is not valid"]}, "email is not valid"),
        ({"user_id": "1", "errors": ["a", "b."]}, "a, b."),
        (
            {"errors": {"email": ["is taken", "is long"], "role": "is unknown"}},
            "email: is taken, email: is long, role: is unknown",
        ),
        ({"errors": [{"field": "email", "message": "is taken"}]}, "is taken"),
        ({"error": "no"}, "no"),
        ({"error": True, "message": "no licence"}, "no licence"),
        ({"error": {"code": 7}}, "code: 7"),
        ({"success": False}, "no reason is given"),
        ({"success": "false", "detail": "locked"}, "locked"),
        ({"success": False, "errors": []}, "no reason is given"),
        ([{"user_id": "1"}, {"user_id": "2", "error": "no"}], "no"),
    ],
)
@pytest.mark.parametrize("status", [200, 201, 202])
def test_read_response_error_in_2xx_is_rejection(status: int, document: Any, reason: str) -> None:
    with pytest.raises(RequestRejected) as raised:
        read(status, document)
    assert (raised.value.status, str(raised.value)) == (status, reason)


def test_read_response_items_leaves_the_errors_of_items_alone() -> None:
    document = [{"saas_user_id": "1", "error": "Stays."}]
    assert read(200, document, items=True).json == document
    assert error_in(document[0]) == "Stays."
    with pytest.raises(RequestRejected):
        read(200, {"error": "no"}, items=True)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 451])
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", None),
        (b"<html></html>", None),
        (b"null", None),
        (b"{}", None),
        (b'{"errors": ["a", "b"]}', "a, b"),
        (b'{"message": "m"}', "m"),
        (b'{"status": "bad", "line": 5}', "status: bad, line: 5"),
        (b'"text"', "text"),
        (b"[1]", "1"),
        (b"Position is too long.", "Position is too long."),
        (b"two\r\n  lines\x00", "two lines"),
        (
            b"<html><head><style>p {color: red}</style><title>Bad Request</title></head><body><script>alert('x')</script>"
            b"<!-- a comment --><p>The value &quot;Boss&quot; is <b>not</b> in the list.</p></body></html>",
            'Bad Request The value "Boss" is not in the list.',
        ),
        (b"1 < 2 and broken <p", "1 < 2 and broken <p"),
        ("naïve".encode("latin-1"), "na�ve"),
        (b'{"error": "' + b"x" * 5000 + b'"}', "x" * 300),
        (b"x" * 5_000_000, "x" * 300),
        (b"[" * 5_000_000, "[" * 300),
    ],
    ids=range(17),
)
def test_read_response_4xx_gives_its_words(status: int, body: bytes, reason: str | None) -> None:
    with pytest.raises(RequestRejected) as raised:
        read_response(status, {}, body)
    mark = " (HTTP 403)" if reason and status == 403 else ""
    assert (raised.value.status, str(raised.value)) == (status, f"{reason or f'HTTP {status}'}{mark}")


@pytest.mark.parametrize(
    "body", [b"It is made-up-token.", b"<p>made-<b></b>up-token</p>", b'{"made-up-token": ["is bad"]}']
)
def test_read_response_reason_holds_no_secret(body: bytes) -> None:
    mask("made-up-token")
    with pytest.raises(RequestRejected, match=r"\*\*\*\*|made- up-token") as raised:
        read_response(400, {}, body)
    assert "made-up-token" not in str(raised.value)


def test_read_response_masks_before_it_cuts() -> None:
    mask("made-up-token")
    with pytest.raises(RequestRejected) as raised:
        read(400, {"error": "x" * 294 + "made-up-token"})
    assert str(raised.value) == "x" * 294 + "****"


def test_read_response_masks_a_secret_that_looks_like_markup() -> None:
    mask("pass<b>word")
    with pytest.raises(RequestRejected) as raised:
        read_response(400, {}, b"It is pass<b>word here")
    assert str(raised.value) == "It is **** here"


# -- transient failures --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status", [100, 101, 102, 103, 199, 206, 408, 425, 429, 500, 502, 503, 504, 520, 599, 600, 999]
)
def test_read_response_status_that_proves_nothing_is_transient(status: int) -> None:
    with pytest.raises(TransientFailure) as raised:
        read_response(status, {"Retry-After": "5"}, b'{"user_id": "1"}')
    assert raised.value.sent is (status != 429)
    assert (raised.value.retry_after == "5") is (status >= 408)


@pytest.mark.parametrize(
    "body", [b"<html>Maintenance</html>", b'[{"user_id": "1', b"\xff", b"[" * 100_000, b"1" * 10_000 + b"x"]
)
def test_read_response_2xx_without_json_is_transient(body: bytes) -> None:
    with pytest.raises(TransientFailure) as raised:
        read_response(200, {}, body)
    assert raised.value.sent and raised.value.foreign
    assert raised.value.__context__ is None  # its document is the whole text


@pytest.mark.parametrize("piece", [b"[],", b"{},", b'{"a":1},', b'"ab",', b"1e9,"])
def test_read_response_too_many_values_are_not_parsed(piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(responses, "MAX_VALUES", 100_000)
    body = b"[" + piece * 400_000 + b"0]"
    with pytest.raises(TransientFailure, match="more values"):
        read_response(200, {}, body)


# -- any response --------------------------------------------------------------------------------------------------------------------


@given(
    st.integers(100, 999).filter(lambda status: not 300 <= status < 400),
    st.binary(max_size=60) | JSON.map(orjson.dumps),
)
def test_read_response_any_answer_has_one_of_three_ends(status: int, body: bytes) -> None:
    try:
        response = read_response(status, {}, body)
    except RequestRejected as rejected:
        assert str(rejected) and str(rejected).isprintable() and len(str(rejected)) <= 311
        assert rejected.status == status
    except TransientFailure:
        assert status not in (400, 401, 403, 404)
    else:
        assert 200 <= status < 300
        assert response.json == (json.loads(body) if body.strip() else None)


@given(JSON)
def test_error_in_finds_every_word_under_errors(found: Any) -> None:
    reason = error_in({"user_id": "1", "errors": found})
    texts = [each for each in leaves(found) if each not in (None, "", False)]
    assert (reason is not None) == bool(texts)


def leaves(node: Any) -> list[Any]:
    """Yield the texts of an error; a message takes the place of its details."""
    if isinstance(node, dict):
        named = [node[word] for word in responses.WORDS if node.get(word) and node[word] is not True]
        return leaves(named[0]) if named else [leaf for each in node.values() for leaf in leaves(each)]
    return [leaf for each in node for leaf in leaves(each)] if isinstance(node, list) else [node]


@pytest.mark.parametrize("piece", ["<", "<script", "<!--", "&lt;", "\\", "<b>"])
def test_words_takes_bounded_time(piece: str) -> None:
    mask("made-up-token")
    assert len(words(piece * LONGEST_TEXT)) <= 300


def test_words_of_a_deep_error_is_no_recursion() -> None:
    found: Any = "deep"
    for _ in range(5000):
        found = [{"errors": found}]
    assert words(found) == "deep"
