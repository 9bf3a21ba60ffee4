"""Runs a sync over a simulated Oomnitza whose people have unique fields."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.api.retries import RetryPolicy
from destination_oomnitza.config.models import Config
from destination_oomnitza.protocol.catalog import Stream
from destination_oomnitza.sync import run_sync
from requests_mock import Mocker

HOST = "https://acme.oomnitza.com"
USERS = f"{HOST}/api/v3/users"
UNIQUE = ("username", "email", "slack_user_id")
META = {
    "role": {"searchhelp": [{"key": "25", "value": "Employee"}]},
    "slack_user_id": {"label": "Slack User Id", "data_type": "text", "unique": "1"},
}
STREAM = Stream("users", properties={name: {} for name in ("id", "name", "email", "title", "deleted")})
LOGINS = Stream("last_logins", properties={"user_id": {}})


class Oomnitza:
    """Replaces the server: people with unique user names, addresses and Slack ids.

    Takes one lookup per request.
    """

    def __init__(self, *people: dict[str, Any]) -> None:
        self.people: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()
        for person in people:
            self._add(person)

    def _add(self, values: dict[str, Any]) -> dict[str, Any]:
        user_id = f"p{len(self.people)}"
        self.people[user_id] = {"username": "", "email": "", "role": 25, **values, "user_id": user_id}
        return self.people[user_id]

    @contextmanager
    def serving(self) -> Iterator[None]:
        with Mocker() as http:
            http.get(f"{HOST}/api/v2/mappings?name=AuthTest", json={})
            http.get(f"{USERS}/meta", json=META)
            http.get(re.compile(rf"{USERS}\?"), json=self._look_up)
            http.post(USERS, json=self._create)
            http.patch(re.compile(rf"{USERS}/"), json=self._edit)
            yield

    def _look_up(self, request: Any, _: Any) -> list[dict[str, Any]]:
        text = parse_qs(urlsplit(request.url).query).get("filter", [""])[0]
        name, values = text.partition(" ")[0], set(re.findall(r'"([^"]*)"', text))
        with self._lock:
            return [dict(each) for each in self.people.values() if each.get(name) in values]

    def _create(self, request: Any, context: Any) -> Any:
        with self._lock:
            return self._taken(request.json(), "", context) or dict(self._add(request.json()))

    def _edit(self, request: Any, context: Any) -> Any:
        user_id = request.path.rpartition("/")[2]
        with self._lock:
            taken = self._taken(request.json(), user_id, context)
            if taken is None:
                self.people[user_id].update(request.json())
            return taken or dict(self.people[user_id])

    def _taken(self, body: dict[str, Any], user_id: str, context: Any) -> Any:
        for name in UNIQUE:
            others = {each.get(name) for each in self.people.values() if each["user_id"] != user_id}
            if body.get(name) and body[name] in others:
                context.status_code = 409
                return {"message": f"{name} is taken"}
        return None

    def by_slack_id(self, slack_id: str) -> list[dict[str, Any]]:
        return [each for each in self.people.values() if each.get("slack_user_id") == slack_id]


def sync(
    oomnitza: Oomnitza, *records: dict[str, Any], logins: tuple[dict[str, Any], ...] = (), **more: Any
) -> dict[str, Any]:
    """Write records, then those of the stream of logins; return the report of users."""
    base = {
        "instance_url": HOST,
        "credentials": {"auth_type": "api_token", "api_token": "made-up-token"},
        "default_role": 25,
        "sync_keys": ["slack_user_id", "email"],
        "update_sync_keys": True,
        "num_workers": 1,
    }
    lines = [
        json.dumps({"type": "RECORD", "record": {"stream": stream.name, "data": each, "emitted_at": 0}}).encode()
        for stream, some in ((STREAM, records), (LOGINS, logins))
        for each in some
    ]
    kept: list[str] = []
    sent: list[dict[str, Any]] = []
    logger, handler = logging.getLogger("airbyte"), logging.Handler()
    handler.emit = lambda record: kept.append(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(handler)
    try:
        with oomnitza.serving():
            run_sync(
                Config.parse({**base, **more}),
                [STREAM, LOGINS] if logins else [STREAM],
                [lines],
                sent.append,
                retry_policy=RetryPolicy(faults=0),
            )
    except AirbyteTracedException as error:
        assert "rejected every record" in str(error.message)
    finally:
        logger.removeHandler(handler)
    report = json.loads(sent[-1]["log"]["message"])["sync_report"]["users"]
    return {"logs": "\n".join(kept), **{name: number for name, number in report.items() if number}}


def ada(slack_id: str | None = "U1", email: str = "a@x.example", name: str = "ada", **more: Any) -> dict[str, Any]:
    return {"id": slack_id, "name": name, "email": email, "deleted": False, **more}


def person(slack_id: str | None = "U1", email: str = "a@x.example", username: str = "ada") -> dict[str, Any]:
    return {"username": username, "email": email, "slack_user_id": slack_id}
