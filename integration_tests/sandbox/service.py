"""Runs both services as one `Sandbox`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from starlette.routing import BaseRoute

from integration_tests.sandbox.oomnitza.app import application
from integration_tests.sandbox.oomnitza.instance import Oomnitza
from integration_tests.sandbox.slack.web_api import Slack
from integration_tests.sandbox.transport.faults import Faults
from integration_tests.sandbox.transport.request_log import RequestLog
from integration_tests.sandbox.transport.server import Gate, Server

Pages = Callable[["Sandbox"], Sequence[BaseRoute]]


class Sandbox:
    """Runs a Slack and an Oomnitza on loopback ports, from `start` to `stop`.

    Attributes:
        people: The size of the first workspace.
        grid_people: The number of people in the Enterprise Grid.
        seed: The same seed gives the same people, ids and tokens.
        latency: The additional seconds of every request.
        path: The directory or file (*.sqlite) of Oomnitza's database; None keeps it in memory.
        body_limit: The bytes of each body that the log keeps.
        port: The port of Oomnitza; 0 takes a free one.
        slack_port: The port of Slack; 0 takes a free one.
        pages: Further routes at Oomnitza's address, outside `/api/`, without logging and faults.
    """

    def __init__(
        self,
        people: int = 250,
        *,
        seed: int = 7,
        latency: float = 0.0,
        path: str | Path | None = None,
        grid_people: int = 40,
        body_limit: int = 4_000_000,
        port: int = 0,
        slack_port: int = 0,
        pages: Pages | None = None,
    ) -> None:
        self.seed = seed
        self.requests = RequestLog(body_limit)
        self.faults = Faults()
        self.slack = Slack(people, seed, grid_people)
        self.oomnitza = Oomnitza(_file(path), seed)
        routes = pages(self) if pages is not None else ()
        self._gates = [
            Gate("slack", self.slack.app(), self.requests, self.faults, latency),
            Gate("oomnitza", application(self.oomnitza, routes), self.requests, self.faults, latency),
        ]
        self._servers = [Server(gate, at) for gate, at in zip(self._gates, (slack_port, port), strict=True)]
        self.slack_url = f"http://127.0.0.1:{self._servers[0].port}/api/"
        self.oomnitza_url = f"http://127.0.0.1:{self._servers[1].port}"

    @property
    def latency(self) -> float:
        """Additional seconds of every request, which can be changed at any time."""
        return self._gates[0].latency

    @latency.setter
    def latency(self, seconds: float) -> None:
        for gate in self._gates:
            gate.latency = seconds

    @property
    def crashes(self) -> list[str]:
        """Tracebacks of the sandbox's own errors. Leaving the `with` block raises them."""
        return [crash for gate in self._gates for crash in gate.crashes]

    @contextmanager
    def down(self, service: str) -> Iterator[None]:
        """Refuse connections to "slack" or "oomnitza" within the block."""
        number = ("slack", "oomnitza").index(service)
        port = self._servers[number].port
        self._servers[number].stop()
        try:
            yield
        finally:
            self._servers[number] = Server(self._gates[number], port)
            self._servers[number].start()

    def start(self) -> Sandbox:
        """Serve."""
        for server in self._servers:
            server.start()
        return self

    def stop(self) -> None:
        """Stop serving, and close the database."""
        for server in self._servers:
            server.end()
        for server in self._servers:
            server.stop()
        self.oomnitza.store.close()

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self.stop()
        if kind is None and self.crashes:
            raise RuntimeError("The sandbox itself failed:\n" + "\n".join(self.crashes))

    def addresses(self) -> dict[str, Any]:
        """Return the addresses and tokens that another process needs."""
        return {
            "slack_url": self.slack_url,
            "oomnitza_url": self.oomnitza_url,
            "slack_token": self.slack.token,
            "slack_admin_token": self.slack.admin_token,
            "slack_org_token": self.slack.org_token,
            "oomnitza_token": self.oomnitza.token,
            "oomnitza_username": self.oomnitza.username,
            "oomnitza_password": self.oomnitza.password,
        }


def _file(path: str | Path | None) -> Path | None:
    if path is None:
        return None
    path = Path(path)
    if path.suffix == ".sqlite":
        return path
    path.mkdir(parents=True, exist_ok=True)
    return path / "oomnitza.sqlite"
