"""Templates: the CDK's sandboxed Jinja, where text stays text and what a template may build is bounded.

The language (filters, macros, sandbox) is the CDK's. Its `JinjaInterpolation` is not used: it turns "+15551234567" into a
number and "None" into nothing, and swallows errors.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

from airbyte_cdk.sources.declarative.interpolation.filters import filters as cdk_filters
from airbyte_cdk.sources.declarative.interpolation.macros import macros as cdk_macros
from jinja2 import TemplateError, TemplateSyntaxError, meta, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError

MAX_CHARACTERS = 100_000
"""The longest text that a template may build. The longest Oomnitza field is far shorter."""

_MAX_BITS = 4096
_MAX_WORK = 20_000_000
# With these, a text could double with every line of a template, unseen by the operators' bounds.
_REFUSED_TAGS: tuple[type[nodes.Node], ...] = (
    nodes.Macro,
    nodes.CallBlock,
    nodes.AssignBlock,
    nodes.FilterBlock,
    nodes.Block,
)
_REFUSED_TAGS += (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
_GROWING_FILTERS = (
    "batch",
    "center",
    "format",
    "indent",
    "join",
    "regex_replace",
    "replace",
    "slice",
    "tojson",
    "wordwrap",
)
_WIDE_FORMAT = re.compile(r"\d{5,}|\{[^{}]*\{|%[-+ #0]*\*")


class TemplateFailure(ValueError):
    """A template does not compile, or failed on a record; the message says why."""


def _size(value: Any) -> int:
    if isinstance(value, Mapping):
        return max((_size(each) for each in value.values()), default=0) + len(value)
    if isinstance(value, (str, bytes, list, tuple)):
        longest = (
            max((len(each) for each in value if isinstance(each, str)), default=0)
            if not isinstance(value, bytes)
            else 0
        )
        return len(value) * max(1, longest)
    return abs(value) if isinstance(value, int) else 0


def _allow(count: int, limit: int = MAX_CHARACTERS) -> None:
    if count > limit:
        raise SecurityError(f"it would build more than the {MAX_CHARACTERS} characters that are allowed")


def _allow_growth(subject: Any, arguments: list[Any]) -> None:
    """Refuse a call whose result could be the subject's size times an argument's."""
    _allow(max(1, _size(subject)) * max([1, *map(_size, arguments)]), _MAX_WORK)


def _allow_format(text: Any) -> None:
    if isinstance(text, str) and _WIDE_FORMAT.search(text):
        raise SecurityError("its format has a width that is not allowed")


def _bounded_filter(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)  # keeps Jinja's marks, such as "pass the environment first"
    def bounded(*args: Any, **kwargs: Any) -> Any:
        values = list(args[1:] if hasattr(function, "jinja_pass_arg") else args)
        if name == "format":
            _allow_format(str(values[0]))
        else:
            _allow_growth(values[0], [*values[1:], *kwargs.values()])
        return function(*args, **kwargs)

    return bounded


class _Generator(CodeGenerator):
    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        """Let `~` go through the environment, which bounds it like the other operators."""
        self.write("environment.concatenate((")
        for each in node.nodes:
            self.visit(each, frame)
            self.write(", ")
        self.write("))")


class _Environment(ImmutableSandboxedEnvironment):
    code_generator_class = _Generator
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if isinstance(left, int) and isinstance(right, int):
            if operator == "*":
                _allow(left.bit_length() + right.bit_length(), _MAX_BITS)
            elif operator == "**":
                _allow(left.bit_length() * abs(right), _MAX_BITS)
        elif operator == "*" and not isinstance(left, float) and not isinstance(right, float):
            _allow(_size(left) * _size(right))
        elif operator == "+" and isinstance(left, (str, list, tuple)):
            _allow(_size(left) + _size(right))
        elif operator == "%":
            _allow_format(left)
        return super().call_binop(context, operator, left, right)

    def call(self, context: Context, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        subject = getattr(function, "__self__", None)
        if isinstance(subject, (str, bytes, list, tuple, int)):
            if getattr(function, "__name__", "") in ("format", "format_map"):
                _allow_format(subject)
            else:
                _allow_growth(subject if not isinstance(subject, int) else "", [*args, *kwargs.values()])
        return super().call(context, function, *args, **kwargs)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        wrapped = super().wrap_str_format(value)
        if wrapped is not None:
            _allow_format(value.__self__)
        return wrapped

    def concatenate(self, parts: tuple[Any, ...]) -> str:
        texts = ["" if part is None else str(part) for part in parts]
        _allow(sum(map(len, texts)))
        return "".join(texts)


def _environment() -> _Environment:
    # `optimized` would run constant filters while compiling; `finalize` keeps a null from becoming the text "None".
    environment = _Environment(optimized=False, finalize=lambda value: "" if value is None else value)
    environment.filters.update(cdk_filters)
    for name in _GROWING_FILTERS:
        environment.filters[name] = _bounded_filter(name, environment.filters[name])
    harmless = {name: environment.globals[name] for name in ("dict", "namespace")}
    environment.globals.clear()
    environment.globals.update(harmless, **cdk_macros)
    return environment


_ENVIRONMENT = _environment()


def is_template(text: str) -> bool:
    """Say whether a value is a template rather than a path."""
    return "{{" in text or "{%" in text


def compile_template(text: str) -> Callable[[Mapping[str, Any]], str]:
    """Return a function that renders `text` over a record.

    The record is the variable `record`. The function returns text, exactly as the template built it, and raises
    TemplateFailure with the reason where the template fails on a record. Raises TemplateFailure for a template that does not compile.
    """
    try:
        tree = _ENVIRONMENT.parse(text)
        refused = next(tree.find_all(_REFUSED_TAGS), None)
        if refused is not None or any(loop.recursive for loop in tree.find_all(nodes.For)):
            raise TemplateFailure("it uses a tag that is not available here; there are if, for and set")
        strangers = sorted(meta.find_undeclared_variables(tree) - {"record", *_ENVIRONMENT.globals})
        if strangers:
            raise TemplateFailure(
                f"it speaks of {strangers[0]}, which does not exist; a field of the record is record['{strangers[0]}']"
            )
        template = _ENVIRONMENT.from_string(tree)
    except TemplateSyntaxError as error:
        raise TemplateFailure(f"{error.message} (line {error.lineno})") from None
    except TemplateError as error:
        raise TemplateFailure(str(error.message)) from None

    def render(record: Mapping[str, Any]) -> str:
        parts: list[str] = []
        length = 0
        try:
            for part in template.generate(record=record):
                length += len(part)
                _allow(length)
                parts.append(part)
        except Exception as error:  # a template may raise whatever its filters raise
            raise TemplateFailure(f"{type(error).__name__}: {error}") from None
        return "".join(parts)

    return render
