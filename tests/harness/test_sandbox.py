"""Templates in the sandbox: what is good renders as in Jinja; nothing gets out, runs for ever or fills the memory."""

from __future__ import annotations

import re
import subprocess
import sys

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UserError
from harness.patterns import MAX_PATTERN, check_search, search_power
from harness.prompts import evaluate, render
from harness.template_checks import check_template, columns_read

FIELDS: dict[str, object] = {
    "question": "ሰላም ነው ወይ? ",
    "choices": ["አንድ", "ሁለት", "ሦስት"],
    "nested": {"text": ["နေကောင်းလား", "สวัสดี"], "label": "B"},
    "lang": "am",
    "n": 3,
    "long": "ߒߞߏ 日本語 🎉 " * 900,
}


@pytest.mark.parametrize(
    "template",
    [
        "{{question}}\nA:",
        "{{ question.strip() }}{{ question|upper|trim }}",
        "{% for choice in choices %}{{ loop.index }}. {{ choice }}{% if not loop.last %}\n{% endif %}{% endfor %}",
        "{% for key, value in nested.items() %}{{ key }}={{ value }};{% else %}none{% endfor %}",
        "{% for a in choices if a != 'አንድ' %}{{ loop.length }}{{ loop.cycle('x', 'y') }}{% endfor %}",
        "{% set names = {'am': {'a': 'ስም'}} %}{{ names[lang]['a'] }}",
        "{% set text %}{{ question }}!{% endset %}{{ text ~ text }}",
        "{% set ns = namespace(a=0) %}{% for c in choices %}{% set ns.a = ns.a + 1 %}{% endfor %}{{ ns.a }}",
        "{% set comma = joiner(', ') %}{% for c in choices %}{{ comma() }}{{ c }}{% endfor %}",
        "{% with x = n * 2 - 1 %}{{ x // 2 }} {{ x % 2 }} {{ x / 2 }} {{ -x }}{% endwith %}",
        "{% filter upper %}abc{{ lang }}{% endfilter %}",
        "{{ choices|map('upper')|join(', ') }} {{ choices|select('ne', 'አንድ')|list|length }}",
        "{{ [1, 2, 3]|sum }} {{ (1, 2) }} {{ {'a': [none, true, 1.5]} }}",
        "{{ nested.text[0][:3] }}{{ nested['label'] }}{{ question[::-1] }}",
        "{{ ['A', 'B', 'C', 'D'][n] }} {{ choices.index('ሁለት') }} {{ 'ab'.center(8) }}|{{ 'ab'|center(8) }}",
        "{{ missing|default('none') }} {{ missing is defined }} {{ 'ነው' in question }} {{ n > 2 and n < 4 }}",
        "{{ question.replace('ሰ', 'ሸ') }} {{ question|replace('ሰ', 'ሸ') }} {{ ' '.join(choices) }}",
        "{{ '%d' }} {# a remark #}{% raw %}{{ as it is }}{% endraw %}\n",
        "{{ range(3)|list }}{% for i in range(n) %}{{ i }}{% endfor %}{{ dict(a=1) }}",
        "{{ choices|tojson }} {{ choices|batch(2)|list }} {{ long|truncate(20) }} {{ 'a b c'|wordcount }}",
    ],
)
def test_templates_render_as_in_jinja(template: str) -> None:
    plain = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    assert render(template, FIELDS, "t") == plain.from_string(template).render(FIELDS)
    assert list(check_template(template, (), ())) == []


def test_values_keep_their_type() -> None:
    assert evaluate("{{ choices }}", FIELDS, "t") == FIELDS["choices"]
    assert evaluate("{{ choices|map('upper') }}", FIELDS, "t") == FIELDS["choices"]
    assert evaluate("{{ n - 1 }}", FIELDS, "t") == 2
    assert evaluate("{{ n }}{{ n }}", FIELDS, "t") == "33"
    with pytest.raises(UserError, match="'absent' is undefined; columns are question"):
        evaluate("{{ absent }}", FIELDS, "t")


