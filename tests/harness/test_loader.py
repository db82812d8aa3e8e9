"""YAML -> spec: what is right loads as meant, and every mistake is told at once, at its place, in one line."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import loader
from harness.directions import read_entry
from harness.errors import SpecError, UserError
from harness.loader import (
    expand_directions,
    load_policy,
    load_task,
    load_tasks,
    select,
    task_index,
)
from harness.resources import shipped_results, shipped_tasks
from harness.schema import task_schema
from harness.spec import DatasetSpec, PromptSpec, TaskSpec, VariantSpec
from harness.yaml_reader import parse_yaml

SHIPPED = sorted(shipped_tasks().rglob("*.yaml"))

TRANSLATION = """\
    task: news
    kind: translation
    dataset: {files: "news/{lang}.txt"}
    languages: {eng: en, deu: de, zho_Hans: zh-CN, yor: yo}
    directions: [en-de, zh-CN-en, xx-yor]
    metrics: [bleu, {name: chrf, word_order: 2}]
"""

CHOICE = """\
    task: quiz
    kind: multiple_choice
    dataset: {files: "{lang}/{split}.jsonl", fewshot_split: dev}
    languages: [eng, yor]
    prompts:
      p: {doc_to_text: "Q: {{q}}\\nA:", doc_to_choice: "{{c}}", doc_to_target: a}
    metrics: [acc]
