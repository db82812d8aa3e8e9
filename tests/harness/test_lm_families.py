"""Every language-model benchmark we ship, read from a small mirror in the benchmark's own layout, asked and scored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from harness.engine.echo import EchoEngine
from harness.engine.models import load_model, parse_model
from harness.lm_eval_index import Index
from harness.loader import TaskFile, load_tasks
from harness.prompts import render
from harness.resources import shipped_tasks
from harness.runner import RunPlan, run
from harness.store import RunFolder
from harness.tasks import units
from harness.tasks.base import Selection, Unit
from harness.tasks.lm import LmEvalUnit
from harness.tasks.lm_own import LanguageModelUnit
from harness.tasks.lm_stock import StockUnit
from harness.types import Document, Generate, LogLikelihood, Request
from tests.harness.benchmark_table import table, written
from tests.harness.family_mirrors import MIRRORS, MMLU_SECTIONS, RELEASES, mmlu_release, say, write, write_zip

FOLDERS = ("irokobench", "afrobench", "uhura", "lm", "okapi", "bridging_the_gap", "p_mmeval")
FAMILIES = sorted(
    [path for folder in FOLDERS for path in (shipped_tasks() / folder).glob("*.yaml")]
    + [shipped_tasks() / "xcopa.yaml"],
    key=lambda path: path.stem,
)
PUBLISHED = {
    "adr": 5,
    "afrimgsm": 19,
    "afrimmlu": 18,
    "afriqa": 9,
    "afrisenti": 14,
    "afrixnli": 18,
    "belebele": 122,
    "belebele_africa": 31,
    "global_mmlu": 42,
    "global_mmlu_lite": 15,
    "include": 44,
    "injongointent": 17,
    "m_arc": 31,
    "m_hellaswag": 30,
    "m_mmlu": 34,
    "m_truthfulqa_mc1": 31,
    "m_truthfulqa_mc2": 31,
    "masakhaner": 20,
    "masakhanews": 16,
    "masakhapos": 20,
    "mgsm": 11,
    "mlqa": 7,
    "mmlu_clinical_africa": 12,
    "mmmlu": 14,
    "mmmlu_africa": 3,
    "multiblimp": 101,
    "naijarc": 3,
    "nollysenti": 5,
    "p_mmeval_mgsm": 10,
    "p_mmeval_mhellaswag": 10,
    "p_mmeval_mlogiqa": 10,
    "p_mmeval_mmmlu": 10,
    "p_mmeval_xnli": 10,
    "pawsx": 7,
    "sib200": 205,
    "tydiqa_goldp": 9,
    "uhura_arc_easy": 7,
    "uhura_truthfulqa": 7,
    "winogrande_africa": 11,
    "xcopa": 11,
    "xlsum": 45,
    "xnli": 15,
    "xquad": 12,
    "xstorycloze": 11,
    "xwinograd": 6,
}
"""Languages of every benchmark, as its authors (or lm-eval's tasks, for AfroBench's selections) count them."""


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data root with the mirrors of all benchmarks."""
    root = tmp_path_factory.mktemp("mirror")
    for name, made in MIRRORS.items():
        spec = task(name).spec
        for language in made.languages:
            write(root, made.files(language, spec.languages[language]))
    clinical = task("mmlu_clinical_africa").spec
    for language in MIRRORS["mmlu_clinical_africa"].languages:
        write_zip(root / "evaluation_benchmarks_afr_release.zip", mmlu_release(language, clinical.languages[language]))
    return root


@pytest.fixture(scope="module")
def echo() -> EchoEngine:
    engine = load_model(parse_model("echo:x"))
    assert isinstance(engine, EchoEngine)
    return engine


def task(name: str) -> TaskFile:
    return load_tasks([name], [shipped_tasks()])[0]


def made_units(name: str, root: Path, limit: int = 2, **selection: Sequence[str]) -> list[LmEvalUnit]:
    chosen = {key: tuple(value) for key, value in selection.items()}
    chosen.setdefault("languages", MIRRORS[name].languages)
    made = units(task(name), Selection(limit=limit, **chosen), root)  # type: ignore[arg-type]
    assert all(isinstance(unit, LmEvalUnit) for unit in made)
    return [unit for unit in made if isinstance(unit, LmEvalUnit)]


