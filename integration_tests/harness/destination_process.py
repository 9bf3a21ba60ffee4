"""Runs `destination-oomnitza` as a process, as Airbyte does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from integration_tests.harness import preloaded
from integration_tests.harness.sync_result import SyncResult
from integration_tests.sandbox import Sandbox

COMMAND = Path(sys.executable).with_name("destination-oomnitza")
ROLE = 25


def config(sandbox: Sandbox, **more: Any) -> dict[str, Any]:
    """Return a configuration for the sandbox, with an API token and a default role.

    `more` adds settings, or replaces them.
    """
    return {
        "instance_url": sandbox.oomnitza_url,
        "credentials": {"auth_type": "api_token", "api_token": sandbox.oomnitza.token},
        "default_role": ROLE,
        **more,
    }


def stream(name: str = "users", properties: Iterable[str] = (), **configured: Any) -> dict[str, Any]:
    """Return a configured stream; append, unless `configured` differs."""
    schema = {"type": "object", "properties": {each: {} for each in properties}}
    return {
        "stream": {"name": name, "json_schema": schema, "supported_sync_modes": ["full_refresh", "incremental"]},
        "sync_mode": "full_refresh",
        "destination_sync_mode": "append",
        **configured,
    }


def record(data: Any, name: str = "users") -> dict[str, Any]:
    """Return a RECORD message."""
    return {"type": "RECORD", "record": {"stream": name, "data": data, "emitted_at": 0}}


def state(blob: Any, name: str = "users", **more: Any) -> dict[str, Any]:
    """Return a STATE message of one stream; `more` is added to the state."""
    descriptor = {"stream_descriptor": {"name": name}, "stream_state": blob}
    return {"type": "STATE", "state": {"type": "STREAM", "stream": descriptor, **more}}


def complete(name: str = "users") -> dict[str, Any]:
    """Return the TRACE message of a stream that was read completely."""
    status = {"stream_descriptor": {"name": name}, "status": "COMPLETE"}
    return {"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": 0, "stream_status": status}}


def person(name: str, **more: Any) -> dict[str, Any]:
    """Return a person's record as the Slack source emits it, changed by `more`."""
    base = {
        "id": f"U{name.upper()}",
        "name": name,
        "email": f"{name}@acme.example",
        "first_name": name.title(),
        "last_name": "Example",
        "deleted": False,
        "is_bot": False,
        "role": "member",
    }
    return {**base, **more}


def lines(messages: Iterable[Any]) -> bytes:
    """Return messages as lines; bytes and text are not changed."""
    each = (m if isinstance(m, bytes) else (m if isinstance(m, str) else json.dumps(m)).encode() for m in messages)
    return b"".join(line + b"\n" for line in each)


@contextmanager
def _arguments(command: str, files: dict[str, Any]) -> Any:
    with TemporaryDirectory() as folder:
        arguments = [str(COMMAND), command]
        for name, content in files.items():
            if content is not None:
                path = Path(folder) / f"{name}.json"
                path.write_text(content if isinstance(content, str) else json.dumps(content))
                arguments += [f"--{name}", str(path)]
        yield arguments


def run(command: str, configuration: Any = None, *, stdin: bytes = b"", catalog: Any = None) -> SyncResult:
    """Run a command to its end."""
    with _arguments(command, {"config": configuration, "catalog": catalog}) as arguments:
        done = preloaded.run(arguments, stdin)
    assert not done.stderr, done.stderr.decode()
    return SyncResult(done.returncode, done.stdout.decode())


@contextmanager
def running(configuration: Any, *streams: dict[str, Any], through: Iterable[str] = (), **pipes: Any) -> Any:
    """Start a `write` with pipes (or `pipes`), optionally `through` another command.

    `users` is the stream by default.
    """
    files = {"config": configuration, "catalog": {"streams": list(streams) or [stream()]}}
    with (
        _arguments("write", files) as arguments,
        subprocess.Popen(
            [*through, *arguments], **{"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, **pipes}
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def write(configuration: Any, messages: Iterable[Any], *streams: dict[str, Any]) -> SyncResult:
    """Write messages; `users` is the stream by default."""
    catalog = {"streams": list(streams) or [stream()]}
    return run("write", configuration, stdin=lines(messages), catalog=catalog)
