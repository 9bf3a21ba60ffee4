"""Runs a service on a loopback port: uvicorn in a thread, behind a gate.

The gate logs, delays, and injects faults.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, quote

import orjson
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from integration_tests.sandbox.transport.faults import DEFAULT_STATUS, HTML_PAGE, Fault, Faults
from integration_tests.sandbox.transport.request_log import Exchange, RequestLog

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Answer = tuple[int, list[tuple[bytes, bytes]], bytes]

HTML = b"text/html; charset=utf-8"
JSON = b"application/json"


class _Protocol(HttpToolsProtocol):
    """Gives the application access to uvicorn's connection, which it may reset."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["sandbox.transport"] = self.transport  # type: ignore[typeddict-unknown-key]  # our own key


class Gate:
    """Logs and delays requests under `/api/`, and injects faults."""

    def __init__(self, service: str, app: App, log: RequestLog, faults: Faults, latency: float) -> None:
        self.service = service
        self.app = app
        self.log = log
        self.faults = faults
        self.latency = latency
        self.crashes: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve an ASGI request."""
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self.app(scope, receive, send)
            return
        started = time.monotonic()
        body = await _read(receive)
        if body is None:
            return
        query = scope["query_string"].decode("latin-1")
        request = (self.service, scope["method"], scope["path"], query, body)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        exchange = self.log.open(
            service=self.service,
            method=scope["method"],
            path=scope["path"],
            raw_query=query,
            headers=headers,
            body=body,
            started=started,
        )
        fault = self.faults.strike(*request)
        exchange.fault = fault.kind if fault else None
        answer = await self._answer(scope, receive, body, exchange, fault)
        # The selector wakes up to a millisecond late, half of one on average, which is subtracted.
        if (rest := started + self.latency - time.monotonic() - 0.0005) > 0:
            await asyncio.sleep(rest)
        await self._send(scope, send, exchange, answer)

    async def _answer(
        self, scope: Scope, receive: Receive, body: bytes, exchange: Exchange, fault: Fault | None
    ) -> Answer | None:
        """Return the response to send; None for nothing."""
        kind = fault.kind if fault else ""
        if fault and kind == "timeout_before" and await _client_left(receive, fault.seconds):
            return None
        answer: Answer | None = None
        if fault is None or fault.after or kind == "timeout_before":
            answer = await self._process(scope, body)
            exchange.processed = True
        if fault and kind == "timeout_after" and await _client_left(receive, fault.seconds):
            return None
        if fault is None or kind in ("truncated", "timeout_before", "timeout_after"):
            return answer
        return None if kind in ("reset_before", "reset_after") else forged(fault, exchange)

    async def _process(self, scope: Scope, body: bytes) -> Answer:
        """Collect the application's response in memory; errors go into `crashes`."""
        status, headers, chunks = 500, [], []

        async def replay() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def keep(message: MutableMapping[str, Any]) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], list(message["headers"])
            else:
                chunks.append(message.get("body", b""))

        try:
            await self.app(scope, replay, keep)
        except Exception:
            self.crashes.append(traceback.format_exc())
            return 500, [(b"content-type", b"text/plain")], f"The sandbox itself failed.\n{self.crashes[-1]}".encode()
        return status, headers, b"".join(chunks)

    async def _send(self, scope: Scope, send: Send, exchange: Exchange, answer: Answer | None) -> None:
        if answer is None:
            self.log.close(exchange, None, {}, b"", time.monotonic())
            await _reset(scope)
            return
        status, headers, content = answer
        if not any(name == b"content-length" for name, _ in headers) and status != 204:
            headers = [*headers, (b"content-length", str(len(content)).encode())]
        shown = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
        self.log.close(exchange, status, shown, content, time.monotonic())
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if exchange.fault == "truncated" and content:
            await send({"type": "http.response.body", "body": content[: len(content) // 2], "more_body": True})
            scope["sandbox.transport"].close()
            await asyncio.sleep(0)
            return
        await send({"type": "http.response.body", "body": content})


def forged(fault: Fault, exchange: Exchange) -> Answer:
    """Return the response that a fault sends in place of the service's."""
    headers = dict(fault.headers)
    if fault.retry_after is not None:
        headers["Retry-After"] = str(fault.retry_after)
    status, content_type = fault.status or DEFAULT_STATUS.get(fault.kind, 200), JSON
    content = fault.body.encode() if isinstance(fault.body, str) else fault.body
    if fault.kind == "html" or (fault.kind == "status" and status in (502, 504) and content is None):
        content_type, content = HTML, content if content is not None else HTML_PAGE
    elif fault.kind in ("slack_error", "invalid_cursor", "limit_required"):
        content = orjson.dumps({"ok": False, "error": fault.code})
    elif fault.kind == "redirect":
        headers["Location"] = fault.location
    elif fault.kind == "echo_token":
        content = _echo(exchange)
    if content is None:
        error = {429: "ratelimited", 503: "service_unavailable"}.get(status, "internal_error")
        content = orjson.dumps({"ok": False, "error": error} if exchange.service == "slack" else {"error": error})
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    if not any(name == b"content-type" for name, _ in raw):
        raw.append((b"content-type", content_type))
    return status, raw, content


def _echo(exchange: Exchange) -> bytes:
    """Return an error that repeats the caller's secrets: plain, JSON, URL-encoded."""
    header = exchange.headers.get("authorization2") or exchange.headers.get("authorization", "").removeprefix("Bearer ")
    form = dict(parse_qsl(exchange.body.decode("utf-8", "replace")))
    secrets = [header, *(form[name] for name in ("password", "client_secret", "refresh_token") if name in form)]
    spelled = [
        f"{secret} (escaped {json.dumps(secret)[1:-1].replace('-', chr(92) + 'u002d')}, encoded {quote(secret, safe='')})"
        for secret in filter(None, secrets)
    ]
    return orjson.dumps({"ok": False, "error": f"Refused: {', '.join(spelled)}", "headers": {"Authorization2": header}})


async def _read(receive: Receive) -> bytes | None:
    """Return the body; None if the client left before its end."""
    chunks = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


async def _client_left(receive: Receive, seconds: float) -> bool:
    """Wait until the client closes the connection; return True."""
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(receive(), seconds)
        return True
    return False


async def _reset(scope: Scope) -> None:
    """Close the connection with a reset (RST)."""
    transport = scope["sandbox.transport"]
    raw = transport.get_extra_info("socket")
    with suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await asyncio.sleep(0)  # lets uvicorn detect it, so that it does not try to respond


class _Uvicorn(uvicorn.Server):
    """Runs a uvicorn that stops at once, without waiting for requests."""

    async def main_loop(self) -> None:
        self.loop, self.ended = asyncio.get_running_loop(), asyncio.Event()
        while not await self.on_tick(0):  # 0 renews the time in the Date header
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.ended.wait(), 1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    def end(self) -> None:
        """Begin to stop; can be called from any thread."""
        self.should_exit = True
        with suppress(RuntimeError):  # the loop has ended already
            self.loop.call_soon_threadsafe(self.ended.set)


class Server:
    """Serves an ASGI application on an ephemeral loopback port, in a thread."""

    def __init__(self, app: App, port: int = 0) -> None:
        # With a named protocol asyncio switches off Nagle's algorithm, which costs 40 ms a request.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self._socket.listen(512)
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            app,
            http=_Protocol,
            lifespan="off",
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            ws="none",
            timeout_keep_alive=75,
        )
        self._server = _Uvicorn(config)
        self._thread = threading.Thread(target=self._run, name=f"sandbox-{self.port}", daemon=True)

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))

    def start(self) -> None:
        """Start, and return when requests are accepted."""
        self._thread.start()
        while not hasattr(self._server, "ended"):
            if not self._thread.is_alive():
                raise RuntimeError("The sandbox's server did not start.")
            time.sleep(0.002)

    def end(self) -> None:
        """Begin to stop; `stop` waits for the end."""
        if self._thread.is_alive():
            self._server.end()

    def stop(self) -> None:
        """Stop at once, with requests in progress."""
        self.end()
        if self._thread.is_alive():
            self._thread.join(timeout=10)
        self._socket.close()
