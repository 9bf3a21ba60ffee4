"""Serves HTTP over a raw socket, honestly except for chosen requests."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson


@dataclass(frozen=True)
class Heard:
    """Holds a request as it was received."""

    method: str
    path: str
    query: dict[str, list[str]]
    body: bytes


class Wire:
    """Sends a hostile response over one connection.

    Raises OSError once the client has left or the server ends.
    """

    def __init__(self, connection: socket.socket, ended: threading.Event) -> None:
        self._connection = connection
        self._ended = ended

    def send(self, data: bytes) -> None:
        """Send bytes at once."""
        if self._ended.is_set():
            raise ConnectionAbortedError
        self._connection.sendall(data)

    def drip(self, data: bytes, seconds: float = 0.01) -> None:
        """Send bytes one by one."""
        for place in range(len(data)):
            self.send(data[place : place + 1])
            self.wait(seconds)

    def wait(self, seconds: float) -> None:
        """Send nothing for a while."""
        if self._ended.wait(seconds):
            raise ConnectionAbortedError

    def reset(self) -> None:
        """Reset the connection."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise ConnectionAbortedError


Behave = Callable[[Wire], None]
Honest = Callable[[Heard], Any]
"""Returns the JSON of a response, or its status and JSON."""


class HostileServer:
    """Responds honestly, except to the requests that `strikes` selects."""

    def __init__(self, honest: Honest, strikes: Callable[[Heard], bool], behave: Behave) -> None:
        self._honest = honest
        self._strikes = strikes
        self._behave = behave
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self.struck = 0
        self.first_heard = 0.0
        """Time of the first hostile response, in monotonic seconds."""

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve, and yield the address."""
        with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
            threading.Thread(target=self._accept, args=(server,), daemon=True).start()
            try:
                yield f"http://127.0.0.1:{server.getsockname()[1]}"
            finally:
                self._ended.set()
                with suppress(OSError):
                    server.shutdown(socket.SHUT_RDWR)

    def _accept(self, server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError, ValueError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stream = connection.makefile("rb")
            while (heard := _hear(stream)) is not None:
                if self._strikes(heard):
                    with self._lock:
                        self.struck += 1
                        self.first_heard = self.first_heard or time.monotonic()
                    self._behave(Wire(connection, self._ended))
                    return
                connection.sendall(_answer(self._honest(heard)))


def _hear(stream: Any) -> Heard | None:
    line = stream.readline()
    if not line:
        return None
    method, target, _ = line.decode("latin-1").split(" ", 2)
    length = 0
    while (header := stream.readline()) not in (b"\r\n", b""):
        name, _, value = header.decode("latin-1").partition(":")
        length = int(value) if name.lower() == "content-length" else length
    parts = urlsplit(target)
    return Heard(method, parts.path, parse_qs(parts.query), stream.read(length))


def _answer(honest: Any) -> bytes:
    status, document = honest if isinstance(honest, tuple) else (200, honest)
    body = b"" if document is None else orjson.dumps(document)
    return (
        f"HTTP/1.1 {status} Honest\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
