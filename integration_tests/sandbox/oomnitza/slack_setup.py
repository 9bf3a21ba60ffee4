"""Prepares an instance for Slack, as Oomnitza's guide to the integration asks.

https://oomnitza.zendesk.com: "Slack user integration", and the two integrations for last logins and billing.
"""

from __future__ import annotations

from integration_tests.sandbox.oomnitza.instance import Oomnitza
from integration_tests.sandbox.oomnitza.store import Row

CONNECTOR_ID = 268


def set_up_slack(oomnitza: Oomnitza) -> int:
    """Add the custom fields for Slack and an integration with a drawn mapping.

    Returns the id of the integration.

    The fields: slack_user_id (unique), slack_last_login (a date), slack_billing_active (true or false).
    """
    slack_user_id = oomnitza.add_field("slack_user_id", "Slack User Id", unique=True)
    oomnitza.add_field("slack_last_login", "Slack Last Login", "date")
    oomnitza.add_field("slack_billing_active", "Slack Billing Active", "boolean")
    attributes = {
        "USER": "name",
        "EMAIL": "profile.email",
        "FIRST_NAME": '{{ profile["first_name"] }}',
        "LAST_NAME": '{{ profile["last_name"] }}',
        "PHONE": "profile.phone",
        "POSITION": "profile.title",
        slack_user_id: "id",
    }
    mapping: dict[str, Row] = {name: {"type": "attribute", "value": value} for name, value in attributes.items()}
    mapping["PERMISSIONS_ID"] = {"type": "value", "value": "25"}
    return oomnitza.add_integration("Slack", mapping, connector_id=CONNECTOR_ID)
