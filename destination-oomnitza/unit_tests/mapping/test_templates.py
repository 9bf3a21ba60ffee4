"""Tests of templates: text stays text, records do not change, work is bounded."""

from __future__ import annotations

import copy
import resource
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from destination_oomnitza.config.models import FieldMapping
from destination_oomnitza.mapping import template_budget
from destination_oomnitza.mapping.expressions import compile_native, native_paths_read, paths_read
from destination_oomnitza.mapping.record_mapping import RecordMapping, RecordRejected
from destination_oomnitza.mapping.rules import explicit_rule
from destination_oomnitza.mapping.template_budget import MAX_CHARACTERS
from destination_oomnitza.mapping.templates import TemplateFailed, compile_template, is_template
from destination_oomnitza.person_schema import Kind, PersonField, PersonSchema
from hypothesis import given, settings
from hypothesis import strategies as st

RECORD: dict[str, Any] = {
    "name": "ada",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "phone": "+15551234567",
    "n": 7,
    "none": None,
    "flag": True,
    "list": [1, 2, 3],
    "profile": {"title": "Engineer", "fields": [{"name": "T-shirt", "value": "M"}]},
}


def render(text: str, record: dict[str, Any] | None = None) -> str:
    return compile_template(text)(RECORD if record is None else record)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ record['first_name'] }} {{ record.last_name }}", "Ada Lovelace"),
        ("{{ record['phone'] }}", "+15551234567"),
        ("{{ '007' }}", "007"),
        ("{{ '1e5' }}", "1e5"),
        ("{{ 'None' }}", "None"),
        ("{{ 'True' }}", "True"),
        ("{{ '[1]' }}", "[1]"),
        ("{{ record['none'] }}", ""),
        ("{{ record['missing'] }}", ""),
        ("{{ record['n'] }}", "7"),
        ("{{ record['n'] | string }}", "7"),
        ("{{ record['n'] + 1 }}", "8"),
        ("{{ record['flag'] }}", "True"),
        ("{{ record['profile']['title'] | upper }}", "ENGINEER"),
        ("{{ 'boss' if record['flag'] else 'worker' }}", "boss"),
        ("{% if record['n'] > 5 %}many{% else %}few{% endif %}", "many"),
        ("{% for f in record['profile']['fields'] if f['name'] == 'T-shirt' %}{{ f['value'] }}{% endfor %}", "M"),
        ("{% for x in record['list'] %}{{ x }}{{ '' if loop.last else '-' }}{% endfor %}", "1-2-3"),
        ("{% set x = record['n'] * 2 %}{{ x }}", "14"),
        ("{% set a, b = 1, 2 %}{{ a ~ b ~ none }}", "12"),
        ("{{ record['list'] | map('string') | join(', ') }}", "1, 2, 3"),
        ("{{ record['list'] | select('gt', 1) | list | length }}", "2"),
        ("{{ record['list'] | sum }} {{ record['list'] | last }} {{ record['list'] | reverse | first }}", "6 3 3"),
        ("{{ record['phone'] | regex_replace('[^0-9]', '') }}", "15551234567"),
        ("{{ record['phone'] | regex_search('^.(1)') }}", "1"),
        ("{{ record['name'] | hash }}", "8c8d357b5e872bbacd45197626bd5759"),
        ("{{ format_datetime('2024-01-02', '%d.%m.%Y') }}", "02.01.2024"),
        ("{{ timestamp('2024-01-02') | int }}", "1704153600"),
        ("{{ '%s-%03d' | format('a', 5) }} {{ '{}/{}'.format('a', 'b') }}", "a-005 a/b"),
        ("{{ record.get('missing', 1700000000) }} {{ record['x'] | default('y') }}", "1700000000 y"),
        ("{{ {'a': [1, 2]}['a'][1] }} {{ dict(a=3)['a'] }}", "2 3"),
        ("{{ (record['none'] or {})['x'] }}", ""),
        ("{{ record['missing']['title']['en'] }}{{ record.none.x }}{{ profile.missing.x | upper }}", ""),
        ("{{ first_name }} {{ profile['title'] }} {{ profile.fields[0].name | lower }}", "Ada Engineer t-shirt"),
        ("{{ missing }}{{ missing.x }}{{ none }}{{ n + 1 }}", "8"),
        ("{{ timestamp }}{{ max }}{{ dict.x }}", ""),
        ("{{ record['first_name'][:2] }} {{ 'd' in name }} {{ 'x' not in record }}", "Ad True True"),
        ("{% raw %}{{ {% endraw %}", "{{ "),
    ],
)
def test_template_renders_text(template: str, text: str) -> None:
    assert render(template) == text


