"""Mistakes in what a task file says of its data, and of what its variants change, are told with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import SpecError
from harness.loader import load_task

CHOICE = """\
task: nli
kind: multiple_choice
dataset:
  path: org/nli
  name: "{lang}"
  revision: 0123456789012345678901234567890123456789
  files: "nli/{split}/{lang}.tsv"
  url: https://example.org/nli/{split}/{lang}.tsv
  fewshot_split: validation
  split_names: {validation: dev}
  types: {label: int}
variants:
  plain: {}
  hard:
    dataset:
      where: {domain: [ሳይንስ, law], checked: true}
languages: {amh: am, yor: yo}
prompts:
  p: {doc_to_text: "{{q}}", doc_to_choice: [a, b], doc_to_target: label}
metrics: [acc]
"""
PAIRS = """\
task: news
kind: translation
dataset:
  files: "news/en-{other}.jsonl"
  text: target
  pivot_text: source
directions: [eng-xx]
languages: {eng: en, amh: am, yor: yo}
metrics: [chrf]
"""


def problems(folder: Path, text: str) -> list[str]:
    path = folder / "t.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as error:
        load_task(path)
    assert all(problem.startswith(f"{path}:") for problem in error.value.problems)
    return [problem.removeprefix(f"{path}:") for problem in error.value.problems]


@pytest.mark.parametrize("text", [CHOICE, PAIRS])
def test_the_files_themselves_are_right(tmp_path: Path, text: str) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(text, encoding="utf-8")
    assert load_task(path).dataset.has_source


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("org/nli", "/data/nli", "4: dataset.path: '/data/nli' is no data set on the hub, such as org/name"),
        ("org/nli", "../nli", "4: dataset.path: '../nli' is no data set on the hub"),
        ('name: "{lang}"', 'name: "{lng}"', "5: dataset.name: unknown placeholder {lng} (did you mean 'lang'?)"),
        ('name: "{lang}"', 'name: "{split}"', "5: dataset.name: unknown placeholder {split}"),
        ('{split}/{lang}.tsv"', '{split}/{other}.tsv"', "7: dataset.files: unknown placeholder {other}"),
        ('"nli/{split}/{lang}.tsv"', '["a/{lang}/{split}", "a/{split}"]', None),
        (
            '"nli/{split}/{lang}.tsv"',
            '["a/{lang}.tsv", "a/{lan}.tsv"]',
            "7: dataset.files[1]: unknown placeholder {lan} (did you mean 'lang'?)",
        ),
        ("https://example", "file://example", "8: dataset.url: expected https://..., found 'file://"),
        (
            "  fewshot_split",
            f"  sha256: {'0' * 64}\n  fewshot_split",
            "9: dataset.sha256: is of one file, but 'url' names several",
        ),
        (
            "  url: https://example.org/nli/{split}/{lang}.tsv\n",
            f"  sha256: {'0' * 64}\n",
            "dataset.sha256: is of what 'url' gives",
        ),
        ('  files: "nli/{split}/{lang}.tsv"\n', "", "7: dataset.url: where does it go? Name the 'archive'"),
        ('  files: "nli/{split}/{lang}.tsv"\n', "", "10: dataset.types: says how 'files' are read, and there are none"),
        ("{label: int}", "{label: integer}", "11: dataset.types.label: unknown value 'integer' (did you mean 'int'?)"),
        ("  types:", "  skip: -1\n  types:", "11: dataset.skip: should be greater than or equal to 0, found -1"),
        ("  types:", "  where: {a: []}\n  types:", "11: dataset.where.a: expected a value, or a list"),
        (
            "  types:",
            "  where: {a: '{lnag}'}\n  types:",
            "dataset.where.a: unknown placeholder {lnag} (did you mean 'lang'?)",
        ),
        ("  types:", "  where: {a: b}\n  cluster_files: 'ids.{lang}'\n  types:", "dataset.where: leaves rows out, and"),
        (
            "law], checked",
            "law, {lang: x}], checked",
            "16: variants.hard.dataset.where.domain: expected a value, or a list of values",
        ),
        ("{domain:", "{domain: {a: b}, d:", "16: variants.hard.dataset.where.domain: expected a value"),
        ("where: {", "were: {", "16: variants.hard.dataset.were: unknown key (did you mean 'where'?)"),
        ("where:", "splits: []\n      where:", "16: variants.hard.dataset.splits: "),
        ("where:", "splits: test\n      where:", "16: variants.hard.dataset.splits: expected a list, found 'test'"),
        (
            "where:",
            "path: org/hard\n      where:",
            "16: variants.hard.dataset.path: another path, but the 'revision' is still",
        ),
        ("where:", "path: org/hard\n      revision: null\n      where:", None),
        ("where:", "url: https://b.org/x\n      where:", None),
        (
            "where:",
            "source_files: a\n      where:",
            "15: variants.hard.dataset: together with the task's dataset: give 'files'",
        ),
        ("where:", "name: '{nope}'\n      where:", "16: variants.hard.dataset.name: unknown placeholder {nope}"),
        ('"{lang}"', "all", None),
    ],
)
def test_mistakes_about_data(tmp_path: Path, old: str, new: str, expected: str | None) -> None:
    assert old in CHOICE
    text = CHOICE.replace(old, new, 1)
    if expected is None:
        (tmp_path / "t.yaml").write_text(text, encoding="utf-8")
        assert load_task(tmp_path / "t.yaml")
    else:
        found = problems(tmp_path, text)
        assert any(
            problem.lstrip("0123456789:").lstrip().startswith(expected.lstrip("0123456789: ")) for problem in found
        ), found
        if expected[0].isdigit():
            assert any(problem.startswith(expected) for problem in found), found


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("  pivot_text: source\n", "", "4: dataset.files: both sides would be the same text; name the pivot's column"),
        ("en-{other}", "en-am", None),
        ("text: target\n  pivot_text: source", 'text: "{lang}"', None),
        ("  pivot_text: source\n", "  where: {side: '{lang}'}\n", None),
        (
            "text: target\n  pivot_text: source",
            "text: t",
            "4: dataset.files: both sides would be the same text",
        ),
        (
            'files: "news/en-{other}.jsonl"\n  text: target\n  pivot_text: source',
            'files: "news/all.jsonl"',
            "4: dataset.files: every language would read the same file",
        ),
        (
            'files: "news/en-{other}.jsonl"\n  text: target\n  pivot_text: source',
            "path: org/news",
            "4: dataset.path: every language would read the same rows; put {lang} into",
        ),
        (
            'files: "news/en-{other}.jsonl"\n  text: target\n  pivot_text: source',
            'path: org/news\n  name: "{lang}"',
            None,
        ),
        (
            'files: "news/en-{other}.jsonl"',
            'source_files: "a.{source}"\n  target_files: "a.{target}"\n  url: https://a.org/x',
            "6: dataset.url: where does it go?",
        ),
        (
            'files: "news/en-{other}.jsonl"',
            'source_files: "a.{source}"\n  target_files: "a.{target}"\n  archive: a.zip\n  url: https://a.org/x',
            None,
        ),
    ],
)
def test_mistakes_about_data_of_directions(tmp_path: Path, old: str, new: str, expected: str | None) -> None:
    assert old in PAIRS
    text = PAIRS.replace(old, new, 1)
    if expected is None:
        (tmp_path / "t.yaml").write_text(text, encoding="utf-8")
        assert load_task(tmp_path / "t.yaml")
    else:
        assert any(problem.startswith(expected) for problem in problems(tmp_path, text)), problems(tmp_path, text)


PARTS = """\
task: search
kind: retrieval
dataset:
  path: org/search
  key: _id
  parts:
    queries: {name: "{lang}-queries"}
    corpus: {name: "{lang}-corpus"}
    qrels: {name: "{lang}-qrels", splits: [test]}
languages: {amh: am, yor: yo}
metrics: [ndcg]
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("splits: [test]", "splits: test", "9: dataset.parts.qrels.splits: expected a list, found 'test'"),
        ("splits: [test]", "split: [test]", "9: dataset.parts.qrels.split: unknown key (did you mean 'splits'?)"),
        ("queries: {name", "querys: {name", "7: dataset.parts.querys"),
        ("  path: org/search\n", "", "6: dataset.parts.queries: no source; give 'files' or 'path' here or above"),
    ],
)
def test_mistakes_in_parts(tmp_path: Path, old: str, new: str, expected: str) -> None:
    (tmp_path / "t.yaml").write_text(PARTS, encoding="utf-8")
    assert load_task(tmp_path / "t.yaml")
    found = problems(tmp_path, PARTS.replace(old, new, 1))
    assert any(problem.startswith(expected) for problem in found), found


def test_the_same_mistake_is_told_once(tmp_path: Path) -> None:
    found = problems(tmp_path, CHOICE.replace('name: "{lang}"', 'name: "{lng}"'))
    assert len(found) == 1, found
