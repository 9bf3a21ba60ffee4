"""One bad item must not cost the batch: what Oomnitza refuses together is sent in halves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from destination_oomnitza.api.client import RequestRejected

Item = TypeVar("Item")


def bisect(items: Sequence[Item], call: Callable[[Sequence[Item]], None]) -> list[tuple[Item, str]]:
    """Call with all items; where that raises RequestRejected, with each half. Returns the items refused by themselves, with the reason.

    `call` must do no harm when it is repeated. Not called for no items. Raises what `call` raises besides RequestRejected.
    """
    if not items:
        return []
    try:
        call(items)
    except RequestRejected as refusal:
        if len(items) == 1:
            return [(items[0], str(refusal))]
    else:
        return []
    middle = len(items) // 2
    return bisect(items[:middle], call) + bisect(items[middle:], call)
