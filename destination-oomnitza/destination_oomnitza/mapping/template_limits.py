"""What a template may build: a Jinja environment in which every value has a size, and every record a budget of work.

Jinja's sandbox keeps a template from reaching Python; it does not keep it from building `'a' * 200000000`, from doubling a list in
every line, or from loops within loops. Here every operator, filter, call and literal weighs what goes in and what comes out:

- a value weighs about as many characters as it takes when written out, and no value may weigh more than MAX_CHARACTERS;
- where a result can be the product of what goes in (`replace`, `join`, `center`, formats), the product is looked at before;
- all that is weighed while one record is rendered comes out of one budget, which ends endless work.

How long one regular expression takes is not bounded: it is the administrator's own.
"""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Callable, Collection, ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from contextlib import contextmanager
from datetime import date, time, timedelta, tzinfo
from typing import Any, cast

from airbyte_cdk.sources.declarative.interpolation.macros import duration
from jinja2 import Undefined, nodes, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

MAX_CHARACTERS = 100_000
"""The longest text that a template may build. The longest Oomnitza field is far shorter."""

_MAX_PRODUCT = 2_000_000
_MAX_WORK = 2_000_000
_MAX_DEPTH = 50
_MAX_BITS = 4096
_PLAIN = (type(None), float, date, time, timedelta, tzinfo, type(duration("P1Y")), Undefined)
_SEVERAL = (list, tuple, set, frozenset, KeysView, ValuesView, ItemsView)
# Results that can be as large as the product of what goes in.
_GROWING_FILTERS = frozenset(
    ["batch", "center", "format", "indent", "join", "replace", "regex_replace", "round", "slice", "tojson", "wordwrap"]
)
_GROWING_METHODS = frozenset(
    ["center", "ljust", "rjust", "zfill", "expandtabs", "replace", "join", "format", "format_map", "translate"]
)
_NUMBER = re.compile(r"\d+")
# A width that comes from a value: `%*d`, `{:{}}`.
_OUTER_WIDTH = re.compile(r"%[-+ #0]*\*|\{[^{}]*\{")


class _Work(threading.local):
    left = 0


_WORK = _Work()


@contextmanager
def budget() -> Iterator[None]:
    """Give the work within it one record's budget."""
    _WORK.left = _MAX_WORK
    yield


def allow(size: int, limit: int) -> None:
    """Raise SecurityError where a size is beyond a limit."""
    if size > limit:
        raise SecurityError(f"it would build more than the {MAX_CHARACTERS} characters that are allowed")


def _charge(work: int) -> None:
    _WORK.left -= work
    if _WORK.left < 0:
        raise SecurityError("it does more work on one record than is allowed")


class _Stream:
    """What a filter brings one by one (`map`, `select`, ...): weighed as it is taken."""

    def __init__(self, values: Iterator[Any]) -> None:
        self._values = values

    def __iter__(self) -> _Stream:
        return self

    def __next__(self) -> Any:
        value = next(self._values)
        weigh(value)
        return value


def weigh(value: Any) -> int:
    """Return about how many characters a value takes when written out, and take that off the budget.

    Raises SecurityError for a value beyond MAX_CHARACTERS, one that is nested too deeply, and for what is no value (a method, a loop).
    """
    weight = len(value) or 1 if value.__class__ is str else 0
    allow(weight, MAX_CHARACTERS)
    pending: list[tuple[Any, int]] = [] if weight else [(value, 0)]  # text is the usual case
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
        elif isinstance(each, (*_PLAIN, _Stream)):
            weight += 1
        else:
            raise SecurityError(
                f"it uses a {type(each).__name__} as a value; a method is called with (), a field is record['name']"
            )
        allow(weight, MAX_CHARACTERS)
        if inner and depth >= _MAX_DEPTH:
            raise SecurityError(f"it builds something nested more than {_MAX_DEPTH} deep")
        pending.extend((one, depth + 1) for one in inner)
    _charge(weight)
    return weight


def _width(value: Any) -> int:
    """Return how much a value can multiply a result: a number as a width, all else by its weight."""
    return abs(value) if isinstance(value, int) else weigh(value)


def _allow_product(subject: Any, arguments: Iterable[Any]) -> None:
    allow(weigh(subject) * max((_width(each) for each in arguments), default=1), _MAX_PRODUCT)


def _allow_format(text: Any, arguments: Iterable[Any]) -> None:
    if isinstance(text, str):
        if _OUTER_WIDTH.search(text):
            raise SecurityError("its format takes a width from a value, which is not allowed")
        allow(sum(int(number[:10]) for number in _NUMBER.findall(text)), MAX_CHARACTERS)
    allow(weigh(text) * (1 + sum(weigh(each) for each in arguments)), _MAX_PRODUCT)


def _whole(values: Iterable[Any]) -> list[Any]:
    return [list(value) if isinstance(value, _Stream) else value for value in values]


def _bounded_result(result: Any) -> Any:
    if isinstance(result, Iterator) and not isinstance(result, _Stream):
        return _Stream(result)
    if not isinstance(result, Namespace):
        weigh(result)
    return result


