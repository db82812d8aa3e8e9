"""Metrics as systems under test: contrastive tasks, the ACES family, and the score of ACES's own evaluation."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER

from harness.engine.models import load_model, parse_model
from harness.errors import BackendError, DataError
from harness.loader import load_tasks
from harness.records import RunRecord
from harness.resources import shipped_tasks
from harness.runner import RunPlan, run
from harness.store import RunFolder
from harness.tasks import units
from harness.tasks.base import Selection
from harness.types import Judge, RewardResponse
from metrics.contrastive import CATEGORIES, AcesScore

TEXTS = [
    ("en-am", "The boy went to school.", "ልጁ ወደ ትምህርት ቤት ሄደ።", "ልጁ ወደ ትምህርት ቤት ሄዷል።", "ልጁ ቤት ሄደ።"),
    (
        "de-ja",
        "Der Junge ging zur Schule.",
        "少年は学校に行きました。",
        "少年は学校へ行った。",
        "少女は学校に行きました。",
    ),
    ("en-sw", "They are playing.", "Wanacheza", "Wamecheza", "Kilimo"),
    ("en-th", "It is raining today.", "วันนี้ฝนตก", "วันนี้ฝนจะตก", "วันนี้ฝนตก ฝนตก"),
    ("fr-zh", "Le livre est ici 🦁.", "书在这里 🦁。", "书在这儿 🦁。", "书在这里 🐯。"),
    ("en-my", "He reads.", "သူ စာဖတ်တယ်။", "သူ စာဖတ်နေတယ်။", "သူ စာရေးတယ်။"),
]


def rows() -> list[dict[str, str]]:
    """Three pairs of every phenomenon, with the columns of the real data set."""
    found = []
    for place, phenomenon in enumerate(name for _, members in CATEGORIES.values() for name in members):
        for step in range(3):
            pair, source, reference, good, bad = TEXTS[(place + step) % len(TEXTS)]
            swapped = (place * 3 + step) % 4 == 0
            found.append(
                {
                    "source": source,
                    "good-translation": bad if swapped else good,
                    "incorrect-translation": good if swapped else bad,
                    "reference": reference,
                    "phenomena": phenomenon,
                    "langpair": pair,
                }
            )
    return found


def silent(*_: object) -> None:
    pass


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the hub repository as it is laid out: a card with two configurations, one JSON-lines file each."""
    root = tmp_path_factory.mktemp("hub")
    folder = root / "nikitam" / "ACES"
    folder.mkdir(parents=True)
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: ACES\n  data_files: challenge_set.jsonl\n"
        "- config_name: Span-ACES\n  data_files: span_aces.jsonl\n---\n",
        encoding="utf-8",
    )
    for name in ("challenge_set", "span_aces"):
        lines = [
            json.dumps(row | ({"incorrect-translation": "x"} if name != "challenge_set" else {})) for row in rows()
        ]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def record_of(mirror: Path, out: Path, *models: str) -> RunRecord:
    plan = RunPlan(
        tasks=load_tasks(["aces"], [shipped_tasks()]),
        models=[parse_model(model) for model in models],
        out=out,
        data_root=mirror,
    )
    return RunFolder(run(plan, silent)).record


def test_aces_is_scored_as_its_own_evaluation_does(mirror: Path, tmp_path: Path) -> None:
    record = record_of(mirror, tmp_path, "metric:chrf", "metric:ter", "metric:bleu")
    found = {(score.model, score.variant, score.metric): score for score in record.scores}
    tokenizers = {"ja": "char", "my": "char", "th": "char", "zh": "zh", "am": "13a", "sw": "13a"}

    def win(name: str, row: dict[str, str]) -> bool:
        oracle: CHRF | TER | BLEU = {
            "chrf": CHRF(),
            "ter": TER(),
            "bleu": BLEU(effective_order=True, tokenize=tokenizers[row["langpair"][-2:]]),
        }[name]
        good, bad = (
            oracle.sentence_score(row[side], [row["reference"]]).score
            for side in ("good-translation", "incorrect-translation")
        )
        return good < bad if name == "ter" else good > bad

    for name in ("chrf", "ter", "bleu"):
        wins: dict[str, list[bool]] = {}
        for row in rows():
            wins.setdefault(row["phenomena"], []).append(win(name, row))
        taus = {phenomenon: 2 * float(np.mean(won)) - 1 for phenomenon, won in wins.items()}
        expected = sum(
            weight * float(np.mean([taus[member] for member in members])) for weight, members in CATEGORIES.values()
        )
        assert found[name, "all", "aces_score"].value == pytest.approx(expected)
        everything = [won for group in wins.values() for won in group]
        assert found[name, "all", "contrastive_accuracy"].value == pytest.approx(np.mean(everything))
        for category, (_, members) in CATEGORIES.items():
            own = [won for member in members for won in wins[member]]
            assert found[name, category, "contrastive_tau"].value == pytest.approx(2 * np.mean(own) - 1)
            assert (name, category, "aces_score") not in found
    assert found["chrf", "all", "contrastive_accuracy"].n == len(rows()) == 3 * 68
    assert found["chrf", "all", "contrastive_accuracy"].value != found["bleu", "all", "contrastive_accuracy"].value


