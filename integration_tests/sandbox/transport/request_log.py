"""Logs requests to the sandbox and their answers, in the order of arrival."""

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
    """One request and its answer.

    `body` and `answer` are bytes, cut at the log's limit (`truncated` is set); `query` holds the last value of each
    parameter. `status` is None if no answer was sent (reset, time-out). `processed`: whether the service acted
    on the request, whatever the client saw of it. `fault` is the kind of the fault that struck, or None. `started` is
    `time.monotonic()` at the arrival, `seconds` how long the answer took.
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
        """Return the query's parameters, decoded."""
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
        """Return the answer's body, parsed; None if there was none."""
        return orjson.loads(self.answer) if self.answer else None


class RequestLog:
    """The exchanges of both services; iterable, with a length, and safe to read while requests come in."""

    def __init__(self, body_limit: int) -> None:
        self.body_limit = body_limit
        self._exchanges: list[Exchange] = []
        self._numbers = 0
        self._lock = threading.Lock()

    def open(self, **what: Any) -> Exchange:
        """Note the arrival of a request."""
        with self._lock:
            self._numbers += 1
            exchange = Exchange(number=self._numbers, started=what.pop("started"), **what)
            exchange.truncated = len(exchange.body) > self.body_limit
            exchange.body = exchange.body[: self.body_limit]
            self._exchanges.append(exchange)
        return exchange

    def close(self, exchange: Exchange, status: int | None, headers: dict[str, str], answer: bytes, now: float) -> None:
        """Note what was answered."""
        exchange.truncated = exchange.truncated or len(answer) > self.body_limit
        exchange.answer_headers = headers
        exchange.answer = answer[: self.body_limit]
        exchange.seconds = now - exchange.started
        exchange.status = status

    def matching(
        self, service: str | None = None, method: str | None = None, path: str | None = None, **having: Any
    ) -> list[Exchange]:
        """Return the exchanges of a service and a method, whose path matches the regular expression `path`.

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
        """Return how many exchanges match (see `matching`)."""
        return len(self.matching(service, method, path, **having))

    def most_at_once(self, service: str | None = None, method: str | None = None, path: str | None = None) -> int:
        """Return how many of the matching exchanges were under way at the same time, at most."""
        steps = []
        for exchange in self.matching(service, method, path):
            steps += [(exchange.started, 1), (exchange.started + exchange.seconds, -1)]
        return max(accumulate(step for _, step in sorted(steps)), default=0)

    def clear(self) -> None:
        """Forget all exchanges."""
        with self._lock:
            self._exchanges.clear()

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self.matching())

    def __len__(self) -> int:
        return len(self._exchanges)

    def __getitem__(self, index: int) -> Exchange:
        return self._exchanges[index]
