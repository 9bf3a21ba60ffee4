"""Tests the limits of a response, with servers that misbehave."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
import requests
from source_slack_users import transport
from source_slack_users.transport import ResponseTooLarge, ResponseTooSlow, SlackSession

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" + b'{"ok": true}'[:11]
Serve = Callable[[Callable[[socket.socket], None]], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server that handles each connection with a function; return its address."""
    servers: list[socket.socket] = []

    def start(answer: Callable[[socket.socket], None]) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def loop() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with suppress(OSError), connection:
                        connection.recv(65536)
                        answer(connection)

        threading.Thread(target=loop, daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}/api/auth.test"

    yield start
    for server in servers:
        server.close()


def drip(parts: bytes, whole: bytes = b"") -> Callable[[socket.socket], None]:
    """Send `whole` at once, then `parts` again and again, byte by byte."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(whole)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            for byte in parts:
                connection.sendall(bytes([byte]))
                threading.Event().wait(0.02)

    return answer


DRIPS = {
    "status line": drip(b"HTTP/1.1 200 O"),
    "header": drip(b"x", b"HTTP/1.1 200 OK\r\nX-Long: "),
    "headers": drip(b"X: y\r\n", b"HTTP/1.1 200 OK\r\n"),
    "100 Continue": drip(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": drip(b" ", b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"),
    "chunks": drip(b"1\r\n \r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "size of a chunk": drip(b"0", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "trailers": drip(b"X: y\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"),
    "gzip": drip(b"\0", b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x10\0\0\0\0\0\0x"),
}


@pytest.mark.parametrize("kind", DRIPS)
def test_session_response_byte_by_byte_ends_at_deadline(serve: Serve, kind: str) -> None:
    session = SlackSession(0.4)
    started = time.monotonic()
    with pytest.raises((ResponseTooSlow, requests.ConnectionError, requests.exceptions.ContentDecodingError)) as caught:
        session.get(serve(DRIPS[kind]), timeout=(5, 5))
    assert time.monotonic() - started < 8  # the server sends for ten seconds
    assert isinstance(caught.value, ResponseTooSlow) or kind in ("header", "headers", "gzip")


def test_session_silence_is_a_read_timeout(serve: Serve) -> None:
    with pytest.raises(requests.exceptions.ReadTimeout) as caught:
        SlackSession(30).get(serve(lambda connection: threading.Event().wait(2) and None), timeout=(5, 0.2))
    assert not isinstance(caught.value, ResponseTooSlow)


def test_session_whole_response_keeps_the_connection(serve: Serve) -> None:
    connections: list[socket.socket] = []

    def answer(connection: socket.socket) -> None:
        connections.append(connection)
        connection.sendall(OK)
        connection.recv(65536)
        connection.sendall(OK)

    address = serve(answer)
    session = SlackSession(5)
    assert [session.get(address, timeout=5).content for _ in range(2)] == [b'{"ok": true'] * 2
    assert len(connections) == 1


def body(content: bytes, *headers: str) -> Callable[[socket.socket], None]:
    """Return a handler that sends a body, with headers beside its length."""
    head = "".join(f"{header}\r\n" for header in (*headers, f"Content-Length: {len(content)}"))
    return lambda connection: connection.sendall(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + content)


def test_session_body_beyond_the_limit_is_too_large(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_JSON", 1 << 20)
    assert len(SlackSession(5).get(serve(body(b" " * (1 << 20))), timeout=5).content) == 1 << 20
    with pytest.raises(ResponseTooLarge, match="more than 1 MB"):
        SlackSession(5).get(serve(body(b" " * ((1 << 20) + 1))), timeout=5)


def test_session_decompression_bomb_costs_no_memory(serve: Serve) -> None:
    """A body of twenty times the limit is sent in a thousandth of its size."""
    deflate = zlib.compressobj(wbits=31)
    bomb = b"".join(deflate.compress(b" " * transport.MAX_JSON) for _ in range(20)) + deflate.flush()
    address = serve(body(bomb, "Content-Encoding: gzip"))
    tracemalloc.start()
    try:
        with pytest.raises(ResponseTooLarge):
            SlackSession(30).get(address, timeout=5)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * transport.MAX_JSON


def test_session_gzip_that_yields_nothing_is_too_large(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit also holds for received bytes, here those of empty blocks."""
    monkeypatch.setattr(transport, "MAX_JSON", 1000)
    empty = b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + b"\0\0\0\xff\xff" * 201
    with pytest.raises(ResponseTooLarge):
        SlackSession(30).get(serve(body(empty, "Content-Encoding: gzip")), timeout=5)


