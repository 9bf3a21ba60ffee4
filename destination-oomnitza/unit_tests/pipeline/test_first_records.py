"""Tests of first records: shown beside the rules, in a test run only."""

from __future__ import annotations

import pytest
from destination_oomnitza.config.models import Config
from destination_oomnitza.person_schema import PersonSchema
from destination_oomnitza.pipeline.first_records import FirstRecords
from destination_oomnitza.planning.stream_plan import plan_streams
from destination_oomnitza.protocol.catalog import Stream

CONFIG = Config.parse(
    {
        "instance_url": "acme",
        "credentials": {"auth_type": "api_token", "api_token": "made up"},
        "default_role": 25,
    }
)


@pytest.mark.parametrize("shown", [True, False])
def test_first_record_of_each_stream_is_shown_in_a_test_run(shown: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "airbyte")
    first = FirstRecords(shown)
    plans = plan_streams(CONFIG, PersonSchema.unknown(), [Stream("users"), Stream("guests")])
    for plan in plans:
        for name in ("ada", "bob"):
            first.take(plan, {"name": f"{name} of {plan.stream.name}", "email": "x@acme.example"})
    plans += plan_streams(CONFIG, PersonSchema.unknown(), [Stream("nobody")])
    first.finish(plans)
    texts = [record.message for record in caplog.records]
    last = texts.pop().partition("\n")[0] if shown else ""
    assert last == ("Mapping of nobody, of which no record was written:" if shown else "")
    assert [text.partition("\n")[0] for text in texts] == (
        ["Mapping of users, with its first record:", "Mapping of guests, with its first record:"] if shown else []
    )
    for text, stream in zip(texts, ("users", "guests"), strict=False):
        assert f"ada of {stream}" in text and "bob" not in text
