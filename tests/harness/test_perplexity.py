"""Perplexity tasks: all metrics from one set of answers, the pivot asked once, the same numbers in any batch."""

from __future__ import annotations

import json
import math
import sqlite3
from pathlib import Path

import pytest
import yaml

from harness.engine.base import Engine
from harness.engine.models import load_model, parse_model
from harness.errors import DataError, SpecError
from harness.export import scores_csv
from harness.loader import load_tasks
from harness.records import RunRecord
from harness.resources import shipped_tasks
from harness.runner import RunPlan, run
from harness.store import ResponseStore, RunFolder
from harness.tasks import units
from harness.tasks.base import Selection
from harness.tasks.perplexity import PerplexityUnit
from harness.types import Failed, LogLikelihoodResponse, Request, RollingLogLikelihood

SENTENCES = {
    "eng_Latn": [
        "The ferry leaves at dawn.",
        "Bread, salt and water.",
        "She laughed. 🦁",
        "Rain on the roof all night",
    ],
    "amh_Ethi": ["ጀልባው ጎህ ሲቀድ ይነሳል።", "ዳቦ፣ ጨውና ውሃ።", "ሳቀች። 🦁", "ሌሊቱን ሙሉ ዝናብ በጣራው ላይ"],
    "arb_Arab": ["تغادر العبارة عند الفجر.", "خبز وملح وماء.", "ضحكت. 🦁", "مطر على السقف طوال الليل"],
    "jpn_Jpan": ["フェリーは夜明けに出る。", "パンと塩と水。", "彼女は笑った。🦁", "一晩中屋根に雨"],
    "mya_Mymr": ["သင်္ဘော အရုဏ်တက်ချိန် ထွက်သည်။", "ပေါင်မုန့်၊ ဆားနှင့် ရေ။", "သူမ ရယ်သည်။ 🦁", "တစ်ညလုံး ခေါင်မိုးပေါ် မိုး " * 9],
    "nqo_Nkoo": ["ߞߎߟߎ߲ ߓߊ߯ߙߊ ߣߌ߲߬", "ߓߎ߬ߙߎ߬ ߣߌ߫ ߖߌ", "ߊ߬ ߟߊߘߊ߫ 🦁", "ߛߊ߲ߖߌ ߦߋ߫ ߞߍ߫ ߟߊ߫"],
}
METRICS = [
    "bits_per_byte",
    "bits_per_char",
    "byte_perplexity",
    "word_perplexity",
    "fertility",
    "tokens_per_char",
    "tokens_per_byte",
    "tokenizer_parity",
    "information_parity",
]
UNSPACED = ("jpn_Jpan", "mya_Mymr")


def silent(*_: object) -> None:
    pass


@pytest.fixture(scope="module")
def task_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sentences in six scripts, one of them longer than the model, as one task."""
    folder = tmp_path_factory.mktemp("tasks")
    for language, sentences in SENTENCES.items():
        rows = "".join(f"{index}\t{text}\n" for index, text in enumerate(sentences))
        (folder / f"{language}.tsv").write_text("id\ttext\n" + rows, encoding="utf-8")
    write(folder, "bits", metrics=METRICS)
    write(folder, "alone", metrics=["bits_per_byte"], languages=["amh_Ethi"])
    return folder


def write(folder: Path, name: str, **changes: object) -> Path:
    spec = {
        "task": name,
        "kind": "perplexity",
        "dataset": {"files": "{lang}.tsv", "key": "id"},
        "languages": list(SENTENCES),
        **changes,
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(spec, allow_unicode=True), encoding="utf-8")
    return path


def plan(folder: Path, out: Path, model: str, name: str = "bits", **selection: object) -> RunPlan:
    return RunPlan(
        tasks=load_tasks([name], [folder]),
        models=[parse_model(model)],
        selection=Selection(**selection),  # type: ignore[arg-type]
        out=out,
    )


def record_of(folder: Path) -> RunRecord:
    return RunFolder(folder).record


def values(record: RunRecord) -> dict[tuple[str, str], float]:
    assert all(score.value is not None for score in record.scores)
    return {(score.language, score.metric): score.value or 0.0 for score in record.scores}


def answers(engine: Engine, requests: list[Request]) -> list[LogLikelihoodResponse]:
    found = {}
    for batch in engine.plan(requests):
        found.update(zip(batch, engine.answer([requests[index] for index in batch]), strict=True))
    made = [found[index] for index in range(len(requests))]
    assert all(isinstance(response, LogLikelihoodResponse) for response in made)
    return made  # type: ignore[return-value]


@pytest.fixture(scope="module")
def finished(task_folder: Path, tiny_causal_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the task on the tiny model, which has one token a byte and takes 512."""
    model = f"hf:{tiny_causal_model},name=tiny,dtype=float32,device=cpu"
    return run(plan(task_folder, tmp_path_factory.mktemp("results"), model), silent)


