"""Templates of lm-eval's own task files: accepted by the sandbox, and rendered as lm-eval renders them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from jinja2 import TemplateError

from harness.errors import UserError
from harness.prompts import render
from harness.template_checks import check_template, columns_read

FIELDS = ("doc_to_text", "doc_to_target", "doc_to_choice", "description", "gen_prefix")
VALUES: tuple[object, ...] = (
    "ሰላም ነው, world. ",
    ["A.", "B", "ሐ", "နေ"],
    {"text": ["ab", "cd", "e", "f"], "label": ["A", "B", "C", "D"], "answer": "日本"},
    1,
    "2",
    True,
)


class Loader(yaml.CSafeLoader):  # type: ignore[misc]
    """YAML of lm-eval, functions left out."""


Loader.add_multi_constructor("!", lambda *_: None)


def stock_templates() -> Iterator[str]:
    """Every different template in lm-eval's task files."""
    import lm_eval

    seen: set[str] = set()
    for path in sorted((Path(lm_eval.__file__).parent / "tasks").rglob("*")):
        if path.suffix != ".yaml" and not path.name.startswith("_"):
            continue
        try:
            config = yaml.load(path.read_text(encoding="utf-8"), Loader)
        except (yaml.YAMLError, OSError, UnicodeDecodeError):
            continue
        for field in FIELDS if isinstance(config, dict) else ():
            value = config.get(field)
            for text in value if isinstance(value, list) else [value]:
                if isinstance(text, str) and "{" in text and text not in seen:
                    seen.add(text)
                    yield text


@pytest.fixture(scope="module")
def templates() -> list[str]:
    return list(stock_templates())


def test_every_template_of_lm_eval_is_accepted(templates: list[str]) -> None:
    assert len(templates) > 1000
    assert [problem for text in templates for problem in check_template(text, (), ())] == []


def test_templates_render_as_in_lm_eval(templates: list[str]) -> None:
    from lm_eval.utils import apply_template

    rng = random.Random(7)
    equal = 0
    for text in rng.sample(templates, 500):
        document = {name: rng.choice(VALUES) for name in sorted(columns_read(text))}
        try:
            theirs: str | None = apply_template(text, document)
        except (TemplateError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError):
            theirs = None
        if theirs is None or "Undefined" in theirs:  # lm-eval writes a column that is not there as 'Undefined'
            with pytest.raises(UserError):
                render(text, document, "t")
        else:
            assert render(text, document, "t") == theirs
            equal += 1
    assert equal > 300
