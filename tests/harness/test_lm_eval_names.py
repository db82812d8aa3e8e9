"""lm-eval's names as tasks with languages, prompts and variants; files of users by name, checked before they run."""

from __future__ import annotations

import json
import logging
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.engine.models import parse_model
from harness.errors import SpecError, UserError
from harness.languages import known
from harness.lm_eval_entries import Entry
from harness.lm_eval_family import task_specs
from harness.lm_eval_index import Index, folder_index, read_config, stock_index
from harness.lm_eval_languages import Facts, read_languages
from harness.lm_eval_metrics import scores_of
from harness.lm_eval_tasks import worth_a_look
from harness.loader import load_tasks, select, task_names
from harness.runner import RunPlan, run
from harness.spec import TaskSpec, VariantSpec
from harness.store import RunFolder
from harness.tasks.base import Selection


@pytest.fixture(scope="module")
def stock(lm_eval_cache: Path) -> Index:
    """The index of lm-eval's own tasks."""
    return stock_index(lm_eval_cache)


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Files with their texts."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return folder


# Which language a task is in


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("xcopa_et", "est_Latn"),
        ("xcopa_qu", "quy_Latn"),
        ("belebele_yor_Latn", "yor_Latn"),
        ("belebele_zho_Hant", "zho_Hant"),
        ("afrixnli_translate_amh", "amh_Ethi"),
        ("afrimmlu_direct_yor_prompt_1", "yor_Latn"),
        ("mmmlu_sw_ke_anatomy", "swh_Latn_KE"),
        ("mmmlu_ar_xy_anatomy", "arb_Arab"),
        ("mmmlu_es_la_anatomy", "spa_Latn"),
        ("openai_mmlu_swa_prompt_1", "swh_Latn"),
        ("xnli_ar", "arb_Arab"),
        ("paws_de", "deu_Latn"),
        ("global_mmlu_full_sw_anatomy", "swh_Latn"),
        ("arc_ne", "npi_Deva"),
        ("m_mmlu_is", "isl_Latn"),
        ("mgsm_direct_sw", "swh_Latn"),
        ("xwinograd_jp", "jpn_Jpan"),
        ("include_base_44_albanian_stem", "als_Latn"),
        ("include_base_44_north_macedonian_stem", "mkd_Cyrl"),
        ("multiblimp_abk", "abk_Cyrl"),
        ("tydiqa_goldp_te", "tel_Telu"),
        ("xquad_el", "ell_Grek"),
        ("mlqa_ar_de", "deu_Latn"),
        ("mlqa_de_en", "deu_Latn"),
        ("flores_eng_Latn-knc_Arab_prompt_1", "knc_Arab"),
        ("flores_knc_Arab-eng_Latn_prompt_1", "knc_Arab"),
        ("eus_exams_es_ejauxiliar", "spa_Latn"),
        ("toksuite_farsi_canonical", "pes_Arab"),
        ("AraDiCE_boolq_msa", "arb_Arab"),
        ("AraDiCE_boolq_egy", "arz_Arab"),
        ("pisa_ch", "zho_Hans"),
        ("global_piqa_parallel_cloze_tel_latn", "tel_Latn"),
        ("global_piqa_nonparallel_cloze_tel_telu", "tel_Telu"),
        ("ja_leaderboard_jsquad", "jpn_Jpan"),
        ("norbelebele_p0", "nob_Latn"),
        ("c4", "eng_Latn"),
    ],
)
def test_language_of_a_task(stock: Index, name: str, language: str) -> None:
    assert stock.entry(name).language == language


@pytest.mark.parametrize(
    "name",
    [
        *("arc_easy", "agieval_lsat_ar", "agieval_jec_qa_ca", "evalita-mp_sa_prompt-1", "infinitebench_code_run"),
        *(
            "bbh_cot_fewshot_penguins_in_a_table",
            "blimp_expletive_it_object_raising",
            "mmlu_anatomy",
            "matreshka_yes_no",
        ),
        *("legalbench_contract_nli_no_licensing", "physics_gre_all_multiple_choice", "tmlu_AST_biology"),
        *("uncheatable_eval_arxiv_cs", "zhoblimp_BA_deletion", "longproc_html_to_tsv_2k", "turblimp_npi_licensing"),
        "lm_syneval__agreement__long_vp_coord__sing_MS_LMV_LMV",
    ],
)
def test_words_that_are_codes_are_no_languages(stock: Index, name: str) -> None:
    assert stock.entry(name).language == ""