@given(st.text(max_size=200))
def test_template_keeps_text_of_a_record(text: str) -> None:
    assert render("{{ record['x'] }}", {"x": text}) == text
    assert render("{{ record['x'] ~ '' }}", {"x": [text][0]}) == text


def test_field_of_a_functions_name_is_a_variable_unless_called() -> None:
    record = {"timestamp": "noon", "min": 1, "record": "of the month"}
    assert render("{{ timestamp }} {{ min }} {{ record['record'] }}", record) == "noon 1 of the month"
    assert render("{{ timestamp('2024-01-02') | int }}", record) == "1704153600"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("n", 7), ("{{ n }}", 7), ("{{ flag }}", True), ("list", [1, 2, 3]), ("{{ missing }}", None), ("missing.x", None),
        ("profile.title", "Engineer"), ('{{ profile["title"] }}', "Engineer"), ("phone", "+15551234567"),
        ("list | map('string')", ["1", "2", "3"]),
        ("{{ first_name }} {{ n }}", "Ada 7"), ("First_SPACE_Name", "A"), ("work.e_DOT_mail", "a@b"), ('{{ work["e_DOT_mail"] }}', "a@b"),
        ("result", "r"), ("{% if flag %}{{ n }}{% endif %}", "7"), ("none", None), ("n > 5", True),
    ],
)  # fmt: skip
def test_native_template_keeps_the_type(expression: str, value: Any) -> None:
    record = {**RECORD, "First Name": "A", "work": {"e.mail": "a@b"}, "result": "r"}
    assert compile_native(expression)(record) == value


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("title", {"title"}), ("profile.fields[0].name", {"profile.fields.name"}),
        ("{{ record['a'] }} {{ record.b.c }}", {"a", "b.c"}), ("{{ a }} {{ b['c'].d }}", {"a", "b.c.d"}),
        ("{{ a.split('@')[0] }} {{ record.get('b', c) }}", {"a", "b", "c"}), ("{{ (record['a'] or {})['b'] }}", {"a"}),
        ("{% for f in record['fields'] if f['name'] == x %}{{ f.value }}{% endfor %}", {"fields", "x"}),
        ("{{ record.items() | list }}", {""}), ("{{ record }}", {""}), ("{{ timestamp(a) }}{% set b = a %}{{ b }}", {"a"}),
        ("{{ record[key] }}", {"", "key"}), ("{{ 1 }}", set()), ("{{ a[1:].b }}", {"a"}), ("{{ a | replace(b, 'c') }}", {"a", "b"}),
    ],
)  # fmt: skip
def test_paths_read_lists_fields_of_a_template(text: str, paths: set[str]) -> None:
    assert paths_read(text) == paths


def test_native_paths_read_have_blanks_and_dots() -> None:
    assert native_paths_read("First_SPACE_Name") == {"First Name"}
    assert native_paths_read("{{ work.e_DOT_mail }}") == {"work.e.mail"}


