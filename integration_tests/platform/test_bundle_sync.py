"""Tests `python -m bundle sync`: output, exit status, state, and private files.

In the process of the test, with preloaded connectors, where that makes no difference: PyAirbyte takes seconds to import.
"""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import requests_mock
from airbyte_protocol.models import AirbyteStateMessage

from bundle.__main__ import main
from bundle.definition import load_bundle
from bundle.engine import load_runner
from bundle.errors import ServiceError, UsageError
from bundle.identity import oomnitza_identity, slack_identity
from bundle.rotated import RotatedCredentials
from bundle.state import StateFile
from bundle.sync import settings_for
from integration_tests.harness import preloaded
from integration_tests.harness.example import destination_configuration
from integration_tests.sandbox import Fault, Sandbox
from integration_tests.sandbox.oomnitza.slack_setup import set_up_slack

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = 20

pytestmark = pytest.mark.usefixtures("environment_stays")


@dataclass
class Run:
    """Holds one run of the command."""

    status: int
    out: str
    err: str


@dataclass
class Command:
    """Runs the command with two configurations for a sandbox, and its own home."""

    home: Path
    sandbox: Sandbox
    capsys: pytest.CaptureFixture[str]
    source: dict[str, Any] = field(default_factory=dict)
    destination: dict[str, Any] = field(default_factory=dict)

    def arguments(self, *flags: str) -> list[str]:
        for name, configuration in (("source", self.source), ("destination", self.destination)):
            file = self.home / f"{name}.json"
            file.write_text(json.dumps(configuration))
            file.chmod(0o600)
        return ["sync", str(self.home / "source.json"), str(self.home / "destination.json"), *flags]

    def start(self, *flags: str) -> subprocess.Popen[str]:
        """Start it as a process, with a temporary folder that must stay empty."""
        (self.home / "tmp").mkdir()
        return subprocess.Popen(
            [sys.executable, "-m", "bundle", *self.arguments(*flags)],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), "TMPDIR": str(self.home / "tmp")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *flags: str) -> Run:
        with patch.object(sys, "executable", str(preloaded.interpreter())):
            status = main(self.arguments(*flags), {"HOME": str(self.home)})
        out, err = self.capsys.readouterr()
        assert self.sandbox.slack.admin_token not in out + err
        assert self.sandbox.oomnitza.token not in out + err
        return Run(status, out, err)

    @property
    def private(self) -> Path:
        return self.home / ".local" / "state" / "airbyte-oomnitza"

    def files(self) -> set[str]:
        return {str(path.relative_to(self.home)) for path in self.home.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(people=PEOPLE) as running:
        yield running


@pytest.fixture
def set_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[Sandbox], Command]:
    """Create the command for a sandbox; its home is the same each time."""

    def make(sandbox: Sandbox) -> Command:
        slack = {"auth_type": "api_token", "api_token": sandbox.slack.admin_token}
        oomnitza = {"auth_type": "api_token", "api_token": sandbox.oomnitza.token}
        return Command(
            tmp_path,
            sandbox,
            capsys,
            {"credentials": slack, "api_url": sandbox.slack_url},
            {"credentials": oomnitza, "instance_url": sandbox.oomnitza_url, "default_role": "Employee"},
        )

    return make


@pytest.fixture
def command(set_up: Callable[[Sandbox], Command], sandbox: Sandbox) -> Command:
    return set_up(sandbox)


def test_sync_reports_and_finds_another_instance_new(set_up: Callable[[Sandbox], Command]) -> None:
    """After a sync, a sync into another instance adds everyone there, too."""
    with Sandbox(people=PEOPLE) as sandbox:
        test_run = set_up(sandbox).run("--test-run")
        assert test_run.status == 0
        assert "TEST RUN: nothing was written" in test_run.out
        assert "email: (empty) -> " in test_run.out
        assert sandbox.oomnitza.changes() == []
    for _ in range(2):
        with Sandbox(people=PEOPLE) as sandbox:
            done = set_up(sandbox).run()
            added = sum(change["action"] == "added" for change in sandbox.oomnitza.changes())
        assert (done.status, done.err) == (0, "")
        assert "Mapping of users" in done.out
        assert "TEST RUN" not in done.out
        assert added > 10
        assert re.search(rf"added +{added}\n", done.out)