def _bounded_filter(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    passed = 1 if hasattr(function, "jinja_pass_arg") else 0

    @functools.wraps(function)  # keeps Jinja's marks, such as "pass the environment first"
    def bounded(*args: Any, **kwargs: Any) -> Any:
        given = list(args[passed:])
        if name in _GROWING_FILTERS:
            given, kwargs = _whole(given), dict(zip(kwargs, _whole(kwargs.values()), strict=True))
            if name == "format":
                _allow_format(given[0], [*given[1:], *kwargs.values()])
            else:
                # Indented JSON is as wide as it is deep.
                _allow_product(given[0], [*given[1:], *kwargs.values(), _MAX_DEPTH if name == "tojson" else 1])
        else:
            for value in (*given, *kwargs.values()):
                weigh(value)
        if name == "sum" and any(isinstance(start, (list, tuple)) for start in (*given[1:], *kwargs.values())):
            raise SecurityError("sum is for numbers here")
        return _bounded_result(function(*args[:passed], *given, **kwargs))

    return bounded


def _regex_replace(value: str, regex: str, replacement: str) -> str:
    """Replace as the CDK's filter does, with an eye on what the groups add up to."""
    length = 0

    def expand(match: re.Match[str]) -> str:
        nonlocal length
        text = match.expand(replacement)
        length += len(text)
        allow(length, MAX_CHARACTERS)
        return text

    return re.sub(regex, expand, value)


def _counted(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        _charge(1)
        yield value


def _joined(parts: list[Any]) -> str:
    return "".join("" if part is None else str(part) for part in parts)


def _dict(**values: Any) -> dict[str, Any]:
    """Stand in for the type `dict`, whose methods would change a record: `dict.update(record, ...)`."""
    return values


@pass_context
def _finalize(_: Context, value: Any) -> Any:
    if isinstance(value, _Stream):
        raise SecurityError("it would write out a list that is not there yet; add | list or | join(', ')")
    weigh(value)
    return "" if value is None else value


class _Weighing(NodeTransformer):
    """Lets literals, `~` and loops go through filters of ours, whose names no template can write."""

    def _weighed(self, node: nodes.Node, name: str = " weighed") -> nodes.Expr:
        return nodes.Filter(cast(nodes.Expr, node), name, [], [], None, None, lineno=node.lineno)

    def visit_List(self, node: nodes.List) -> nodes.Expr:  # noqa: N802 - Jinja's name
        self.generic_visit(node)
        return self._weighed(node)

    def visit_Dict(self, node: nodes.Dict) -> nodes.Expr:  # noqa: N802 - Jinja's name
        self.generic_visit(node)
        return self._weighed(node)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Expr:  # noqa: N802 - Jinja's name
        self.generic_visit(node)
        return self._weighed(node) if node.ctx == "load" else node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Expr:  # noqa: N802 - Jinja's name
        self.generic_visit(node)
        return self._weighed(self._weighed(nodes.List(node.nodes, lineno=node.lineno)), " joined")

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802 - Jinja's name
        self.generic_visit(node)
        node.iter = self._weighed(node.iter, " counted")
        return node


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, in which no value changes and none grows beyond its bounds."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, filters: Mapping[str, Any], functions: Mapping[str, Any]) -> None:
        # `optimized` would run constant filters while compiling, where there is no budget.
        super().__init__(optimized=False, finalize=_finalize)
        all_filters = {**self.filters, **filters, "regex_replace": _regex_replace}
        self.filters = {name: _bounded_filter(name, function) for name, function in all_filters.items()}
        self.filters |= {" weighed": _bounded_result, " joined": _joined, " counted": _counted}
        self.globals = {"namespace": Namespace, "dict": _dict, **functions}

    def bounded(self, tree: nodes.Template) -> nodes.Template:
        """Return a parsed template in which all that builds something is weighed."""
        _Weighing().visit(tree)
        return tree

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Apply an operator, within the bounds."""
        if isinstance(left, (int, float)) and isinstance(right, (int, float)):
            _allow_number(operator, left, right)
        elif operator == "%" and isinstance(left, str):
            _allow_format(left, [right])
        elif operator == "*":
            allow(_width(left) * _width(right), MAX_CHARACTERS)
        else:
            allow(weigh(left) + weigh(right), MAX_CHARACTERS)
        return super().call_binop(context, operator, left, right)

    def call(self, context: Context, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call a macro or a method, within the bounds."""
        method = getattr(function, "__wrapped__", function)  # what the sandbox puts in the place of str.format
        subject, name = getattr(method, "__self__", None), getattr(method, "__name__", "")
        given = _whole(args)
        everything = (*given, *kwargs.values())
        if isinstance(subject, (str, bytes)) and name in ("format", "format_map"):
            _allow_format(subject, everything)
        elif isinstance(subject, (str, bytes)) and name in _GROWING_METHODS:
            _allow_product(subject, everything)
        elif isinstance(subject, int):
            allow(max((_width(each) for each in everything), default=0), MAX_CHARACTERS)
        else:
            for value in everything:
                weigh(value)
        return _bounded_result(super().call(context, function, *given, **kwargs))


def _allow_number(operator: str, left: float, right: float) -> None:
    _charge(1)
    if isinstance(left, int) and isinstance(right, int):
        if operator == "*":
            allow(left.bit_length() + right.bit_length(), _MAX_BITS)
        elif operator == "**":
            allow(left.bit_length() * abs(right), _MAX_BITS)
