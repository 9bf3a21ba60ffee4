"""Tests of identities in any history of a workspace."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from .identity_sync import Oomnitza, sync


@dataclass
class Member:
    """One person in Slack."""

    number: int
    address: int
    name: int = 0
    active: bool = True
    keeps_address: bool = True

    def record(self) -> dict[str, Any]:
        email = f"a{self.address}@x.example" if self.active or self.keeps_address else None
        return {
            "id": f"U{self.number}",
            "name": f"m{self.number}.{self.name}",
            "email": email,
            "title": f"t{self.name}",
            "deleted": not self.active,
        }


@dataclass
class World:
    """Workspace of people who change, and the Oomnitza that it is synced to."""

    members: list[Member] = field(default_factory=list)
    oomnitza: Oomnitza = field(default_factory=Oomnitza)
    owners: dict[str, str] = field(default_factory=dict)

    def free(self, address: int) -> bool:
        return all(each.address != address or not (each.active or each.keeps_address) for each in self.members)

    def change(self, what: str, who: int, address: int) -> None:
        """Change one person, if possible."""
        if what == "join" and self.free(address):
            self.members.append(Member(len(self.members), address))
        if not self.members:
            return
        member = self.members[who % len(self.members)]
        if what == "hand over":
            # A new person gets an address that another one gave up.
            former = member.address
            self.change("move", who, address)
            if not self.free(former):
                self.change("vanish", who, address)
            self.change("join", who, former)
        if what == "rename":
            member.name += 1
        elif what == "move" and self.free(address):
            member.address = address
        elif what in ("leave", "vanish"):
            member.active, member.keeps_address = False, what == "leave"
        elif what == "return" and (self.free(member.address) or member.keeps_address):
            member.active = member.keeps_address = True

    def check(self) -> None:
        """Check that no person was doubled or became another one."""
        for user_id, each in self.oomnitza.people.items():
            slack_id = each.get("slack_user_id")
            if slack_id:
                assert self.owners.setdefault(user_id, slack_id) == slack_id, "somebody has become another"
        for member in self.members:
            assert len(self.oomnitza.by_slack_id(f"U{member.number}")) <= 1, "somebody is doubled"
        assert len(self.oomnitza.people) <= len(self.members), "somebody is doubled"

    def blocked(self, member: Member) -> bool:
        """Return whether another person, or a circle of people, keeps a member's address."""
        holders = {each["email"]: each.get("slack_user_id") for each in self.oomnitza.people.values()}
        wanted = {f"U{each.number}": each.record()["email"] for each in self.members}
        slack_id: Any = f"U{member.number}"
        for _ in range(len(self.members) + 1):
            holder = holders.get(wanted[slack_id])
            if holder is None:
                return False
            if holder == slack_id or not wanted[holder]:
                return holder != f"U{member.number}"
            slack_id = holder
        return True


steps = st.tuples(
    st.sampled_from(["hand over", "move", "join", "rename", "leave", "vanish", "return"]),
    st.integers(0, 4),
    st.integers(0, 6),
)
histories = st.lists(st.lists(steps, min_size=1, max_size=4), min_size=1, max_size=4)


@settings(max_examples=60)
@given(histories, st.randoms(use_true_random=False), st.integers(1, 4), st.integers(1, 3))
def test_identities_hold_in_any_history(history: Any, random: Any, batch_size: int, workers: int) -> None:
    world = World([Member(number, number) for number in range(3)])
    for changes in [[], *history]:
        for change in changes:
            world.change(*change)
        records = [each.record() for each in world.members]
        random.shuffle(records)
        sync(world.oomnitza, *records, batch_size=batch_size, num_workers=workers)
        world.check()
        for member in world.members:
            if member.active and not world.blocked(member):
                (found,) = world.oomnitza.by_slack_id(f"U{member.number}")
                assert (found["email"], found["position"]) == (member.record()["email"], f"t{member.name}")
