"""Embedding metrics equal mteb's (2.26.24), run through ``mteb.evaluate`` on the same vectors.

The model is a table of random vectors by text, so that nothing but the definitions can differ; float32.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pytest

from metrics import registry
from metrics.clustering import VMeasure
from metrics.probing import (
    ProbeAccuracy,
    ProbeF1,
    ProbeSettings,
    probe,
    probe_several,
    training_draws,
)
from metrics.ranking import PairAveragePrecision, Ranking, RankingMetric, cosine_rows, rank_descending

mteb = pytest.importorskip("mteb", reason="mteb is not installed (pip install 'glotbench[mteb]')")

WORDS = ("ውሃ", "ماء", "ရေ", "น้ำ", "水", "ߖߌ", "🌊", "omi", "вода", "νερό", "ջուր", "წყალი")
DIMENSIONS = 16


def vector(text: str) -> np.ndarray:
    """A vector by the text's words: texts that share words are near."""
    total = np.zeros(DIMENSIONS)
    for word in [*text.split(), text]:
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "little")
        total += np.random.default_rng(seed).normal(size=DIMENSIONS) * (1.0 if word != text else 0.7)
    return total.astype(np.float32)


def vectors(texts: Iterable[str]) -> np.ndarray:
    return np.stack([vector(text) for text in texts])


