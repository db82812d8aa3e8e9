"""The one place that knows languages: codes, names, script, direction, family, resource class.

The canonical code is FLORES-200 style, ISO 639-3 and ISO 15924 (``yor_Latn``); :func:`find` takes every other code
people use for the same thing (BCP-47, ISO 639-1, -2 and -3, NTREX-128). A variety that a data set keeps beside its
language has a third part (``por_Latn_BR``, ``cat_Latn_vale1252``). The table is ``languages.tsv`` beside this module,
read on first use; ``system_codes.tsv`` has the codes that families of translation models were trained with.

``resource`` is the class of Joshi et al. 2020 ("The State and Fate of Linguistic Diversity and Inclusion in the NLP
World", 0 "left behind" to 5 "winners"), as well as we could tell it: a fact about data in 2020 and not about a
language; a row in a second script or of a variety repeats the class of the first. ``region`` is the continent of the
United Nations' M49 (Russia is Europe, Türkiye is Asia, Hawaii is the Americas) where most of a language's speakers live
(of English, Spanish and Portuguese: as a first language; of Arabic as a whole, for the standard language), or lived.
Knows nothing of tasks, models or metrics.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from harness.errors import UserError
from metrics.spelling import nearest

TextDirection = Literal["ltr", "rtl"]
Scheme = Literal["nllb", "m2m100", "mbart50", "madlad", "t5"]
SCHEMES: tuple[Scheme, ...] = ("nllb", "m2m100", "mbart50", "madlad", "t5")

REGIONS = ("Africa", "Americas", "Asia", "Europe", "Oceania", "World")
"""The continents of the United Nations' M49; ``World`` for constructed languages."""

_RIGHT_TO_LEFT = frozenset(["Adlm", "Arab", "Hebr", "Mand", "Nkoo", "Rohg", "Samr", "Syrc", "Thaa"])
_CHINESE = frozenset(["Hans", "Hant"])
_WITHOUT_SPACES = frozenset(["Hans", "Hant", "Jpan", "Khmr", "Laoo", "Mymr", "Thai", "Tibt"])

_SCRIPT_NAMES = {
    "Adlm": "Adlam",
    "Arab": "Arabic",
    "Armn": "Armenian",
    "Beng": "Bengali",
    "Cans": "Canadian Aboriginal Syllabics",
    "Cher": "Cherokee",
    "Cyrl": "Cyrillic",
    "Deva": "Devanagari",
    "Ethi": "Ethiopic",
    "Geor": "Georgian",
    "Grek": "Greek",
    "Gujr": "Gujarati",
    "Guru": "Gurmukhi",
    "Hang": "Hangul",
    "Hans": "Han (Simplified)",
    "Hant": "Han (Traditional)",
    "Hebr": "Hebrew",
    "Jpan": "Japanese",
    "Khmr": "Khmer",
    "Knda": "Kannada",
    "Laoo": "Lao",
    "Latn": "Latin",
    "Mand": "Mandaic",
    "Mlym": "Malayalam",
    "Mong": "Mongolian",
    "Mtei": "Meitei Mayek",
    "Mymr": "Myanmar",
    "Nkoo": "N'Ko",
    "Olck": "Ol Chiki",
    "Orya": "Odia",
    "Rohg": "Hanifi Rohingya",
    "Samr": "Samaritan",
    "Sinh": "Sinhala",
    "Syrc": "Syriac",
    "Taml": "Tamil",
    "Telu": "Telugu",
    "Tfng": "Tifinagh",
    "Thaa": "Thaana",
    "Thai": "Thai",
    "Tibt": "Tibetan",
    "Vaii": "Vai",
}

_REGION = re.compile(r"[A-Z]{2}|[0-9]{3}")

_OTHER_NAMES = {
    "albanian": "sq",
    "arabic": "ar",
    "aymara": "ay",
    "azerbaijani": "az",
    "bangla": "bn",
    "chichewa": "ny",
    "chinese": "zh",
    "farsi": "fa",
    "filipino": "fil",
    "fula": "ff",
    "fulah": "ff",
    "haitian": "ht",
    "kanuri": "kr",
    "kirundi": "rn",
    "konkani": "gom",
    "kurdish": "ku",
    "latvian": "lv",
    "malagasy": "mg",
    "malay": "ms",
    "mongolian": "mn",
    "north macedonian": "mk",
    "norwegian": "no",
    "oriya": "or",
    "oromo": "om",
    "pashto": "ps",
    "persian": "fa",
    "pidgin": "pcm",
    "punjabi": "pa",
    "quechua": "qu",
    "sesotho": "st",
    "setswana": "tn",
    "sinhalese": "si",
    "tagalog": "tl",
    "uzbek": "uz",
    "yiddish": "yi",
}
"""Names that the table does not have, of a macrolanguage or a second one -> a code for what is meant."""


