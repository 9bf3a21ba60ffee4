"""Injects faults into requests.

A fault acts before the service receives the request, or after it has processed it: `AFTER` names the latter kinds.
"""

from __future__ import annotations

import random
import re
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

KINDS = frozenset(
    {
        "status",  # HTTP `status` with `headers` and `body`; `processed=True`: after the service has acted
        "html",  # a page of HTML with `status` (200 by default)
        "slack_error",  # HTTP 200 with {"ok": false, "error": code}
        "invalid_cursor",  # the same with that code
        "limit_required",  # the same with that code
        "reset_before",  # the connection is reset, the service never saw the request
        "reset_after",  # the connection is reset, the service has acted
        "truncated",  # the service has acted; fewer bytes than Content-Length arrive
        "timeout_before",  # nothing happens for `seconds`; then, if the client still waits, the request is processed
        "timeout_after",  # the service has acted; the answer comes after `seconds`
        "redirect",  # `status` (302 by default) to `location`
        "echo_token",  # `status` (400 by default) with the request's secrets in the error, plain, escaped, URL-encoded
    }
)
AFTER = frozenset({"reset_after", "truncated", "timeout_after"})
DEFAULT_STATUS = {"status": 500, "redirect": 302, "echo_token": 400}
HTML_PAGE = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"


@dataclass
class Fault:
    """Describes a fault of some matching requests.

    It affects the `nth` matching request (from 1) and the `times - 1` after it; `times=None`: all.

    `service` is "slack" or "oomnitza"; `path`, `query` and `request_body` are regular expressions searched for.
    `retry_after` becomes the header; `headers` and `body` are sent as given. `seen` and `fired` count.
    """

    kind: str
    service: str | None = None
    method: str | None = None
    path: str | None = None
    query: str | None = None
    request_body: str | None = None
    nth: int = 1
    times: int | None = 1
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | str | None = None
    retry_after: int | str | None = None
    processed: bool = False
    seconds: float = 30.0
    code: str = "internal_error"
    location: str = "http://127.0.0.1:9/elsewhere"
    seen: int = 0
    fired: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"No such fault: {self.kind!r}. There are {', '.join(sorted(KINDS))}.")
        if self.kind in ("invalid_cursor", "limit_required"):
            self.code = self.kind

    @property
    def after(self) -> bool:
        """Return whether the service still processes the request."""
        return self.processed or self.kind in AFTER

    def matches(self, service: str, method: str, path: str, query: str, body: bytes) -> bool:
        """Return whether the fault matches this request."""
        return (
            self.service in (None, service)
            and self.method in (None, method)
            and (self.path is None or re.search(self.path, path) is not None)
            and (self.query is None or re.search(self.query, query) is not None)
            and (self.request_body is None or re.search(self.request_body, body.decode("utf-8", "replace")) is not None)
        )

    def due(self) -> bool:
        """Count a matching request, and return whether the fault affects it."""
        self.seen += 1
        struck = self.seen >= self.nth and (self.times is None or self.seen < self.nth + self.times)
        self.fired += struck
        return struck


PASSING = (
    Fault("status", status=429, retry_after=0),
    Fault("status", status=503, retry_after=0),
    Fault("status", status=500),
    Fault("status", status=500, processed=True),
    Fault("html", status=502),
    Fault("html", status=504, processed=True),
    Fault("reset_before"),
    Fault("reset_after"),
    Fault("truncated"),
    Fault("html", service="slack"),
    Fault("slack_error", service="slack", code="internal_error"),
)
"""Transient faults by service, which the random mode draws from."""


@dataclass(frozen=True)
class _Random:
    seed: int
    rate: float
    service: str | None
    kinds: tuple[Fault, ...]


class Faults:
    """Holds the active faults.

    `history` lists those that occurred, as (service, method, path, kind).
    """

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._random: _Random | None = None
        self._occurrences: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.history: list[tuple[str, str, str, str]] = []

    def add(self, fault: Fault) -> Fault:
        """Add a fault, and return the same object, which counts its requests."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def random(self, seed: int, rate: float, service: str | None = None, kinds: Sequence[Fault] | None = None) -> None:
        """Inject transient faults (or `kinds`) into a share `rate` of all requests.

        They are drawn from the seed, the request and its repetitions, so the order of concurrent requests does not
        matter.
        """
        with self._lock:
            self._random = _Random(seed, rate, service, tuple(kinds or PASSING))
            self._occurrences.clear()

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()
            self._random = None
            self._occurrences.clear()
            self.history.clear()

    def strike(self, service: str, method: str, path: str, query: str, body: bytes) -> Fault | None:
        """Return the fault of this request, if any.

        Every matching fault counts the request; the first one that is due applies.
        """
        if not self._faults and self._random is None:
            return None
        with self._lock:
            due = [f for f in self._faults if f.matches(service, method, path, query, body) and f.due()]
            fault = due[0] if due else self._draw(service, method, path, query, body)
            if fault is not None:
                self.history.append((service, method, path, fault.kind))
        return fault

    def _draw(self, service: str, method: str, path: str, query: str, body: bytes) -> Fault | None:
        mode = self._random
        if mode is None or mode.service not in (None, service):
            return None
        request = f"{service} {method} {path}?{query} {body!r}"
        self._occurrences[request] += 1
        dice = random.Random(f"{mode.seed} {self._occurrences[request]} {request}")
        kinds = [kind for kind in mode.kinds if kind.service in (None, service)]
        return replace(dice.choice(kinds)) if kinds and dice.random() < mode.rate else None