def test_every_language_that_is_read_is_one_we_know(stock: Index) -> None:
    codes = {language.code for language in known()}
    read = {stock.entry(name).language for name in stock.names()} - {""}
    assert read <= codes
    assert len(read) > 200


def read(*names: str, dataset_name: str = "", folder: str = "") -> dict[str, str]:
    facts = Facts(dataset_name=dataset_name, folder=folder)
    return {name: found.language for name, found in read_languages(dict.fromkeys(names, facts)).items()}


def test_what_differs_between_siblings_is_a_language() -> None:
    assert read("quiz_sw_v2", "quiz_qu_v2") == {"quiz_sw_v2": "swh_Latn", "quiz_qu_v2": "quy_Latn"}
    assert read("quiz_swahili", "quiz_quechua", "quiz_x") == {
        "quiz_swahili": "swh_Latn",
        "quiz_quechua": "quy_Latn",
        "quiz_x": "",
    }
    assert read("is_it_so", "no_it_is") == {"is_it_so": "", "no_it_is": ""}
    assert read("quiz_am", "quiz_easy", "quiz_hard") == {"quiz_am": "", "quiz_easy": "", "quiz_hard": ""}


def test_data_set_or_folder_says_the_language_of_a_task_alone() -> None:
    assert read("quiz", dataset_name="am") == {"quiz": "amh_Ethi"}
    assert read("quiz_am", dataset_name="am") == {"quiz_am": "amh_Ethi"}
    assert read("quiz_am", dataset_name="main") == {"quiz_am": ""}
    assert read("quiz", folder="burmese_bench/parts") == {"quiz": "mya_Mymr"}
    assert read("quiz", dataset_name="LI", folder="is") == {"quiz": ""}


# Tasks of a name


def names_of(spec: TaskSpec) -> list[str]:
    """Every name of lm-eval's that a task asks for."""
    found = []
    for variant in (spec.variants or {"": VariantSpec()}).values():
        pattern = variant.lm_eval or spec.lm_eval
        assert pattern is not None
        for prompt in variant.prompts or spec.prompts or [""]:
            for language in variant.languages or spec.languages:
                found.append(pattern.replace("{lang}", spec.languages[language]).replace("{prompt}", prompt))
    return found


def test_names_are_asked_for_whole_and_once(stock: Index) -> None:
    """Languages, prompts and variants together make exactly the leaves, over all groups and tags and some tasks."""
    collections = [name for name in stock.names() if stock.entry(name).children]
    tasks = [name for name in stock.names() if not stock.entry(name).children][::40]
    assert len(collections) > 1500
    refused = partly = 0
    logging.disable(logging.WARNING)
    try:
        for name in [*collections, *tasks]:
            try:
                specs = task_specs(stock, name)
            except UserError:
                refused += 1
                continue
            assert len({spec.task for spec in specs}) == len(specs), name
            asked = [leaf for spec in specs for one in names_of(spec) for leaf in stock.leaves(one)]
            leaves = stock.leaves(name)
            assert len(asked) == len(set(asked)), name
            assert set(asked) <= set(leaves), name
            partly += len(asked) < len(leaves)
    finally:
        logging.disable(logging.NOTSET)
    assert refused < 100
    assert partly < 30


def test_group_of_languages_is_one_task_with_a_pattern(stock: Index) -> None:
    (spec,) = task_specs(stock, "xcopa")
    assert (spec.task, spec.kind, spec.lm_eval) == ("xcopa", "multiple_choice", "xcopa_{lang}")
    assert spec.languages["swh_Latn"] == "sw"
    assert spec.description.startswith("XCOPA: A Multilingual Dataset")
    assert spec.source.startswith("https://")
    assert [metric.label for metric in spec.metrics] == ["acc"]


