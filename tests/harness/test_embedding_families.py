"""Embedding families: each is read in its data set's own layout, and run from end to end without network."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from harness.engine.models import parse_model
from harness.errors import DataError
from harness.languages import identify
from harness.loader import load_tasks
from harness.records import RunRecord
from harness.resources import shipped_tasks
from harness.runner import RunPlan, run
from harness.store import RunFolder
from harness.tasks.base import Selection

WATER = {"amh": "ውሃ", "arb": "ماء", "mya": "ရေ", "tha": "น้ำ", "nqo": "ߖߌ", "zho": "水", "eng": "water", "deu": "Wasser"}
COUNT = 12

Row = Mapping[str, object]


def text(code: str, number: int) -> str:
    """The same thing in every language: numbers are all that they share."""
    return f"{WATER[code]} {number * 7919 % 9973} {number * 104729 % 7907} 🌊"


def rows(root: Path, path: str, found: Sequence[Row]) -> None:
    file = root / f"{path}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found), encoding="utf-8")


def lines(root: Path, path: str, found: Sequence[str]) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text("".join(f"{line}\n" for line in found), encoding="utf-8")


def two_columns(folder: str, ours: Mapping[str, str]) -> Callable[[Path], None]:
    """A configuration a language, both sides in a row."""

    def make(root: Path) -> None:
        for code, config in ours.items():
            found = [{"sentence1": text(code, number), "sentence2": text("eng", number)} for number in range(COUNT)]
            rows(root, f"{folder}/{config}/test", found)

    return make


def flores(root: Path) -> None:
    table = ["URL\tdomain\ttopic\thas_image\thas_hyperlink"]
    table += [f"https://example.org/{number // 3}\twikinews\twater\tyes\tno" for number in range(COUNT)]
    lines(root, "flores200_dataset/metadata_devtest.tsv", table)
    for code in ("eng_Latn", "amh_Ethi", "mya_Mymr"):
        found = [text(code[:3], number) for number in range(COUNT)]
        lines(root, f"flores200_dataset/devtest/{code}.devtest", found)


def ntrex(root: Path) -> None:
    lines(root, "NTREX-main/DOCUMENT_IDS.tsv", [f"news-{number // 3}" for number in range(COUNT)])
    for code, name in (("eng", "src.eng"), ("amh", "ref.amh"), ("tha", "ref.tha")):
        found = [text(code, number) for number in range(COUNT)]
        lines(root, f"NTREX-main/NTREX-128/newstest2019-{name}.txt", found)


def stsb(root: Path) -> None:
    for code, config in (("eng", "en"), ("zho", "zh")):
        found = [
            {
                "sentence1": text(code, number),
                "sentence2": text(code, number * (number % 3)),
                "similarity_score": number % 6,
            }
            for number in range(COUNT)
        ]
        rows(root, f"mteb/stsb_multi_mt/{config}/test", found)


def xnli(root: Path) -> None:
    for code, config in (("arb", "ar"), ("tha", "th")):
        found = [
            {
                "premise": text(code, number),
                "hypothesis": text(code, number + (number % 3)),
                "label": number % 3,
            }
            for number in range(COUNT)
        ]
        rows(root, f"mteb/xnli/{config}/test", found)


def belebele(root: Path) -> None:
    for code, config in (("arb", "arb_Arab"), ("mya", "mya_Mymr")):
        found = [
            {
                "link": f"https://example.org/{number // 2}",
                "question_number": number % 2 + 1,
                "flores_passage": text(code, number // 2) * 2,
                "question": text(code, number // 2) + ("?" if number % 2 else ""),
                "mc_answer1": "1",
                "correct_answer_num": "1",
            }
            for number in range(COUNT)
        ]
        rows(root, f"mteb/belebele/{config}/test", found)


def miracl(root: Path) -> None:
    for code, config in (("arb", "ar"), ("tha", "th")):
        folder = f"mteb/MIRACLRetrievalHardNegatives/{config}"
        corpus = [{"_id": f"{number}#0", "title": "🌍", "text": text(code, number)} for number in range(COUNT)]
        rows(root, f"{folder}-corpus/dev", corpus)
        rows(root, f"{folder}-queries/dev", [{"_id": str(number), "text": text(code, number)} for number in range(5)])
        qrels = [{"query-id": str(number), "corpus-id": f"{number}#0", "score": 1} for number in range(5)]
        rows(root, f"{folder}-qrels/dev", qrels)


def wikipedia(root: Path) -> None:
    for code, config in (("deu", "de"), ("eng", "en")):
        folder = f"mteb/WikipediaRerankingMultilingual/{config}"
        corpus = [{"_id": f"d{number}", "title": "", "text": text(code, number)} for number in range(COUNT)]
        rows(root, f"{folder}-corpus/test", corpus)
        rows(root, f"{folder}-queries/test", [{"_id": f"q{number}", "text": text(code, number)} for number in range(4)])
        qrels = [{"query-id": f"q{number}", "corpus-id": f"d{number}", "score": 1} for number in range(4)]
        rows(root, f"{folder}-qrels/test", qrels)
        ids = [f"d{number}" for number in range(8)]
        rows(root, f"{folder}-top_ranked/test", [{"query-id": f"q{number}", "corpus-ids": ids} for number in range(4)])


FAMILIES: Mapping[str, tuple[Callable[[Path], None], tuple[str, ...], frozenset[str]]] = {
    "tatoeba_bitext": (
        two_columns("mteb/tatoeba-bitext-mining", {"amh": "amh-eng", "zho": "cmn-eng", "arb": "ara-eng"}),
        ("amh", "zho", "arb"),
        frozenset({"amh_Ethi-eng_Latn", "zho_Hans-eng_Latn", "arb_Arab-eng_Latn"}),
    ),
    "bucc": (
        two_columns("mteb/bucc-bitext-mining", {"zho": "zh-en", "deu": "de-en"}),
        ("zho", "deu"),
        frozenset({"zho_Hans-eng_Latn", "deu_Latn-eng_Latn"}),
    ),
    "flores200_bitext": (
        flores,
        ("amh", "mya"),
        frozenset({"amh_Ethi-eng_Latn", "mya_Mymr-eng_Latn", "eng_Latn-amh_Ethi", "eng_Latn-mya_Mymr"}),
    ),
    "ntrex128_bitext": (
        ntrex,
        ("amh", "tha"),
        frozenset({"amh_Ethi-eng_Latn", "tha_Thai-eng_Latn", "eng_Latn-amh_Ethi", "eng_Latn-tha_Thai"}),
    ),
    "stsb_multilingual": (stsb, ("eng", "zho"), frozenset({"eng_Latn", "zho_Hans"})),
    "xnli_pairs": (xnli, ("arb", "tha"), frozenset({"arb_Arab", "tha_Thai"})),
    "belebele_retrieval": (belebele, ("arb", "mya"), frozenset({"arb_Arab", "mya_Mymr"})),
    "miracl_hard_negatives": (miracl, ("arb", "tha"), frozenset({"arb_Arab", "tha_Thai"})),
    "wikipedia_reranking": (wikipedia, ("deu", "eng"), frozenset({"deu_Latn", "eng_Latn"})),
}


def run_family(
    name: str, languages: tuple[str, ...], root: Path, out: Path, directions: tuple[str, ...] = ()
) -> tuple[RunFolder, RunRecord]:
    plan = RunPlan(
        tasks=load_tasks([name], [shipped_tasks()]),
        models=[parse_model("echo:x")],
        selection=Selection(languages=tuple(identify(code).code for code in languages), directions=directions),
        out=out,
        data_root=root,
    )
    folder = RunFolder(run(plan, lambda *_: None))
    return folder, folder.record


@pytest.mark.parametrize("name", FAMILIES)
def test_family_is_read_in_its_own_layout(name: str, tmp_path: Path) -> None:
    make, languages, labels = FAMILIES[name]
    make(tmp_path)
    _, record = run_family(name, languages, tmp_path, tmp_path / "out")
    assert {score.language for score in record.scores} == labels
    assert all(score.value is not None and score.n_failed == 0 for score in record.scores)
    assert all(score.fingerprint.dataset for score in record.scores)
    task = record.tasks[0]
    assert task.source.startswith("http")
    assert task.license
    if name in ("tatoeba_bitext", "bucc", "flores200_bitext", "ntrex128_bitext"):
        found = {score.language: score.value for score in record.scores if score.metric == "bitext_accuracy"}
        assert all(value is not None and value > 0.5 for value in found.values()), "texts share their numbers"


def test_texts_are_of_the_sides_they_should_be_of(tmp_path: Path) -> None:
    FAMILIES["tatoeba_bitext"][0](tmp_path)
    folder, _ = run_family("tatoeba_bitext", ("zho",), tmp_path, tmp_path / "out")
    row = folder.segments(("x", "tatoeba_bitext", "", "", "zho_Hans-eng_Latn"))[3]
    assert (row.source, row.references) == (text("zho", 3), (text("eng", 3),))


def test_any_direction_by_name(tmp_path: Path) -> None:
    flores(tmp_path)
    _, record = run_family("flores200_bitext", (), tmp_path, tmp_path / "out", directions=("amh-mya",))
    assert {score.language for score in record.scores} == {"amh_Ethi-mya_Mymr"}
    assert {score.n for score in record.scores} == {COUNT}


def test_neutral_pairs_are_left_out_and_entailment_belongs_together(tmp_path: Path) -> None:
    xnli(tmp_path)
    _, record = run_family("xnli_pairs", ("tha",), tmp_path, tmp_path / "out")
    assert record.scores[0].n == 2 * COUNT // 3
    assert record.scores[0].value == pytest.approx(1.0), "entailed pairs are the same text here"
    rows(tmp_path, "mteb/xnli/th/test", [{"premise": "น้ำ", "hypothesis": "ไฟ", "label": 0}])
    with pytest.raises(DataError, match="pairs that do not, found only labels 0"):
        run_family("xnli_pairs", ("tha",), tmp_path, tmp_path / "out")


def test_passages_of_belebele_stand_once(tmp_path: Path) -> None:
    belebele(tmp_path)
    folder, record = run_family("belebele_retrieval", ("mya",), tmp_path, tmp_path / "out")
    assert {score.n for score in record.scores} == {COUNT}
    assert next(score.value for score in record.scores if score.metric == "recall") == pytest.approx(1.0)
    found = folder.segments(("x", "belebele_retrieval", "", "", "mya_Mymr"))
    assert found[0].hypothesis == found[1].hypothesis == text("mya", 0) * 2
    assert found[0].segment.startswith("mya_Mymr:"), "each language has questions of its own"


@pytest.mark.shared_data
def test_real_files_of_ntrex(shared_data: Path, tmp_path: Path) -> None:
    _, record = run_family("ntrex128_bitext", ("amh",), shared_data, tmp_path)
    assert {(score.language, score.n) for score in record.scores} == {
        ("amh_Ethi-eng_Latn", 1997),
        ("eng_Latn-amh_Ethi", 1997),
    }
