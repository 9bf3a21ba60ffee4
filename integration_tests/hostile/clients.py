"""The HTTP clients of the tree, as the hostile suite uses them: what they ask, how an honest server answers, and how a run ended."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.api.retries import RetryPolicy
from destination_oomnitza.config.models import Config
from destination_oomnitza.protocol.catalog import parse_catalog
from destination_oomnitza.sync import run_sync
from urllib3.util import Retry

from integration_tests.harness.destination_process import lines, person, record, state, stream
from integration_tests.hostile.server import Heard

SECRET = "made-up-secret"


@dataclass(frozen=True)
class Ending:
    """How a run ended: the failure type and the message, both empty if it succeeded, and how many were written."""

    failure_type: str
    message: str
    written: int = 0
    failed: int = 0


class HttpClient(Protocol):
    """A client, and the steps at which a server may be hostile to it."""

    steps: Mapping[str, Callable[[Heard], bool]]

    def honest(self, heard: Heard) -> Any:
        """Answer as the service does."""

    def run(self, address: str) -> Ending:
        """Run to the end, with little patience."""


class Destination:
    """The destination: signs in, looks up, lists SaaS users, creates Eve, edits Ada."""

    steps: Mapping[str, Callable[[Heard], bool]] = {
        "sign-in": lambda heard: heard.path == "/api/request_token",
        "look-up": lambda heard: heard.method == "GET" and heard.path == "/api/v3/users",
        "list": lambda heard: heard.method == "GET" and heard.path == "/api/v3/saas/7/users",
        "create": lambda heard: heard.method == "POST" and heard.path == "/api/v3/users",
        "edit": lambda heard: heard.method == "PATCH" and heard.path == "/api/v3/users/1",
    }
    _policy = RetryPolicy(
        connect=1,
        silence=0.25,
        answer=0.4,
        faults=0.01,
        waits=Retry(total=None, backoff_factor=0.001, retry_after_max=0),
    )

    def honest(self, heard: Heard) -> Any:
        """Answer as Oomnitza does."""
        ada = {"user_id": "1", "username": "ada", "email": "ada@acme.example", "position": "Clerk", "role": 25}
        answers: dict[tuple[str, str], Any] = {
            ("POST", "/api/request_token"): {"token": "made-up-token"},
            ("GET", "/api/v3/users"): [ada] if "ada@" in str(heard.query.get("filter")) else [],
            ("POST", "/api/v3/users"): {"user_id": "2"},
            ("GET", "/api/v3/saas"): [{"saas_id": 7, "saas_name": "Slack"}],
            ("POST", "/api/v3/saas/7/roles"): {"role_id": "r1"},
        }
        return answers.get((heard.method, heard.path), [] if heard.path.startswith("/api/v3/saas") else {})

    def run(self, address: str) -> Ending:
        """Write Ada and Eve."""
        config = Config.parse(
            {
                "instance_url": address,
                "credentials": {"auth_type": "password", "username": "airbyte", "password": SECRET},
                "default_role": 25,
                "record_type": {"type": "user_and_saas_user", "saas_name": "Slack"},
            }
        )
        messages = [record(person("ada", title="Boss")), record(person("eve", title="Cook")), state(1)]
        logs = _Logs()
        logging.getLogger("airbyte").addHandler(logs)
        error = None
        try:
            streams = parse_catalog({"streams": [stream()]})
            run_sync(config, streams, [lines(messages).splitlines()], lambda _: None, retry_policy=self._policy)
        except AirbyteTracedException as raised:
            error = raised
        finally:
            logging.getLogger("airbyte").removeHandler(logs)
        report = json.loads(logs.texts[-1])["sync_report"]["users"]
        assert not any(SECRET in text for text in logs.texts)
        failure_type = str(error.failure_type.value) if error else ""
        return Ending(failure_type, str(error or ""), report["added"] + report["updated"], report["failed"])


class _Logs(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


CLIENTS: dict[str, HttpClient] = {"destination": Destination()}