class Table:
    """The table as mteb sees a model."""

    mteb_model_meta = None

    def __init__(self) -> None:
        from mteb.models import ModelMeta

        self.mteb_model_meta = ModelMeta.create_empty(overwrites={"name": "test/table", "revision": "1"})

    def encode(self, inputs: Any, **_: Any) -> np.ndarray:
        return vectors(text for batch in inputs for text in batch["text"])

    def similarity(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        from mteb.similarity_functions import cos_sim

        return cos_sim(first, second)

    def similarity_pairwise(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        from mteb.similarity_functions import pairwise_cos_sim

        return pairwise_cos_sim(first, second)


def texts_of(classes: int, count: int, seed: int) -> tuple[list[str], list[int]]:
    """Texts whose first word says the class most of the time."""
    draw = random.Random(seed)
    labels = [draw.randrange(classes) for _ in range(count)]
    texts = [
        f"{WORDS[label if draw.random() < 0.7 else draw.randrange(classes)]} {draw.choice(WORDS)} {index}"
        for index, label in enumerate(labels)
    ]
    return texts, labels


def evaluate(kind: type, dataset: Any, kind_name: str, main: str, **attributes: Any) -> Mapping[str, float]:
    """Scores of one mteb task of ours over a data set in memory."""
    from mteb.abstasks.task_metadata import TaskMetadata

    metadata = TaskMetadata(
        name=f"Test{kind_name}",
        description="test",
        dataset={"path": "none", "revision": "1"},
        type=kind_name,
        category="t2t",
        eval_splits=["test"],
        eval_langs=["eng-Latn"],
        main_score=main,
    )
    made = type(f"Test{kind_name}", (kind,), {"metadata": metadata, **attributes})()
    made.dataset = dataset
    made.data_loaded = True
    made.load_data = lambda **_: None
    result = mteb.evaluate(Table(), made, cache=None, co2_tracker=False, show_progress_bar=False)
    scores: Mapping[str, float] = result.task_results[0].scores["test"][0]
    return scores


def test_classification() -> None:
    from datasets import Dataset, DatasetDict
    from mteb.abstasks import AbsTaskClassification

    train, train_labels = texts_of(4, 120, 1)
    test, test_labels = texts_of(4, 90, 2)
    theirs = evaluate(
        AbsTaskClassification,
        DatasetDict(
            train=Dataset.from_dict({"text": train, "label": train_labels}),
            test=Dataset.from_dict({"text": test, "label": test_labels}),
        ),
        "Classification",
        "accuracy",
    )
    settings = ProbeSettings(mteb_compat=True)
    draws = training_draws([[label] for label in train_labels], settings, [0])
    predictions = probe(vectors(train), train_labels, vectors(test), draws)
    gold = np.array(test_labels)
    accuracy, f1 = (registry.create(name, {"mteb_compat": True}) for name in ("probe_accuracy", "probe_f1"))
    assert isinstance(accuracy, ProbeAccuracy)
    assert isinstance(f1, ProbeF1)
    assert 0.4 < theirs["accuracy"] < 0.95
    assert accuracy.value(accuracy.prediction_stats(predictions, gold)) == pytest.approx(theirs["accuracy"], abs=1e-12)
    assert f1.value(f1.prediction_stats(predictions, gold)) == pytest.approx(theirs["f1"], abs=1e-12)


def test_multilabel_classification() -> None:
    from datasets import Dataset, DatasetDict
    from mteb.abstasks import AbsTaskMultilabelClassification

    draw = random.Random(5)
    splits, gold = {}, {}
    for split, count in (("train", 80), ("test", 60)):
        labels = [sorted(draw.sample(range(5), draw.randrange(1, 3))) for _ in range(count)]
        texts = [" ".join([*(WORDS[label] for label in own), str(index)]) for index, own in enumerate(labels)]
        splits[split] = Dataset.from_dict({"text": texts, "label": labels})
        gold[split] = (texts, labels)
    theirs = evaluate(
        AbsTaskMultilabelClassification, DatasetDict(splits), "MultilabelClassification", "accuracy", seed=42
    )
    train, train_labels = gold["train"]
    test, test_labels = gold["test"]
    table = np.array([[int(label in own) for label in range(5)] for own in train_labels])
    expected = np.array([[int(label in own) for label in range(5)] for own in test_labels])
    draws = training_draws(train_labels, ProbeSettings(mteb_compat=True), [0])
    predictions = probe_several(vectors(train), table, vectors(test), draws)
    accuracy, f1 = (registry.create(name, {"mteb_compat": True}) for name in ("multilabel_accuracy", "probe_f1"))
    assert isinstance(accuracy, ProbeAccuracy)
    assert isinstance(f1, ProbeF1)
    assert 0.1 < theirs["accuracy"] < 1.0
    assert accuracy.value(accuracy.prediction_stats(predictions, expected)) == pytest.approx(theirs["accuracy"])
    assert f1.value(f1.prediction_stats(predictions, expected)) == pytest.approx(theirs["f1"], abs=1e-12)


@pytest.mark.parametrize("documents", [{}, {"documents": 100}, {"fraction": 0.5}])
def test_clustering(documents: dict[str, Any]) -> None:
    from datasets import Dataset, DatasetDict
    from mteb.abstasks import AbsTaskClustering

    texts, labels = texts_of(5, 150, 3)
    theirs = evaluate(
        AbsTaskClustering,
        DatasetDict(test=Dataset.from_dict({"sentences": texts, "labels": labels})),
        "Clustering",
        "v_measure",
        max_fraction_of_documents_to_embed=documents.get("fraction"),
        max_document_to_embed=documents.get("documents"),
        max_documents_per_cluster=400,
    )
    metric = registry.create("v_measure", {"sample": 400, "mteb_compat": True, **documents})
    assert isinstance(metric, VMeasure)
    assert "draws:mteb" in metric.signature()
    assert all(f"{name}:{size}" in metric.signature() for name, size in documents.items())
    chosen = metric.chosen(len(texts), [0])
    rows = range(len(texts)) if chosen is None else chosen
    stats = metric.cluster_stats(
        vectors(texts[row] for row in rows), np.array([labels[row] for row in rows]), [0], chosen and len(texts)
    )
    assert 0.1 < theirs["v_measure"] < 0.95
    assert metric.value(stats) == pytest.approx(theirs["v_measure"], abs=1e-9)


def test_pair_classification() -> None:
    from datasets import Dataset, DatasetDict
    from mteb.abstasks import AbsTaskPairClassification

    first, labels = texts_of(2, 80, 7)
    second = [
        f"{text.split()[0] if label else WORDS[5]} {index}"
        for index, (text, label) in enumerate(zip(first, labels, strict=True))
    ]
    theirs = evaluate(
        AbsTaskPairClassification,
        DatasetDict(test=Dataset.from_dict({"sentence1": first, "sentence2": second, "labels": labels})),
        "PairClassification",
        "max_ap",
    )
    metric = registry.create("pair_ap")
    assert isinstance(metric, PairAveragePrecision)
    stats = metric.pair_stats(vectors(first), vectors(second), np.array(labels))
    assert 0.4 < theirs["max_ap"] < 1.0
    assert metric.value(stats) == pytest.approx(theirs["max_ap"], abs=1e-9)


@pytest.mark.parametrize("reranking", [False, True])
def test_retrieval_and_reranking(reranking: bool) -> None:
    from datasets import Dataset
    from mteb.abstasks import AbsTaskRetrieval

    corpus, topics = texts_of(6, 90, 11)
    corpus[7] = corpus[3]  # equal texts tie in every ranking
    queries, asked = texts_of(6, 25, 12)
    draw = random.Random(4)
    relevant = {
        f"q{number}": {
            f"d{index}": draw.choice([1, 2])
            for index, topic in enumerate(topics)
            if topic == asked[number] and draw.random() < 0.5
        }
        for number in range(len(queries))
    }
    relevant = {query: found or {"d0": 1} for query, found in relevant.items()}
    ranked = {
        query: sorted({*found, *(f"d{draw.randrange(90)}" for _ in range(15))}) for query, found in relevant.items()
    }
    split = {
        "corpus": Dataset.from_dict({"id": [f"d{index}" for index in range(90)], "title": [""] * 90, "text": corpus}),
        "queries": Dataset.from_dict({"id": list(relevant), "text": queries}),
        "relevant_docs": relevant,
        "top_ranked": ranked if reranking else None,
    }
    theirs = evaluate(
        AbsTaskRetrieval,
        {"default": {"test": split}},
        "Reranking" if reranking else "Retrieval",
        "map_at_1000" if reranking else "ndcg_at_10",
    )
    ids = np.array([f"d{index}" for index in range(90)])
    order = np.argsort(np.argsort(ids)).astype(np.int64)
    rankings = []
    for query, row in zip(relevant, cosine_rows(vectors(queries), vectors(corpus)), strict=True):
        candidates = np.array([int(name[1:]) for name in ranked[query]]) if reranking else np.arange(90)
        best = candidates[rank_descending(row[candidates], order[candidates])]
        rankings.append(
            Ranking(
                gains=np.array([float(relevant[query].get(f"d{index}", 0)) for index in best]),
                ideal=np.sort(np.array(list(relevant[query].values()), dtype=float))[::-1],
            )
        )
    for name, options, theirs_name in (
        ("ndcg", {"k": 10}, "ndcg_at_10"),
        ("map", {"k": 1000}, "map_at_1000"),
        ("recall", {"k": 20}, "recall_at_20"),
        ("mrr", {"k": 10}, "mrr_at_10"),
    ):
        metric = registry.create(name, options)
        assert isinstance(metric, RankingMetric)
        value = metric.value(metric.ranking_stats(rankings))
        assert round(value, 5) == pytest.approx(theirs[theirs_name], abs=1.1e-5), name
        assert 0.1 < value < 1
