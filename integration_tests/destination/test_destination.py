"""Tests the commands, their exit statuses, and every invalid configuration."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from destination_oomnitza import destination
from destination_oomnitza.api.retries import RetryPolicy
from destination_oomnitza.destination import DestinationOomnitza

from integration_tests.harness.destination_inside import QUICK
from integration_tests.harness.destination_inside import write as write_inside
from integration_tests.harness.destination_process import (
    COMMAND,
    config,
    lines,
    person,
    record,
    run,
    running,
    state,
    stream,
    write,
)
from integration_tests.sandbox import Fault, Sandbox

TOKEN = {"auth_type": "api_token", "api_token": "made-up-token"}


def check(configuration: Any) -> tuple[str, str]:
    """Check within this process, and return the status and the message."""
    status = DestinationOomnitza().check(logging.getLogger("airbyte"), configuration)
    return status.status.value, status.message or ""


# -- configurations that are wrong ---------------------------------------------------------------------------------------------


def wrong(sandbox: Sandbox) -> dict[str, tuple[dict[str, Any], str]]:
    """Return invalid configurations, each with a part of the expected sentence."""
    port = sandbox.oomnitza_url.rsplit(":", 1)[1]
    denied = sandbox.oomnitza.issue_token(denied=["users"])
    password = {"auth_type": "password", "username": "airbyte"}
    return {
        "wrong token": ({"credentials": TOKEN}, "401"),
        "token of a role without rights": ({"credentials": {**TOKEN, "api_token": denied}}, "403"),
        "wrong password": ({"credentials": {**password, "password": "made-up"}}, "password"),
        "no password": ({"credentials": password}, "Password"),
        "empty token": ({"credentials": {**TOKEN, "api_token": " "}}, "empty"),
        "token with a blank": ({"credentials": {**TOKEN, "api_token": "made up"}}, "characters"),
        "no credentials": ({"credentials": None}, "Credentials"),
        "credentials of another form": ({"credentials": "made-up-token"}, "Credentials"),
        "an unknown way to sign in": ({"credentials": {"auth_type": "magic"}}, "Credentials"),
        "no address": ({"instance_url": ""}, "address"),
        "http elsewhere": ({"instance_url": "http://acme.oomnitza.com"}, "https"),
        "another scheme": ({"instance_url": f"ftp://127.0.0.1:{port}"}, "https"),
        "secrets in the address": ({"instance_url": "https://me:made-up@acme.oomnitza.com"}, "user name"),
        "no sync keys": ({"sync_keys": []}, "Sync keys"),
        "an empty sync key": ({"sync_keys": [""]}, "Sync keys"),
        "a sync key that is not mapped": ({"sync_keys": ["external_id"]}, "external_id"),
        "an unknown mode": ({"write_mode": "destroy"}, "write_mode"),
        "an unknown method": ({"write_method": {"method": "magic"}}, "write_method"),
        "a role that is not there": ({"default_role": "Emperor"}, "Emperor"),
        "a role by a number that is not there": ({"default_role": 123456}, "123456"),
        "no role": ({"default_role": None}, "role"),
        "a field that is not there": ({"field_mapping": [{"field": "shoe_size", "value": "id"}]}, "shoe_size"),
        "a template that does not compile": ({"record_filter": "{{ record["}, "record_filter"),
        "too large a batch": ({"batch_size": 100_000}, "batch_size"),
        "no worker": ({"num_workers": 0}, "num_workers"),
        "a number as text": ({"num_workers": "many"}, "num_workers"),
    }


NAMES = list(wrong(MagicMock()))


@pytest.fixture(scope="module")
def quick() -> Iterator[Sandbox]:
    """Start one sandbox for the tests that do not change it."""
    with Sandbox(people=1) as running_one:
        yield running_one


@pytest.mark.parametrize("name", NAMES)
def test_wrong_configuration_fails_check_and_sync(quick: Sandbox, name: str) -> None:
    change, word = wrong(quick)[name]
    settings = {**config(quick), **change}
    status, message = check(settings)
    assert status == "FAILED"
    assert word in message
    assert "Traceback" not in message
    assert "made-up" not in message
    written = write_inside(settings, [record(person("ada")), state(1)])
    assert written.failure_type == "config_error"
    assert written.acknowledged() == []
    assert quick.oomnitza.people() == []


@pytest.mark.parametrize("name", ["wrong token", "a sync key that is not mapped"])
def test_sync_that_cannot_begin_has_a_report(quick: Sandbox, name: str) -> None:
    change, _ = wrong(quick)[name]
    written = write_inside({**config(quick), **change}, [record(person("ada"))])
    assert written.failure_type == "config_error"
    assert written.report()["users"]["added"] == 0


def test_check_succeeds_and_shows_the_mapping(sandbox: Sandbox) -> None:
    output = run("check", config(sandbox))
    assert output.status == 0
    assert output.connection_status() == ("SUCCEEDED", "")
    assert "default_role" in output.logs()
    assert {each.method for each in sandbox.requests} == {"GET"}


FILES = {
    "no JSON": "not json",
    "a list": "[]",
    "nothing": "",
    "null": "null",
    "too deep": "[" * 100_000,
    "half": '{"instance_url": ',
    "empty": "{}",
}


def test_check_of_invalid_file_fails_with_status_0() -> None:
    output = run("check", FILES["too deep"])
    assert output.status == 0
    assert output.connection_status()[0] == "FAILED"
    assert output.errors() == []


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_check_of_any_invalid_file_fails(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(content)
    (message,) = DestinationOomnitza().run_cmd(DestinationOomnitza().parse_args(["check", "--config", str(path)]))
    assert message.connectionStatus is not None
    assert message.connectionStatus.status.value == "FAILED"


def test_absent_configuration_file_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.json", tmp_path):
        (message,) = DestinationOomnitza().run_cmd(DestinationOomnitza().parse_args(["check", "--config", str(path)]))
        assert message.connectionStatus is not None
        assert str(path) in str(message.connectionStatus.message)


@pytest.mark.parametrize(("command", "content"), [("write", "not json"), ("discover", "{}")])
def test_write_and_discover_of_invalid_file_end_with_status_1(command: str, content: str) -> None:
    output = run(command, content, catalog={"streams": []} if command == "write" else None)
    assert output.failure()[0] == "config_error"


def test_write_with_broken_catalog_fails(sandbox: Sandbox) -> None:
    output = run("write", config(sandbox), catalog="{}")
    assert output.failure()[0] == "config_error"
    assert "catalog" in output.failure()[1]


@pytest.mark.parametrize(
    "arguments",
    [[], ["destroy"], ["check"], ["write", "--config", "x"], ["spec", "--config", "x"], ["check", "--config"], ["--x"]],
)
def test_incomplete_command_line_is_a_config_error(arguments: list[str]) -> None:
    with pytest.raises(Exception, match="command") as raised:
        DestinationOomnitza().parse_args(arguments)
    assert raised.value.failure_type.value == "config_error"  # type: ignore[attr-defined]  # an AirbyteTracedException


def test_incomplete_command_line_ends_with_status_1_and_trace() -> None:
    output = run("destroy")
    assert output.failure()[0] == "config_error"


def test_spec_is_one_message_and_a_closed_output_ends_it_quietly() -> None:
    output = run("spec")
    assert output.status == 0
    assert [message["type"] for message in output.messages] == ["SPEC"]
    read, unread = os.pipe()
    os.close(read)
    done = subprocess.run([str(COMMAND), "spec"], stdout=unread, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(unread)
    assert done.stderr == b""


def test_discover_is_one_catalog_of_data_activation(sandbox: Sandbox) -> None:
    output = run("discover", config(sandbox))
    assert output.status == 0
    (message,) = [each for each in output.messages if each["type"] == "DESTINATION_CATALOG"]
    names = {operation["object_name"] for operation in message["destination_catalog"]["operations"]}
    assert names == {"user", "saas_user"}


# -- servers that behave badly ---------------------------------------------------------------------------------------------------


def drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n[")
    while True:
        connection.sendall(b" ")
        time.sleep(0.02)


def drip_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X: y\r\n")
        time.sleep(0.02)


def endless(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65536)


def hole(connection: socket.socket) -> None:
    connection.settimeout(5)
    while connection.recv(65536):
        pass


def answer(status: str, body: str = "", **headers: str) -> Callable[[socket.socket], None]:
    text = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    content = f"HTTP/1.1 {status}\r\n{text}Content-Length: {len(body)}\r\n\r\n{body}".encode()
    return lambda connection: connection.sendall(content)


BAD_SERVERS: dict[str, Callable[[socket.socket], None]] = {
    "a slow drip": drip,
    "headers without an end": drip_headers,
    "a body without an end": endless,
    "a black hole": hole,
    "hangs up": lambda connection: None,
    "no HTTP": lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "HTML": answer("200 OK", "<html>Welcome</html>"),
    "HTML 404": answer("404 Not Found", "<html>Nothing here</html>"),
    "a redirect to itself": answer("302 Found", Location="/api/v2/mappings?name=AuthTest"),
    "a redirect elsewhere": answer("301 Moved Permanently", Location="https://elsewhere.example/x"),
    "500": answer("500 Internal Server Error", "broken"),
    "503 for an hour": answer("503 Service Unavailable", Retry_After="3600"),
    "a JSON that is no Oomnitza's": answer("200 OK", '{"hello": "world"}'),
    "418": answer("418 I'm a teapot"),
}


@contextmanager
def serving(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """Start a server that treats every connection so."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def handle(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                connection.recv(65536)
                behave(connection)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=handle, args=(server.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limit a check to 0.8 seconds, instead of 15."""
    monkeypatch.setattr(destination, "CHECK_SECONDS", 0.8)
    monkeypatch.setattr(RetryPolicy, "of_a_check", lambda: RetryPolicy(0.2, 0.2, 0.4, 0.2, QUICK.waits))


@pytest.mark.parametrize("behave", BAD_SERVERS.values(), ids=BAD_SERVERS)
@pytest.mark.usefixtures("hasty")
def test_check_of_any_server_ends_in_time(behave: Callable[[socket.socket], None]) -> None:
    started = time.monotonic()
    with serving(behave) as address:
        status, message = check({"instance_url": address, "credentials": TOKEN, "default_role": 25})
    assert status == "FAILED"
    assert time.monotonic() - started < 10
    assert message.endswith(".")
    assert "bug in this connector" not in message
    assert "made-up-token" not in message


@pytest.mark.usefixtures("hasty")
def test_check_of_unreachable_address_fails_with_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    for address in (f"http://127.0.0.1:{port}", "https://nobody.invalid"):
        status, message = check({"instance_url": address, "credentials": TOKEN, "default_role": 25})
        assert status == "FAILED"
        assert address in message


@pytest.mark.parametrize("name", ["a slow drip", "a body without an end", "a black hole", "hangs up", "no HTTP"])
def test_sync_with_unusable_server_fails_as_transient(name: str) -> None:
    retry_policy = RetryPolicy(0.3, 0.3, 0.4, 0.1, QUICK.waits)
    with serving(BAD_SERVERS[name]) as address:
        written = write_inside(
            {"instance_url": address, "credentials": TOKEN, "default_role": 25}, [], retry_policy=retry_policy
        )
    assert written.failure_type == "transient_error"


# -- a write ----------------------------------------------------------------------------------------------------------------------


def test_states_come_back_while_the_source_is_silent(sandbox: Sandbox) -> None:
    with running(config(sandbox)) as process:
        process.stdin.write(lines([record(person("ada")), state({"n": 1})]))
        process.stdin.flush()
        while b'"STATE"' not in process.stdout.readline():
            pass
        assert [each["username"] for each in sandbox.oomnitza.people()] == ["ada"]
        process.stdin.write(lines([record(person("bob"))]))  # no state follows: silence closes the batch
        process.stdin.flush()
        deadline = time.monotonic() + 30
        while len(sandbox.oomnitza.people()) < 2:
            assert time.monotonic() < deadline
            threading.Event().wait(0.01)
        process.stdin.close()
        assert process.wait(30) == 0


def test_token_revoked_during_sync_fails_at_once(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("status", status=401, method="POST", path="users$", nth=5, times=None))
    output = write(
        config(sandbox, batch_size=1, num_workers=1),
        [x for n in range(20) for x in (record(person(f"p{n}")), state(n))],
    )
    assert output.failure()[0] == "config_error"
    assert output.states() == [0, 1, 2, 3]
    assert len(sandbox.oomnitza.people()) == 4


def test_test_run_writes_and_acknowledges_nothing(sandbox: Sandbox) -> None:
    output = write(config(sandbox, test_run=True), [record(person("ada")), state({"n": 1})])
    assert output.status == 0
    assert output.counts() == {"added": 1}
    assert output.states() == []
    assert sandbox.oomnitza.people() == []
    assert "ada@acme.example" in output.logs()


def test_report_is_the_last_info_line(sandbox: Sandbox) -> None:
    output = write(config(sandbox), [record(person("ada")), record(person("eve", deleted=True)), state({"n": 1})])
    assert '{"sync_report"' in [each["message"] for each in output.of("LOG") if each["level"] == "INFO"][-1]
    assert output.counts() == {"added": 1, "skipped": 1}


def test_person_of_two_streams_is_written_once(sandbox: Sandbox) -> None:
    both = [record(person("ada"), name) for name in ("users", "others") for _ in range(3)]
    output = write(config(sandbox, batch_size=1), [*both, state(1), state(2, "others")], stream(), stream("others"))
    assert output.status == 0
    assert len(sandbox.oomnitza.people()) == 1