def test_scores_are_those_of_the_models_own_answers(finished: Path, tiny_causal_model: Path) -> None:
    engine = load_model(parse_model(f"hf:{tiny_causal_model},dtype=float32,device=cpu"))
    found = values(record_of(finished))
    english = -sum(answer.logprob for answer in answers(engine, asked("eng_Latn")))
    for language, sentences in SENTENCES.items():
        nats = -sum(answer.logprob for answer in answers(engine, asked(language)))
        size = sum(len(text.encode()) for text in sentences)
        characters = sum(map(len, sentences))
        assert found[language, "bits_per_byte"] == pytest.approx(nats / size / math.log(2), rel=1e-6)
        assert found[language, "bits_per_char"] == pytest.approx(nats / characters / math.log(2), rel=1e-6)
        assert found[language, "information_parity"] == pytest.approx(english / nats, rel=1e-6)
        assert found[language, "tokens_per_byte"] == 1.0
        assert found[language, "tokens_per_char"] == pytest.approx(size / characters)
    assert found["eng_Latn", "information_parity"] == found["eng_Latn", "tokenizer_parity"] == 1.0
    assert found["amh_Ethi", "tokenizer_parity"] > 1.3


def asked(language: str) -> list[Request]:
    return [RollingLogLikelihood(text=text, language=language) for text in SENTENCES[language]]


def test_scripts_without_spaces_have_no_scores_per_word(finished: Path) -> None:
    found = {(score.language, score.metric) for score in record_of(finished).scores}
    per_word = {"fertility", "word_perplexity"}
    for language in SENTENCES:
        wanted = set(METRICS) - (per_word if language in UNSPACED else set())
        assert {metric for own, metric in found if own == language} == wanted


def test_every_sentence_is_computed_once(finished: Path) -> None:
    """The pivot's sentences are asked for by its own unit and beside every language; they are computed once."""
    stage = record_of(finished).stages[0]
    distinct = {text for sentences in SENTENCES.values() for text in sentences}
    assert stage.computed == len(distinct) == 24


def test_the_pivot_is_asked_for_when_it_is_not_selected(task_folder: Path, finished: Path, tmp_path: Path) -> None:
    only = values(record_of(run(plan(task_folder, tmp_path, "echo:x", languages=("nqo_Nkoo",)), silent)))
    assert {language for language, _ in only} == {"nqo_Nkoo"}
    nqo, english = (sum(len(text.encode()) for text in SENTENCES[code]) for code in ("nqo_Nkoo", "eng_Latn"))
    assert only["nqo_Nkoo", "tokenizer_parity"] == pytest.approx(nqo / english)
    assert only["nqo_Nkoo", "information_parity"] == pytest.approx(english / nqo)


