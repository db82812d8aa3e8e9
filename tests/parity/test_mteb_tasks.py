"""``mteb:NAME`` gives the numbers that ``mteb.evaluate`` gives on the same files, for every type of task.

Both read small copies of the data sets in their own layouts; the vectors are the ``echo`` backend's on both sides,
through ``glotbench_model`` on mteb's.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.commands.task_list import mteb_rows
from harness.engine.models import parse_model
from harness.errors import DataError, UserError
from harness.languages import identify
from harness.loader import load_tasks
from harness.mteb_index import mteb_index
from harness.mteb_model import glotbench_model
from harness.mteb_results import result_files, result_text
from harness.resources import shipped_tasks
from harness.runner import RunPlan, run
from harness.store import RunFolder
from harness.tasks.base import Selection
from tests.harness.test_embedding_families import belebele
from tests.parity import mteb_mirrors

mteb = pytest.importorskip("mteb", reason="mteb is not installed (pip install 'glotbench[mteb]')")


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mteb-mirror")
    mteb_mirrors.write_all(folder)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the index of mteb's tasks is kept; the first test makes it."""
    return tmp_path_factory.mktemp("mteb-cache")


def ours(name: str, languages: tuple[str, ...], mirror: Path, cache: Path, out: Path) -> dict[tuple[str, ...], float]:
    """Values by language, variant and metric."""
    plan = RunPlan(
        tasks=load_tasks([f"mteb:{name}"], [], cache=cache),
        models=[parse_model("echo:x")],
        selection=Selection(languages=tuple(identify(text).code for text in languages)),
        out=out,
        data_root=mirror,
    )
    record = RunFolder(run(plan, lambda *_: None)).record
    return {
        (score.language, score.variant, score.metric): score.value for score in record.scores if score.value is not None
    }


