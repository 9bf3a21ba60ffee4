"""Syncs that are started from a page and run in the background, and what each of them changed."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from integration_tests.sandbox import Sandbox

if TYPE_CHECKING:
    from integration_tests.harness.engine import Engine
    from integration_tests.harness.sync_result import SyncResult

SAAS_NAME = "Slack"


@dataclass
class Sync:
    """One sync. `first` is the number of its first change in Oomnitza (the sandbox's `changes()`), `last` the number
    of its last one; `outcome` is None while it runs, and where it failed, which `problem` then explains; `saas` has the
    names of the fields that it changed in SaaS users, by user id."""

    number: int
    started: datetime
    first: int
    last: int = 0
    finished: datetime | None = None
    outcome: SyncResult | None = None
    problem: str | None = None
    saas: dict[str, list[str]] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """How long it took, or has taken."""
        return ((self.finished or datetime.now(timezone.utc)) - self.started).total_seconds()


@dataclass
class Touch:
    """What a sync did to somebody: its number, "added" or "updated", and the names of the fields."""

    sync: int
    action: str
    fields: set[str]


class Syncs:
    """All syncs since the start, the newest last. One at a time."""

    def __init__(self, sandbox: Sandbox, home: Path) -> None:
        self._sandbox = sandbox
        self._home = home
        self._engine: Engine | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ended = False
        self.all: list[Sync] = []

    @property
    def running(self) -> Sync | None:
        """The sync that is under way."""
        return self.all[-1] if self.all and self.all[-1].finished is None else None

    def start(self) -> bool:
        """Start a sync; false if one is under way."""
        with self._lock:
            if self.running or self._ended:
                return False
            sync = Sync(len(self.all) + 1, datetime.now(timezone.utc), first=self._changes() + 1)
            self._sandbox.requests.clear()
            self.all.append(sync)
            self._thread = threading.Thread(target=self._run, args=(sync,), name=f"sync-{sync.number}", daemon=True)
            self._thread.start()
        return True

    def wait(self, seconds: float) -> None:
        """Return when no sync is under way. Raises TimeoutError."""
        if self._thread is not None:
            self._thread.join(seconds)
            if self._thread.is_alive():
                raise TimeoutError(f"The sync is still under way after {seconds} seconds.")

    def end(self) -> None:
        """End a sync that is under way, and start no more.

        PyAirbyte has no way to stop a sync. So both services refuse the connectors' tokens, and the connectors give up.
        """
        with self._lock:
            self._ended = True
        self._sandbox.slack.refuse_token(self._sandbox.slack.token, "token_revoked")
        self._sandbox.oomnitza.revoke_token()
        if self._thread is not None:
            self._thread.join(60)

    def _run(self, sync: Sync) -> None:
        before = self._saas_users()
        try:
            if self._engine is None:
                from integration_tests.harness.engine import (
                    Engine,  # takes seconds: the pages do not wait for PyAirbyte
                )

                self._engine = Engine(self._sandbox, self._home)
            sync.outcome = self._engine.sync()
        except Exception as error:  # whatever it was, the page tells it, and the next sync may be started
            sync.problem = str(error)
        sync.saas = {
            user_id: [name for name, value in after.items() if before.get(user_id, {}).get(name) != value]
            for user_id, after in self._saas_users().items()
            if before.get(user_id) != after
        }
        sync.last = self._changes()
        sync.finished = datetime.now(timezone.utc)

    def _changes(self) -> int:
        return int(self._sandbox.oomnitza.store.value("SELECT coalesce(max(number), 0) FROM changes"))

    def _saas_users(self) -> dict[str, dict[str, Any]]:
        kept = ("roles", "active", "user_external_id")
        users = self._sandbox.oomnitza.saas_users(SAAS_NAME)
        return {user["user_id"]: {name: user[name] for name in kept} for user in users}

    def progress(self) -> dict[str, int]:
        """What the latest sync has done so far: requests to `slack` and `oomnitza`, `people` written."""
        requests = self._sandbox.requests
        return {
            "slack": requests.count(service="slack"),
            "oomnitza": requests.count(service="oomnitza"),
            "people": self._changes() - self.all[-1].first + 1,
        }

    def _of(self, change: int) -> Sync | None:
        """The sync that made a change, by the change's number; None if somebody else did."""
        return next((s for s in self.all if s.first <= change and (s.finished is None or change <= s.last)), None)

    def people(self) -> dict[str, Touch]:
        """Who was added or changed last by which sync, by user id."""
        found: dict[str, Touch] = {}
        for change in self._sandbox.oomnitza.changes():
            if sync := self._of(change["number"]):
                before = found.get(change["user_id"])
                if before and before.sync == sync.number:  # added and edited in one sync: added
                    before.fields.update(change["fields"])
                else:
                    found[change["user_id"]] = Touch(sync.number, change["action"], set(change["fields"]))
        return found

    def saas_users(self) -> dict[str, Touch]:
        """The same for SaaS users."""
        found: dict[str, Touch] = {}
        for sync in self.all:
            for user_id, fields in sync.saas.items():
                action = "updated" if user_id in found else "added"
                found[user_id] = Touch(sync.number, action, set(fields))
        return found