def test_the_filter_of_lm_eval() -> None:
    assert render(r"{{ question|regex_replace('\\s+', '_') }}", FIELDS, "t") == "ሰላም_ነው_ወይ?_"
    assert render(r"{{ 'x [a] y [b]'|regex_replace('\\[.*?\\]\\s*', '') }}", FIELDS, "t") == "x y "


ESCAPES = [
    ("{{ ''.__class__.__mro__ }}", "'__mro__' reaches into the program"),
    ("{{ cycler.__init__.__globals__ }}", "'__globals__' reaches into the program"),
    ("{{ self.__init__ }}", "'__init__' reaches into the program"),
    ("{{ question['__class__'] }}", "'__class__' reaches into the program"),
    ("{{ question|attr('__class__') }}", "attr"),
    ("{{ choices|map('__class__')|list }}", "No filter named '__class__'"),
    ("{{ choices|map(attribute='__class__')|list }}", "access to attribute '__class__' of 'str' object is unsafe"),
    ("{% set a = '__class' ~ '__' %}{{ question[a] }}", "access to attribute '__class__' of 'str' object is unsafe"),
    ("{{ '{0.__class__}'.format(n) }}", r"no method '.format\(\)'"),
    ("{{ '%s'|format(n) }}", "format"),
    ("{{ choices.append('x') }}", r"no method '.append\(\)'"),
    ("{{ lipsum() }}", r"no function 'lipsum\(\)'"),
    ("{{ choices|random }}", "random"),
    ("{{ question.encode() }}", r"no method '.encode\(\)'"),
    ("{% set f = question.encode %}{{ f() }}", "'encode' of str cannot be called in a template"),
    ("{% include 'x' %}", r"'\{% include %\}' is not available"),
    ("{% import 'os' as os %}{{ os }}", r"'\{% import %\}' is not available"),
    ("{% from 'os' import system %}", r"'\{% from %\}' is not available"),
    ("{% extends 'x' %}", r"'\{% extends %\}' is not available"),
    ("{% macro f() %}{% endmacro %}", r"'\{% macro %\}' is not available"),
    ("{% block b %}{% endblock %}", r"'\{% block %\}' is not available"),
    ("{{ range }}", "the template gives a function, which is no text"),
    ("{{ question.strip }}", "the template gives a builtin_function_or_method, which is no text"),
    ("{{ self }}", "the template gives a TemplateReference, which is no text"),
    ("{{ [missing] }}", "'missing' is undefined"),
]
DOUBLED = "{% set a = 'ab' %}" + "{% set a = a ~ a %}" * 60 + "{{ a }}"
BOMBS = [
    "{{ 'a' * 10**9 }}",
    "{{ 9**9**9 }}",
    "{{ question * 1000000000 }}",
    "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
    "{% for a in range(n * 30000) %}{% for b in range(n * 30000) %}x{% endfor %}{% endfor %}",
    "{% for a in long %}{% for b in long %}{% for c in long %}{% endfor %}{% endfor %}{% endfor %}",
    "{% for a in range(90000) %}{{ long }}{% endfor %}",
    "{% for a in range(90000) %}" + "static text " * 500 + "{% endfor %}",
    "{% for a in range(90000) %}{% if long in long %}{% endif %}{% endfor %}",
    "{% for a in range(90000) %}{% if 0.5 in range(90000) %}{% endif %}{% endfor %}",
    "{% for a in range(90000) %}{% if a is in range(90000) %}{% endif %}{% endfor %}",
    "{% for a in range(90000) %}{{ long[1:]|length }}{% endfor %}",
    "{% for a in range(90000) %}{{ range(90000)|list|length }}{% endfor %}",
    "{% for a in choices recursive %}{{ loop(choices) }}{% endfor %}",
    DOUBLED,
    DOUBLED.replace("a ~ a", "a + a"),
    DOUBLED.replace("a ~ a", "a.replace('a', a)"),
    DOUBLED.replace("a ~ a", "a|replace('a', a)"),
    DOUBLED.replace("a ~ a", "a.join(a)"),
    DOUBLED.replace("a ~ a", "a|join(a)"),
    DOUBLED.replace("a ~ a", "[a, a]"),
    DOUBLED.replace("a ~ a", "{'x': a, 'y': a}"),
    DOUBLED.replace("a ~ a", "dict(x=a, y=a)"),
    DOUBLED.replace("{% set a = a ~ a %}", "{% set a %}{{ a }}{{ a }}{% endset %}"),
    DOUBLED.replace("'ab'", "7").replace("a ~ a", "a * a"),
    DOUBLED.replace("'ab'", "['x']").replace("a ~ a", "a + a"),
    "{% set a = namespace() %}{% set a.x = a %}{{ a }}",
    "{{ question.center(999999999) }}",
    "{{ question|center(width=999999999) }}",
    "{{ question.zfill(999999999) }}",
    "{{ '\t'.expandtabs(999999999) }}",
    "{{ question|indent(999999999) }}",
    "{{ choices|batch(999999999, 'x')|list }}",
    "{{ choices|slice(999999999)|list }}",
    "{{ choices|tojson(indent=999999999) }}",
    "{{ n|round(-999999999) }}",
    "{{ n|round(999999999, 'ceil') }}",
    "{{ long|wordwrap(1, wrapstring=long) }}",
    "{{ [[1], [2]]|sum(start=[]) }}",
    "{{ (5).to_bytes(999999999) }}",
    "{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'|regex_replace('(a+)+$', '') }}",
    "{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'|regex_replace('(a|a)*$', '') }}",
    r"{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'|regex_replace('(.*)\\1+$', '') }}",
    "{{ long|regex_replace('.*.*.*=', '') }}",
    "{{ long|regex_replace('', long) }}",
    r"{{ long|regex_replace('(?=(.*))', '\\1\\1') }}",
    "{{ long|regex_replace('(.*)', '" + "\\\\1" * 9000 + "') }}",
    DOUBLED.replace("a ~ a", "a|replace(old='a', new=a)"),
    DOUBLED.replace("a ~ a", "a|join(d=a)"),
    DOUBLED.replace("a ~ a", "a|join(attribute=none, d=a)"),
    DOUBLED.replace("a ~ a", "a|tojson(indent=a)"),
    "{% set a = 'ff' %}" + "{% set a = a ~ a %}" * 16 + "{{ (a|int(base=16)) // 7 }}",
    "{% set a = ' x' %}" + "{% set a = a ~ a %}" * 21 + "{{ a.split()|length }}",
    "{% set a = 'x　' %}" + "{% set a = a ~ a %}" * 21 + "{{ a.split()|length }}",
    "{% set a = ' x' %}" + "{% set a = a ~ a %}" * 21 + "{{ a|list|length }}",
    "{% set a = ' x' %}" + "{% set a = a ~ a %}" * 21 + "{{ a|wordcount }}",
    "x" * 200_001 + "{{ n }}",
    "{{ n " + " " * 200_001 + "}}",
    "{{" + "(" * 400 + "1" + ")" * 400 + "}}",
    "{{ " + "-" * 5000 + "1 }}",
]