def test_incremental_connection_goes_on_from_its_state(command: Command, sandbox: Sandbox) -> None:
    set_up_slack(sandbox.oomnitza)
    command.destination["streams"] = destination_configuration(sandbox)["streams"]
    command.run("--connection", "activity")
    (file,) = command.private.glob("state/*/activity.json")
    assert re.fullmatch(r"T[A-Z0-9]+--127\.0\.0\.1_\d+", file.parent.name)
    first = json.loads(file.read_text())

    command.run("--connection", "activity")
    assert [each["stream"] for each in json.loads(file.read_text())] == [each["stream"] for each in first]
    again = command.run("--connection", "activity", "--full-refresh", "--log", "/proc/nowhere/log")
    assert again.status == 1
    assert file.exists()  # a command that cannot start does not remove the state


def test_state_is_kept_and_forgotten(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state" / "activity.json")
    message = AirbyteStateMessage.model_validate(
        {
            "type": "STREAM",
            "stream": {"stream_descriptor": {"name": "last_logins"}, "stream_state": {"last_login_at": "2026"}},
        }
    )
    file.get_state_writer(source_name="s").write_state(message)
    assert stat.S_IMODE(file.file.stat().st_mode) == 0o600
    assert StateFile(file.file).get_state_provider(source_name="s").known_stream_names == {"last_logins"}
    file.forget()
    assert file.messages() == []
    file.file.write_text('{"no": "state"}')
    with pytest.raises(UsageError, match="--full-refresh"):
        file.messages()


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("ACME", "acme.oomnitza.com"),
        ("https://acme.oomnitza.com/", "acme.oomnitza.com"),
        ("acme.oomnitza.com", "acme.oomnitza.com"),
        ("http://127.0.0.1:8000", "127.0.0.1:8000"),
    ],
)
def test_oomnitza_identity_is_the_host(address: str, name: str) -> None:
    assert oomnitza_identity({"instance_url": address}) == name


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"ok": False, "error": "invalid_auth"}, "invalid_auth"),
        ({"ok": True}, "no team_id"),
        ({"ok": True, "is_enterprise_install": True, "enterprise_id": None, "team_id": "T1"}, "no enterprise_id"),
        ([], "no team_id"),
        ({"ok": False, "error": "no xoxb-made-up-token"}, "no team_id"),
    ],
)
def test_slack_identity_without_an_id_is_an_error(answer: Any, reason: str) -> None:
    """Two workspaces without an id would share one state."""
    with requests_mock.Mocker() as http, pytest.raises(ServiceError, match=re.escape(f"failed ({reason})")):
        http.get("https://slack.com/api/auth.test", json=answer)
        slack_identity({"credentials": {"auth_type": "api_token", "api_token": "xoxb-made-up-token"}})


def test_slack_identity_is_retried_after_a_transient_error() -> None:
    pauses: list[float] = []
    with requests_mock.Mocker() as http:
        limited = {"status_code": 429, "headers": {"Retry-After": "2"}}
        answers = [limited, {"status_code": 503}, {"json": {"ok": True, "team_id": "T1"}}]
        http.get("https://slack.com/api/auth.test", answers)
        assert slack_identity({}, pauses.append) == "T1"
    assert pauses == [2, 5]


def test_slack_identity_of_an_unavailable_slack_is_an_error() -> None:
    with requests_mock.Mocker() as http, pytest.raises(ServiceError, match=r"HTTP 503, .* Try again later"):
        http.get("https://slack.com/api/auth.test", status_code=503, headers={"Retry-After": "3600"})
        slack_identity({}, lambda seconds: pytest.fail("too long") if seconds > 60 else None)


def test_process_leaves_private_files_only(command: Command) -> None:
    """All files of PyAirbyte and the connectors are private."""
    log = command.home / "sync.log"
    log.write_text("before\n")
    log.chmod(0o644)
    process = command.start("--connection", "activity", "--log", str(log))
    out, err = process.communicate(timeout=240)

    assert process.returncode in (0, 1), out + err
    assert "Traceback" not in err
    assert re.search(r"^before\n.* source-slack-users INFO .*", log.read_text())
    assert "destination-oomnitza INFO" in log.read_text()
    for path in [log, command.private, *command.private.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert list(command.private.glob("sync-*")) == []
    assert command.files() - {"source.json", "destination.json", "sync.log"} == {
        str(path.relative_to(command.home))
        for path in [command.private / "temporary.lock", *command.private.glob("state/*/activity.*")]
    }


def test_sigterm_ends_the_sync_and_removes_secrets(command: Command, sandbox: Sandbox) -> None:
    """A sync ended by SIGTERM, as by systemd, leaves no configuration behind."""
    sandbox.faults.add(Fault("timeout_after", service="slack", path=r".*users\.list", times=1000))
    try:
        process = command.start()
        deadline = time.monotonic() + 120
        while not list(command.private.glob("sync-*/*.json")) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)
    finally:
        sandbox.faults.clear()
    assert process.returncode == 128 + signal.SIGTERM
    assert list(command.private.glob("sync-*")) == []
    assert list((command.home / "tmp").iterdir()) == []


