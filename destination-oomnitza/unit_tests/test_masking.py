"""Tests of masking: secrets in any encoding, in time linear to the text."""

from __future__ import annotations

import html
import json
import random
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets
from destination_oomnitza.masking import LONGEST_TEXT, MASK, mask, mask_configuration, mask_rotating, masked
from hypothesis import given
from hypothesis import strategies as st

SECRETS = [
    "made-up-token",
    'say "hello"',
    "back\\slash",
    "four\\\\\\\\backslashes",
    "naïve€😀",
    "two\nlines\tand tab",
    "a/b+c=d&e<f>'g'",
    "100% sure",
    "%41 &amp; \\u0041",
    "  blanks  ",
]

Form = Callable[[str], str]
USUAL: dict[str, Form] = {
    "plain": str,
    "json": json.dumps,
    "json, not ascii": lambda secret: json.dumps(secret, ensure_ascii=False),
    "json in json": lambda secret: json.dumps(json.dumps(secret)),
    "python": repr,
    "python in json": lambda secret: json.dumps(repr(secret)),
    "bytes": lambda secret: repr(secret.encode()),
    "url": quote,
    "url, slashes too": lambda secret: quote(secret, safe=""),
    "form": quote_plus,
    "html": html.escape,
    "html twice": lambda secret: html.escape(html.escape(secret)),
    "html of json": lambda secret: html.escape(json.dumps(secret)),
    "url of json": lambda secret: quote(json.dumps(secret)),
    "url of html": lambda secret: quote(html.escape(secret)),
}
UNUSUAL: dict[str, Form] = {
    "html in numbers": lambda secret: "".join(f"&#{ord(c)};" for c in secret),
    "html in hex": lambda secret: "".join(f"&#x{ord(c):X};" for c in secret),
    "url in lower case": lambda secret: "".join(f"%{byte:02x}" for byte in secret.encode()),
    "url in url": lambda secret: quote(quote(secret, safe=""), safe=""),
    "json, punctuation in numbers": lambda secret: "".join(
        c if c.isalnum() or ord(c) > 0xFFFF else f"\\u{ord(c):04x}" for c in secret
    ),
    "json, all in capitals": lambda secret: json.dumps("".join(map(capital_escape, secret))),
    "ascii()": ascii,
    "braces": lambda secret: "".join(f"\\u{{{ord(c):x}}}" for c in secret),
    "slashes escaped": lambda secret: json.dumps(secret).replace("/", "\\/"),
    "json thrice": lambda secret: json.dumps(json.dumps(json.dumps(secret))),
    "html of url of json": lambda secret: html.escape(quote(json.dumps(secret))),
}


def capital_escape(character: str) -> str:
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[place : place + 2].hex().upper()}" for place in range(0, len(units), 2))


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", USUAL.values(), ids=USUAL)
def test_cdk_log_line_masks_usual_forms(secret: str, form: Form) -> None:
    mask(secret)
    text = filter_secrets(f"before {form(secret)} after")
    assert MASK in text
    assert form(secret).strip("\"' +%20") not in text


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", [*USUAL.values(), *UNUSUAL.values()], ids=[*USUAL, *UNUSUAL])
def test_masked_masks_every_form(secret: str, form: Form) -> None:
    mask(secret)
    text = masked(f"before {form(secret)} after")
    assert MASK in text
    assert form(secret).strip("\"'\\ +%20") not in text
    assert len(text) < 60


@given(st.text(min_size=4, max_size=20).filter(lambda secret: len(secret.strip()) >= 4), st.data())
def test_masked_masks_any_secret_in_two_codings(secret: str, data: st.DataObject) -> None:
    mask(secret)
    inner, outer = (data.draw(st.sampled_from([json.dumps, str, html.escape, quote_safely])) for _ in range(2))
    assert MASK in masked(f"<{outer(inner(secret))}>")
    assert MASK in filter_secrets(json.dumps(secret))


def quote_safely(text: str) -> str:
    return quote(text, safe="", errors="surrogatepass")


