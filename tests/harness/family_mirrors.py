"""Small mirrors of language-model benchmarks: the files and columns of the real ones, with rows written here.

A mirror is a mapping of paths below the data root to rows. Sentences are in the script of the language; each is
different, so that a test can tell which row stands in a prompt.
"""

from __future__ import annotations

import bz2
import csv
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Row = Mapping[str, object]
Files = dict[str, Sequence[Row]]

WORDS = {
    "Arab": "ماء الكتاب على الطاولة",
    "Armn": "ջուրը սեղանի վրա է",
    "Beng": "টেবিলের উপর বই",
    "Cyrl": "книга лежит на столе",
    "Deva": "मेज पर किताब है",
    "Ethi": "መጽሐፉ ጠረጴዛው ላይ ነው",
    "Geor": "წიგნი მაგიდაზეა",
    "Grek": "το βιβλίο στο τραπέζι",
    "Hang": "책이 책상 위에 있다",
    "Hans": "书在桌子上",
    "Hebr": "הספר על השולחן",
    "Jpan": "本は机の上にある",
    "Latn": "ìwé náà wà lórí tábìlì ŋɛ́",
    "Mymr": "စာအုပ်သည် စားပွဲပေါ်တွင်",
    "Nkoo": "ߟߍ߬ߓߍ߫ ߦߋ߫ ߕߓߊߟߌ ߞߊ߲߬",
    "Taml": "புத்தகம் மேசையில்",
    "Telu": "పుస్తకం బల్ల మీద",
    "Tfng": "ⴰⴷⵍⵉⵙ ⵅⴼ ⵟⵟⴰⴱⵍⴰ",
    "Thai": "หนังสืออยู่บนโต๊ะ",
    "Vaii": "ꕉꕜꕮ ꔔꘋ",
}
ROWS = 7
"""Rows of an evaluated split: more than the five examples that some tasks draw from it."""
LETTERS = "ABCD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """How the mirror of one benchmark is made.

    Attributes:
        languages: Canonical codes of the languages it has; at least three.
        files: Canonical code and the data set's own code -> files.
    """

    languages: tuple[str, ...]
    files: Callable[[str, str], Files]


def say(language: str, number: int | str, what: str = "") -> str:
    """A sentence in the language's script; the number and the language's code make it the only one of its kind."""
    code, _, script = language.partition("_")
    return " ".join(filter(None, [WORDS[script], f"№{number}", code, what]))


def write(root: Path, files: Files) -> None:
    """Write a mirror's files; the ending tells the format."""
    for name, rows in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(name, rows))


def encoded(name: str, rows: Sequence[Row]) -> bytes:
    """A file's bytes: ``jsonl``, ``tsv`` with a header line, or ``csv`` with one."""
    if name.endswith(".jsonl"):
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    table = [list(rows[0]), *([str(cell) for cell in row.values()] for row in rows)]
    if name.endswith(".tsv"):
        return "".join("\t".join(cells) + "\n" for cells in table).encode()
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(table)
    return text.getvalue().encode()


