"""Real inputs made wrong: bytes, lines, words and parsed trees changed at random, all from one generator of numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from random import Random
from typing import Any

import yaml

Mutator = Callable[[Random, Sequence[bytes]], bytes]
"""A generator and real inputs -> one input that may be wrong."""

DIGITS = "9" * 5000
TOKENS: tuple[bytes, ...] = tuple(
    text.encode("utf-8", "surrogatepass")
    for text in (
        *("", " ", "\t", "\n", "\r", "\x00", "\x1b[31m", "\x85", "\u2028", "\ufeff", "\ud800", "\udc00", "\u202e", "𝒳"),
        *(
            "null",
            "~",
            "true",
            "no",
            "NaN",
            "-Infinity",
            ".nan",
            ".inf",
            "1e999",
            "-0",
            "0x1F",
            "010",
            "1_000",
            "12:30",
        ),
        *("2001-99-99", "1:1:1:1:1:1", DIGITS, f"-{DIGITS}", f"0.{DIGITS}", "1e-400", "1" + "0" * 30, "1:" * 400),
        *("&a ", "*a", "<<: *a", "? ", "- ", ": ", "!!python/object:os.system ", "!function os.system", "!!binary '='"),
        *(
            "!!set",
            "!!timestamp '2001-99-99'",
            "!!int 1:1",
            "!!float 1",
            "!<tag:yaml.org,2002:python/none>",
            "%YAML 9.9\n",
        ),
        *(
            "---\n",
            "...\n",
            "{",
            "}",
            "[",
            "]",
            '"',
            "'",
            "\\",
            "\\ud800",
            "\\u0000",
            "\\U00110000",
            ",",
            "|",
            ">",
            "#",
        ),
        *("[" * 2000, "{" * 300, '{"a":' * 1500, "- " * 500, "../../../etc/passwd", "/etc/passwd", "~root/x", "C:\\x"),
        *(
            "file:///etc/passwd",
            "https://u:p@h/",
            "a" * 70_000,
            "\\" * 500,
            "(a+)+$",
            "(?P<x>(.*)*)",
            "{lang}",
            "{{",
            "}}",
        ),
        *(
            "{{ x }}",
            "{% for a in x %}",
            "{%",
            "%}",
            "{#",
            "=cmd|' /C calc'!A0",
            "@x",
            "\N{ZERO WIDTH JOINER}",
            "ß",
            "İ",
        ),
        *(
            "አማርኛ",
            "ߒߞߏ",
            "ภาษาไทย",
            "မြန်မာ",
            "日本語",
            "العربية",
            "👩🏽‍🔬",
            "e\u0301",
            "\U000e0001",
            "\ufffe",
            "\uffff",
        ),
    )
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**63, 2**64, -(2**63) - 1, 10**30, 10**400, 0.5, -0.0, 1e308, 5e-324),
    *(float("nan"), float("inf"), -float("inf"), "", " ", "\x00", "\n", "\ud800", "\u202e", "../../x", "/x", "=1+1"),
    *("nan", "1e999", "eng_Latn", "xx", "a" * 5000, DIGITS, [], [[]], {}, {"": ""}, {"a": None}, [None], [1, "a", []]),
    *({"x": {"y": {"z": [1]}}}, ["a", "a"], [0.1] * 1000, {str(number): number for number in range(300)}),
)


def of_bytes(random: Random, corpus: Sequence[bytes]) -> bytes:
    """One to four changes of a real input: bits, cuts, copies, splices, tokens."""
    content = bytearray(random.choice(corpus))
    for _ in range(random.choice((1, 1, 1, 2, 2, 4))):
        _BYTE_CHANGES[random.randrange(len(_BYTE_CHANGES))](random, content, corpus)
    return bytes(content)


def _flip(random: Random, content: bytearray, _: Sequence[bytes]) -> None:
    for _number in range(random.choice((1, 1, 2, 8))):
        if content:
            content[random.randrange(len(content))] ^= 1 << random.randrange(8)


def _cut(random: Random, content: bytearray, _: Sequence[bytes]) -> None:
    start, stop = sorted((random.randrange(len(content) + 1), random.randrange(len(content) + 1)))
    if random.random() < 0.5:
        stop = min(stop, start + random.randrange(1, 20))
    del content[start:stop]


def _end(random: Random, content: bytearray, _: Sequence[bytes]) -> None:
    del content[random.randrange(len(content) + 1) :]


def _copy(random: Random, content: bytearray, _: Sequence[bytes]) -> None:
    start = random.randrange(len(content) + 1)
    part = bytes(content[start : start + random.choice((1, 4, 30, 200))])
    place = random.randrange(len(content) + 1)
    content[place:place] = part * random.choice((1, 1, 2, 20))


def _splice(random: Random, content: bytearray, corpus: Sequence[bytes]) -> None:
    other = random.choice(corpus)
    start, place = random.randrange(len(other) + 1), random.randrange(len(content) + 1)
    content[place : place + random.choice((0, 0, 50))] = other[start : start + random.choice((5, 50, 500))]


def _token(random: Random, content: bytearray, _: Sequence[bytes]) -> None:
    place = random.randrange(len(content) + 1)
    content[place : place + random.choice((0, 0, 1, 5))] = random.choice(TOKENS)


def _word(random: Random, content: bytearray, _: Sequence[bytes]) -> None:
    """A word, value or cell as a whole is another one."""
    stops = [place for place, byte in enumerate(content) if byte in b" \n\t,:\"'{}[]"]
    if len(stops) < 2:
        return
    which = random.randrange(len(stops) - 1)
    content[stops[which] + 1 : stops[which + 1]] = random.choice(TOKENS)


def _lines(random: Random, content: bytearray, _: Sequence[bytes]) -> None:
    """Two lines change places, one goes, or one stands twice."""
    lines = bytes(content).split(b"\n")
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    lines[one], lines[other] = random.choice(
        ((lines[other], lines[one]), (lines[one], lines[one]), (b"", lines[other]))
    )
    content[:] = b"\n".join(lines)


_BYTE_CHANGES = (_flip, _cut, _end, _copy, _splice, _token, _token, _word, _word, _lines)


def of_json(random: Random, corpus: Sequence[bytes]) -> bytes:
    """A JSON file: half the time its tree is changed, else its bytes."""
    if random.random() < 0.4:
        return of_bytes(random, corpus)
    tree = json.loads(random.choice(corpus))
    return written(random, changed_tree(random, tree))


def of_yaml(random: Random, corpus: Sequence[bytes]) -> bytes:
    """A YAML file: half the time its tree is changed (and written as JSON or YAML), else its bytes."""
    if random.random() < 0.5:
        return of_bytes(random, corpus)
    tree = yaml.load(random.choice(corpus), _Anything)
    return written(random, changed_tree(random, tree), as_yaml=random.random() < 0.5)


def of_json_lines(random: Random, corpus: Sequence[bytes]) -> bytes:
    """JSON lines: a line's tree is changed, or bytes."""
    if random.random() < 0.4:
        return of_bytes(random, corpus)
    lines = random.choice(corpus).split(b"\n")
    place = random.randrange(len(lines))
    if lines[place].strip():
        lines[place] = written(random, changed_tree(random, json.loads(lines[place])))
    return b"\n".join(lines)


