"""Classification, clustering, pair and retrieval tasks from files to scores, on texts in many scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import yaml

from harness.doctor import examine
from harness.engine.models import parse_model
from harness.errors import DataError, SpecError
from harness.loader import load_tasks
from harness.records import RunRecord
from harness.runner import RunPlan, run
from harness.store import RunFolder

WATER = {"amh_Ethi": "ውሃ", "arb_Arab": "ماء", "mya_Mymr": "ရေ", "tha_Thai": "น้ำ", "nqo_Nkoo": "ߖߌ"}
FIRE = {"amh_Ethi": "እሳት", "arb_Arab": "نار", "mya_Mymr": "မီး", "tha_Thai": "ไฟ", "nqo_Nkoo": "ߕߊ"}
LANGUAGES = list(WATER)


def write(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def run_task(folder: Path, spec: Mapping[str, object], data: Path) -> tuple[RunFolder, RunRecord]:
    named = {"task": "mine", "languages": LANGUAGES, **spec}
    (folder / "mine.yaml").write_text(yaml.safe_dump(named, allow_unicode=True), encoding="utf-8")
    plan = RunPlan(
        tasks=load_tasks(["mine"], [folder]), models=[parse_model("echo:x")], out=folder / "out", data_root=data
    )
    made = RunFolder(run(plan, lambda *_: None))
    assert not list(examine(made))
    return made, made.record


def texts(language: str, count: int) -> list[tuple[str, str]]:
    """Texts about water or fire, told by their words alone, with their topic."""
    words = {"water": WATER[language], "fire": FIRE[language]}
    topics = ["water", "fire"]
    return [
        (f"{words[topics[index % 2]]} {words[topics[index % 2]]} {index} 🌍", topics[index % 2])
        for index in range(count)
    ]


def test_classification_of_texts_that_tell_their_class(tmp_path: Path) -> None:
    for language in LANGUAGES:
        for split, count in (("train", 30), ("test", 20)):
            rows = [{"text": text, "label": topic} for text, topic in texts(language, count)]
            write(tmp_path / "data" / language / f"{split}.jsonl", rows)
    spec = {
        "kind": "classification",
        "dataset": {"files": "{lang}/{split}.jsonl"},
        "metrics": ["probe_accuracy", "probe_f1"],
    }
    folder, record = run_task(tmp_path, spec, tmp_path / "data")
    assert len(record.scores) == 10
    assert all(score.value is not None and score.value > 0.9 and score.n == 20 for score in record.scores)
    rows = folder.segments(("x", "mine", "", "", "mya_Mymr"))
    assert {row.hypothesis for row in rows} <= {"water", "fire"}
    assert rows[0].references == ("water",)


def test_several_labels_need_a_list(tmp_path: Path) -> None:
    for language in LANGUAGES:
        for split, count in (("train", 40), ("test", 20)):
            rows = [
                {"text": text, "label": [topic, "even"] if index % 4 < 2 else [topic]}
                for index, (text, topic) in enumerate(texts(language, count))
            ]
            write(tmp_path / "data" / language / f"{split}.jsonl", rows)
    spec = {
        "kind": "multilabel_classification",
        "dataset": {"files": "{lang}/{split}.jsonl"},
        "metrics": ["multilabel_accuracy", "probe_f1"],
    }
    _, record = run_task(tmp_path, spec, tmp_path / "data")
    assert all(score.value is not None and 0 < score.value <= 1 for score in record.scores)
    write(tmp_path / "data" / "tha_Thai" / "test.jsonl", [{"text": "น้ำ", "label": "water"}])
    with pytest.raises(DataError, match="'label' must hold a list of labels, found 'water'"):
        run_task(tmp_path, spec, tmp_path / "data")


def test_clusters_of_texts_that_tell_their_class(tmp_path: Path) -> None:
    for language in LANGUAGES:
        rows = [{"text": text, "label": topic} for text, topic in texts(language, 40)]
        write(tmp_path / "data" / f"{language}.jsonl", rows)
    spec = {
        "kind": "clustering",
        "dataset": {"files": "{lang}.jsonl"},
        "metrics": [{"name": "v_measure", "sample": 200, "experiments": 3}],
    }
    _, record = run_task(tmp_path, spec, tmp_path / "data")
    for score in record.scores:
        assert score.value is not None
        assert score.value > 0.5
        assert score.ci_low is not None
        assert score.ci_high is not None
        assert score.ci_low <= score.value <= score.ci_high


def test_pairs_that_belong_together_are_near(tmp_path: Path) -> None:
    for language in LANGUAGES:
        rows = [
            {
                "sentence1": f"{WATER[language]} {index}",
                "sentence2": f"{(WATER, FIRE)[index % 2][language]} {index}",
                "label": 1 - index % 2,
            }
            for index in range(20)
        ]
        write(tmp_path / "data" / f"{language}.jsonl", rows)
    spec = {"kind": "pair_classification", "dataset": {"files": "{lang}.jsonl"}, "metrics": ["pair_ap"]}
    _, record = run_task(tmp_path, spec, tmp_path / "data")
    assert all(score.value == pytest.approx(1.0) for score in record.scores)
    write(tmp_path / "data" / "tha_Thai.jsonl", [{"sentence1": "น้ำ", "sentence2": "ไฟ", "label": "ใช่"}])
    with pytest.raises(DataError, match="label must be 0 or 1"):
        run_task(tmp_path, spec, tmp_path / "data")


@pytest.mark.parametrize("kind", ["retrieval", "reranking"])
def test_relevant_texts_stand_first(tmp_path: Path, kind: str) -> None:
    for language in LANGUAGES:
        place = tmp_path / "data" / language
        corpus = [
            {"_id": f"d{index}", "title": "", "text": text} for index, (text, _) in enumerate(texts(language, 12))
        ]
        write(place / "corpus.jsonl", corpus)
        write(place / "queries.jsonl", [{"_id": "q0", "text": WATER[language]}, {"_id": "q1", "text": FIRE[language]}])
        qrels = [{"query-id": f"q{index % 2}", "corpus-id": f"d{index}", "score": 1} for index in range(12)]
        write(place / "qrels.jsonl", qrels)
        ids = [f"d{index}" for index in range(6)]
        write(place / "candidates.jsonl", [{"query-id": query, "corpus-ids": ids} for query in ("q0", "q1")])
    parts = {part: {"files": "{lang}/" + part + ".jsonl"} for part in ("queries", "corpus", "qrels")}
    if kind == "reranking":
        parts["candidates"] = {"files": "{lang}/candidates.jsonl"}
    spec = {
        "kind": kind,
        "dataset": {"files": "{lang}/queries.jsonl", "key": "_id", "parts": parts},
        "metrics": [{"name": "ndcg", "k": 3}, "map", "mrr"],
    }
    folder, record = run_task(tmp_path, spec, tmp_path / "data")
    values = {(score.language, score.metric): score.value for score in record.scores}
    for language in LANGUAGES:
        assert values[language, "ndcg"] == pytest.approx(1.0)
        assert values[language, "map"] == pytest.approx(1.0 if kind == "retrieval" else 0.5)
    assert WATER["nqo_Nkoo"] in (folder.segments(("x", "mine", "", "", "nqo_Nkoo"))[0].hypothesis or "")
    write(tmp_path / "data" / "tha_Thai" / "qrels.jsonl", [{"query-id": "q9", "corpus-id": "d1", "score": 1}])
    with pytest.raises(DataError, match="no query of 'queries' has a row in 'qrels'"):
        run_task(tmp_path, spec, tmp_path / "data")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"kind": "classification", "metrics": ["probe_accuracy"]},
            "dataset.sides: is read by sts, pair_classification",
        ),
        ({"kind": "sts", "metrics": ["cosine_spearman"]}, "dataset.positive: is read by pair_classification alone"),
        ({"dataset": {"files": "{lang}.tsv", "sides": ["a"]}}, "dataset.sides"),
        ({"dataset": {"files": "{lang}.tsv", "positive": []}}, "dataset.positive"),
    ],
)
def test_fields_of_pairs_are_checked(tmp_path: Path, changes: Mapping[str, object], told: str) -> None:
    spec = {
        "task": "mine",
        "kind": "pair_classification",
        "dataset": {"files": "{lang}.tsv", "sides": ["ሀ", "ለ"], "positive": [0]},
        "languages": LANGUAGES,
        "metrics": ["pair_ap"],
        **changes,
    }
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(spec, allow_unicode=True), encoding="utf-8")
    with pytest.raises(SpecError) as error:
        load_tasks(["mine"], [tmp_path])
    assert any(f"mine.yaml:{line}: {told}" in problem for problem in error.value.problems for line in range(1, 20))


def test_pairs_and_scores_in_columns_of_other_names(tmp_path: Path) -> None:
    for language in LANGUAGES:
        found = [
            {"ሀ": f"{WATER[language]} {index}", "ለ": f"{WATER[language]} {index * (index % 2)}", "ดี": index % 2}
            for index in range(2, 22)
        ]
        write(tmp_path / "data" / f"{language}.jsonl", found)
    dataset = {"files": "{lang}.jsonl", "sides": ["ሀ", "ለ"]}
    pairs = {"kind": "pair_classification", "dataset": {**dataset, "label": "ดี"}, "metrics": ["pair_ap"]}
    folder, record = run_task(tmp_path, pairs, tmp_path / "data")
    own = {score.language: score.value for score in record.scores}
    assert all(value == pytest.approx(1.0) for value in own.values())
    assert folder.segments(("x", "mine", "", "", "tha_Thai"))[3].source == f"{WATER['tha_Thai']} 5"
    turned = {**pairs, "dataset": {**dataset, "label": "ดี", "positive": [0]}}
    _, record = run_task(tmp_path, turned, tmp_path / "data")
    assert all(score.value is not None and score.value < 0.9 for score in record.scores)
    rated = {"kind": "sts", "dataset": {**dataset, "score": "ดี"}, "metrics": ["cosine_spearman"]}
    _, record = run_task(tmp_path, rated, tmp_path / "data")
    assert all(score.value is not None and score.value > 0.5 for score in record.scores)


def test_groups_within_groups_are_refused(tmp_path: Path) -> None:
    for language in LANGUAGES:
        write(tmp_path / "data" / f"{language}.jsonl", [{"text": "ውሃ", "label": ["water", "river"]}] * 3)
    spec = {"kind": "clustering", "dataset": {"files": "{lang}.jsonl"}, "metrics": ["v_measure"]}
    with pytest.raises(DataError, match="must hold one group"):
        run_task(tmp_path, spec, tmp_path / "data")
    for language in LANGUAGES:
        rows = [{"text": text, "label": topic} for text, topic in texts(language, 40)]
        write(tmp_path / "data" / f"{language}.jsonl", rows)
    some = {"name": "v_measure", "sample": 100, "experiments": 2, "fraction": 0.5}
    _, record = run_task(tmp_path, {**spec, "metrics": [some]}, tmp_path / "data")
    assert {score.n for score in record.scores} == {20}
    with pytest.raises(DataError, match="is none of them"):
        run_task(tmp_path, {**spec, "metrics": [{**some, "fraction": 0.01}]}, tmp_path / "data")