UND = "und"
"""Canonical code where the language of a text is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """One language in one script.

    Attributes:
        code: Canonical code, ``iso3_Script``, with ``_variety`` for a variety beside its language.
        name: English name. endonym: What its speakers call it.
        iso3: ISO 639-3. script: ISO 15924. bcp47: The shortest usual language tag.
        direction: Writing direction of the script.
        family: Language family. resource: Class of Joshi et al. 2020, 0 to 5; -1 for :data:`UND`.
        region: One of :data:`REGIONS`, where most people who speak it live.
    """

    code: str
    name: str
    endonym: str
    iso3: str
    script: str
    bcp47: str
    direction: TextDirection
    family: str
    resource: int
    region: str


def known() -> tuple[Language, ...]:
    """Every language of the table, in the order of their canonical codes."""
    return tuple(language for language, _ in _table())


def find(code: str) -> Language:
    """The language a code stands for.

    Case and ``_`` against ``-`` do not matter, except that a region (``pt-BR``) is only recognised in capitals or
    digits; a region that has no row of its own is left out.

    Raises:
        UserError: No language has that code.
    """
    language = lookup(code)
    if language is None:
        shown = code if len(code) <= 40 else code[:37] + "..."
        raise UserError(f"unknown language {shown!r}{_suggestion(code)}; write a code such as yor_Latn, yor or yo")
    return language


def lookup(code: str) -> Language | None:
    """As :func:`find`; ``None`` where no language has that code."""
    if code == UND:
        return _undetermined()
    index = _index()
    found = index.get(_fold(code))
    if found is None:
        first, *rest = code.replace("_", "-").split("-")
        without_region = [part for part in rest if not _REGION.fullmatch(part)]
        if len(without_region) < len(rest):
            found = index.get(_fold("-".join([first, *without_region])))
    return found


def canonical(code: str) -> str:
    """Canonical code, such as ``zho_Hans`` for ``zh-CN``.

    Raises:
        UserError: No language has that code.
    """
    return find(code).code


def by_name(name: str) -> Language | None:
    """The language that an English name, or its own name, stands for alone; ``None`` for others.

    ``Serbian`` is what the table calls so, and not also what it calls ``Serbian (Latin script)``; a name of a
    macrolanguage (``Arabic``) is the language that its code (``ar``) stands for. Case and ``_`` do not matter.
    """
    return _by_name().get(name.replace("_", " ").casefold())


def identify(text: str) -> Language:
    """The language of a code or of a name, as people type it.

    Raises:
        UserError: No language has that code or name, or several have the name.
    """
    return lookup(text) or by_name(text) or find(text)


def standing_for(code: str, among: Collection[str]) -> tuple[str, ...]:
    """Which canonical codes of a data set a wanted canonical code stands for.

    The language itself; else, for a variety, its language (``por_Latn`` for ``por_Latn_BR``); else, for a language,
    its varieties. Empty where the data set has nothing of the kind.
    """
    if code in among:
        return (code,)
    language = _language_of(code)
    if language in among:
        return (language,)
    return tuple(other for other in among if language == code and _language_of(other) == code)


def system_code(scheme: Scheme, code: str) -> str | None:
    """What a family of translation models calls a language: ``zh_CN`` for ``zho_Hans`` in ``mbart50``.

    Args:
        scheme: ``nllb`` (NLLB-200), ``m2m100`` (M2M-100), ``mbart50`` (mBART-50), ``madlad`` (the code inside the
            ``<2xx>`` tag of MADLAD-400) or ``t5`` (the language's name in T5's prefixes).
        code: Any code that :func:`find` takes. A variety has the code of its language.

    Returns:
        The family's own code; ``None`` where it was not trained on the language in this script.

    Raises:
        UserError: No language has that code.
    """
    own = _system_codes()[scheme]
    language = canonical(code)
    return own.get(language) or own.get(_language_of(language))


def script_direction(script: str) -> TextDirection:
    """Writing direction of an ISO 15924 script; left to right where nothing else is known."""
    return "rtl" if script in _RIGHT_TO_LEFT else "ltr"


def script_name(script: str) -> str:
    """English name of an ISO 15924 script; the code itself where it is not known."""
    return _SCRIPT_NAMES.get(script, script)


def spaces_words(script: str) -> bool:
    """Whether the script separates words with spaces, so that words can be counted by splitting."""
    return script not in _WITHOUT_SPACES


def bleu_tokenizer(code: str) -> str:
    """The sacrebleu tokenizer that suits a target language without a download or an extra package.

    ``zh`` for Chinese, ``char`` for the other scripts that do not separate words, ``13a`` (WMT's) otherwise. WMT uses
    ``ja-mecab`` for Japanese and ``ko-mecab`` for Korean; they need the packages sacrebleu[ja] and sacrebleu[ko], and
    the score would depend on whether those are there, so they are used only where a task file asks for them. The same
    holds for the downloaded models of ``flores200``.

    Raises:
        UserError: No language has that code.
    """
    script = find(code).script
    if script in _CHINESE:
        return "zh"
    return "13a" if spaces_words(script) else "char"


def _language_of(code: str) -> str:
    """A canonical code without its variety."""
    return "_".join(code.split("_")[:2])


@cache
def _system_codes() -> dict[str, dict[str, str]]:
    """Scheme -> canonical code -> the scheme's own."""
    with Path(__file__).with_name("system_codes.tsv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE))
    return {scheme: {row["code"]: row[scheme] for row in rows if row[scheme]} for scheme in SCHEMES}


@cache
def _table() -> tuple[tuple[Language, tuple[str, ...]], ...]:
    """Languages with the other codes the table gives them."""
    with Path(__file__).with_name("languages.tsv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE))
    return tuple((_language(row), (row["ntrex"], *row["aliases"].split())) for row in rows)


@cache
def _undetermined() -> Language:
    """What ``und`` stands for: a label, not a row of the table, so that nothing offers or lists it."""
    return Language(
        code=UND,
        name="Undetermined",
        endonym="Undetermined",
        iso3=UND,
        script="Zyyy",
        bcp47=UND,
        direction="ltr",
        family="",
        resource=-1,
        region="",
    )


def _language(row: Mapping[str, str]) -> Language:
    iso3, script = row["code"].split("_")[:2]
    return Language(
        code=row["code"],
        name=row["name"],
        endonym=row["endonym"],
        iso3=iso3,
        script=script,
        bcp47=row["bcp47"],
        direction=script_direction(script),
        family=row["family"],
        resource=int(row["resource"]),
        region=row["region"],
    )


@cache
def _index() -> dict[str, Language]:
    """Folded code -> language. Codes the table states come first; ``zh-Hans`` from ``zh`` and so on fill the gaps."""
    index: dict[str, Language] = {}
    derived: list[tuple[str, Language]] = []
    for language, others in _table():
        stated = [language.code, language.bcp47, *filter(None, others)]
        for code in stated:
            index[_fold(code)] = language
        bare = {code for code in [language.iso3, *stated[1:]] if "-" not in code}
        derived += [(f"{code}-{language.script}", language) for code in sorted(bare)]
        derived.append((language.iso3, language))
    # A bare code is the writing that needs no script in its tag: tel is te, and not te-Latn.
    for code, language in sorted(derived, key=lambda found: "-" in found[1].bcp47):
        index.setdefault(_fold(code), language)
    return index


@cache
def _by_name() -> dict[str, Language]:
    """Folded name -> language. A name goes before those in other languages and those without what is in brackets."""
    index = {language.name.casefold(): language for language in known()}
    for name, code in _OTHER_NAMES.items():
        index.setdefault(name, find(code))
    for names in (
        [(language.endonym, language) for language in known()],
        [(language.name.partition(" (")[0], language) for language in known()],
    ):
        found: dict[str, set[str]] = {}
        for name, language in names:
            found.setdefault(name.casefold(), set()).add(_language_of(language.code))
        for name, codes in found.items():
            if len(codes) == 1:
                index.setdefault(name, find(next(iter(codes))))
    return index


def _fold(code: str) -> str:
    return code.replace("_", "-").casefold()


def _suggestion(code: str) -> str:
    """A hint from canonical codes first, then from every code and name, for those who wrote ``Yoruba``."""
    codes = {language.code: language.code for language in known()}
    # A language comes before its varieties in the table, and keeps the name they share.
    names = {name.casefold(): language.code for language in reversed(known()) for name in _names(language)}
    every = {**{folded: language.code for folded, language in _index().items()}, **names}
    candidates = codes if "_" in code and code.casefold() not in names else every
    near = nearest(code, candidates)
    return f" (did you mean '{candidates[near]}'?)" if near is not None else ""


def _names(language: Language) -> Iterator[str]:
    yield language.name
    yield language.endonym
    yield language.name.partition(" (")[0]
