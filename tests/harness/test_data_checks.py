"""A task's data looked at before anything is computed: each mistake at its line of the task file, no false alarm."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from harness.data_checks import DataReport, check_data
from harness.hub import HubData, UnreachableError
from harness.loader import load_tasks
from harness.resources import shipped_tasks
from harness.tasks.base import Selection

CHOICE = """\
    task: quiz
    kind: multiple_choice
    description: x
    dataset:
      files: "{lang}/{split}.jsonl"
      fewshot_split: dev
      key: id
    languages: [amh, mya, tha]
    prompts:
      short:
        doc_to_text: "{{question}}\\nA:"
        doc_to_choice: "{{choices}}"
        doc_to_target: answer
      long:
        doc_to_text: "Q ({{topic}}): {{question}}"
        doc_to_choice: choices
        doc_to_target: "{{answer}}"
    metrics: [acc]
"""
GENERATE = """\
    task: sums
    kind: generate_until
    dataset: {files: "{lang}.jsonl"}
    languages: [amh, jpn]
    prompts:
      p:
        doc_to_text: "{{question}}"
        doc_to_target: answer
        generation_kwargs: {until: ["\\n", "።"], max_gen_toks: 20}
    metrics: [exact_match]
"""
ROWS = [
    {"id": "q1", "question": "ሰማይ ምን ቀለም ነው?", "choices": ["ሰማያዊ", "ቀይ", "ነጭ"], "answer": 0, "topic": "ቀለም"},
    {"id": "q2", "question": "ውሃ ምን ነው?", "choices": ["ጠጣር", "ፈሳሽ"], "answer": 1, "topic": "ነገር"},
    {"id": "q3", "question": "ሁለት ሲደመር ሁለት?", "choices": ["ሦስት", "አራት", "አምስት"], "answer": 1, "topic": "ሒሳብ"},
]
Change = Callable[[int, dict[str, object]], dict[str, object]]


def write(folder: Path, task: str, rows: Mapping[str, Sequence[object]]) -> Path:
    """A task file, and beside it a file of rows for every path."""
    path = folder / "task.yaml"
    path.write_text(textwrap.dedent(task), encoding="utf-8")
    for name, values in rows.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps(value, ensure_ascii=False) for value in values]
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def check(path: Path) -> DataReport:
    return check_data(load_tasks([str(path)], [])[0], None)


def problems(path: Path) -> list[str]:
    """Problems without the file's name."""
    report = check(path)
    assert all("\n" not in line for line in (*report.problems, *report.remarks))
    return [line.removeprefix(f"{path}:") for line in report.problems]


def remarks(path: Path) -> list[str]:
    report = check(path)
    assert report.problems == ()
    return [line.removeprefix(f"{path}:") for line in report.remarks]


def quiz(change: Change | None = None, split: str = "test", **files: Sequence[object]) -> dict[str, Sequence[object]]:
    """Rows of three languages, different in each, with a change to every row of one split."""
    made: dict[str, Sequence[object]] = {}
    for language in ("amh", "mya", "tha"):
        for name in ("test", "dev"):
            rows = [{**row, "question": f"{language} {name} {row['question']}"} for row in ROWS]
            if change is not None and name == split:
                rows = [change(index, row) for index, row in enumerate(rows)]
            made[f"{language}/{name}.jsonl"] = rows
    return {**made, **files}


def test_good_data_is_good(tmp_path: Path) -> None:
    report = check(write(tmp_path, CHOICE, quiz()))
    assert (report.problems, report.remarks, report.units) == ((), (), 6)


@pytest.mark.parametrize(
    "name", ["sample_choice", "sample_translation", "sample_sts", "sample_bitext", "sample_alignment"]
)
def test_the_sample_tasks_raise_no_alarm(name: str) -> None:
    report = check_data(load_tasks([name], [shipped_tasks()])[0], None)
    assert (report.problems, report.remarks) == ((), ())


