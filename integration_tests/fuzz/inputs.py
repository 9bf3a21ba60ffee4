"""Generate inputs for the targets: valid documents with some parts changed."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from integration_tests.fuzz.syncs import INPUT, NEXT
from integration_tests.fuzz.targets import FILTERS

_DOCUMENTS: dict[str, list[Any]] = json.loads(Path(__file__).with_name("documents.json").read_text(encoding="utf-8"))


def _one_of(name: str) -> st.SearchStrategy[Any]:
    return st.sampled_from(_DOCUMENTS[name])


ODD: list[Any] = [
    None, True, False, "", " ", "0", "x" * 300, -1, 0, 2, 1e308, 10**30, float("nan"), float("inf"), [], {}, [[]], [None], {"": None},
    {"error": "no"}, "\ud83d", "\u200bé\u0301", "2024-13-45", "1.5", ["a", {"b": 1}], {"value": [1]}, "users", "null", "{{ x }}", "****",
]  # fmt: skip
_SCALARS = st.sampled_from(ODD) | st.text(max_size=8) | st.integers() | st.floats()
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in inner for place in _places(each, (*path, key)))]


@st.composite
def changed(draw: st.DrawFn, documents: list[Any]) -> Any:
    """Draw a document with up to three values replaced, removed, renamed or repeated."""
    document = copy.deepcopy(draw(st.sampled_from(documents)))
    for _ in range(draw(st.integers(0, 3))):
        *way, last = draw(st.sampled_from(_places(document))) or (None,)
        if last is None:
            return copy.deepcopy(draw(_VALUES))
        parent = document
        for step in way:
            parent = parent[step]
        change = draw(st.sampled_from(["replace", "replace", "remove", "rename", "repeat"]))
        if change == "remove":
            del parent[last]
        elif change == "rename" and isinstance(parent, dict):
            parent[draw(st.text(max_size=5) | st.just(f"{last}s"))] = parent.pop(last)
        elif change == "repeat" and isinstance(parent, list):
            parent.insert(last, copy.deepcopy(parent[last]))
        else:
            parent[last] = copy.deepcopy(draw(_VALUES))
    return document


@st.composite
def broken(draw: st.DrawFn, texts: st.SearchStrategy[bytes]) -> bytes:
    """Draw bytes; in one of eight, a piece is cut out or replaced."""
    data = draw(texts)
    if data and draw(st.integers(0, 7)) == 0:
        start = draw(st.integers(0, len(data) - 1))
        length = draw(st.integers(0, 20))
        data = data[:start] + draw(st.binary(max_size=4)) * draw(st.integers(0, 3)) + data[start + length :]
    return data


# -- masking and templates ---------------------------------------------------------------------------------------------

_NOISE = st.lists(_one_of("pieces") | st.text(max_size=3), max_size=12).map("".join)
MASKING = st.builds(lambda secret, text: f"{secret}\n{text}".encode(errors="replace"), _NOISE, _NOISE)

_FILTERS = sorted(FILTERS)


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({} {} {})".format, inner, _one_of("operators"), inner),
        st.builds("({} | {})".format, inner, st.sampled_from(_FILTERS)),
        st.builds("({} | {}({}, {}))".format, inner, st.sampled_from(_FILTERS), inner, inner),
        st.builds("({} | {}({}))".format, inner, st.sampled_from(_FILTERS), inner),
        st.builds("{}.{}".format, inner, _one_of("methods")),
        st.builds("{}[{}]".format, inner, inner),
        st.builds("{}[{}:]".format, inner, inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("[{}, {}]".format, inner, inner),
    )


_EXPRESSIONS = st.recursive(_one_of("atoms"), _larger, max_leaves=8)
_BLOCKS = st.recursive(
    st.builds("{{{{ {} }}}}".format, _EXPRESSIONS) | st.text(max_size=4),
    lambda inner: (
        st.builds("{{% for x in {} %}}{}{{% endfor %}}".format, _EXPRESSIONS, inner)
        | st.builds("{{% if {} %}}{}{{% else %}}{}{{% endif %}}".format, _EXPRESSIONS, inner, inner)
        | st.builds("{{% set x = {} %}}{}".format, _EXPRESSIONS, inner)
    ),
    max_leaves=4,
)
TEMPLATES = (_BLOCKS | _EXPRESSIONS).map(lambda text: text.encode(errors="replace"))


# -- documents ---------------------------------------------------------------------------------------------------------

_MESSAGES = [*map(json.loads, INPUT), *_DOCUMENTS["messages"]]


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _file(name: str) -> st.SearchStrategy[bytes]:
    return broken(changed(_DOCUMENTS[name]).map(_json))


def _response(status: str, headers: list[str], body: bytes) -> bytes:
    return f"{';'.join([status, *headers])}\n".encode() + body


def _responses(name: str) -> st.SearchStrategy[bytes]:
    headers = st.lists(_one_of("headers"), max_size=2)
    made = st.builds(_response, _one_of("statuses"), headers, _file(name) | st.binary(max_size=20))
    return st.lists(st.sampled_from([b"-", b"-"]) | made, min_size=1, max_size=8).map(NEXT.join)


STRATEGIES: dict[str, st.SearchStrategy[bytes]] = {
    "masking": MASKING,
    "templates": TEMPLATES,
    "configurations": _file("configurations"),
    "catalogs": _file("catalogs"),
    "states": _file("states"),
    "lines": st.lists(broken(changed(_MESSAGES).map(_json)), max_size=12).map(b"\n".join),
    "oomnitza": _responses("oomnitza"),
    "slack": _responses("slack"),
}
