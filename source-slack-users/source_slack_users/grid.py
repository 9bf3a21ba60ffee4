"""Which of several workspaces gives the record of a person who is in more than one, and when it changed in any of them.

Keeps ids, not records.
"""

from collections.abc import Sequence

_TAKEN = -1


class Sightings:
    """Remembers in which workspaces each person was seen, and in which they are active.

    A person's record comes from the last workspace in which they are active, else from the last that lists them. Seeing
    somebody again in the same workspace, as a listing that starts anew does, changes nothing but whether they are
    active there.
    """

    def __init__(self, team_ids: Sequence[str], since: int) -> None:
        """`since` is the time from which changes are remembered, in Unix seconds; 0 where none are wanted."""
        self._team_ids = team_ids
        self._since = since
        self._changed: dict[str, int] = {}
        self._width = len(team_ids)
        self._seen: dict[str, int] = {}  # a bit for each workspace that lists the person; above them, where active
        self._names: dict[int, list[str]] = {}

    def see(self, person: str, workspace: int, *, active: bool, updated: int) -> None:
        """Note that the workspace with this index lists a person, whom it changed last at `updated` (Unix seconds)."""
        if updated >= self._since > 0 and self._width > 1:
            self._changed[person] = max(updated, self._changed.get(person, 0))
        bits = self._seen.get(person, 0)
        if bits != _TAKEN:
            active_bit = 1 << self._width + workspace
            bits = (bits | active_bit if active else bits & ~active_bit) | 1 << workspace
            self._seen[person] = bits

    def take(self, person: str, workspace: int) -> list[str] | None:
        """Give the ids of a person's workspaces, once, and only for the workspace that gives the record."""
        bits = self._seen.get(person, _TAKEN)
        if bits == _TAKEN or self._owner(bits) != workspace:
            return None
        self._seen[person] = _TAKEN
        where = bits & (1 << self._width) - 1
        names = self._names.get(where)
        if names is None:
            names = self._names[where] = [team for index, team in enumerate(self._team_ids) if where >> index & 1]
        return names

    def changed(self, person: str) -> int:
        """Give the time of a person's last change in any workspace; 0 where there is none at or after `since`."""
        return self._changed.get(person, 0)

    def awaited(self) -> list[int]:
        """Give the indices of the workspaces that would give the records of those whom nobody has taken."""
        owners = {self._owner(bits) for bits in self._seen.values() if bits != _TAKEN}
        return sorted(owners)

    def _owner(self, bits: int) -> int:
        return ((bits >> self._width) or bits).bit_length() - 1

    def left(self) -> int:
        """Count the people whom nobody has taken."""
        return sum(bits != _TAKEN for bits in self._seen.values())