@pytest.mark.parametrize(("template", "reason"), ESCAPES)
def test_nothing_gets_out(template: str, reason: str) -> None:
    for work in (render, evaluate):
        with pytest.raises(UserError, match=reason) as caught:
            work(template, FIELDS, "tasks/x.yaml:7")
        assert str(caught.value).startswith("tasks/x.yaml:7: template ")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("template", BOMBS, ids=lambda template: template[:40])
def test_nothing_runs_for_ever_or_fills_the_memory(template: str) -> None:
    for work in (render, evaluate):
        with pytest.raises(UserError, match="t: template"):
            work(template, FIELDS, "t")


def test_the_allowance_is_of_one_rendering() -> None:
    template = "{% for a in range(2000) %}{{ long|length }}{% endfor %}"
    first = render(template, FIELDS, "t")
    assert [render(template, FIELDS, "t") for _ in range(3)] == [first] * 3
    book = {"book": "ሀ" * 2_000_000}
    assert len(render("{{ book }}\n{{ book[:100] }}", book, "t")) == 2_000_101


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ 'a' * 10**9 }}",
        "{{ 9**9**9 }}",
        "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
        "{% macro f() %}{{ f() }}{% endmacro %}",
        "{{ lipsum() }}",
        "{{ choices|random }}",
        "{{ '{}'.format(1) }}",
        "{% for a in choices recursive %}{% endfor %}",
    ],
)
def test_what_can_be_seen_is_told_without_rendering(template: str) -> None:
    assert list(check_template(template, ("doc_to_text",), ()))


