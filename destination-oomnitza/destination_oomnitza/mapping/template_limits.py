"""Jinja environment that bounds the output and the work of a template.

Jinja's sandbox keeps a template away from Python, but not from building `'a' * 200000000`, doubling a list in every line, or
nesting loops. Here every operator, comparison, filter, test, call and literal weighs its input and output
(`template_budget.py`). If the result or the time can be the product of the inputs, the product is checked first. What cannot
be bounded is missing: only methods listed here can be called.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, time, timedelta, tzinfo
from typing import Any, cast

import regex
from jinja2 import ChainableUndefined, pass_context
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError
from jinja2.utils import Namespace

from destination_oomnitza.mapping.template_budget import (
    DURATION,
    Function,
    Stream,
    allow,
    charge,
    seconds_left,
    weigh,
    whole,
)

_MAX_PRODUCT = 1_000_000
_MAX_BITS = 4096
_MAX_PATTERN = 1_000
"""Longest regular expression, and longest format of text or dates."""
_MAX_SQUARE = 10_000
"""Longest text for filters whose time can grow with the square of its length."""

# Their result or time can grow with the product of their inputs.
_PRODUCT_FILTERS = frozenset(["batch", "center", "indent", "join", "replace", "slice", "tojson", "trim"])
_SQUARE_FILTERS = frozenset(["striptags", "wordwrap"])
_REJECTED_FILTERS = frozenset(["pprint", "urlize"])
# Tests that read their values; the others check the type only.
_WEIGHED_TESTS = frozenset(
    ["in", "eq", "equalto", "==", "ne", "!=", "lt", "lessthan", "<", "le", "<=", "gt", "greaterthan", ">", "ge", ">=",
     "divisibleby", "lower", "upper"]
)  # fmt: skip
_TEXT_METHODS = frozenset(
    ["capitalize", "casefold", "center", "count", "endswith", "expandtabs", "find", "index", "isalnum", "isalpha", "isascii", "isdecimal",
     "isdigit", "islower", "isnumeric", "isspace", "istitle", "isupper", "join", "ljust", "lower", "lstrip", "partition", "removeprefix",
     "removesuffix", "replace", "rfind", "rindex", "rjust", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip",
     "swapcase", "title", "upper", "zfill"]
)  # fmt: skip
_METHODS: tuple[tuple[type | tuple[type, ...], frozenset[str]], ...] = (
    (dict, frozenset(["copy", "get", "items", "keys", "values"])),
    ((list, tuple), frozenset(["copy", "count", "index"])),
    ((int, float), frozenset(["bit_length", "is_integer"])),
    (LoopContext, frozenset(["changed", "cycle"])),
)
_DATES = (date, time, timedelta, tzinfo, DURATION)
_CODECS = frozenset(["ascii", "latin-1", "latin1", "utf-8", "utf8"])
_DIGITS = re.compile(r"\d+")
# A width that comes from a value: `%*d`, `%.*f`, `{:{}}`.
_OUTER_WIDTH = re.compile(r"%(\(.*\))?[-+ #0-9.]*\*|\{[^{}]*\{", re.DOTALL)


def _width(value: Any) -> int:
    """Return the factor by which a value can multiply a result.

    A number counts as a width, any other value by its weight.
    """
    return abs(value) if isinstance(value, int) else weigh(value)


def _allow_product(subject: Any, arguments: Iterable[Any]) -> None:
    allow(weigh(subject) * max((_width(each) for each in arguments), default=1), _MAX_PRODUCT)


def _allow_format(text: Any, arguments: Iterable[Any]) -> None:
    if isinstance(text, str):
        _allow_pattern(text)
        if _OUTER_WIDTH.search(text):
            raise SecurityError("its format takes a width from a value, which is not allowed")
        allow(sum(int(number[:10]) for number in _DIGITS.findall(text)))
    allow(weigh(text) * (1 + sum(weigh(each) for each in arguments)), _MAX_PRODUCT)


def _allow_pattern(text: Any) -> None:
    if isinstance(text, (str, bytes)) and len(text) > _MAX_PATTERN:
        raise SecurityError(
            f"it uses a format or a pattern of more than {_MAX_PATTERN} characters, which is not allowed"
        )


def _bounded_result(result: Any) -> Any:
    if isinstance(result, Iterator) and not isinstance(result, Stream):
        return Stream(result)
    if not isinstance(result, Namespace):
        weigh(result)
    return result


class FilterFailed(ValueError):
    """A filter or test raised `error` for its arguments."""

    def __init__(self, name: str, error: Exception) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.name = name


def _bounded(name: str, function: Function) -> Function:
    """Return a filter or test that checks its arguments and weighs its result."""
    check = _check(name)
    passed = 1 if hasattr(function, "jinja_pass_arg") else 0

    @functools.wraps(function)  # keeps Jinja's marks, such as "pass the environment first"
    def bounded(*args: Any, **kwargs: Any) -> Any:
        given, named = check(args[passed:], kwargs)
        try:
            result = function(*args[:passed], *given, **named)
        except SecurityError:
            raise
        except Exception as error:  # filters may raise any exception
            raise FilterFailed(name, error) from None
        return _bounded_result(result)

    return bounded


def _check(name: str) -> Function:
    """Return the function that checks, and returns, the arguments of a filter or test."""

    def check(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        # A lazy result can be read only once.
        gathers = name in _PRODUCT_FILTERS or name == "format"
        given = [whole(each) for each in args] if gathers else list(args)
        named = {key: whole(each) for key, each in kwargs.items()} if gathers else kwargs
        everything = (*given, *named.values())
        if name == "format":
            _allow_format(given[0], everything[1:])
        elif name in _PRODUCT_FILTERS:
            # JSON is indented, so each line can be as wide as the value is deep.
            _allow_product(given[0], [*everything[1:], 50 if name == "tojson" else 1])
        elif name in _SQUARE_FILTERS:
            allow(weigh(given[0]), _MAX_SQUARE)
            _allow_product(given[0], everything[1:])
        else:
            for value in everything:
                weigh(value)
        if name == "indent":
            _text(given[0])  # Jinja would add line breaks to a list of the record itself
        if name == "sum" and any(isinstance(start, (list, tuple)) for start in everything[1:]):
            raise SecurityError("sum is for numbers here")
        if name == "round" and any(isinstance(each, int) and abs(each) > 100 for each in everything[1:]):
            raise SecurityError("it rounds to more than 100 digits, which is not allowed")
        return given, named

    return check


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"it needs text, not {type(value).__name__}")
    return value


def _regex(call: Function) -> Any:
    """Call a method of `regex` within the time that is left.

    A pattern of an administrator may backtrack almost endlessly.
    """
    try:
        return call(timeout=seconds_left())
    except TimeoutError:
        raise SecurityError("its regular expression works longer on one record than is allowed") from None


def _compiled(pattern: str) -> regex.Pattern[str]:
    _allow_pattern(pattern)
    charge(100 * len(pattern))
    return regex.compile(pattern)


def _regex_search(value: Any, pattern: str) -> Any:
    """Return the first group of a match, or "", as the CDK's filter does."""
    match = _regex(functools.partial(_compiled(pattern).search, _text(value)))
    return match.group(1) if match and match.groups() else ""


