"""Chooses the workspace that gives the record of a person who is in several.

Keeps ids, not records.
"""

from collections.abc import Iterable, Iterator, Sequence

from source_slack_users.listing import Item
from source_slack_users.users import Standing, is_deactivated, rights_of


class Membership:
    """Stores the workspaces of each person, where they are active, and their rights.

    A person's record comes from the last workspace in which they are active, else from the last that lists them.
    Workspaces are listed one after the other. If one is listed several times, its newest listing counts. Nothing is
    stored if only one workspace is read.
    """

    def __init__(self, team_ids: Sequence[str], since: int) -> None:
        """Treat records changed at or after `since` (Unix seconds) as due; all if it is 0."""
        self._team_ids = list(team_ids)
        self._since = since
        self._width = len(team_ids)
        self._bits: dict[str, int] = {}  # a bit for each workspace that lists the person; above them, where active
        self._rights: dict[str, int] = {}
        self._changed: dict[str, int] = {}
        self._names: dict[int, list[str]] = {}
        self._alone = Standing(self._team_ids)
        self._listings: list[int] = []  # the workspace of each listing
        self._taken: dict[str, int] = {}  # the listing that gave the record

    def begin_listing(self, workspace: int) -> None:
        """Start a listing of the workspace with this index."""
        self._listings.append(workspace)

    def see(self, members: Iterable[Item]) -> None:
        """Record that the current listing contains these people."""
        if self._width == 1:
            return
        workspace = self._listings[-1]
        active_bit = 1 << self._width + workspace
        for person, updated, member in members:
            if updated >= self._since > 0:
                self._changed[person] = max(updated, self._changed.get(person, 0))
            bits = self._bits.get(person, 0)
            self._bits[person] = (bits & ~active_bit if is_deactivated(member) else bits | active_bit) | 1 << workspace
            self._rights[person] = self._rights.get(person, 0) | rights_of(member)

    def take(self, person: str, updated: int) -> Standing | None:
        """Return a person's standing; None if this listing gives no due record.

        A record is given once. It is given again if this listing has a newer copy, or if the workspace that gives it
        changed. It is due if the person changed at or after `since`, in this workspace (`updated`) or in another. If the
        change in another is later, the record gets its time; with its own it could be older than a record emitted before.
        """
        if self._width == 1:
            return None if 0 < updated < self._since else self._alone
        listing = len(self._listings) - 1
        workspace = self._listings[listing]
        bits = self._bits[person]
        taken = self._taken.get(person, listing)
        if self._owner(bits) != workspace or (taken != listing and self._listings[taken] == workspace):
            return None
        self._taken[person] = listing
        changed = self._changed.get(person, 0)
        if 0 < max(updated, changed) < self._since:
            return None
        names = self._names.get(bits)
        if names is None:
            names = self._names[bits] = [team for index, team in enumerate(self._team_ids) if bits >> index & 1]
        return Standing(names, self._rights[person], changed if changed > updated else 0)

    def awaited(self) -> list[int]:
        """Return the indices of the workspaces that have yet to give a record."""
        return sorted({self._owner(bits) for bits in self._untaken()})

    def left(self) -> int:
        """Count the people whose record was not given yet."""
        return sum(1 for _ in self._untaken())

    def _untaken(self) -> Iterator[int]:
        for person, bits in self._bits.items():
            listing = self._taken.get(person)
            if listing is None or self._listings[listing] != self._owner(bits):
                yield bits

    def _owner(self, bits: int) -> int:
        return ((bits >> self._width) or bits).bit_length() - 1