def theirs(name: str, subset: str, split: str, path: str, mirror: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    """mteb's scores of one subset, loaded by its own loader from the same copy."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", mirror / ".prepared")
    task = mteb.get_task(name, hf_subsets=[subset], eval_splits=[split])
    task.fast_loading = False
    source = {**task.metadata.dataset, "path": str(mirror / path), "revision": None}
    task.metadata = task.metadata.model_copy(update={"dataset": source})
    task.load_data()
    task.metadata = type(task).metadata
    result = mteb.evaluate(
        glotbench_model("echo:x"),
        task,
        cache=None,
        co2_tracker=False,
        show_progress_bar=False,
        overwrite_strategy="always",
    )
    return next(one for one in result.task_results[0].scores[split] if one["hf_subset"] == subset)


CASES = {
    "rows, a direction a subset": (
        "Tatoeba", "ara-eng", "test", "mteb/tatoeba-bitext-mining", ("ara",),
        ("arb_Arab-eng_Latn", "", "bitext_f1"), "f1",
    ),
    "rows, a column a language": (
        "FloresBitextMining", "amh_Ethi-tha_Thai", "devtest", "mteb/FloresBitextMining", ("amh", "tha"),
        ("amh_Ethi-tha_Thai", "", "bitext_f1"), "f1",
    ),
    "columns renamed by mteb": (
        "STSBenchmarkMultilingualSTS", "zh", "test", "mteb/stsb_multi_mt", ("zh",), ("zho_Hans", "", "cosine_spearman"),
        "cosine_spearman",
    ),
    "a split by name": (
        "STSBenchmarkMultilingualSTS@dev", "zh", "dev", "mteb/stsb_multi_mt", ("zh",),
        ("zho_Hans", "", "cosine_spearman"), "cosine_spearman",
    ),
    "classification": (
        "AmazonCounterfactualClassification", "ja", "test", "mteb/amazon_counterfactual", ("ja",),
        ("jpn_Jpan", "ja", "probe_accuracy"), "accuracy",
    ),
    "a second subset of a language": (
        "AmazonCounterfactualClassification", "en-ext", "test", "mteb/amazon_counterfactual", ("eng",),
        ("eng_Latn", "en-ext", "probe_f1"), "f1",
    ),
    "several labels": (
        "MultiEURLEXMultilabelClassification", "de", "test", "mteb/eurlex-multilingual", ("deu",),
        ("deu_Latn", "", "multilabel_accuracy"), "accuracy",
    ),
    "clusters": (
        "SpanishWikinewsClusteringP2P", "default", "test", "ClementeH/SpanishWikinewsClustering", ("spa",),
        ("spa_Latn", "", "v_measure"), "v_measure",
    ),
    "classes named by mteb": (
        "SIB200Classification", "nqo_Nkoo", "test", "mteb/sib200", ("nqo",),
        ("nqo_Nkoo", "", "probe_accuracy"), "accuracy",
    ),
    "pairs made and drawn by mteb": (
        "XNLI", "th", "test", "mteb/xnli", ("tha",), ("tha_Thai", "", "pair_ap"), "max_ap",
    ),
    "retrieval": (
        "MIRACLRetrievalHardNegatives", "ar", "dev", "mteb/MIRACLRetrievalHardNegatives", ("arb",),
        ("arb_Arab", "", "ndcg"), "ndcg_at_10",
    ),
    "reranking": (
        "WikipediaRerankingMultilingual", "fa", "test", "mteb/WikipediaRerankingMultilingual", ("pes",),
        ("pes_Arab", "", "map"), "map_at_1000",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_values_are_mtebs(
    case: str, mirror: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, subset, split, path, languages, key, main = CASES[case]
    found = ours(name, languages, mirror, cache, tmp_path)
    expected = theirs(name.partition("@")[0], subset, split, path, mirror, monkeypatch)
    assert 0.02 < abs(expected[main]) < 0.999, "a value that says nothing"
    rounded = 1.1e-5 if main.endswith(("_10", "_1000")) else 1e-9  # mteb rounds rankings to five decimals
    assert found[key] == pytest.approx(expected[main], abs=rounded)


def test_subsets_of_one_language_and_of_two_are_two_tasks(mirror: Path, cache: Path, tmp_path: Path) -> None:
    alone, cross = load_tasks(["mteb:STS17"], [], cache=cache)
    assert alone.spec.task == "STS17"
    assert cross.spec.task == "STS17.crosslingual"
    assert alone.spec.directions is None
    assert "eng_Latn-arb_Arab" in (cross.spec.directions or ())
    found = ours("STS17", ("arb",), mirror, cache, tmp_path)
    assert set(found) == {("arb_Arab", "", "cosine_spearman"), ("eng_Latn-arb_Arab", "", "cosine_spearman")}


def test_what_cannot_run_says_why(cache: Path, tmp_path: Path) -> None:
    for name, told in (
        ("ArguAna", "leaves a query's own text out"),
        ("Tatoba", "did you mean 'Tatoeba'"),
        ("SummEval", "type Summarization has no kind here"),
        ("Tatoeba@dev", "mteb scores no split 'dev'"),
        ("CIFAR10", "is about image"),
    ):
        with pytest.raises(UserError, match=told) as error:
            load_tasks([f"mteb:{name}"], [], cache=cache)
        assert "\n" not in str(error.value)
    empty = tmp_path / "mteb" / "xnli"
    empty.mkdir(parents=True)
    (tmp_path / "mteb" / "xnli" / "README.md").write_text("---\nconfigs: []\n---\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"mteb's own loader cannot read it from .*xnli") as failure:
        ours("XNLI", ("tha",), tmp_path, cache, tmp_path / "out")
    assert "\n" not in str(failure.value)


def test_a_model_of_ours_in_mteb_is_told_apart_and_keeps_order() -> None:
    from mteb.models import EncoderProtocol

    first, second = glotbench_model("echo:x"), glotbench_model("echo:other")
    assert isinstance(first, EncoderProtocol)
    assert first.mteb_model_meta.name == "glotbench/x"
    assert first.mteb_model_meta.revision != second.mteb_model_meta.revision
    texts = ["ውሃ", "น้ำ", "ውሃ", "🌊 ߖߌ"]
    together = first.encode([{"text": texts[:3]}, {"text": texts[3:]}])
    assert together.shape[0] == 4
    assert (together[0] == together[2]).all()
    assert (together[3] == first.encode([{"text": ["🌊 ߖߌ"]}])[0]).all()
    with pytest.raises(UserError, match="no such backend"):
        glotbench_model("stt:x")


def test_names_are_listed_from_the_kept_index(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_tasks(["mteb:Tatoeba"], [], cache=cache)
    kept = cache / "mteb-index.json"
    monkeypatch.setattr("harness.mteb_index.registered", lambda: pytest.fail("read again"))
    assert mteb_index(cache).task("Tatoeba").subsets["ara-eng"] == ("ara-Arab", "eng-Latn")
    monkeypatch.setattr("harness.commands.task_list.cache_folder", lambda: cache)
    rows, others = mteb_rows("yoruba")
    found = {row[0]: row[1:] for row in rows}
    assert found["mteb:SIB200Classification"][0] == "classification"
    assert found["mteb:SIB200Classification"][2] == "mteb"
    assert "mteb:Tatoeba" not in found
    assert others > 0
    (tmp_path / kept.name).write_text("{", encoding="utf-8")
    monkeypatch.setattr("harness.mteb_index.registered", lambda: iter([mteb_index(cache).task("Tatoeba")]))
    assert mteb_index(tmp_path).names() == ("Tatoeba",)


def test_without_mteb_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.mteb_index.importlib.util.find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"mteb is not installed; pip install 'glotbench\[mteb\]'"):
        load_tasks(["mteb:Tatoeba"], [], cache=tmp_path)


def test_the_family_of_belebele_is_mtebs_task_from_a_mirror_without_readme(cache: Path, tmp_path: Path) -> None:
    belebele(tmp_path)
    found = ours("BelebeleRetrieval.monolingual", ("mya",), tmp_path, cache, tmp_path / "theirs")
    plan = RunPlan(
        tasks=load_tasks(["belebele_retrieval"], [shipped_tasks()]),
        models=[parse_model("echo:x")],
        selection=Selection(languages=("mya_Mymr",)),
        out=tmp_path / "own",
        data_root=tmp_path,
    )
    record = RunFolder(run(plan, lambda *_: None)).record
    own = next(score for score in record.scores if score.metric == "ndcg")
    assert own.value == found["mya_Mymr", "", "ndcg"]
    assert 0.5 < found["mya_Mymr", "", "ndcg"] <= 1


def test_results_of_mtebs_tasks_go_by_mtebs_names(mirror: Path, cache: Path, tmp_path: Path) -> None:
    from mteb.results import TaskResult

    plan = RunPlan(
        tasks=load_tasks(["mteb:AmazonCounterfactualClassification"], [], cache=cache),
        models=[parse_model("echo:x,name=org/x")],
        selection=Selection(languages=("eng_Latn",)),
        out=tmp_path,
        data_root=mirror,
    )
    record = RunFolder(run(plan, lambda *_: None)).record
    ((path, result),) = result_files(record, cache)
    assert path.parts[0] == "org__x"
    (tmp_path / "result.json").write_text(result_text(result), encoding="utf-8")
    read = TaskResult.from_disk(tmp_path / "result.json")
    assert read.task_name == "AmazonCounterfactualClassification"
    assert read.dataset_revision == mteb_index(cache).task(read.task_name).revision
    found = {entry["hf_subset"]: entry for entry in read.scores["test"]}
    assert set(found) == {"en", "en-ext"}
    assert found["en"]["languages"] == ["eng-Latn"]
    assert found["en"]["main_score"] == found["en"]["accuracy"] != found["en-ext"]["accuracy"]
    assert read.get_score() == pytest.approx((found["en"]["accuracy"] + found["en-ext"]["accuracy"]) / 2)
