"""Weighs the values that a template builds outside its filters and calls.

The weighing itself is done by filters of `template_limits.py`.
"""

from __future__ import annotations

from typing import cast

from jinja2 import nodes
from jinja2.visitor import NodeTransformer


def weighed(tree: nodes.Template) -> nodes.Template:
    """Return a parsed template that weighs everything it builds."""
    _Weighing().visit(tree)
    return tree


class _Weighing(NodeTransformer):
    """Sends literals, `~`, slices, comparisons and loops through filters.

    The names of these filters start with a blank, so no template can use them.
    """

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

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Expr:  # noqa: N802 - Jinja's name
        self.generic_visit(node)
        return self._weighed(node) if isinstance(node.arg, nodes.Slice) else node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Expr:  # noqa: N802 - Jinja's name
        self.generic_visit(node)
        node.expr = self._compared(node.expr)
        for operand in node.ops:
            operand.expr = self._compared(operand.expr, " container" if operand.op in ("in", "notin") else " weighed")
        return node

    def _compared(self, node: nodes.Expr, name: str = " weighed") -> nodes.Expr:
        return node if isinstance(node, nodes.Const) else self._weighed(node, name)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Expr:  # noqa: N802 - Jinja's name
        self.generic_visit(node)
        return self._weighed(self._weighed(nodes.List(node.nodes, lineno=node.lineno)), " joined")

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802 - Jinja's name
        self.generic_visit(node)
        node.iter = self._weighed(node.iter, " counted")
        return node
