"""Tests the table of error codes against the codes that Slack documents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.streams.http.error_handlers import ResponseAction
from source_slack_users.error_codes import RULES

DOCUMENTED = json.loads((Path(__file__).parent / "slack_error_codes.json").read_text())
CODES = {
    *DOCUMENTED["common"],
    *(code for codes in DOCUMENTED["methods"].values() for code in codes),
    *(code for codes in DOCUMENTED["elsewhere"].values() for code in codes),
}
FAILS = (ResponseAction.FAIL, ResponseAction.REFRESH_TOKEN_THEN_RETRY)


def test_table_of_codes_equals_slacks_pages() -> None:
    assert set(RULES) == CODES


@pytest.mark.parametrize("code", sorted(RULES))
def test_rule_that_fails_has_advice_and_failure_type(code: str) -> None:
    rule = RULES[code]
    assert bool(rule.advice) == bool(rule.failure_type) == (rule.action in FAILS)
    if rule.failure_type is FailureType.config_error and code != "missing_scope":  # its advice names the scope
        assert rule.advice.count(". ") >= 1, "names the cause and the fix"


SHARED = [{"invalid_team", "invalid_team_id"}, {"is_bot", "user_is_bot"}, {"paid_only", "paid_teams_only"}]


def test_each_administrators_code_has_its_own_advice() -> None:
    """Two codes share advice only as spellings of one code, or in OAuth's consent."""
    by_advice: dict[str, set[str]] = {}
    for code, rule in RULES.items():
        if rule.failure_type is FailureType.config_error:
            by_advice.setdefault(rule.advice, set()).add(code)
    consent = {
        "bad_redirect_uri",
        "invalid_code",
        "invalid_code_verifier",
        "no_scopes",
        "oauth_authorization_url_mismatch",
        "pkce_not_allowed",
    }
    shared = [codes for codes in by_advice.values() if len(codes) > 1]
    assert sorted(map(sorted, shared)) == sorted(map(sorted, [*SHARED, consent]))