class _Anything(yaml.SafeLoader):
    pass


_Anything.add_multi_constructor("!", lambda loader, suffix, node: f"!{suffix} {node.value}")


def written(random: Random, tree: object, *, as_yaml: bool = False) -> bytes:
    """A tree as text, sometimes with more than one value of a key, or in another encoding."""
    if as_yaml:
        try:
            return yaml.safe_dump(tree, allow_unicode=True, sort_keys=False).encode("utf-8", "surrogatepass")
        except (yaml.YAMLError, ValueError, RecursionError):
            pass
    try:
        text = json.dumps(tree, ensure_ascii=random.random() < 0.5, default=str)
    except (ValueError, RecursionError):  # it holds itself by now, or is too deep
        text = "[" * 500
    if random.random() < 0.05:
        text = text.replace("{", '{"a": 1, "a": 2, ', 1)
    if random.random() < 0.02:
        return text.encode("utf-16", "surrogatepass")
    return text.encode("utf-8", "surrogatepass")


def changed_tree(random: Random, tree: Any) -> Any:
    """The tree with one to three places changed: other type, gone, renamed, doubled, swapped, nested."""
    holder = [tree]
    for _ in range(random.choice((1, 1, 2, 3))):
        places = list(_places(holder))
        parent, key = random.choice(places)
        _CHANGES[random.randrange(len(_CHANGES))](random, parent, key, places)
    return holder[0]