def test_session_gzip_with_an_endless_tail_is_unreadable(serve: Serve) -> None:
    tail = gzip.compress(b"{}") + b"x" * (transport.MAX_JSON // 2)
    with pytest.raises(requests.exceptions.ContentDecodingError):
        SlackSession(30).get(serve(body(tail, "Content-Encoding: gzip")), timeout=5)


def test_session_endless_body_is_too_large(serve: Serve) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(2000):
            connection.sendall(b"x" * (1 << 16))

    with pytest.raises(ResponseTooLarge):
        SlackSession(30).get(serve(answer), timeout=5)


def test_session_gzip_body_is_decompressed(serve: Serve) -> None:
    compressed = gzip.compress(b'{"ok": true}')
    response = SlackSession(5).get(serve(body(compressed, "Content-Encoding: gzip")), timeout=5)
    assert response.json() == {"ok": True}


def test_session_file_stays_compressed(serve: Serve) -> None:
    compressed = gzip.compress(b'{"user_id": "U1"}')
    response = SlackSession(5).get(serve(body(compressed, "Content-Type: application/gzip")), timeout=5)
    assert response.content == compressed


@pytest.mark.parametrize("kind", transport.FILE_TYPES)
def test_session_file_has_a_limit_of_its_own(serve: Serve, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(transport, "MAX_JSON", 1000)
    monkeypatch.setattr(transport, "MAX_FILE", 2000)
    header = f"Content-Type: {kind}"
    assert len(SlackSession(30).get(serve(body(b"x" * 2000, header)), timeout=5).content) == 2000
    with pytest.raises(ResponseTooLarge):
        SlackSession(30).get(serve(body(b"x" * 2001, header)), timeout=5)


@pytest.mark.parametrize("coding", ["br", "gzip"])
def test_session_unreadable_coding_is_a_decoding_error(serve: Serve, coding: str) -> None:
    with pytest.raises(requests.exceptions.ContentDecodingError):
        SlackSession(5).get(serve(body(b"not compressed", f"Content-Encoding: {coding}")), timeout=5)


def test_session_body_shorter_than_its_length_is_cut(serve: Serve) -> None:
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        SlackSession(5).get(serve(lambda connection: connection.sendall(OK[:-3])), timeout=5)


PROXY = "http://127.0.0.1:9"


@pytest.mark.parametrize("no_proxy", ["", "example.com"])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "127.8.9.1"])
def test_session_loopback_has_no_proxy(monkeypatch: pytest.MonkeyPatch, host: str, no_proxy: str) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, PROXY)
    monkeypatch.setenv("NO_PROXY", no_proxy)
    for scheme in ("http", "https"):
        settings = SlackSession(5).merge_environment_settings(f"{scheme}://{host}:1/", {}, None, None, None)
        assert settings["proxies"] == {}


def test_session_slack_has_the_environments_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "bundle.pem")
    settings = SlackSession(5).merge_environment_settings("https://slack.com/api/", {}, None, None, None)
    assert settings["proxies"]["https"] == PROXY
    assert settings["verify"] == "bundle.pem"


def test_session_netrc_is_not_read(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:  # type: ignore[no-untyped-def]
    netrc = tmp_path / "netrc"
    netrc.write_text("machine slack.com login someone password made-up\n")
    monkeypatch.setenv("NETRC", str(netrc))
    request = SlackSession(5).prepare_request(requests.Request("GET", "https://slack.com/api/auth.test"))
    assert "Authorization" not in request.headers


def test_session_redirect_is_not_followed(serve: Serve) -> None:
    reached: list[socket.socket] = []
    elsewhere = serve(reached.append)
    redirect = f"HTTP/1.1 302 Found\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n".encode()
    response = SlackSession(5).get(serve(lambda connection: connection.sendall(redirect)), timeout=5)
    assert response.status_code == 302
    assert reached == []
