"""Run whole syncs with services inside the process, on any input and any response."""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import orjson
import requests
import source_slack_users.masking
import source_slack_users.retries
from airbyte_cdk.models import AirbyteMessage, FailureType, Type
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.api.retries import RetryPolicy
from destination_oomnitza.api.transport import RawResponse, Transport
from destination_oomnitza.config.models import Config
from destination_oomnitza.masking import SECRETS
from destination_oomnitza.protocol import catalog as destination_catalog
from destination_oomnitza.protocol.messages import read_lines
from destination_oomnitza.sync import run_sync
from jsonschema import Draft7Validator
from requests.structures import CaseInsensitiveDict
from source_slack_users import SourceSlackUsers

from integration_tests.fuzz.promises import file_of, typed_errors

# -- the destination's input and Oomnitza's responses ------------------------------------------------------------------

CONFIG = Config.parse(
    {
        "instance_url": "https://acme.oomnitza.com",
        "credentials": {"auth_type": "password", "username": "airbyte", "password": "made-up-password"},
        "default_role": 25,
        "record_type": {"type": "user_and_saas_user", "saas_name": "Slack"},
        "num_workers": 1,
        "batch_size": 3,
    }
)
STREAMS = [destination_catalog.Stream("users"), destination_catalog.Stream("logins", namespace="slack")]
NEXT = b"\n===\n"
"""Separates the responses of one input."""
AT_ONCE = RetryPolicy(faults=0)
MOST_REQUESTS = 2_000
HONEST: dict[tuple[str, str], bytes] = {
    ("POST", "/api/request_token"): b'{"token": "made-up-token"}',
    ("GET", "/api/v3/users/meta"): b"{}",
    ("POST", "/api/v3/users"): b'{"user_id": "2"}',
    ("GET", "/api/v3/saas"): b'[{"saas_id": 7, "saas_name": "Slack"}]',
    ("POST", "/api/v3/saas/7/roles"): b'{"role_id": "r1"}',
}


def _synced(lines: Iterator[list[bytes]], respond: Callable[[str, str], tuple[int, dict[str, str], bytes]]) -> Any:
    """Return the counts per stream, the states sent, and whether the sync succeeded."""
    requests_sent = 0

    def send(_: Transport, request: Any, headers: Any) -> RawResponse:
        nonlocal requests_sent
        requests_sent += 1
        assert requests_sent < MOST_REQUESTS, "the requests do not end"
        status, named, body = respond(request.method, request.path.partition("?")[0])
        return RawResponse(status, CaseInsensitiveDict(named), bytearray(body))

    sent: list[dict[str, Any]] = []
    succeeded = False
    with (
        patch.object(Transport, "send", send),
        typed_errors(FailureType.config_error, FailureType.transient_error),
    ):
        run_sync(CONFIG, STREAMS, lines, sent.append, retry_policy=AT_ONCE)
        succeeded = True
    *emitted, report = sent
    SECRETS.clear()
    return json.loads(report["log"]["message"])["sync_report"], emitted, succeeded


def lines(data: bytes) -> None:
    """Check standard input: every record is counted, and no state is invented."""
    descriptor = os.memfd_create("stdin")
    try:
        os.write(descriptor, data)
        os.lseek(descriptor, 0, os.SEEK_SET)
        counts, emitted, succeeded = _synced(
            read_lines(descriptor, 60),
            lambda method, path: (200, {}, HONEST.get((method, path), b"[]" if method == "GET" else b"{}")),
        )
    finally:
        os.close(descriptor)
    read = [message for line in data.split(b"\n") if isinstance(message := _loaded(line), dict)]
    records = Counter(
        f"{namespace}.{name}" if (namespace := each.get("namespace")) else name
        for message in read
        if message.get("type") == "RECORD"
        and isinstance(each := message.get("record"), dict)
        and isinstance(name := each.get("stream"), str)
    )
    if succeeded:
        for stream, outcomes in counts.items():
            total = sum(outcomes[name] for name in ("added", "updated", "unchanged", "skipped", "failed"))
            assert total >= records[stream], (stream, outcomes, records)
    assert len(emitted) <= sum(message.get("type") == "STATE" for message in read) + data.count(b'"STATE"')


