"""Real task files with one mistake each: ``glotbench tasks validate`` tells every one at its line, before inference.

And what lm-eval says to a dozen of them: nothing, or something after the model has answered.
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cli import main
from harness.loader import task_index
from harness.resources import shipped_tasks
from tests.cli.test_command_line import glotbench

SAMPLE = shipped_tasks() / "sample"
FILES = task_index([shipped_tasks()])


@dataclass(frozen=True, slots=True)
class Mutation:
    """One mistake in one shipped file.

    Attributes:
        task: Name of the task. old, new: What is replaced, once. expected: What is said of it.
        at: Text of the line that is named, where it is not the first changed one.
        data: Whether only the data tells.
    """

    task: str
    old: str
    new: str
    expected: str
    at: str = ""
    data: bool = False

    def text(self) -> str:
        original = FILES[self.task].read_text(encoding="utf-8")
        assert self.old in original
        return original.replace(self.old, self.new, 1)

    def line(self) -> int:
        """The line that must be named."""
        lines = self.text().split("\n")
        if self.at:
            return next(number for number, line in enumerate(lines, 1) if self.at in line)
        original = FILES[self.task].read_text(encoding="utf-8").split("\n")
        return next(number for number, pair in enumerate(zip(lines, original, strict=False), 1) if pair[0] != pair[1])


PROMPT = 'doc_to_text: "Question: {{question}}\\nAnswer:"'
IN_TEMPLATE = '"Question: {{question}}\\nAnswer:"'
MUTATIONS = [
    # Fields
    Mutation("xcopa", "description: Causal", "descripton: Causal", "descripton: unknown key (did you mean 'descriptio"),
    Mutation("xcopa", "fewshot_split:", "fewshot_splits:", "dataset.fewshot_splits: unknown key (did you mean 'fewsho"),
    Mutation("xcopa", "doc_to_target: label", "doc_to_targets: label", "prompts.lm_eval.doc_to_targets: unknown key"),
    Mutation("sib200_alignment", "pivot: eng_Latn", "pivto: eng_Latn", "pivto: unknown key (did you mean 'pivot'?)"),
    Mutation("mafand", "max_gen_toks:", "max_gen_tok:", "generation_kwargs.max_gen_tok: unknown key (did you mean"),
    Mutation("mtob", "{directions: [kgv-eng]}", "{direction: [kgv-eng]}", "variants.from_kalamang.direction: unknown "),
    Mutation("sample_sts", "kind: sts\n", "", "kind: missing; add it", at="task: sample_sts"),
    Mutation("sample_sts", "metrics: [cosine_spearman]", "metrics:", "metrics: expected a list, but nothing is writte"),
    # Words that are one of several
    Mutation("mafand", "kind: translation", "kind: translaton", "kind: unknown value 'translaton' (did you mean"),
    Mutation("stsb_multi_mt", "[cosine_spearman]", "[cosine_spearmann]", "metrics[0]: unknown metric (did you mean 'c"),
    Mutation("stsb_multi_mt", "[cosine_spearman]", "[cosine_spearman, bleu]", "metrics[1]: bleu does not fit kind sts"),
    Mutation("xcopa", "metrics: [acc]", "metrics: [chrf++]", "metrics[0]: chrf++ does not fit kind multiple_choice"),
    Mutation("mafand", "metrics: [bleu, chrf++]", "metrics: [bleu, bleu]", "metrics[1]: 'bleu' stands above already"),
    Mutation("mafand", "[bleu, chrf++]", "[{name: bleu, lowercas: true}]", "metrics[0].lowercas: unknown key (did you"),
    Mutation("mafand", "[bleu, chrf++]", "[{name: chrf, word_order: -1}]", "metrics[0].word_order: "),
    Mutation("mafand", "format: lines", "format: line", "dataset.format: unknown value 'line' (did you mean 'lines'?)"),
    # Languages and directions
    Mutation("xcopa", "swh_Latn: sw\n", "swh_Latm: sw\n", "languages.swh_Latm: unknown language 'swh_Latm' (did you m"),
    Mutation("xcopa", "tha_Thai: th\n", "swa: th\n", "languages.swa: 'swa' is swh_Latn, which stands above already"),
    Mutation("xcopa", "tha_Thai: th\n", "tha_Thai: sw\n", "languages.tha_Thai: has the data set's code 'sw' of anothe"),
    Mutation("sample_choice", "eng_Latn, swh_Latn,", "eng_Latn, no,", "languages[1]: no, without quotes, is false in "),
    Mutation("sample_choice", "eng_Latn, swh_Latn,", "eng_Latn, en,", "languages[1]: 'en' is eng_Latn, which stands a"),
    Mutation("sample_alignment", "  eng_Latn, swh_Latn,", "  swh_Latn,", "the pivot eng_Latn is not among the language",
             at="pivot: eng_Latn"),
    Mutation("mafand", "[eng-xx, xx-eng]", "[eng-xx, xx-enq]", "directions[1]: direction 'xx-enq'"),
    Mutation("mafand", "[eng-xx, xx-eng]", "[eng-xx, hau-yor]", "directions[1]: the files are named by {other}"),
    Mutation("sample_choice", "kind: multiple_choice", "kind: multiple_choice\ndirections: all", "has no directions"),
    # YAML
    Mutation("xcopa", "chance: 0.5", "chance: 0.5\nchance: 0.25", "chance: written twice, on line", at="chance: 0.5"),
    Mutation("xcopa", "  key: idx", "\tkey: idx", "a tab where YAML allows only spaces"),
    Mutation("xcopa", "chance: 0.5", "chance: 1_000", "chance: 1_000, without quotes, is a number in YAML"),
    Mutation("mafand", "max_gen_toks: 512", "max_gen_toks: 0512", "0512, without quotes, is a number in YAML"),
    Mutation("sample_choice", "license: CC0-1.0", "license: 12:30", "license: 12:30, without quotes, is"),
    Mutation("sample_choice", "license: CC0-1.0", "<<: {license: CC0-1.0}", "merge keys ('<<') are not read"),
    Mutation("sample_choice", "source: written", "source: !!python/object:os.system written", "the YAML tag '!!python"),
    Mutation("xcopa", "doc_to_target: label", "doc_to_target: !function utils.gold", "the YAML tag '!function' is not"),
    Mutation("sample_choice", "license: CC0-1.0", "license: *nobody", "not valid YAML: found undefined alias"),
    Mutation("sample_choice", "license: CC0-1.0", "license: CC0: 1.0", "mapping values are not allowed here"),
    Mutation("sample_choice", "license: CC0-1.0", "license: CC0\n---\na: b", "a second document begins here", at="---"),
    Mutation("sample_choice", "license: CC0-1.0",
             "license:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
             + "".join(f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 8)),
             "more than 30,000 values, aliases included", at="task: sample_choice"),
    # Data sets
    Mutation("xcopa", "xcopa/{lang}/{split}.{lang}.jsonl", "xcopa/{lnag}.jsonl", "dataset.files: unknown placeholder "),
    Mutation("sample_choice", "choice/{lang}.jsonl", "choice/all.jsonl", "every language would read the same file"),
    Mutation("sample_choice", "choice/{lang}.jsonl", "choice/{lang.jsonl", "a brace of 'choice/{lang.jsonl' has no pa"),
    Mutation("sample_choice", "files: choice/{lang}.jsonl ", "format: jsonl ", "dataset: no source; give one of",
             at="dataset:"),
    Mutation("xcopa", "splits: [test]", "splits: []", "dataset.splits:"),
    Mutation("tatoeba", "  target_files:", "  target_file:", "dataset.target_file: unknown key (did you mean 'target_"),
    Mutation("sample_choice", "chance: 0.25", "num_fewshot: 3", "3-shot needs examples; name their split as 'fewshot_"),
    Mutation("sample_choice", "chance: 0.25", "num_fewshot: -3", "num_fewshot: should be greater than or equal to 0"),
    # Prompts
    Mutation("sample_choice", "\\nAnswer:", "\\nAnswer: ", "prompts.plain.doc_to_text: ends in white space"),
    Mutation("mafand", "doc_to_text: |-", "doc_to_text: |", "prompts.plain.doc_to_text: ends in a line break"),
    Mutation("sample_choice", '    doc_to_choice: "{{choices}}"\n', "", "doc_to_choice is missing", at="plain:"),
    Mutation("sample_choice", "kind: multiple_choice", "kind: generate_until", "generation has no end", at="plain:"),
    Mutation("mafand", 'until: ["\\n"]', 'until: ["\\n", ""]', "expected one or more texts that end the answer"),
    Mutation("mafand", "max_gen_toks: 512", "max_gen_toks: -1", "expected a whole number of at least 1, found -1"),
    Mutation("mafand", "max_gen_toks: 512", "max_gen_toks: 512\n      temperature: 0.7", "generation is greedy"),
    Mutation("xcopa", "doc_to_target: label", "doc_to_target: 2", "gold index 2 is outside the 2 choices; count from "),
    Mutation("mafand", "{{source}}", "{{sorce}}", "template names 'sorce', which the data does not have (did you mean ",
             at="doc_to_text:"),
    Mutation("sample_choice", "{{question}}", "{{question", "doc_to_text: template 'Question: {{question\\nAnswer:' i"),
    Mutation("sample_choice", "{{question}}", "{{question|uper}}", "template uses the unknown filter 'uper' (did you "),
    Mutation("sample_choice", "{{question}}", "{{question.stirp()}}", "no method '.stirp()' (did you mean 'strip'?)"),
    Mutation("sample_choice", "{{question}}", "{{question|random}}", "a prompt must be the same every time"),
    Mutation("sample_choice", "prompts:  ", "prompts: []\nprompt: ", "kind multiple_choice needs at least one entry un",
             at="kind:"),
    # Filters
    Mutation("sample_choice", PROMPT, PROMPT + "\n    filter_list: [{name: a, filter: [{function: take_first}]}]",
             "filters are for generated answers", at="filter_list"),
    # Families of lm-eval's tasks
    Mutation("afrimgsm", '"afrimgsm_{lang}_', '"afrimgsm_{lnag}_', "unknown placeholder {lnag}"),
    Mutation("afrimgsm", '"afrimgsm_{lang}_{prompt}"', '"afrimgsm_{lang}"', "every prompt would be the same"),
    Mutation("afrimgsm", "prompt_1, prompt_2,", "prompt_1, prompt_22,", "lm-eval has no task", at="lm_eval:"),
    Mutation("afrimgsm", "few_shot: {num_fewshot: 5}", "few_shot: {num_fewshots: 5}", "num_fewshots: unknown key"),
    Mutation("afrimmlu", "afrimmlu_direct_{lang}", "afrimgsm_{lang}", "is of kind generate_until, not multiple_choice"),
    Mutation("afrimmlu", "      amh_Ethi, ewe_Latn,", "      amh_Ethi, swh_Latnn,", "unknown language 'swh_Latnn'"),
    Mutation("afrimmlu", "      amh_Ethi, ewe_Latn,", "      amh_Ethi, deu_Latn,", "deu_Latn is not under the task's"),
    # Code
    Mutation("sample_choice", IN_TEMPLATE, "\"{{ ''.__class__.__mro__ }}\"", "'__mro__' reaches into the program"),
    Mutation("sample_choice", IN_TEMPLATE, '"{{ cycler.__init__.__globals__.os }}"', "'__globals__' reaches into the"),
    Mutation("sample_choice", IN_TEMPLATE, "\"{{ 'a' * 10**9 }}\"", "'**' is not allowed"),
    Mutation("sample_choice", IN_TEMPLATE,
             '"{% for a in range(99999) %}{% for b in range(99999) %}{{ question }}{% endfor %}{% endfor %}"',
             "loops within loops make more than 300,000 rounds"),
    Mutation("sample_choice", IN_TEMPLATE, "\"{% include '/etc/passwd' %}\"", "'{% include %}' is not available"),
    # Only the data tells
    Mutation("sample_choice", "{{question}}", "{{qestion}}",
             "template names 'qestion', which the data does not have (did you mean 'question'?)", data=True),
    Mutation("sample_choice", '"{{answer}}"', "anwser", "'anwser' is no column, and is written as it st", data=True),
    Mutation("sample_choice", "{{question}}", "{question}", "'{question}' is written as it stands", data=True),
    Mutation("sample_choice", "key: id", "key: idd", "dataset.key: no column 'idd' (did you mean 'id'?)", data=True),
    Mutation("sample_choice", '"{{answer}}"', '"{{answer + 3}}"', "gold index 4 is outside its 4 choices", data=True),
    Mutation("sample_choice", "choice/{lang}", "../choice/{lang}", "leaves the folder of the data"),
    Mutation("sample_choice", "files: choice/{lang}", "files: /etc/{lang}", "leaves the folder of the data"),
    Mutation("mtob", "mtob/resources/grammar_book.txt", "../../etc/passwd", "leaves the folder of the data"),
    Mutation("sample_choice", "choice/{lang}.jsonl", "choise/{lang}.jsonl", "dataset.files: no file 'choise/eng_Latn.j",
             data=True),
    Mutation("sample_sts", "key: id", "key: id\n  cluster: topc", "dataset.cluster: no column 'topc'", data=True),
    Mutation("sample_translation", "text: text", "text: txt", "dataset.text: no column 'txt' (did you mean 'text'?)",
             data=True),
    Mutation("sample_choice", "{{question}}",
             "{% for a in range(question|length * 999) %}{% for b in range(99999) %}{{ a }}{% endfor %}{% endfor %}",
             "the template takes more than 300,000 steps", data=True),
]  # fmt: skip


def validate(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: object
) -> tuple[int, str]:
    """Exit code and standard error of the command."""
    monkeypatch.setattr(sys, "argv", ["glotbench", "tasks", "validate", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0), capsys.readouterr().err


def identifier(mutation: Mutation) -> str:
    return f"{mutation.task}: {mutation.new[:30]!a}"


@pytest.mark.parametrize("mutation", MUTATIONS, ids=identifier)
def test_every_mistake_is_told_at_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, mutation: Mutation
) -> None:
    path = tmp_path / f"{mutation.task}.yaml"
    path.write_text(mutation.text(), encoding="utf-8")
    code, told = validate(capsys, monkeypatch, path, *(["--data-root", SAMPLE] if mutation.data else []))
    lines = told.removeprefix("error: ").splitlines()
    assert code == 2
    assert "Traceback" not in told
    assert all(line.startswith(f"{path}:") for line in lines), told
    wanted = f"{path}:{mutation.line()}: "
    assert any(line.startswith(wanted) and mutation.expected in line for line in lines), told
    if mutation.data:
        assert validate(capsys, monkeypatch, path)[0] == 0, "what only the data tells loads without it"


def test_there_are_enough_different_ones() -> None:
    assert len({(one.task, one.old, one.new) for one in MUTATIONS}) == len(MUTATIONS) >= 60
    assert len({one.task for one in MUTATIONS}) >= 8


@pytest.mark.parametrize("task", sorted({mutation.task for mutation in MUTATIONS}))
def test_the_files_themselves_are_valid(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    sample = FILES[task].parent == SAMPLE
    arguments = [FILES[task], *(["--data-root", SAMPLE] if sample else [])]
    assert validate(capsys, monkeypatch, *arguments) == (0, "")
    text = FILES[task].read_text(encoding="utf-8")
    for name, content in (("bom", "\ufeff" + text), ("crlf", text.replace("\n", "\r\n"))):
        path = tmp_path / name / f"{task}.yaml"
        path.parent.mkdir()
        path.write_bytes(content.encode("utf-8"))
        assert validate(capsys, monkeypatch, path) == (0, "")


def test_through_the_real_command_line(tmp_path: Path) -> None:
    for mutation in [one for one in MUTATIONS if not one.data][::25]:
        path = tmp_path / f"{mutation.task}.yaml"
        path.write_text(mutation.text(), encoding="utf-8")
        done = glotbench("tasks", "validate", path)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"{path}:{mutation.line()}: " in done.stderr
        assert "Traceback" not in done.stderr


# Data with one mistake

Rows = list[dict[str, Any]]


def every(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Rows], Rows]:
    return lambda rows: [change(row) for row in rows]


def second(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Rows], Rows]:
    return lambda rows: [change(row) if index == 1 else row for index, row in enumerate(rows)]


DATA_MUTATIONS: Sequence[tuple[Callable[[Rows], Rows], str, str]] = [
    (second(lambda row: {**row, "answer": 4}), "doc_to_target:", "gold index 4 is outside its 4 choices; count from 0"),
    (second(lambda row: {**row, "answer": -1}), "doc_to_target:", "gold index -1 is outside its 4 choices"),
    (second(lambda row: {**row, "answer": "ጨረቃ"}), "doc_to_target:", "gold answer 'ጨረቃ' is not among its choices"),
    (second(lambda row: {**row, "choices": []}), "doc_to_choice:", "doc_to_choice must give a list"),
    (second(lambda row: {**row, "choices": [*row["choices"][:3], ""]}), "doc_to_choice:", "a choice is empty"),
    (every(lambda row: {**row, "choices": ["ሀ"] * 4}), "doc_to_choice:", "two choices are the same text"),
    (every(lambda row: {**row, "choices": [f" {one}" for one in row["choices"]]}), "doc_to_choice:", "white space"),
    (
        second(lambda row: {key: row[key] for key in row if key != "question"}),
        "doc_to_text:",
        "'question' is undefined",
    ),
    (lambda rows: [*rows, rows[0]], "key:", "a key names one item"),
    (lambda _: [], "dataset:", "empty"),
]


@pytest.mark.parametrize(("change", "at", "expected"), DATA_MUTATIONS)
def test_every_mistake_in_the_data_is_told_at_the_line_it_is_about(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Rows], Rows],
    at: str,
    expected: str,
) -> None:
    shutil.copytree(SAMPLE / "choice", tmp_path / "choice")
    path = shutil.copy(SAMPLE / "sample_choice.yaml", tmp_path)
    data = tmp_path / "choice" / "amh_Ethi.jsonl"
    rows = change([json.loads(line) for line in data.read_text(encoding="utf-8").splitlines()])
    data.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    code, told = validate(capsys, monkeypatch, path, "--data-root", tmp_path)
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    number = next(number for number, line in enumerate(lines, 1) if line.strip().startswith(at))
    assert code == 2
    (line,) = told.removeprefix("error: ").splitlines()
    assert line.startswith(f"{path}:{number}: ")
    assert expected in line
    assert "amh_Ethi" in line


# What lm-eval says


CHOICE = {
    "task": "quiz",
    "dataset_path": "json",
    "output_type": "multiple_choice",
    "test_split": "test",
    "doc_to_text": "{{question}}\nA:",
    "doc_to_choice": "{{choices}}",
    "doc_to_target": "answer",
    "metric_list": [{"metric": "acc"}],
}
GENERATE = {
    **{key: value for key, value in CHOICE.items() if key != "doc_to_choice"},
    "output_type": "generate_until",
    "metric_list": [{"metric": "exact_match"}],
}
SILENT: dict[str, dict[str, Any]] = {
    "misspelt column in the prompt": {**CHOICE, "doc_to_text": "qestion"},
    "misspelt column of the gold answer": {**GENERATE, "doc_to_target": "anwser"},
    "single braces": {**CHOICE, "doc_to_text": "{question}"},
    "metric that does not fit the kind": {**CHOICE, "metric_list": [{"metric": "bleu"}]},
    "prompt that ends in white space": {**CHOICE, "doc_to_text": "{{question}} "},
    "generation without stop and limit": GENERATE,
    "empty stop": {**GENERATE, "generation_kwargs": {"until": [""]}},
    "misspelt limit": {**GENERATE, "generation_kwargs": {"until": ["x"], "max_gen_tok": 5}},
    "filters that leave a list": {**GENERATE, "filter_list": [{"name": "a", "filter": [{"function": "lowercase"}]}]},
    "negative number of examples": {**CHOICE, "num_fewshot": -1},
    "random prompt": {**CHOICE, "doc_to_text": "{{ ['a', 'b']|random }} {{question}}"},
    "template that reaches the interpreter": {**CHOICE, "doc_to_text": "{{ cycler.__init__.__globals__.os.name }}"},
}


LM_EVAL_FILE = """\
task: quiz
dataset_path: json
dataset_kwargs: {data_files: {test: "TEST"}}
output_type: multiple_choice
test_split: test
doc_to_text: "{{question}}\\nA:"
doc_to_choice: choices
doc_to_target: answer
metric_list: [{metric: acc}]
"""
LM_EVAL_MUTATIONS = [
    # What is replaced in the file of lm-eval's, what with, and what is said of the line
    ("doc_to_text:", "doc_to_txt:", "lm-eval has no such key (did you mean 'doc_to_text'?)"),
    ("{{question}}", "{{qestion}}", "'qestion' is undefined"),
    ("{{question}}", "{question}", "'{question}' is written as it stands for every row"),
    ('"{{question}}\\nA:"', "qestion", "'qestion' is no column, and is written as it stands for every row"),
    ("doc_to_target: answer", "doc_to_target: anwser", "gold answer 'anwser' is not among its 2 choices"),
    ("doc_to_target: answer", "doc_to_target: 7", "often the first row's gold answer is outside its choices"),
    ("doc_to_target: answer", "doc_to_target: !function code.gold", "runs only with --trust-task-code"),
    ("{{question}}", "{{ ''.__class__.__mro__ }}", "'__mro__' reaches into the program"),
    ("{{question}}", "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "loops within"),
    ("metric: acc", "metric: accc", "lm-eval has no metric 'accc' (did you mean 'acc'?)"),
    (
        "test_split: test",
        "filter_list: [{name: a, filter: [{function: regx}]}]\ntest_split: test",
        "unknown filter 'regx'",
    ),
    ("output_type: multiple_choice", "output_type: multiple_choise", "unknown kind 'multiple_choise' (did you mean"),
]


@pytest.mark.parametrize(("old", "new", "expected"), LM_EVAL_MUTATIONS)
def test_mistakes_in_files_of_lm_eval(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    old: str,
    new: str,
    expected: str,
) -> None:
    rows = [{"question": f"ጥያቄ {number}", "choices": ["ሀ", "ለ"], "answer": number} for number in (0, 1)]
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    path = tmp_path / "quiz.yaml"
    text = LM_EVAL_FILE.replace("TEST", str(tmp_path / "test.jsonl"))
    path.write_text(text, encoding="utf-8")
    assert validate(capsys, monkeypatch, path, "--data-root", tmp_path) == (0, "")
    assert old in text
    changed = text.replace(old, new, 1)
    path.write_text(changed, encoding="utf-8")
    code, told = validate(capsys, monkeypatch, path, "--data-root", tmp_path)
    pairs = zip(changed.split("\n"), text.split("\n"), strict=False)
    number = next(number for number, (one, other) in enumerate(pairs, 1) if one != other)
    assert code == 2
    assert "Traceback" not in told
    assert f"{path}:{number}: " in told
    assert expected in told


@pytest.fixture
def lm_eval_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """lm-eval's task of a YAML text, loaded with its own TaskManager, its requests built."""
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))
    rows = [{"question": "ውሃ ምንድን ነው?", "choices": ["ፈሳሽ", "ጠጣር"], "answer": 0}] * 2

    def load(text: str) -> Any:
        from lm_eval.tasks import TaskManager

        logging.getLogger("lm_eval").setLevel(logging.CRITICAL)
        (tmp_path / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        (tmp_path / "quiz.yaml").write_text(text, encoding="utf-8")
        loaded = TaskManager(include_path=str(tmp_path), include_defaults=False).load(["quiz"])
        task = loaded["tasks"]["quiz"]
        task.build_all_requests(limit=None, rank=0, world_size=1)
        return task

    return load


def lm_eval_yaml(config: dict[str, Any], folder: Path) -> str:
    files = {"test": str(folder / "test.jsonl")}
    return str(yaml.safe_dump({**config, "dataset_kwargs": {"data_files": files}}, allow_unicode=True, sort_keys=False))


@pytest.mark.parametrize("mistake", SILENT)
def test_lm_eval_loads_it_and_builds_its_requests(
    tmp_path: Path, lm_eval_load: Callable[[str], Any], mistake: str
) -> None:
    task = lm_eval_load(lm_eval_yaml(SILENT[mistake], tmp_path))
    assert task.instances, "no complaint: the model would be asked"


def test_lm_eval_takes_the_second_of_two_equal_keys(tmp_path: Path, lm_eval_load: Callable[[str], Any]) -> None:
    task = lm_eval_load(lm_eval_yaml(CHOICE, tmp_path) + "doc_to_text: 'Other: {{question}}'\n")
    assert task.instances[0].args[0].startswith("Other: ")


def test_lm_eval_runs_the_code_of_a_task_file(tmp_path: Path, lm_eval_load: Callable[[str], Any]) -> None:
    ran = tmp_path / "ran"
    (tmp_path / "code.py").write_text(
        f"open({str(ran)!r}, 'w').close()\ndef gold(doc):\n    return 0\n", encoding="utf-8"
    )
    text = lm_eval_yaml(CHOICE, tmp_path).replace("doc_to_target: answer", "doc_to_target: !function code.gold")
    lm_eval_load(text)
    assert ran.exists()