def test_settings_are_variants_and_prompts_are_prompts(stock: Index) -> None:
    direct, translate = task_specs(stock, "afrixnli")
    assert (direct.task, translate.task) == ("afrixnli_direct", "afrixnli_translate")
    assert list(direct.variants) == ["en", "manual", "native"]
    assert "eng_Latn" in direct.languages
    assert "eng_Latn" not in translate.languages
    by_task = {spec.task: spec for spec in task_specs(stock, "afrobench")}
    flores = by_task["flores"]
    assert list(flores.prompts) == ["prompt_1", "prompt_2", "prompt_3"]
    assert flores.variants["eng_Latn_xx"].lm_eval == "flores_eng_Latn-{lang}_{prompt}"


def test_subjects_of_a_language_are_one_pool(stock: Index) -> None:
    (spec,) = task_specs(stock, "global_mmlu_full_sw")
    assert spec.languages == {"swh_Latn": "sw"}
    assert len(stock.leaves("global_mmlu_full_sw")) == 57
    assert spec.chance == 0.25
    (whole,) = task_specs(stock, "mmlu")
    assert whole.languages == {"und": "und"}
    assert whole.lm_eval == "mmlu"


def test_prompts_that_not_every_language_has(tmp_path: Path) -> None:
    tasks = {"quiz_sw_prompt_1": "sw", "quiz_sw_prompt_2": "sw", "quiz_am_prompt_2": "am"}
    text = "dataset_path: org/quiz\ndataset_name: {}\noutput_type: multiple_choice\ntag: quizzes\n"
    write(tmp_path, {f"{name}.yaml": f"task: {name}\n" + text.format(code) for name, code in tasks.items()})
    (spec,) = task_specs(folder_index(tmp_path), "quizzes")
    assert sorted(names_of(spec)) == sorted(tasks)
    assert list(spec.prompts) == ["prompt_1", "prompt_2"] or list(spec.prompts) == ["prompt_2", "prompt_1"]


def entry(**fields: object) -> Entry:
    return Entry(name="t", kind="task", root=Path(), **fields)  # type: ignore[arg-type]


def test_scores_keep_lm_evals_names_where_the_numbers_are_the_same(tmp_path: Path, stock: Index) -> None:
    labels = {
        "afrimmlu_direct_amh_prompt_1": ["f1_weighted", "acc"],
        "gsm8k": ["exact_match@strict-match", "exact_match@flexible-extract"],
        "wikitext": ["word_perplexity", "byte_perplexity", "bits_per_byte"],
        "truthfulqa_sv_mc2": ["acc"],
        "mc_taco": ["acc", "f1_binary"],
        "norsumm_nno_p0": ["mean@bleu_max", "mean@bleu_avg"],
    }
    for name, expected in labels.items():
        found = [metric.label for metric in scores_of(stock.entry(name)).metrics]
        assert found[: len(expected)] == expected, name
    assert [metric.label for metric in scores_of(entry(output_type="loglikelihood")).metrics] == ["perplexity", "acc"]


# Files of users


QUIZ = """\
    dataset_path: json
    dataset_kwargs: {{data_files: {{test: {folder}/{code}.jsonl}}}}
    output_type: multiple_choice
    test_split: test
    doc_to_text: "{{{{ጥያቄ}}}}\\n→"
    doc_to_choice: "{{{{choices}}}}"
    doc_to_target: label
    metric_list: [{{metric: acc}}]
    task: quiz_{code}
"""
ROWS = {
    "sw": [("Maji ni nini?", ["kioevu", "jiwe la moto"], 0), ("Ndege hufanya nini?", ["huruka", "hulala usiku"], 0)],
    "qu": [("¿Imataq yaku?", ["unu", "rumi rumi"], 1), ("¿Imataq inti?", ["quyllur", "yaku"], 1)],
    "th": [("แมวกินอะไร 🐟", ["ปลา", "หินก้อนใหญ่"], 0), ("ฟ้าสีอะไร", ["ฟ้า", "ดำสนิท"], 0)],
}


@pytest.fixture
def quiz(tmp_path: Path) -> Path:
    """A folder of lm-eval files for one benchmark in three languages, with its data."""
    folder = tmp_path / "quiz"
    write(folder, {f"quiz_{code}.yaml": QUIZ.format(folder=folder, code=code) for code in ROWS})
    write(folder, {"all.yaml": f"group: quiz_all\ntask: [{', '.join(f'quiz_{code}' for code in ROWS)}]\n"})
    for code, rows in ROWS.items():
        lines = [{"ጥያቄ": text, "choices": choices, "label": label} for text, choices, label in rows]
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (folder / f"{code}.jsonl").write_text(text, encoding="utf-8")
    return folder


