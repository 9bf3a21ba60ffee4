"""Drives the HTTP clients of the tree for the hostile suite.

Each has its requests, the responses of an honest server, and the end of a run.
"""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any, Protocol
from unittest.mock import patch

from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.api.retries import RetryPolicy
from destination_oomnitza.config.models import Config
from destination_oomnitza.protocol.catalog import parse_catalog
from destination_oomnitza.sync import run_sync
from source_slack_users import config as slack_config
from source_slack_users.listing import Listing
from source_slack_users.oauth import sign_in
from source_slack_users.retries import RetryPolicy as SlackRetryPolicy
from source_slack_users.slack_api import SlackApi
from urllib3.util import Retry

from bundle import airbyte
from bundle.errors import AirbyteError
from integration_tests.harness.destination_process import lines, person, record, state, stream
from integration_tests.hostile.server import Heard

SECRET = "made-up-secret"


@dataclass(frozen=True)
class Ending:
    """Holds the end of a run: failure type, message, and records written."""

    failure_type: str
    message: str
    written: int = 0
    failed: int = 0


class HttpClient(Protocol):
    """Describes a client, and the steps at which a server can be hostile to it."""

    steps: Mapping[str, Callable[[Heard], bool]]
    faults: frozenset[str]
    """Failure types of a fault that proves nothing."""
    reads_errors: bool
    """Whether a response with status 200 may contain `errors`."""

    def honest(self, heard: Heard) -> Any:
        """Respond as the service does."""

    def run(self, address: str, seconds: float) -> Ending:
        """Run to the end, with `seconds` for a response and almost none for a retry."""


class Destination:
    """Drives the destination: it signs in, looks up, creates Eve, updates Ada."""

    faults = frozenset({"transient_error"})
    reads_errors = True
    steps: Mapping[str, Callable[[Heard], bool]] = {
        "sign-in": lambda heard: heard.path == "/api/request_token",
        "lookup": lambda heard: heard.method == "GET" and heard.path == "/api/v3/users",
        "list": lambda heard: heard.method == "GET" and heard.path == "/api/v3/saas/7/users",
        "create": lambda heard: heard.method == "POST" and heard.path == "/api/v3/users",
        "edit": lambda heard: heard.method == "PATCH" and heard.path == "/api/v3/users/1",
    }

    def honest(self, heard: Heard) -> Any:
        """Respond as Oomnitza does."""
        ada = {"user_id": "1", "username": "ada", "email": "ada@acme.example", "position": "Clerk", "role": 25}
        answers: dict[tuple[str, str], Any] = {
            ("POST", "/api/request_token"): {"token": "made-up-token"},
            ("GET", "/api/v3/users"): [ada] if "ada@" in str(heard.query.get("filter")) else [],
            ("POST", "/api/v3/users"): {"user_id": "2"},
            ("GET", "/api/v3/saas"): [{"saas_id": 7, "saas_name": "Slack"}],
            ("POST", "/api/v3/saas/7/roles"): {"role_id": "r1"},
        }
        return answers.get((heard.method, heard.path), [] if heard.path.startswith("/api/v3/saas") else {})

    def run(self, address: str, seconds: float) -> Ending:
        """Write Ada and Eve."""
        config = Config.parse(
            {
                "instance_url": address,
                "credentials": {"auth_type": "password", "username": "airbyte", "password": SECRET},
                "default_role": 25,
                "record_type": {"type": "user_and_saas_user", "saas_name": "Slack"},
            }
        )
        policy = RetryPolicy(
            connect=1,
            silence=seconds / 2,
            answer=seconds,
            faults=0.01,
            waits=Retry(total=None, backoff_factor=0.001, retry_after_max=0),
        )
        messages = [record(person("ada", title="Boss")), record(person("eve", title="Cook")), state(1)]
        logs = _Logs()
        sent: list[dict[str, Any]] = []
        logging.getLogger("airbyte").addHandler(logs)
        error = None
        try:
            streams = parse_catalog({"streams": [stream()]})
            run_sync(config, streams, [lines(messages).splitlines()], sent.append, retry_policy=policy)
        except AirbyteTracedException as raised:
            error = raised
        finally:
            logging.getLogger("airbyte").removeHandler(logs)
        report = json.loads(sent[-1]["log"]["message"])["sync_report"]["users"]
        assert not any(SECRET in text for text in logs.texts)
        failure_type = str(error.failure_type.value) if error else ""
        return Ending(failure_type, str(error or ""), report["added"] + report["updated"], report["failed"])


