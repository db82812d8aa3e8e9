"""Minimum Bayes risk against a naive loop over sacrebleu's sentence scores, and from the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER

from harness.errors import DataError, UserError
from harness.nbest import read_candidates
from metrics import mbr, registry
from metrics.base import MetricError, TextMetric

CANDIDATES = [
    ["ልጁ ወደ ትምህርት ቤት ሄደ።", "ልጁ ትናንት ወደ ትምህርት ቤት ሄደ።", "ዝናብ ነው።", "ልጁ ትናንት ወደ ትምህርት ቤት ሄደ።"],
    ["昨日、学校に行きました。", "学校に行った", "", "昨日は学校に行きました。"],
    ["ကလေးက ကျောင်းသွားတယ်။", "ကလေး ကျောင်းကို သွားခဲ့တယ်။"],
    ["ߘߋ߲ ߞߊ߬ߙߊ߲߬ߕߊ", "👏🏽", "ߘߋ߲ ߕߊ߯ߣߍ߲ ߞߊ߬ߙߊ߲߬ߕߊ ߟߊ߫"],
    ["only one"],
]


def metric(name: str, **options: registry.Option) -> TextMetric:
    made = registry.create(name, options)
    assert isinstance(made, TextMetric)
    return made


@pytest.mark.parametrize("batch", [1, 50_000])
@pytest.mark.parametrize(
    ("name", "oracle"),
    [("bleu", BLEU(effective_order=True)), ("chrf", CHRF()), ("chrf++", CHRF(word_order=2)), ("ter", TER())],
)
def test_equals_a_loop_over_sacrebleu(
    name: str, oracle: BLEU | CHRF | TER, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mbr, "_BATCH", batch)
    choices = mbr.rerank(metric(name), CANDIDATES)
    for choice, texts in zip(choices, CANDIDATES, strict=True):
        means = [np.mean([oracle.sentence_score(text, [other]).score for other in texts]) for text in texts]
        assert choice.utilities.tolist() == pytest.approx(means)
        best = min(means) if name == "ter" else max(means)
        assert choice.index == next(place for place, mean in enumerate(means) if mean == pytest.approx(best))
        assert choice.text == texts[choice.index]


def test_ties_go_to_the_first_and_repeats_count() -> None:
    found = mbr.rerank(metric("chrf"), [["ß", "学"], ["学", "ß"], ["a b", "ß", "ß"]])
    assert [choice.index for choice in found] == [0, 0, 1]


def test_a_metric_that_needs_no_reference() -> None:
    found = mbr.rerank(metric("wrong_script", script="Nkoo"), [["abc", "ߞߊ߲", "ߞߊ߲ߓߏ"]])
    assert (found[0].index, found[0].utilities.tolist()) == (1, [1, 0, 0])
    with pytest.raises(MetricError, match=r"^copied_source: needs the source"):
        mbr.rerank(metric("copied_source"), [["a"]])
    found = mbr.rerank(metric("copied_source"), [["the cat sat", "paka alikaa"]], ["the cat sat"])
    assert found[0].index == 1


def test_no_candidates() -> None:
    with pytest.raises(MetricError, match=r"^mbr: segment 1: no candidates"):
        mbr.rerank(metric("chrf"), [["a"], []])
    assert mbr.rerank(metric("chrf"), []) == []


def test_files(tmp_path: Path) -> None:
    lines = tmp_path / "n.txt"
    lines.write_text("ልጁ\nቤት\n学\n\n", encoding="utf-8")
    assert read_candidates(lines, 2) == [["ልጁ", "ቤት"], ["学", ""]]
    with pytest.raises(DataError, match=r"4 lines cannot be divided into segments of 3; check --n$"):
        read_candidates(lines, 3)
    with pytest.raises(UserError, match=r"say it with --n, or write [.]jsonl$"):
        read_candidates(lines, None)
    objects = tmp_path / "n.jsonl"
    objects.write_text('["ልጁ", "ቤት", "x"]\n{"candidates": ["学"]}\n', encoding="utf-8")
    assert read_candidates(objects, None) == [["ልጁ", "ቤት", "x"], ["学"]]
    assert read_candidates(objects, 2) == [["ልጁ", "ቤት"], ["学"]]
    for wrong, message in (
        ("[1]", "no list of texts"),
        ("{}", "no list of texts"),
        ("[]", "no list of texts"),
        ("[", "not JSON"),
        (r'["a\nb"]', "line breaks"),
    ):
        objects.write_text('["ok"]\n' + wrong + "\n", encoding="utf-8")
        with pytest.raises(DataError, match=rf"n\.jsonl:2: .*{message}"):
            read_candidates(objects, None)


def test_command_line(tmp_path: Path) -> None:
    candidates = tmp_path / "candidates.jsonl"
    candidates.write_text("".join(json.dumps(texts) + "\n" for texts in CANDIDATES), encoding="utf-8")
    out, utilities = tmp_path / "best.txt", tmp_path / "utilities.jsonl"
    command = [sys.executable, "-m", "harness", "mbr", "--candidates", candidates, "--metric"]
    done = subprocess.run(
        [*command, "chrf:char_order=4", "--out", out, "--utilities", utilities],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "5 segments, mean expected utility" in done.stderr
    assert "nc:4" in done.stderr
    expected = mbr.rerank(metric("chrf", char_order=4), CANDIDATES)
    assert out.read_text(encoding="utf-8").split("\n")[:-1] == [choice.text for choice in expected]
    rows = [json.loads(line) for line in utilities.read_text(encoding="utf-8").splitlines()]
    assert [row["index"] for row in rows] == [choice.index for choice in expected]
    assert rows[0]["utility"] == max(rows[0]["utilities"]) == expected[0].utilities.max()
    done = subprocess.run([*command, "chrff"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "did you mean 'chrf'?" in done.stderr
    assert "Traceback" not in done.stderr
