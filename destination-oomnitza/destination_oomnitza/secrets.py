"""Masking: every form in which a secret could turn up in a message.

The CDK masks the configuration's secrets as they are written there. This adds what it does not know: the token that a password is
exchanged for, and secrets as they look escaped in JSON, in Python or in a URL.
"""

from __future__ import annotations

import json
from urllib.parse import quote, quote_plus

from airbyte_cdk.utils.airbyte_secrets_utils import update_secrets

_KNOWN: set[str] = set()


def _forms(secret: str) -> set[str]:
    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]}
    urls = {quote(secret), quote(secret, safe=""), quote_plus(secret)}
    # A log line is JSON itself, so what a message quotes from JSON is escaped twice.
    twice = {json.dumps(form, ensure_ascii=ascii_only)[1:-1] for form in escaped for ascii_only in (True, False)}
    return {secret, secret.strip(), *escaped, *urls, *twice}


def mask(*secrets: str) -> None:
    """Have the CDK mask these secrets, in all their forms, in logs, traces and the messages of a failed check."""
    for secret in secrets:
        _KNOWN.update(form for form in _forms(secret) if form)
    # The longest first: a form that holds another one must not be left half masked.
    update_secrets(sorted(_KNOWN, key=len, reverse=True))
