"""Reads a paged listing of Slack's to its end, without duplicates."""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.streams.http.page_size_reduction_exception import PageSizeReductionRequiredException
from airbyte_cdk.sources.streams.http.pagination_reset_exception import PaginationResetRequiredException

from source_slack_users.error_handler import SMALLEST_PAGE, Payload, logger
from source_slack_users.errors import failure, transient_error
from source_slack_users.slack_api import SlackApi

# Returns the key of an item (None to skip it) and its version; a further copy is emitted only if its version is newer.
Versioned = Callable[[Any], tuple[Hashable, int]]
Item = tuple[Any, int, Any]  # key, version, and the item as Slack sent it
Paging = Callable[[int, Payload | None], Payload | None]

MOST_RESTARTS = 5
STALLED_PAGES = 10
BUCKETS = 4096


def by_cursor(limit: int, payload: Payload | None) -> Payload | None:
    """Return the parameters of the next page; None after the last.

    `payload` is that of the page before; None for the first page.
    """
    if payload is None:
        return {"limit": limit}
    cursor = (payload.get("response_metadata") or {}).get("next_cursor")
    return {"limit": limit, "cursor": cursor} if cursor else None


@dataclass(frozen=True)
class Listing:
    """Lists the items of one of Slack's methods.

    Attributes:
        api: The client of the stream.
        method: The method, such as users.list.
        key: The field of the payload that holds the items.
        versioned: Returns the key and version of an item; items with the key None are skipped, with a warning.
        paging: Returns the parameters of the next page.
        kind: dict if the field holds an object, whose pairs are the items.
        params: Further parameters of each request.
    """

    api: SlackApi
    method: str
    key: str
    versioned: Versioned
    paging: Paging = by_cursor
    kind: type = list
    params: Mapping[str, Any] = field(default_factory=dict)

    def pages(self) -> Iterator[list[Item]]:
        """Yield by page the new and newer items, each with its key and version.

        Starts the listing again if Slack rejects the cursor or asks for smaller pages.

        Raises:
            AirbyteTracedException: system_error if the listing does not end; transient_error if it is incomplete after
                several starts, or if a response has no items field; and what `SlackApi.call` raises.
        """
        progress = Progress(self.method, self.key, self.versioned)
        restarts = 0
        while restarts < MOST_RESTARTS:
            try:
                for content in self._contents():
                    yield progress.take(list(content.items()) if isinstance(content, dict) else content)
                    content.clear()  # before the next page arrives, so that memory holds one page at a time
                return
            except PaginationResetRequiredException:
                restarts += 1
            except PageSizeReductionRequiredException:
                self.api.page_size = max(SMALLEST_PAGE, self.api.page_size // 2)
                logger.info(f"Restarting {self.method} with pages of {self.api.page_size}.")
            progress.restart()
        raise transient_error(
            f"Slack's {self.method} was restarted {MOST_RESTARTS} times without reaching its end. A later attempt may "
            "succeed; lower People per request (page_size) if it does not."
        )

    def _contents(self) -> Iterator[Any]:
        asked: list[Payload] = []
        page = self.paging(self.api.page_size, None)
        while page is not None:
            if page in asked:  # Slack's cursors form a cycle
                raise PaginationResetRequiredException
            asked.append(page)
            payload, _ = self.api.call(self.method, **page, **self.params)
            content = payload.get(self.key)
            # Read as an empty page, a response without items would end an incomplete listing.
            if not isinstance(content, (list, self.kind)):  # Slack sends [] for an empty object
                raise transient_error(
                    f"Slack's {self.method} returned a response without {self.key}, so the listing is incomplete. The "
                    "next attempt reads it again."
                )
            page = self.paging(self.api.page_size, payload)
            yield content


class Progress:
    """Removes duplicates, and fails after ten pages in a row without a new item."""

    def __init__(self, method: str, key: str, versioned: Versioned) -> None:
        self._method = method
        self._key = key
        self._versioned = versioned
        self._versions = Versions()
        self.restart()

    def restart(self) -> None:
        """Start the listing again: items that are known already come once more."""
        self._listed = 0
        self._stalled = 0

    def take(self, items: list[Any]) -> list[Item]:
        """Return the items of a page that are new or newer, with key and version.

        Raises system_error if the listing does not end.
        """
        known = len(self._versions)
        versioned, advance = self._versioned, self._versions.advance
        kept: list[Item] = []
        nameless = 0
        for item in items:
            key, version = versioned(item)
            if key is None:
                nameless += 1
            elif advance(key, version):
                kept.append((key, version, item))
        if nameless:
            logger.warning(
                f"Slack's {self._method} returned {nameless} {self._key} without an ID on one page: skipped."
            )
        self._listed += len(items)
        # After a restart the known items come again, so a page without a new item counts only after all of those.
        repeats = bool(items) and self._listed <= known
        self._stalled = 0 if len(self._versions) > known or repeats else self._stalled + 1
        if self._stalled == STALLED_PAGES:
            raise failure(
                f"Slack's {self._method} does not end: {STALLED_PAGES} pages in a row had no new item, and each named a "
                "next page. Sync again; if it fails again, report it to Slack's support.",
                FailureType.system_error,
            )
        return kept


class Versions:
    """Stores the newest version of each key, in about 16 bytes per key.

    A dict takes ten times as much, because it keeps the texts of the keys. Only the hash of a key is kept: of 300,000
    keys, two share a 64-bit hash in one of 400 million listings.
    """

    def __init__(self) -> None:
        self._hashes = [array("q") for _ in range(BUCKETS)]
        self._versions = [array("q") for _ in range(BUCKETS)]
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def advance(self, key: Hashable, version: int) -> bool:
        """Store a version if it is the key's first or newest; return whether it is."""
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
