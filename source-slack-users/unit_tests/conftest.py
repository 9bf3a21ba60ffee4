"""Provides a simulated Slack inside the process, and a clock without waits."""

from __future__ import annotations

import copy
import gzip
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
import requests_mock
from airbyte_cdk.models import SyncMode
from hypothesis import HealthCheck, Phase, settings
from source_slack_users import SourceSlackUsers

API = "https://slack.com/api/"
START = 1_800_000_000  # of every read: 2027-01-15T08:00:00Z
TOKEN = "xoxb-of-the-bot-1"
Payload = dict[str, Any]

MEMBERS: list[Payload] = [
    {
        "id": f"U{number}",
        "team_id": "T1",
        "name": f"user{number}",
        "deleted": False,
        "is_bot": False,
        "updated": 1_700_000_000 + number,
        "profile": {"email": f"user{number}@example.com", "real_name": f"First{number} Last{number}", "phone": ""},
    }
    for number in range(5)
]


# A busy machine must fail no test, and each run has the same examples; make fuzz looks for others.
settings.register_profile("here", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("here")
# make mutate runs the tests hundreds of times; the first example that fails is enough there.
settings.register_profile("mutants", max_examples=20, phases=[Phase.explicit, Phase.generate])


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker of the CDK's image tests, which are not run here."""
    config.addinivalue_line("markers", "image_tests: the CDK's tests of the connector's image")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give the CDK's standard tests their scenarios."""
    from airbyte_cdk.test.standard_tests.pytest_hooks import pytest_generate_tests as scenarios

    scenarios(metafunc)


@dataclass
class Slack:
    """Simulates Slack: returns for each method what `answers` holds for it.

    That is a dict, a file, or a function of the request's parameters. `failures` are returned first, one per request of
    a method: keyword arguments of requests-mock, or a dict of Slack's.
    """

    scopes: str | None = "users:read,users:read.email,admin"
    headers: dict[str, str] = field(default_factory=dict)
    failures: dict[str, list[Payload]] = field(default_factory=dict)
    calls: list[tuple[str, Payload, str]] = field(default_factory=list)
    answers: dict[str, Payload | bytes | Callable[[Payload], Payload | bytes]] = field(
        default_factory=lambda: {
            "auth.test": {"team_id": "T1", "team": "Acme", "is_enterprise_install": False},
            "users.list": {"members": copy.deepcopy(MEMBERS), "response_metadata": {"next_cursor": ""}},
            "team.accessLogs": {
                "logins": [
                    {"user_id": "U1", "username": "user1", "date_first": 5, "date_last": 1_700_000_000, "count": 2}
                ],
                "paging": {"page": 1, "pages": 1},
            },
            "team.billableInfo": {"billable_info": {"U1": {"billing_active": True}}},
            "usergroups.list": {"usergroups": [{"id": "S1", "handle": "admins", "users": ["U1"]}]},
            "admin.analytics.getFile": gzip.compress(b'{"user_id": "U1", "is_active": true}'),
        }
    )

    def matcher(self, request: requests.PreparedRequest) -> requests.Response:
        """Respond to a request."""
        method = request.url.split("/api/")[1].split("?")[0]
        pairs = parse_qs(request.text or "") or parse_qs(request.url.partition("?")[2])
        params = {name: values[-1] for name, values in pairs.items()}
        authorization = request.headers.get("Authorization", "")
        self.calls.append((method, params, authorization))
        planned = self.failures.get(method)
        if planned:
            return requests_mock.create_response(request, **planned.pop(0))
        answer = self.answers[method]
        content = answer(params) if callable(answer) else copy.deepcopy(answer)
        if isinstance(content, bytes):
            return requests_mock.create_response(request, content=content, headers={"Content-Type": "application/gzip"})
        headers = self.headers | ({} if self.scopes is None else {"x-oauth-scopes": self.scopes})
        return requests_mock.create_response(request, json={"ok": True, **content}, headers=headers)

    def fail(self, method: str, *failures: Payload | str) -> None:
        """Make the next requests of a method fail; a text is one of Slack's error codes."""
        planned = [{"json": {"ok": False, "error": f}} if isinstance(f, str) else f for f in failures]
        self.failures.setdefault(method, []).extend(planned)

    def asked(self, method: str) -> list[Payload]:
        """Return the parameters of each request of a method."""
        return [params for name, params, _ in self.calls if name == method]


@pytest.fixture
def slack() -> Iterator[Slack]:
    """Simulate Slack at its own address, inside this process."""
    server = Slack()
    with requests_mock.Mocker() as mocker:
        mocker.add_matcher(lambda request: server.matcher(request) if request.url.startswith(API) else None)
        yield server


@dataclass
class Clock:
    """Advances its time by each sleep."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        """Advance the time."""
        if seconds:
            self.slept.append(seconds)
        self.now += seconds

    def monotonic(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Replace the clock of the retries."""
    clock = Clock()
    monkeypatch.setattr(time, "sleep", clock.sleep)
    monkeypatch.setattr("source_slack_users.retries.time", clock)
    return clock


@pytest.fixture
def config() -> Payload:
    """Return a configuration with the required settings only."""
    return {"credentials": {"auth_type": "api_token", "api_token": TOKEN}}


@dataclass
class Reader:
    """Reads streams at the time START."""

    config: Payload
    stream: Any = None

    def __call__(self, stream: str, state: Payload | None = None, **settings: Any) -> list[Payload]:
        """Return the records of a stream."""
        return [message.record.data for message in self.begin(stream, state, **settings)]

    def begin(self, stream: str, state: Payload | None = None, **settings: Any) -> Iterator[Any]:
        """Yield the record messages of a stream."""
        streams = SourceSlackUsers().streams({**self.config, **settings})
        self.stream = next(each for each in streams if each.name == stream)
        return self.stream.read_records(SyncMode.incremental, stream_state=state or {})

    def state_after(self, state: Payload | None = None) -> Payload:
        """Return the state at the end of the last read, which began with `state`."""
        return self.stream.next_state(state or {})


@pytest.fixture
def read(slack: Slack, config: Payload, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """Return a reader of Slack's streams."""
    monkeypatch.setattr("source_slack_users.source.time.time", lambda: START + 0.5)
    return Reader(config)


@pytest.fixture
def grid(slack: Slack) -> dict[str, list[Payload]]:
    """Simulate an organization of three workspaces, with two people per page."""

    def member(person: str, **more: Any) -> Payload:
        return {"id": person, "updated": START - 3600, "profile": {}, **more}

    places: dict[str, list[Payload]] = {
        "T1": [member("W1"), member("W2", deleted=True), member("W3"), member("W6", deleted=True)],
        "T2": [member("W1"), member("W2"), member("W4")],
        "T3": [member("W1", deleted=True), member("W2", deleted=True), member("W5"), member("W6", deleted=True)],
    }

    def users(params: Payload) -> Payload:
        people, start = places[params["team_id"]], int(params.get("cursor", 0))
        cursor = str(start + 2) if start + 2 < len(people) else ""
        return {"members": copy.deepcopy(people[start : start + 2]), "response_metadata": {"next_cursor": cursor}}

    slack.answers |= {
        "auth.test": {"team_id": "E1", "team": "Group", "is_enterprise_install": True},
        "auth.teams.list": {"teams": [{"id": team, "name": f"Name of {team}"} for team in places]},
        "users.list": users,
    }
    return places