def texts(requests: Sequence[Request]) -> Iterator[str]:
    """All that a model sees, request by request."""
    for request in requests:
        if isinstance(request, LogLikelihood):
            yield request.context + request.continuation
        elif isinstance(request, Generate):
            yield request.prompt


def score(unit: Unit, echo: EchoEngine) -> dict[str, float]:
    requests = unit.requests()
    outcome = unit.outcome([], echo.answer(requests))
    assert outcome.scored == list(range(len(unit.documents)))
    return {label: metric.value(outcome.statistics[label]) for label, (metric, _) in unit.metrics().items()}


def test_every_family_is_among_those_counted_and_mirrored() -> None:
    names = [path.stem for path in FAMILIES]
    assert names == sorted(PUBLISHED)
    assert names == sorted(MIRRORS)


def test_the_table_of_benchmarks_is_true() -> None:
    assert written() == table(), "write it anew: python -m tests.harness.benchmark_table"


@pytest.mark.parametrize("name", PUBLISHED)
def test_languages_are_as_many_as_published(name: str) -> None:
    spec = task(name).spec
    assert len(spec.languages) == PUBLISHED[name]
    assert len(set(spec.languages.values())) == PUBLISHED[name]
    assert set(MIRRORS[name].languages) <= set(spec.languages)
    assert len(MIRRORS[name].languages) >= 3
    guessing = spec.kind == "multiple_choice" and "truthfulqa" not in name
    assert (spec.chance is not None) == (guessing or (name.startswith("p_mmeval") and not name.endswith("mgsm")))


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_task_of_lm_eval_exists(name: str) -> None:
    """Every language in every variant and prompt is a task of lm-eval's, of the kind that the file says."""
    found = task(name)
    if not found.spec.from_lm_eval:
        assert found.spec.lm_eval is None
        return
    assert isinstance(found.index, Index)
    patterns = {unit.lm_eval_pattern for unit in units(found, Selection(), None) if isinstance(unit, StockUnit)}
    settings = max(1, len(found.spec.variants)) * max(1, len(found.spec.prompts))
    assert PUBLISHED[name] <= len(patterns) <= PUBLISHED[name] * settings
    missing = [pattern for pattern in patterns if pattern not in found.index or not found.index.leaves(pattern)]
    assert missing == []


@pytest.mark.parametrize("name", sorted(set(PUBLISHED) - {"afrixnli", "afrimgsm", "afrimmlu"}))
def test_family_is_asked_and_scored(name: str, mirror: Path, echo: EchoEngine) -> None:
    made = made_units(name, mirror)
    spec = made[0].spec
    assert {unit.variant for unit in made} == set(spec.variants or [""])
    assert {unit.prompt for unit in made} == set(spec.prompts or [""])
    for unit in made:
        scores = score(unit, echo)
        assert list(scores) == [metric.label for metric in spec.metrics]
        for label, value in scores.items():
            low, high = unit.metrics()[label][0].info.bounds
            assert low <= value <= high, f"{unit.where}: {label} {value}"
        assert unit.language in MIRRORS[name].languages
        assert 0 < len(unit.documents) <= 2 * max(1, len(getattr(unit, "configs", dict)()))


def test_iroko_bench_in_all_languages_from_one_mirror(mirror: Path, echo: EchoEngine) -> None:
    """Three tasks, 18 languages (Vai besides), direct and translate-test; scored, each in its own script."""
    asked: dict[tuple[str, str], set[str]] = {}
    for name in ("afrixnli", "afrimgsm", "afrimmlu"):
        for unit in made_units(name, mirror, limit=1, prompts=["prompt_2"], variants=["direct", "translate_test"]):
            assert all(0 <= value <= 1 for value in score(unit, echo).values())
            assert any(say(unit.language, 0) in text for text in texts(unit.requests()))
            asked.setdefault((name, unit.variant), set()).add(unit.language)
    languages = set(MIRRORS["afrixnli"].languages)
    assert len(languages) == 18
    assert asked["afrimgsm", "direct"] == languages | {"vai_Vaii"}
    assert asked["afrixnli", "direct"] == asked["afrimmlu", "direct"] == languages
    for name in ("afrixnli", "afrimgsm", "afrimmlu"):
        assert asked[name, "translate_test"] == languages - {"eng_Latn"}


