"""Which language each of lm-eval's tasks is in, told from names alone.

lm-eval's files do not say their language. Their names do, in as many ways as there are authors: ``xcopa_et``,
``belebele_yor_Latn``, ``include_base_44_swahili``, ``mlqa_ar_de``. A word that happens to be a code proves nothing
(``lsat_ar`` is analytical reasoning, ``yes_no`` is not Norwegian), so a code in a name counts only where the data
set's configuration is that language too, where it is unmistakable (``yor_Latn``), or where it is what differs between
tasks whose names are otherwise equal and most of what differs are languages. Failing that, a folder named after a
language (``japanese_leaderboard``) says it; else it stays unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.languages import by_name, lookup, script_name

LANG = "{lang}"
"""Stands for the data set's own code of the language in a pattern of names."""

_WORD = re.compile(r"[^_\-:]+")
_LONGEST = 3
"""Most words that a code or a name of a language has here: ``cat_Latn_vale1252``."""

_MOSTLY = 0.6
"""Share of siblings that must differ by a language for the others to be believed."""

_SHORTEST_NAME = 4
_SHORTEST_FOLDER_NAME = 5

_NOT_ISO: Mapping[str, Mapping[str, str]] = {
    "": {"jp": "jpn_Jpan", "cn": "zho_Hans"},
    "AraDiCE_": {"egy": "arz_Arab", "lev": "apc_Arab", "msa": "arb_Arab"},
    "pisa_": {"ch": "zho_Hans"},
    "translation_": {"dr": "ary_Arab", "msa": "arb_Arab"},
    "transliteration_": {"dr": "ary_Arab"},
}
"""Beginning of a task's name -> what its authors call languages, where that is no code or the code of another one."""