def write_zip(path: Path, members: Mapping[str, bytes]) -> None:
    """A zip archive, added to if it is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "a") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def write_tar(path: Path, members: Mapping[str, bytes]) -> None:
    """A ``.tar.bz2`` archive."""
    path.parent.mkdir(parents=True, exist_ok=True)
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    path.write_bytes(bz2.compress(inner.getvalue()))


def _splits(folder: str, names: Sequence[str], make: Callable[[str, int], Row], rows: int = ROWS) -> Files:
    """The same kind of row in several splits of one configuration."""
    return {f"{folder}/{split}.jsonl": [make(split, number) for number in range(rows)] for split in names}


def _afrixnli(language: str, own: str) -> Files:
    def row(split: str, number: int) -> Row:
        return {
            "premise": say(language, number, split),
            "hypothesis": say(language, number, "?"),
            "label": number % 3,
        }

    files = _splits(f"masakhane/afrixnli/{own}", ["validation", "test"], row)
    return {**files, **_translated("masakhane/afrixnli-translate-test", own, language, row)}


def _translated(folder: str, own: str, language: str, row: Callable[[str, int], Row]) -> Files:
    """English itself has no translate-test data, and neither has Vai."""
    return {} if language in ("eng_Latn", "vai_Vaii") else _splits(f"{folder}/{own}", ["test"], row)


def _afrimgsm(language: str, own: str) -> Files:
    def row(split: str, number: int) -> Row:
        worked = f"Step-by-Step Answer: {say(language, number)} {number} + 1. The answer is {number + 1}."
        return {
            "question": say(language, number, split),
            "answer": worked if split == "train" else None,
            "answer_number": number + 1,
            "equation_solution": f"{number}+1={number + 1};" if split == "train" else None,
        }

    files = {
        **_splits(f"masakhane/afrimgsm/{own}", ["train"], row, 8),
        **_splits(f"masakhane/afrimgsm/{own}", ["test"], row),
    }
    return {**files, **_translated("masakhane/afrimgsm-translate-test", own, language, row)}


def _afrimmlu(language: str, own: str) -> Files:
    def row(split: str, number: int) -> Row:
        return {
            "subject": ["elementary_mathematics", "global_facts"][number % 2],
            "question": say(language, number, split),
            "choices": repr([say(language, number, letter) for letter in LETTERS]),
            "answer": LETTERS[number % 4],
        }

    files = _splits(f"masakhane/afrimmlu/{own}", ["validation", "test"], row)
    return {**files, **_translated("masakhane/afrimmlu-translate-test", own, language, row)}


def _belebele_rows(language: str) -> list[Row]:
    return [
        {
            "link": f"https://en.wikinews.org/wiki/{number // 2}",
            "question_number": number % 2 + 1,
            "flores_passage": say(language, number // 2, "passage"),
            "question": say(language, number, "?"),
            **{f"mc_answer{answer}": say(language, number, str(answer)) for answer in range(1, 5)},
            "correct_answer_num": str(number % 4 + 1),
            "dialect": language,
            "ds": "2023-05-03",
        }
        for number in range(ROWS)
    ]


def _belebele(language: str, own: str) -> Files:
    return {f"facebook/belebele/{language}/test.jsonl": _belebele_rows(language)}


def _global_mmlu(folder: str, fields: Sequence[tuple[str, str]]) -> Callable[[str, str], Files]:
    """Three questions a subject, one of each label; the labels of the examples are empty, as in the data set."""

    def files(language: str, own: str) -> Files:
        def rows(split: str) -> list[Row]:
            return [
                {
                    "sample_id": f"{subject}/{split}/{number}",
                    "subject": subject,
                    "subject_category": category,
                    "question": say(language, f"{subject}-{number}", split),
                    **{f"option_{letter.lower()}": say(language, number, letter) for letter in LETTERS},
                    "answer": LETTERS[number % 4],
                    "cultural_sensitivity_label": ["CS", "CA", "-"][number % 3] if split == "test" else "-",
                    "is_annotated": split == "test",
                }
                for subject, category in fields
                for number in range(3 if split == "test" else 5)
            ]

        return {f"{folder}/{own}/{split}.jsonl": rows(split) for split in ("test", "dev")}

    return files


def _mmmlu(subjects: Sequence[str], config: Mapping[str, str]) -> Callable[[str, str], Files]:
    def files(language: str, own: str) -> Files:
        rows: list[Row] = [
            {
                "Question": say(language, f"{subject}-{number}", "?"),
                **{letter: say(language, number, letter) for letter in LETTERS},
                "Answer": LETTERS[number % 4],
                "Subject": subject,
            }
            for subject in subjects
            for number in range(3)
        ]
        return {f"openai/MMMLU/{config.get(own, own.upper())}/test.jsonl": rows}

    return files


_INCLUDE = {
    "albanian": [
        "Arts & Humanities",
        "Business & Commerce",
        "Health oriented education",
        "STEM",
        "Social Science",
    ],
    "north_macedonian": ["Arts & Humanities", "Business & Commerce", "STEM", "Social Science"],
    "tamil": ["General knowledge", "STEM"],
}


def _include(language: str, own: str) -> Files:
    rows: list[Row] = [
        {
            "language": own.replace("_", " ").title(),
            "country": "—",
            "domain": domain,
            "subject": "history",
            "question": say(language, f"{domain}-{number}", "?"),
            **{f"option_{letter.lower()}": say(language, number, letter) for letter in LETTERS},
            "answer": number % 4,
        }
        for domain in _INCLUDE[own]
        for number in range(ROWS)
    ]
    return {f"CohereForAI/include-base-44/{own.replace('_', ' ').title()}/test.jsonl": rows}


def _multiblimp(language: str, own: str) -> Files:
    rows = [
        {
            "sen": say(language, number, "✓"),
            "wrong_sen": say(language, number, "✗"),
            "phenomenon": "SV-#",
        }
        for number in range(ROWS)
    ]
    return {f"jumelet/multiblimp/{own}/data.tsv": rows}


def _xnli(language: str, own: str) -> Files:
    def row(split: str, number: int) -> Row:
        return {"premise": say(language, number, split), "hypothesis": say(language, number), "label": number % 3}

    return _splits(f"facebook/xnli/{own}", ["train", "validation", "test"], row)


def _xcopa(language: str, own: str) -> Files:
    rows = [
        {
            "premise": say(language, number) + ".",
            "choice1": say(language, number, "a"),
            "choice2": say(language, number, "b"),
            "question": ["cause", "effect"][number % 2],
            "label": number % 2,
            "idx": number,
        }
        for number in range(ROWS)
    ]
    return {f"xcopa/{own}/{split}.{own}.jsonl": rows for split in ("val", "test")}


def _xstorycloze(language: str, own: str) -> Files:
    def row(split: str, number: int) -> Row:
        return {
            "story_id": f"{split}-{number}",
            **{f"input_sentence_{sentence}": say(language, number, str(sentence)) for sentence in range(1, 5)},
            "sentence_quiz1": say(language, number, "a"),
            "sentence_quiz2": say(language, number, "b"),
            "answer_right_ending": number % 2 + 1,
        }

    return _splits(f"juletxara/xstory_cloze/{own}", ["train", "eval"], row)


def _xwinograd(language: str, own: str) -> Files:
    def row(split: str, number: int) -> Row:
        return {
            "sentence": f"{say(language, number)} _ {say(language, number, '…')}",
            "option1": "Ọlá",
            "option2": "李",
            "answer": str(number % 2 + 1),
        }

    return _splits(f"Muennighoff/xwinograd/{own}", ["test"], row)


def _pawsx(language: str, own: str) -> Files:
    def row(split: str, number: int) -> Row:
        empty = number == 3
        return {
            "id": number + 1,
            "sentence1": "" if empty else say(language, number, split) + " .",
            "sentence2": say(language, number),
            "label": number % 2,
        }

    return _splits(f"google-research-datasets/paws-x/{own}", ["train", "validation", "test"], row)


def _mgsm(language: str, own: str) -> Files:
    def row(split: str, number: int) -> Row:
        return {
            "question": say(language, number, split),
            "answer": f"Step-by-Step Answer: {number} + 1. The answer is {number + 1}." if split == "train" else None,
            "answer_number": number + 1,
            "equation_solution": None,
        }

    return {**_splits(f"juletxara/mgsm/{own}", ["train"], row, 8), **_splits(f"juletxara/mgsm/{own}", ["test"], row)}


def _answers(language: str, number: int) -> Row:
    return {"text": [say(language, number, "answer"), "42"], "answer_start": [0, 5]}


_TYDIQA = {
    "arb_Arab": "arabic",
    "ben_Beng": "bengali",
    "kor_Hang": "korean",
    "swh_Latn": "swahili",
    "tel_Telu": "telugu",
}


def _tydiqa(language: str, own: str) -> Files:
    """All languages stand in the same two files."""

    def rows(split: str) -> list[Row]:
        return [
            {
                "id": f"{name}-{split}-{number}",
                "title": say(code, number),
                "context": say(code, number, "context"),
                "question": say(code, number, f"{split}?"),
                "answers": _answers(code, number),
            }
            for code, name in _TYDIQA.items()
            for number in range(ROWS)
        ]

    folder = "google-research-datasets/tydiqa/secondary_task"
    return {f"{folder}/{split}.jsonl": rows(split) for split in ("train", "validation")}


def _question_rows(language: str, split: str, other: str = "") -> list[Row]:
    return [
        {
            "id": f"{split}-{number}",
            "title": "—",
            "context": say(language, number // 2, "context"),
            "question": say(other or language, number, "?"),
            "answers": _answers(language, number),
        }
        for number in range(ROWS)
    ]


def _xquad(language: str, own: str) -> Files:
    return {f"google/xquad/xquad.{own}/validation.jsonl": _question_rows(language, "validation")}


def _mlqa(language: str, own: str) -> Files:
    spoken = {own: language, "en": "eng_Latn"}
    return {
        f"facebook/mlqa/mlqa.{context}.{question}/{split}.jsonl": _question_rows(
            spoken[context], split, spoken[question]
        )
        for context, question in [(own, own), (own, "en"), ("en", own)]
        for split in ("test", "validation")
    }


def _plain(folder: str, splits: Sequence[str], make: Callable[[str, str, int], Row]) -> Callable[[str, str], Files]:
    """``org/name/config/split`` with one kind of row: ``make(language, split, number)``; ``{own}`` is the own code."""

    def files(language: str, own: str) -> Files:
        return _splits(folder.replace("{own}", own), splits, lambda split, number: make(language, split, number))

    return files


_INTENTS = ("alarm", "balance", "weather")
_TOPICS = ("health", "politics", "sports")
_SENTIMENTS = ("negative", "positive", "neutral")
_ALL = ("train", "validation", "test")


def _posts(language: str, split: str, number: int) -> Row:
    return {"ID": number, "tweet": say(language, number, split), "label": _SENTIMENTS[number % 3]}


def _utterance(language: str, split: str, number: int) -> Row:
    return {"text": say(language, number, split), "intent": _INTENTS[number % 3]}


def _entities(language: str, split: str, number: int) -> Row:
    name = say(language, number)
    return {"text": say(language, number, split), "spans": f"PER: {name}", "target": f"PER: {name} $$ LOC: Áfíríkà"}


def _news(language: str, split: str, number: int) -> Row:
    return {
        "category": _TOPICS[number % 3],
        "headline": say(language, number, split),
        "text": say(language, number),
        "url": f"https://example.org/{number}",
    }


def _tagged(language: str, split: str, number: int) -> Row:
    return {"id": str(number), "tokens": say(language, number, split).split(), "upos": [0, 2, 16, 1][: number % 4 + 1]}


def _story(language: str, split: str, number: int) -> Row:
    return {
        "story": say(language, number // 2, "story"),
        "question": say(language, number, "?"),
        **{f"options_{letter}": say(language, number, letter) for letter in LETTERS},
        "Answer": LETTERS[number % 4] + " ",
    }


def _review(language: str, split: str, number: int) -> Row:
    return {"review": say(language, number, split), "label": ["positive", "negative"][number % 2]}


def _marks(language: str, split: str, number: int) -> Row:
    return {"text": f"iwe naa {number} {split}", "target": say(language, number, split)}


def _passage(language: str, split: str, number: int) -> Row:
    return {
        "context": f"Ibadan is a city, founded in 18{number // 2}9.",
        "question_lang": say(language, number, split),
        "question_translated": "When was Ibadan founded?",
        "title": "Ibadan",
        "answer_pivot": f"18{number // 2}9",
        "answer_lang": say(language, number),
    }


_NOLLYSENTI = {"eng": "en", "hau": "ha", "ibo": "ig", "yor": "yo", "pcm": "pcm"}


def _nollysenti(language: str, own: str) -> Files:
    return _plain("Davlan/nollysenti/{own}", _ALL, _review)(language, _NOLLYSENTI[own])


def _uhura_arc(language: str, own: str) -> Files:
    def row(split: str, number: int) -> Row:
        texts = [say(language, number, letter) for letter in LETTERS]
        return {
            "id": f"Mercury_{number}",
            "question": say(language, number, split),
            "choices": {"text": texts, "label": list(LETTERS)},
            "answerKey": LETTERS[number % 4],
        }

    return _splits(f"masakhane/uhura-arc-easy/{own}_multiple_choice", _ALL, row)


def _uhura_truthfulqa(language: str, own: str) -> Files:
    def row(split: str, number: int) -> Row:
        choices = [say(language, number, str(choice)) for choice in range(2 + number % 3)]
        targets = {"choices": choices, "labels": [1] + [0] * (len(choices) - 1)}
        return {"question": say(language, number, split), "mc1_targets": targets, "mc2_targets": targets}

    return _splits(f"masakhane/uhura-truthfulqa/{own}_multiple_choice", ["train", "test"], row)


def _m_arc(language: str, own: str) -> Files:
    def row(split: str, number: int) -> Row:
        return {
            "id": f"ARC-Challenge/{split}/{number}",
            "instruction": say(language, number, split),
            **{f"option_{letter}": say(language, number, letter) for letter in "abcd"},
            "option_e": say(language, number, "e") if number == 2 else None,
            "answer": LETTERS[number % 4],
        }

    return {
        **_splits(f"alexandrainst/m_arc/{own}", ["train"], row, 26),
        **_splits(f"alexandrainst/m_arc/{own}", ["val", "validation", "test"], row),
    }


def _m_hellaswag(language: str, own: str) -> Files:
    def row(split: str, number: int) -> Row:
        return {
            "ind": number,
            "activity_label": say(language, number),
            "ctx_a": say(language, number, split),
            "ctx_b": "ó",
            "ctx": say(language, number, "ctx"),
            "endings": [say(language, number, letter) for letter in LETTERS],
            "source_id": f"activitynet~{number}",
            "label": str(number % 4),
        }

    return _splits(f"alexandrainst/m_hellaswag/{own}", ["val"], row)


def _m_mmlu(language: str, own: str) -> Files:
    def row(split: str, number: int) -> Row:
        return {
            "instruction": say(language, number, split),
            **{f"option_{letter.lower()}": say(language, number, letter) for letter in LETTERS},
            "answer": LETTERS[number % 4],
            "id": f"anatomy/{split}/{number}",
        }

    return _splits(f"alexandrainst/m_mmlu/{own}", ["train", "val", "test"], row)


def _m_truthfulqa(language: str, own: str) -> Files:
    def row(split: str, number: int) -> Row:
        choices = [say(language, number, str(choice)) for choice in range(2 + number % 3)]
        return {
            "question": say(language, number, split),
            "mc1_targets_choices": choices,
            "mc1_targets_labels": [1] + [0] * (len(choices) - 1),
            "mc2_targets_choices": choices,
            "mc2_targets_labels": [1, 1, *[0] * (len(choices) - 2)],
        }

    return _splits(f"alexandrainst/m_truthfulqa/{own}", ["val"], row)


def _sib200_rows(language: str, split: str) -> list[Row]:
    first = {"train": 0, "validation": 701, "test": 800}[split]
    return [
        {"index_id": first + number, "category": [*_TOPICS, "travel"][number % 4], "text": say(language, number, split)}
        for number in range(ROWS)
    ]


def _sib200(language: str, own: str) -> Files:
    return {f"Davlan/sib200/{own}/{split}.jsonl": _sib200_rows(language, split) for split in _ALL}


def _xlsum(language: str, own: str) -> Files:
    def row(split: str, number: int) -> Row:
        return {
            "id": f"{own}-{split}-{number}",
            "url": "https://www.bbc.com/",
            "title": say(language, number),
            "summary": say(language, number, "summary"),
            "text": say(language, number, split),
        }

    return _splits(f"csebuetnlp/xlsum/{own}", _ALL, row)


def _winogrande(language: str, own: str) -> Files:
    def rows(split: str) -> list[Row]:
        return [
            {
                "qID": f"3QHITW7{split}{number}-{number % 2 + 1}",
                "Sentence": f'{say(language, number, split)}, _ "{number}"',
                "Option1": "ኢያን",
                "Option2": "Dẹ́nìs",
                "Answer": number % 2 + 1,
            }
            for number in range(ROWS)
        ]

    folder = "parquet_ready_release/winogrande/winogrande"
    return {f"{folder}_{split}_{own}.csv": rows(split) for split in ("dev", "test", "train_s")}


MMLU_SECTIONS = ("clinical_knowledge", "college_medicine", "virology")


def mmlu_release(language: str, own: str) -> dict[str, bytes]:
    """Members of the release archive: files without a header line; English has no code in their names."""
    members = {}
    for section in MMLU_SECTIONS:
        for split in ("dev", "test", "val"):
            rows = [
                [say(language, number, f"{section} {split}"), *(say(language, number, letter) for letter in LETTERS)]
                for number in range(ROWS)
            ]
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows(
                [*row, LETTERS[number % 4]] for number, row in enumerate(rows)
            )
            name = f"evaluation_benchmarks_afr_release/mmlu_cm_ck_vir/{section}_{split}{own}.csv"
            members[name] = text.getvalue().encode()
    return members


def _no_files(language: str, own: str) -> Files:
    return {}


def _p_mmeval(name: str, make: Callable[[str, int], Row]) -> Callable[[str, str], Files]:
    def files(language: str, own: str) -> Files:
        return {f"Qwen/P-MMEval/{name}/test/{own}.jsonl": [make(language, number) for number in range(ROWS)]}

    return files


def _options(language: str, number: int) -> Row:
    return {f"option_{option}": say(language, number, str(option)) for option in range(1, 5)}


def _mlogiqa(language: str, number: int) -> Row:
    texts = {"context": say(language, number, "context"), "question": say(language, number, "?")}
    return {**texts, **_options(language, number), "answer": number % 4}


def _mhellaswag(language: str, number: int) -> Row:
    return {"ctx": say(language, number), **_options(language, number), "label": str(number % 4)}


def _p_xnli(language: str, number: int) -> Row:
    return {"premise": say(language, number), "statement": say(language, number, "?"), "answer": "ABC"[number % 3]}


def _p_mgsm(language: str, number: int) -> Row:
    return {"question": say(language, number), "answer": f"{number + 1},000"}


def _p_mmmlu(language: str, own: str) -> Files:
    def rows(level: str) -> list[Row]:
        return [
            {
                "Question": say(language, number, level),
                **{letter: say(language, number, letter) for letter in LETTERS},
                "Answer": LETTERS[number % 4],
                "Subject": "anatomy",
            }
            for number in range(ROWS)
        ]

    return {f"Qwen/P-MMEval/mmmlu/{level}/test/mmlu_{own}.jsonl": rows(level) for level in ("easy", "hard")}


_IROKO_LATIN = "eng ewe fra hau ibo kin lin lug gaz sna sot swh twi wol xho yor zul"
_IROKO = ("amh_Ethi", *(f"{code}_Latn" for code in _IROKO_LATIN.split()))
_FULL = (("anatomy", "STEM"), ("philosophy", "Humanities"), ("virology", "Other"), ("sociology", "Social Sciences"))
_LITE = (("anatomy", "Medical"), ("philosophy", "Humanities"), ("marketing", "Business"))
_SUBJECTS = ("anatomy", "philosophy", "virology", "sociology")

MIRRORS: Mapping[str, Mirror] = {
    "afrixnli": Mirror(languages=_IROKO, files=_afrixnli),
    "afrimgsm": Mirror(languages=(*_IROKO, "vai_Vaii"), files=_afrimgsm),
    "afrimmlu": Mirror(languages=_IROKO, files=_afrimmlu),
    "belebele": Mirror(languages=("mya_Mymr", "arb_Arab", "hau_Latn", "zho_Hans"), files=_belebele),
    "belebele_africa": Mirror(languages=("tir_Ethi", "ary_Arab", "fuv_Latn", "swh_Latn"), files=_belebele),
    "global_mmlu": Mirror(
        languages=("amh_Ethi", "npi_Deva", "yor_Latn"), files=_global_mmlu("CohereForAI/Global-MMLU", _FULL)
    ),
    "global_mmlu_lite": Mirror(
        languages=("arb_Arab", "jpn_Jpan", "swh_Latn"), files=_global_mmlu("CohereLabs/Global-MMLU-Lite", _LITE)
    ),
    "mmmlu": Mirror(languages=("arb_Arab", "kor_Hang", "yor_Latn"), files=_mmmlu(_SUBJECTS, {})),
    "mmmlu_africa": Mirror(
        languages=("arb_Arab", "swh_Latn", "yor_Latn"),
        files=_mmmlu(_SUBJECTS, {"ara": "AR_XY", "swa": "SW_KE", "yor": "YO_NG"}),
    ),
    "include": Mirror(languages=("als_Latn", "mkd_Cyrl", "tam_Taml"), files=_include),
    "multiblimp": Mirror(languages=("amh_Ethi", "hbo_Hebr", "xcl_Armn", "wbp_Latn", "chu_Cyrl"), files=_multiblimp),
    "xnli": Mirror(languages=("arb_Arab", "tha_Thai", "swh_Latn"), files=_xnli),
    "xcopa": Mirror(languages=("hat_Latn", "tam_Taml", "tha_Thai", "zho_Hans"), files=_xcopa),
    "xstorycloze": Mirror(languages=("mya_Mymr", "tel_Telu", "swh_Latn"), files=_xstorycloze),
    "xwinograd": Mirror(languages=("jpn_Jpan", "rus_Cyrl", "por_Latn"), files=_xwinograd),
    "pawsx": Mirror(languages=("deu_Latn", "kor_Hang", "zho_Hans"), files=_pawsx),
    "mgsm": Mirror(languages=("ben_Beng", "tha_Thai", "swh_Latn"), files=_mgsm),
    "tydiqa_goldp": Mirror(languages=tuple(_TYDIQA), files=_tydiqa),
    "xquad": Mirror(languages=("ell_Grek", "hin_Deva", "vie_Latn"), files=_xquad),
    "mlqa": Mirror(languages=("arb_Arab", "zho_Hans", "vie_Latn", "eng_Latn"), files=_mlqa),
    "adr": Mirror(
        languages=("bbj_Latn", "ibo_Latn", "yor_Latn"),
        files=_plain("masakhane/diacritics-restoration/{own}", ("train", "dev", "test"), _marks),
    ),
    "afriqa": Mirror(
        languages=("bem_Latn", "fon_Latn", "yor_Latn"),
        files=_plain("masakhane/afriqa-gold-passages/{own}", _ALL, _passage),
    ),
    "afrisenti": Mirror(
        languages=("amh_Ethi", "arq_Arab", "twi_Latn"), files=_plain("masakhane/afrisenti/{own}", _ALL, _posts)
    ),
    "injongointent": Mirror(
        languages=("amh_Ethi", "ewe_Latn", "zul_Latn"), files=_plain("masakhane/InjongoIntent/{own}", _ALL, _utterance)
    ),
    "masakhaner": Mirror(
        languages=("amh_Ethi", "ewe_Latn", "yor_Latn"), files=_plain("masakhane/masakhaner-x/{own}", _ALL, _entities)
    ),
    "masakhanews": Mirror(
        languages=("amh_Ethi", "tir_Ethi", "hau_Latn"), files=_plain("masakhane/masakhanews/{own}", _ALL, _news)
    ),
    "masakhapos": Mirror(
        languages=("bam_Latn", "ewe_Latn", "yor_Latn"), files=_plain("masakhane/masakhapos/{own}", _ALL, _tagged)
    ),
    "naijarc": Mirror(
        languages=("hau_Latn", "ibo_Latn", "yor_Latn"), files=_plain("Davlan/NaijaRC/{own}", ("test",), _story)
    ),
    "nollysenti": Mirror(languages=("eng_Latn", "pcm_Latn", "yor_Latn"), files=_nollysenti),
    "xlsum": Mirror(languages=("amh_Ethi", "zho_Hans", "yor_Latn"), files=_xlsum),
    "uhura_arc_easy": Mirror(languages=("amh_Ethi", "nso_Latn", "zul_Latn"), files=_uhura_arc),
    "uhura_truthfulqa": Mirror(languages=("amh_Ethi", "hau_Latn", "yor_Latn"), files=_uhura_truthfulqa),
    "m_arc": Mirror(languages=("hye_Armn", "tel_Telu", "eus_Latn"), files=_m_arc),
    "m_hellaswag": Mirror(languages=("arb_Arab", "npi_Deva", "vie_Latn"), files=_m_hellaswag),
    "m_mmlu": Mirror(languages=("tam_Taml", "rus_Cyrl", "isl_Latn"), files=_m_mmlu),
    "m_truthfulqa_mc1": Mirror(languages=("ben_Beng", "zho_Hans", "eus_Latn"), files=_m_truthfulqa),
    "m_truthfulqa_mc2": Mirror(languages=("ben_Beng", "zho_Hans", "eus_Latn"), files=_m_truthfulqa),
    "sib200": Mirror(languages=("nqo_Nkoo", "tzm_Tfng", "ace_Arab", "zul_Latn"), files=_sib200),
    "winogrande_africa": Mirror(languages=("amh_Ethi", "bam_Latn", "nso_Latn"), files=_winogrande),
    "mmlu_clinical_africa": Mirror(languages=("eng_Latn", "amh_Ethi", "zul_Latn"), files=_no_files),
    "p_mmeval_mgsm": Mirror(languages=("tha_Thai", "arb_Arab", "vie_Latn"), files=_p_mmeval("mgsm", _p_mgsm)),
    "p_mmeval_mhellaswag": Mirror(
        languages=("jpn_Jpan", "kor_Hang", "por_Latn"), files=_p_mmeval("mhellaswag", _mhellaswag)
    ),
    "p_mmeval_mlogiqa": Mirror(languages=("zho_Hans", "tha_Thai", "fra_Latn"), files=_p_mmeval("mlogiqa", _mlogiqa)),
    "p_mmeval_mmmlu": Mirror(languages=("arb_Arab", "jpn_Jpan", "spa_Latn"), files=_p_mmmlu),
    "p_mmeval_xnli": Mirror(languages=("kor_Hang", "vie_Latn", "eng_Latn"), files=_p_mmeval("xnli", _p_xnli)),
}


# The same rows in the layout of a repository or release instead


def _rows(name: str, language: str, own: str) -> Files:
    return MIRRORS[name].files(language, own)


def _release_of_belebele(root: Path, language: str, own: str) -> None:
    write(root, {f"facebook/belebele/data/{own}.jsonl": _belebele_rows(language)})


def _release_of_multiblimp(root: Path, language: str, own: str) -> None:
    rows = _rows("multiblimp", language, own)[f"jumelet/multiblimp/{own}/data.tsv"]
    write(root, {f"jumelet/multiblimp/{own}/train.jsonl": rows})


def _release_of_mgsm(root: Path, language: str, own: str) -> None:
    """The released problems: question and answer, no header line."""
    rows = _rows("mgsm", language, own)[f"juletxara/mgsm/{own}/test.jsonl"]
    text = "".join(f"{row['question']}\t{row['answer_number']}\n" for row in rows)
    _write_bytes(root / f"mgsm/mgsm_{own}.tsv", text.encode())


def _release_of_mlqa(root: Path, language: str, own: str) -> None:
    members = {}
    for name, rows in _rows("mlqa", language, own).items():
        _, context, question = name.split("/")[2].split(".")
        split = {"test": "test", "validation": "dev"}[Path(name).stem]
        members[f"MLQA_V1/{split}/{split}-context-{context}-question-{question}.json"] = _squad(rows)
    write_zip(root / "MLQA_V1.zip", members)


def _release_of_xquad(root: Path, language: str, own: str) -> None:
    rows = _rows("xquad", language, own)[f"google/xquad/xquad.{own}/validation.jsonl"]
    _write_bytes(root / f"xquad/xquad.{own}.json", _squad(rows))


def _release_of_xstorycloze(root: Path, language: str, own: str) -> None:
    columns = ["InputStoryid", *(f"InputSentence{number}" for number in range(1, 5))]
    columns += ["RandomFifthSentenceQuiz1", "RandomFifthSentenceQuiz2", "AnswerRightEnding"]
    for name, rows in _rows("xstorycloze", language, own).items():
        renamed = [dict(zip(columns, row.values(), strict=True)) for row in rows]
        path = f"juletxara/xstory_cloze/spring2016.val.{own}.tsv.split_20_80_{Path(name).stem}.tsv"
        write(root, {path: renamed})


def _release_of_xcopa(root: Path, language: str, own: str) -> None:
    """Here the hub's layout; the mirror of the other tests is the repository's."""
    rows = _rows("xcopa", language, own)[f"xcopa/{own}/test.{own}.jsonl"]
    write(root, {f"cambridgeltl/xcopa/{own}/{split}.jsonl": rows for split in ("validation", "test")})


def _release_of_sib200(root: Path, language: str, own: str) -> None:
    folder = "sib200" if language.endswith("Nkoo") else "sib-200/data/annotated"
    names = {"train": "train", "validation": "dev", "test": "test"}
    write(root, {f"{folder}/{own}/{name}.tsv": _sib200_rows(language, split) for split, name in names.items()})


def _release_of_xlsum(root: Path, language: str, own: str) -> None:
    members = {
        f"{own}_{Path(name).stem.replace('validation', 'val')}.jsonl": encoded(name, rows)
        for name, rows in _rows("xlsum", language, own).items()
    }
    write_tar(root / f"csebuetnlp/xlsum/data/{own}_XLSum_v2.0.tar.bz2", members)


def _release_of_masakhanews(root: Path, language: str, own: str) -> None:
    """Tab-separated, with quotes as in csv."""
    for name, rows in _rows("masakhanews", language, own).items():
        text = io.StringIO()
        table = [list(rows[0]), *(list(row.values()) for row in rows)]
        csv.writer(text, delimiter="\t", quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(table)
        split = Path(name).stem.replace("validation", "dev")
        _write_bytes(root / f"masakhane-news/data/{own}/{split}.tsv", text.getvalue().encode())


def _release_of_afriqa(root: Path, language: str, own: str) -> None:
    """One file a language, whose passages are in English or in French; answers are nested."""
    pivot = "fr" if own == "fon" else "en"
    for name, rows in _rows("afriqa", language, own).items():
        nested = [{**row, "answer_pivot": {"answer_start": [0], "text": [row["answer_pivot"]]}} for row in rows]
        split = Path(name).stem.replace("validation", "dev")
        path = f"afriqa/data/gold_passages/{own}/gold_span_passages.afriqa.{own}.{pivot}.{split}.json"
        _write_bytes(root / path, encoded(name, nested))


def _release_of_winogrande(root: Path, language: str, own: str) -> None:
    """Here the hub's layout; the mirror of the other tests is the repository's."""
    for name, rows in _rows("winogrande_africa", language, own).items():
        split = Path(name).stem.removeprefix("winogrande_").removesuffix(f"_{own}")
        write(root, {f"Institute-Disease-Modeling/mmlu-winogrande-afr/winogrande_{own}/{split}.jsonl": rows})


def _squad(rows: Sequence[Row]) -> bytes:
    """SQuAD's nesting of articles, paragraphs and questions; neighbouring rows of one passage are one paragraph."""
    paragraphs: dict[object, list[Row]] = {}
    for row in rows:
        answers = row["answers"]
        assert isinstance(answers, dict)
        pairs = zip(answers["text"], answers["answer_start"], strict=True)
        listed = [{"text": text, "answer_start": start} for text, start in pairs]
        question = {"id": row["id"], "question": row["question"], "answers": listed}
        paragraphs.setdefault(row["context"], []).append(question)
    written = [{"context": context, "qas": questions} for context, questions in paragraphs.items()]
    return json.dumps({"version": "1.1", "data": [{"title": "—", "paragraphs": written}]}, ensure_ascii=False).encode()


def _write_bytes(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


RELEASES: Mapping[str, Callable[[Path, str, str], None]] = {
    "afriqa": _release_of_afriqa,
    "belebele": _release_of_belebele,
    "masakhanews": _release_of_masakhanews,
    "mgsm": _release_of_mgsm,
    "mlqa": _release_of_mlqa,
    "multiblimp": _release_of_multiblimp,
    "sib200": _release_of_sib200,
    "winogrande_africa": _release_of_winogrande,
    "xcopa": _release_of_xcopa,
    "xlsum": _release_of_xlsum,
    "xquad": _release_of_xquad,
    "xstorycloze": _release_of_xstorycloze,
}