def test_group_of_a_users_folder_runs_in_the_languages_asked_for(quiz: Path, tmp_path: Path) -> None:
    """The echo backend prefers the text with fewer bytes, which is right in one row of Quechua and all of Swahili."""
    plan = RunPlan(
        tasks=load_tasks(["quiz_all"], [quiz]),
        models=[parse_model("echo:x")],
        selection=Selection(languages=("swh_Latn", "quy_Latn")),
        out=tmp_path / "out",
    )
    record = RunFolder(run(plan, lambda *_: None)).record
    assert {(score.task, score.language, score.metric): score.value for score in record.scores} == {
        ("quiz_all", "swh_Latn", "acc"): 1.0,
        ("quiz_all", "quy_Latn", "acc"): 0.5,
    }


def test_names_of_a_users_folder(quiz: Path) -> None:
    assert task_names([quiz]) == ["quiz_qu", "quiz_sw", "quiz_th"]
    (alone,) = load_tasks(["quiz_sw"], [quiz])
    assert alone.spec.languages == {"swh_Latn": "sw"}
    (by_path,) = load_tasks([str(quiz / "quiz_th.yaml")], [])
    assert list(by_path.spec.languages) == ["tha_Thai"] or list(by_path.spec.languages) == ["und"]
    (group,) = load_tasks(["quiz_all"], [quiz])
    assert group.index is not None
    for code in ("sw", "swa", "swh", "swh_Latn"):
        assert select(group.spec, [code]) == ("swh_Latn",)
    assert len({alone.sha256, by_path.sha256, group.sha256}) == 3


def test_file_of_a_user_stands_before_ours_of_another_folder_and_after_ours_of_its_own(quiz: Path) -> None:
    assert load_tasks(["quiz_sw", "quiz_sw"], [quiz])[0].path == quiz / "quiz_sw.yaml"
    ours = """\
        task: quiz_sw
        kind: alignment
        dataset: {files: "{lang}.tsv"}
        languages: [eng, swh]
        metrics: [mexa]
    """
    write(quiz, {"ours.yaml": ours})
    assert load_tasks(["quiz_sw"], [quiz])[0].spec.kind == "alignment"


@pytest.mark.parametrize(
    ("change", "to", "problem"),
    [
        (
            "test_split:",
            "test_splt:",
            "quiz_sw.yaml:4: test_splt: lm-eval has no such key (did you mean 'test_split'?)",
        ),
        ("test_split: test", "test_split: test\ntest_split: x", "4: test_split: written twice, on line 4 and line 5"),
        ("multiple_choice", "multiple_choise", "output_type: unknown kind 'multiple_choise' (did you mean 'multiple"),
        ("metric: acc", "metric: acurracy", "metric_list[0].metric: lm-eval has no metric 'acurracy'"),
        ("doc_to_target: label", "doc_to_target: !function u.f", "7: code ('!function u.f') runs only with"),
        ("task: quiz_sw", "task: quiz_sw\ninclude: ../x", "x: is outside"),
    ],
)
def test_mistakes_in_a_users_file_are_told_with_file_and_line(quiz: Path, change: str, to: str, problem: str) -> None:
    path = quiz / "quiz_sw.yaml"
    text = textwrap.dedent(path.read_text(encoding="utf-8"))
    assert change in text
    path.write_text(text.replace(change, to, 1), encoding="utf-8")
    for name in ("quiz_sw", str(path)):
        with pytest.raises(UserError) as caught:
            load_tasks([name], [quiz])
        assert problem in str(caught.value)
        assert "quiz_sw.yaml" in str(caught.value)


def test_mistakes_of_what_is_included_are_told_there(quiz: Path) -> None:
    write(quiz, {"_base": "doc_to_txt: x\n", "more.yaml": "include: _base\ntask: more\ndataset_path: json\n"})
    with pytest.raises(SpecError, match=r"_base:1: doc_to_txt: lm-eval has no such key \(did you mean 'doc_to_text'"):
        load_tasks(["more"], [quiz])