def test_log_probabilities_do_not_depend_on_the_batch(tiny_causal_model: Path) -> None:
    """Alone, in small batches and all together; long documents in windows among them."""
    requests: list[Request] = [request for language in SENTENCES for request in asked(language)]
    requests.append(RollingLogLikelihood(text="ຍາວຫຼາຍ " * 80))
    options = ("batch_size=1", "batch_size=3,batch_tokens=700", "batch_tokens=100000")
    made = [
        answers(load_model(parse_model(f"hf:{tiny_causal_model},dtype=float32,device=cpu,{option}")), requests)
        for option in options
    ]
    for alone, few, many in zip(*made, strict=True):
        assert alone.tokens == few.tokens == many.tokens
        assert few.logprob == pytest.approx(alone.logprob, rel=1e-6, abs=1e-5)
        assert many.logprob == pytest.approx(alone.logprob, rel=1e-6, abs=1e-5)
    assert made[0][-1].tokens == len(("ຍາວຫຼາຍ " * 80).encode())
    assert made[0][-1].tokens > 3 * 512


def test_an_empty_text_has_no_bits(tiny_causal_model: Path) -> None:
    engine = load_model(parse_model(f"hf:{tiny_causal_model},dtype=float32,device=cpu"))
    assert answers(engine, [RollingLogLikelihood(text="")]) == [
        LogLikelihoodResponse(logprob=0.0, is_greedy=True, tokens=0)
    ]


def test_resuming_gives_the_same_scores(task_folder: Path, tiny_causal_model: Path, tmp_path: Path) -> None:
    """A third of the stored answers is lost; the run is made whole to the last digit."""
    model = f"hf:{tiny_causal_model},name=tiny,dtype=float32,device=cpu,batch_size=3"
    first = run(plan(task_folder, tmp_path, model), silent)
    before = scores_csv(record_of(first))
    with sqlite3.connect(tmp_path / "responses.sqlite") as store:
        keys = [key for (key,) in store.execute("SELECT key FROM responses ORDER BY key")]
        store.executemany("DELETE FROM responses WHERE key = ?", [(key,) for key in keys[::3]])
    second = run(plan(task_folder, tmp_path, model), silent)
    assert scores_csv(record_of(second)) == before
    assert record_of(second).stages[0].computed == len(keys[::3]) == 8


def test_answers_stored_without_a_count_are_still_answers(tmp_path: Path) -> None:
    counted = LogLikelihoodResponse(logprob=-2.5, is_greedy=True, tokens=4)
    with ResponseStore(tmp_path / "responses.sqlite") as store:
        store.put([("new", counted)])
        body = json.dumps([-1.5, False]).encode()
        store._insert("responses", [("old", "loglikelihood", body)])
    with ResponseStore(tmp_path / "responses.sqlite") as store:
        assert store.get(["old", "new"]) == {"old": LogLikelihoodResponse(logprob=-1.5), "new": counted}


def test_a_failure_on_either_side_fails_the_item(task_folder: Path) -> None:
    unit = units(load_tasks(["bits"], [task_folder])[0], Selection(languages=("amh_Ethi",)), None)[0]
    assert isinstance(unit, PerplexityUnit)
    good = LogLikelihoodResponse(logprob=-4.0, tokens=2)
    outcome = unit.outcome([good, Failed(reason="too hot"), good, good], [good, good, good, Failed(reason="too cold")])
    assert outcome.scored == [0, 2]
    assert [row.failed for row in outcome.rows] == [None, "too hot", None, "too cold"]
    assert {len(stats) for stats in outcome.statistics.values()} == {2}
    assert (outcome.rows[0].source, outcome.rows[0].references) == (
        SENTENCES["eng_Latn"][0],
        (SENTENCES["amh_Ethi"][0],),
    )


def test_without_a_parity_the_pivot_is_not_read(task_folder: Path, tmp_path: Path) -> None:
    record = record_of(run(plan(task_folder, tmp_path, "echo:x", "alone"), silent))
    assert values(record) == {("amh_Ethi", "bits_per_byte"): pytest.approx(1 / math.log(2))}
    assert record.stages[0].requests == 4


