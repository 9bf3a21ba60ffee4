"""Which workspace gives a person's record."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from source_slack_users.grid import Sightings

TEAMS = ["T0", "T1", "T2", "T3"]
# For each person and workspace: None (not there), or whether active.
ORGANIZATION = st.dictionaries(
    st.text("UVW", min_size=1, max_size=4),
    st.lists(st.sampled_from([None, True, False]), min_size=4, max_size=4).filter(lambda homes: set(homes) != {None}),
)


@given(ORGANIZATION, st.integers(min_value=1, max_value=3))
def test_everybody_is_given_once_by_the_last_workspace_where_they_are_active(
    organization: dict[str, list[bool | None]], listings: int
) -> None:
    sightings = Sightings(TEAMS, 0)
    for _ in range(listings):  # a listing that starts anew changes nothing
        for person, homes in organization.items():
            for workspace, active in enumerate(homes):
                if active is not None:
                    sightings.see(person, workspace, active=active, updated=0)
    taken = {
        (person, workspace): team_ids
        for _ in range(2)
        for workspace in (3, 0, 1, 2)
        for person in organization
        if (team_ids := sightings.take(person, workspace)) is not None
    }
    for person, homes in organization.items():
        listed = [index for index, active in enumerate(homes) if active is not None]
        active_in = [index for index, active in enumerate(homes) if active]
        assert taken.pop((person, max(active_in or listed))) == [TEAMS[index] for index in listed]
    assert not taken
    assert sightings.left() == 0


def test_whoever_nobody_takes_is_left() -> None:
    sightings = Sightings(["T0", "T1"], 0)
    sightings.see("U1", 0, active=True, updated=0)
    sightings.see("U2", 1, active=True, updated=0)
    assert sightings.take("U2", 1) == ["T1"]
    assert sightings.take("U3", 1) is None
    assert sightings.left() == 1


def test_the_second_listing_of_a_workspace_corrects_the_first() -> None:
    sightings = Sightings(["T0", "T1"], 0)
    sightings.see("U1", 0, active=True, updated=0)
    sightings.see("U1", 1, active=True, updated=0)
    sightings.see("U1", 1, active=False, updated=0)
    assert sightings.take("U1", 1) is None
    assert sightings.take("U1", 0) == ["T0", "T1"]
    sightings.see("U1", 1, active=True, updated=0)  # taken is taken
    assert sightings.take("U1", 1) is None