@pytest.mark.parametrize(
    ("name", "languages"),
    [
        ("tatoeba", ["eng_Latn", "amh_Ethi", "jpn_Jpan", "tel_Telu"]),
        ("mafand", ["eng_Latn", "hau_Latn", "yor_Latn"]),
        ("stsb_multi_mt", ["deu_Latn", "zho_Hans"]),
        ("sib200_alignment", ["eng_Latn", "mya_Mymr", "sat_Olck", "bod_Tibt"]),
        ("xcopa", ["est_Latn", "quy_Latn", "swh_Latn", "zho_Hans"]),
    ],
)
def test_the_real_data_sets_raise_no_alarm(shared_data: Path, name: str, languages: list[str]) -> None:
    (task,) = load_tasks([name], [shipped_tasks()])
    report = check_data(task, shared_data, Selection(languages=tuple(languages)))
    assert report.problems == ()
    assert report.units


# Columns, told at the line that names them


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "{{question}}\\nA",
            "{{qestion}}\\nA",
            "11: prompts.short.doc_to_text: template names 'qestion', which the data does not have "
            "(did you mean 'question'?) (amh_Ethi; also mya_Mymr, tha_Thai)",
        ),
        ("doc_to_choice: choices", "doc_to_choice: choice", "16: prompts.long.doc_to_choice: 'choice' is no column"),
        (
            "doc_to_target: answer\n",
            "doc_to_target: anwser\n",
            "13: prompts.short.doc_to_target: 'anwser' is no column",
        ),
        ("{{question}}\\nA:", "{question}\\nA:", "11: prompts.short.doc_to_text: '{question}' is written as it stands"),
        ("{{question}}\\nA:", "question_", "11: prompts.short.doc_to_text: 'question_' is no column"),
        ("key: id", "key: idd", "7: dataset.key: no column 'idd' (did you mean 'id'?); the data has id, question"),
        ("key: id", "cluster: topc", "7: dataset.cluster: no column 'topc' (did you mean 'topic'?)"),
        ("key: id", "where: {topik: ሒሳብ}", "7: dataset.where.topik: no column 'topik' (did you mean 'topic'?)"),
        ("key: id", "where: {topic: ሒሳ}", "7: dataset.where.topic: no row has topic = ሒሳ"),
        ("{split}.jsonl", "{split}.json_", "5: dataset.files: no file 'amh/test.json_'"),
    ],
)
def test_names_that_the_data_does_not_have(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in CHOICE
    found = problems(write(tmp_path, CHOICE.replace(old, new), quiz()))
    assert any(line.startswith(expected) for line in found), found


def test_a_column_of_another_kind_of_task(tmp_path: Path) -> None:
    task = """\
    task: similar
    kind: sts
    dataset: {files: "{lang}.jsonl"}
    languages: [amh]
    metrics: [cosine_spearman]
    """
    rows = [{"sentence1": "ውሃ", "sentence_2": "ዳቦ", "score": 1}]
    (found,) = problems(write(tmp_path, task, {"amh.jsonl": rows}))
    assert found.startswith("3: dataset: no column 'sentence2' (did you mean 'sentence_2'?); the data has sentence1,")


def test_optional_columns_and_columns_of_some_rows(tmp_path: Path) -> None:
    optional = CHOICE.replace("{{question}}\\nA", "{{question}}{% if hint is defined %}{{hint}}{% endif %}\\nA")
    assert problems(write(tmp_path, optional, quiz())) == []
    dropped = quiz(lambda index, row: {key: value for key, value in row.items() if index == 0 or key != "topic"})
    (found,) = problems(write(tmp_path, CHOICE, dropped))
    assert found.startswith(
        "15: prompts.long.doc_to_text: template 'Q ({{topic}}): {{question}}': 'topic' is undefined"
    )
    assert found.endswith("(amh_Ethi: item q2 of 3 rows; also mya_Mymr, tha_Thai)")


# Answers and choices, in every row


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda index, row: {**row, "answer": 3} if index > 0 else row,
            "13: prompts.short.doc_to_target: gold index 3 is outside its 2 choices "
            "(amh_Ethi: item q2 and 1 more of 3 rows; also mya_Mymr, tha_Thai)",
        ),
        (
            lambda _, row: {**row, "answer": len(row["choices"])},
            "13: prompts.short.doc_to_target: gold index 3 is outside its 3 choices; count from 0",
        ),
        (
            lambda _, row: {**row, "answer": "ነጭጭ"},
            "13: prompts.short.doc_to_target: gold answer 'ነጭጭ' is not among its choices (did you mean 'ነጭ'?)",
        ),
        (
            lambda _, row: {**row, "choices": ["", "ቀይ", "x"]},
            "12: prompts.short.doc_to_choice: a choice is empty; its likelihood would be 1",
        ),
        (
            lambda _, row: {**row, "choices": ["ቀይ"], "answer": 0},
            "12: prompts.short.doc_to_choice: fewer than two choices",
        ),
        (
            lambda _, row: {**row, "choices": ["ቀይ", "ቀይ"], "answer": 0},
            "12: prompts.short.doc_to_choice: two choices are the same text",
        ),
        (
            lambda _, row: {**row, "choices": [f" {choice}" for choice in row["choices"]]},
            "12: prompts.short.doc_to_choice: every choice begins with white space, which 'target_delimiter' (' ')",
        ),
        (
            lambda _, row: {**row, "choices": "ቀይ, ነጭ"},
            "12: prompts.short.doc_to_choice: doc_to_choice must give a list, found str: 'ቀይ, ነጭ'",
        ),
        (
            lambda _, row: {**row, "question": "ምን? "},
            "15: prompts.long.doc_to_text: ends in white space when filled in, and 'target_delimiter' (' ') follows",
        ),
        (lambda _, row: {**ROWS[0], "id": row["id"]}, "11: prompts.short.doc_to_text: asks the same of all 3 rows"),
    ],
)
def test_rows_that_cannot_be_judged(tmp_path: Path, change: Change, expected: str) -> None:
    found = problems(write(tmp_path, CHOICE, quiz(change)))
    assert any(line.startswith(expected) for line in found), found