def _loaded(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except ValueError:
        return None


def _responses(data: bytes) -> Iterator[tuple[int, dict[str, str], bytes]]:
    """Yield the input's responses again and again.

    Each is a line with status and headers, then the body; `-` stands for an honest response.
    """
    parts = data.split(NEXT)
    while True:
        for part in parts:
            first, _, body = part.partition(b"\n")
            status, *headers = first.decode(errors="replace").split(";")
            named = dict(header.partition(":")[::2] for header in headers)
            yield int(status) if status.strip().isascii() and status.strip().isdigit() else 0, named, body


INPUT = [
    orjson.dumps({"type": "RECORD", "record": {"stream": "users", "data": data, "emitted_at": 0}})
    for data in (
        {"id": "U1", "name": "ada", "email": "ada@acme.example", "title": "Boss", "role": "admin", "deleted": False},
        {"id": "U2", "name": "eve", "email": "eve@acme.example", "role": "member", "deleted": False},
        {"id": "U3", "name": "bob", "email": "bob@acme.example", "role": "member", "deleted": True},
        {"id": "U4", "name": "joe", "email": "joe@acme.example", "phone": "1", "role": "member", "deleted": False},
    )
]


def oomnitza(data: bytes) -> None:
    """Check Oomnitza's responses: the sync ends, and has counted every record."""
    responses = _responses(data)

    def respond(method: str, path: str) -> tuple[int, dict[str, str], bytes]:
        status, headers, body = next(responses)
        return (
            (status, headers, body)
            if status
            else (200, headers, HONEST.get((method, path), b"[]" if method == "GET" else b"{}"))
        )

    counts, _, succeeded = _synced(iter([INPUT]), respond)
    total = sum(counts["users"][name] for name in ("added", "updated", "unchanged", "skipped", "failed"))
    assert total == len(INPUT) if succeeded else total <= len(INPUT), counts


# -- Slack's responses -------------------------------------------------------------------------------------------------

SLACK: dict[str, bytes] = {
    "auth.test": b'{"ok": true, "team_id": "T1", "team": "Acme"}',
    "auth.teams.list": b'{"ok": true, "teams": [{"id": "T1", "name": "Acme"}, {"id": "T2", "name": "Group"}]}',
    "users.list": b'{"ok": true, "members": [{"id": "U1", "updated": 1700000000, "profile": {"email": "a@x.example"}}]}',
    "team.accessLogs": b'{"ok": true, "logins": [{"user_id": "U1", "date_first": 5, "date_last": 1700000000, "count": 2}]}',
    "team.billableInfo": b'{"ok": true, "billable_info": {"U1": {"billing_active": true}}}',
    "usergroups.list": b'{"ok": true, "usergroups": [{"id": "S1", "handle": "admins", "users": ["U1"]}]}',
    "admin.analytics.getFile": b'{"ok": false, "error": "file_not_found"}',
    "team.profile.get": b'{"ok": true, "profile": {"fields": [{"id": "Xf1", "label": "Office"}]}}',
    "users.profile.get": b'{"ok": true, "profile": {"fields": {"Xf1": {"value": "HQ"}}}}',
}
_SETTINGS = {
    "credentials": {"auth_type": "api_token", "api_token": "xoxb-made-up-token"},
    "include_custom_fields": True,
    "page_size": 2,
}
_VALIDATORS: dict[str, Any] = {}


class _Clock:
    """Simulates a clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += max(seconds, 0)


def read_streams(
    bodies: dict[str, Iterator[tuple[int, dict[str, str], bytes]]], state: Any = None
) -> list[AirbyteMessage]:
    """Read all streams.

    Raises AssertionError if one fails with an unexpected exception.
    """
    clock = _Clock()
    sent = 0

    def send(_: Any, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        nonlocal sent
        sent += 1
        assert sent < MOST_REQUESTS, "the requests do not end"
        method = str(request.url).split("/api/")[1].partition("?")[0]
        status, headers, body = next(bodies["all"]) if "all" in bodies else (0, {}, b"")
        response = requests.Response()
        response.status_code = status or 200
        response.headers = CaseInsensitiveDict(headers)
        response._content = body if status else SLACK[method]
        response.url, response.request = str(request.url), request
        return response

    source = SourceSlackUsers()
    catalog = {
        "streams": [
            {
                "stream": {"name": name, "json_schema": {}, "supported_sync_modes": ["full_refresh", "incremental"]},
                "sync_mode": "incremental" if name not in ("billable_info", "user_groups") else "full_refresh",
                "destination_sync_mode": "append",
            }
            for name in ("users", "last_logins", "billable_info", "user_groups", "member_activity")
        ]
    }
    with file_of(json.dumps(catalog).encode()) as path:
        configured = source.read_catalog(path)
    messages: list[AirbyteMessage] = []
    with (
        patch("source_slack_users.transport._BoundedAdapter.send", send),
        patch("source_slack_users.retries.time", clock),
        patch("source_slack_users.streams.RetryPolicy", lambda: source_slack_users.retries.RetryPolicy(10, 10)),
        patch("time.sleep", clock.sleep),
    ):
        try:
            messages += source.read(logging.getLogger("airbyte"), _SETTINGS, configured, state or [])
        except AirbyteTracedException as error:
            assert "has a bug" not in str(error), error
    return messages


def slack(data: bytes) -> None:
    """Check Slack's responses: each stream fails, or its records fit the schema."""
    messages = read_streams({"all": _responses(data)})
    for message in messages:
        if message.type is Type.RECORD and message.record is not None:
            orjson.dumps(message.record.data, default=None, option=orjson.OPT_NON_STR_KEYS)
            _validate(message.record.stream, message.record.data)


def _validate(stream: str, record: dict[str, Any]) -> None:
    if not _VALIDATORS:
        for path in (Path(source_slack_users.__file__).parent / "schemas").glob("*.json"):
            _VALIDATORS[path.stem] = Draft7Validator(json.loads(path.read_text(encoding="utf-8")))
    _VALIDATORS[stream].validate(record)
