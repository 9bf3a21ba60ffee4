"""Masks secrets in texts, however they are encoded.

The CDK masks log lines and traces by plain replacement, and `mask` gives it the usual forms of each secret. Texts from other
parties go through `masked`, which decodes them step by step and looks for the secret itself.
"""

from __future__ import annotations

import html
import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from html.entities import html5
from typing import Any
from urllib.parse import quote, quote_plus

from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets, update_secrets

MASK = "****"
SHORTEST = 4
"""Shortest secret that is masked. A shorter one is part of many words and numbers, and their masks would reveal it."""
LONGEST_TEXT = 16_384
"""Characters of a text that `masked` keeps; only the response of a hostile server is longer."""

_LONGEST_FORM = 4096
_MAX_LAYERS = 3
_MAX_ROTATING = 8
_SETTINGS = ("auth_type", "api_token", "username", "password")


def _json(text: str) -> str:
    return json.dumps(text)[1:-1]


def _json_upper(text: str) -> str:
    return re.sub(r"\\u[0-9a-f]{4}", lambda found: "\\u" + found[0][2:].upper(), _json(text))


def _json_unicode(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _bytes(text: str) -> str:
    return repr(text.encode("utf-8", "surrogatepass"))[2:-1]


def _url(text: str) -> str:
    return quote(text, safe="", errors="surrogatepass")


def _url_path(text: str) -> str:
    return quote(text, errors="surrogatepass")


def _url_form(text: str) -> str:
    return quote_plus(text, errors="surrogatepass")


_ENCODERS: tuple[Callable[[str], str], ...] = (
    str,
    _json,
    _json_upper,
    _json_unicode,
    lambda text: repr(text)[1:-1],
    _bytes,
    _url,
    _url_path,
    _url_form,
    html.escape,
)


def _forms(secret: str) -> set[str]:
    """Return the usual forms of a secret, encoded up to twice.

    A log line is JSON, and may quote JSON.
    """
    once = {encode(each) for each in (secret, secret.strip()) for encode in _ENCODERS}
    return {encode(each) for each in once for encode in _ENCODERS}


class _Secrets:
    """Secrets of this process. Thread-safe: replaced as a whole, never changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forms: dict[str, set[str]] = {}
        self._rotating: deque[str] = deque()
        self.needles: tuple[str, ...] = ()

    def add(self, secret: str, rotating: bool = False) -> None:
        """Add a secret; of rotating ones only the newest are kept."""
        with self._lock:
            if len(secret.strip()) < SHORTEST or secret in self._forms:
                return
            self._forms[secret] = _forms(secret)
            if rotating:
                self._rotating.append(secret)
                if len(self._rotating) > _MAX_ROTATING:
                    del self._forms[self._rotating.popleft()]
            self._publish()

    def clear(self) -> None:
        """Remove all secrets."""
        with self._lock:
            self._forms.clear()
            self._rotating.clear()
            self._publish()

    def _publish(self) -> None:
        self.needles = tuple({needle for secret in self._forms for needle in _needles(secret.strip())})
        # Longest first: a form that contains another one must not stay half masked.
        update_secrets(sorted({form for forms in self._forms.values() for form in forms}, key=len, reverse=True))


def _needles(secret: str) -> Iterator[str]:
    """Yield the forms of a secret in decoded texts.

    These are the text, and its UTF-8 bytes decoded one by one.
    """
    yield _comparable(secret)
    yield _comparable(secret.encode("utf-8", "surrogatepass").decode("latin-1"))


def _comparable(text: str) -> str:
    return text.replace("+", " ")  # a form's "+" is a blank


SECRETS = _Secrets()


def mask(*secrets: str) -> None:
    """Mask secrets in logs, traces and the messages of a failed check."""
    for secret in secrets:
        SECRETS.add(secret)


def mask_rotating(secret: str) -> None:
    """Mask a secret that the server replaces often, such as a CSRF token."""
    SECRETS.add(secret, rotating=True)


def mask_configuration(config: Mapping[str, Any]) -> None:
    """Mask everything under `credentials` but user names.

    That includes values that do not fit the form, and values in the place of a name.
    """
    nodes = [config.get("credentials")]
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict):
            nodes += [value for name, value in node.items() if name not in ("auth_type", "username")]
            nodes += [name for name in node if not get_close_matches(name, _SETTINGS)]
        elif isinstance(node, list):
            nodes += node
        elif isinstance(node, (str, int, float)) and not isinstance(node, bool):
            mask(str(node))


def masked(text: str) -> str:
    """Return a text without secrets, in any encoding, cut to LONGEST_TEXT characters.

    The time is proportional to the length of the text.
    """
    needles = SECRETS.needles
    # Includes all of a secret that crosses the cut.
    beyond = max(_LONGEST_FORM, 8 * max(map(len, needles), default=0))
    layers = list(_layers(text[: LONGEST_TEXT + beyond])) if needles else []
    spans = sorted(span for layer in layers for needle in needles for span in layer.find(needle))
    return filter_secrets(_without(text[:LONGEST_TEXT], spans)) + ("…" if len(text) > LONGEST_TEXT else "")


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    """Return a text with these sorted spans masked."""
    parts: list[str] = []
    done = 0
    for start, end in spans:
        if done <= start < len(text):
            parts += [text[done:start], MASK]
        done = max(done, end)
    return "".join([*parts, text[done:]])


@dataclass(frozen=True, slots=True)
class _Layer:
    """Text after some decoding.

    `starts[i]` to `starts[i + 1]` is the span of character `i` in the original.
    """

    text: str
    starts: list[int]

    def find(self, needle: str) -> Iterator[tuple[int, int]]:
        """Yield the start and end of a secret in the original."""
        text = _comparable(self.text)
        place = text.find(needle)
        while place >= 0:
            yield self.starts[place], self.starts[place + len(needle)]
            place = text.find(needle, place + 1)

    def decoded(self, coding: _Coding) -> _Layer:
        """Return the text with one layer of one coding removed."""
        parts: list[str] = []
        starts: list[int] = []
        done = 0
        for found in coding.pattern.finditer(self.text):
            character = coding.decode(found)
            if character is None:
                continue
            parts += [self.text[done : found.start()], character]
            starts += self.starts[done : found.start() + 1]
            done = found.end()
        if not done:
            return self
        return _Layer("".join([*parts, self.text[done:]]), starts + self.starts[done:])


@dataclass(frozen=True, slots=True)
class _Coding:
    """Encoding of a single character; `decode` returns it, or None if there is none."""

    pattern: re.Pattern[str]
    decode: Callable[[re.Match[str]], str | None]


def _character(code: int) -> str | None:
    return chr(code) if code <= 0x10FFFF else None


def _unescape(found: re.Match[str]) -> str | None:
    if found["high"]:
        return _character(0x10000 + ((int(found["high"], 16) & 0x3FF) << 10) + (int(found["low"], 16) & 0x3FF))
    digits = found["braced"] or found["code"] or found["long"] or found["byte"]
    if digits:
        return _character(int(digits, 16))
    return {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}.get(found["char"], found["char"])


def _entity(found: re.Match[str]) -> str | None:
    if found["name"]:
        named = html5.get(f"{found['name']};", "")
        return named if len(named) == 1 else None
    return _character(int(found["hex"], 16) if found["hex"] else int(found["number"]))


_CODINGS = (
    # JSON, Python, JavaScript: a backslash before a character, or before its number.
    _Coding(
        re.compile(
            r"\\(?:u(?P<high>[dD][89abAB][0-9a-fA-F]{2})\\u(?P<low>[dD][c-fC-F][0-9a-fA-F]{2})"
            r"|u\{0{0,6}(?P<braced>[0-9a-fA-F]{1,6})\}|u(?P<code>[0-9a-fA-F]{4})|U(?P<long>[0-9a-fA-F]{8})"
            r"|x(?P<byte>[0-9a-fA-F]{2})|(?P<char>[nrtbf]|[^A-Za-z0-9]))",
            re.DOTALL,
        ),
        _unescape,
    ),
    _Coding(re.compile(r"%([0-9a-fA-F]{2})"), lambda found: chr(int(found[1], 16))),
    _Coding(
        re.compile(
            r"&(?:\#0{0,8}(?P<number>[0-9]{1,7})|\#[xX]0{0,8}(?P<hex>[0-9a-fA-F]{1,6})|(?P<name>[A-Za-z]{2,16}));"
        ),
        _entity,
    ),
)


def _layers(text: str) -> Iterator[_Layer]:
    """Yield a text, and the results of up to three decodings in every order."""
    layers = [_Layer(text, list(range(len(text) + 1)))]
    seen = {text}
    yield layers[0]
    for _ in range(_MAX_LAYERS):
        found = [layer.decoded(coding) for layer in layers for coding in _CODINGS]
        layers = []
        for layer in found:
            if layer.text not in seen:
                seen.add(layer.text)
                layers.append(layer)
                yield layer
