"""Jinja for text that others wrote: no way out of the document, and a bound on time and memory.

Jinja's immutable sandbox keeps a template away from Python's insides. It does not keep it from looping for an hour or
filling the memory. Here everything that takes work is counted against a fixed allowance for one rendering: rounds of
loops, calls, filters, comparisons, and the characters and values they read and make. Functions, methods and filters
are those of a list; what is not deterministic (``random``), runs code paths of its own (macros, includes) or can make
much of little (``format``, ``**``) is not on it. A template is first read and rewritten so that nothing goes uncounted.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from harness.allowance import MAX_BITS, MAX_CHARACTERS, MAX_STEPS, Meter, count_growth, refuse, require_plain
from harness.patterns import check_search
from metrics.spelling import did_you_mean

if TYPE_CHECKING:
    from jinja2 import Environment, nodes
    from jinja2.runtime import Context

MAX_TEMPLATE = 200_000
"""Longest template, in characters."""

_FILTERS = """
    abs batch capitalize center count d default dictsort e escape first float groupby indent int items join last length
    list lower map max min reject rejectattr replace reverse round safe select selectattr slice sort string sum title
    tojson trim truncate unique upper urlencode wordcount wordwrap
"""
FILTERS = (*_FILTERS.split(), "regex_replace")
"""Jinja's filters that templates have, and lm-eval's ``regex_replace``."""

_TEXT_METHODS = """
    capitalize casefold center count endswith expandtabs find index isalnum isalpha isascii isdecimal isdigit
    isidentifier islower isnumeric isprintable isspace istitle isupper join ljust lower lstrip partition removeprefix
    removesuffix replace rfind rindex rjust rpartition rsplit rstrip split splitlines startswith strip swapcase title
    upper zfill
"""
METHODS: Mapping[type, frozenset[str]] = {
    str: frozenset(_TEXT_METHODS.split()),
    list: frozenset(["copy", "count", "index"]),
    tuple: frozenset(["count", "index"]),
    dict: frozenset(["copy", "get", "items", "keys", "values"]),
    datetime.date: frozenset(["isoformat"]),
}
"""Methods that templates may call, by the type of value."""

FUNCTIONS = ("range", "dict", "namespace", "cycler", "joiner")
_OWN_METHODS = frozenset(["cycle", "changed", "next", "reset"])
_TESTS_LEFT_OUT = frozenset(["callable", "escaped", "filter", "test"])
_METER = " meter"
_LOOP, _SEEN = "rounds of", "seen"
_NODES = """
    Template Output TemplateData For If Assign AssignBlock With FilterBlock Pair Keyword Operand Mul Div FloorDiv Add
    Sub Mod Pow And Or Not Neg Pos Name NSRef Const Tuple List Dict CondExpr Filter Test Call Getitem Getattr Slice
    Concat Compare
"""
_AVAILABLE = frozenset(_NODES.split())
"""What a template may consist of, by Jinja's names."""


def allowance() -> dict[str, object]:
    """What must stand among a template's variables: the meter of one rendering, under a name no template can write."""
    return {_METER: Meter()}


def refusals(tree: nodes.Template) -> list[str]:
    """What a template holds that can be seen to be refused without rendering it, in the order of its lines."""
    from jinja2 import nodes

    found: dict[str, int] = {}
    stored = {name.name for name in tree.find_all(nodes.Name) if name.ctx != "load"}
    for node in tree.find_all(nodes.Node):
        for text in _refusals(node, stored):
            found.setdefault(text, node.lineno)
    for loop in tree.find_all(nodes.For):
        if _constant_rounds(loop) > MAX_STEPS:
            found.setdefault(f"loops within loops make more than {MAX_STEPS:,} rounds; make the template simpler", 0)
    return sorted(found, key=lambda text: found[text])


