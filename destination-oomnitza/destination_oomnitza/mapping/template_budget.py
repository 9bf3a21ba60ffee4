"""What a template may use up on one record: characters, steps of work and time.

- A value weighs about as many characters as it takes when written out, and no value may weigh more than MAX_CHARACTERS.
- All that is weighed while one record is mapped comes out of one budget, which bounds the memory that is kept and ends endless work.
- The time that the thread works is looked at as the budget shrinks. It is not the time that passes: a busy machine rejects no record.
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
"""The longest text that a template may build. The longest Oomnitza field is far shorter."""

_MAX_WORK = 1_000_000
_MAX_SECONDS = 0.5
_MAX_DEPTH = 50
# Work after which the time is looked at.
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
    """Give the work within it one record's budget. Within another budget it is that one which is used up."""
    if _WORK.shared:
        yield
        return
    _WORK.left, _WORK.look = _MAX_WORK, _MAX_WORK - _CLOCK_EVERY
    _WORK.until = thread_time() + _MAX_SECONDS
    _WORK.shared = True
    try:
        yield
    finally:
        _WORK.shared = False


def seconds_left() -> float:
    """Return how long the record's templates may go on. Raises SecurityError if that is no time at all."""
    left = _WORK.until - thread_time()
    if left <= 0:
        raise SecurityError("it works longer on one record than is allowed")
    return left


def charge(work: int) -> None:
    """Take work off the budget. Raises SecurityError if it or the time is used up."""
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
    """What a filter brings one by one (`map`, `select`, ...): weighed as it is taken."""

    def __init__(self, values: Iterator[Any]) -> None:
        self._values = values

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Any:
        value = next(self._values)
        weigh(value)
        return value


def whole(value: Any) -> Any:
    """Return a value, what comes one by one as a list."""
    return list(value) if isinstance(value, Stream) else value


def weigh(value: Any) -> int:
    """Return about how many characters a value takes when written out, and take that off the budget.

    Raises SecurityError for a value beyond MAX_CHARACTERS, one that is nested too deeply, and for what is no value (a method, a loop).
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
            raise SecurityError(f"it builds something nested more than {_MAX_DEPTH} deep")
        pending.extend((one, depth + 1) for one in inner)
    return weight
