"""Tests of the limits of templates: output, work and time are bounded."""

from __future__ import annotations

import copy
import resource
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from destination_oomnitza.config.models import FieldMapping
from destination_oomnitza.mapping import template_budget
from destination_oomnitza.mapping.record_mapping import RecordMapping, RecordRejected
from destination_oomnitza.mapping.rules import explicit_rule
from destination_oomnitza.mapping.template_budget import MAX_CHARACTERS
from destination_oomnitza.mapping.templates import TemplateFailed, compile_template
from destination_oomnitza.person_schema import Kind, PersonField, PersonSchema
from hypothesis import given, settings
from hypothesis import strategies as st

from .rendering import RECORD, render


def growing() -> Iterator[str]:
    """Return templates whose output or work would have no bound."""
    yield from growing_values()
    yield from growing_formats()
    yield from growing_loops()
    yield from endless_work()


def growing_values() -> Iterator[str]:
    yield "{{ 'a' * 200000000 }}"
    yield "{{ 200000000 * 'a' }}"
    yield "{{ [0] * 200000000 }}"
    yield "{{ ('a' * 90000) * 90000 }}"
    yield "{{ 'a' * 60000 }}{{ 'a' * 60000 }}"
    yield "{{ ('a' * 60000) + ('a' * 60000) }}"
    yield "{{ ('a' * 60000) ~ ('a' * 60000) }}"
    yield "{{ 10 ** 100000000 }}"
    yield "{{ (10 ** 1000) * (10 ** 1000) }}"
    yield "{{ 2 ** (3 ** (4 ** 5)) }}"
    yield "{{ (5).to_bytes(200000000, 'big') }}"
    yield "{{ 3.5 | round(20000000, 'ceil') }}"
    for call in ("center(200000000)", "ljust(200000000)", "rjust(200000000)", "zfill(200000000)"):
        yield f"{{{{ 'a'.{call} | length }}}}"
    yield "{{ '\\t'.expandtabs(200000000) | length }}"
    yield "{{ 'a' | center(200000000) | length }}"
    yield "{{ ('a' * 90000).replace('a', 'b' * 90000) | length }}"
    yield "{{ ('a' * 90000) | replace('a', 'b' * 90000) | length }}"
    yield "{{ ('a' * 90000) | regex_replace('a', 'b' * 90000) | length }}"
    yield "{{ ('a' * 50000) | regex_replace('(?=(.*))', '\\\\1') | length }}"
    yield "{{ ('a' * 90000).translate({97: 'b' * 90000}) | length }}"
    yield "{{ ('b' * 90000).join('a' * 90000) | length }}"
    yield "{{ ('b' * 90000).join(('a' * 90000) | map('upper')) | length }}"
    yield "{{ ('a' * 90000) | map('upper') | join('b' * 90000) | length }}"
    yield "{{ ('a\\n' * 40000) | indent(90000) | length }}"
    yield "{{ ('a' * 90000) | wordwrap(1, true, 'b' * 90000) | length }}"
    yield "{{ [1] | batch(200000000, 'x') | list | length }}"
    yield "{{ [1] | slice(200000000) | list | length }}"
    yield "{{ record | tojson(indent=200000000) | length }}"
    yield "{{ [['a'] * 50000] | sum(start=[]) | length }}"


def growing_formats() -> Iterator[str]:
    yield "{{ '%200000000d' % 1 }}"
    yield "{{ '%*d' % (200000000, 1) }}"
    yield "{{ '%.200000000f' % 1.5 }}"
    yield "{{ ('%9999d' * 1000) % ((1,) * 1000) | length }}"
    yield "{{ (('%(a)s' * 9000) % {'a': 'a' * 9000}) | length }}"
    yield "{{ '%200000000d' | format(1) }}"
    yield "{{ '{:200000000}'.format(1) }}"
    yield "{{ '{:{}}'.format(1, 200000000) }}"
    yield "{{ ('{0}' * 9000).format('a' * 9000) | length }}"
    yield "{{ ('{a}' * 9000).format_map({'a': 'a' * 9000}) | length }}"