_NOT_ISO_TEXTS = frozenset(text for codes in _NOT_ISO.values() for text in codes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a task: ``dataset_name``, and its folder below the root, with ``/``."""

    dataset_name: str
    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The language of a task.

    Attributes:
        language: Canonical code; empty where it cannot be told.
        pattern: The task's name with ``{lang}`` in place of what says the language; the name where nothing in it does.
    """

    language: str
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """A part of a name that is a code or name of a language."""

    text: str
    start: int
    end: int
    words: int
    language: str


class _Names:
    """All names, and what stands at the same place in names that are otherwise equal.

    Of two and three words only those that are a language are kept: they are too many, and prove little.
    """

    def __init__(self, names: Mapping[str, Facts]) -> None:
        self._languages: dict[str, str | None] = {}
        self._between: dict[tuple[str, str, int], dict[str, str | None]] = {}
        self._after: dict[str, dict[str, str | None]] = {}
        self._spans: dict[str, list[_Span]] = {}
        for name in names:
            spans = self._spans[name] = []
            for start, end, words in _spans(name):
                text = name[start:end]
                language = self._language(name, text)
                if words == 1:
                    self._after.setdefault(name[:start], {})[text] = language
                if words == 1 or language:
                    self._between.setdefault((name[:start], name[end:], words), {})[text] = language
                if language and not _script_follows(name, end):
                    spans.append(_Span(text=text, start=start, end=end, words=words, language=language))

    def read(self, name: str, facts: Facts) -> Reading:
        """The language of one of the names."""
        spans = self._spans[name]
        stated = _stated(facts.dataset_name)
        if stated:
            spans = spans + _same_text(name, facts.dataset_name, stated)
            agreeing = [span for span in spans if _plain(span.language) == _plain(stated)]
            if not agreeing:
                return Reading(language=stated, pattern=name)
            best = max(agreeing, key=lambda span: (self._support(name, span), span.end - span.start))
            language = min(best.language, stated, key=len)
            if self._support(name, best) == 1 and best.text.casefold() != facts.dataset_name.casefold():
                return Reading(language=language, pattern=name)
            return _reading(name, best, agreeing, language)
        believed = [span for span in spans if self._is_believed(name, span)]
        if believed:
            best = max(
                believed,
                key=lambda span: (
                    self._support(name, span),
                    span.language != "eng_Latn",
                    span.end - span.start,
                    span.start,
                ),
            )
            return _reading(name, best, believed, best.language)
        return Reading(language=_folder_language(facts.folder), pattern=name)

    def _language(self, name: str, text: str) -> str | None:
        """Canonical code of a part of a name, if it can be one at all."""
        if text in _NOT_ISO_TEXTS:
            for start, codes in _NOT_ISO.items():
                if text in codes and name.startswith(start):
                    return codes[text]
        if text not in self._languages:
            self._languages[text] = _language(text)
        return self._languages[text]

    def _support(self, name: str, span: _Span) -> int:
        """How many languages stand at the same place in names that are otherwise equal."""
        found: set[str] = set()
        for words in range(1, _LONGEST + 1):
            texts = self._between.get((name[: span.start], name[span.end :], words), {})
            found.update(filter(None, texts.values()))
        return len(found)

    def _is_believed(self, name: str, span: _Span) -> bool:
        if _is_unmistakable(span.text):
            return True
        equal = self._between.get((name[: span.start], name[span.end :], span.words), {})
        if self._support(name, span) > 1 and _share(equal) >= _MOSTLY:
            return True
        following = self._after.get(name[: span.start], {})
        return span.words == 1 and span.start > 0 and _count(following) > 1 and _share(following) >= _MOSTLY


def read_languages(tasks: Mapping[str, Facts]) -> dict[str, Reading]:
    """The language of every task of an index, by name."""
    names = _Names(tasks)
    return {name: names.read(name, facts) for name, facts in tasks.items()}


def _spans(name: str) -> Iterator[tuple[int, int, int]]:
    """Start, end and number of words of every part of a name of up to three words."""
    words = [match.span() for match in _WORD.finditer(name)]
    for first in range(len(words)):
        for last in range(first, min(first + _LONGEST, len(words))):
            yield words[first][0], words[last][1], last - first + 1


def _language(text: str) -> str | None:
    first = re.split(r"[_-]", text, maxsplit=1)[0]
    if len(text) < 2 or first.isupper() or not text.isascii():
        return None
    found = lookup(text) or (by_name(text) if len(text) >= _SHORTEST_NAME else None)
    return found.code if found else None


def _stated(dataset_name: str) -> str:
    """Canonical code of a data set's configuration that is called after a language; empty for others."""
    if not dataset_name or (dataset_name.isupper() and dataset_name.isalpha()):
        return ""
    found = lookup(dataset_name) or (by_name(dataset_name) if len(dataset_name) >= _SHORTEST_NAME else None)
    return found.code if found else ""


def _same_text(name: str, text: str, language: str) -> list[_Span]:
    """Where a name has the text of the data set's configuration, whatever the case."""
    folded = re.sub(r"[-_ ]", "_", text.casefold())
    if folded not in name.casefold().replace("-", "_"):
        return []
    return [
        _Span(text=name[start:end], start=start, end=end, words=words, language=language)
        for start, end, words in _spans(name)
        if name[start:end].casefold().replace("-", "_") == folded
    ]


def _is_unmistakable(text: str) -> bool:
    """Whether a text is a language in a script, ``yor_Latn``."""
    language, _, script = text.partition("_")
    return len(language) == 3 and _is_script(script.partition("_")[0])


def _is_script(text: str) -> bool:
    code = text.capitalize()
    return len(text) == 4 and script_name(code) != code


def _script_follows(name: str, end: int) -> bool:
    """Whether a code goes on with a script that is not a part of it: ``tel`` of ``tel_latn`` would be Telugu script."""
    match = _WORD.search(name, end)
    return match is not None and match.start() == end + 1 and _is_script(match[0])


def _reading(name: str, best: _Span, believed: list[_Span], language: str) -> Reading:
    """The name with ``{lang}`` for the best part and all that say the same (``mlqa_{lang}_{lang}``)."""
    places = sorted({(span.start, span.end) for span in believed if span.text == best.text}, reverse=True)
    pattern = name
    for start, end in places:
        pattern = pattern[:start] + LANG + pattern[end:]
    return Reading(language=language, pattern=pattern)


def _folder_language(folder: str) -> str:
    """The language of the nearest folder that has one's English name in its own."""
    for part in reversed(folder.split("/")):
        for word in _WORD.findall(part):
            found = by_name(word) if len(word) >= _SHORTEST_FOLDER_NAME else None
            if found is not None:
                return found.code
    return ""


def _plain(code: str) -> str:
    """A canonical code without its variety."""
    return "_".join(code.split("_")[:2])


def _count(texts: Mapping[str, str | None]) -> int:
    return len(set(filter(None, texts.values())))


def _share(texts: Mapping[str, str | None]) -> float:
    return sum(1 for language in texts.values() if language) / len(texts) if texts else 0.0
