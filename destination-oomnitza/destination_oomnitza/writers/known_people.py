"""Known people, for a writer that does not look people up."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Any

from destination_oomnitza.api.client import Client
from destination_oomnitza.api.pagination import Listing
from destination_oomnitza.api.people import USERS
from destination_oomnitza.normalize import is_empty, key_hash

logger = logging.getLogger("airbyte")

_PAGE = 1000  # larger than elsewhere: only the sync keys are kept


class KnownPeople:
    """Values that people have in some fields, read at the first use. Thread-safe."""

    def __init__(self, client: Client, fields: Sequence[str]) -> None:
        self._client = client
        self._fields = fields
        self._lock = threading.Lock()
        self._hashes: set[int] | None = None
        self.whole = False
        """Whether all people are known, after the first use."""

    def has(self, values: Sequence[Any]) -> bool:
        """Return whether a person has one of these values, in the order of the fields.

        Returns True if that is not known. Raises as Client.get_list.
        """
        with self._lock:
            if self._hashes is None:
                self._hashes = self._read()
            hashes = self._hashes
        if not self.whole:
            return True
        return any(key_hash(*each) in hashes for each in zip(self._fields, values, strict=True) if each[1] is not None)

    def _read(self) -> set[int]:
        listing = Listing(self._client, USERS, "user_id", page=_PAGE)
        hashes = {
            key_hash(name, person[name])
            for person in listing.rows()
            for name in self._fields
            if not is_empty(person.get(name))
        }
        self.whole = listing.whole
        if not listing.whole:
            logger.warning(
                "Oomnitza does not list all of its people, so new ones cannot be recognized: none gets the role and the position of new "
                "people. Map both fields in Field mapping (field_mapping), or choose REST as Write method (write_method)."
            )
        return hashes