def test_what_may_be_so_in_real_data_is_a_remark(tmp_path: Path) -> None:
    def change(index: int, row: dict[str, object]) -> dict[str, object]:
        return {**row, "question": f"{row['question']} "} if index == 1 else row

    (found,) = remarks(write(tmp_path, CHOICE, quiz(change)))
    assert found.startswith("15: prompts.long.doc_to_text: ends in white space when filled in")
    assert "amh_Ethi: item q2 of 3 rows; also mya_Mymr, tha_Thai" in found


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (["አራት።", "አምስት።"], "8: prompts.p.doc_to_target: the gold answer holds a text of 'until'"),
        (["", " "], "8: prompts.p.doc_to_target: the gold answer is empty"),
        (["4", "5"], None),
    ],
)
def test_gold_answers_that_no_answer_can_equal(tmp_path: Path, answers: list[str], expected: str | None) -> None:
    rows = [{"question": f"ጥያቄ {index}", "answer": answer} for index, answer in enumerate(answers)]
    other = [{"question": f"問題 {index}", "answer": "四"} for index in range(2)]
    found = problems(write(tmp_path, GENERATE, {"amh.jsonl": rows, "jpn.jsonl": other}))
    assert [line.startswith(expected or "?") for line in found] == ([True] if expected else []), found


def test_an_empty_prompt(tmp_path: Path) -> None:
    rows = {name: [{"question": text, "answer": "x"} for text in ("?", "")] for name in ("amh.jsonl", "jpn.jsonl")}
    found = problems(write(tmp_path, GENERATE, rows))
    assert "7: prompts.p.doc_to_text: the prompt is empty (amh_Ethi: item 2 of 2 rows; also jpn_Jpan)" in found


def test_a_template_that_takes_too_much_is_an_error(tmp_path: Path) -> None:
    task = GENERATE.replace(
        "{{question}}", "{% for a in range(n) %}{% for b in range(n) %}{{ a }}{% endfor %}{% endfor %}"
    )
    rows = [{"question": "?", "answer": "x", "n": 90_000}]
    found = problems(write(tmp_path, task, {"amh.jsonl": rows, "jpn.jsonl": rows}))
    assert any(line.startswith("7: prompts.p.doc_to_text: ") and "more than 300,000 steps" in line for line in found)


