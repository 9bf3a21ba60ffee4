"""Registers all forms of a secret with the CDK, which masks logs and errors."""

import html
import json
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

from airbyte_cdk.utils.airbyte_secrets_utils import update_secrets

SHORTEST = 4
"""Characters of the shortest secret that is masked: a shorter one occurs in ordinary words."""

FORMS: set[str] = set()


def mask(*secrets: str) -> None:
    """Mask secrets in logs and errors.

    They are masked plain, and escaped up to twice for JSON, Python, HTML or URLs.
    """
    for secret in secrets:
        if len(secret) >= SHORTEST:
            once = set(_escaped(secret))
            FORMS.update({secret}, once, *map(_escaped, once))
    # The longest first, so that a secret that begins with another one is masked as a whole.
    update_secrets(sorted(FORMS, key=len, reverse=True))


def _escaped(text: str) -> Iterator[str]:
    yield json.dumps(text)[1:-1]
    yield repr(text)[1:-1]
    yield repr(text.encode())[2:-1]
    yield html.escape(text)
    yield html.escape(text, quote=False)
    yield quote(text)
    yield quote(text, safe="")
    yield quote_plus(text)