def _places(value: Any, depth: int = 0) -> Any:
    if depth > 30:
        return
    if isinstance(value, dict):
        keys: Any = list(value)
    elif isinstance(value, list):
        keys = range(min(len(value), 200))
    else:
        return
    for key in keys:
        yield value, key
        yield from _places(value[key], depth + 1)


def _replaced(random: Random, parent: Any, key: Any, _: Any) -> None:
    parent[key] = deepcopy(random.choice(VALUES))


def _retyped(random: Random, parent: Any, key: Any, _: Any) -> None:
    value = parent[key]
    parent[key] = random.choice(([value], {"a": value}, str(value)[:1000], bool(value), len(str(value)), None))


def _gone(_random: Random, parent: Any, key: Any, _: Any) -> None:
    if isinstance(parent, dict) or len(parent) > 1:
        del parent[key]


def _renamed(random: Random, parent: Any, key: Any, _: Any) -> None:
    if isinstance(parent, dict):
        parent[random.choice((str(key)[:-1], str(key) + "s", "", "../x", "\x00", "kind", "task", "!function"))] = (
            parent.pop(key)
        )


def _swapped(random: Random, parent: Any, key: Any, places: Any) -> None:
    other, name = random.choice(places)
    if isinstance(parent[key], dict | list) or isinstance(other[name], dict | list):
        other[name] = deepcopy(random.choice(VALUES))
    else:
        parent[key], other[name] = other[name], parent[key]


def _nested(random: Random, parent: Any, key: Any, _: Any) -> None:
    value = parent[key]
    for _number in range(random.choice((3, 60, 400))):
        value = [value] if random.random() < 0.5 else {"a": value}
    parent[key] = value


def _texted(random: Random, parent: Any, key: Any, _: Any) -> None:
    """A piece of text gets a token, or becomes one."""
    token = random.choice(TOKENS).decode("utf-8", "surrogatepass")
    value = parent[key]
    if isinstance(value, str) and random.random() < 0.6:
        place = random.randrange(len(value) + 1)
        parent[key] = value[:place] + token + value[place:]
    else:
        parent[key] = token


_CHANGES = (_replaced, _replaced, _retyped, _gone, _renamed, _swapped, _nested, _texted, _texted)


def of_values(random: Random, corpus: Sequence[bytes]) -> bytes:
    """A JSON file in which values keep their types and become strange: what a schema still takes."""
    tree = json.loads(random.choice(corpus))
    places = [(parent, key) for parent, key in _places(tree) if not isinstance(parent[key], dict | list)]
    for _ in range(random.choice((1, 1, 2, 3, 8))):
        parent, key = random.choice(places)
        value = parent[key]
        if isinstance(value, bool):
            parent[key] = not value
        elif isinstance(value, int | float):
            parent[key] = random.choice((0, -1, 1, 3, 20, 1e-320, 1e300, -1e300, 0.1, 2**31, 2**52, None, value))
        elif random.random() < 0.8:
            text = random.choice(TOKENS).decode("utf-8", "replace").replace("\ufffd", "?")
            parent[key] = text if random.random() < 0.6 else f"{value}{text}"
        else:
            other, name = random.choice(places)
            parent[key] = other[name]
    for parent, key in list(_places(tree)):
        if isinstance(parent[key], list) and parent[key] and random.random() < 0.03:
            parent[key].append(parent[key][0])
    return json.dumps(tree).encode()


def of_grammar(parts: Sequence[str], most: int = 12) -> Mutator:
    """Inputs that are parts put together at random, with a byte changed now and then."""

    def made(random: Random, corpus: Sequence[bytes]) -> bytes:
        if corpus and random.random() < 0.3:
            return of_bytes(random, corpus)
        text = "".join(random.choice(parts) for _ in range(random.randrange(1, most)))
        content = bytearray(text.encode("utf-8", "surrogatepass"))
        if random.random() < 0.2:
            _BYTE_CHANGES[random.randrange(len(_BYTE_CHANGES))](random, content, corpus or [bytes(content)])
        return bytes(content)

    return made
