"""Tests of the package's layers: docs/how-it-works.md, "The rooms"."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

NAME = "destination_oomnitza"
PACKAGE = Path(__file__).parents[1] / NAME
GROUND = {"config", "errors", "masking", "normalize", "person_schema", "protocol"}
MAY_IMPORT = {
    "run": {"destination", "cancellation", *GROUND},
    "destination": {"sync", "api", "config", "planning", "protocol", "writers", "pipeline", "cancellation", *GROUND},
    "sync": {"api", "mapping", "pipeline", "planning", "writers", "report", "cancellation", *GROUND},
    "pipeline": {"writers.base", "planning", "mapping", "protocol", "report", "cancellation", "errors", "normalize"},
    "writers": {"planning", "mapping", "api", "report", *GROUND},
    "planning": {"mapping", "config", "protocol.catalog", "person_schema", "errors", "normalize"},
    "mapping": {"config", "person_schema", "normalize", "errors"},
    "api": {"config", "cancellation", "masking", "errors", "normalize"},
    "report": {"masking"},
    "protocol": {"masking", "errors"},
    "config": {"errors", "masking", "normalize"},
    "person_schema": {"errors", "normalize"},
    "cancellation": set(),
    "errors": set(),
    "masking": set(),
    "normalize": set(),
}
"""Each room, and what it may import of the others. A name with a dot is one module of a room."""


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        if name.rpartition(".")[2] != "__init__":
            yield name, path


def imported(path: Path) -> set[str]:
    """Return the modules that a module imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module and node.level == 0, f"{path.name} imports relatively"
            package = (PACKAGE.parent / node.module.replace(".", "/")).is_dir()
            found |= {f"{node.module}.{alias.name}" for alias in node.names} if package else {node.module}
    return found


def imports(path: Path) -> set[str]:
    """Return the modules of this package that a module imports, without its name."""
    return {name.removeprefix(f"{NAME}.") for name in imported(path) if name.startswith(f"{NAME}.")}


@pytest.mark.parametrize("module", [name for name, _ in modules()])
def test_module_imports_only_allowed_rooms(module: str) -> None:
    room = module.partition(".")[0]
    allowed = MAY_IMPORT[room] | {room}
    path = dict(modules())[module]
    wrong = {name for name in imports(path) if name not in allowed and name.partition(".")[0] not in allowed}
    assert not wrong, f"{module} imports {', '.join(sorted(wrong))}"


def test_requests_is_imported_by_api_alone() -> None:
    assert {name.partition(".")[0] for name, path in modules() if "requests" in imported(path)} == {"api"}


def test_module_is_short() -> None:
    """Two may be long: the configuration form, and what templates may call."""
    long = {name for name, path in modules() if len(path.read_text(encoding="utf-8").splitlines()) > 320}
    assert long <= {"config.models", "mapping.template_limits"}


def test_function_is_short() -> None:
    functions = [
        (f"{name}.{node.name}", (node.end_lineno or 0) - node.lineno + 1)
        for name, path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    ]
    assert [name for name, lines in functions if lines > 50] == []