"""


def write(folder: Path, text: str, name: str = "task.yaml") -> Path:
    path = folder / name
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def problems(folder: Path, text: str) -> list[str]:
    """Problems of a file, without its name: ``line: field: what``."""
    path = write(folder, text)
    with pytest.raises(SpecError) as caught:
        load_task(path)
    assert all("\n" not in problem for problem in caught.value.problems)
    prefix = re.compile(rf"^{re.escape(str(path))}:")
    assert all(prefix.match(problem) for problem in caught.value.problems)
    return [prefix.sub("", problem) for problem in caught.value.problems]


# What is right


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_tasks_load(path: Path) -> None:
    spec = load_task(path)
    assert spec.task == path.stem
    assert spec.description
    assert spec.source
    assert spec.license
    if spec.directions is not None:
        assert expand_directions(spec)


def test_shipped_tasks_are_there() -> None:
    assert {path.stem for path in SHIPPED} >= {"sample_alignment", "sib200_alignment", "tatoeba", "mafand"}
    assert sorted(task_index([shipped_tasks()])) == sorted(path.stem for path in SHIPPED)
    assert (shipped_results()).name == "results"


def test_shipped_real_data_tasks_find_their_files(shared_data: Path) -> None:
    from harness.places import places
    from harness.tasks.base import Selection

    tasks = load_tasks(["sib200_alignment", "stsb_multi_mt", "tatoeba"], [shipped_tasks()])
    found = list(places(tasks, Selection(), shared_data))
    assert {place.task for place in found} == {"sib200_alignment", "stsb_multi_mt", "tatoeba"}
    assert [place.problem for place in found if place.source is None] == []


def test_languages_become_canonical_and_keep_the_own_code(tmp_path: Path) -> None:
    spec = load_task(write(tmp_path, TRANSLATION))
    assert spec.languages == {"eng_Latn": "en", "deu_Latn": "de", "zho_Hans": "zh-CN", "yor_Latn": "yo"}
    assert load_task(write(tmp_path, CHOICE)).languages == {"eng_Latn": "eng", "yor_Latn": "yor"}


def test_metric_options_may_stand_beside_the_name(tmp_path: Path) -> None:
    spec = load_task(write(tmp_path, TRANSLATION))
    assert [(metric.name, metric.options) for metric in spec.metrics] == [("bleu", {}), ("chrf", {"word_order": 2})]


def test_pivot_becomes_canonical(tmp_path: Path) -> None:
    text = """\
    task: align
    kind: alignment
    dataset: {files: "{lang}.txt"}
    languages: [eng, fr]
    pivot: fra
    metrics: [mexa]
    """
    assert load_task(write(tmp_path, text)).pivot == "fra_Latn"


def test_anchors_and_bom_are_read(tmp_path: Path) -> None:
    text = textwrap.dedent(CHOICE).replace("p: {", "p: &p {").replace("metrics:", "  q: *p\nmetrics:")
    path = tmp_path / "task.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    spec = load_task(path)
    assert spec.prompts["p"] == spec.prompts["q"]


# Mistakes, all at once


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        """\
        task: news
        kind: translation
        descripton: x
        dataset: {files: "{lnag}.txt"}
        languages: [eng, no, yorr]
        metrics:
          - bleu
          - {name: chrf, lowercas: true}
          - chrff
        num_fewshot: two
        directions: [eng-xyz]
        """,
    )
    assert found == [
        "3: descripton: unknown key (did you mean 'description'?)",
        "4: dataset.files: unknown placeholder {lnag} (did you mean 'lang'?)",
        "5: languages[1]: no, without quotes, is false in YAML; quote it: 'no', or write true or false",
        "5: languages[2]: unknown language 'yorr' (did you mean 'yor_Latn'?); write a code such as yor_Latn, yor or yo",
        "8: metrics[1].lowercas: unknown key (did you mean 'lowercase'?)",
        found[5],
        "10: num_fewshot: expected a whole number, found 'two'",
        found[7],
    ]
    assert found[5].startswith("9: metrics[2]: unknown metric (did you mean 'chrf'?)")
    assert found[7].startswith("11: directions[0]: direction 'eng-xyz': unknown language 'xyz'")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1: the file is empty"),
        ("# only a remark\n", "1: the file is empty"),
        ("- a\n- b\n", "1: expected 'key: value' lines at the top, found a list"),
        ("just words", "1: expected 'key: value' lines at the top, found text"),
        ("a: 1\n\tb: 2\n", "2: a tab where YAML allows only spaces"),
        ("a: 'x\n", "2: not valid YAML"),
        ("a: b: c\n", "1: not valid YAML: mapping values are not allowed here"),
        ("a: 1\n---\nb: 2\n", "2: a second document begins here"),
        ("a: \x01\n", "1: character U+0001 is not allowed"),
        ('a: "\\UFFFFFFFF"\n', "1: not valid YAML"),
        ("a: *nobody\n", "1: not valid YAML: found undefined alias"),
        ("a: " + "[" * 60 + "]" * 60, "1: nested deeper than 50 levels"),
        ("a: &x [*x]\n", "1: nested deeper than 50 levels"),
    ],
)
def test_what_is_no_yaml_of_ours_is_one_line(tmp_path: Path, text: str, expected: str) -> None:
    found = problems(tmp_path, text)
    assert len(found) == 1
    assert found[0].startswith(expected)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"task: a\nname: \xe9t\xe9\n")
    with pytest.raises(SpecError, match=r"latin\.yaml:2: not UTF-8 \(byte 14\)"):
        load_task(latin)
    with pytest.raises(SpecError, match="cannot be read"):
        load_task(tmp_path / "missing.yaml")
    with pytest.raises(SpecError, match="cannot be read"):
        load_task(tmp_path)
    big = tmp_path / "big.yaml"
    big.write_bytes(b"#" * 10_000_001)
    with pytest.raises(SpecError, match="10,000,001 bytes"):
        load_task(big)


def test_alias_bomb_is_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 9)]
    assert "more than 30,000 values, aliases included" in problems(tmp_path, "\n".join(lines))[0]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("languages: [eng, on]", "languages[1]: on, without quotes, is true in YAML; quote it: 'on'"),
        ("languages: [eng, 123]", "languages[1]: expected text, found 123, which is a number in YAML; quote it: '123'"),
        ("languages: {eng: en, no: no}", "languages.no: the key no is false in YAML; quote it: 'no'"),
        ("languages: {eng: en, nob: no}", "languages.nob: no, without quotes, is false in YAML; quote it: 'no'"),
        ("languages: [eng, 2020-01-01]", "languages[1]: expected text, found 2020-01-01, which is not text in YAML"),
        ("languages: [eng, ~]", "languages[1]: expected text, but nothing is written after it"),
        ("num_fewshot: 010", "num_fewshot: 010, without quotes, is a number in YAML; quote it: '010'"),
        ("chance: 1:30", "chance: 1:30, without quotes, is a number in YAML"),
        ("chance: .nan", "chance: .nan, without quotes, is a number in YAML"),
        ("source: !!python/name:os.system ''", "source: the YAML tag '!!python/name:os.system' is not read"),
        ("source: !function utils.x", "source: the YAML tag '!function' is not read"),
        ("<<: {source: x}", "merge keys ('<<') are not read"),
        ("[a]: x", "a key must be text"),
        ("task: again", "task: written twice, on line 1 and line 7; keep one"),
        ('source: "\\ud800"', "source: holds half a character"),
    ],
)
def test_yaml_traps(tmp_path: Path, line: str, expected: str) -> None:
    key = line.split(":", maxsplit=1)[0]
    kept = [known for known in TRANSLATION.splitlines() if known.split(":")[0].strip() != key or key == "task"]
    assert any(expected in found for found in problems(tmp_path, "\n".join([*kept, "    " + line])))


def test_yaml_traps_are_text_when_quoted(tmp_path: Path) -> None:
    text = TRANSLATION.replace("yor: yo}", "yor: 'yes', 'no': 'no', \"fi\": '123'}").replace("xx-yor", "no-fi, 123-yes")
    spec = load_task(write(tmp_path, text))
    assert spec.languages["nob_Latn"] == "no"
    assert expand_directions(spec)[2:] == (("nob_Latn", "fin_Latn"), ("fin_Latn", "yor_Latn"))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("kind: translation", "kind: translaton", "kind: unknown value 'translaton' (did you mean 'translation'?)"),
        ("task: news", "task: my news", "task: found 'my news', which does not match the pattern"),
        ("task: news", "task: 12", "task: expected text, found 12, which is a number in YAML; quote it: '12'"),
        ("[bleu, ", "[acc, ", "metrics[0]: acc does not fit kind translation; these do: bleu,"),
        ("[bleu, ", "[chrf, ", "metrics[1].name: 'chrf' stands above already"),
        ("word_order: 2", "word_order: x", "metrics[1].word_order: needs int, found str 'x'"),
        ("word_order: 2", "options: {wordorder: 2}", "metrics[1].options.wordorder: unknown key (did you mean 'word_"),
        ("[bleu, ", '["\\x1e\\n", "\\x1e\\n", ', "metrics[1]: '\\x1e\\n' stands above already"),
        ("[bleu, ", "[{lowercase: true}, ", "metrics[0].name: missing"),
        ("yor: yo}", "yor: en}", "languages.yor: has the data set's code 'en' of another language"),
        ("yor: yo}", "yor: yo, yo: y}", "languages.yo: 'yo' is yor_Latn, which stands above already"),
        ("[en-de,", "[en-en,", "directions[0]: direction 'en-en' has the same language on both sides"),
        ("[en-de,", "[en-fr,", "directions[0]: direction 'en-fr': fra_Latn is not under 'languages'"),
        ("[en-de,", "[en,", "directions[0]: 'en' is no direction"),
        ("directions: [en-de, zh-CN-en, xx-yor]", "directions: eng-x", "(did you mean 'eng-xx'?)"),
        ("directions: [en-de, zh-CN-en, xx-yor]", "pooling: lasttoken", "kind translation needs 'directions'"),
        ("news/{lang}.txt", "news.txt", "dataset.files: every language would read the same file"),
        ("news/{lang}.txt", "news/{lang.txt", "dataset.files: a brace of 'news/{lang.txt' has no partner"),
        ('"news/{lang}.txt"', '"{lang}", splits: [a, b]', "dataset.files: every split would read the same file"),
        ('"news/{lang}.txt"', '"{lang}", path: org/name', None),
        ('"news/{lang}.txt"', '"{lang}", source_files: "{source}"', "dataset: give 'files', or 'source_files' with"),
        ('files: "news/{lang}.txt"', "format: lines", "dataset: no source; give one of path, files"),
        (
            'files: "news/{lang}.txt"',
            "source_files: '{other}', target_files: '{other}'",
            "the files are named by {other}",
        ),
        ("task: news", "task: news\n    pivot: fr", None),
        (
            "task: news",
            "task: news\n    num_fewshot: 3",
            "num_fewshot: 3-shot needs examples; name their split as 'fewshot_split'",
        ),
    ],
)
def test_mistakes_in_a_translation_task(tmp_path: Path, old: str, new: str, expected: str | None) -> None:
    assert old in TRANSLATION
    text = TRANSLATION.replace(old, new)
    if expected is None:
        assert load_task(write(tmp_path, text))
    else:
        assert any(expected in found for found in problems(tmp_path, text)), problems(tmp_path, text)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("nA:", "nA: ", "prompts.p.doc_to_text: ends in white space"),
        ("nA:", "nA:\\n", "prompts.p.doc_to_text: ends in a line break"),
        (', doc_to_choice: "{{c}}"', "", "prompts.p: doc_to_choice is missing"),
        (", doc_to_target: a", "", "prompts.p: doc_to_target is missing"),
        ("{{q}}", "{{q", "prompts.p.doc_to_text: template 'Q: {{q\\nA:' is malformed"),
        (
            "{{q}}",
            "{{q|uper}}",
            "prompts.p.doc_to_text: template uses the unknown filter 'uper' (did you mean 'upper'?)",
        ),
        (
            "doc_to_target: a",
            "doc_to_target: a, generation_kwargs: {until: x}",
            "kind multiple_choice generates nothing",
        ),
        ("doc_to_target: a", "doc_to_targt: a", "doc_to_targt: unknown key (did you mean 'doc_to_target'?)"),
        ("fewshot_split: dev", "splits: [x]\n    num_fewshot: 2", None),
        ("languages:", "num_fewshot: 2\n    languages:", None),
        ("languages:", "directions: all\n    languages:", "directions: kind multiple_choice has no directions"),
        ("/{split}.jsonl", ".jsonl", "few-shot examples would come from the test data itself"),
        (
            'files: "{lang}/{split}.jsonl"',
            "source_files: a, target_files: b",
            "dataset: 'source_files' and 'target_files' are for directions",
        ),
        ("metrics:", "variants: {v: {dataset: {fils: x}}}\n    metrics:", "variants.v.dataset.fils: unknown key"),
        ("metrics:", "variants: {v: {dataset: {path: x}}}\n    metrics:", None),
        (
            "metrics:",
            "variants: {v: {dataset: {source_files: x}}}\n    metrics:",
            "variants.v.dataset: together with the task's",
        ),
        (
            "metrics:",
            "variants: {v: {dataset: {files: x.jsonl}}}\n    metrics:",
            "variants.v.dataset.files: every lang",
        ),
    ],
)
def test_mistakes_in_a_language_model_task(tmp_path: Path, old: str, new: str, expected: str | None) -> None:
    assert old in CHOICE
    text = CHOICE.replace(old, new)
    if "splits: [x]" in new:
        text = text.replace("splits: [x]\n    num_fewshot: 2}", "splits: [x]}\n    num_fewshot: 2")
        expected = "num_fewshot: 2-shot needs examples; name their split as 'fewshot_split'"
    if expected is None:
        assert load_task(write(tmp_path, text))
    else:
        assert any(expected in found for found in problems(tmp_path, text)), problems(tmp_path, text)


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        ("{until: ['\\n']}", None),
        ("{max_gen_toks: 10, do_sample: false, temperature: 0}", None),
        ("{}", "prompts.p: generation has no end"),
        ("{until: []}", "prompts.p.generation_kwargs.until: expected one or more texts"),
        ("{until: ['']}", "prompts.p.generation_kwargs.until: expected one or more texts"),
        ("{max_gen_toks: 0}", "prompts.p.generation_kwargs.max_gen_toks: expected a whole number of at least 1"),
        ("{max_gen_tok: 5}", "max_gen_tok: unknown key (did you mean 'max_gen_toks'?)"),
        ("{until: x, temperature: 0.7}", "temperature: generation is greedy"),
        ("{until: x, top_p: 0.7, do_sample: false}", "top_p: generation is greedy"),
        ("{until: x, temperature: 0.7, top_p: 0.9, top_k: 0, seed: 3, do_sample: true}", None),
        ("{until: x, do_sample: true}", "do_sample: sampled text needs a temperature above 0"),
        ("{until: x, do_sample: true, temperature: -1}", "temperature: expected a number above 0 and at most 100"),
        ("{until: x, do_sample: true, temperature: 1, top_p: 1.5}", "top_p: expected a number above 0 and at most 1"),
        ("{until: x, do_sample: true, temperature: 1, top_k: 2.5}", "top_k: expected a whole number of at least 0"),
        ("{until: x}\n        repeats: 3", "repeats: greedy answers are all the same"),
        ("{until: x, do_sample: true, temperature: 1}\n        repeats: 3", None),
    ],
)
def test_generation_must_end_and_say_how_it_samples(tmp_path: Path, kwargs: str, expected: str | None) -> None:
    text = f"""\
    task: maths
    kind: generate_until
    dataset: {{files: "{{lang}}.tsv", columns: [question, answer]}}
    languages: [eng, swh]
    prompts:
      p:
        doc_to_text: "{{{{question}}}}"
        doc_to_target: answer
        generation_kwargs: {kwargs}
    metrics: [exact_match]
    """
    if expected is None:
        assert load_task(write(tmp_path, text))
    else:
        assert any(expected in found for found in problems(tmp_path, text))
        unknown = problems(
            tmp_path, text.replace("{{question}}", "{{qestion}}{% for x in answer %}{{x}}{{loop.index}}")
        )
        assert any("is malformed" in found for found in unknown)
        unknown = problems(tmp_path, text.replace("{{question}}", "{{qestion}} {{lang}}"))
        assert any("names 'qestion', which the data does not have (did you mean 'question'?)" in one for one in unknown)


def test_constant_expressions_are_refused_and_not_computed(tmp_path: Path) -> None:
    found = problems(tmp_path, CHOICE.replace("{{q}}", "{{ 9**9**9 }}{{ 'a' * 10**12 }}"))
    assert found == [
        "6: prompts.p.doc_to_text: '**' is not allowed; write the number",
        "6: prompts.p.doc_to_text: '*' repeats a text or list, which is not allowed; write it out",
    ]


def test_paths_are_printed_as_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "task: x\n", "short.yaml")
    with pytest.raises(SpecError) as caught:
        load_task(Path("short.yaml"))
    assert "short.yaml:1: kind: missing; add it" in caught.value.problems


# Directions


LANGUAGES = {"eng_Latn": "en", "zho_Hans": "zh-CN", "zho_Hant": "zh", "por_Latn": "pt-BR", "bre_Latn": "br"}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("en-zh-CN", [("eng_Latn", "zho_Hans")]),
        ("zh-CN-en", [("zho_Hans", "eng_Latn")]),
        ("zh-en", [("zho_Hant", "eng_Latn")]),  # the data set's own code goes before what the code usually means
        ("zh-CN-pt-BR", [("zho_Hans", "por_Latn")]),
        ("eng_Latn-por_Latn", [("eng_Latn", "por_Latn")]),
        ("cmn-Hans-eng", [("zho_Hans", "eng_Latn")]),
        (
            "xx-pt",
            [("eng_Latn", "por_Latn"), ("zho_Hans", "por_Latn"), ("zho_Hant", "por_Latn"), ("bre_Latn", "por_Latn")],
        ),
        (
            "pt-xx",
            [("por_Latn", "eng_Latn"), ("por_Latn", "zho_Hans"), ("por_Latn", "zho_Hant"), ("por_Latn", "bre_Latn")],
        ),
    ],
)
def test_entries_with_hyphens(entry: str, expected: list[tuple[str, str]]) -> None:
    assert read_entry(entry, LANGUAGES) == expected


@pytest.mark.parametrize("entry", ["", "-", "en", "en-", "xx-xx", "en-en", "en-fr", "q-r-s-t-u-v-w-x-y-z", "en-zz"])
def test_entries_that_are_none(entry: str) -> None:
    with pytest.raises(UserError):
        read_entry(entry, LANGUAGES)


@pytest.mark.parametrize(
    ("directions", "count"),
    [("all", 12), ("xx-eng", 3), ("eng-xx", 3), (["eng-xx", "eng-deu", "deu-eng"], 4), (["all"], 12)],
)
def test_expand_directions(directions: object, count: int) -> None:
    spec = TaskSpec.model_validate(
        {
            "task": "t",
            "kind": "translation",
            "dataset": {"files": "{lang}"},
            "languages": {code: code for code in ("eng_Latn", "deu_Latn", "fra_Latn", "yor_Latn")},
            "directions": directions,
            "metrics": ["bleu"],
        }
    )
    pairs = expand_directions(spec)
    assert len(pairs) == len(set(pairs)) == count
    assert all(source != target for source, target in pairs)
    if directions == "xx-eng":
        assert {target for _, target in pairs} == {"eng_Latn"}


# Selection, index, names


def test_select(tmp_path: Path) -> None:
    spec = load_task(write(tmp_path, TRANSLATION))
    assert select(spec, None) == ("eng_Latn", "deu_Latn", "zho_Hans", "yor_Latn")
    assert select(spec, ["yor", "zh-CN"]) == ("zho_Hans", "yor_Latn")
    with pytest.raises(UserError, match="unknown language 'dee'"):
        select(spec, ["dee"])
    with pytest.raises(UserError, match="task news: has no language fra_Latn"):
        select(spec, ["fra"])


def test_index_reads_names_and_skips_what_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    write(tmp_path, "task: one # remark\nkind: nonsense\n", "a.yaml")
    write(tmp_path / "deep", "kind: sts\ntask: 'two'\n", "b.yaml")
    write(tmp_path, "task: theirs\ndataset_path: x\ndoc_to_text: !function y.z\n", "c.yaml")
    write(tmp_path, "group: theirs\ntask: [a, b]\n", "d.yaml")
    write(tmp_path, "rules: []\n", "policy.yaml")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    assert task_index([tmp_path]) == {"one": tmp_path / "a.yaml", "two": tmp_path / "deep" / "b.yaml"}
    with pytest.raises(UserError, match="no such folder"):
        task_index([tmp_path / "missing"])


def test_two_files_of_one_name_in_a_folder(tmp_path: Path) -> None:
    first, second = write(tmp_path, CHOICE, "a.yaml"), write(tmp_path, CHOICE, "b.yaml")
    with pytest.raises(SpecError) as caught:
        task_index([tmp_path])
    assert str(first) in str(caught.value)
    assert str(second) in str(caught.value)


def test_earlier_folders_go_first(tmp_path: Path) -> None:
    mine, shipped = tmp_path / "mine", tmp_path / "shipped"
    for folder in (mine, shipped):
        folder.mkdir()
        write(folder, CHOICE)
    (task,) = load_tasks(["quiz", "quiz"], [mine, shipped])
    assert task.path == mine / "task.yaml"
    assert len(task.sha256) == 64


def test_names_and_paths(tmp_path: Path) -> None:
    path = write(tmp_path, CHOICE, "elsewhere.yaml")
    tasks = load_tasks(["sample_alignment", str(path)], [shipped_tasks()])
    assert [task.spec.task for task in tasks] == ["sample_alignment", "quiz"]
    with pytest.raises(UserError) as caught:
        load_tasks(["sample_alignmnt", "nothing_like_it", "missing.yaml"], [shipped_tasks()])
    first, second, third = str(caught.value).split("\n")
    assert "unknown task 'sample_alignmnt' (did you mean 'sample_alignment'?); 'glotbench tasks list'" in first
    assert "unknown task 'nothing_like_it'" in second
    assert "missing.yaml: no such task file" in third


def test_problems_of_all_files_are_told(tmp_path: Path) -> None:
    write(tmp_path, "task: a\n", "a.yaml")
    write(tmp_path, "task: b\n", "b.yaml")
    with pytest.raises(SpecError) as caught:
        load_tasks(["a", "b"], [tmp_path])
    assert {Path(problem.split(":")[0]).name for problem in caught.value.problems} == {"a.yaml", "b.yaml"}


def test_lm_eval_file_by_path_is_told_at_its_lines(tmp_path: Path) -> None:
    path = write(tmp_path, "task: theirs\ndataset_path: x\ndoc_to_text: !function y.z\nkinds: [\n]\n", "c.yaml")
    with pytest.raises(SpecError) as caught:
        load_tasks([str(path)], [])
    unknown, code = caught.value.problems
    assert unknown == f"{path}:4: kinds: lm-eval has no such key"
    assert code.startswith(f"{path}:3: code ('!function y.z') runs only with --trust-task-code")


# Policies and schema


def test_policy(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """\
        rules:
          - select: {metric: bleu, language: eng-yor}
            margin: 1
            floor: chance+0.05
          - select: {language: swa}
        waivers:
          - {language: am, reason: known, expires: 2027-01-31}
        """,
    )
    policy = load_policy(path)
    assert [rule.select.language for rule in policy.rules] == [("eng_Latn-yor_Latn",), ("swh_Latn",)]
    assert policy.waivers[0].language == "amh_Ethi"
    assert policy.waivers[0].expires.year == 2027


def test_mistakes_in_a_policy(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """\
        rules:
          - select: {metrc: bleu, language: yorr}
            margin: -1
            floor: chance
            on_inconclusive: wran
        waivers:
          - {language: amh, reason: "", expires: soon}
        coverage: {max_error_rate: 2}
        """,
    )
    with pytest.raises(SpecError) as caught:
        load_policy(path)
    text = str(caught.value)
    for expected in (
        ":2: rules[0].select.metrc: unknown key (did you mean 'metric'?)",
        ":2: rules[0].select.language: unknown language 'yorr' (did you mean 'yor_Latn'?)",
        ":3: rules[0].margin: should be greater than or equal to 0, found -1",
        ":4: rules[0].floor:",
        ":5: rules[0].on_inconclusive: unknown value 'wran' (did you mean 'warn'?)",
        ":7: waivers[0].reason:",
        ":7: waivers[0].expires: expected a date such as 2027-01-31, found 'soon'",
        ":8: coverage.max_error_rate: should be less than or equal to 1, found 2",
    ):
        assert expected in text
    with pytest.raises(SpecError, match="rules: missing"):
        load_policy(write(tmp_path, "waivers: []\n"))


def test_schema_is_json_and_covers_short_forms() -> None:
    schema = json.loads(json.dumps(task_schema()))
    assert set(schema["required"]) == {"task", "kind", "languages", "metrics"}
    assert schema["properties"]["languages"]["anyOf"][0]["type"] == "array"
    assert schema["properties"]["prompts"]["anyOf"][0]["type"] == "array"
    assert "chrf++" in schema["$defs"]["MetricSpec"]["anyOf"][0]["anyOf"][0]["enum"]
    assert schema["additionalProperties"] is False
    for model in (TaskSpec, DatasetSpec, PromptSpec, VariantSpec):
        part = schema if model is TaskSpec else schema["$defs"][model.__name__]
        assert part["properties"].keys() == model.model_fields.keys()
    assert "gold answer" in schema["$defs"]["PromptSpec"]["properties"]["doc_to_target"]["description"]


def test_schema_accepts_the_shipped_tasks() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(task_schema())
    for path in SHIPPED:
        assert list(validator.iter_errors(yaml.safe_load(path.read_text(encoding="utf-8")))) == []


# Anything at all


def _load_text(text: str) -> TaskSpec | None:
    try:
        return loader._task_file(parse_yaml(Path("fuzz.yaml"), text.encode("utf-8", "surrogatepass"))).spec
    except SpecError as error:
        found = error.problems
    assert found
    assert all(problem.startswith("fuzz.yaml:") for problem in found)
    assert all(len(problem.splitlines()) == 1 for problem in found)
    return None


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.text(max_size=20)
KEYS = st.sampled_from(sorted(TaskSpec.model_fields)) | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS | st.sampled_from(["eng", "yor", "translation", "sts", "alignment", "bleu", "eng-yor", "{lang}", "{{x}}"]),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(KEYS, children, max_size=4),
    max_leaves=12,
)


@given(st.text(alphabet=st.characters(codec="utf-8")))
@settings(max_examples=300, deadline=None)
def test_any_text_loads_or_is_a_spec_error(text: str) -> None:
    _load_text(text)


@given(st.text(alphabet="ab:-[]{}&*!|>'\"#%@`,?~<\n \t0.\\uU", max_size=60))
@settings(max_examples=500, deadline=None)
def test_text_of_yaml_signs_loads_or_is_a_spec_error(text: str) -> None:
    _load_text(text)


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_any_bytes_load_or_are_a_spec_error(content: bytes) -> None:
    with contextlib.suppress(SpecError):
        parse_yaml(Path("fuzz.yaml"), content)


@given(st.dictionaries(KEYS, VALUES, max_size=8))
@settings(max_examples=300, deadline=None)
def test_any_mapping_loads_or_is_a_spec_error(value: dict[str, Any]) -> None:
    _load_text(yaml.safe_dump(value, allow_unicode=True))


@given(st.sampled_from([TRANSLATION, CHOICE]), st.sampled_from(sorted(TaskSpec.model_fields)), VALUES)
@settings(max_examples=400, deadline=None)
def test_a_task_with_one_field_replaced(text: str, key: str, value: object) -> None:
    raw = yaml.safe_load(textwrap.dedent(text))
    raw[key] = value
    _load_text(yaml.safe_dump(raw, allow_unicode=True))


@given(st.sampled_from([TRANSLATION, CHOICE]), st.data())
@settings(max_examples=300, deadline=None)
def test_a_task_with_characters_replaced(text: str, data: st.DataObject) -> None:
    text = textwrap.dedent(text)
    start = data.draw(st.integers(0, len(text)))
    length = data.draw(st.integers(0, 6))
    _load_text(text[:start] + data.draw(st.text(max_size=4)) + text[start + length :])


def test_importing_is_light() -> None:
    heavy = ["torch", "transformers", "jinja2", "pandas", "lm_eval", "datasets"]
    code = f"import sys, harness.loader; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
