"""Tests of SaaS user rows, in every form that is not documented."""

from __future__ import annotations

from typing import Any

import pytest
from destination_oomnitza.api.saas_user import activity, id_in, listed_roles


@pytest.mark.parametrize(
    ("row", "active"),
    [
        ({}, None),
        ({"deactivated": True}, False),
        ({"deactivated": False}, True),
        ({"deactivated": "1"}, False),
        ({"deactivated": "false"}, True),
        ({"deactivated": None}, None),
        ({"deactivated": "Deactivated"}, False),
        ({"deactivated": "inactive"}, False),
        ({"deactivated": "active"}, True),
        ({"active": True}, True),
        ({"active": "0"}, False),
        ({"is_active": False}, False),
        ({"is_active": 1}, True),
        ({"status": "Active"}, True),
        ({"status": "deactivated"}, False),
        ({"status": "inactive"}, False),
        ({"status": "licensed"}, None),
        ({"status": "licensed", "deactivated": True}, False),
        ({"active": "", "status": "active"}, True),
    ],
)
def test_activity_of_a_row(row: dict[str, Any], active: bool | None) -> None:
    assert activity(row) is active


@pytest.mark.parametrize(
    ("roles", "found"),
    [
        (None, {}),
        ([], {}),
        ({}, {}),
        ({"role_id": "", "role_external_id": "", "role_external_label": ""}, {}),
        ({"role_id": "r1", "role_external_label": "Admin"}, {"r1": "Admin"}),
        ([{"role_id": 1, "role_external_label": "Admin"}, {"role_id": "r2"}], {"1": "Admin", "r2": ""}),
        (["r1"], {"r1": ""}),
        ([{"role_external_id": "m-1", "role_external_label": "Member"}], {"m-1": ""}),
        ([{"role_id": "", "role_external_label": "Member"}], {"Member": ""}),
    ],
)
def test_listed_roles_object_or_list(roles: Any, found: dict[str, str]) -> None:
    assert listed_roles({"roles": roles}) == found


@pytest.mark.parametrize(
    ("created", "ident"),
    [
        ({"saas_id": 7}, "7"),
        ([{"saas_id": "7"}], "7"),
        ("7", "7"),
        (7, "7"),
        ({}, None),
        ([], None),
        (None, None),
        ({"saas_id": ""}, None),
        ({"saas_id": {"x": 1}}, None),
    ],
)
def test_id_in_any_shape_of_a_creation(created: Any, ident: str | None) -> None:
    assert id_in(created, "saas_id") == ident
