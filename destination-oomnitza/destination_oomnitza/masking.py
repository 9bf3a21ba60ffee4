"""Masking: every form in which a secret could turn up in a message.

The CDK masks texts that it is told of, in logs and traces. It is told here what it does not know by itself: the token that a
password is exchanged for, and the usual escaped forms. What Oomnitza says goes through `masked` as well, for it could repeat a
secret in a form that nobody foresaw.
"""

from __future__ import annotations

import html
import json
import re
from urllib.parse import quote, quote_plus

from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets, update_secrets

_KNOWN: set[str] = set()
_PATTERNS: dict[str, re.Pattern[str]] = {}


def mask(*secrets: str) -> None:
    """Have these secrets masked, in all their forms, in logs, traces and the messages of a failed check."""
    for secret in secrets:
        text = secret.strip()
        if text:
            _KNOWN.update(form for form in _forms(secret) if form)
            _PATTERNS[text] = re.compile("".join(map(_any_spelling, text)))
    # The longest first: a form that holds another one must not be left half masked.
    update_secrets(sorted(_KNOWN, key=len, reverse=True))


def masked(text: str) -> str:
    """Return a text without the secrets, each of whose characters may be written as it is, or escaped for JSON, Python, a URL or HTML."""
    for secret in sorted(_PATTERNS, key=len, reverse=True):
        text = _PATTERNS[secret].sub("****", text)
    return filter_secrets(text)


def _forms(secret: str) -> set[str]:
    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]}
    urls = {quote(secret), quote(secret, safe=""), quote_plus(secret)}
    # A log line is JSON itself, so what a message quotes from JSON is escaped twice.
    twice = {json.dumps(form, ensure_ascii=ascii_only)[1:-1] for form in escaped for ascii_only in (True, False)}
    return {secret, secret.strip(), *escaped, *urls, *twice, html.escape(secret)}


def _any_spelling(character: str) -> str:
    """Return a pattern for one character of a secret, in every spelling."""
    code = ord(character)
    plain = {character, json.dumps(character)[1:-1], repr(character)[1:-1], html.escape(character)}
    if not character.isalnum():
        plain.add(f"\\{character}")
    if character == " ":
        plain.add("+")
    # Escaped once more with every JSON around it: any number of backslashes stands for one.
    spellings = [re.escape(each).replace(r"\\", r"\\+") for each in sorted(plain, key=len, reverse=True)]
    percent = "".join(f"%(?:25)*{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))
    coded = [percent, rf"\\+u\{{?0*{code:x}\}}?", rf"\\+x{code:02x}", rf"&\#0*{code};", rf"&\#x0*{code:x};"]
    return f"(?:{'|'.join(spellings)}|(?i:{'|'.join(coded)}))"
