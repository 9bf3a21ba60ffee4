"""Chooses the workspace that gives a person's record."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_slack_users.grid import Membership
from source_slack_users.users import ADMIN, OWNER

TEAMS = ["T0", "T1", "T2", "T3"]
# For each person and workspace: None (not there), or whether active.
ORGANIZATION = st.dictionaries(
    st.text("UVW", min_size=1, max_size=4),
    st.lists(st.sampled_from([None, True, False]), min_size=4, max_size=4).filter(lambda homes: set(homes) != {None}),
)


def see(membership: Membership, workspace: int, *members: dict[str, Any]) -> None:
    membership.begin_listing(workspace)
    for member in members:
        membership.see(member)


@given(ORGANIZATION, st.integers(min_value=1, max_value=3))
def test_membership_gives_each_record_once(organization: dict[str, list[bool | None]], listings: int) -> None:
    """The last workspace in which they are active gives it, else the last that lists them."""
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
            team_ids = membership.take(person) if organization[person][workspace] is not None else None
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
    assert membership.take("U2") == ["T1"]
    assert (membership.left(), membership.awaited()) == (1, [0])


def test_membership_second_listing_corrects_the_first() -> None:
    membership = Membership(["T0", "T1"], 0)
    see(membership, 0, {"id": "U1"})
    see(membership, 1, {"id": "U1"})
    see(membership, 1, {"id": "U1", "deleted": True})
    assert membership.take("U1") is None
    see(membership, 0, {"id": "U1"})
    assert membership.take("U1") == ["T0", "T1"]
    assert membership.left() == 0


def test_membership_newer_copy_is_taken_again() -> None:
    membership = Membership(["T0", "T1"], 0)
    see(membership, 1, {"id": "U1"})
    assert membership.take("U1") == ["T1"]
    membership.see({"id": "U1", "deleted": True})
    assert membership.take("U1") == ["T1"]
    see(membership, 1, {"id": "U1"})
    assert membership.take("U1") is None, "another listing of the same workspace brings no news"


def test_membership_newer_copy_moves_the_record() -> None:
    membership = Membership(["T0", "T1"], 0)
    see(membership, 0, {"id": "U1"})
    see(membership, 1, {"id": "U1"})
    assert membership.take("U1") == ["T0", "T1"]
    membership.see({"id": "U1", "deleted": True})
    assert membership.take("U1") is None
    assert membership.awaited() == [0]
    see(membership, 0, {"id": "U1"})
    assert membership.take("U1") == ["T0", "T1"]
    assert membership.left() == 0


def test_membership_of_one_workspace_remembers_nothing() -> None:
    membership = Membership(["T0"], 5)
    see(membership, 0, {"id": "U1", "updated": 9, "is_admin": True})
    assert membership.take("U1") == membership.take("U2") == ["T0"]
    assert (membership.changed("U1"), membership.rights("U1"), membership.left()) == (0, 0, 0)


@pytest.mark.parametrize(("updated", "changed"), [(99, 0), (100, 100), (101, 101)])
def test_membership_change_in_the_second_of_the_state_counts(updated: int, changed: int) -> None:
    membership = Membership(["T0", "T1"], 100)
    see(membership, 0, {"id": "U1", "updated": updated})
    assert membership.changed("U1") == changed


def test_membership_without_a_state_remembers_no_changes() -> None:
    membership = Membership(["T0", "T1"], 0)
    see(membership, 0, {"id": "U1", "updated": 100})
    assert membership.changed("U1") == 0


def test_membership_adds_up_the_rights() -> None:
    membership = Membership(["T0", "T1"], 0)
    see(membership, 0, {"id": "U1", "deleted": True, "is_admin": True})
    see(membership, 1, {"id": "U1", "deleted": True, "enterprise_user": {"is_owner": True}})
    assert membership.rights("U1") == ADMIN | OWNER
