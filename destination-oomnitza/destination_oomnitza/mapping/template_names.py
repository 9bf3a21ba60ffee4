"""Names in a template: the fields that it reads and the functions it calls."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from jinja2 import meta, nodes
from jinja2.visitor import NodeTransformer

RECORD = "record"
"""Variable for the whole record; each field whose name is a plain word is a variable, too."""

_Path = tuple[str, ...]


def variables(tree: nodes.Template, functions: Collection[str]) -> frozenset[str]:
    """Return the record's fields that a template reads as variables.

    A name of a function counts as one only if it is called.
    """
    called = _called(tree) & set(functions)
    return frozenset(meta.find_undeclared_variables(tree) - {RECORD} - called)


def unknown_functions(tree: nodes.Template, functions: Collection[str]) -> list[str]:
    """Return the unknown functions that a template calls."""
    return sorted(_called(tree) & meta.find_undeclared_variables(tree) - set(functions))


def _called(tree: nodes.Template) -> set[str]:
    return {call.node.name for call in tree.find_all(nodes.Call) if isinstance(call.node, nodes.Name)}


def paths(tree: nodes.Template, functions: Collection[str]) -> frozenset[str]:
    """Return the record's paths that a template reads; "" is the whole record.

    The paths have no indices.
    """
    return frozenset(".".join(path) for path in _paths(tree, variables(tree, functions)))


def _paths(node: nodes.Node, names: Collection[str]) -> Iterator[_Path]:
    path = _path(node, names)
    if path is not None:
        yield path
        return
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr):
        # `x.split()` reads x, `record.get('x')` reads x.
        owner = _path(node.node.node, names)
        key = node.args[0] if node.node.attr == "get" and node.args else None
        if owner is not None and isinstance(key, nodes.Const) and isinstance(key.value, str):
            yield (*owner, key.value)
        else:
            yield from _paths(node.node.node, names)
        for argument in (*node.args, *node.kwargs):
            yield from _paths(argument, names)
        return
    for child in node.iter_child_nodes():
        yield from _paths(child, names)


def _path(node: nodes.Node, names: Collection[str]) -> _Path | None:
    """Return the path of a name, an attribute or an item; None for other nodes."""
    if isinstance(node, nodes.Name) and node.ctx == "load":
        return () if node.name == RECORD else (node.name,) if node.name in names else None
    if isinstance(node, nodes.Getattr):
        owner = _path(node.node, names)
        return None if owner is None else (*owner, node.attr)
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        owner = _path(node.node, names)
        if owner is not None:
            return (*owner, node.arg.value) if isinstance(node.arg.value, str) else owner
    return None


def with_signs(tree: nodes.Template) -> nodes.Template:
    """Return a template with `_SPACE_` and `_DOT_` replaced in its names.

    Oomnitza writes blanks and dots in names like that.
    """
    _Signs().visit(tree)
    return tree


class _Signs(NodeTransformer):
    def visit_Name(self, node: nodes.Name) -> nodes.Expr:  # noqa: N802 - Jinja's name
        name = _signs(node.name)
        if name == node.name or node.ctx != "load":
            return node
        return _item(nodes.Name(RECORD, "load", lineno=node.lineno), name)

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Expr:  # noqa: N802 - Jinja's name
        self.generic_visit(node)
        name = _signs(node.attr)
        return node if name == node.attr else _item(node.node, name)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Expr:  # noqa: N802 - Jinja's name
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            return _item(node.node, _signs(node.arg.value))
        return node


def _signs(name: str) -> str:
    return name.replace("_SPACE_", " ").replace("_DOT_", ".")


def _item(owner: nodes.Expr, key: str) -> nodes.Getitem:
    return nodes.Getitem(owner, nodes.Const(key, lineno=owner.lineno), "load", lineno=owner.lineno)