def test_is_template() -> None:
    assert is_template("{{ x }}") and is_template("{% if x %}") and not is_template("profile.title")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ record['a' }}", "line 1"),
        ("{{ record", r"expected 'end of print statement' \(line 1\)$"),
        ("{% if x %}", "endif"),
        ("{{ 'a' | shout }}", "No filter named 'shout'"),
        ("{{ 'a' is loud }}", "No test named 'loud'"),
        ("{{ title() }}", r"it calls title\(\), which does not exist"),
        ("{{ range(10) }}", r"it calls range\(\), which does not exist"),
        ("{{ response.profile.email }}", r"write {{ profile.email }} for {{ response.profile.email }}"),
        ("{{ response['x'] | upper }}", r"write {{ x }} for {{ response.x }}"),
        ("{{ response }}", "it reads response, which only Oomnitza's own integrations have"),
        ("{{ 'a' | urlize }}", "No filter named 'urlize'"),
        ("a" * 20_001 + "{{ x }}", "it is too long; a template may have 20000 characters"),
        ("{% macro m() %}{% endmacro %}", "a tag that is not available"),
        ("{% set x %}a{% endset %}", "a tag that is not available"),
        ("{% include 'x' %}", "a tag that is not available"),
        ("{% for x in record recursive %}{{ loop(x) }}{% endfor %}", "a tag that is not available"),
        ("{{ " + "(" * 9_000 + "1" + ")" * 9_000 + " }}", "nested too deeply"),
        ("{% for x in record %}" * 30 + "{% endfor %}" * 30, "nested too deeply"),
        ("{{ " + "9" * 5000 + " }}", "too long"),
    ],
)  # fmt: skip
def test_template_invalid_fails_before_any_record(template: str, expected: str) -> None:
    with pytest.raises(TemplateFailed, match=expected):
        compile_template(template)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ 1 / (record['n'] - 7) }}", "ZeroDivisionError"),
        ("{{ record['name'] + 1 }}", "^the template fails: TypeError"),
        (
            "{{ record['missing']['title'] + 1 }}",
            r"^the template fails, and the record has no missing.title; write \(record\['missing'\]\['title'\] or ''\): Undefined",
        ),
        ("{{ record['none'].upper() }}", "the record has no none; .* no attribute 'upper'"),
        ("{{ record['name'] | regex_search('(') }}", "^the filter regex_search fails: error: missing"),
        ("{{ record['list'] | regex_search('x') }}", "^the filter regex_search fails: TypeError: it needs text"),
        (
            "{{ name }}{{ record.none | regex_search('x') }}",
            r"^the filter regex_search fails, and the record has no none; write \(record\['none'\] or ''\): TypeError",
        ),
        ("{{ name is divisibleby(2) }}", "^the filter divisibleby fails"),
        ("{{ '%c' % 56789 }}", "surrogates"),
        ("{{ record.items }}", "a method is called with"),
        ("{{ record['list'] | map('string') }}", r"add \| list or \| join"),
        ("{% for x in record['list'] %}{{ loop }}{% endfor %}", "LoopContext"),
    ],
)
def test_template_failing_on_a_record_reports_reason(template: str, expected: str) -> None:
    with pytest.raises(TemplateFailed, match=expected):
        render(template)


def test_template_reason_is_short() -> None:
    with pytest.raises(TemplateFailed) as caught:
        render("{{ timestamp(record['x']) }}", {"x": "y" * 50_000})
    assert len(str(caught.value)) <= 300


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__ }}",
        "{{ ''['__class__'] }}",
        "{{ '' | attr('__class__') }}",
        "{{ [''] | map(attribute='__class__') | list }}",
        "{{ '{0.__class__.__mro__}'.format('') }}",
        "{{ '{x.__class__}'.format_map({'x': ''}) }}",
        "{{ max.__globals__ }}",
        "{{ now_utc.__code__ }}",
        "{{ record.get.__self__.__class__ }}",
        "{{ namespace.__init__.__globals__ }}",
        "{{ self.__init__ }}",
        "{{ dict.__subclasses__() }}",
        "{{ (1).__class__.__base__.__subclasses__() }}",
        "{% for x in record %}{{ loop.__class__ }}{% endfor %}",
        "{{ (record['list'] | map('upper')).gi_frame }}",
    ],
)
def test_template_cannot_leave_the_sandbox(template: str) -> None:
    try:
        text = render(template)
    except TemplateFailed:
        return
    assert text in ("", "[Undefined]")


@pytest.mark.parametrize(
    "expression",
    [
        "record.update({'name': 'eve'})",
        "record.pop('name')",
        "record.clear()",
        "record.setdefault('new', 1)",
        "record['list'].append(4)",
        "record['list'].sort()",
        "record['profile'].update(title='x')",
        "dict.update(record, {'name': 'eve'})",
        "dict.clear(record)",
        "(record | attr('update'))({'name': 'eve'})",
        "record['list'] | map('pop') | list",
        "[record] | map('attr', 'clear') | list",
        "record.__setitem__('name', 'eve')",
        "record['list'] | indent",
    ],
)
def test_template_never_changes_the_record(expression: str) -> None:
    record = copy.deepcopy(RECORD)
    for template in (
        f"{{{{ {expression} }}}}",
        f"{{% set x = {expression} %}}{{{{ x }}}}",
        "{% set record.name = 1 %}",
    ):
        with suppress(TemplateFailed):
            assert "eve" not in render(template, record)
        assert record == RECORD


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
