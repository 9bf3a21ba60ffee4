"""Budget of a record's templates: characters, work and time.

- The weight of a value is about its length when written out, at most MAX_CHARACTERS.
- All weights of one record come out of one budget, which bounds the memory and ends endless work.
- The thread's CPU time is checked as the budget shrinks. Elapsed time does not count, so a busy machine rejects no record.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Generator, ItemsView, Iterator, KeysView, ValuesView
from contextlib import contextmanager
from datetime import date, time, timedelta, tzinfo
from time import thread_time
from typing import Any

from airbyte_cdk.sources.declarative.interpolation.macros import duration
from jinja2 import Undefined
from jinja2.sandbox import SecurityError

Function = Callable[..., Any]

MAX_CHARACTERS = 100_000
"""Longest text that a template may build; Oomnitza's longest field is far shorter."""

_MAX_WORK = 1_000_000
MAX_SECONDS = 0.5
_MAX_DEPTH = 50
# Work between two checks of the time.
_CLOCK_EVERY = 2_000
DURATION = type(duration("P1Y"))
_PLAIN = (type(None), float, date, time, timedelta, tzinfo, DURATION, Undefined)
_SEVERAL = (list, tuple, set, frozenset, KeysView, ValuesView, ItemsView)


class _Work(threading.local):
    left = 0
    look = 0
    until = 0.0
    shared = False


_WORK = _Work()


@contextmanager
def budget() -> Generator[None]:
    """Open the budget of one record; a nested call shares the outer budget."""
    if _WORK.shared:
        yield
        return
    _WORK.left, _WORK.look = _MAX_WORK, _MAX_WORK - _CLOCK_EVERY
    _WORK.until = thread_time() + MAX_SECONDS
    _WORK.shared = True
    try:
        yield
    finally:
        _WORK.shared = False


def seconds_left() -> float:
    """Return the CPU seconds that are left. Raises SecurityError if there are none."""
    left = _WORK.until - thread_time()
    if left <= 0:
        raise SecurityError("it works longer on one record than is allowed")
    return left


def charge(work: int) -> None:
    """Charge work to the budget. Raises SecurityError if it or the time is used up."""
    _WORK.left -= work
    if _WORK.left < 0:
        raise SecurityError("it does more work on one record than is allowed")
    if _WORK.left < _WORK.look:
        _WORK.look = _WORK.left - _CLOCK_EVERY
        seconds_left()


def allow(size: int, limit: int = MAX_CHARACTERS) -> None:
    """Raise SecurityError if a size is beyond a limit."""
    if size > limit:
        raise SecurityError(f"it would build more than the {MAX_CHARACTERS} characters that are allowed")


class Stream:
    """Results of a lazy filter (`map`, `select`, ...), weighed one by one."""

    def __init__(self, values: Iterator[Any]) -> None:
        self._values = values

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Any:
        value = next(self._values)
        weigh(value)
        return value


def whole(value: Any) -> Any:
    """Return a value; a lazy result becomes a list."""
    return list(value) if isinstance(value, Stream) else value


def weigh(value: Any) -> int:
    """Charge a value's weight to the budget, and return it.

    Raises SecurityError for a value beyond MAX_CHARACTERS, one that is nested too deeply, and one that is no data (a method, a
    loop).
    """
    if value.__class__ is str:  # the usual case
        weight = len(value) or 1
        allow(weight)
    else:
        weight = _weight(value)
    charge(weight)
    return weight


def _weight(value: Any) -> int:
    weight = 0
    pending: list[tuple[Any, int]] = [(value, 0)]
    while pending:
        each, depth = pending.pop()
        inner: Collection[Any] = ()
        if isinstance(each, (str, bytes)):
            weight += len(each) or 1
        elif isinstance(each, int):
            weight += each.bit_length() // 3 + 1
        elif isinstance(each, dict):
            weight += len(each) + 1
            inner = (*each.keys(), *each.values()) if weight <= MAX_CHARACTERS else ()
        elif isinstance(each, _SEVERAL):
            weight += len(each) + 1
            inner = each
        elif isinstance(each, (*_PLAIN, Stream)):
            weight += 1
        else:
            raise SecurityError(
                f"it uses a {type(each).__name__} as a value; a method is called with (), a field is record['name']"
            )
        allow(weight)
        if inner and depth >= _MAX_DEPTH:
            raise SecurityError(f"it builds a value nested more than {_MAX_DEPTH} levels deep")
        pending.extend((one, depth + 1) for one in inner)
    return weight
