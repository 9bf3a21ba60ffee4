"""Lists with a method of Slack's: each item once, or again if a newer copy comes, and never without end."""

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

# An item's key (None if it has none and is to be left out), and its version: a later copy counts only if it is newer.
Versioned = Callable[[Any], tuple[Hashable, int]]
Paging = Callable[[int, Payload | None], Payload | None]

MOST_RESTARTS = 5
STALLED_PAGES = 10
BUCKETS = 4096


def by_cursor(limit: int, payload: Payload | None) -> Payload | None:
    """Return the parameters of the page after `answer`, of the first without one, and None after the last."""
    if payload is None:
        return {"limit": limit}
    cursor = (payload.get("response_metadata") or {}).get("next_cursor")
    return {"limit": limit, "cursor": cursor} if cursor else None


@dataclass(frozen=True)
class Listing:
    """A listing with one of Slack's methods.

    Attributes:
        api: The client of the stream.
        method: The method, such as users.list.
        key: The field of its answers that holds the items.
        versioned: Returns an item's key and version; items with the key None are left out, with a warning.
        paging: Returns the parameters of the next page.
        kind: dict if the field holds an object: its items are the pairs of it.
        params: Further parameters of each request.
    """

    api: SlackApi
    method: str
    key: str
    versioned: Versioned
    paging: Paging = by_cursor
    kind: type = list
    params: Mapping[str, Any] = field(default_factory=dict)

    def pages(self) -> Iterator[list[Any]]:
        """Yield, page by page, the items that are new, or newer than their last copy.

        If Slack forgets the cursor, or wants smaller pages, the listing starts again. Raises AirbyteTracedException:
        system_error if it does not end, transient_error if it is not whole after several starts or if an answer has no
        list, and what `SlackApi.call` raises.
        """
        progress = Progress(self.method, self.key, self.versioned)
        restarts = 0
        while restarts < MOST_RESTARTS:
            try:
                for content in self._contents():
                    yield progress.take(list(content.items()) if isinstance(content, dict) else content)
                    content.clear()  # before the next page is there, so that memory holds one at a time
                return
            except PaginationResetRequiredException:
                restarts += 1
            except PageSizeReductionRequiredException:
                self.api.page_size = max(SMALLEST_PAGE, self.api.page_size // 2)
                logger.info(f"Listing {self.method} from its start, {self.api.page_size} a page.")
            progress.restart()
        raise transient_error(
            f"Slack's {self.method} was listed from its start {MOST_RESTARTS} times, and was never whole. Gave up; a "
            "later attempt may succeed. Lower People per request (page_size) if it does not."
        )

    def _contents(self) -> Iterator[Any]:
        asked: list[Payload] = []
        page = self.paging(self.api.page_size, None)
        while page is not None:
            if page in asked:  # Slack leads in a circle
                raise PaginationResetRequiredException
            asked.append(page)
            payload, _ = self.api.call(self.method, **page, **self.params)
            content = payload.get(self.key)
            # Taken for an empty page, an answer without a list would end a listing that is not whole.
            if not isinstance(content, (list, self.kind)):  # PHP, in which Slack is written, has [] for an empty {}
                raise transient_error(
                    f"Slack's {self.method} gave an answer without {self.key}, so the listing is not whole. The next "
                    "attempt reads it again."
                )
            page = self.paging(self.api.page_size, payload)
            yield content


class Progress:
    """Drops copies that are not newer, and gives a listing up after ten pages in a row without a new item."""

    def __init__(self, method: str, key: str, versioned: Versioned) -> None:
        self._method = method
        self._key = key
        self._versioned = versioned
        self._versions = Versions()
        self.restart()

    def restart(self) -> None:
        """Expect once more the items that are known already: the listing starts again."""
        self._listed = 0
        self._stalled = 0

    def take(self, items: list[Any]) -> list[Any]:
        """Return the items of a page that are new or newer. Raises system_error if the listing does not end."""
        known = len(self._versions)
        versioned, advance = self._versioned, self._versions.advance
        kept, nameless = [], 0
        for item in items:
            key, version = versioned(item)
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
