"""Runs syncs in the background, one at a time, with `python -m bundle sync`.

A run is a process of its own, so that it can be cancelled. What became of the records is read from its log; what it changed is read
from the sandbox, before and after.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

from bundle.sync import REJECTED
from integration_tests.harness.example import CONNECTIONS, destination_configuration, source_configuration
from integration_tests.playground.run_log import NamedRecord, named_records, read_report
from integration_tests.playground.stories import Story, person_stories, saas_stories
from integration_tests.sandbox import Sandbox
from integration_tests.sandbox.slack.members import is_bot

SAAS_NAME = "Slack"
ROOT = Path(__file__).parents[2]
OUTCOMES = ("added", "updated", "unchanged", "skipped", "failed")
PHASES = ("starting", "reading", "writing", "last logins and billing")


@dataclass
class Run:
    """Holds one run of the sync, through both connections.

    `first` and `last` number its changes in the instance (the sandbox's `changes()`).
    """

    number: int
    started: datetime
    log: Path
    members: int
    bots: int
    first: int
    last: int = 0
    finished: datetime | None = None
    connection: str = CONNECTIONS[0]
    status: str = "running"
    problem: str = ""
    report: dict[str, Any] = field(default_factory=dict)
    named: list[NamedRecord] = field(default_factory=list)
    stories: list[Story] = field(default_factory=list)
    saas_stories: list[Story] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Return the seconds that it took, or has taken."""
        return ((self.finished or datetime.now(timezone.utc)) - self.started).total_seconds()

    @property
    def total(self) -> int:
        """Return the number of its records."""
        return sum(map(self.count, OUTCOMES))

    def records(self, stream: str) -> int:
        """Return the number of records of a stream."""
        return sum(self.report[stream][outcome] for outcome in OUTCOMES)

    def count(self, outcome: str) -> int:
        """Return the number of records of all streams with an outcome."""
        return sum(stream[outcome] for stream in self.report.values())


@dataclass
class Touch:
    """Holds the last change of somebody by a run: "added" or "updated", and fields."""

    run: int
    action: str
    fields: set[str]


class Runs:
    """Starts and cancels runs, and keeps them all, the newest last.

    `configurations` are the files of the source and the destination; `home` is the folder for the logs.
    """

    def __init__(self, sandbox: Sandbox, home: Path) -> None:
        self._sandbox = sandbox
        self._home = home
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[str] | None = None
        self._ended = False
        self._cancelled = False
        self.all: list[Run] = []

    @cached_property
    def configurations(self) -> tuple[Path, Path]:
        """Return the paths of both configurations, written when they are first needed."""
        return write_configurations(self._sandbox, self._home)

    @property
    def running(self) -> Run | None:
        """Return the run that is under way, if one is."""
        return self.all[-1] if self.all and self.all[-1].finished is None else None

    def start(self) -> bool:
        """Start a run; return False if one is running."""
        with self._lock:
            if self.running or self._ended:
                return False
            number = len(self.all) + 1
            members = self._sandbox.slack.members()
            run = Run(
                number,
                started=datetime.now(timezone.utc),
                log=self._home / f"run-{number}.log",
                members=len(members),
                bots=sum(map(is_bot, members)),
                first=self._changes() + 1,
            )
            self._cancelled = False
            self._sandbox.requests.clear()
            self.all.append(run)
            self._thread = threading.Thread(target=self._run, args=(run,), name=f"run-{number}", daemon=True)
            self._thread.start()
        return True

    def cancel(self) -> None:
        """Cancel the present run, as Ctrl-C does."""
        self._cancelled = True
        process = self._process
        if process is not None and process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)

    def wait(self, seconds: float) -> None:
        """Wait until no run is running. Raises TimeoutError."""
        if self._thread is not None:
            self._thread.join(seconds)
            if self._thread.is_alive():
                raise TimeoutError(f"The sync is still under way after {seconds} seconds.")

    def end(self) -> None:
        """Cancel the present run, and start no more."""
        with self._lock:
            self._ended = True
        self.cancel()
        if self._thread is not None:
            self._thread.join(60)

    def progress(self) -> dict[str, Any]:
        """Return how far the latest run is: its phase, and counts."""
        run, requests = self.all[-1], self._sandbox.requests
        slack, written = requests.count(service="slack"), self._changes() - run.first + 1
        phase = 3 if run.connection != CONNECTIONS[0] else 2 if written else 1 if slack else 0
        return {
            "phase": PHASES[phase],
            "read": self._read(),
            "expected": len(self._sandbox.slack.members()),
            "slack": slack,
            "oomnitza": requests.count(service="oomnitza"),
            "written": written,
        }

    def people(self) -> dict[str, Touch]:
        """Return the last change of each person by a run, by user id."""
        found: dict[str, Touch] = {}
        for change in self._sandbox.oomnitza.changes():
            if run := self._of(change["number"]):
                before = found.get(change["user_id"])
                if before and before.run == run.number:  # added and edited in one run: added
                    before.fields.update(change["fields"])
                else:
                    found[change["user_id"]] = Touch(run.number, change["action"], set(change["fields"]))
        return found

    def saas_users(self) -> dict[str, Touch]:
        """Return the last change of each SaaS user by a run."""
        found: dict[str, Touch] = {}
        for run in self.all:
            for story in run.saas_stories:
                action = "added" if story.action == "assigned" else "updated"
                found[story.user_id] = Touch(run.number, action, {change.field for change in story.changes})
        return found

    def of_person(self, user_id: str, member: str) -> list[tuple[Run, list[Story], list[NamedRecord]]]:
        """Return the history of one person by both of their ids, the newest run first."""
        history = [
            (
                run,
                [story for story in (*run.stories, *run.saas_stories) if story.user_id == user_id],
                [record for record in run.named if member and record.member == member],
            )
            for run in reversed(self.all)
        ]
        return [each for each in history if each[1] or each[2]]

    def _run(self, run: Run) -> None:
        saas_before = self._saas_users()
        try:
            statuses = [self._sync(run, connection) for connection in CONNECTIONS if run.status == "running"]
        except OSError as error:
            run.status, run.problem = "failed", f"The sync could not be started: {error.strerror}."
        else:
            if run.status == "running":
                run.status = "partly" if REJECTED in statuses else "succeeded"
        self._note_changes(run, saas_before)
        run.finished = datetime.now(timezone.utc)

    def _sync(self, run: Run, connection: str) -> int:
        """Run one connection, note how it ended, and return its exit status."""
        run.connection = connection
        command = [sys.executable, "-m", "bundle", "sync", *map(str, self.configurations)]
        with subprocess.Popen(
            [*command, "--connection", connection, "--log", str(run.log)],
            cwd=ROOT,
            env={**os.environ, "XDG_STATE_HOME": str(self._home.resolve())},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # a group of its own, so that the connectors are cancelled with it
        ) as self._process:
            printed = self._process.communicate()[0]
        status = self._process.returncode
        self._read_log(run)
        if self._cancelled:
            run.status = "cancelled"
        elif status not in (0, REJECTED):
            run.status = "failed"
            run.problem = printed.strip().splitlines()[-1] if printed.strip() else "The sync gave no reason."
        return status

    def _read_log(self, run: Run) -> None:
        log = run.log.read_text(encoding="utf-8") if run.log.is_file() else ""
        run.report = read_report(log)
        run.named = named_records(log, self._sandbox.slack.members())

    def _note_changes(self, run: Run, saas_before: Mapping[str, Any]) -> None:
        run.last = self._changes()
        changes = [each for each in self._sandbox.oomnitza.changes() if run.first <= each["number"] <= run.last]
        people = {person["user_id"]: person for person in self._sandbox.oomnitza.people()}
        run.stories = person_stories(changes, people, self._sandbox.oomnitza.store.fields)
        run.saas_stories = saas_stories(saas_before, self._saas_users())

    def _changes(self) -> int:
        return int(self._sandbox.oomnitza.store.value("SELECT coalesce(max(number), 0) FROM changes"))

    def _read(self) -> int:
        """Return how many members were listed; a check asks for one, to prove its scope."""
        pages = self._sandbox.requests.matching(service="slack", path=r".*/users\.list")
        members = ((page.answer_json or {}).get("members", ()) for page in pages if page.query.get("limit") != "1")
        return len({member["id"] for page in members for member in page})

    def _saas_users(self) -> dict[str, dict[str, Any]]:
        return {user["user_id"]: dict(user) for user in self._sandbox.oomnitza.saas_users(SAAS_NAME)}

    def _of(self, change: int) -> Run | None:
        """Return the run that made a change, None if no run did."""
        return next((run for run in self.all if run.first <= change and (not run.finished or change <= run.last)), None)


def write_configurations(sandbox: Sandbox, home: Path) -> tuple[Path, Path]:
    """Write both configurations into `home`, with mode 0600, and return their paths."""
    paths = home / "slack.json", home / "oomnitza.json"
    configurations = source_configuration(sandbox), destination_configuration(sandbox)
    for path, configuration in zip(paths, configurations, strict=True):
        path.touch(mode=0o600)
        path.write_text(json.dumps(configuration, indent=2), encoding="utf-8")
    return paths
