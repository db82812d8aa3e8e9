"""Rules of prompts, filters, variants and patterns of lm-eval's tasks: each mistake at its line, and no other."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from harness.errors import SpecError
from harness.loader import load_task
from harness.yaml_reader import parse_yaml
from tests.harness.test_data_checks import write

GENERATE = """\
    task: sums
    kind: generate_until
    dataset: {files: "{lang}.jsonl"}
    languages: [amh, mya]
    prompts:
      p:
        doc_to_text: "{{question}}"
        doc_to_target: answer
        generation_kwargs: {until: ["\\n"]}
        filter_list:
          - name: digits
            filter:
              - {function: regex, regex_pattern: "(-?[0-9.,]+)", group_select: -1}
              - {function: take_first}
          - {name: whole, filter: [{function: remove_whitespace}, {function: take_first}]}
    metrics: [exact_match, {name: exact_match, filter: whole}, {name: exact_match, filter: digits, ignore_case: true}]
"""
CHOICE = """\
    task: quiz
    kind: multiple_choice
    dataset: {files: "{lang}.jsonl"}
    languages: [amh, mya]
    prompts:
      p: {doc_to_text: "{{q}}", doc_to_choice: [ሀ, ለ, ሐ], doc_to_target: 2}
    metrics: [acc]
"""
FAMILY = """\
    task: family
    kind: multiple_choice
    lm_eval: "xnli_{lang}_{prompt}"
    languages: {swh_Latn: sw, yor_Latn: yo, tha_Thai: th}
    prompts: [one, two]
    variants:
      direct: {}
      shots: {num_fewshot: 5, prompts: [one], languages: [swa, th]}
      back: {lm_eval: "xnli_back_{lang}", prompts: [two]}
    metrics: [acc]
