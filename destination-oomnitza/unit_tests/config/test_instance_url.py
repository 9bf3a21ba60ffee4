from __future__ import annotations

import pytest
from destination_oomnitza.config.instance_url import instance_origin
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    "text",
    [
        "acme",
        " acme ",
        "ACME",
        "acme.oomnitza.com",
        "https://acme.oomnitza.com",
        "https://acme.oomnitza.com/",
        "HTTPS://Acme.Oomnitza.com/app/#/people?x=1",
    ],
)
def test_instance_url_of_any_spelling_is_one_origin(text: str) -> None:
    assert instance_origin(text) == "https://acme.oomnitza.com"


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("oomnitza.acme.example", "https://oomnitza.acme.example"),
        ("acme:8443", "https://acme.oomnitza.com:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:8080/", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_instance_url_of_another_host_is_kept(text: str, origin: str) -> None:
    assert instance_origin(text) == origin


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("http://acme.oomnitza.com", "https://"),
        ("http://acme", "https://"),
        ("http://127.1.example.com", "https://"),
        ("http://localhost.example.com", "https://"),
        ("ftp://acme.oomnitza.com", "https://"),
        ("https:/acme.oomnitza.com", "is not an address"),
        ("https://", "is not an address"),
        ("https://[::1", "is not an address"),
        ("https://acme.oomnitza.com:port", "is not an address"),
        ("ac me", "is not an address"),
        ("acme.oomnitza.com@example.com", "must not contain a user name"),
        ("https://ada:pass-word-1@acme.oomnitza.com", "must not contain a user name"),
        ("https://\u212acme.oomnitza.com\u2100", "is not an address"),
    ],
)
def test_instance_url_that_is_none_or_unsafe_is_an_error(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        instance_origin(text)
    assert "pass-word-1" not in str(caught.value)


@given(st.text(max_size=40))
def test_instance_url_never_sends_the_token_in_the_clear(text: str) -> None:
    try:
        origin = instance_origin(text)
    except ValueError as error:
        assert len(text) < 12 or text not in str(error)
    else:
        assert origin.startswith(("https://", "http://127.", "http://localhost", "http://[::1]"))
        assert instance_origin(origin) == origin