SPOILT_SOURCE = """
import subprocess, sys
for line in subprocess.run([{source!r}, *sys.argv[1:]], stdout=subprocess.PIPE).stdout.splitlines(keepends=True):
    if b'"type":"STATE"' in line:
        for more in {more!r}:
            sys.stdout.buffer.write(more + b"\\n")
    sys.stdout.buffer.write(line)
"""
"""Script of a source that sends more records before each state."""
MORE = [
    b'{"type": "RECORD", "record": {"stream": "users", "emitted_at": 0, "data": {"name": 5, "email": "five@acme.example"}}}',
    b'{"type": "RECORD", "record": {"stream": "strangers", "emitted_at": 0, "data": {"name": "stranger"}}}',
    b'{"type": "RECORD", "record": {"stream": "users", "data": {"name": "cut',
]


def test_rejected_records_are_status_2_and_counted_apart(
    set_up: Callable[[Sandbox], Command], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two records are rejected, one has an unknown stream, and PyAirbyte drops one."""
    load_runner(tmp_path)
    runner = sys.modules["bundle.runner"]
    make_executor, hear = runner.make_executor, runner.hear
    source = make_executor("source-slack-users")
    spoilt = tmp_path / "source"
    script = SPOILT_SOURCE.format(source=str(source.path), more=MORE)
    spoilt.write_text(preloaded.SHEBANG.format(python=sys.executable) + script)
    spoilt.chmod(0o700)
    states = []

    def executor(name: str) -> Any:
        return type(source)(name, path=spoilt) if name == source.name else make_executor(name)

    def hear_state(listener: Any, connector: str, message: Any) -> None:
        if message.state and connector == "destination-oomnitza":
            states.append(message.state)
        hear(listener, connector, message)

    monkeypatch.setattr(runner, "make_executor", executor)
    monkeypatch.setattr(runner, "hear", hear_state)
    with Sandbox(people=PEOPLE) as sandbox:
        sandbox.slack.join(real_name="Two Quotes", email="two'\"quotes@acme.example")
        done = set_up(sandbox).run()
    assert done.status == 2, done.out + done.err
    assert re.search(r"failed +2\n", done.out)
    assert "Rejected: users" in done.out
    assert "a record of the stream strangers, which is not in the catalog" in done.out
    (state,) = states
    counts = state.destinationStats
    assert (counts.rejectedRecordCount, counts.recordCount) == (2, state.sourceStats.recordCount - 1)


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


def test_settings_with_a_wrong_stream_reach_the_destination() -> None:
    """The check of the destination explains the mistake."""
    bundle = load_bundle(ROOT)
    entries = [{"stream": []}, {"stream": "no such stream"}, None]
    kept = settings_for(bundle.connections["users"], bundle, {"streams": [*entries, {"stream": "last_logins"}]})
    assert kept == {"streams": entries}


def test_readable_configuration_is_warned_of(command: Command) -> None:
    arguments = command.arguments("--log", "/proc/nowhere/log")
    (command.home / "source.json").chmod(0o644)
    assert main(arguments, {"HOME": str(command.home)}) == 1
    assert f"chmod 600 {command.home / 'source.json'}" in command.capsys.readouterr().err


def test_rotated_token_in_use_ends_a_second_sync(command: Command) -> None:
    """Both would send one refresh token, which works once."""
    command.source["credentials"] = {"refresh_token": "in use"}
    with RotatedCredentials(command.private, command.source).exclusive():
        done = command.run()
    assert (done.status, done.err) == (1, "Another sync of this Slack token is running. Wait for its end.\n")


def test_rotated_token_is_kept_for_the_next_sync(set_up: Callable[[Sandbox], Command]) -> None:
    """A new pair of tokens is saved, and used by the next sync."""
    with Sandbox(people=PEOPLE) as sandbox:
        command = set_up(sandbox)
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
