"""A secret is masked in whatever form it turns up."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets
from destination_oomnitza import masking as secrets
from destination_oomnitza.masking import mask, masked
from hypothesis import given
from hypothesis import strategies as st

SECRETS = [
    "made-up-token",
    'say "hello"',
    "back\\slash",
    "naïve€😀",
    "two\nlines\tand tab",
    "a/b+c=d&e<f>'g'",
    "100% sure",
    "  blanks  ",
]

USUAL: dict[str, Callable[[str], str]] = {
    "plain": str,
    "json": json.dumps,
    "json, not ascii": lambda secret: json.dumps(secret, ensure_ascii=False),
    "json in json": lambda secret: json.dumps(json.dumps(secret)),
    "python": repr,
    "python in json": lambda secret: json.dumps(repr(secret)),
    "url": quote,
    "url, slashes too": lambda secret: quote(secret, safe=""),
    "form": quote_plus,
    "html": html.escape,
}
UNUSUAL: dict[str, Callable[[str], str]] = {
    "html in numbers": lambda secret: "".join(f"&#{ord(c)};" for c in secret),
    "html in hex": lambda secret: "".join(f"&#x{ord(c):X};" for c in secret),
    "url in lower case": lambda secret: "".join(f"%{byte:02x}" for byte in secret.encode()),
    "url in url": lambda secret: quote(quote(secret, safe=""), safe=""),
    "json, punctuation in numbers": lambda secret: "".join(
        c if c.isalnum() or ord(c) > 0xFFFF else f"\\u{ord(c):04x}" for c in secret
    ),
    "json, all in upper case": lambda secret: json.dumps(
        "".join(c if ord(c) > 0xFFFF else f"\\u{ord(c):04X}" for c in secret)
    ),
    "slashes escaped": lambda secret: json.dumps(secret).replace("/", "\\/"),
    "thrice": lambda secret: json.dumps(json.dumps(json.dumps(secret))),
}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", USUAL.values(), ids=USUAL)
def test_the_usual_forms_are_masked_in_logs_and_traces(secret: str, form: Callable[[str], str]) -> None:
    mask(secret)
    text = filter_secrets(f"before {form(secret)} after")
    assert "****" in text
    assert form(secret).strip("\"' +%20") not in text


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", [*USUAL.values(), *UNUSUAL.values()], ids=[*USUAL, *UNUSUAL])
def test_every_form_is_masked_in_what_oomnitza_says(secret: str, form: Callable[[str], str]) -> None:
    mask(secret)
    text = masked(f"before {form(secret)} after")
    assert "****" in text
    assert form(secret).strip("\"'\\ +%20") not in text
    assert len(text) < 60


@given(st.text(min_size=1, max_size=20).filter(str.strip))
def test_any_secret_is_masked_plain_and_as_json(secret: str) -> None:
    secrets._KNOWN.clear()
    secrets._PATTERNS.clear()
    mask(secret)
    for text in (secret, json.dumps(secret)):
        assert "****" in masked(text)
        assert "****" in filter_secrets(text)


def test_a_secret_within_another_leaves_no_half() -> None:
    mask("abc", "abcdef")
    assert masked("abcdef") == filter_secrets("abcdef") == "****"


@pytest.mark.parametrize("nothing", ["", " ", "\n"])
def test_nothing_is_no_secret(nothing: Any) -> None:
    mask(nothing)
    assert masked("a b\nc") == "a b\nc"


def test_other_text_stays() -> None:
    mask("made-up-token")
    assert masked("made up token, made-up-toke, made-up") == "made up token, made-up-toke, made-up"
