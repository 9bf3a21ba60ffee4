"""Remembers which record has written each person, in about 20 bytes a person."""

from __future__ import annotations

from array import array
from bisect import bisect_left

BUCKETS = 4096


class Claims:
    """Maps hashes of people to hashes of their records' keys.

    A dict would take six times the memory.
    """

    def __init__(self) -> None:
        self._people = [array("q") for _ in range(BUCKETS)]
        self._owners = [array("q") for _ in range(BUCKETS)]

    def setdefault(self, person: int, owner: int) -> int:
        """Claim a person who is not claimed yet; return the owner."""
        bucket = person % BUCKETS
        people, owners = self._people[bucket], self._owners[bucket]
        place = bisect_left(people, person)
        if place == len(people) or people[place] != person:
            people.insert(place, person)
            owners.insert(place, owner)
        return owners[place]
