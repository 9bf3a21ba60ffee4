"""PyAirbyte as the engine, on one machine: both connectors set up against a sandbox, and one sync after another.

Shared by `make demo` and `make playground`.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LOGS = Path(".sandbox/logs")
"""Where PyAirbyte keeps what the connectors log."""

# PyAirbyte reads these when it is imported: no registry is asked, nothing is reported to anyone.
os.environ.setdefault("AIRBYTE_OFFLINE_MODE", "1")
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("AIRBYTE_LOGGING_ROOT", str(LOGS))

# Google's packages, which PyAirbyte brings along, speak of their own Python support.
warnings.filterwarnings("ignore", category=FutureWarning)

import airbyte as ab  # noqa: E402 - after the settings above
from airbyte.caches import DuckDBCache  # noqa: E402 - after the settings above
from airbyte.exceptions import PyAirbyteError  # noqa: E402 - after the settings above

from integration_tests.sandbox import Sandbox  # noqa: E402 - after the settings above

REJECTED = re.compile(r"Rejected: (?:users, )?(.+?): (.+)")


@dataclass
class Outcome:
    """What a sync did: the destination's report of its stream `users`, the refused records (who, why), and the
    requests that it took."""

    report: dict[str, Any]
    refused: list[tuple[str, str]]
    slack_requests: int
    oomnitza_requests: int


@dataclass
class _Listener(logging.Handler):
    """Hears the destination's sync report and its refusals, which PyAirbyte logs with the other messages, and what a
    connector that failed said, which is all that PyAirbyte logs as an error."""

    report: dict[str, Any] | None = None
    refused: list[tuple[str, str]] = field(default_factory=list)
    error: str | None = None

    def __post_init__(self) -> None:
        super().__init__()

    __hash__ = logging.Handler.__hash__  # handlers are kept by identity, and a dataclass has no hash

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if record.levelno >= logging.ERROR:
            self.error = self.error or message  # the first is the cause, what follows are consequences
        _, found, text = message.partition('{"sync_report": ')
        if found:
            self.report = json.loads(found + text)["sync_report"]["users"]
        elif refusal := REJECTED.search(message):
            self.refused.append((refusal[1], refusal[2]))


class Engine:
    """Both connectors, set up as an administrator would in the form, and the state between syncs."""

    def __init__(self, sandbox: Sandbox, home: Path) -> None:
        """`home`: the directory for the state, which the next sync goes on from."""
        self._sandbox = sandbox
        self._cache = DuckDBCache(db_path=home / "state.duckdb")
        executables = Path(sys.executable).parent
        self._source = ab.get_source(
            "source-slack-users",
            local_executable=executables / "source-slack-users",
            config={
                "credentials": {"auth_type": "api_token", "api_token": sandbox.slack.token},
                "api_url": sandbox.slack_url,
            },
            streams=["users"],
        )
        self._destination = ab.get_destination(
            "destination-oomnitza",
            local_executable=executables / "destination-oomnitza",
            config={
                "instance_url": sandbox.oomnitza_url,
                "credentials": {"auth_type": "api_token", "api_token": sandbox.oomnitza.token},
                "record_type": {"type": "user_and_saas_user", "saas_name": "Slack"},
                "default_role": "Employee",
                "default_position": "Employee",
            },
        )

    def check(self) -> None:
        """Let both connectors prove their access. Raises what PyAirbyte raises."""
        self._source.check()
        self._destination.check()

    def sync(self) -> Outcome:
        """Run one sync; the sandbox's log of requests begins anew with it. Raises RuntimeError, in the words of the
        connector that failed."""
        self._sandbox.requests.clear()
        listener = _Listener()
        loggers = [logging.getLogger(f"airbyte.{each.name}") for each in (self._source, self._destination)]
        for logger in loggers:
            logger.addHandler(listener)
        try:
            self._destination.write(self._source, cache=False, state_cache=self._cache)
        except PyAirbyteError as error:
            raise RuntimeError(listener.error or str(error)) from error
        finally:
            for logger in loggers:
                logger.removeHandler(listener)
        if listener.report is None:
            raise RuntimeError(f"The destination sent no sync report; see {LOGS}.")
        count = self._sandbox.requests.count
        return Outcome(listener.report, listener.refused, count(service="slack"), count(service="oomnitza"))