def test_columns_that_a_template_reads() -> None:
    template = "{% set a = q %}{{ a }}{{ lang }}{% for x in items %}{{ x.y }}{{ loop.index }}{% endfor %}{{ range(n) }}"
    assert columns_read(template) == {"q", "lang", "items", "n"}
    assert columns_read("{{ hint|default('') }}{% if more is defined %}{{ more }}{% endif %}{{ q }}") == {"q"}
    assert columns_read("{{ broken") == columns_read("plain") == frozenset()


# Patterns


@pytest.mark.parametrize(
    ("pattern", "power"),
    [
        ("abc", 1),
        (r"\[(?:ሀ|ለ)\]", 1),
        (r"\s+", 2),
        (r"\s*\[.*?\]\s*", 2),
        (r"(\d+), (\d+)", 2),
        (r"\w+\s+\w+!", 3),
        (".*.*=", 3),
        ("a?a?a?b", 3),
        (r"(?i)a+A", 2),
        ("x{3}y", 1),
        ("(ab){2,}", 2),
        ("(ab)?c", 2),
        (r"(?:,\d{3})*\.", 2),
        ("[^]]+]", 2),
    ],
)
def test_power_of_a_search(pattern: str, power: int) -> None:
    assert search_power(pattern) == power


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+",
        "(a|b)*",
        r"(.)\1",
        "(ab?){2,}",
        "((a)b)*",
        "(?=a)*",
        "(",
        "a" * (MAX_PATTERN + 1),
        "(?#c)a",
        "(?P<x>a)(?P=x)",
        "(?x)(a+) *",
        "(?i:a)*",
    ],
)
def test_patterns_without_a_bound(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        search_power(pattern)


def test_a_search_is_judged_with_its_text() -> None:
    check_search(".*=", "x" * 5000)
    with pytest.raises(ValueError, match=r"20,000 characters could take 20,000\^2 steps"):
        check_search(".*=", "x" * 20_000)


@given(
    st.lists(
        st.sampled_from(["a", "b", ".", r"\s", "[ab]", "[^a]", "a*", "b+", ".*?", "[ab]{1,3}", "a?", "$"]), max_size=5
    ),
    st.text("ab ", max_size=12),
)
def test_steps_stay_within_the_power(parts: list[str], text: str) -> None:
    """Counted on a matcher that tries everything, as ``re`` does at worst."""
    pattern = "".join(parts)
    power = search_power(pattern)
    assert 1 <= power <= 1 + max(1, len(parts))
    assert _tried(parts, text) <= 40 * (len(text) + 2) ** power


def _tried(parts: list[str], text: str) -> int:
    """How many places a failing search visits: every way to match the parts, followed by what never matches."""
    count = 0

    def visit(index: int, place: int) -> None:
        nonlocal count
        count += 1
        if index == len(parts):
            return
        atom, repeat = re.fullmatch(r"(\[[^\]]*\]|\\.|.)(.*)", parts[index]).groups()  # type: ignore[union-attr]
        if atom == "$":
            return
        least, most = {"": (1, 1), "*": (0, 99), "+": (1, 99), "*?": (0, 99), "{1,3}": (1, 3), "?": (0, 1)}[repeat]
        following = parts[index + 1] if index + 1 < len(parts) else None
        end = place
        while end < len(text) and end - place < most and re.fullmatch(atom, text[end]):
            end += 1
        for stop in range(place + least, end + 1):
            if following is None and stop < end:
                continue
            visit(index + 1, stop)

    for start in range(len(text) + 1):
        visit(0, start)
    return count


def test_importing_is_light() -> None:
    code = "import sys, harness.template_checks, harness.sandbox; print('jinja2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