def test_the_family_has_every_category_and_phenomenon() -> None:
    (task,) = load_tasks(["aces"], [shipped_tasks()])
    assert set(task.spec.variants) == {"all", *CATEGORIES}
    for category, (_, members) in CATEGORIES.items():
        where = task.spec.variants[category].dataset["where"]["phenomena"]
        assert ([where] if isinstance(where, str) else list(where)) == list(members)
    assert sum(len(members) for _, members in CATEGORIES.values()) == 68
    assert sum(weight for weight, _ in CATEGORIES.values()) == pytest.approx(29.1)


def test_ties_are_failures_and_resamples_without_a_category_have_no_score() -> None:
    metric = AcesScore()
    phenomena = [row["phenomena"] for row in rows()]
    best = metric.win_stats([True] * len(phenomena), phenomena)
    assert best is not None
    assert metric.value(best) == pytest.approx(29.1)
    worst = metric.win_stats([False] * len(phenomena), phenomena)
    assert worst is not None
    assert metric.value(worst) == pytest.approx(-29.1)
    assert np.isnan(metric.aggregate(best, np.zeros((1, len(best))))).all()
    assert metric.win_stats([True], ["addition"]) is None
    assert metric.win_stats([True], ["no such phenomenon"]) is None
    engine = load_model(parse_model("metric:chrf"))
    same = [Judge(hypothesis="ሀ", source="a", references=("ለ",)), Judge(hypothesis="መ", source="a", references=("ለ",))]
    assert engine.answer(same) == [RewardResponse(reward=0.0)] * 2


def test_without_langpair_translations_are_in_the_language_of_the_unit(tmp_path: Path) -> None:
    (tmp_path / "tha.tsv").write_text(
        "source\tgood-translation\tincorrect-translation\treference\nrain\tฝนตก\tฝน\tฝนตก\n", encoding="utf-8"
    )
    path = tmp_path / "pairs.yaml"
    path.write_text(
        "task: pairs\nkind: contrastive\ndataset: {files: '{lang}.tsv'}\nlanguages: [tha]\n"
        "metrics: [contrastive_accuracy]\n",
        encoding="utf-8",
    )
    (unit,) = units(load_tasks([str(path)], [])[0], Selection(), None)
    requests = unit.requests()
    assert [getattr(request, "target_language", "") for request in requests] == ["tha_Thai"] * 2
    engine = load_model(parse_model("metric:off_target"))
    assert engine.answer(requests) == [RewardResponse(reward=-0.0)] * 2


def test_mistakes(mirror: Path, tmp_path: Path) -> None:
    for model, message in (
        ("metric:chrff", r"^--model metric:chrff: .*did you mean 'chrf'"),
        ("metric:acc", "does not judge texts"),
        ("metric:spbleu:tokenizer_path=/nowhere", "no such file"),
        ("metric:chrf,beta=3", "unknown option 'beta'"),
    ):
        with pytest.raises(BackendError, match=message):
            load_model(parse_model(model))
    shutil.copytree(mirror, tmp_path / "hub")
    file = tmp_path / "hub" / "nikitam" / "ACES" / "challenge_set.jsonl"
    file.write_text(json.dumps(rows()[0] | {"langpair": "en-xx"}) + "\n", encoding="utf-8")
    (unit,) = units(load_tasks(["aces"], [shipped_tasks()])[0], Selection(variants=("all",)), tmp_path / "hub")
    with pytest.raises(DataError, match="langpair 'en-xx' names no language; write en-de"):
        unit.requests()
