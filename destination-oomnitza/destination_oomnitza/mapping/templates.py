"""Templates: the CDK's sandboxed Jinja, bounded, and with text that stays text.

The language (filters, macros, sandbox) is the CDK's. Its `JinjaInterpolation` is not used, because it turns "+15551234567"
into a number and "None" into nothing, and hides errors. `template_limits.py` bounds the output and the work of a template.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from airbyte_cdk.sources.declarative.interpolation.filters import filters as cdk_filters
from airbyte_cdk.sources.declarative.interpolation.macros import macros as cdk_macros
from jinja2 import Template, TemplateError, TemplateSyntaxError, Undefined, nodes
from jinja2.sandbox import SecurityError

from destination_oomnitza.mapping import template_names as names
from destination_oomnitza.mapping.template_budget import allow, budget, whole
from destination_oomnitza.mapping.template_limits import BoundedEnvironment, FilterFailed
from destination_oomnitza.mapping.template_weighing import weighed

Render = Callable[[Mapping[str, Any]], Any]

_MAX_REASON = 300
_MAX_NAMES = 80
_MAX_TEMPLATE = 20_000
_RESULT = "result"
# Tags that load other code, or that build text outside the bounded operators.
_REJECTED_TAGS: tuple[type[nodes.Node], ...] = (
    nodes.Macro,
    nodes.CallBlock,
    nodes.AssignBlock,
    nodes.FilterBlock,
    nodes.Block,
    nodes.Include,
    nodes.Import,
    nodes.FromImport,
    nodes.Extends,
)


class TemplateFailed(ValueError):
    """The template does not compile, or failed on a record; the message is the reason."""


def _environment() -> BoundedEnvironment:
    # Keeps Jinja's own `string`: the CDK's writes Python literals, for its interpolation to read.
    return BoundedEnvironment({name: each for name, each in cdk_filters.items() if name != "string"}, cdk_macros)


_ENVIRONMENT = _environment()
# Without functions, so that it also finds fields named like one.
_NAMES = _environment()
_NAMES.globals = {}


def is_template(text: str) -> bool:
    """Return whether a value is a template rather than a path."""
    return "{{" in text or "{%" in text


def compile_template(text: str) -> Callable[[Mapping[str, Any]], str]:
    """Return a function that renders a template over a record.

    Variables are `record`, and each of its fields whose name is a plain word; the record is never changed. The function returns
    the text exactly as rendered, and raises TemplateFailed with the reason if the template fails on a record. Raises
    TemplateFailed if the template does not compile.
    """
    with _compiling():
        return _text_render(_parsed(text))


def _text_render(tree: nodes.Template) -> Callable[[Mapping[str, Any]], str]:
    variables = names.variables(tree, _ENVIRONMENT.globals)
    paths = names.paths(tree, _ENVIRONMENT.globals)
    template = _ENVIRONMENT.from_string(weighed(tree))

    def render(record: Mapping[str, Any]) -> str:
        parts: list[str] = []
        length = 0
        with _rendering(record, paths):
            for part in template.generate(_context(record, variables)):
                length += len(part)
                allow(length)
                parts.append(part)
            rendered = "".join(parts)
            rendered.encode()  # raises for half a character, which a template can build and JSON cannot contain
        return rendered

    return render


def compile_native_template(text: str) -> Render:
    """Return a function from a record to the value of an expression, in its type.

    In names, `_SPACE_` stands for a blank and `_DOT_` for a dot, as in mappings drawn in Oomnitza. A template with more than one
    expression becomes text. Raises as `compile_template`.
    """
    with _compiling():
        tree = names.with_signs(_parsed(text))
        expression = _only_expression(tree)
        if expression is None:
            return _text_render(tree)
        variables = names.variables(tree, _ENVIRONMENT.globals)
        paths = names.paths(tree, _ENVIRONMENT.globals)
        template = _ENVIRONMENT.from_string(weighed(_assigned(expression)))

    def evaluate(record: Mapping[str, Any]) -> Any:
        with _rendering(record, paths):
            return _result(template, _context(record, variables))

    return evaluate


def template_paths(text: str, native: bool = False) -> frozenset[str]:
    """Return the record's paths that a template reads; "" is the whole record.

    The paths have no indices. Raises as `compile_template`.
    """
    with _compiling():
        tree = names.with_signs(_parsed(text)) if native else _parsed(text)
        return names.paths(tree, _ENVIRONMENT.globals)


def _parsed(text: str) -> nodes.Template:
    if len(text) > _MAX_TEMPLATE:
        raise TemplateFailed(f"it is too long; a template may have {_MAX_TEMPLATE} characters")
    tree = _NAMES.parse(text)
    rejected = next(tree.find_all(_REJECTED_TAGS), None)
    if rejected is not None or any(loop.recursive for loop in tree.find_all(nodes.For)):
        raise TemplateFailed("it uses a tag that is not available here; there are if, for and set")
    strangers = names.unknown_functions(tree, _ENVIRONMENT.globals)
    if strangers:
        raise TemplateFailed(f"it calls {strangers[0]}(), which does not exist")
    if "response" in names.variables(tree, _ENVIRONMENT.globals):
        paths = names.paths(tree, _ENVIRONMENT.globals)
        field = next((path.partition(".")[2] for path in paths if path.startswith("response.")), "x")
        raise TemplateFailed(
            "it reads response, which only Oomnitza's own integrations have; "
            f"write {{{{ {field} }}}} for {{{{ response.{field} }}}}"
        )
    return tree


def _only_expression(tree: nodes.Template) -> nodes.Expr | None:
    output = tree.body[0] if len(tree.body) == 1 else None
    if (
        isinstance(output, nodes.Output)
        and len(output.nodes) == 1
        and not isinstance(output.nodes[0], nodes.TemplateData)
    ):
        return output.nodes[0]
    return None


def _assigned(expression: nodes.Expr) -> nodes.Template:
    """Return a template that assigns an expression instead of printing it.

    Jinja's own compile_expression does the same.
    """
    target = nodes.Name(_RESULT, "store", lineno=1)
    return nodes.Template([nodes.Assign(target, expression, lineno=1)], lineno=1)


def _result(template: Template, variables: dict[str, Any]) -> Any:
    context = template.new_context(variables)
    for _ in template.root_render_func(context):
        pass
    value = whole(context.vars[_RESULT])
    return None if isinstance(value, Undefined) else value


def _context(record: Mapping[str, Any], variables: frozenset[str]) -> dict[str, Any]:
    return {names.RECORD: record, **{name: record.get(name) for name in variables}}


@contextmanager
def _compiling() -> Iterator[None]:
    try:
        yield
    except TemplateFailed:
        raise
    except TemplateSyntaxError as error:
        problem = str(error.message).rstrip(".")
        raise TemplateFailed(f"{problem} (line {error.lineno})") from None
    except TemplateError as error:
        raise TemplateFailed(str(error.message)) from None
    except Exception as error:  # Jinja generates Python code, whose compiler has limits of its own
        raise TemplateFailed(f"it is nested too deeply, or too long ({type(error).__name__})") from None


@contextmanager
def _rendering(record: Mapping[str, Any], paths: Iterable[str]) -> Iterator[None]:
    try:
        with budget():
            yield
    except SecurityError as error:
        raise TemplateFailed(str(error.message)[:_MAX_REASON]) from None
    except Exception as error:  # filters may raise any exception
        raise TemplateFailed(_failure(error, record, paths)) from None


def _failure(error: Exception, record: Mapping[str, Any], paths: Iterable[str]) -> str:
    """Return the reason: what fails, the record's missing fields, and the fix."""
    subject, cause = "the template fails", f"{type(error).__name__}: {error}"
    if isinstance(error, FilterFailed):
        subject, cause = f"the filter {error.name} fails", str(error)
    absent = [path for path in sorted(paths) if path and _is_absent(record, path)]
    if absent:
        steps = "".join(f"['{step}']" for step in absent[0].split("."))
        subject += f", and the record has no {', '.join(absent)[:_MAX_NAMES]}; write (record{steps[:_MAX_NAMES]} or '')"
    return f"{subject}: {cause}"[:_MAX_REASON]


def _is_absent(record: Mapping[str, Any], path: str) -> bool:
    value: Any = record
    for step in path.split("."):
        if not isinstance(value, dict):
            return value is None
        value = value.get(step)
    return value is None
