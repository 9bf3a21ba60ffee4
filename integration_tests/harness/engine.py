"""Runs both connectors of the example with the bundle's runner, for `make demo`."""

from __future__ import annotations

import atexit
import json
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from bundle.definition import DEFAULT_CONNECTION, load_bundle
from bundle.engine import load_runner
from bundle.errors import SyncFailed
from bundle.listener import Listener
from bundle.private_folder import private_folder, temporary_folder
from bundle.sync import settings_for
from integration_tests.harness.example import destination_configuration, source_configuration
from integration_tests.harness.sync_result import SyncResult
from integration_tests.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]
LOG = "connectors.log"
"""File of both connectors' logs, in the folder of the engine."""


@dataclass
class _Listener(Listener):
    """Collects the destination's log lines as messages of the protocol."""

    printed: list[str] = field(default_factory=list)

    def log(self, connector: str, level: str, text: str) -> None:
        super().log(connector, level, text)
        if connector.startswith("destination-"):
            self.printed.append(json.dumps({"type": "LOG", "log": {"level": level, "message": text}}))


class Engine:
    """Runs both connectors of the example for one connection of the bundle."""

    def __init__(self, sandbox: Sandbox, home: Path, connection: str = DEFAULT_CONNECTION) -> None:
        """Keep logs, and the state of the next sync, in the folder `home`."""
        self._sandbox = sandbox
        self._home = home
        self._state = home / f"{connection}.json"
        bundle = load_bundle(ROOT)
        resources = ExitStack()
        atexit.register(resources.close)
        private = private_folder({"XDG_STATE_HOME": str(home.resolve())})
        temporary = resources.enter_context(temporary_folder(private))
        log = resources.enter_context((home / LOG).open("a", encoding="utf-8"))
        self._listener = _Listener(StringIO(), log)
        self._runner = load_runner(temporary)(
            bundle.connectors,
            connection=bundle.connections[connection],
            source=source_configuration(sandbox),
            destination=settings_for(bundle.connections[connection], bundle, destination_configuration(sandbox)),
            listener=self._listener,
            keep_configuration=lambda _: None,
        )

    def check(self) -> None:
        """Check both connectors. Raises RuntimeError with the connector's message."""
        try:
            self._runner.check_source()
            self._runner.check_destination()
        except SyncFailed as error:
            raise RuntimeError(str(error)) from error

    def sync(self) -> SyncResult:
        """Run one sync, and restart the sandbox's request log.

        Raises RuntimeError with the message of the connector that failed.
        """
        self._sandbox.requests.clear()
        listener = self._listener
        listener.report = None
        listener.errors.clear()
        listener.printed.clear()
        try:
            with redirect_stdout(StringIO()):  # PyAirbyte announces the end of each sync
                self._runner.run(self._state)
        except SyncFailed as error:
            raise RuntimeError(str(error)) from error
        if listener.report is None:
            raise RuntimeError(f"The destination sent no sync report; see {self._home / LOG}.")
        requests = {service: self._sandbox.requests.count(service=service) for service in ("slack", "oomnitza")}
        return SyncResult(0, "\n".join(listener.printed), requests)
