"""Tests that a secret is masked in every form in which it appears."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus

import pytest
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets, update_secrets
from hypothesis import given
from hypothesis import strategies as st
from source_slack_users.masking import SHORTEST, mask

ESCAPES: dict[str, Callable[[str], str]] = {
    "plain": str,
    "JSON": lambda text: json.dumps(text)[1:-1],
    "Python": lambda text: repr(text)[1:-1],
    "bytes": lambda text: repr(text.encode())[2:-1],
    "HTML": html.escape,
    "URL": lambda text: quote(text, safe=""),
    "form": quote_plus,
}
# Texts that the configuration accepts as a secret.
SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=SHORTEST, max_size=40)


@pytest.fixture(autouse=True)
def _no_secrets_left_behind(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("source_slack_users.masking.FORMS", set())
    yield
    update_secrets([])


@given(SECRETS)
def test_mask_secret_is_replaced_in_every_form(secret: str) -> None:
    mask(secret)
    for name, once in ESCAPES.items():
        for other, twice in ESCAPES.items():
            assert filter_secrets(f"<{twice(once(secret))}>") == "<****>", f"{name}, then {other}"


def test_mask_secret_that_begins_with_another_is_whole() -> None:
    mask("xoxb-1")
    mask("xoxb-12345")
    assert filter_secrets("xoxb-12345 xoxb-1") == "**** ****"


@pytest.mark.parametrize("secret", ["", "e", "17", "abc"])
def test_mask_secret_in_every_second_word_is_left(secret: str) -> None:
    mask(secret)
    assert filter_secrets("message 17 of abcd") == "message 17 of abcd"
