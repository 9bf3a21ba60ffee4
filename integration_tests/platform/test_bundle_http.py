"""Tests the bundle's HTTP client with servers that misbehave."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from bundle import http
from bundle.http import Http, HttpProblem, ResponseTimeout, ResponseTooLarge, Unreachable, is_private

SECRET = {"Authorization": "Bearer made-up secret"}
SECONDS = 1.0


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[tuple[str, list[bytes]]]:
    """Start a server; yield its address, and the requests that it received."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    seen.append(connection.recv(65536))
                    with suppress(OSError):  # the client has gone
                        answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", seen
        listener.shutdown(socket.SHUT_RDWR)


def drip(text: bytes) -> Callable[[socket.socket], None]:
    """Send a byte every tenth of a second, without end."""

    def answer(connection: socket.socket) -> None:
        for byte in text * 50:
            connection.sendall(bytes([byte]))
            threading.Event().wait(0.1)

    return answer


def drip_body(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n")
    drip(b"[")(connection)


def plain(text: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(text)


def endless(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while True:
        connection.sendall(b"[" * 65536)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (drip(b"H"), ResponseTimeout),
        (drip(b"HTTP/1.1 200 OK\r\nX-A: b\r\n"), ResponseTimeout),
        (drip(b"HTTP/1.1 100 Continue\r\n\r\n"), ResponseTimeout),
        (drip_body, ResponseTimeout),
        (lambda connection: threading.Event().wait(3), ResponseTimeout),
        (plain(b""), Unreachable),
        (plain(b"no HTTP at all\r\n\r\n"), Unreachable),
        (plain(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[]"), Unreachable),
        (plain(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n[]"), Unreachable),
    ],
)
def test_bad_answer_ends_in_time(answer: Callable[[socket.socket], None], problem: type[HttpProblem]) -> None:
    with server(answer) as (url, _):
        start = time.monotonic()
        with pytest.raises(problem) as error:
            seconds = SECONDS if problem is ResponseTimeout else 30  # a slow machine is no time-out
            Http(url, seconds=seconds).request("GET", "/", credentials=SECRET)
        assert time.monotonic() - start < 30
    assert "secret" not in str(error.value)


def test_endless_answer_is_bounded_in_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_BYTES", 1024 * 1024)
    with server(endless) as (url, _), pytest.raises(ResponseTooLarge):
        Http(url, seconds=30).request("GET", "/")


def test_redirect_is_an_answer(tmp_path: Path) -> None:
    with server(plain(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as (elsewhere, seen):
        location = f"HTTP/1.1 302 Found\r\nLocation: {elsewhere}/\r\nContent-Length: 0\r\n\r\n".encode()
        with server(plain(location)) as (url, _):
            assert Http(url, seconds=10).request("GET", "/", credentials=SECRET).status == 302
        assert seen == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_passes_every_proxy(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """Loopback bypasses every proxy, which would receive the token."""
    answer = plain(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
    with server(answer) as (proxy, heard), server(answer) as (url, seen):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy)
        monkeypatch.setenv("NO_PROXY", "example.com")
        Http(url.replace("127.0.0.1", host), seconds=10).request("GET", "/x", credentials=SECRET)
        assert heard == []
        assert b"Authorization: Bearer made-up secret" in seen[0]


def test_netrc_replaces_no_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with server(plain(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")) as (url, seen):
        Http(url, seconds=10).request("GET", "/", credentials=SECRET)
        assert b"Authorization: Bearer made-up secret" in seen[0]
        assert b"Basic" not in seen[0]


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("https://airbyte.example.com", True),
        ("http://localhost:8000", True),
        ("http://[::1]:8000", True),
        ("http://127.9.9.9", True),
        ("http://airbyte.example.com", False),
        ("http://127.0.0.1.example.com", False),
        ("ftp://localhost", False),
        ("https://", False),
    ],
)
def test_secrets_travel_encrypted_or_on_this_machine(url: str, private: bool) -> None:
    assert is_private(url) is private