# Languages, splits, sides


def test_a_language_with_the_rows_of_another(tmp_path: Path) -> None:
    rows = quiz()
    rows["tha/test.jsonl"] = rows["amh/test.jsonl"]
    assert problems(write(tmp_path, CHOICE, rows)) == [
        "8: languages[2]: tha_Thai has the very rows of amh_Ethi; check its file"
    ]
    named = CHOICE.replace("Q ({{topic}})", "Answer in {{language}}")
    assert problems(write(tmp_path, named, rows)) == []


def test_pairs_with_the_same_text_twice(tmp_path: Path) -> None:
    task = """\
    task: news
    kind: translation
    dataset: {files: "{lang}.txt"}
    languages: {eng: en, nqo: nqo, bam: bm}
    directions: eng-xx
    metrics: [chrf]
    """
    path = write(tmp_path, task, {})
    for code, lines in {"en": "one\ntwo\n", "nqo": "one\ntwo\n", "bm": "kelen\nfila\n"}.items():
        (tmp_path / f"{code}.txt").write_text(lines, encoding="utf-8")
    assert problems(path) == [
        "3: dataset: 'source' and 'target' are the same text in every row (eng_Latn-nqo_Nkoo)",
        "4: languages.nqo: nqo_Nkoo has the very rows of eng_Latn; check its file",
    ]
    (tmp_path / "nqo.txt").write_text("ߞߋߟߋ߲߫\n\n", encoding="utf-8")
    assert remarks(path) == ["3: dataset: 'target' is empty (eng_Latn-nqo_Nkoo: item 2 of 2 rows)"]


def test_few_shot_examples(tmp_path: Path) -> None:
    shots = CHOICE.replace("    metrics:", "    num_fewshot: 4\n    metrics:")
    assert problems(write(tmp_path, shots, quiz())) == [
        "6: dataset.fewshot_split: 4-shot needs 4 examples; split 'dev' has 3 (amh_Ethi; also mya_Mymr, tha_Thai)"
    ]
    two = shots.replace("num_fewshot: 4", "num_fewshot: 2")
    assert problems(write(tmp_path, two, quiz())) == []
    copied = quiz()
    for language in ("amh", "mya", "tha"):
        copied[f"{language}/dev.jsonl"] = copied[f"{language}/test.jsonl"]
    (found,) = problems(write(tmp_path, two, copied))
    assert found.startswith("6: dataset.fewshot_split: split 'dev' of examples holds rows that are asked about")
    first = {**ROWS[0], "id": "q9", "question": f"amh test {ROWS[0]['question']}"}
    one = {**quiz(), "amh/dev.jsonl": [*quiz()["amh/dev.jsonl"], first]}
    (remark,) = remarks(write(tmp_path, two, one))
    assert remark.endswith("(amh_Ethi: item q1 of 3 rows)")
    wrong = quiz(lambda _, row: {**row, "answer": 9}, split="dev")
    assert any("gold index 9 is outside its 3 choices (amh_Ethi dev: item q1" in line
               for line in problems(write(tmp_path, two, wrong)))  # fmt: skip
    same = two.replace("fewshot_split: dev", "fewshot_split: test")
    assert problems(write(tmp_path, same, quiz())) == []
    three = same.replace("num_fewshot: 2", "num_fewshot: 3")
    (found,) = problems(write(tmp_path, three, quiz()))
    assert "3 examples beside the one that is asked need 4 rows; there are 3 (amh_Ethi; also" in found


def test_variants_are_told_at_their_own_lines(tmp_path: Path) -> None:
    task = CHOICE.replace(
        "    metrics:", "    variants:\n      v:\n        dataset: {key: nr}\n      w: {}\n    metrics:"
    )
    found = problems(write(tmp_path, task, quiz()))
    assert [re.sub(r" no column.*", "", line) for line in found] == ["20: variants.v.dataset.key:"]