"""


def problems(folder: Path, text: str) -> list[str]:
    """``line: field: what`` of every problem; none when the file loads."""
    path = write(folder, text, {})
    try:
        load_task(path)
    except SpecError as error:
        found = error.problems
    else:
        found = ()
    assert all(line.startswith(f"{path}:") and "\n" not in line for line in found)
    return [line.removeprefix(f"{path}:") for line in found]


def changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize("text", [GENERATE, CHOICE])
def test_what_is_right_loads(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("function: regex,", "function: regx,", "13: {0}[0].filter[0].function: unknown filter 'regx' (did you mean"),
        ("function: regex,", "function: custom,", "13: {0}[0].filter[0].function: 'custom' is code"),
        ("function: regex,", "", "13: {0}[0].filter[0]: no 'function'; name one of lm-eval's filters: format_span"),
        (
            "regex_pattern:",
            "regex_patern:",
            "13: {0}[0].filter[0].regex_patern: unknown key (did you mean 'regex_pattern",
        ),
        (
            '"(-?[0-9.,]+)"',
            '"(-?[0-9.,]+"',
            "13: {0}[0].filter[0].regex_pattern: '(-?[0-9.,]+' is no regular expression",
        ),
        ("group_select: -1", "group: -1", "13: {0}[0].filter[0].group: unknown key; regex takes regex_pattern"),
        ("  - {function: take_first}\n", "  - {function: lowercase}\n", "12: {0}[0].filter: ends in lowercase"),
        ("function: remove_whitespace", "function: take_first", "15: {0}[1].filter[0]: take_first gives one text"),
        (
            "function: remove_whitespace",
            "function: take_first_k, k: 3",
            "15: {0}[1].filter[0].k: 3 answers are not there",
        ),
        ("function: remove_whitespace", "function: take_first_k", "15: {0}[1].filter[0]: take_first_k needs 'k'"),
        (
            "function: remove_whitespace",
            "function: lowercase, x: 1",
            "15: {0}[1].filter[0].x: unknown key; lowercase takes no",
        ),
        ("name: whole", "name: digits", "15: {0}[1].name: 'digits' stands above already"),
        (
            "filter: whole",
            "filter: hole",
            "16: metrics[1].filter: prompt 'p' has no filter 'hole' in its filter_list (did",
        ),
        ("filter: whole}", "filter: digits}", "16: metrics[2].name: 'exact_match@digits' stands above already"),
        ("{name: exact_match, filter: whole}", "exact_match", "16: metrics[1]: 'exact_match' stands above already"),
        ("          - {name: whole,", "          - {nam: whole,", "15: {0}[1].nam: unknown key"),
    ],
)
def test_filters(tmp_path: Path, old: str, new: str, expected: str) -> None:
    found = problems(tmp_path, changed(GENERATE, old, new))
    assert any(line.startswith(expected.format("prompts.p.filter_list")) for line in found), found


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("doc_to_target: 2", "doc_to_target: 3", "6: prompts.p.doc_to_target: gold index 3 is outside the 3 choices"),
        ("doc_to_target: 2", 'doc_to_target: "-1"', None),
        ("doc_to_target: 2", "doc_to_target: -1", "6: prompts.p.doc_to_target: gold index -1 is outside the 3 choices"),
        ("doc_to_target: 2", 'doc_to_target: "7"', "6: prompts.p.doc_to_target: gold index 7 is outside the 3 choices"),
        ("ሀ, ለ, ሐ", "ሀ, ለ, ሀ", "6: prompts.p.doc_to_choice[2]: 'ሀ' stands above already"),
        ("ሀ, ለ, ሐ", 'ሀ, " ለ", ሐ', "6: prompts.p.doc_to_choice[1]: begins with white space, which 'target_delimiter'"),
        ("ሀ, ለ, ሐ", 'ሀ, " ለ", ሐ], target_delimiter: "", description: [', "6: prompts.p.description: expected text"),
        ('"{{q}}"', '""', None),
        ('doc_to_text: "{{q}}", ', "", "6: prompts.p: doc_to_text is missing"),
        ("doc_to_target: 2", "doc_to_target: 2, filter_list: [{name: a, filter: [{function: take_first}]}]",
         "6: prompts.p.filter_list: filters are for generated answers"),
        ("    prompts:\n", "    prompts: [p, q]\n    x:\n", "5: prompts: a list of names is for tasks with 'lm_eval'"),
        ("doc_to_target: 2", "doc_to_target: 2, fewshot_config: {sampler: first}", "6: prompts.p.fewshot_config"),
        ("doc_to_target: 2", "doc_to_target: 2, fewshot_config: {sample: first_n}", "6: prompts.p.fewshot_config"),
        ('    dataset: {files: "{lang}.jsonl"}\n', "", "1: dataset: missing; say where the documents are"),
        ('files: "{lang}.jsonl"', "key: id", "3: dataset: no source; give one of path, files"),
        ("multiple_choice", "bitext_mining", "2: kind: kind bitext_mining needs 'directions'"),
    ],
)  # fmt: skip
def test_prompts(tmp_path: Path, old: str, new: str, expected: str | None) -> None:
    found = problems(tmp_path, changed(CHOICE, old, new))
    assert found == [] if expected is None else any(line.startswith(expected) for line in found), found


def family(tmp_path: Path, text: str) -> list[str]:
    """Problems of a family, but for names that lm-eval does not have."""
    return [line for line in problems(tmp_path, text) if "lm-eval has no" not in line and "unknown task" not in line]


def test_languages_of_variants_become_canonical() -> None:
    from harness.task_checks import read_languages
    from harness.variant_checks import read_variants

    file = parse_yaml(Path("x.yaml"), textwrap.dedent(FAMILY).encode())
    assert isinstance(file.value, dict)
    languages, _ = read_languages(file)
    made, found = read_variants(file.value, languages)
    assert found == []
    assert isinstance(made, dict)
    assert made["shots"]["languages"] == ["swh_Latn", "tha_Thai"]
    assert made["direct"] == {}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "languages: [swa, th]",
            "languages: [swa, fr]",
            "8: variants.shots.languages[1]: fra_Latn is not under the task's",
        ),
        ("languages: [swa, th]", "languages: [swaa]", "8: variants.shots.languages[0]: unknown language 'swaa'"),
        (
            "languages: [swa, th]",
            "languages: [sw, swa]",
            "8: variants.shots.languages[1]: 'swa' is swh_Latn, which stands",
        ),
        (
            "prompts: [one],",
            "prompts: [ones],",
            "8: variants.shots.prompts[0]: the task has no prompt 'ones' (did you mean",
        ),
        ("prompts: [one],", "prompts: [one, one],", "8: variants.shots.prompts[1]: 'one' stands above already"),
        ("prompts: [one, two]", "prompts: [one, two, one]", "5: prompts[2]: 'one' stands above already"),
        (
            "xnli_{lang}_{prompt}",
            "xnli_{lnag}_{prompt}",
            "3: lm_eval: unknown placeholder {lnag} (did you mean 'lang'?)",
        ),
        ("xnli_{lang}_{prompt}", "xnli_{lang_{prompt}", "3: lm_eval: a brace of"),
        ("xnli_{lang}_{prompt}", "xnli_{lang}", "3: lm_eval: every prompt would be the same task; put {prompt} into"),
        ("xnli_{lang}_{prompt}", "xnli_{prompt}", "3: lm_eval: every language would be the same task; put {lang} into"),
        ("xnli_back_{lang}", "xnli_back", "9: variants.back.lm_eval: every language would be the same task"),
        (
            "    prompts: [one, two]\n",
            "",
            "3: lm_eval: {prompt} stands for the names under 'prompts', and there are none",
        ),
        (
            "prompts: [one, two]",
            "prompts: {one: {doc_to_text: x}, two: {}}",
            "5: prompts: prompts are lm-eval's own here",
        ),
        ("multiple_choice", "sts", "3: lm_eval: lm-eval's tasks are of kind multiple_choice"),
        (
            '    lm_eval: "xnli_{lang}_{prompt}"\n',
            "",
            "6: variants.direct: no 'lm_eval', though other variants have it",
        ),
        ("direct: {}", "direct: {lm_evals: x}", "7: variants.direct.lm_evals: unknown key (did you mean 'lm_eval'?)"),
        (
            "direct: {}",
            "direct: {num_fewshot: 5, prompts: [one], languages: [swa, th]}",
            "8: variants.shots: says the same",
        ),
        ("num_fewshot: 5", "num_fewshot: -5", "8: variants.shots.num_fewshot: should be greater than or equal to 0"),
    ],
)
def test_families_of_lm_evals_tasks(tmp_path: Path, old: str, new: str, expected: str) -> None:
    found = family(tmp_path, changed(FAMILY, old, new))
    assert any(line.startswith(expected) for line in found), found


def test_shots_of_lm_evals_tasks_need_no_split_of_ours(tmp_path: Path) -> None:
    assert family(tmp_path, FAMILY) == []
    assert family(tmp_path, changed(FAMILY, "    prompts:", "    dataset: {key: idx}\n    prompts:")) == []
