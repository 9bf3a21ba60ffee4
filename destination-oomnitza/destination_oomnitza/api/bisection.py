"""Bisection: sends a rejected batch in halves to find the items that cause it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from destination_oomnitza.api.responses import RequestRejected

Item = TypeVar("Item")


def bisect(items: Sequence[Item], call: Callable[[Sequence[Item]], None]) -> list[tuple[Item, str]]:
    """Call with all items, and with each half if that raises RequestRejected.

    Args:
        items: The items. `call` is not called if there are none.
        call: Must be safe to repeat.

    Returns:
        The items that are rejected on their own, each with the reason.

    Raises:
        Exception: Any exception of `call` but RequestRejected.
    """
    if not items:
        return []
    try:
        call(items)
    except RequestRejected as rejected:
        if len(items) == 1:
            return [(items[0], str(rejected))]
    else:
        return []
    middle = len(items) // 2
    return bisect(items[:middle], call) + bisect(items[middle:], call)
