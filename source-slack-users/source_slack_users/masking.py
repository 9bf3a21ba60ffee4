"""Masking: the CDK replaces secrets in logs and errors; it is given each form in which one could appear."""

import html
import json
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

from airbyte_cdk.utils.airbyte_secrets_utils import update_secrets

SHORTEST = 4
"""Characters of the shortest secret that is masked: a shorter one is in every second word, and masks the log."""

_FORMS: set[str] = set()


def mask(*secrets: str) -> None:
    """Have secrets replaced in logs and errors: as they are, and escaped up to twice for JSON, Python, HTML or a URL."""
    for secret in secrets:
        if len(secret) >= SHORTEST:
            once = set(_escaped(secret))
            _FORMS.update({secret}, once, *map(_escaped, once))
    # The longest first: a secret that begins with another one must not be left half masked.
    update_secrets(sorted(_FORMS, key=len, reverse=True))


def _escaped(text: str) -> Iterator[str]:
    yield json.dumps(text)[1:-1]
    yield repr(text)[1:-1]
    yield repr(text.encode())[2:-1]
    yield html.escape(text)
    yield html.escape(text, quote=False)
    yield quote(text)
    yield quote(text, safe="")
    yield quote_plus(text)
