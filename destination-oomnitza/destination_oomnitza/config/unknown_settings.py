"""Finds names in a configuration that are no settings, usually misspelt ones."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel

_CLOSE = 0.8
"""Similarity (`difflib`) from which a name counts as misspelt: "testrun" and "vlaue" do, "of_a_later_version" does not."""


@dataclass(frozen=True)
class UnknownSetting:
    """Name that is no setting; `meant` is the setting it resembles, if any."""

    path: str
    meant: str | None


def unknown_settings(
    model: type[BaseModel], raw: Mapping[str, Any], path: str = "", of_choice: Collection[str] = ()
) -> Iterator[UnknownSetting]:
    """Yield the names that a model lacks, at every depth; null counts as absent.

    `of_choice`: the settings of all options, if the model is an option of a choice.
    """
    known = of_choice or model.model_fields
    for name, value in raw.items():
        field = model.model_fields.get(name)
        if field is not None:
            yield from _within(field.annotation, value, f"{path}{name}")
        elif value is not None:
            # A setting of another option is not misspelt; it has no effect.
            yield UnknownSetting(f"{path}{name}", None if name in known else _meant(name, known))


def options(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models of a setting: one, or the options of a choice."""
    for each in get_args(annotation) or (annotation,):
        if isinstance(each, type) and issubclass(each, BaseModel):
            yield each


def tags(option: Any) -> set[str]:
    """Return the values that identify an option of a choice."""
    literals = [field.annotation for field in getattr(option, "model_fields", {}).values()]
    return {tag for literal in literals for tag in get_args(literal) if isinstance(tag, str)}


def _within(annotation: Any, value: Any, path: str) -> Iterator[UnknownSetting]:
    if isinstance(value, list):
        for place, entry in enumerate(value):
            yield from _within(annotation, entry, f"{path}.{place}")
    elif isinstance(value, Mapping):
        choice = list(options(annotation))
        of_choice = {name for option in choice for name in option.model_fields}
        for option in choice:
            if len(choice) == 1 or not tags(option).isdisjoint(
                each for each in value.values() if isinstance(each, str)
            ):
                yield from unknown_settings(option, value, f"{path}.", of_choice)


def _meant(name: str, known: Iterable[str]) -> str | None:
    plain = {re.sub(r"[\W_]", "", each).lower(): each for each in known}
    near = get_close_matches(re.sub(r"[\W_]", "", name).lower(), plain, 1, _CLOSE)
    return plain[near[0]] if near else None