def test_degrading_costs_bits_in_one_language_only(task_folder: Path, finished: Path, tiny_causal_model: Path) -> None:
    model = f"hf:{tiny_causal_model},name=tiny,dtype=float32,device=cpu,degrade=amh_Ethi"
    engine = load_model(parse_model(model))
    plain = load_model(parse_model(f"hf:{tiny_causal_model},dtype=float32,device=cpu"))
    assert answers(engine, asked("amh_Ethi")) != answers(plain, asked("amh_Ethi"))
    assert answers(engine, asked("arb_Arab")) == answers(plain, asked("arb_Arab"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metrics": ["fertility", "tokenizer_parity"], "languages": ["amh_Ethi"]}, "the pivot eng_Latn is not among"),
        (
            {"metrics": ["information_parity"], "dataset": {"files": "{lang}.tsv", "parallel": False}},
            "dataset.parallel: information_parity compares the same items in two languages",
        ),
        ({"metrics": ["bits_per_byte"], "directions": "all"}, "kind perplexity has no directions"),
        ({"metrics": ["bits_per_byte"], "num_fewshot": 2}, "kind perplexity has no few-shot examples"),
        ({"metrics": ["bits_per_byte"], "prompts": {"p": {"doc_to_text": "x"}}}, "kind perplexity gives texts"),
        ({"metrics": ["perplexity"]}, "perplexity does not fit kind perplexity; these do: bits_per_byte"),
        ({"metrics": ["bleu"]}, "bleu does not fit kind perplexity"),
        (
            {"metrics": ["bits_per_byte"], "dataset": {"source_files": "{source}", "target_files": "{target}"}},
            "kind perplexity needs 'files' or 'path'",
        ),
    ],
)
def test_mistakes_in_a_task_file(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    path = write(tmp_path, "wrong", **changes)
    with pytest.raises(SpecError) as error:
        load_tasks([str(path)], [])
    assert message in str(error.value)


def test_a_misspelt_text_column_is_explained(tmp_path: Path, task_folder: Path) -> None:
    dataset = {"files": "{lang}.tsv", "key": "id", "text": "texte"}
    write(tmp_path, "column", dataset=dataset, metrics=["bits_per_byte"])
    (tmp_path / "eng_Latn.tsv").write_bytes((task_folder / "eng_Latn.tsv").read_bytes())
    unit = units(load_tasks(["column"], [tmp_path])[0], Selection(languages=("eng_Latn",)), None)[0]
    with pytest.raises(DataError, match=r"no column 'texte' \(did you mean 'text'\?\)"):
        unit.requests()


def test_flores_is_read_as_released(tmp_path: Path) -> None:
    """One file a language and split, under the folder that the release archive unpacks to."""
    folder = tmp_path / "flores200_dataset" / "devtest"
    folder.mkdir(parents=True)
    for language in ("eng_Latn", "nqo_Nkoo", "amh_Ethi"):
        (folder / f"{language}.devtest").write_text("\n".join(SENTENCES[language]) + "\n", encoding="utf-8")
    task = load_tasks(["flores_perplexity"], [shipped_tasks()])[0]
    assert len(task.spec.languages) == 204
    unit = units(task, Selection(languages=("amh_Ethi",)), tmp_path)[0]
    assert [request.text for request in unit.requests()] == SENTENCES["amh_Ethi"]  # type: ignore[union-attr]
    assert [request.text for request in unit.shared_requests()] == SENTENCES["eng_Latn"]  # type: ignore[union-attr]


def test_real_news_costs_bits_line_by_line(shared_data: Path, tmp_path: Path) -> None:
    """NTREX-128 as downloaded: 1,997 lines a language, in 123 documents."""
    plan_ = RunPlan(
        tasks=load_tasks(["ntrex_perplexity"], [shipped_tasks()]),
        models=[parse_model("echo:x")],
        selection=Selection(languages=("amh_Ethi", "bod_Tibt")),
        out=tmp_path,
        data_root=shared_data,
    )
    record = record_of(run(plan_, silent))
    assert {score.n for score in record.scores} == {1997}
    assert {score.ci_method for score in record.scores} == {"cluster bootstrap"}
    found = values(record)
    assert found["amh_Ethi", "tokens_per_char"] == pytest.approx(2.5, abs=0.2)
    assert found["bod_Tibt", "information_parity"] < found["amh_Ethi", "information_parity"] < 1
    assert ("bod_Tibt", "fertility") not in found
