"""YAML text -> plain objects, and where each of them stands in the file.

Reads the part of YAML that means the same to everyone. What YAML 1.1 would silently turn into something else (``no``
into false, ``010`` into 8, ``12:30`` into 750), duplicate keys, tags, merge keys and non-text keys are mistakes,
collected and reported together. Aliases count expanded, so that a small file cannot become a large object. Knows
nothing of what the files mean.
"""

from __future__ import annotations

import datetime
import math
import re
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from harness.errors import SpecError

Plain = str | int | float | bool | datetime.date | list["Plain"] | dict[str, "Plain"] | None
Location = tuple[str | int, ...]
"""Keys and indices from the top of the file."""

Problem = tuple[Location, str]
"""Where, and what is wrong there."""

MAX_BYTES = 500_000
"""The largest of the 14,000 files of lm-eval has 63,000. Both limits keep reading under a second."""

MAX_NODES = 30_000
MAX_DEPTH = 50

_TAG = "tag:yaml.org,2002:"
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?[0-9]+\.[0-9]*(e[-+]?[0-9]+)?|[-+]?\.[0-9]+|[-+]?[0-9]+e[-+]?[0-9]+", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_KINDS = {list: "a list", dict: "a mapping", str: "text", bool: "a truth value", type(None): "nothing"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where something stands, and as what.

    Attributes:
        line: 1-based line of the key, or of the item of a list.
        raw: The text of a scalar as written without quotes; ``None`` for quoted ones, lists and mappings.
    """

    line: int
    raw: str | None = None


@dataclass(slots=True)
class YamlFile:
    """A YAML file that was read.

    Attributes:
        path: The file, as the user named it.
        content: Its bytes.
        value: The plain object.
        spots: Where every key and item stands, by its location from the top; ``()`` is the whole file.
        problems: Location and text of every mistake found while reading.
    """

    path: Path
    content: bytes
    value: Plain = None
    spots: dict[Location, Spot] = field(default_factory=dict)
    problems: list[tuple[Location, str]] = field(default_factory=list)

    def line(self, location: Location) -> int:
        """Line of a location, or of the nearest thing around it that is in the file."""
        while location not in self.spots:
            location = location[:-1]
        return self.spots[location].line

    def problem(self, location: Location, text: str) -> str:
        """One line of an error: ``file:line: field: what is wrong``."""
        told = f"{dotted(location)}: {text}" if location else text
        one_line = _CONTROL.sub(lambda match: ascii(match[0])[1:-1], told)
        return f"{self.path}:{self.line(location)}: {one_line}"

    def raw(self, location: Location) -> str | None:
        """A scalar as written, if it was written without quotes."""
        spot = self.spots.get(location)
        return spot.raw if spot else None


def read_yaml(path: Path) -> YamlFile:
    """Read a file whose top is a mapping. Mistakes in its parts are in ``problems``, for the caller to add to.

    Raises:
        SpecError: There is no such file, or it is no YAML, empty, not a mapping, not UTF-8, or too large.
    """
    try:
        size = path.stat().st_size
        content = b"" if size > MAX_BYTES else path.read_bytes()
    except OSError as error:
        raise SpecError([f"{path}: cannot be read ({error.strerror}); check the path"]) from error
    if size > MAX_BYTES:
        raise SpecError([f"{path}: {size:,} bytes; a file of settings has at most {MAX_BYTES:,}"])
    return parse_yaml(path, content)


def parse_yaml(path: Path, content: bytes) -> YamlFile:
    """As :func:`read_yaml`, from bytes; ``path`` is only named."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise SpecError([f"{path}:{line}: not UTF-8 (byte {error.start}); save the file as UTF-8"]) from error
    node = _compose(path, text)
    if node is None:
        raise SpecError([f"{path}:1: the file is empty; write at least 'task:' and what it needs"])
    file = YamlFile(path=path, content=content)
    file.spots[()] = Spot(line=node.start_mark.line + 1)
    file.value = _Builder(file).build(node, ())
    if not isinstance(file.value, dict):
        raise SpecError([file.problem((), f"expected 'key: value' lines at the top, found {describe(file.value)}")])
    return file


