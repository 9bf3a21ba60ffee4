"""Runs `source-slack-users` as a process, as Airbyte does."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from integration_tests.harness import preloaded
from integration_tests.sandbox import Sandbox

COMMAND = Path(sys.executable).with_name("source-slack-users")


@dataclass
class Output:
    """Holds a command's output and exit status."""

    status: int
    text: str

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Return all messages. Fails if a line is not one."""
        return [json.loads(line) for line in self.text.splitlines()]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the bodies of all messages of a type: RECORD, STATE, TRACE, ..."""
        key = {"CONNECTION_STATUS": "connectionStatus"}.get(kind, kind.lower())
        return [message[key] for message in self.messages if message["type"] == kind]

    def records(self, stream: str = "users") -> list[dict[str, Any]]:
        """Return the data of a stream's records."""
        return [record["data"] for record in self.of("RECORD") if record["stream"] == stream]

    def by_id(self) -> dict[str, dict[str, Any]]:
        """Return the people by id. Fails if somebody came twice."""
        people = {person["id"]: person for person in self.records()}
        assert len(people) == len(self.records()), "somebody was emitted twice"
        return people

    def states(self, stream: str = "users") -> list[dict[str, Any]]:
        """Return a stream's states in order."""
        states = [state["stream"] for state in self.of("STATE")]
        return [state["stream_state"] for state in states if state["stream_descriptor"]["name"] == stream]

    def errors(self, stream: str | None = None) -> list[dict[str, Any]]:
        """Return the errors of all TRACE messages, or those of one stream."""
        errors = [trace["error"] for trace in self.of("TRACE") if trace["type"] == "ERROR"]
        return [error for error in errors if stream in (None, (error.get("stream_descriptor") or {}).get("name"))]

    def statuses(self, stream: str = "users") -> list[str]:
        """Return a stream's status messages, with their reasons if they have some."""
        traces = [trace["stream_status"] for trace in self.of("TRACE") if trace["type"] == "STREAM_STATUS"]
        return [
            " ".join([trace["status"], *(reason["type"] for reason in trace.get("reasons") or [])])
            for trace in traces
            if trace["stream_descriptor"]["name"] == stream
        ]

    def connection_status(self) -> tuple[str, str]:
        """Return the one CONNECTION_STATUS of a `check`, and its message."""
        (status,) = self.of("CONNECTION_STATUS")
        return status["status"], status.get("message", "")


def config(sandbox: Sandbox, token: str | None = None, **more: Any) -> dict[str, Any]:
    """Return a configuration for the sandbox, with a workspace's token by default."""
    credentials = {"auth_type": "api_token", "api_token": token or sandbox.slack.token}
    return {"credentials": credentials, "api_url": sandbox.slack_url, **more}


def run(command: str, configuration: dict[str, Any] | None = None, *more: str, **files: Any) -> Output:
    """Run a command with `files` (catalog, state) as options."""
    with TemporaryDirectory() as folder:
        arguments = [str(COMMAND), command]
        for name, content in {"config": configuration, **files}.items():
            if content is not None:
                path = Path(folder) / f"{name}.json"
                path.write_text(json.dumps(content))
                arguments += [f"--{name}", str(path)]
        done = preloaded.run([*arguments, *more])
    assert not done.stderr, done.stderr.decode()
    return Output(done.returncode, done.stdout.decode())


def read(
    configuration: dict[str, Any],
    *streams: str,
    state: dict[str, dict[str, Any]] | None = None,
    sync_mode: str = "incremental",
    options: tuple[str, ...] = (),
) -> Output:
    """Read streams (`users` by default), from states by stream if given."""
    catalog = {
        "streams": [
            {
                "stream": {"name": name, "json_schema": {}, "supported_sync_modes": ["full_refresh", "incremental"]},
                "sync_mode": "full_refresh" if name in ("billable_info", "user_groups") else sync_mode,
                "destination_sync_mode": "append",
            }
            for name in streams or ("users",)
        ]
    }
    states = [
        {"type": "STREAM", "stream": {"stream_descriptor": {"name": name}, "stream_state": blob}}
        for name, blob in (state or {}).items()
    ]
    return run("read", configuration, *options, catalog=catalog, state=states or None)
