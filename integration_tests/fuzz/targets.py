"""Check inputs of one kind each; every target raises if a promise is broken."""

from __future__ import annotations

import copy
import html
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from unittest.mock import patch
from urllib.parse import quote, quote_plus

import orjson
import source_slack_users.masking
import source_slack_users.retries
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets, update_secrets
from destination_oomnitza.destination import parse_config, read_config
from destination_oomnitza.mapping.expressions import compile_native, compile_value, paths_read
from destination_oomnitza.mapping.template_limits import BoundedEnvironment
from destination_oomnitza.mapping.templates import TemplateFailed
from destination_oomnitza.masking import SECRETS, mask, masked
from destination_oomnitza.person_schema import PersonSchema
from destination_oomnitza.planning.stream_plan import plan_check, plan_streams
from destination_oomnitza.protocol import catalog as destination_catalog
from source_slack_users import SourceSlackUsers
from source_slack_users.input_files import read_states

from integration_tests.fuzz.promises import bounded, file_of, quiet, typed_errors
from integration_tests.fuzz.syncs import CONFIG, lines, oomnitza, read_streams, slack

LONGEST = 1 << 16


# -- masking -----------------------------------------------------------------------------------------------------------

ENCODERS: tuple[Callable[[str], str], ...] = (
    str,
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    lambda text: repr(text)[1:-1],
    lambda text: repr(text.encode())[2:-1],
    html.escape,
    quote,
    lambda text: quote(text, safe=""),
    quote_plus,
)


def masking(data: bytes) -> None:
    """Check that no form of a secret leaves, up to two encodings deep.

    The first line of the input is the secret, the rest is text around it.
    """
    secret, _, text = data.decode(errors="replace").partition("\n")
    secret = secret.strip()
    if len(secret) < 4 or "*" in secret or "…" in secret:  # a mask or an ellipsis could complete it
        return
    forms = {outer(inner(secret)) for inner in ENCODERS for outer in ENCODERS}
    text = f"{text}<{text[:200].join(sorted(forms))}>"
    SECRETS.clear()
    mask(secret)
    clean = masked(text)
    assert not [form for form in forms if form in clean]
    logged = filter_secrets(text)
    assert not [form for form in forms if form in logged]
    SECRETS.clear()
    if secret.isascii() and secret.isprintable() and " " not in secret:  # all that the source accepts
        with patch.object(source_slack_users.masking, "FORMS", set()):
            source_slack_users.masking.mask(secret)
            logged = filter_secrets(text)
        assert not [form for form in forms if form in logged]
        update_secrets([])


# -- templates ---------------------------------------------------------------------------------------------------------

RECORD: dict[str, Any] = {
    "id": "U1",
    "name": "a" * 41 + "!",
    "email": "Ada@acme.example",
    "title": "Técnica €😀 <b>&amp;</b>",
    "updated": 1_700_000_000,
    "share": 0.5,
    "deleted": False,
    "nothing": None,
    "profile": {"first_name": "Ada", "fields": {"Xf1": {"value": "HQ", "alt": ""}}, "a b.c": [1, [2, {"x": "y"}]]},
    "team_ids": [f"T{number}" for number in range(300)],
    "text": "word 1.5 (a) " * 400,
}


FILTERS = frozenset(BoundedEnvironment({}, {}).filters) - {" weighed", " joined", " counted", " container"}


def templates(data: bytes) -> None:
    """Check a template or path: it is rejected with a reason, or its value is bounded."""
    text = data.decode(errors="replace")
    record = copy.deepcopy(RECORD)
    for compiled in (compile_value, compile_native):
        with suppress(ValueError):
            value = compiled(text)
            with suppress(TemplateFailed):
                result = value(record)
                assert len(str(result)) < 2_000_000
    with suppress(ValueError):
        paths_read(text)
    assert record == RECORD


# -- files -------------------------------------------------------------------------------------------------------------


def configurations(data: bytes) -> None:
    """Check a configuration: both connectors reject it with config_error, or use it."""
    with file_of(data) as path:
        with typed_errors(FailureType.config_error):
            document = read_config(path)
            SECRETS.clear()
            config = parse_config(document)
            plan_check(config, PersonSchema.unknown(), {})
        source = SourceSlackUsers()
        settings = source.configure(source.read_config(path), "")
        assert isinstance(orjson.dumps(settings), bytes)
        with typed_errors(FailureType.config_error), patch("source_slack_users.source.sign_in"):
            source.streams(settings)
        update_secrets([])


def catalogs(data: bytes) -> None:
    """Check a configured catalog: it is rejected with config_error, or planned."""
    with file_of(data) as path:
        with typed_errors(FailureType.config_error):
            plan_streams(CONFIG, PersonSchema.unknown(), destination_catalog.read_catalog(path))
        with typed_errors(FailureType.config_error):
            SourceSlackUsers.read_catalog(path)


def states(data: bytes) -> None:
    """Check a state: it is rejected with config_error, or the streams are read."""
    with file_of(data) as path, typed_errors(FailureType.config_error):
        read_streams({}, read_states(path))


TARGETS: dict[str, Callable[[bytes], None]] = {
    each.__name__: each for each in (masking, templates, configurations, catalogs, states, lines, oomnitza, slack)
}


def run(name: str, data: bytes) -> None:
    """Check one input against a target."""
    with quiet(), bounded():
        TARGETS[name](data[:LONGEST])