def _refusals(node: nodes.Node, stored: set[str]) -> Iterator[str]:
    from jinja2 import nodes

    kind = type(node).__name__
    name = node.attr if isinstance(node, nodes.Getattr) else None
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        name = node.arg.value
    if kind not in _AVAILABLE:
        word = {"CallBlock": "call", "FromImport": "from"}.get(kind, kind.lower())
        yield f"'{{% {word} %}}' is not available in the templates of task files"
    elif isinstance(node, nodes.For) and node.recursive:
        yield "a recursive loop is not available in the templates of task files"
    elif isinstance(name, str) and name.startswith("__"):
        yield f"'{name}' reaches into the program; a template sees the columns of the data and nothing else"
    elif isinstance(node, nodes.Pow):
        yield "'**' is not allowed; write the number"
    elif isinstance(node, nodes.Mul) and any(
        isinstance(side, nodes.List | nodes.Tuple) or (isinstance(side, nodes.Const) and isinstance(side.value, str))
        for side in (node.left, node.right)
    ):
        yield "'*' repeats a text or list, which is not allowed; write it out"
    elif isinstance(node, nodes.Call):
        called = node.node
        methods = sorted(set().union(*METHODS.values(), _OWN_METHODS))
        if isinstance(called, nodes.Getattr) and called.attr not in methods and not called.attr.startswith("__"):
            hint = "" if called.attr == "format" else did_you_mean(called.attr, methods)
            hint = hint or "; templates have the simple methods of texts, such as strip()"
            yield f"no method '.{called.attr}()'{hint}"
        if isinstance(called, nodes.Name) and called.name not in (*FUNCTIONS, *stored):
            hint = did_you_mean(called.name, FUNCTIONS) or f"; there are {', '.join(FUNCTIONS)}"
            yield f"no function '{called.name}()'{hint}"


def _constant_rounds(loop: nodes.For) -> int:
    """Rounds of a loop over constant ranges, with the loops in it; 1 where the data tells."""
    from jinja2 import nodes

    own = 1
    if isinstance(loop.iter, nodes.Call) and isinstance(loop.iter.node, nodes.Name) and loop.iter.node.name == "range":
        numbers = [one.value for one in loop.iter.args if isinstance(one, nodes.Const) and type(one.value) is int]
        if len(numbers) == len(loop.iter.args) in (1, 2, 3) and numbers[2:] != [0]:
            own = len(range(*numbers)) if max(map(abs, numbers)) < 10**12 else 10**12
    inner = [_constant_rounds(one) for part in loop.body for one in _outermost_loops(part)]
    return own * max([1, sum(inner)])


def _outermost_loops(node: nodes.Node) -> Iterator[nodes.For]:
    from jinja2 import nodes

    if isinstance(node, nodes.For):
        yield node
    else:
        for child in node.iter_child_nodes():
            yield from _outermost_loops(child)


@cache
def environment() -> Environment:
    """The one environment of all templates: lm-eval's settings (strict undefined, trailing newline kept), bounded."""
    import jinja2
    from jinja2 import pass_context
    from jinja2.exceptions import SecurityError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class BoundedEnvironment(ImmutableSandboxedEnvironment):
        """The sandbox with a meter."""

        intercepted_binops = frozenset(["+", "-", "*", "/", "//", "%", "**"])

        def _parse(self, source: str, *args: Any) -> nodes.Template:
            check_length(source)
            return super()._parse(source, *args)

        def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
            refused = refusals(source)
            if refused:
                raise SecurityError(refused[0])
            made: str = super()._generate(_metered(source, self), *args, **kwargs)
            return made

        def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
            meter: Meter = context.parent[_METER]
            meter.step()
            if operator == "+":
                meter.see(left)
                meter.see(right)
            elif operator == "**" or not (isinstance(left, int | float) and isinstance(right, int | float)):
                if not isinstance(left, jinja2.Undefined) and not isinstance(right, jinja2.Undefined):
                    kinds = f"{type(left).__name__} and {type(right).__name__}"
                    raise SecurityError(f"'{operator}' is not allowed between {kinds}")
            elif _bits(left) + _bits(right) > MAX_BITS:
                raise SecurityError(f"'{operator}' of too large numbers")
            return super().call_binop(context, operator, left, right)

        def call(self, context: Context, called: Any, *args: Any, **kwargs: Any) -> Any:
            meter: Meter = context.parent[_METER]
            meter.step()
            own = {name: value for name, value in kwargs.items() if name not in ("_loop_vars", "_block_vars")}
            given = [meter.see(one) for one in args]
            meter.see(list(own.values()))
            if not isinstance(called, jinja2.Undefined):
                _check_call(meter, called, given, own)
            return meter.see(super().call(context, called, *given, **kwargs))

    plain = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined)
    plain.filters["regex_replace"] = _regex_replace
    made = BoundedEnvironment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, optimized=False)
    made.globals = {name: made.globals[name] for name in FUNCTIONS}
    made.filters = {name: _counted(name, plain.call_filter) for name in FILTERS}
    made.tests = {name: _counted(name, plain.call_test) for name in plain.tests if name not in _TESTS_LEFT_OUT}
    made.filters[_LOOP] = pass_context(lambda context, values, length: context.parent[_METER].rounds(values, length))
    made.filters[_SEEN] = pass_context(lambda context, value: context.parent[_METER].see(value))
    made.finalize = pass_context(lambda context, value: _output(context.parent[_METER], value))
    return made