@given(st.text(st.sampled_from('\\%&#;xu0123456789abcdefD8"+ quotlamp'), max_size=200))
def test_masked_never_fails_on_broken_escapes(text: str) -> None:
    mask("made-up-token")
    assert masked(text) == text


def test_masked_secret_within_another_leaves_no_half() -> None:
    mask("abcd", "abcdef")
    assert masked("abcdef") == filter_secrets("abcdef") == MASK


def test_masked_overlapping_secrets_leave_no_half() -> None:
    mask("abab")
    assert masked("ababab") == MASK


@pytest.mark.parametrize("nothing", ["", " ", "\n", "e", "17", "abc"])
def test_mask_ignores_short_secrets(nothing: Any) -> None:
    mask(nothing)
    assert masked('{"failed": 17}\nabc') == filter_secrets('{"failed": 17}\nabc') == '{"failed": 17}\nabc'


def test_masked_leaves_other_text() -> None:
    mask("made-up-token")
    text = "made_up token, made-up-toke, %20 &amp; \\n made-up"
    assert masked(text) == text


def test_masked_leaves_no_half_at_the_cut() -> None:
    mask("made-up-token")
    for before in range(LONGEST_TEXT - 14, LONGEST_TEXT + 1):
        assert "made" not in masked("x" * before + json.dumps("made-up-token"))


def test_mask_rotating_keeps_the_newest_few() -> None:
    mask("the-password")
    for number in range(1000):
        mask_rotating(f"csrf-token-{number}-")
    assert masked("csrf-token-999- csrf-token-1- the-password") == f"{MASK} csrf-token-1- {MASK}"


def test_mask_configuration_masks_all_but_user_names() -> None:
    """Includes nested values, numbers, and a token in the place of a setting's name."""
    mask_configuration(
        {
            "credentials": {
                "auth_type": "password",
                "username": "the-user",
                "passwort": ["secret-1", {"x": 123456}],
                "pasted-tok3n": "",
            }
        }
    )
    assert masked("the-user secret-1 123456 pasted-tok3n passwort") == f"the-user {MASK} {MASK} {MASK} passwort"


@pytest.mark.parametrize(
    ("credentials", "masked_text"),
    [
        ("made-up-one", "**** made-up-two ada"),
        (["made-up-one", {"x": "made-up-two"}], "**** **** ada"),
        ({"auth_type": "password", "username": "ada", "password": "made-up-one"}, "**** made-up-two ada"),
        ({"auth_type": "magic", "username": "ada", "deep": [{"er": "made-up-two"}]}, "made-up-one **** ada"),
    ],
)
def test_mask_configuration_takes_any_shape(credentials: Any, masked_text: str) -> None:
    mask_configuration({"credentials": credentials})
    assert filter_secrets("made-up-one made-up-two ada") == masked_text


HOSTILE: dict[str, str] = {
    "backslashes": "\\",
    "percents": "%25",
    "entities": "&amp;",
    "the beginning of a secret": "\\\\",
    "open braces": "\\u{0",
    "half entities": "&#x0",
    "letters": "a",
    "all": "\\u005c%5c&#92;",
}


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
def test_masked_takes_time_as_the_text_grows(piece: str) -> None:
    """A text four times as long takes far less than sixteen times the time."""
    mask("\\" * 40 + "x", "a" * 20 + "b", "made-up-token")

    def seconds(length: int) -> float:
        text = (piece * length)[:length]
        times = []
        for _ in range(3):
            start = time.process_time()
            masked(text)
            times.append(time.process_time() - start)
        return min(times)

    assert seconds(8192) < 10 * seconds(2048) + 0.05


def test_masked_huge_text_takes_no_longer_than_its_cut() -> None:
    mask("made-up-token", "four\\\\\\\\backslashes")
    start = time.process_time()
    assert len(masked("\\" * 5_000_000)) < LONGEST_TEXT + 10
    assert time.process_time() - start < 10


def test_masked_finds_a_secret_in_noise() -> None:
    secret = 'made-up "token" with \\ and 100%'
    mask(secret)
    noise = random.Random(7)
    for form in USUAL.values():
        around = "".join(noise.choices('%&;"ab{}<> ', k=300))
        assert MASK in masked(f"{around} {form(secret)} {around}")