def test_many_languages_make_one_line(tmp_path: Path) -> None:
    codes = ["amh", "mya", "tha", "jpn", "yor", "hau"]
    task = GENERATE.replace("[amh, jpn]", f"[{', '.join(codes)}]").replace("{{question}}", "{{questio}}")
    rows = {f"{code}.jsonl": [{"question": code, "answer": "x"}] for code in codes}
    (found,) = problems(write(tmp_path, task, rows))
    assert found.endswith("(amh_Ethi; also mya_Mymr, tha_Thai, jpn_Jpan and 2 more)")


def test_a_mirror_that_holds_only_a_loading_script(tmp_path: Path) -> None:
    task = """\
    task: similar
    kind: sts
    dataset:
      path: org/similar
      name: "{lang}"
    languages: [amh, mya]
    metrics: [cosine_spearman]
    """
    path = write(tmp_path, task, {})
    mirror = tmp_path / "mirror" / "org" / "similar"
    mirror.mkdir(parents=True)
    (mirror / "similar.py").write_text("raise SystemExit('this must not run')\n", encoding="utf-8")
    for readme in ("", "# Similar sentences\n", "---\nlicense: cc0-1.0\n---\n# Similar\n"):
        (mirror / "README.md").write_text(readme, encoding="utf-8")
        (found,) = check_data(load_tasks([str(path)], [])[0], tmp_path / "mirror").problems
        assert found.startswith(f"{path}:4: dataset.path: the mirror of 'org/similar' holds no data of split 'test'")
        assert "similar.py), which 'datasets' does not run; name a script-free source" in found
        assert found.endswith("(amh_Ethi; also mya_Mymr)")


def test_a_hub_that_cannot_be_reached_is_waited_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = """\
    task: similar
    kind: sts
    dataset: {path: org/similar, name: "{lang}"}
    languages: [amh, mya, tha]
    metrics: [cosine_spearman]
    """
    tried = []

    def load(data: HubData, where: str, cache: Path | None = None) -> object:
        tried.append(data.config)
        raise UnreachableError(f"{where}: data set 'org/similar': the hub cannot be reached")

    monkeypatch.setattr("harness.hub.load", load)
    mirrored = [{"sentence1": "น้ำ", "sentence2": "ข้าว", "score": number} for number in (1, 2)]
    path = write(tmp_path, task, {"mirror/org/similar/tha/test.jsonl": mirrored})
    report = check_data(load_tasks([str(path)], [])[0], tmp_path / "mirror")
    assert report.problems == (
        f"{path}:3: dataset.path: data set 'org/similar': the hub cannot be reached (amh_Ethi; also mya_Mymr)",
    )
    assert tried == ["amh"]


@pytest.mark.parametrize("kind", ["translation", "preference"])
def test_prompts_of_other_kinds_are_filled_in_too(tmp_path: Path, kind: str) -> None:
    more = {"translation": "    directions: all\n", "preference": ""}[kind]
    metric = {"translation": "chrf", "preference": "preference_accuracy"}[kind]
    column = {"translation": "source", "preference": "prompt"}[kind]
    task = f"""\
    task: other
    kind: {kind}
    dataset: {{files: "{{lang}}.jsonl"}}
    languages: [amh, mya]
{more}    prompts:
      good: {{doc_to_text: "{{{{ {column} }}}}"}}
      bad:
        description: "Read. "
        doc_to_text: "{{{{ {column}[{column}|int] }}}} ↦"
    metrics: [{metric}]
    """
    rows = {
        f"{code}.jsonl": [{"text": word, "prompt": word, "chosen": f"{word} 1", "rejected": f"{word} 2"}]
        for code, word in (("amh", "ሰላም 1"), ("mya", "မင်္ဂလာပါ 1"))
    }
    path = write(tmp_path, task, rows)
    assert problems(path) == []
    broken = task.replace("|int]", "|length]")
    (found,) = problems(write(tmp_path, broken, rows))
    number = broken.splitlines().index(next(line for line in broken.splitlines() if "↦" in line)) + 1
    assert found.startswith(f"{number}: prompts.bad.doc_to_text: template ")