def test_iroko_bench_as_one_run(mirror: Path, tmp_path: Path) -> None:
    """The whole way: three tasks, 18 languages, direct and translate-test, into one record of scores."""
    names = ("afrixnli", "afrimgsm", "afrimmlu")
    folder = run(
        RunPlan(
            tasks=[task(name) for name in names],
            models=[parse_model("echo:x")],
            selection=Selection(
                languages=MIRRORS["afrixnli"].languages,
                variants=("direct", "translate_test"),
                prompts=("prompt_1",),
                limit=3,
            ),
            out=tmp_path,
            data_root=mirror,
        ),
        lambda *_: None,
    )
    scores = RunFolder(folder).record.scores
    assert all(score.value is not None and (score.n, score.n_failed) == (3, 0) for score in scores)
    found = {(score.task, score.variant, score.language) for score in scores}
    assert found == {
        (name, variant, language)
        for name in names
        for variant in ("direct", "translate_test")
        for language in MIRRORS["afrixnli"].languages
        if (variant, language) != ("translate_test", "eng_Latn")
    }


@pytest.mark.parametrize("name", ["afrixnli", "afrimgsm", "afrimmlu"])
def test_iroko_bench_in_every_setting_and_prompt(name: str, mirror: Path, echo: EchoEngine) -> None:
    made = made_units(name, mirror, languages=["amh_Ethi", "yor_Latn", "fra_Latn"])
    prompts = {f"prompt_{number}" for number in range(1, 6)}
    assert {(unit.variant, unit.prompt) for unit in made} == {
        (variant, prompt) for variant in made[0].spec.variants for prompt in prompts
    }
    for unit in made:
        assert all(0 <= value <= 1 for value in score(unit, echo).values())
    hashes = {unit.prompt_hash() for unit in made if unit.variant == "direct" and unit.language == "amh_Ethi"}
    assert len(hashes) == 5


@pytest.mark.parametrize(
    ("name", "variant", "shots", "split"),
    [
        ("afrixnli", "few_shot", 5, "validation"),
        ("afrimmlu", "few_shot", 5, "validation"),
        ("afrimgsm", "few_shot_cot", 8, ""),
        ("mgsm", "few_shot_native_cot", 8, "train"),
        ("sib200", "few_shot", 5, "validation"),
        ("m_arc", "few_shot", 25, "train"),
        ("xlsum", "few_shot", 1, "validation"),
        ("winogrande_africa", "few_shot", 5, "dev"),
        ("mmlu_clinical_africa", "virology_few_shot", 5, "virology dev"),
        ("include", "few_shot_native", 5, ""),
        ("adr", "few_shot", 5, "dev"),
    ],
)
def test_examples_come_from_their_split(name: str, variant: str, shots: int, split: str, mirror: Path) -> None:
    language = MIRRORS[name].languages[0]
    unit = made_units(name, mirror, variants=[variant], languages=[language])[0]
    zero = next(iter(unit.spec.variants))
    plain = made_units(name, mirror, variants=[zero], languages=[language])[0]
    longer, shorter = next(texts(unit.requests())), next(texts(plain.requests()))
    sign = "№"
    extra = longer.count(sign) - shorter.count(sign)
    assert extra >= shots
    if split:
        assert longer.count(f" {split}") - shorter.count(f" {split}") >= shots


def test_culturally_sensitive_and_agnostic_questions_are_apart(mirror: Path, echo: EchoEngine) -> None:
    for name in ("global_mmlu", "global_mmlu_lite"):
        made = {
            unit.variant: unit for unit in made_units(name, mirror, limit=99, languages=[MIRRORS[name].languages[0]])
        }
        ids = {variant: {document.id for document in unit.documents} for variant, unit in made.items()}
        labels = {
            variant: {document.fields["cultural_sensitivity_label"] for document in unit.documents}
            for variant, unit in made.items()
        }
        assert labels["culturally_sensitive"] == {"CS"}
        assert labels["culturally_agnostic"] == {"CA"}
        assert labels["all"] == {"CS", "CA", "-"}
        assert ids["culturally_sensitive"]
        assert not ids["culturally_sensitive"] & ids["culturally_agnostic"]
        assert ids["culturally_sensitive"] | ids["culturally_agnostic"] < ids["all"]
        assert score(made["culturally_sensitive"], echo)["acc"] == pytest.approx(1.0)


