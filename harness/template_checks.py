"""What can be seen wrong in a template without rendering it: syntax, names, and what the sandbox refuses.

Part of ``harness.prompt_checks``; also tells ``harness.data_checks`` which columns a template reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from harness.sandbox import FUNCTIONS, environment, refusals
from harness.yaml_reader import Location, Problem, shown
from metrics.spelling import did_you_mean

if TYPE_CHECKING:
    from jinja2 import nodes

_LOOP_NAMES = frozenset(["loop"])
_WHY = {"random": "; a prompt must be the same every time", "format": "; join texts with '~'"}


def check_template(template: str, here: Location, fields: Sequence[str]) -> Iterator[Problem]:
    """Every problem of a template.

    Args:
        template: Its text; without a brace it is the name of a column, or a text.
        here: Where it stands.
        fields: Names that it can use; empty when only the data tells.
    """
    if "{" not in template:
        return
    from jinja2 import nodes

    tree = _parsed(template)
    if isinstance(tree, str):
        yield here, f"template {shown(template)} is malformed: {tree}"
        return
    for name in sorted(_columns(tree) - set(fields)) if fields else ():
        yield here, unknown_column(name, fields)
    for text in refusals(tree):
        yield here, text
    known = environment()
    for node in tree.find_all((nodes.Filter, nodes.Test)):
        names, what = (known.filters, "filter") if isinstance(node, nodes.Filter) else (known.tests, "test")
        if node.name not in names:
            hint = _WHY.get(node.name) or did_you_mean(node.name, names)
            yield here, f"template uses the unknown {what} {shown(node.name)}{hint}"


def columns_read(template: str) -> frozenset[str]:
    """Columns that a template cannot do without; none where it is malformed, or no template but a bare text."""
    tree = _parsed(template) if "{" in template else ""
    return frozenset() if isinstance(tree, str) else frozenset(_columns(tree))


def unknown_column(name: str, fields: Sequence[str]) -> str:
    """What is wrong with a template that names a column which is not there."""
    hint = did_you_mean(name, fields) or f"; known: {', '.join(fields)}"
    return f"template names {shown(name)}, which the data does not have{hint}"


def _parsed(template: str) -> nodes.Template | str:
    """The template, or why it is none."""
    import jinja2

    try:
        return environment().parse(template)
    except (jinja2.TemplateError, RecursionError, ValueError, OverflowError) as error:
        line = getattr(error, "lineno", None)
        place = f" (its line {line})" if isinstance(line, int) and template.count("\n") > 1 else ""
        return (" ".join(str(error).split()) or "nested too deep") + place


def _columns(tree: nodes.Template) -> set[str]:
    """Names that are read and not made in the template, but for those it asks about or has a stand-in for.

    jinja2.meta would tell the names too, but it computes constant expressions (``9**9**9``) on the way.
    """
    from jinja2 import nodes

    optional: set[str] = set()
    for node in tree.find_all((nodes.Filter, nodes.Test)):
        if node.name in ("default", "d", "defined", "undefined") and isinstance(node.node, nodes.Name):
            optional.add(node.node.name)
    names = list(tree.find_all(nodes.Name))
    own = {name.name for name in names if name.ctx != "load"}
    return {name.name for name in names} - own - optional - set(FUNCTIONS) - _LOOP_NAMES