def growing_loops() -> Iterator[str]:
    yield "{{ (['a'] * 2000) | map('center', 90000) | list | length }}"
    yield "{% for x in (['a'] * 2000) | map('center', 90000) %}{{ loop.length }}{% endfor %}"
    for pair in ("[a, a]", "(a, a)", "{'x': a, 'y': a}", "a + a", "a * 2", "[a] * 2"):
        yield "{% set a = [1, 1] %}" + f"{{% set a = {pair} %}}" * 40 + "{{ a }}"
    yield "{% set a = 'a' %}" + "{% set a = a ~ a %}" * 40 + "{{ a | length }}"
    for step in ("[ns.x, ns.x]", "[ns.x, i.center(90000)]", "ns.x ~ ns.x", "namespace(a=ns.x, b=ns)"):
        yield (
            "{% set ns = namespace(x='a') %}{% for i in 'a' * 1000 %}{% set ns.x = "
            + step
            + " %}{% endfor %}{{ ns.x }}"
        )
    yield "{% set s = 'a' * 90000 %}{% for a in s %}{% for b in s %}{% for c in s %}{% endfor %}{% endfor %}{% endfor %}"
    yield "{% set s = 'a' * 9000 %}{% for a in s %}{% for b in s %}{% if (a * 9000) | length %}{% endif %}{% endfor %}{% endfor %}"
    yield "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}"


def endless_work() -> Iterator[str]:
    yield "{{ '%.*d' % (900000000, 1) }}"
    yield "{{ '%(a)*d' % {'a': 1} }}"
    yield "{{ '%-0*d' % (900000000, 1) }}"
    yield "{{ ('%(' * 90000) % {} }}"
    yield "{{ ('a' * 90000) | wordwrap(1, true, 'b') | length }}"
    yield "{{ ('<!--x-->' * 12000) | striptags | length }}"
    yield "{{ ('\u0101' * 90000).encode('punycode') | length }}"
    yield "{{ ('a' * 90000).encode('idna') | length }}"
    yield "{{ ('a' * 90000) | trim('b' * 90000) | length }}"
    yield "{{ ('a' * 90000).strip('b' * 90000) | length }}"
    yield "{{ ('a' * 90000).rfind('b' ~ 'a' * 45000) }}"
    yield "{{ 5 | round(-9000000) }}"
    yield "{{ now_utc().strftime('%99999999d' * 9000) | length }}"
    yield "{{ format_datetime('2024-01-02', '%99999999d' * 9000) | length }}"
    yield "{{ str_to_datetime('2024' * 9000) }}"
    yield "{% set s = 'a' * 90000 %}{% for a in s %}{% for b in s %}{% if 'b' in s %}{% endif %}{% endfor %}{% endfor %}"
    yield "{% set s = 'a' * 90000 %}{% for a in s %}{% if s == s ~ '' %}{% endif %}{% endfor %}"
    yield "{% set s = 'a' * 90000 %}{% for a in s %}{% if 'b' is in(s) %}{% endif %}{% endfor %}"
    yield "{% set s = 'a' * 90000 %}{% for a in s if 'b' in s %}{% endfor %}"
    yield "{% set s = 'a' * 90000 %}{{ s | select('in', s) | list }}"
    yield "{% set s = 'a' * 90000 %}{% for a in s %}{% if s.count('b') %}{% endif %}{% endfor %}"
    yield "{% set s = (('a' * 9000) | list) %}{% for a in s %}{% if s.index('a') %}{% endif %}{% endfor %}"
    slices = "".join(f"{{% set s{number} = s[1:] %}}" for number in range(600))
    yield "{% set s = 'a' * 99000 %}" + slices
    yield "{% set ns = namespace(l=[]) %}{% set s = 'a' * 9000 %}{% for a in s %}{% set ns.l = s[1:] %}{% endfor %}"
    yield "{{ ('a' * 41 ~ '!') | regex_search('^(a|a)*$') }}"
    yield "{{ ('a' * 41 ~ '!') | regex_replace('^(a|aa)+$', '') }}"
    yield "{{ 'a' | regex_search('a' * 9000) }}"
    yield "{% for a in 'a' * 9000 %}{{ 'a' | regex_search('a' * 900) }}{% endfor %}"


@pytest.mark.parametrize("template", growing(), ids=lambda template: template[:60])
def test_template_output_and_work_are_bounded(template: str) -> None:
    kilobytes, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(
        TemplateFailed, match=r"more than the|does more work|works longer|deep|not allowed|sum is for|as a value"
    ):
        render(template)
    assert time.process_time() - start < 3
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - kilobytes < 100_000