def _regex_replace(value: Any, pattern: str, replacement: str) -> Any:
    """Replace as the CDK's filter does, and bound the total length of the groups."""
    length = 0

    def expand(match: regex.Match[str]) -> str:
        nonlocal length
        text = str(match.expand(replacement))
        length += len(text)
        allow(length)
        return text

    return _regex(functools.partial(_compiled(pattern).sub, expand, _text(value)))


def _counted(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        charge(1)
        yield value


def _container(values: Any) -> Any:
    # Looking up a key takes the same time in an object of any size.
    return values if isinstance(values, dict) else _bounded_result(values)


def _joined(parts: list[Any]) -> str:
    return "".join("" if part is None else str(part) for part in parts)


def _dict(**values: Any) -> dict[str, Any]:
    """Replace the type `dict`, whose methods could change a record.

    Without it, a template could call `dict.update(record, ...)`.
    """
    return values


@pass_context
def _finalize(_: Context, value: Any) -> Any:
    if isinstance(value, Stream):
        raise SecurityError("it would write out a list that is not there yet; add | list or | join(', ')")
    weigh(value)
    return "" if value is None else value


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, in which values cannot change and are bounded.

    A missing value is null, and so is each part of it.
    """

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "**", "%"})

    def __init__(self, filters: Mapping[str, Any], functions: Mapping[str, Any]) -> None:
        # `optimized` would run constant filters during compilation, outside any budget.
        super().__init__(optimized=False, finalize=_finalize, undefined=ChainableUndefined)
        patterns = {"regex_search": _regex_search, "regex_replace": _regex_replace}
        known = {
            name: each
            for name, each in {**self.filters, **filters, **patterns}.items()
            if name not in _REJECTED_FILTERS
        }
        self.filters = {name: _bounded(name, cast(Function, function)) for name, function in known.items()}
        self.filters |= {
            " weighed": _bounded_result,
            " joined": _joined,
            " counted": _counted,
            " container": _container,
        }
        self.tests |= {name: _bounded(name, cast(Function, self.tests[name])) for name in _WEIGHED_TESTS}
        self.globals = {"namespace": Namespace, "dict": _dict, **functions}
        self._functions = frozenset(functions) - {"max", "min"}

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Apply an operator within the bounds."""
        if isinstance(left, (int, float)) and isinstance(right, (int, float)):
            _allow_number(operator, left, right)
        elif operator == "%" and isinstance(left, str):
            _allow_format(left, [right])
        elif operator == "*":
            allow(_width(left) * _width(right))
        else:
            allow(weigh(left) + weigh(right))
        return super().call_binop(context, operator, left, right)

    def call(self, context: Context, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call a function or a method within the bounds."""
        given = [whole(each) for each in args]
        method = getattr(function, "__wrapped__", function)  # the sandbox wraps str.format
        name = str(getattr(method, "__name__", ""))
        _allow_call(getattr(method, "__self__", None), name, [*given, *kwargs.values()])
        if name in self._functions and self.globals[name] is function:
            for value in (*given, *kwargs.values()):
                _allow_pattern(value)
        return _bounded_result(super().call(context, function, *given, **kwargs))


def _allow_call(subject: Any, name: str, arguments: list[Any]) -> None:
    if isinstance(subject, str) and name == "format":
        _allow_format(subject, arguments)
    elif isinstance(subject, str) and name in _TEXT_METHODS:
        _allow_product(subject, arguments)
    elif isinstance(subject, (str, bytes)) and name in ("encode", "decode"):
        weigh(subject)
        if not all(str(each).lower() in _CODECS for each in arguments[:1]):
            raise SecurityError("it uses an encoding that is not allowed; there are utf-8, latin-1 and ascii")
    elif subject is None or isinstance(subject, _DATES):
        for value in arguments:
            weigh(value)
            if subject is not None:
                _allow_pattern(value)
    else:
        known = next((names for types, names in _METHODS if isinstance(subject, types)), frozenset())
        if name not in known:
            raise SecurityError(f"it calls {name}() of a {type(subject).__name__}, which is not allowed")
        for value in (subject, *arguments) if isinstance(subject, (list, tuple)) else arguments:
            weigh(value)


def _allow_number(operator: str, left: float, right: float) -> None:
    charge(1)
    if isinstance(left, int) and isinstance(right, int):
        if operator == "*":
            allow(left.bit_length() + right.bit_length(), _MAX_BITS)
        elif operator == "**":
            allow(left.bit_length() * abs(right), _MAX_BITS)
