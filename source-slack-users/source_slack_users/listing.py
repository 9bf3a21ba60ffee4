"""Lists with a method of Slack's: each item once, or again if a newer copy comes, and never without end."""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterator
from typing import Any

from airbyte_cdk.models import FailureType

from source_slack_users.error_handler import logger
from source_slack_users.errors import failure
from source_slack_users.slack_api import Paging, SlackApi

# An item's key (None if it has none and is to be left out), and its version: a later copy counts only if it is newer.
Identify = Callable[[Any], tuple[Hashable, int]]

STALLED_PAGES = 10
BUCKETS = 4096


def listed(
    api: SlackApi, method: str, key: str, paging: Paging, identify: Identify, *, kind: type = list, **params: Any
) -> Iterator[list[Any]]:
    """List with `method` and yield, page by page, the items that are new, or newer than their last copy.

    Args:
        api: The client of the stream.
        method: The method, such as users.list.
        key: The field of its answers that holds the items.
        paging: Returns the parameters of the next page.
        identify: Returns an item's key and version; those with the key None are left out, with a warning.
        kind: dict if the field holds an object: its items are the pairs of it.
        params: Further parameters of each request.

    Raises:
        AirbyteTracedException: system_error if the listing does not end, and what `SlackApi.pages` raises.
    """
    progress = Progress(method, key, identify)
    for answer in api.pages(method, key, paging, kind, on_restart=progress.restart, **params):
        content = answer[key]
        yield progress.take(list(content.items()) if isinstance(content, dict) else content)
        content.clear()  # before the next page is there, so that memory holds one at a time


class Progress:
    """Drops copies that are not newer, and gives a listing up after ten pages in a row without a new item."""

    def __init__(self, method: str, key: str, identify: Identify) -> None:
        self._method = method
        self._key = key
        self._identify = identify
        self._versions = Versions()
        self.restart()

    def restart(self) -> None:
        """Expect once more the items that are known already: the listing starts again."""
        self._listed = 0
        self._stalled = 0

    def take(self, items: list[Any]) -> list[Any]:
        """Return the items of a page that are new or newer. Raises system_error if the listing does not end."""
        known = len(self._versions)
        identify, advance = self._identify, self._versions.advance
        kept, nameless = [], 0
        for item in items:
            key, version = identify(item)
            if key is None:
                nameless += 1
            elif advance(key, version):
                kept.append(item)
        if nameless:
            logger.warning(f"Slack's {self._method} has {nameless} {self._key} without an ID on one page: left out.")
        self._listed += len(items)
        # After a restart the known items come again: until more were listed than are known, that is no standstill.
        repeats = bool(items) and self._listed <= known
        self._stalled = 0 if len(self._versions) > known or repeats else self._stalled + 1
        if self._stalled == STALLED_PAGES:
            raise failure(
                f"Slack's {self._method} does not end: {STALLED_PAGES} pages in a row brought nothing new, and each "
                "names a next one. Sync again; if it stays so, report it to Slack's support.",
                FailureType.system_error,
            )
        return kept


class Versions:
    """Remembers the newest version of each key, in some 16 bytes a key.

    A dict of ids would take ten times that, for it keeps the ids' texts, scattered over the memory of pages that are
    past. Of each key only its hash is kept: in 64 bits, two of 300,000 keys share one in one of 400 million listings.
    """

    def __init__(self) -> None:
        self._hashes = [array("q") for _ in range(BUCKETS)]
        self._versions = [array("q") for _ in range(BUCKETS)]
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def advance(self, key: Hashable, version: int) -> bool:
        """Take the version if the key is new, or has an older one; return whether it was taken."""
        hashed = hash(key)
        bucket = hashed % BUCKETS
        hashes, versions = self._hashes[bucket], self._versions[bucket]
        place = bisect_left(hashes, hashed)
        if place == len(hashes) or hashes[place] != hashed:
            hashes.insert(place, hashed)
            versions.insert(place, version)
            self._count += 1
            return True
        if version <= versions[place]:
            return False
        versions[place] = version
        return True
