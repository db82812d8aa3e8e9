"""Templates -> text, in Jinja's immutable sandbox. Document text is data: it is never evaluated or parsed.

Templates have lm-eval's environment (strict undefined, trailing newline kept, ``regex_replace``) and are compiled once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from harness.errors import UserError

if TYPE_CHECKING:
    from jinja2 import Template
    from jinja2.environment import TemplateExpression
    from jinja2.runtime import Context
    from jinja2.sandbox import ImmutableSandboxedEnvironment

_WHOLE_EXPRESSION = re.compile(r"^\s*\{\{(?P<expression>(?:(?!\{\{|\}\}).)+)\}\}\s*$", re.DOTALL)


def render(template: str, fields: Mapping[str, object], where: str) -> str:
    """Text of a template over a document's fields.

    Raises:
        UserError: The template is malformed, names a column the data does not have, or leaves the sandbox.
    """
    import jinja2

    try:
        return _compiled(template).render(dict(fields))
    except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        raise UserError(f"{where}: template {_short(template)}: {error}; columns are {', '.join(fields)}") from error


def evaluate(template: str, fields: Mapping[str, object], where: str) -> object:
    """Value of a template that is one ``{{ expression }}``, with its own type (a list, an index); else its text.

    Raises:
        UserError: As :func:`render`.
    """
    import jinja2

    match = _WHOLE_EXPRESSION.match(template)
    if match is None:
        return render(template, fields, where)
    try:
        return _expression(match["expression"])(dict(fields))
    except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        raise UserError(f"{where}: template {_short(template)}: {error}; columns are {', '.join(fields)}") from error


def _short(template: str) -> str:
    return repr(template if len(template) <= 60 else template[:57] + "...")


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    import jinja2
    from jinja2.exceptions import SecurityError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class BoundedEnvironment(ImmutableSandboxedEnvironment):
        """The sandbox, without the operators that make something huge out of something small."""

        intercepted_binops = frozenset({"*", "**", "%"})

        def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
            numbers = isinstance(left, int | float) and isinstance(right, int | float)
            if operator == "**" or not numbers:
                raise SecurityError(f"'{operator}' is not allowed here")
            return super().call_binop(context, operator, left, right)

    environment = BoundedEnvironment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    environment.filters["regex_replace"] = _regex_replace
    return environment


@cache
def _compiled(template: str) -> Template:
    return _environment().from_string(template)


@cache
def _expression(expression: str) -> TemplateExpression:
    return _environment().compile_expression(expression, undefined_to_none=False)


def _regex_replace(text: str, pattern: str, replacement: str, count: int = 0) -> str:
    return re.sub(pattern, replacement, text, count=count)
