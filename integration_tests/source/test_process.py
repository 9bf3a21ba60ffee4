"""Tests the console script as a process: its input, output and end."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from integration_tests.harness import preloaded
from integration_tests.harness.source_process import COMMAND, Output, config, run
from integration_tests.sandbox import Fault, Sandbox

TOKEN = "xoxb-made-up-and-wrong"
CATALOG: dict[str, list[dict[str, Any]]] = {
    "streams": [
        {
            "stream": {"name": "users", "json_schema": {}, "supported_sync_modes": ["full_refresh"]},
            "sync_mode": "full_refresh",
            "destination_sync_mode": "append",
        }
    ]
}


def files(folder: Path, **contents: Any) -> list[str]:
    """Write each content to a file, and return the options that name the files."""
    options = []
    for name, content in contents.items():
        path = folder / f"{name}.json"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        options += [f"--{name}", str(path)]
    return options


def start(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run the console script to its end."""
    return subprocess.run([str(COMMAND), *arguments], timeout=60, check=False, **({"capture_output": True} | options))


def error_of(done: subprocess.CompletedProcess[bytes] | preloaded.Done) -> dict[str, Any]:
    """Return the one error of a failed command that printed only messages."""
    output = Output(done.returncode, done.stdout.decode())
    assert (done.returncode, done.stderr) == (1, b"")
    (error,) = output.errors()
    assert TOKEN not in output.text
    return error


def test_script_without_a_command_prints_usage() -> None:
    done = start()
    assert done.returncode == 2
    assert done.stderr.startswith(b"usage: source-slack-users {spec,check,discover,read}")
    assert done.stdout == b""


@pytest.mark.parametrize(
    ("kind", "content", "sentence"),
    [
        ("config", b'{"page_size": 5,}', "is not JSON: line 1, column 17."),
        ("catalog", b"{", "is not JSON: line 1, column 2."),
        ("catalog", b"[]", "does not have Airbyte's format."),
        ("state", b"", "is empty."),
        ("state", b'{"users": 5}', "does not have Airbyte's format."),
        ("state", b'[{"type": "GLOBAL", "global": {"stream_states": []}}]', "holds a state that is not of type STREAM"),
    ],
)
def test_read_broken_file_ends_with_a_sentence(tmp_path: Path, kind: str, content: bytes, sentence: str) -> None:
    settings = {"credentials": {"auth_type": "api_token", "api_token": TOKEN}}
    options = files(tmp_path, **{"config": settings, "catalog": CATALOG, "state": [], kind: content})
    error = error_of(preloaded.run([str(COMMAND), "read", *options]))
    assert sentence in error["message"]
    assert error["failure_type"] == "config_error"


def test_read_legacy_state_is_read(sandbox: Sandbox, tmp_path: Path) -> None:
    newest = max(int(member.get("updated", 0)) for member in sandbox.slack.members())
    catalog = {"streams": [CATALOG["streams"][0] | {"sync_mode": "incremental"}]}
    options = files(tmp_path, config=config(sandbox), catalog=catalog, state={"users": {"updated": newest}})
    output = Output(0, preloaded.run([str(COMMAND), "read", *options]).stdout.decode())
    assert output.statuses()[-1] == "COMPLETE"
    assert 0 < len(output.records()) < 10


def test_check_without_folder_for_temporary_files_fails(tmp_path: Path) -> None:
    """The missing folder is simulated, because the tests may write everywhere."""
    script = (
        "import tempfile\n"
        "def gettempdir(): raise FileNotFoundError(2, 'No usable temporary directory found')\n"
        "tempfile.gettempdir = gettempdir\n"
        "from source_slack_users.run import run\n"
        "run()\n"
    )
    python = str(COMMAND.with_name("python"))
    options = files(tmp_path, config={"credentials": {"auth_type": "api_token", "api_token": TOKEN}})
    checked = subprocess.run([python, "-c", script, "check", *options], capture_output=True, timeout=60, check=False)
    status, message = Output(checked.returncode, checked.stdout.decode()).connection_status()
    assert (checked.returncode, status) == (0, "FAILED")
    assert "name a folder in TMPDIR" in message
    spec = subprocess.run([python, "-c", script, "spec"], capture_output=True, timeout=60, check=False)
    assert error_of(spec)["failure_type"] == "config_error"


@pytest.mark.parametrize("output", ["full disk", "closed", "nobody reads"])
def test_read_output_that_fails_ends_with_a_sentence(sandbox: Sandbox, tmp_path: Path, output: str) -> None:
    options = files(tmp_path, config=config(sandbox), catalog=CATALOG)
    if output == "full disk":
        with Path("/dev/full").open("wb") as full:
            done = start("read", *options, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    elif output == "closed":
        line = f'exec "{COMMAND}" read {" ".join(options)} >&-'
        done = subprocess.run(["sh", "-c", line], stderr=subprocess.PIPE, timeout=60, check=False)
    else:
        reader, writer = os.pipe()
        os.close(reader)
        done = start("read", *options, capture_output=False, stdout=writer, stderr=subprocess.PIPE)
        os.close(writer)
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1 and done.stderr.startswith(b"The output")


def test_read_sigterm_leaves_no_secret_in_a_file(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults.add(Fault("timeout_before", service="slack", path="users.list", times=None))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    options = files(tmp_path, config=config(sandbox), catalog=CATALOG)
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen([str(COMMAND), "read", *options], env=environment, stdout=subprocess.PIPE) as process:
        while not sandbox.requests.count(path="users.list") and process.poll() is None:
            time.sleep(0.05)  # another process starts it
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert [path for path in temporary.rglob("*") if path.is_file()] == []


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[bytes]]]:
    """Return a proxy that records requests, and responds with nothing."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        heard.append(connection.recv(65536))

        threading.Thread(target=listen, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", heard


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_check_loopback_goes_past_every_proxy(
    sandbox: Sandbox, tmp_path: Path, proxy: tuple[str, list[bytes]], host: str
) -> None:
    address, heard = proxy
    names = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
    environment = {**os.environ, **dict.fromkeys(names, address), "NO_PROXY": "", "no_proxy": ""}
    settings = config(sandbox, api_url=sandbox.slack_url.replace("127.0.0.1", host))
    done = start("check", *files(tmp_path, config=settings), env=environment)
    assert Output(done.returncode, done.stdout.decode()).connection_status() == ("SUCCEEDED", "")
    assert heard == []


def test_check_unknown_certificate_ends_at_once(certificate: tuple[Path, Path]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    connections: list[socket.socket] = []
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connections.append(server.accept()[0])
                    with suppress(ssl.SSLError), context.wrap_socket(connections[-1], server_side=True) as connection:
                        heard.append(connection.recv(1000))

        threading.Thread(target=serve, daemon=True).start()
        credentials = {"auth_type": "api_token", "api_token": TOKEN}
        address = f"https://localhost:{server.getsockname()[1]}/api/"
        output = run("check", {"credentials": credentials, "api_url": address})
    status, message = output.connection_status()
    assert status == "FAILED"
    assert "its certificate cannot be verified" in message
    assert (len(connections), heard) == (1, [])


@pytest.mark.parametrize("secret", ["e", "17", '"', "type"])
def test_read_short_secret_leaves_messages_whole(sandbox: Sandbox, secret: str) -> None:
    credentials = {
        "auth_type": "oauth2.0",
        "client_id": "1",
        "client_secret": secret,
        "access_token": TOKEN,
    }
    output = run("read", config(sandbox, credentials=credentials), catalog=CATALOG)
    assert output.status == 1
    assert {error["failure_type"] for error in output.errors()} == {"config_error"}
