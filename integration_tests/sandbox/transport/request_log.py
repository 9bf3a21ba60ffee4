"""Logs requests to the sandbox and their responses, in the order of arrival."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any
from urllib.parse import parse_qsl

import orjson


@dataclass(slots=True)
class Exchange:
    """Holds one request and its response.

    `body` and `answer` are bytes, cut at the log's limit (`truncated` is set); `query` holds the last value of each
    parameter. `status` is None if no response was sent (reset, time-out). `processed`: whether the service processed
    the request, even if the client received no response. `fault` is the kind of its fault, or None. `started` is
    `time.monotonic()` at the arrival, `seconds` the time until the response.
    """

    number: int
    service: str
    method: str
    path: str
    raw_query: str
    headers: dict[str, str]
    body: bytes
    started: float
    status: int | None = None
    answer: bytes = b""
    answer_headers: dict[str, str] = field(default_factory=dict)
    processed: bool = False
    fault: str | None = None
    truncated: bool = False
    seconds: float = 0.0

    @property
    def query(self) -> dict[str, str]:
        """Parameters of the query, decoded."""
        return dict(parse_qsl(self.raw_query, keep_blank_values=True))

    @property
    def json(self) -> Any:
        """Return the request's body, parsed; None if there was none."""
        return orjson.loads(self.body) if self.body else None

    @property
    def form(self) -> dict[str, str]:
        """Return the request's body as a form."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def answer_json(self) -> Any:
        """JSON of the response's body; None if there was none."""
        return orjson.loads(self.answer) if self.answer else None


class RequestLog:
    """Holds the exchanges of both services.

    It is iterable, has a length, and can be read while requests arrive.
    """

    def __init__(self, body_limit: int) -> None:
        self.body_limit = body_limit
        self._exchanges: list[Exchange] = []
        self._numbers = 0
        self._lock = threading.Lock()

    def open(self, **what: Any) -> Exchange:
        """Log the arrival of a request."""
        with self._lock:
            self._numbers += 1
            exchange = Exchange(number=self._numbers, started=what.pop("started"), **what)
            exchange.truncated = len(exchange.body) > self.body_limit
            exchange.body = exchange.body[: self.body_limit]
            self._exchanges.append(exchange)
        return exchange

    def close(self, exchange: Exchange, status: int | None, headers: dict[str, str], answer: bytes, now: float) -> None:
        """Log the response."""
        exchange.truncated = exchange.truncated or len(answer) > self.body_limit
        exchange.answer_headers = headers
        exchange.answer = answer[: self.body_limit]
        exchange.seconds = now - exchange.started
        exchange.status = status

    def matching(
        self, service: str | None = None, method: str | None = None, path: str | None = None, **having: Any
    ) -> list[Exchange]:
        """Return the exchanges of a service, a method, and paths that match a pattern.

        Further names are compared with attributes of the exchange: `status=200`, `fault=None`, `processed=True`.
        """
        pattern = re.compile(path) if path else None
        with self._lock:
            exchanges = list(self._exchanges)
        return [
            exchange
            for exchange in exchanges
            if service in (None, exchange.service)
            and method in (None, exchange.method)
            and (pattern is None or pattern.search(exchange.path))
            and all(getattr(exchange, name) == value for name, value in having.items())
        ]

    def count(
        self, service: str | None = None, method: str | None = None, path: str | None = None, **having: Any
    ) -> int:
        """Return the number of exchanges that match (see `matching`)."""
        return len(self.matching(service, method, path, **having))

    def most_at_once(self, service: str | None = None, method: str | None = None, path: str | None = None) -> int:
        """Return the largest number of matching exchanges at the same time."""
        steps = []
        for exchange in self.matching(service, method, path):
            steps += [(exchange.started, 1), (exchange.started + exchange.seconds, -1)]
        return max(accumulate(step for _, step in sorted(steps)), default=0)

    def clear(self) -> None:
        """Remove all exchanges."""
        with self._lock:
            self._exchanges.clear()

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self.matching())

    def __len__(self) -> int:
        return len(self._exchanges)

    def __getitem__(self, index: int) -> Exchange:
        return self._exchanges[index]