def test_examples_of_a_subset_are_not_of_the_subset(mirror: Path) -> None:
    """The label says which questions are asked, not which are shown: no example has one."""
    made = units(
        task("global_mmlu"),
        Selection(languages=("amh_Ethi",), variants=("culturally_sensitive",), limit=1, num_fewshot=5),
        mirror,
    )
    assert next(texts(made[0].requests())).count(" dev") == 5


@pytest.mark.parametrize(
    "name", ["global_mmlu", "mmmlu", "belebele", "xcopa", "mlqa", "xstorycloze", "sib200", "m_arc"]
)
def test_an_item_has_one_name_in_all_languages(name: str, mirror: Path) -> None:
    variant = [next(iter(task(name).spec.variants))] if task(name).spec.variants else []
    made = made_units(name, mirror, limit=99, variants=variant)[:: max(1, len(task(name).spec.prompts))]
    assert task(name).spec.dataset.parallel
    assert len({unit.language for unit in made}) >= 3
    assert len({tuple(document.id for document in unit.documents) for unit in made}) == 1


@pytest.mark.parametrize("name", ["include", "multiblimp", "tydiqa_goldp", "afrisenti", "naijarc", "uhura_truthfulqa"])
def test_items_of_other_languages_have_other_names(name: str, mirror: Path) -> None:
    made = made_units(name, mirror, limit=99)
    by_language = {unit.language: {document.id for document in unit.documents} for unit in made}
    assert len(set.union(*by_language.values())) == sum(map(len, by_language.values()))


@pytest.mark.parametrize(("name", "passages"), [("belebele", 4), ("naijarc", 4), ("xquad", 4), ("mlqa", 4)])
def test_questions_about_one_passage_are_one_cluster(name: str, passages: int, mirror: Path) -> None:
    unit = made_units(name, mirror, limit=99)[0]
    assert len(unit.documents) == 7
    assert len({document.cluster for document in unit.documents}) == passages


@pytest.mark.parametrize("name", ["belebele", "xquad", "mlqa"])
def test_a_passage_is_one_cluster_in_every_language(name: str, mirror: Path) -> None:
    """Also where the data set calls it by its text, which is another one in every language."""
    first, second = made_units(name, mirror, limit=99)[:2]
    clusters = [{document.id: document.cluster for document in unit.documents} for unit in (first, second)]
    shared = clusters[0].keys() & clusters[1].keys()
    assert shared
    assert all(clusters[0][one] == clusters[1][one] for one in shared)


def test_subjects_are_one_pool(mirror: Path) -> None:
    unit = made_units("mmmlu", mirror, limit=99, languages=["kor_Hang"])[0]
    assert len(unit.documents) == 12
    prompts = list(texts(unit.requests()))
    assert len(prompts) == 48
    assert {text.splitlines()[0] for text in prompts} == {
        f"The following are multiple choice questions (with answers) about {subject} (Korean)."
        for subject in ("anatomy", "philosophy", "virology", "sociology")
    }


def test_paws_x_leaves_out_empty_rows_and_keeps_names(mirror: Path) -> None:
    german, korean, _ = made_units("pawsx", mirror, limit=99)
    assert [document.id for document in german.documents] == ["1", "2", "3", "5", "6", "7"]
    assert {document.id for document in german.documents} < {document.id for document in korean.documents}


def test_sib200_prompts_are_those_of_afro_bench(mirror: Path) -> None:
    """Context and answer together are the text that lm-eval's own tasks give the model, in every prompt."""
    from lm_eval.api.task import ConfigurableTask

    index = task("afrixnli").index
    assert isinstance(index, Index)
    for unit in made_units("sib200", mirror, languages=["zul_Latn"], variants=["zero_shot"]):
        ours = list(texts(unit.requests()))
        config = _stock_config(index, f"sib_zul_{unit.prompt}")
        rows = [dict(document.fields) for document in unit.documents]
        config["metric_list"] = [{"metric": "acc"}]  # theirs would look for a metric on the hub
        made = ConfigurableTask(config={**config, "custom_dataset": lambda rows=rows, **_: _splits(rows)})
        made.build_all_requests(rank=0, world_size=1)
        theirs = ["".join(instance.args) for instance in made.instances]
        assert ours == theirs


