"""Tests which workspace gives a person's record."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_slack_users.grid import Membership
from source_slack_users.users import ADMIN, OWNER, Standing

TEAMS = ["T0", "T1", "T2", "T3"]
# For each person and workspace: whether they are active there; None if they are not in it.
ORGANIZATION = st.dictionaries(
    st.text("UVW", min_size=1, max_size=4),
    st.lists(st.sampled_from([None, True, False]), min_size=4, max_size=4).filter(lambda homes: set(homes) != {None}),
)


def see(membership: Membership, workspace: int, *members: dict[str, Any]) -> None:
    membership.begin_listing(workspace)
    membership.see([(member["id"], member.get("updated", 0), member) for member in members])


def take(membership: Membership, person: str) -> list[str] | None:
    standing = membership.take(person, 0)
    return standing and standing.team_ids


@given(ORGANIZATION, st.integers(min_value=1, max_value=3))
def test_membership_gives_each_record_once(organization: dict[str, list[bool | None]], listings: int) -> None:
    """The last workspace in which a person is active gives it, else the last one."""
    membership = Membership(TEAMS, 0)

    def list_workspace(workspace: int) -> None:
        people = [(person, homes[workspace]) for person, homes in organization.items()]
        see(
            membership,
            workspace,
            *({"id": person, "deleted": not active} for person, active in people if active is not None),
        )

    for workspace in [*range(3)] * listings:
        list_workspace(workspace)
    taken = {}
    for workspace in (3, 0, 1, 2, 1, 3):
        list_workspace(workspace)
        for person in organization:
            team_ids = take(membership, person) if organization[person][workspace] is not None else None
            if team_ids is not None:
                assert person not in taken
                taken[person] = (workspace, team_ids)
    for person, homes in organization.items():
        listed = [index for index, active in enumerate(homes) if active is not None]
        active_in = [index for index, active in enumerate(homes) if active]
        assert taken[person] == (max(active_in or listed), [TEAMS[index] for index in listed])
    assert membership.left() == 0
    assert membership.awaited() == []


def test_membership_without_a_taker_is_left() -> None:
    membership = Membership(["T0", "T1"], 0)
    see(membership, 0, {"id": "U1"})
    see(membership, 1, {"id": "U2"})
    assert take(membership, "U2") == ["T1"]
    assert (membership.left(), membership.awaited()) == (1, [0])


def test_membership_second_listing_corrects_the_first() -> None:
    membership = Membership(["T0", "T1"], 0)
    see(membership, 0, {"id": "U1"})
    see(membership, 1, {"id": "U1"})
    see(membership, 1, {"id": "U1", "deleted": True})
    assert take(membership, "U1") is None
    see(membership, 0, {"id": "U1"})
    assert take(membership, "U1") == ["T0", "T1"]
    assert membership.left() == 0


def test_membership_newer_copy_is_taken_again() -> None:
    membership = Membership(["T0", "T1"], 0)
    see(membership, 1, {"id": "U1"})
    assert take(membership, "U1") == ["T1"]
    membership.see([("U1", 0, {"deleted": True})])
    assert take(membership, "U1") == ["T1"]
    see(membership, 1, {"id": "U1"})
    assert take(membership, "U1") is None, "another listing of the same workspace brings no news"


def test_membership_newer_copy_moves_the_record() -> None:
    membership = Membership(["T0", "T1"], 0)
    see(membership, 0, {"id": "U1"})
    see(membership, 1, {"id": "U1"})
    assert take(membership, "U1") == ["T0", "T1"]
    membership.see([("U1", 0, {"deleted": True})])
    assert take(membership, "U1") is None
    assert membership.awaited() == [0]
    see(membership, 0, {"id": "U1"})
    assert take(membership, "U1") == ["T0", "T1"]
    assert membership.left() == 0


def test_membership_of_one_workspace_remembers_nothing() -> None:
    membership = Membership(["T0"], 5)
    see(membership, 0, {"id": "U1", "updated": 9, "is_admin": True})
    assert membership.take("U1", 9) == membership.take("U2", 0) == Standing(["T0"])
    assert membership.left() == 0


@pytest.mark.parametrize("teams", [["T0"], ["T0", "T1"]])
@pytest.mark.parametrize(("updated", "due"), [(1, False), (99, False), (100, True), (101, True), (0, True)])
def test_membership_change_in_the_second_of_the_state_is_due(teams: list[str], updated: int, due: bool) -> None:
    membership = Membership(teams, 100)
    see(membership, 0, {"id": "U1", "updated": updated})
    assert (membership.take("U1", updated) is not None) is due
    assert membership.left() == 0, "who is not due is not awaited"


@pytest.mark.parametrize(
    ("since", "elsewhere", "here", "changed"),
    [(100, 100, 99, 100), (100, 101, 100, 101), (100, 101, 102, 0), (100, 101, 0, 101), (0, 101, 100, 0)],
)
def test_membership_later_change_elsewhere_counts(since: int, elsewhere: int, here: int, changed: int) -> None:
    membership = Membership(["T0", "T1"], since)
    see(membership, 0, {"id": "U1", "updated": elsewhere})
    see(membership, 1, {"id": "U1", "updated": here})
    standing = membership.take("U1", here)
    assert standing is not None
    assert standing.changed == changed


def test_membership_unchanged_everywhere_is_not_due() -> None:
    membership = Membership(["T0", "T1"], 100)
    see(membership, 0, {"id": "U1", "updated": 99})
    see(membership, 1, {"id": "U1", "updated": 98})
    assert membership.take("U1", 98) is None


def test_membership_adds_up_the_rights() -> None:
    membership = Membership(["T0", "T1"], 0)
    see(membership, 0, {"id": "U1", "deleted": True, "is_admin": True})
    see(membership, 1, {"id": "U1", "deleted": True, "enterprise_user": {"is_owner": True}})
    standing = membership.take("U1", 0)
    assert standing is not None
    assert standing.rights == ADMIN | OWNER
