"""Several pivots at once: each language is encoded once, and every pivot has the scores it would have alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.engine.models import parse_model
from harness.errors import SpecError
from harness.loader import load_tasks
from harness.runner import RunPlan, run
from harness.store import RunFolder

SENTENCES = {
    "eng": ("Water boils.", "The cat sleeps.", "Peace!", "Where is the bread? 🍞"),
    "amh": ("ውሃ ይፈላል።", "ድመቷ ተኝታለች።", "ሰላም!", "ዳቦው የት ነው? 🍞"),
    "nqo": ("ߖߌ ߓߍ߫ ߥߙߊ߬", "ߓߊ߲߬ߓߊ ߦߋ߫ ߛߎ߬ߣߐ߰ ߟߊ߫", "ߤߍ߬ߙߍ", "ߓߎ߬ߙߎ ߦߋ߫ ߡߌ߲߫؟"),
    "tha": ("น้ำเดือด", "แมวนอนหลับ", "สันติภาพ!", "ขนมปังอยู่ที่ไหน 🍞"),
}
TASK = """
task: pivots
kind: alignment
description: Two pivots.
source: https://example.org
license: CC0-1.0
dataset: {files: "{lang}.tsv", key: id, text: text}
pivot: eng
languages: [eng, amh, nqo, tha]
VARIANTS
metrics: [mexa, language_ranker]
"""


def folder(path: Path, variants: str) -> Path:
    path.mkdir()
    (path / "pivots.yaml").write_text(TASK.replace("VARIANTS", variants), encoding="utf-8")
    for code, texts in SENTENCES.items():
        rows = "".join(f"{number}\t{text}\n" for number, text in enumerate(texts))
        (path / f"{code}.tsv").write_text(f"id\ttext\n{rows}", encoding="utf-8")
    return path


def finished(path: Path, model: Path) -> RunFolder:
    tasks = load_tasks(["pivots"], [path])
    plan = RunPlan(tasks=tasks, models=[parse_model(f"hf:{model},name=m")], out=path / "out")
    return RunFolder(run(plan, lambda *_: None))


def test_each_language_is_encoded_once_for_all_pivots(tmp_path: Path, tiny_causal_model: Path) -> None:
    several = folder(tmp_path / "several", "variants: {english: {}, amharic: {pivot: amh}, thai: {pivot: tha_Thai}}")
    record = finished(several, tiny_causal_model).record
    (stage,) = record.stages
    assert stage.computed == 4 * 4
    found = {(score.variant, score.language, score.metric): score for score in record.scores}
    assert len(found) == 3 * 3 * 2
    assert not any(variant == "amharic" and language == "amh_Ethi" for variant, language, _ in found)
    for variant, pivot in (("english", "eng"), ("amharic", "amh"), ("thai", "tha")):
        alone = folder(tmp_path / variant, "").with_name(variant)
        text = (alone / "pivots.yaml").read_text(encoding="utf-8").replace("pivot: eng", f"pivot: {pivot}")
        (alone / "pivots.yaml").write_text(text, encoding="utf-8")
        for score in finished(alone, tiny_causal_model).record.scores:
            other = found[variant, score.language, score.metric]
            assert other.value == pytest.approx(score.value, abs=1e-6)
            assert other.signature == score.signature
    again = finished(several, tiny_causal_model).record
    assert [score.value for score in again.scores] == [score.value for score in record.scores]
    assert json.loads(again.model_dump_json())["stages"][0]["computed"] == 0


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        ("variants: {french: {pivot: fra}}", "fra_Latn is not under the task's 'languages'"),
        ("variants: {other: {pivot: qqq}}", "unknown language 'qqq'"),
    ],
)
def test_a_pivot_that_is_no_language_of_the_task_is_refused(tmp_path: Path, variants: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        load_tasks(["pivots"], [folder(tmp_path / "wrong", variants)])


def test_other_kinds_have_one_pivot(tmp_path: Path) -> None:
    path = folder(tmp_path / "wrong", "directions: [xx-eng]\nvariants: {a: {pivot: amh}}")
    text = (path / "pivots.yaml").read_text(encoding="utf-8")
    text = text.replace("kind: alignment", "kind: bitext_mining").replace("[mexa, language_ranker]", "[bitext_f1]")
    (path / "pivots.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match="only tasks of kind alignment have a pivot for each variant"):
        load_tasks(["pivots"], [path])