def test_xquad_prompts_are_those_of_lm_eval(mirror: Path) -> None:
    from lm_eval.tasks._yaml_loader import load_yaml

    index = task("afrixnli").index
    assert isinstance(index, Index)
    languages = task("xquad").spec.languages
    row = {"context": "القاهرة", "question": "ما؟", "answers": {"text": ["2"]}}
    for unit in units(task("xquad"), Selection(), mirror):
        assert isinstance(unit, LanguageModelUnit)
        config = load_yaml(index.entry(f"xquad_{languages[unit.language]}").path, resolve_func=False)
        document = Document(id="1", cluster="1", fields=row)
        ours = render(unit.prompt_spec.doc_to_text, unit.fields(document), "xquad")
        assert ours == render(config["doc_to_text"], row, "lm-eval")


def _stock_config(index: Index, name: str) -> dict[str, object]:
    from harness.lm_eval_index import read_config

    return {key: value for key, value in read_config(index.entry(name), trusted=True).items() if key != "tag"}


def _splits(rows: list[dict[str, object]]) -> dict[str, object]:
    import datasets

    return {split: datasets.Dataset.from_list(rows) for split in ("test", "validation")}


@pytest.mark.parametrize("name", RELEASES)
def test_a_repository_or_release_asks_what_the_hub_layout_asks(name: str, mirror: Path, tmp_path: Path) -> None:
    """Rows of the data set's own files become those that the hub has, so that every prompt is the same."""
    spec = task(name).spec
    for language in MIRRORS[name].languages:
        RELEASES[name](tmp_path, language, spec.languages[language])
    variants = [variant for variant in spec.variants if name != "mgsm" or not variant.startswith("few_shot")]
    one = made_units(name, mirror, limit=99, variants=variants)
    other = made_units(name, tmp_path, limit=99, variants=variants)
    assert len(one) == len(other) >= 3
    for first, second in zip(one, other, strict=True):
        assert list(texts(first.requests())) == list(texts(second.requests()))
        assert [document.id for document in first.documents] == [document.id for document in second.documents]
        task_of_first, task_of_second = first.lm_eval_tasks()[0][0], second.lm_eval_tasks()[0][0]
        gold = [first.gold(task_of_first, document.fields) for document in first.documents]
        assert gold == [second.gold(task_of_second, document.fields) for document in second.documents]


def test_sections_of_mmlu_are_settings(mirror: Path) -> None:
    made = made_units("mmlu_clinical_africa", mirror, languages=["amh_Ethi"])
    assert [(unit.variant, unit.prompt) for unit in made] == [
        (f"{section}{shots}", section) for section in MMLU_SECTIONS for shots in ("", "_few_shot")
    ]
    for unit in made:
        first = next(texts(unit.requests()))
        assert first.startswith(
            f"The following are multiple choice questions (with answers) about {unit.prompt.replace('_', ' ')}"
        )


# Real data


def test_real_xcopa(shared_data: Path, echo: EchoEngine) -> None:
    languages = ["est_Latn", "quy_Latn", "swh_Latn", "zho_Hans"]
    for unit in made_units("xcopa", shared_data, limit=20, languages=languages):
        assert 0 <= score(unit, echo)["acc"] <= 1
        assert len(unit.documents) == 20


def test_real_mgsm(shared_data: Path, echo: EchoEngine) -> None:
    made = made_units(
        "mgsm", shared_data, limit=250, languages=["ben_Beng", "zho_Hans", "swh_Latn"], variants=["native_cot"]
    )
    for unit in made:
        requests = unit.requests()
        assert len(requests) == len(unit.documents) == 250
        assert score(unit, echo)["exact_match"] == 0
    first = next(texts(made[0].requests()))
    assert first.startswith("প্রশ্ন: ")
    assert first.endswith("ধাপে ধাপে উত্তর:")


def test_real_sib200(shared_data: Path, echo: EchoEngine) -> None:
    languages = sorted(path.name for path in (shared_data / "sib200").iterdir() if path.is_dir())
    assert set(languages) <= set(task("sib200").spec.languages)
    made = made_units("sib200", shared_data, limit=5, languages=languages, prompts=["prompt_4"])
    assert len(made) == 2 * len(languages)
    for unit in made[:12]:
        assert 0 <= score(unit, echo)["f1_weighted"] <= 1
    ids = {tuple(document.id for document in unit.documents) for unit in made[:12]}
    assert len(ids) == 1