@pytest.mark.parametrize(
    "record",
    [
        {"x": "a" * 3_000_000},
        {"x": [1] * 1_000_000},
        {"x": {str(n): n for n in range(200_000)}},
        {"x": [["a" * 50_000] * 3] * 3},
    ],
    ids=["text", "list", "object", "nested"],
)
@pytest.mark.parametrize("use", ["{{ %s }}", "{{ %s ~ '' }}", "{{ %s | tojson }}", "{{ [%s] }}"])
def test_template_with_huge_value_is_rejected(record: dict[str, Any], use: str) -> None:
    with pytest.raises(TemplateFailed, match=f"more than the {MAX_CHARACTERS} characters"):
        render(use % "record['x']", record)


def test_template_with_deep_value_is_rejected() -> None:
    deep: list[Any] = []
    for _ in range(500):
        deep = [deep]
    with pytest.raises(TemplateFailed, match="deep"):
        render("{{ record['x'] }}", {"x": deep})


def test_template_with_long_text_is_rendered() -> None:
    assert len(render("{{ record['x'] | replace('a', 'bb') }}", {"x": "a" * 20_000})) == 40_000
    assert len(render(f"{{{{ 'a' * {MAX_CHARACTERS} }}}}")) == MAX_CHARACTERS


def test_budget_is_renewed_for_each_record() -> None:
    template = compile_template("{% for a in 'a' * 90000 %}{{ a }}{% endfor %}")
    for _ in range(8):
        assert len(template({})) == 90_000


def test_budget_of_time_ends_a_template(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_budget, "MAX_SECONDS", 0.0)
    with pytest.raises(TemplateFailed, match="works longer on one record than is allowed"):
        compile_template("{{ 'a' * 9000 }}")({})


def test_budget_is_shared_by_all_templates_of_a_record() -> None:
    work = "{{ ('a' * 90000) | length }}"
    instance = PersonSchema.unknown()
    rule = explicit_rule(FieldMapping(field="address", value=work), instance)
    fields = [PersonField(f"c{number}", "", Kind.TEXT) for number in range(20)]
    email = explicit_rule(FieldMapping(field="email", value="email"), instance)
    mapping = RecordMapping([email, *(replace(rule, field=each) for each in fields)], ["email"], {})
    for _ in range(2):
        with pytest.raises(RecordRejected, match="does more work on one record than is allowed"):
            mapping({"email": "a@b.example"})
    few = RecordMapping([email, *(replace(rule, field=each) for each in fields[:2])], ["email"], {})
    for _ in range(8):
        assert few({"email": "a@b.example"}) is not None


PIECES = [
    "record",
    "'a'",
    "9999",
    "[record, record]",
    "namespace(x=record)",
    "dict(a=record)",
    "(1, 2)",
    "now_utc()",
    "-1",
]
STEPS = [
    "{0} ~ {0}", "{0} * 99999", "[{0}, {0}]", "{0} + {0}", "{0} % 3", "{0} ** 9", "({0})|list", "({0})|join('ab')", "({0})|tojson",
    "({0})|map('string')",
    "({0})|string", "({0})[1:]", "[{0} == 1]", "1 in {0}",
    "({0}).x.y", "({0})|sort", "({0})|batch(3)", "({0})|items", "({0}).keys()", "({0})|length",
    "({0}).center(99999)", "({0})|urlencode", "({0})|first", "({0})|dictsort", "{{'k': {0}}}", "({0})|replace('a', 'bbb')", "({0})|reverse",
    "({0})|xmlattr", "({0})|groupby('a')", "({0})|unique", "'%s%s' % ({0}, {0})", "'{{0}}{{0}}'.format({0})", "({0})|attr('update')",
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::SyntaxWarning")  # by Python, for a template such as `1[1:]`
@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PIECES), st.lists(st.sampled_from(STEPS), min_size=1, max_size=10))
def test_template_chain_is_bounded_text_or_reason(piece: str, steps: list[str]) -> None:
    for step in steps:
        piece = step.format(piece) if len(piece) < 3000 else piece
    record = copy.deepcopy(RECORD)
    try:
        text = render("{{ " + piece + " }}", record)
    except TemplateFailed as failure:
        assert str(failure)
    else:
        assert isinstance(text, str) and len(text) <= MAX_CHARACTERS
    assert record == RECORD
