"""Tests that no log, error, trace, URL or redirect holds a secret."""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from integration_tests.harness.destination_process import (
    COMMAND,
    config,
    lines,
    person,
    record,
    run,
    state,
    stream,
    write,
)
from integration_tests.harness.sync_result import SyncResult
from integration_tests.sandbox import Fault, Sandbox

PASSWORD = "made-up \"password\" with \\ and naïve € 😀 & <tags> 'in' 100%/+="


def with_password(sandbox: Sandbox, **more: Any) -> dict[str, Any]:
    """Return a configuration with a password of all kinds of characters."""
    sandbox.oomnitza.password = PASSWORD
    credentials = {"auth_type": "password", "username": sandbox.oomnitza.username, "password": PASSWORD}
    return config(sandbox, credentials=credentials, **more)


def secrets(sandbox: Sandbox) -> list[str]:
    """Return every token, and the password."""
    return [*sandbox.oomnitza.accounts, PASSWORD]


def forms(secret: str) -> Iterable[str]:
    """Return all spellings of a secret."""
    once = json.dumps(secret)[1:-1]
    yield from (secret, once, json.dumps(once)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1])
    yield from (quote(secret), quote(secret, safe=""), once.replace("-", "\\u002d"), once.replace("-", "\\\\u002d"))


def check_silence(sandbox: Sandbox, output: SyncResult) -> None:
    """Check that neither output nor URLs hold a secret, plain or inside JSON."""
    texts = [output.text]
    texts += [str(value) for message in output.messages for value in leaves(message)]
    for secret in secrets(sandbox):
        for form in forms(secret):
            assert not any(form in text for text in texts), form
        assert not any(quote(secret, safe="") in each.raw_query + each.path for each in sandbox.requests)


def leaves(node: Any) -> Iterable[Any]:
    if isinstance(node, dict):
        for value in node.values():
            yield from leaves(value)
    elif isinstance(node, list):
        for value in node:
            yield from leaves(value)
    else:
        yield node


MESSAGES = [record(person("ada")), record(person("known", title="Boss")), state({"n": 1})]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("users/meta", 403),
        ("^/api/v3/users$", 400),
        ("^/api/v3/users/.", 400),
        ("/api/v3/saas", 403),
        ("mappings", 500),
    ],
)
def test_error_that_repeats_the_token_is_masked(sandbox: Sandbox, path: str, status: int) -> None:
    sandbox.oomnitza.add_person(username="known", email="known@acme.example")
    settings = with_password(sandbox, record_type={"type": "user_and_saas_user", "saas_name": "Slack"})
    sandbox.faults.add(
        Fault("echo_token", service="oomnitza", path=path, status=status, times=1 if status == 500 else None)
    )
    output = write(settings, MESSAGES)
    check_silence(sandbox, output)
    if status == 400 and path.startswith("^"):
        assert "****" in output.text


def test_repeated_password_is_masked_in_check_and_write(sandbox: Sandbox) -> None:
    settings = with_password(sandbox)
    body = json.dumps({"errors": list(forms(PASSWORD))})
    sandbox.faults.add(Fault("status", service="oomnitza", path="users$", status=400, body=body, times=None))
    checked = run("check", settings)
    assert checked.connection_status()[0] == "FAILED"
    assert "****" in checked.connection_status()[1]
    check_silence(sandbox, checked)
    check_silence(sandbox, write(settings, MESSAGES))


def test_invalid_configuration_is_not_quoted(sandbox: Sandbox) -> None:
    checked = run("check", config(sandbox, credentials={"auth_type": "magic", "x": [{"y": PASSWORD}]}))
    assert checked.connection_status()[0] == "FAILED"
    check_silence(sandbox, checked)


