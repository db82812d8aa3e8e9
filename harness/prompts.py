"""Templates -> text, in the bounded sandbox of ``harness.sandbox``. Document text is data: it is never parsed.

Templates have lm-eval's environment (strict undefined, trailing newline kept, ``regex_replace``) and are compiled once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from harness.allowance import require_plain
from harness.errors import TemplateError
from harness.sandbox import allowance, check_length, environment
from harness.yaml_reader import shown

if TYPE_CHECKING:
    from jinja2 import Template
    from jinja2.environment import TemplateExpression

_WHOLE_EXPRESSION = re.compile(r"^\s*\{\{(?P<expression>(?:(?!\{\{|\}\}).)+)\}\}\s*$", re.DOTALL)


def render(template: str, fields: Mapping[str, object], where: str) -> str:
    """Text of a template over a document's fields.

    Raises:
        TemplateError: The template is malformed, names a column the data does not have, leaves the sandbox, or takes
            more work than one prompt may.
    """
    return str(_run(lambda: _compiled(template).render({**fields, **allowance()}), template, fields, where))


def evaluate(template: str, fields: Mapping[str, object], where: str) -> object:
    """Value of a template that is one ``{{ expression }}``, with its own type (a list, an index); else its text.

    Raises:
        TemplateError: As :func:`render`.
    """
    match = _WHOLE_EXPRESSION.match(template)
    if match is None:
        return render(template, fields, where)
    return _run(lambda: _plain(_expression(match["expression"])({**fields, **allowance()})), template, fields, where)


def _run(work: Callable[[], object], template: str, fields: Mapping[str, object], where: str) -> object:
    import jinja2

    try:
        return work()
    except (
        jinja2.TemplateError,
        TypeError,
        ValueError,
        ArithmeticError,
        LookupError,
        AttributeError,
        RecursionError,
        MemoryError,
    ) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        told = f"{where}: template {shown(template)}: {reason}; columns are {', '.join(fields)}"
        raise TemplateError(told, template) from error


def _plain(value: object) -> object:
    """The value; a column that is not there, or no value of the data, is an error here and not where it is used."""
    require_plain(value)
    return value


@cache
def _compiled(template: str) -> Template:
    return environment().from_string(template)


@cache
def _expression(expression: str) -> TemplateExpression:
    check_length(expression)
    return environment().compile_expression(expression, undefined_to_none=False)
