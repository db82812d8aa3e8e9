"""Numbers and hostile texts for terminals, Markdown and JSON.

What a model or a data set is called, and what a model wrote, may hold markup, mentions, terminal escapes or characters
that turn a line round. Each format gets the text made harmless for it; JSON keeps it as it is.
"""

from __future__ import annotations

import json
import math
import re

LONGEST_LINE = 2000
"""Characters of one line of an error."""

MOST_LINES = 200
"""Lines of one error."""

_UNSAFE = "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
_UNSAFE_IN_LINE = re.compile(_UNSAFE)
_UNSAFE_IN_LINES = re.compile(f"(?![\t\n]){_UNSAFE}")


def plain_line(text: str) -> str:
    """One line without control characters, line separators, lone surrogates or marks that reorder the line."""
    return _UNSAFE_IN_LINE.sub("\N{REPLACEMENT CHARACTER}", text)


def plain_lines(text: str) -> str:
    """The same of several lines: line feeds and tabs stay."""
    return _UNSAFE_IN_LINES.sub("\N{REPLACEMENT CHARACTER}", text)


def told(error: BaseException) -> str:
    """What an error says, as a terminal may show it: harmless, and of a length that somebody reads."""
    lines = plain_lines(str(error)).split("\n")
    shown = [
        line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}... (shortened)" for line in lines[:MOST_LINES]
    ]
    left = [f"... and {len(lines) - MOST_LINES:,} more"] if len(lines) > MOST_LINES else []
    return "\n".join([*shown, *left])


def is_unsafe(character: str) -> bool:
    """Whether a character does something to a line instead of standing in it."""
    return _UNSAFE_IN_LINE.match(character) is not None


def code_span(text: str) -> str:
    """A Markdown code span that its text cannot end. Not for tables, where a ``|`` still ends the cell."""
    plain = plain_line(text)
    runs = [len(run) for run in re.findall("`+", plain)]
    fence = "`" * (max(runs, default=0) + 1)
    pad = " " if plain.startswith("`") or plain.endswith("`") or not plain else ""
    return f"{fence}{pad}{plain}{pad}{fence}"


def table_cell(text: str) -> str:
    """Text of a Markdown table cell or list: no markup, no mention, no new column."""
    plain = plain_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return (
        re.sub(r"([\\`*\[\]|~#!])", r"\\\1", plain).replace("@", "@\N{ZERO WIDTH NON-JOINER}").replace("://", ":&#47;/")
    )


def fixed(value: float | None, decimals: int) -> str:
    """A fixed-point number; what rounds to zero has no sign, what is missing is empty."""
    return "" if value is None else f"{round(value, decimals) + 0.0:.{decimals}f}"


def signed(value: float | None, decimals: int) -> str:
    """The same with its sign."""
    return "" if value is None else f"{round(value, decimals) + 0.0:+.{decimals}f}"


def json_text(body: dict[str, object], indent: int | None = 1) -> str:
    """JSON, non-ASCII as it is; undefined numbers are null."""
    return json.dumps(_without_nan(body), ensure_ascii=False, indent=indent, allow_nan=False) + "\n"


def _without_nan(value: object) -> object:
    """Undefined numbers as null, lone surrogates as U+FFFD: what strict JSON readers and UTF-8 files can hold."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return value