class Source:
    """Drives the source: it renews and identifies its token, and lists members."""

    faults = frozenset(
        {"transient_error", "config_error"}
    )  # a response too large, or a 4xx without Slack's JSON, is not Slack's
    reads_errors = False
    steps: Mapping[str, Callable[[Heard], bool]] = {
        "renewal": lambda heard: heard.path == "/api/oauth.v2.access",
        "identity": lambda heard: heard.path == "/api/auth.test",
        "list": lambda heard: heard.path == "/api/users.list",
    }

    def honest(self, heard: Heard) -> Any:
        """Respond as Slack does."""
        answers: dict[str, Any] = {
            "/api/oauth.v2.access": {"ok": True, "access_token": "xoxb-made-up", "refresh_token": "xoxe-1-made-up"},
            "/api/auth.test": {"ok": True, "team_id": "T1"},
            "/api/users.list": {"ok": True, "members": [{"id": "U1"}]},
        }
        return answers[heard.path]

    def run(self, address: str, seconds: float) -> Ending:
        """Renew an expired token, and list the members."""
        raw = {
            "credentials": {
                "auth_type": "oauth2.0",
                "client_id": "1",
                "client_secret": SECRET,
                "access_token": "xoxb-expired",
                "refresh_token": "xoxe-1-refresh",
                "token_expiry_date": "2020-01-01T00:00:00Z",
            },
            "api_url": f"{address}/api/",
        }
        config = slack_config.parse_config(raw)
        policy = SlackRetryPolicy(faults=0.2, rate_limits=0.2, response=seconds, timeout=(5, seconds / 2))
        sleep = time.sleep
        # The CDK waits at least a second before it tries again.
        with patch("time.sleep", lambda pause: sleep(min(pause, 0.01))), redirect_stdout(io.StringIO()):
            try:
                auth = sign_in(config, raw, policy)
                api = SlackApi(None, config.api_url, auth, retry_policy=policy, page_size=100)
                api.call("auth.test")
                listing = Listing(api, "users.list", "members", lambda member: (member.get("id"), 0))
                members = [each for page in listing.pages() for each in page]
            except AirbyteTracedException as error:
                return Ending(str(error.failure_type.value), str(error))
        return Ending("", "", len(members))


class Bundle:
    """Drives the bundle's client of Airbyte: token, list, and a new connection."""

    faults = frozenset({"config_error"})
    reads_errors = False
    steps: Mapping[str, Callable[[Heard], bool]] = {
        "token": lambda heard: heard.path == "/v1/applications/token",
        "list": lambda heard: heard.method == "GET" and heard.path == "/v1/connections",
        "create": lambda heard: heard.method == "POST" and heard.path == "/v1/connections",
    }

    def honest(self, heard: Heard) -> Any:
        """Respond as Airbyte does."""
        token = {"access_token": "made-up-token", "expires_in": 900}
        return token if heard.path == "/v1/applications/token" else {"data": [], "connectionId": "1"}

    def run(self, address: str, seconds: float) -> Ending:
        """List the connections, and create one; each problem is a config error."""
        with patch.object(airbyte, "RESPONSE_SECONDS", seconds):
            try:
                client = airbyte.Airbyte(f"{address}/v1", client_id="1", client_secret=SECRET, workspace="w")
                client.connections()
                client.create_connection(
                    name="n", source_id="s", destination_id="d", streams=[], cron="0 0 * * * ?", enabled=True
                )
            except AirbyteError as error:
                return Ending("config_error", str(error))
        return Ending("", "", 1)


class _Logs(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


CLIENTS: dict[str, HttpClient] = {"destination": Destination(), "source": Source(), "bundle": Bundle()}
