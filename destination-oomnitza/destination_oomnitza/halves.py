"""One bad item must not cost the lot: what Oomnitza refuses together is sent in halves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from destination_oomnitza.client import Refusal

Item = TypeVar("Item")


def in_halves(items: Sequence[Item], call: Callable[[Sequence[Item]], None]) -> list[tuple[Item, str]]:
    """Call with all items; where that raises Refusal, with each half. Returns the items refused by themselves, with the reason.

    `call` must do no harm when it is repeated. Not called for no items. Raises what `call` raises besides Refusal.
    """
    if not items:
        return []
    try:
        call(items)
    except Refusal as refusal:
        if len(items) == 1:
            return [(items[0], str(refusal))]
    else:
        return []
    middle = len(items) // 2
    return in_halves(items[:middle], call) + in_halves(items[middle:], call)
