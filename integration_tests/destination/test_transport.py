"""Tests connections that the sandbox does not have: TLS, direct and by proxy."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.api.client import Client
from destination_oomnitza.api.retries import RetryPolicy
from destination_oomnitza.config.models import Config
from urllib3.util import Retry

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
PACE = threading.Event()
"""Event that is never set."""
AT_ONCE = Retry(total=None, backoff_factor=0)
HASTY = RetryPolicy(connect=5, silence=1, answer=1.5, faults=0, waits=AT_ONCE)
PATIENT = RetryPolicy(waits=AT_ONCE)


@contextmanager
def listening(handle: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serve every connection in its own thread, and yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=handle, args=(server.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)


@contextmanager
def oomnitza(certificate: tuple[Path, Path], drips: bool = False) -> Iterator[int]:
    """Start an instance behind TLS that returns {}, or bytes without end."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    def handle(connection: socket.socket) -> None:
        with suppress(OSError), context.wrap_socket(connection, server_side=True) as wrapped:
            while wrapped.recv(65536):
                for _ in range(1000 if drips else 0):
                    wrapped.sendall(b"H")
                    PACE.wait(0.01)
                wrapped.sendall(ANSWER)

    with listening(handle) as port:
        yield port


@contextmanager
def proxy(port: int, heard: list[bytes]) -> Iterator[int]:
    """Start a proxy that connects to one port, and records its requests."""

    def relay(one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)

    def handle(connection: socket.socket) -> None:
        with suppress(OSError), connection, socket.create_connection(("127.0.0.1", port)) as target:
            heard.append(connection.recv(65536))
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            threading.Thread(target=relay, args=(target, connection), daemon=True).start()
            relay(connection, target)

    with listening(handle) as proxy_port:
        yield proxy_port


def client(address: str, retry_policy: RetryPolicy) -> Client:
    credentials = {"auth_type": "api_token", "api_token": "made-up-token"}
    return Client(Config.parse({"instance_url": address, "credentials": credentials}), retry_policy)


def test_transport_tls_is_used(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    with oomnitza(certificate) as port:
        asked = client(f"https://localhost:{port}", PATIENT)
        asked.sign_in()
        assert [asked.get("/api/v3/users/meta", keyed=True).json for _ in range(3)] == [{}, {}, {}]


def test_transport_tls_answer_has_a_deadline(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    with oomnitza(certificate, drips=True) as port:
        started = time.monotonic()
        with pytest.raises(AirbyteTracedException, match="no answer in time"):
            client(f"https://localhost:{port}", HASTY).sign_in()
    assert time.monotonic() - started < 9  # the server sends for ten seconds


def test_transport_tls_through_a_proxy(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy receives the host, and nothing else."""
    heard: list[bytes] = []
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    with oomnitza(certificate) as port, proxy(port, heard) as proxy_port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy_port}")
        client("https://oomnitza.test:8443", PATIENT).sign_in()
    assert heard[0].startswith(b"CONNECT oomnitza.test:8443 ")
    assert not any(b"made-up-token" in each for each in heard)


def test_transport_proxy_that_drips_has_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    def handle(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            while True:
                connection.sendall(b"H")
                PACE.wait(0.01)

    with listening(handle) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        started = time.monotonic()
        with pytest.raises(AirbyteTracedException, match="is unavailable"):
            client("https://oomnitza.test", HASTY).sign_in()
    assert time.monotonic() - started < 15