def test_mistakes_of_a_group_are_told_there(quiz: Path) -> None:
    write(quiz, {"g.yaml": "group: g\ntask:\n  - quiz_qu\n  - {task: quiz_sw, num_fewshots: 3}\n"})
    with pytest.raises(SpecError, match=r"g\.yaml:4: task\[1\]\.num_fewshots: lm-eval's tasks have no such key"):
        load_tasks(["g"], [quiz])


def test_remarks_on_a_users_prompt(quiz: Path) -> None:
    path = quiz / "quiz_sw.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("→", "→ "), encoding="utf-8")
    (task,) = load_tasks(["quiz_sw"], [quiz])
    (remark,) = worth_a_look(task)
    assert f"{path}:5: doc_to_text: ends in white space" in remark
    (other,) = load_tasks(["quiz_qu"], [quiz])
    assert worth_a_look(other) == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("temperature: 0.7", "generation_kwargs.temperature: text is sampled, as lm-eval takes a temperature; say so"),
        ("temperature: 0.7, do_sample: false", "generation_kwargs.temperature: generation is greedy; remove the line"),
        ("top_p: 0.7", "generation_kwargs.top_p: generation is greedy; remove the line"),
        ("temperature: 0.7, do_sample: true", ""),
        ("temperature: 0.0", ""),
    ],
)
def test_a_temperature_without_do_sample_is_remarked_on(tmp_path: Path, said: str, told: str) -> None:
    text = f"""
    task: warm
    dataset_path: json
    output_type: generate_until
    doc_to_text: "ጥያቄ፡ {{{{q}}}}"
    doc_to_target: "{{{{a}}}}"
    generation_kwargs: {{until: ["።"], {said}}}
    metric_list: [{{metric: exact_match}}]
    """
    write(tmp_path, {"warm.yaml": text})
    (task,) = load_tasks(["warm"], [tmp_path])
    assert [told in remark for remark in worth_a_look(task)] == [True] * bool(told)


def test_trusted_code_runs(quiz: Path, tmp_path: Path) -> None:
    write(quiz, {"u.py": "def gold(doc):\n    return 1 - doc['label']\n"})
    path = quiz / "quiz_sw.yaml"
    text = path.read_text(encoding="utf-8").replace("doc_to_target: label", "doc_to_target: !function u.gold")
    path.write_text(text, encoding="utf-8")
    plan = RunPlan(
        tasks=load_tasks(["quiz_sw"], [quiz], trust_code=True), models=[parse_model("echo:x")], out=tmp_path / "out"
    )
    assert [score.value for score in RunFolder(run(plan, lambda *_: None)).record.scores] == [0.0]