def dotted(location: Location) -> str:
    """``("metrics", 1, "lowercas")`` as ``metrics[1].lowercas``."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[\w+-]{1,60}", part):
            text += f".{part}" if text else part
        else:
            text += f"[{shown(part)}]"
    return text


def shown(value: object) -> str:
    """A value in quotes, on one line, shortened."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def describe(value: object) -> str:
    """What kind of thing a value is, in plain words."""
    return _KINDS.get(type(value)) or f"{shown(value) if isinstance(value, int | float) else shown(str(value))}"


def mismatch(expected: str, found: object, raw: str | None = None) -> str:
    """Sentence on a value of the wrong type.

    Args:
        expected: What was expected, in plain words. found: The value.
        raw: The value as written, if it was written without quotes.
    """
    if found is None:
        return f"expected {expected}, but nothing is written after it"
    if "text" in expected and raw is not None and not isinstance(found, str):
        name = {bool: "a truth value", int: "a number", float: "a number"}.get(type(found), "not text")
        return f"expected {expected}, found {raw}, which is {name} in YAML; quote it: '{raw}'"
    return f"expected {expected}, found {shown(found) if isinstance(found, str) else describe(found)}"


class _Composer(yaml.SafeLoader):  # type: ignore[misc]
    """Composes nodes, and refuses what is too deep or too much before it is built."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._count = 0

    def compose_node(self, parent: Node | None, index: object) -> Node | None:
        self._depth += 1
        self._count += 1
        if self._depth > MAX_DEPTH or self._count > MAX_NODES:
            raise _TooMuchError(self.peek_event().start_mark.line, self._count > MAX_NODES)
        node: Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _TooMuchError(Exception):
    def __init__(self, line: int, many: bool) -> None:
        limit = (
            f"more than {MAX_NODES:,} values, aliases included" if many else f"nested deeper than {MAX_DEPTH} levels"
        )
        super().__init__(limit)
        self.line = line


def _too_much(many: bool) -> str:
    return f"more than {MAX_NODES:,} values, aliases included" if many else f"nested deeper than {MAX_DEPTH} levels"


def _compose(path: Path, text: str) -> Node | None:
    try:
        return _Composer(text).get_single_node()
    except _TooMuchError as error:
        raise SpecError([f"{path}:{error.line + 1}: {error}; make the file simpler"]) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise SpecError([f"{path}:{line}: {_syntax(error)}"]) from error
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise SpecError(
            [f"{path}:{line}: character U+{ord(text[error.position]):04X} is not allowed in YAML; remove it"]
        ) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise SpecError([f"{path}:1: not valid YAML ({' '.join(str(error).split())})"]) from error


def _syntax(error: yaml.MarkedYAMLError) -> str:
    reason = " ".join((error.problem or error.context or "malformed").split())
    if "'\\t'" in reason:
        return "a tab where YAML allows only spaces; indent with spaces"
    if "single document" in " ".join([reason, error.context or ""]):
        return "a second document begins here ('---'); one file holds one document"
    context = f" {error.context}" if error.context and error.problem else ""
    advice = (
        "; quote the text if it holds ': ' or begins with a special character" if "mapping values" in reason else ""
    )
    return f"not valid YAML: {reason}{' '.join(context.splitlines())}{advice}"


class _Builder:
    """Nodes -> plain objects, noting spots and problems in the file."""

    def __init__(self, file: YamlFile) -> None:
        self._file = file
        self._count = 0

    def build(self, node: Node, location: Location) -> Plain:
        self._count += 1
        if self._count > MAX_NODES or len(location) > MAX_DEPTH:
            reason = _too_much(self._count > MAX_NODES)
            raise SpecError([self._file.problem((), f"{reason}; make the file simpler")])
        if isinstance(node, ScalarNode):
            return self._scalar(node, location)
        if node.tag not in (_TAG + "map", _TAG + "seq"):
            self._tag(node, location)
        if isinstance(node, SequenceNode):
            return [self._item(child, (*location, index)) for index, child in enumerate(node.value)]
        assert isinstance(node, MappingNode)
        return self._mapping(node, location)

    def _item(self, node: Node, location: Location) -> Plain:
        self._spot(node, node.start_mark.line, location)
        return self.build(node, location)

    def _mapping(self, node: MappingNode, location: Location) -> Plain:
        built: dict[str, Plain] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line
            key = self._key(key_node, location)
            if key is None:
                continue
            here = (*location, key)
            if key in built:
                first = self._file.spots[here].line
                self._file.problems.append((here, f"written twice, on line {first} and line {line + 1}; keep one"))
                continue
            self._spot(value_node, line, here)
            built[key] = self.build(value_node, here)
        return built

    def _key(self, node: Node, location: Location) -> str | None:
        """Text of a key; anything else is a problem at the mapping around it, told with its own line."""
        if isinstance(node, ScalarNode) and node.tag == _TAG + "str":
            return self._text(node.value, location)
        here: Location = (*location, str(node.value) if isinstance(node, ScalarNode) else "?")
        self._file.spots.setdefault(here, Spot(line=node.start_mark.line + 1))
        if not isinstance(node, ScalarNode):
            self._file.problems.append((here, "a key must be text, found a list or mapping"))
        elif node.tag == _TAG + "merge":
            self._file.problems.append((here, "merge keys ('<<') are not read; write the entries out"))
        else:
            meaning = _meaning(node)
            self._file.problems.append((here, f"the key {node.value} is {meaning} in YAML; quote it: '{node.value}'"))
        return None

    def _spot(self, node: Node, line: int, location: Location) -> None:
        plain = isinstance(node, ScalarNode) and node.style is None
        self._file.spots[location] = Spot(line=line + 1, raw=node.value if plain else None)

    def _scalar(self, node: ScalarNode, location: Location) -> Plain:
        kind = node.tag.removeprefix(_TAG)
        if kind == "str":
            return self._text(node.value, location)
        if kind == "null":
            return None
        if node.style is not None or kind not in ("bool", "int", "float", "timestamp"):
            self._tag(node, location)
            return str(node.value)
        value = _plain_value(kind, node.value)
        if value is None:
            advice = ", or write true or false" if kind == "bool" else ""
            self._problem(
                location, f"{node.value}, without quotes, is {_meaning(node)} in YAML; quote it: '{node.value}'{advice}"
            )
            return str(node.value)
        return value

    def _text(self, text: str, location: Location) -> str:
        if _SURROGATE.search(text):
            self._problem(location, "holds half a character (an escaped surrogate); write the character itself")
            return _SURROGATE.sub("?", text)
        return text

    def _tag(self, node: Node, location: Location) -> None:
        tag = node.tag.replace(_TAG, "!!")
        self._problem(location, f"the YAML tag {shown(tag)} is not read; task files are data, without code or types")

    def _problem(self, location: Location, text: str) -> None:
        self._file.problems.append((location, text))


def _plain_value(kind: str, text: str) -> Plain:
    """Value of a scalar that every YAML version reads alike; ``None`` for the traps."""
    if kind == "bool":
        return {"true": True, "false": False}.get(text.lower())
    if kind == "int":
        return int(text) if _INTEGER.fullmatch(text) else None
    if kind == "float":
        value = float(text) if _FLOAT.fullmatch(text) else math.inf
        return value if math.isfinite(value) else None
    try:
        return datetime.date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


def _meaning(node: ScalarNode) -> str:
    kind = node.tag.removeprefix(_TAG)
    if kind == "bool":
        return "true" if node.value.lower() in ("yes", "on", "true") else "false"
    return {"int": "a number", "float": "a number", "timestamp": "a date", "null": "nothing"}.get(kind, "not text")