def test_trace_of_unexpected_error_holds_no_secret(sandbox: Sandbox, tmp_path: Path) -> None:
    """An unexpected error in code that handles a secret does not show it."""
    settings = with_password(sandbox)
    script = tmp_path / "broken.py"
    script.write_text(
        "from destination_oomnitza import run, sync\n"
        "def fail(config, *_):\n"
        "    raise KeyError(config.credentials.password.get_secret_value())\n"
        "sync.plan_streams = fail\n"
        "run.run()\n"
    )
    output = run_script(script, settings, tmp_path)
    assert output.failure()[0] == "system_error"
    assert "Traceback" in output.errors()[0]["stack_trace"]
    check_silence(sandbox, output)


def run_script(script: Path, settings: dict[str, Any], folder: Path) -> SyncResult:
    """Run `write` with a script in place of the command."""
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "catalog.json").write_text(json.dumps({"streams": [stream()]}))
    arguments = ["write", "--config", str(folder / "config.json"), "--catalog", str(folder / "catalog.json")]
    python = str(COMMAND.with_name("python"))
    done = subprocess.run(
        [python, str(script), *arguments], input=lines(MESSAGES), capture_output=True, timeout=60, check=False
    )
    assert not done.stderr, done.stderr.decode()
    return SyncResult(done.returncode, done.stdout.decode())


def test_token_is_in_one_header_only(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A .netrc with a password for the host does not replace the token."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password made-up\n")
    monkeypatch.setenv("NETRC", str(netrc))
    output = write(with_password(sandbox), MESSAGES)
    assert output.status == 0
    tokens = set(sandbox.oomnitza.accounts)
    for each in sandbox.requests:
        holding = {name for name, value in each.headers.items() if any(token in value for token in tokens)}
        assert holding == (set() if each.path == "/api/request_token" else {"authorization2"})
        assert "authorization" not in each.headers
        assert not any(token.encode() in each.body for token in tokens)


@pytest.mark.parametrize("password", ['"added": 1', "users", "type"])
def test_password_like_the_report_leaves_it_whole(sandbox: Sandbox, password: str) -> None:
    """Secrets are masked within fields, never in the protocol's own text."""
    sandbox.oomnitza.password = password
    credentials = {"auth_type": "password", "username": sandbox.oomnitza.username, "password": password}
    output = write(config(sandbox, credentials=credentials), [record(person("ada")), state(1)])
    assert (output.status, output.counts(), output.states()) == (0, {"added": 1}, [1])


def test_redirect_receives_no_token(sandbox: Sandbox) -> None:
    with Sandbox(people=1) as elsewhere:
        location = f"{elsewhere.oomnitza_url}/api/v3/users?token={sandbox.oomnitza.token}"
        sandbox.faults.add(Fault("redirect", service="oomnitza", path="mappings", location=location, times=None))
        output = run("check", config(sandbox))
        assert elsewhere.oomnitza_url in output.connection_status()[1]
        assert len(elsewhere.requests) == 0
    check_silence(sandbox, output)


def test_log_names_only_people_rejected_or_skipped(sandbox: Sandbox) -> None:
    messages = [record(person(f"p{n}")) for n in range(20)]
    messages += [record(person("rejected", first_name=["a", "list"])), record(person("gone", deleted=True))]
    sandbox.faults.random(5, 0.05)
    output = write(config(sandbox, batch_size=3), [*messages, state({"n": 1})])
    assert output.status == 0
    assert set(re.findall(r"\w+@acme", output.text)) == {"rejected@acme", "gone@acme"}


def test_unknown_certificate_is_rejected(certificate: tuple[Path, Path]) -> None:
    """Nothing is sent to a server with a self-signed certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    with (
                        suppress(ssl.SSLError),
                        context.wrap_socket(server.accept()[0], server_side=True) as connection,
                    ):
                        heard.append(connection.recv(1000))

        threading.Thread(target=serve, daemon=True).start()
        address = f"https://localhost:{server.getsockname()[1]}"
        credentials = {"auth_type": "api_token", "api_token": "made-up-token"}
        output = run("check", {"instance_url": address, "credentials": credentials, "default_role": 25})
    status, message = output.connection_status()
    assert status == "FAILED"
    assert "certificate" in message
    assert heard == []
