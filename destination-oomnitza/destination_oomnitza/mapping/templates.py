"""Templates: the CDK's sandboxed Jinja, where text stays text and what a template may build is bounded.

The language (filters, macros, sandbox) is the CDK's. Its `JinjaInterpolation` is not used: it turns "+15551234567" into a
number and "None" into nothing, and swallows errors. What a template may build, and how much work it may do on one record, `bounds.py` says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airbyte_cdk.sources.declarative.interpolation.filters import filters as cdk_filters
from airbyte_cdk.sources.declarative.interpolation.macros import macros as cdk_macros
from jinja2 import TemplateError, TemplateSyntaxError, meta, nodes
from jinja2.sandbox import SecurityError

from destination_oomnitza.mapping.template_limits import MAX_CHARACTERS, BoundedEnvironment, allow, budget

_MAX_REASON = 300
# Everything that is code of another place, or that lets text grow unseen by the operators' bounds.
_REFUSED_TAGS: tuple[type[nodes.Node], ...] = (
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
    """A template does not compile, or failed on a record; the message says why."""


def _environment() -> BoundedEnvironment:
    # The CDK's `string` writes what its interpolation reads back as Python; here text is text, so Jinja's own stays.
    return BoundedEnvironment({name: each for name, each in cdk_filters.items() if name != "string"}, cdk_macros)


_ENVIRONMENT = _environment()


def is_template(text: str) -> bool:
    """Say whether a value is a template rather than a path."""
    return "{{" in text or "{%" in text


def compile_template(text: str) -> Callable[[Mapping[str, Any]], str]:
    """Return a function that renders `text` over a record.

    The record is the variable `record`, and is never changed. The function returns text, exactly as the template built it, and raises
    TemplateFailed with the reason where the template fails on a record. Raises TemplateFailed for a template that does not compile.
    """
    try:
        tree = _ENVIRONMENT.parse(text)
        _refuse_what_is_not_here(tree)
        template = _ENVIRONMENT.from_string(_ENVIRONMENT.bounded(tree))
    except TemplateFailed:
        raise
    except TemplateSyntaxError as error:
        raise TemplateFailed(f"{error.message} (line {error.lineno})") from None
    except TemplateError as error:
        raise TemplateFailed(str(error.message)) from None
    except Exception as error:  # Python compiles what Jinja makes of it, and has limits of its own
        raise TemplateFailed(f"it is nested too deeply, or too long ({type(error).__name__})") from None

    def render(record: Mapping[str, Any]) -> str:
        parts: list[str] = []
        length = 0
        try:
            with budget():
                for part in template.generate(record=record):
                    length += len(part)
                    allow(length, MAX_CHARACTERS)
                    parts.append(part)
        except SecurityError as error:
            raise TemplateFailed(str(error.message)[:_MAX_REASON]) from None
        except Exception as error:  # a template may raise whatever its filters raise
            raise TemplateFailed(f"{type(error).__name__}: {error}"[:_MAX_REASON]) from None
        return "".join(parts)

    return render


def _refuse_what_is_not_here(tree: nodes.Template) -> None:
    refused = next(tree.find_all(_REFUSED_TAGS), None)
    if refused is not None or any(loop.recursive for loop in tree.find_all(nodes.For)):
        raise TemplateFailed("it uses a tag that is not available here; there are if, for and set")
    strangers = sorted(meta.find_undeclared_variables(tree) - {"record", *_ENVIRONMENT.globals})
    if strangers:
        raise TemplateFailed(
            f"it speaks of {strangers[0]}, which does not exist; a field of the record is record['{strangers[0]}']"
        )
