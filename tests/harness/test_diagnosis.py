"""Parts of a test set, flags and largest differences: rows, scores, tests, and how they are shown."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from sacrebleu.metrics.chrf import CHRF

from harness.diagnosis import Diagnosis, DiagnosisOptions, diagnose
from harness.diagnosis_reports import COLUMNS, diagnosis_json, diagnosis_markdown, diagnosis_rows
from harness.errors import DataError, UserError
from harness.export import csv_text
from harness.scored_outputs import scored_outputs
from harness.slices import by_label, by_length, flags_of
from harness.system_outputs import OutputFiles, SystemOutputs, read_outputs

SOURCES = ["ልጁ ትናንት ወደ ትምህርት ቤት ሄደ።", "ዛሬ ዝናብ ይዘንባል", "👩‍👩‍👧 ደህና ነን", "ߒ ߕߊ߯ߕߐ߫ ߟߋ߬", "መጽሐፉ ጠረጴዛ ላይ ነው።"] * 12
REFERENCES = [
    "昨日、子どもは学校へ行った。",
    "今日は雨が降ります。",
    "私たちは元気です 👩‍👩‍👧",
    "行くところです。",
    "本は机の上にあります。",
] * 12
DOCUMENTS = [f"ጽሑፍ {number // 3}" for number in range(60)]


def worsened(texts: list[str], every: int) -> list[str]:
    return [text[: len(text) // 2] if number % every == 0 else text for number, text in enumerate(texts)]


@pytest.fixture(scope="module")
def outputs() -> SystemOutputs:
    good = worsened(REFERENCES, 7)
    bad = worsened(worsened(REFERENCES, 2), 3)
    bad[1], bad[2], bad[3] = "", SOURCES[2], "雨が雨が雨が雨が雨が雨が雨が雨が雨が雨が雨が雨が雨が雨が雨が"
    return SystemOutputs(
        title="amh-jpn",
        target_language="jpn",
        ids=tuple(f"s{number}" for number in range(60)),
        sources=tuple(SOURCES),
        references=tuple((text,) for text in REFERENCES),
        hypotheses={"bad": bad, "good": good},
        labels={"document": DOCUMENTS},
    )


@pytest.fixture(scope="module")
def found(outputs: SystemOutputs) -> Diagnosis:
    return diagnose(outputs, scored_outputs(outputs, ["chrf"]), DiagnosisOptions(baseline="good"))


def test_length_divides_all_segments_by_quantiles(outputs: SystemOutputs) -> None:
    lengths = [sum(unicodedata.category(letter)[0] not in "ZC" for letter in text) for text in SOURCES]
    assert sorted(set(lengths)) == [8, 10, 13, 18]
    parts = by_length(outputs, 3)
    assert sorted(np.concatenate([part.rows for part in parts]).tolist()) == list(range(60))
    assert [part.name for part in parts] == ["8 to 10 characters", "13 characters", "18 characters"]
    for part, expected in zip(parts, ({8, 10}, {13}, {18}), strict=True):
        assert {lengths[row] for row in part.rows} == expected


def test_labels_divide_in_order_of_appearance() -> None:
    parts = by_label(["ለ", "ሀ", "ለ"])
    assert [(part.name, part.rows.tolist()) for part in parts] == [("ለ", [0, 2]), ("ሀ", [1])]


def test_every_part_has_sacrebleus_score_of_its_segments(outputs: SystemOutputs, found: Diagnosis) -> None:
    for table in found.parts:
        slices = by_length(outputs) if table.by == "length" else by_label(DOCUMENTS)
        assert [part.name for part in table.parts] == [part.name for part in slices]
        for part, rows in zip(table.parts, (one.rows for one in slices), strict=True):
            for system, cell in part.cells.items():
                texts = [outputs.hypotheses[system][row] for row in rows]
                assert cell.value == CHRF().corpus_score(texts, [[REFERENCES[row] for row in rows]]).score
                assert cell.interval.low is not None


def test_the_worse_system_is_found_worse_and_the_baseline_has_no_test(found: Diagnosis) -> None:
    (by_length_table,) = [table for table in found.parts if table.by == "length"]
    cells = [part.cells for part in by_length_table.parts]
    assert all(cell["good"].delta is None and cell["good"].p is None for cell in cells)
    assert any((cell["bad"].p or 1) < 0.05 and (cell["bad"].delta or 0) < 0 for cell in cells)


def test_flags_are_raised_where_texts_show_them(outputs: SystemOutputs, found: Diagnosis) -> None:
    (table,) = found.flags
    raised = {(row.flag, row.system): row for row in table.rows}
    assert raised["empty_output", "bad"].examples == ("s1",)
    assert raised["off_target", "bad"].examples == ("s2",)
    assert raised["repetition", "bad"].examples == ("s3",)
    assert raised["copied_source", "bad"].flagged == 1
    assert {row.flagged for (_, system), row in raised.items() if system == "good"} == {0}
    row = raised["empty_output", "bad"]
    assert row.value == 0
    rest = [number for number in range(60) if number != 1]
    texts = [outputs.hypotheses["bad"][number] for number in rest]
    assert row.value_rest == CHRF().corpus_score(texts, [[REFERENCES[number] for number in rest]]).score


def test_flags_that_lack_something_say_so() -> None:
    bare = SystemOutputs(ids=("1",), references=((),), hypotheses={"a": ["ဟုတ်ကဲ့"]})
    made, notes = flags_of(bare)
    assert set(made) == {"empty_output", "repetition"}
    assert len(notes) == 4
    assert any("give the sources" in note for note in notes)


def test_differences_are_the_largest_ones(outputs: SystemOutputs, found: Diagnosis) -> None:
    (one,) = found.differences
    assert (one.system, one.against, len(one.losses)) == ("bad", "good", 5)
    scorer = CHRF()
    losses = {
        f"s{number}": scorer.sentence_score(bad, [reference]).score - scorer.sentence_score(good, [reference]).score
        for number, (bad, good, reference) in enumerate(
            zip(outputs.hypotheses["bad"], outputs.hypotheses["good"], REFERENCES, strict=True)
        )
    }
    assert [drop.score - drop.score_against for drop in one.losses] == pytest.approx(sorted(losses.values())[:5])
    assert one.losses[0].source == SOURCES[int(one.losses[0].segment[1:])]


def test_what_is_not_there_is_refused(outputs: SystemOutputs) -> None:
    scored = scored_outputs(outputs, ["chrf"])
    with pytest.raises(UserError, match="--by genre: nothing to divide by; there are length, flag, document"):
        diagnose(outputs, scored, DiagnosisOptions(by=["genre"]))
    with pytest.raises(UserError, match="--baseline best: no such system; there are bad, good"):
        diagnose(outputs, scored, DiagnosisOptions(baseline="best"))


def test_formats_hold_the_same_numbers(found: Diagnosis) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text(COLUMNS, list(diagnosis_rows(found))[1:]))))
    (body,) = json.loads(diagnosis_json([found]))["diagnoses"]
    parts = [(table["by"], part["name"], system, cell["score"])
             for table in body["parts"] for part in table["parts"]
             for system, cell in part["systems"].items()]  # fmt: skip
    written = [(row["by"], row["part"], row["system"], float(row["score"])) for row in rows if row["by"] != "flag"]
    assert written == parts
    text = diagnosis_markdown(found)
    assert "▼" in text


def test_flags_that_nobody_raises_are_one_line(outputs: SystemOutputs) -> None:
    alone = SystemOutputs(
        target_language="jpn",
        ids=outputs.ids,
        sources=outputs.sources,
        references=outputs.references,
        hypotheses={"good": outputs.hypotheses["good"]},
    )
    text = diagnosis_markdown(diagnose(alone, scored_outputs(alone, ["chrf"]), DiagnosisOptions(by=["flag"])))
    assert "No system has a segment with: empty, copied source, repetition, length ratio, off-target." in text


def test_files_are_read_and_named(tmp_path: Path) -> None:
    for folder in ("ሀ", "ለ"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "out.txt").write_text("አንድ\nሁለት", encoding="utf-8")
    (tmp_path / "docs.txt").write_text("x\ny\n", encoding="utf-8")
    paths = [tmp_path / "ሀ" / "out.txt", tmp_path / "ለ" / "out.txt"]
    outputs = read_outputs(OutputFiles(hypotheses=paths, labels={"document": tmp_path / "docs.txt"}))
    assert list(outputs.hypotheses) == ["ሀ/out.txt", "ለ/out.txt"]
    assert (outputs.references, outputs.clusters) == (((), ()), ("x", "y"))
    with pytest.raises(UserError, match="named twice"):
        read_outputs(OutputFiles(hypotheses=[paths[0], paths[0]]))
    (tmp_path / "docs.txt").write_text("x\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"docs\.txt: 1 lines, but .*out\.txt has 2; they must be line-aligned"):
        read_outputs(OutputFiles(hypotheses=paths, labels={"document": tmp_path / "docs.txt"}))