def check_length(template: str) -> None:
    """Refuse a template that would take long to read.

    Raises:
        SecurityError: It is too long.
    """
    if len(template) > MAX_TEMPLATE:
        refuse(f"{len(template):,} characters; a template has at most {MAX_TEMPLATE:,}")


def _bits(value: object) -> int:
    return value.bit_length() if isinstance(value, int) else 0


def _metered(tree: nodes.Template, made: Environment) -> nodes.Template:
    """The template with every loop, list, slice, joined text and comparison sent past the meter."""
    from jinja2 import nodes
    from jinja2.visitor import NodeTransformer

    def through(name: str, node: nodes.Expr, *args: nodes.Expr) -> nodes.Filter:
        passed = nodes.Filter(node, name, list(args), [], None, None, lineno=node.lineno)
        passed.set_environment(made)
        return passed

    class Metering(NodeTransformer):
        def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802
            self.generic_visit(node)
            assert isinstance(node.iter, nodes.Expr)
            length = sum(len(text.data) for part in node.body for text in _static(part))
            node.iter = through(_LOOP, node.iter, nodes.Const(length, lineno=node.lineno))
            return node

        def _seen(self, node: nodes.Expr) -> nodes.Expr:
            self.generic_visit(node)
            return node if getattr(node, "ctx", "load") != "load" else through(_SEEN, node)

        visit_List = visit_Dict = visit_Tuple = _seen  # noqa: N815

        def visit_Getitem(self, node: nodes.Getitem) -> nodes.Expr:  # noqa: N802
            self.generic_visit(node)
            return through(_SEEN, node) if isinstance(node.arg, nodes.Slice) else node

        def visit_Concat(self, node: nodes.Concat) -> nodes.Expr:  # noqa: N802
            self.generic_visit(node)
            node.nodes = [through(_SEEN, part) for part in node.nodes]
            return through(_SEEN, node)

        def visit_Compare(self, node: nodes.Compare) -> nodes.Expr:  # noqa: N802
            self.generic_visit(node)
            node.expr = through(_SEEN, node.expr)
            for operand in node.ops:
                operand.expr = through(_SEEN, operand.expr)
            return node

    changed = Metering().visit(tree)
    assert isinstance(changed, nodes.Template)
    return changed


def _static(node: nodes.Node) -> list[nodes.TemplateData]:
    from jinja2 import nodes

    return [node] if isinstance(node, nodes.TemplateData) else list(node.find_all(nodes.TemplateData))


def _counted(name: str, run: Callable[..., Any]) -> Callable[..., Any]:
    """A filter or test that counts what it is given and what it makes.

    Args:
        name: Jinja's name of it. run: ``call_filter`` or ``call_test`` of an environment with all of them.
    """
    from jinja2 import pass_context

    @pass_context
    def counted(context: Context, value: Any, *args: Any, **kwargs: Any) -> Any:
        meter: Meter = context.parent[_METER]
        meter.step()
        value = meter.see(value)
        given = [meter.see(one) for one in args]
        meter.see(list(kwargs.values()))
        count_growth(meter, name, value, given, kwargs)
        return meter.see(run(name, value, given, kwargs, context))

    return counted


def _check_call(meter: Meter, called: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    from jinja2.exceptions import SecurityError
    from jinja2.runtime import LoopContext
    from jinja2.utils import Cycler, Joiner, Namespace

    if (
        called in (dict, Namespace, Cycler, Joiner)
        or isinstance(called, Joiner)
        or called is environment().globals["range"]
    ):
        return
    owner, name = getattr(called, "__self__", None), getattr(called, "__name__", "")
    if isinstance(owner, LoopContext | Cycler) and name in _OWN_METHODS:
        return
    if not any(isinstance(owner, kind) and name in names for kind, names in METHODS.items()):
        raise SecurityError(
            f"'{name or type(called).__name__}' of {type(owner).__name__} cannot be called in a template"
        )
    meter.see(owner)
    count_growth(meter, name, owner, args, kwargs)


def _output(meter: Meter, value: Any) -> Any:
    """A value about to be written."""
    meter.step()
    require_plain(meter.see(value))
    return value


def _regex_replace(text: str, pattern: str, replacement: str, count: int = 0) -> str:
    """lm-eval's filter: ``re.sub``, of patterns that cannot run for ever, and without making much of little."""
    try:
        check_search(pattern, text)
    except ValueError as error:
        refuse(f"regex_replace: {error}")
    references = replacement.count("\\")
    if references and "(?=" in pattern:
        refuse("regex_replace: what a look-ahead finds cannot be put in; write the pattern without it")
    if len(replacement) * (len(text) + 1) + references * len(text) > MAX_CHARACTERS:
        refuse("regex_replace: would make a text that is too long")
    return re.sub(pattern, replacement, text, count=count)