def test_parts_of_a_group_that_cannot_run_are_told(
    quiz: Path, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    write(
        quiz,
        {
            "odd.yaml": "task: odd\ndataset_path: org/x\nmetric_list: [{metric: likelihood}]\n",
            "g.yaml": "group: g\ntask: [quiz_sw, odd]\n",
        },
    )
    with caplog.at_level(logging.WARNING):
        (task,) = load_tasks(["g"], [quiz])
    assert list(task.spec.languages) == ["swh_Latn"]
    assert "g: left out: lm-eval's task 'odd' is scored by likelihood" in caplog.text
    with pytest.raises(UserError, match="'odd' is scored by likelihood, in code of its own"):
        load_tasks(["odd"], [quiz])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | st.just("ሰላም"),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside, max_size=3),
    max_leaves=5,
)
FIELDS = (
    *("task", "group", "tag", "include", "class", "dataset_path", "dataset_name", "dataset_kwargs", "output_type"),
    *("metric_list", "filter_list", "doc_to_choice", "doc_to_text", "doc_to_target", "generation_kwargs", "metadata"),
    *("aggregate_metric_list", "num_fewshot", "process_results", "fewshot_config", "repeats", "task_list", "ዓይነት"),
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(field=st.sampled_from(FIELDS), value=VALUES, in_list=st.booleans())
def test_any_value_in_a_users_file_is_a_task_or_a_clear_error(
    tmp_path: Path, field: str, value: object, in_list: bool
) -> None:
    config = {
        "task": "quiz_sw",
        "dataset_path": "json",
        "output_type": "generate_until",
        "doc_to_text": "q",
        "doc_to_target": "a",
    }
    raw = {**config, field: [{"metric": value, "name": value, "function": value}] if in_list else value}
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
    group = {"group": "g", "task": ["quiz_sw", {"task": "quiz_sw", field: value}, value]}
    (tmp_path / "g.yaml").write_text(yaml.safe_dump(group, allow_unicode=True), encoding="utf-8")
    for name in ("quiz_sw", "g", str(tmp_path / "a.yaml")):
        try:
            tasks = load_tasks([name], [tmp_path])
        except UserError:
            continue
        for task in tasks:
            worth_a_look(task)
            assert task.index is not None
            for one in names_of(task.spec):
                for leaf in task.index.leaves(one):
                    read_config(task.index.entry(leaf), trusted=False)


# Names of lm-eval's own in our files


FAMILY = """\
    task: family
    kind: multiple_choice
    lm_eval: "xcopa_{lang}"
    languages: {est: et, swh: sw}
    metrics: [acc]
"""


def test_family_file_gets_lm_evals_index(tmp_path: Path, lm_eval_cache: Path) -> None:
    write(tmp_path, {"family.yaml": FAMILY})
    (task,) = load_tasks(["family"], [tmp_path], cache=lm_eval_cache)
    assert task.index is not None
    assert task.index.leaves("xcopa_sw") == ("xcopa_sw",)
    assert not task.trusted


@pytest.mark.parametrize(
    ("change", "to", "problem"),
    [
        ("est: et", "est: ee", "3: lm_eval: lm-eval has no task 'xcopa_ee' (did you mean 'xcopa_eu'?)"),
        ("xcopa_{lang}", "xcopa_{lang}_x", "3: lm_eval: lm-eval has no task 'xcopa_et_x'"),
        ("multiple_choice", "generate_until", "3: lm_eval: lm-eval's task 'xcopa_et' is of kind multiple_choice, not"),
    ],
)
def test_patterns_that_make_no_name_are_told(
    tmp_path: Path, lm_eval_cache: Path, change: str, to: str, problem: str
) -> None:
    text = FAMILY.replace(change, to)
    if "generate" in to:
        text = text.replace("[acc]", "[exact_match]")
    path = write(tmp_path, {"family.yaml": text}) / "family.yaml"
    with pytest.raises(SpecError) as caught:
        load_tasks(["family"], [tmp_path], cache=lm_eval_cache)
    assert any(one.startswith(f"{path}:{problem}") for one in caught.value.problems)


def test_patterns_of_variants_are_told_at_the_variant(tmp_path: Path, lm_eval_cache: Path) -> None:
    text = FAMILY + "    variants:\n      good: {}\n      bad: {lm_eval: 'xcoppa_{lang}', languages: [swa]}\n"
    write(tmp_path, {"family.yaml": text})
    with pytest.raises(SpecError) as caught:
        load_tasks(["family"], [tmp_path], cache=lm_eval_cache)
    (problem,) = caught.value.problems
    assert "family.yaml:8: variants.bad.lm_eval: lm-eval has no task 'xcoppa_sw' (did you mean 'xcopa_sw'?)" in problem


def test_lm_evals_own_by_name(lm_eval_cache: Path) -> None:
    (task,) = load_tasks(["lm-eval:xcopa"], [], cache=lm_eval_cache)
    assert task.path.name == "_xcopa.yaml"
    assert select(task.spec, ["sw", "qu"]) == ("quy_Latn", "swh_Latn")
    several = load_tasks(["lm-eval:afrixnli", "lm-eval:afrixnli"], [], cache=lm_eval_cache)
    assert [one.spec.task for one in several] == ["afrixnli_direct", "afrixnli_translate"]
    with pytest.raises(UserError, match=r"no task or group 'xkopa' \(did you mean 'xcopa'\?\)"):
        load_tasks(["lm-eval:xkopa"], [], cache=lm_eval_cache)
    with pytest.raises(UserError, match="'squadv2' is written in Python"):
        load_tasks(["lm-eval:squadv2"], [], cache=lm_eval_cache)
    with pytest.raises(UserError, match=r"unknown task 'xcopa'.*lm-eval's own are called lm-eval:NAME"):
        load_tasks(["xcopa"], [], cache=lm_eval_cache)
