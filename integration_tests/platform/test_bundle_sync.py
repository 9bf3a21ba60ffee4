"""`python -m bundle sync` as a process: what it prints, its exit status, its state, and the privacy of its files."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from integration_tests.sandbox import Fault, Sandbox

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = 20


@dataclass
class Run:
    """One run of the command."""

    status: int
    out: str
    err: str


@dataclass
class Command:
    """The command, with two configurations for a sandbox and a home of its own."""

    home: Path
    sandbox: Sandbox
    source: dict[str, Any] = field(default_factory=dict)
    destination: dict[str, Any] = field(default_factory=dict)

    def start(self, *flags: str) -> subprocess.Popen[str]:
        (self.home / "tmp").mkdir(exist_ok=True)
        for name, configuration in (("source", self.source), ("destination", self.destination)):
            file = self.home / f"{name}.json"
            file.write_text(json.dumps(configuration))
            file.chmod(0o600)
        files = [str(self.home / "source.json"), str(self.home / "destination.json")]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "TMPDIR": str(self.home / "tmp")}
        return subprocess.Popen(
            [sys.executable, "-m", "bundle", "sync", *files, *flags],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *flags: str) -> Run:
        process = self.start(*flags)
        out, err = process.communicate(timeout=120)
        assert "Traceback" not in err
        assert self.sandbox.slack.token not in out + err
        assert self.sandbox.oomnitza.token not in out + err
        return Run(process.returncode, out, err)

    @property
    def private(self) -> Path:
        return self.home / ".local" / "state" / "airbyte-oomnitza"

    def files(self) -> set[str]:
        return {str(path.relative_to(self.home)) for path in self.home.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(people=PEOPLE) as running:
        yield running


def command_for(sandbox: Sandbox, home: Path) -> Command:
    return Command(
        home,
        sandbox,
        {
            "credentials": {"auth_type": "api_token", "api_token": sandbox.slack.admin_token},
            "api_url": sandbox.slack_url,
        },
        {
            "credentials": {"auth_type": "api_token", "api_token": sandbox.oomnitza.token},
            "instance_url": sandbox.oomnitza_url,
            "default_role": "Employee",
        },
    )


@pytest.fixture
def command(tmp_path: Path, sandbox: Sandbox) -> Command:
    return command_for(sandbox, tmp_path)


def test_sync_prints_mapping_and_counts(tmp_path: Path) -> None:
    """The first sync of a fresh instance, and what it leaves on the disk."""
    with Sandbox(people=PEOPLE) as sandbox:
        command = command_for(sandbox, tmp_path)
        test_run = command.run("--test-run")
        assert test_run.status == 0
        assert "TEST RUN: nothing was written" in test_run.out
        assert "email: (empty) -> " in test_run.out
        assert sandbox.oomnitza.changes() == []

        done = command.run()
        added = sum(change["action"] == "added" for change in sandbox.oomnitza.changes())

    assert (done.status, done.err) == (0, "")
    assert "Mapping of users" in done.out
    assert added > 10
    assert re.search(rf"added +{added}\n", done.out)
    assert "TEST RUN" not in done.out
    assert command.files() - {"source.json", "destination.json"} <= {
        str(path.relative_to(command.home)) for path in command.private.rglob("*.lock")
    }


def test_sync_without_state_sees_another_instance_whole(tmp_path: Path) -> None:
    """The configuration of the destination changes: everybody is there after the next sync."""
    for _ in range(2):
        with Sandbox(people=PEOPLE) as sandbox:
            command = command_for(sandbox, tmp_path)
            assert command.run().status == 0
            assert len(sandbox.oomnitza.people()) > 10


def test_incremental_connection_keeps_state_per_pair(command: Command, sandbox: Sandbox) -> None:
    command.run()
    assert command.run("--connection", "activity").status in (0, 1)
    (state,) = command.private.glob("state/*/activity.json")
    assert "last_logins" in state.read_text()
    first = sandbox.requests.count(service="slack", path=r".*accessLogs")
    before = json.loads(state.read_text())

    sandbox.requests.clear()
    command.run("--connection", "activity")
    again = sandbox.requests.count(service="slack", path=r".*accessLogs")
    assert json.loads(state.read_text())[0]["stream"] == before[0]["stream"]
    assert again <= first

    command.destination["instance_url"] = command.destination["instance_url"].replace("127.0.0.1", "localhost")
    command.run("--connection", "activity")
    assert len(list(command.private.glob("state/*/activity.json"))) == 2


def test_files_are_private_and_temporary_ones_go(command: Command) -> None:
    log = command.home / "sync.log"
    log.write_text("before\n")
    log.chmod(0o644)
    assert command.run("--connection", "activity", "--log", str(log)).status in (0, 1)

    assert "source-slack-users INFO" in log.read_text()
    assert "destination-oomnitza INFO" in log.read_text()
    assert log.read_text().startswith("before\n")
    ours = [log, *(path for path in [command.private, *command.private.rglob("*")])]
    for path in ours:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert list(command.private.glob("sync-*")) == []
    assert list((command.home / "tmp").iterdir()) == []


def test_sigterm_ends_the_sync_and_removes_secrets(command: Command, sandbox: Sandbox) -> None:
    """Ended in the middle, as systemd does: no configuration is left behind, no connector runs on."""
    sandbox.faults.add(Fault("timeout_after", service="slack", path=r".*users\.list", times=1000))
    try:
        process = command.start()
        deadline = time.monotonic() + 60
        while not list(command.private.glob("sync-*/*.json")) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    finally:
        sandbox.faults.clear()
    assert process.returncode == 128 + signal.SIGTERM
    assert list(command.private.glob("sync-*")) == []


def test_refused_record_is_status_2(tmp_path: Path) -> None:
    with Sandbox(people=PEOPLE) as sandbox:
        sandbox.slack.join(real_name="Two Quotes", email="two'\"quotes@acme.example")
        done = command_for(sandbox, tmp_path).run()
    assert done.status == 2, done.out + done.err
    assert re.search(r"failed +1\n", done.out)
    assert "Refused: users" in done.out


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"source": {"credentials": {"auth_type": "api_token", "api_token": "wrong"}}}, "source-slack-users"),
        ({"destination": {"credentials": {"auth_type": "api_token", "api_token": "wrong"}}}, "destination-oomnitza"),
        ({"destination": {"default_role": "No such role"}}, "No such role"),
    ],
)
def test_failed_check_is_status_1(command: Command, change: dict[str, Any], sentence: str) -> None:
    command.source.update(change.get("source", {}))
    command.destination.update(change.get("destination", {}))
    done = command.run()
    assert done.status == 1
    assert sentence in done.err


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--connection", "other"], "metadata.yaml has no connection 'other'"),
        (["--log", "/proc/nowhere/log"], "cannot be written"),
        (["--wrong"], "unrecognized arguments: --wrong"),
    ],
)
def test_wrong_usage_is_status_1(command: Command, flags: list[str], sentence: str) -> None:
    done = command.run(*flags)
    assert done.status == 1
    assert sentence in done.err
    assert done.err.count("\n") == 1


def test_open_configuration_is_warned_of(command: Command) -> None:
    process = command.start("--connection", "other")
    process.communicate(timeout=60)
    (command.home / "source.json").chmod(0o644)
    files = [str(command.home / "source.json"), str(command.home / "destination.json")]
    done = subprocess.run(
        [sys.executable, "-m", "bundle", "sync", *files, "--log", "/proc/nowhere/log"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(command.home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"chmod 600 {files[0]}" in done.stderr


def test_rotated_token_is_kept_for_the_next_sync(tmp_path: Path) -> None:
    """A refresh token is spent once it was used: the new pair is in the private folder, and the next sync takes it."""
    with Sandbox(people=PEOPLE) as sandbox:
        command = command_for(sandbox, tmp_path)
        command.source["credentials"] = {
            "auth_type": "oauth2.0",
            "client_id": sandbox.slack.client_id,
            "client_secret": sandbox.slack.client_secret,
            "access_token": sandbox.slack.rotating_token,
            "refresh_token": sandbox.slack.refresh_token,
        }
        sandbox.slack.expire_token()
        assert command.run("--test-run").status == 0
        assert command.run("--test-run").status == 0
    (kept,) = command.private.glob("credentials/*.json")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert json.loads(kept.read_text())["refresh_token"] != command.source["credentials"]["refresh_token"]
