"""Results that the real lm-eval wrote: imported, compared with our own run of the same, exported and read again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from harness.cli import cli
from harness.compare import compare
from harness.doctor import examine
from harness.engine.models import parse_model
from harness.errors import RecordError
from harness.loader import load_tasks
from harness.records import RunRecord, ScoreRecord
from harness.runner import RunPlan, run
from harness.store import RunFolder
from harness.tasks.base import Selection

WORDS = {"amh_Ethi": "ውሃ", "yor_Latn": "omi ẹ̀kọ́", "mya_Mymr": "ရေ", "nqo_Nkoo": "ߖߌ 💧"}
COMMON = {"dataset_path": "json", "test_split": "test", "fewshot_split": "test", "target_delimiter": " "}
TEMPLATE = "{% for one in messages %}<{{ one['role'] }}>{{ one['content'] }}\n{% endfor %}"
CHOICE = {
    "output_type": "multiple_choice",
    "doc_to_text": "{{question}}\nA:",
    "doc_to_choice": "{{choices}}",
    "doc_to_target": "label",
    "metric_list": [
        {"metric": "acc", "aggregation": "mean", "higher_is_better": True},
        {"metric": "acc_norm", "aggregation": "mean", "higher_is_better": True},
        {"metric": "mcc", "aggregation": "matthews_corrcoef", "higher_is_better": True},
    ],
}
WRITE = {
    "output_type": "generate_until",
    "doc_to_text": "{{question}}\nA:",
    "doc_to_target": "{{['none', 'e', 'a'][label]}}",
    "generation_kwargs": {"until": ["\n"], "max_gen_toks": 6, "do_sample": False},
    "filter_list": [
        {"name": "first", "filter": [{"function": "take_first"}]},
        {
            "name": "vowel",
            "filter": [
                {"function": "regex", "regex_pattern": "([aeiou])", "fallback": "none"},
                {"function": "take_first"},
            ],
        },
    ],
    "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True, "ignore_case": True}],
}
TEXT = {
    "output_type": "generate_until",
    "doc_to_text": "{{question}}\nA:",
    "doc_to_target": "{{['= 0 ^ . # |', '. R 0 #', choices[0]][label]}}",  # an untrained model gets some of this
    "generation_kwargs": {"until": ["\n"], "max_gen_toks": 12, "do_sample": False},
    "metric_list": [{"metric": name, "aggregation": name, "higher_is_better": True} for name in ("bleu", "chrf")],
}
WHOLE = {
    "output_type": "loglikelihood_rolling",
    "doc_to_text": "",
    "doc_to_target": "{{question}} {{choices[0]}}",
    "metric_list": [{"metric": name} for name in ("word_perplexity", "bits_per_byte")],
}
FACTS = {**CHOICE, "metric_list": CHOICE["metric_list"][:1]}
ASKED = ("quiz", "facts_yor_Latn", "write_yor_Latn", "text_amh_Ethi", "whole_mya_Mymr")
TASKS = {
    "facts_yor_Latn_food": FACTS,
    "facts_yor_Latn_water": FACTS,
    **{f"quiz_{code}": CHOICE for code in WORDS},
    "write_yor_Latn": WRITE,
    "text_amh_Ethi": TEXT,
    "whole_mya_Mymr": WHOLE,
}


@pytest.fixture(autouse=True, scope="module")
def _index(lm_eval_cache: Path) -> Iterator[None]:
    """The index of lm-eval's own tasks, made once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GLOTBENCH_CACHE", str(lm_eval_cache))
        yield


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """lm-eval task files with their data beside them, and a group of the quizzes."""
    folder = tmp_path_factory.mktemp("quizzes")
    for name, config in TASKS.items():
        word = next(word for code, word in WORDS.items() if code in name)
        rows = [
            {
                "question": f"{word} {number * 7 % 13}?",
                "choices": [f"{word} {number}", f"a{'b' * (number % 4)}", "ẹ"],
                "label": number % 3,
            }
            for number in range(5 if "food" in name else 9)
        ]
        data = folder / f"{name}.jsonl"
        data.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        written = {"task": name, **COMMON, "dataset_kwargs": {"data_files": {"test": str(data)}}, **config}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(written, allow_unicode=True), encoding="utf-8")
    group = {"group": "quiz", "task": [f"quiz_{code}" for code in WORDS]}
    (folder / "quiz.yaml").write_text(yaml.safe_dump(group), encoding="utf-8")
    pool = {
        "group": "facts_yor_Latn",
        "task": ["facts_yor_Latn_food", "facts_yor_Latn_water"],
        "aggregate_metric_list": [{"metric": "acc", "aggregation": "mean", "weight_by_size": True}],
    }
    (folder / "facts.yaml").write_text(yaml.safe_dump(pool), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def results(tiny_causal_model: Path, tasks: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that lm-eval writes with ``--log_samples --output_path``."""
    out = tmp_path_factory.mktemp("lm-eval-out")
    evaluate(tiny_causal_model, tasks, ASKED, out)
    return out


def evaluate(model: Path, tasks: Path, names: Sequence[str], out: Path, **options: object) -> None:
    """What ``lm_eval run`` does, files included."""
    import lm_eval
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.tasks import TaskManager

    tracker = EvaluationTracker(output_path=str(out))
    made = lm_eval.simple_evaluate(
        model="hf",
        model_args={"pretrained": str(model), "dtype": "float32"},
        tasks=list(names),
        device="cpu",
        batch_size=4,
        task_manager=TaskManager(include_path=str(tasks), include_defaults=False),
        bootstrap_iters=10,
        log_samples=True,
        evaluation_tracker=tracker,
        **options,
    )
    samples = made.pop("samples")
    tracker.save_results_aggregated(results=made, samples=samples)
    for name in made["configs"]:
        tracker.save_results_samples(task_name=name, samples=samples[name])


@pytest.fixture(scope="module")
def reported(results: Path) -> dict[str, dict[str, float]]:
    """What lm-eval's results file says."""
    (path,) = results.rglob("results_*.json")
    return dict(json.loads(path.read_text(encoding="utf-8"))["results"])


@pytest.fixture(scope="module")
def ours(tiny_causal_model: Path, tasks: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Our own run of the same tasks on the same model."""
    plan = RunPlan(
        tasks=load_tasks(ASKED, [tasks]),
        models=[parse_model(f"hf:{tiny_causal_model},name=tiny,dtype=float32,device=cpu")],
        out=tmp_path_factory.mktemp("our-runs"),
    )
    return RunFolder(run(plan, lambda *_: None))


@pytest.fixture(scope="module")
def imported(results: Path, tasks: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """lm-eval's results with the task folder that they were made with."""
    out = tmp_path_factory.mktemp("imported")
    return RunFolder(lines(invoke("lm-eval", results, "--tasks", tasks, "--model", "tiny", "--out", out))[0])


def invoke(*arguments: object, command: str = "import") -> Result:
    return CliRunner().invoke(cli, [command, *map(str, arguments)], standalone_mode=False)


def lines(done: Result) -> list[Path]:
    assert done.exit_code == 0, (done.output, done.exception)
    return [Path(line) for line in done.stdout.splitlines()]


def by_key(record: RunRecord) -> dict[tuple[str, ...], ScoreRecord]:
    return {score.key: score for score in record.scores}


def test_scores_are_lm_evals_to_the_last_digit(imported: RunFolder, reported: dict[str, dict[str, float]]) -> None:
    found = by_key(imported.record)
    assert len(found) == 4 * 3 + 1 + 2 + 2 + 2
    assert found["facts_yor_Latn", "", "", "yor_Latn", "acc"].value == reported["facts_yor_Latn"]["acc,none"]
    for code in WORDS:
        for metric in ("acc", "acc_norm", "mcc"):
            assert found["quiz", "", "", code, metric].value == reported[f"quiz_{code}"][f"{metric},none"]
    for chain in ("first", "vowel"):
        value = found["write_yor_Latn", "", "", "yor_Latn", f"exact_match@{chain}"].value
        assert value == reported["write_yor_Latn"][f"exact_match,{chain}"]
    assert found["write_yor_Latn", "", "", "yor_Latn", "exact_match@vowel"].value
    assert found["text_amh_Ethi", "", "", "amh_Ethi", "bleu"].value
    assert found["text_amh_Ethi", "", "", "amh_Ethi", "chrf"].value
    for task, metric in (("text_amh_Ethi", "bleu"), ("text_amh_Ethi", "chrf"), ("whole_mya_Mymr", "word_perplexity")):
        assert found[task, "", "", task.partition("_")[2], metric].value == reported[task][f"{metric},none"]


def test_the_record_says_whose_scores_these_are(imported: RunFolder, results: Path) -> None:
    record = imported.record
    assert record.imported is not None
    assert record.imported.program == "lm-eval"
    assert record.imported.version == record.versions["lm-eval"] != ""
    named = {Path(file.name).name for file in record.imported.files}
    assert named == {path.name for path in results.rglob("*.json*")}
    assert [(model.name, model.backend, model.label) for model in record.models] == [("tiny", "lm-eval", "imported")]
    assert not list(examine(imported))


def test_an_imported_run_is_compared_with_our_own_segment_by_segment(imported: RunFolder, ours: RunFolder) -> None:
    mine, theirs = by_key(ours.record), by_key(imported.record)
    assert mine.keys() == theirs.keys()
    for key, score in theirs.items():
        assert score.fingerprint == mine[key].fingerprint, key
        count = 14 if score.task == "facts_yor_Latn" else 9
        assert (score.n, score.metric_options, score.segments) == (count, mine[key].metric_options, True), key
        assert score.value == pytest.approx(mine[key].value, rel=1e-6), key
    found = compare([ours, imported])
    assert not found.not_compared
    quiz = [row for row in found.contrasts if row.task == "quiz" and row.metric == "acc"]
    assert {row.language for row in quiz} == {"macro", *WORDS}
    assert {(row.delta, row.verdict) for row in quiz} == {(0.0, "no difference shown")}
    for key in mine:
        unit = mine[key].unit_key
        assert imported.segments(unit) == ours.segments(unit)


def test_compare_and_the_gate_judge_an_imported_run_and_name_its_program(
    imported: RunFolder, ours: RunFolder, tmp_path: Path
) -> None:
    told = invoke(ours.path, imported.path, command="compare")
    assert f"imported from lm-eval {imported.record.versions['lm-eval']}" in told.output
    policy = tmp_path / "policy.yaml"
    policy.write_text("rules: [{select: {metric: acc}, scope: per_language, margin: 0.3}]\n", encoding="utf-8")
    judged = invoke(imported.path, "--baseline", ours.path, "--policy", policy, command="gate")
    assert judged.return_value in (0, None), judged.output
    assert "the candidate's scores are imported from lm-eval" in judged.output
    assert "5 passed" in judged.output


def test_shots_and_a_chat_template_are_part_of_the_prompt(
    tiny_causal_model: Path, tasks: Path, tmp_path: Path, imported: RunFolder
) -> None:
    model = tmp_path / "chatty"
    shutil.copytree(tiny_causal_model, model)
    (model / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    evaluate(model, tasks, ["quiz"], tmp_path / "out", num_fewshot=2, apply_chat_template=True)
    theirs = RunFolder(lines(invoke("lm-eval", tmp_path / "out", "--tasks", tasks, "--out", tmp_path / "runs"))[0])
    plan = RunPlan(
        tasks=load_tasks(["quiz"], [tasks]),
        models=[parse_model(f"hf:{model},dtype=float32,device=cpu,chat_template=true")],
        selection=Selection(num_fewshot=2),
        out=tmp_path / "ours",
    )
    mine = RunFolder(run(plan, lambda *_: None))
    found = compare([mine, theirs])
    assert not found.not_compared
    assert {row.delta for row in found.contrasts if row.metric == "acc"} == {0.0}
    other = compare([imported, theirs])
    assert not other.contrasts
    assert any("prompt differs" in one.reason for one in other.not_compared)


def test_intervals_are_those_of_our_own_run(imported: RunFolder, ours: RunFolder) -> None:
    mine = by_key(ours.record)
    for key, score in by_key(imported.record).items():
        if score.metric in ("acc", "acc_norm", "exact_match@first"):
            assert (score.ci_low, score.ci_high, score.ci_method) == (
                mine[key].ci_low,
                mine[key].ci_high,
                mine[key].ci_method,
            )


def test_without_samples_there_are_no_segments_and_no_interval_but_the_reported(
    results: Path, tasks: Path, reported: dict[str, dict[str, float]], tmp_path: Path
) -> None:
    (path,) = results.rglob("results_*.json")
    shutil.copy(path, tmp_path)
    folder = lines(invoke("lm-eval", tmp_path / path.name, "--tasks", tasks, "--out", tmp_path / "runs"))[0]
    record = RunFolder(folder).record
    assert not any(score.segments for score in record.scores)
    for score in record.scores:
        name = f"quiz_{score.language}" if score.task == "quiz" else score.task
        if name == "facts_yor_Latn":
            assert score.n == 14
        metric, _, chain = score.metric.partition("@")
        error = reported[name][f"{metric}_stderr,{chain or 'none'}"]
        if isinstance(error, float) and error > 0:
            assert score.stderr == error
            assert score.ci_method == "reported standard error"
            assert score.ci_low is not None
            assert score.ci_low <= (score.value or 0.0) <= (score.ci_high or 0.0)
        else:
            assert score.ci_low is None
            assert score.ci_high is None
        assert "without samples" in score.note
    assert not list(examine(RunFolder(folder)))


def test_names_nobody_knows_are_tasks_in_the_language_they_tell(results: Path, tmp_path: Path) -> None:
    folder = RunFolder(lines(invoke("lm-eval", results, "--out", tmp_path / "runs"))[0])
    units = {(score.task, score.language) for score in folder.record.scores}
    assert units == {
        *(("quiz", code) for code in WORDS),
        ("write", "yor_Latn"),
        ("text", "amh_Ethi"),
        ("whole", "mya_Mymr"),
        ("facts_food", "yor_Latn"),  # without its file nobody knows that the group is one pool
        ("facts_water", "yor_Latn"),
    }
    assert all(score.segments for score in folder.record.scores)


def exported(folder: RunFolder, out: Path) -> list[Path]:
    return lines(invoke("lm-eval", folder.path, "--out", out, command="export"))


def test_export_then_import_is_the_same_run(ours: RunFolder, tmp_path: Path) -> None:
    files = exported(ours, tmp_path / "out")
    assert len(files) == 1 + 8
    back = RunFolder(lines(invoke("lm-eval", tmp_path / "out", "--out", tmp_path / "runs"))[0])
    assert back.record.scores == ours.record.scores
    assert back.record.tasks == ours.record.tasks
    assert back.record.models == ours.record.models
    assert back.record.imported is not None
    for score in ours.record.scores:
        mine, theirs = (one.statistics(score.unit_key, score.metric) for one in (ours, back))
        assert mine.segments == theirs.segments
        assert (mine.stats == theirs.stats).all()
        assert back.segments(score.unit_key) == ours.segments(score.unit_key)
    found = compare([ours, back])
    assert not found.not_compared
    assert {row.delta for row in found.contrasts} == {0.0}


def test_lm_eval_reads_what_is_exported(ours: RunFolder, tmp_path: Path) -> None:
    from lm_eval.utils import get_results_filenames, get_sample_results_filenames, make_table

    files = [str(path) for path in exported(ours, tmp_path)]
    (path,) = get_results_filenames(files)
    body = json.loads(Path(path).read_text(encoding="utf-8"))
    table = make_table(body)
    for score in ours.record.scores:
        name = next(name for name in body["results"] if name.endswith(score.language) and name.startswith(score.task))
        metric, _, chain = score.metric.partition("@")
        assert body["results"][name][f"{metric},{chain or 'none'}"] == score.value
        assert f"{score.value:.4f}" in table
    samples = get_sample_results_filenames(files)
    assert len(samples) == 8
    for name in samples:
        import datasets

        rows = datasets.Dataset.from_list(
            [{key: row[key] for key in ("doc_id", "filter", "target", "resps")} for row in parsed(Path(name))]
        )
        assert set(rows["doc_id"]) == set(range(14 if "facts" in name else 9))


def parsed(path: Path) -> Iterator[dict]:
    return (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())


RESULT = {
    "results": {"quiz_yor_Latn": {"alias": "q", "acc,none": 0.5, "acc_stderr,none": 0.1}},
    "configs": {"quiz_yor_Latn": {"output_type": "multiple_choice"}},
    "n-samples": {"quiz_yor_Latn": {"original": 4, "effective": 4}},
    "config": {"model": "hf", "model_args": {"pretrained": "org/m", "api_key": "sk-secret"}},
    "lm_eval_version": "0.4.13",
    "model_name": "org/m",
}
SAMPLE = {
    "doc_id": 0,
    "doc": {"q": "ውሃ"},
    "target": "0",
    "arguments": {"gen_args_0": {"arg_0": "ውሃ", "arg_1": " a"}},
    "resps": [[["-1.5", "False"]]],
    "filtered_resps": [["-1.5", "False"]],
    "filter": "none",
    "metrics": ["acc"],
    "acc": 0.5,
}


def write(folder: Path, body: object, samples: list[object] | None = None) -> Path:
    path = folder / "results_2026-01-01T00-00-00.000000.json"
    path.write_text(body if isinstance(body, str) else json.dumps(body), encoding="utf-8")
    if samples is not None:
        text = "".join(one + "\n" if isinstance(one, str) else json.dumps(one) + "\n" for one in samples)
        path.with_name("samples_quiz_yor_Latn_2026-01-01T00-00-00.000000.jsonl").write_text(text, encoding="utf-8")
    return path


def test_no_key_enters_the_record(tmp_path: Path) -> None:
    folder = lines(invoke("lm-eval", write(tmp_path, RESULT), "--out", tmp_path / "runs"))[0]
    text = (folder / "run.json").read_text(encoding="utf-8")
    assert "org/m" in text
    assert "sk-secret" not in text


@pytest.mark.parametrize(
    ("value", "kept"), [(float("nan"), None), (float("inf"), None), (0.5, 0.5)], ids=["nan", "infinite", "number"]
)
def test_a_score_that_is_no_number_is_missing(tmp_path: Path, value: float, kept: float | None) -> None:
    body = {**RESULT, "results": {"quiz_yor_Latn": {"acc,none": value}}}
    folder = lines(invoke("lm-eval", write(tmp_path, body), "--out", tmp_path / "runs"))[0]
    (score,) = RunFolder(folder).record.scores
    assert score.value == kept
    assert kept is not None or score.note == f"lm-eval reported {value}"


def test_samples_that_do_not_give_the_score_do_not_count(tmp_path: Path) -> None:
    path = write(tmp_path, RESULT, [{**SAMPLE, "doc_id": number, "acc": 1.0} for number in range(4)])
    (score,) = RunFolder(lines(invoke("lm-eval", path, "--out", tmp_path / "runs"))[0]).record.scores
    assert (score.value, score.segments) == (0.5, False)
    assert "do not give this score" in score.note


@pytest.mark.parametrize(
    ("body", "samples", "told"),
    [
        ("{", None, "no JSON"),
        ("[" * 100_000, None, "no JSON"),
        ("[]", None, "expected an object"),
        ({"no": 1}, None, "no 'results'"),
        ({**RESULT, "results": {}}, None, "no score to import"),
        ({**RESULT, "results": {"x": 3}}, None, "expected an object"),
        ({**RESULT, "results": {"x": {"acc,none": "high"}}}, None, "expected a number"),
        ({**RESULT, "results": {"x": {"acc,none": 10**400}}}, None, "digits"),
        ({**RESULT, "results": {"a\x1b[31m": {"acc,none": 1}}}, None, "is no name"),
        ({**RESULT, "results": {"x" * 900: {"acc,none": 1}}}, None, "is no name"),
        ('{"results": {"x\\ud800": {"acc,none": 1}}}', None, "half a character"),
        ({**RESULT, "config": {}, "model_name": ""}, None, "--model"),
        ({**RESULT, "n-shot": {"quiz_yor_Latn": -1}}, None, "expected a count"),
        (RESULT, ["{"], "no JSON"),
        (RESULT, [[1]], "expected an object"),
        (RESULT, [{**SAMPLE, "doc_id": "0"}], "doc_id"),
        (RESULT, [SAMPLE, SAMPLE], "stands there twice"),
        (RESULT, [{**SAMPLE, "arguments": 3}], "arguments"),
        (RESULT, [{**SAMPLE, "resps": "x"}], "resps"),
        (RESULT, [{**SAMPLE, "acc": {"a": 1}}], "expected a number"),
        (RESULT, [{**SAMPLE, "acc": [[[[[[1]]]]]]}], "expected a number"),
        ({**RESULT, "glotbench": {"model": 3}}, None, "not what 'export lm-eval' writes"),
    ],
)
def test_what_is_no_result_is_told_in_one_line(
    tmp_path: Path, body: object, samples: list[object] | None, told: str
) -> None:
    path = write(tmp_path, body, samples)
    done = invoke("lm-eval", path, "--out", tmp_path / "runs")
    assert isinstance(done.exception, RecordError), (done.output, done.exception)
    assert told in str(done.exception)
    assert "\n" not in str(done.exception)
    assert not (tmp_path / "runs").exists()
