"""The index of lm-eval's names: equal to lm-eval's own, kept on disk, safe with files of others."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness import lm_eval_index
from harness.errors import SpecError, UserError
from harness.lm_eval_index import Index, folder_index, read_config, stock_index, stock_root

KINDS = {"TASK": "task", "PY_TASK": "python", "GROUP": "group", "TAG": "tag"}


@pytest.fixture(scope="module")
def stock(lm_eval_cache: Path) -> Index:
    """The index of lm-eval's own tasks, just made."""
    return stock_index(lm_eval_cache)


@pytest.fixture(scope="module")
def theirs() -> Mapping[str, Any]:
    """lm-eval's own index."""
    from lm_eval.tasks import TaskManager

    found: Mapping[str, Any] = TaskManager().task_index
    return found


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Files with their texts."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return folder


@pytest.fixture
def small_lm_eval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that takes the place of lm-eval's tasks, with one of its benchmarks."""
    root = tmp_path / "lm_eval" / "tasks"
    shutil.copytree(stock_root() / "xcopa", root / "xcopa")
    monkeypatch.setattr(lm_eval_index, "stock_root", lambda: root)
    return root


def test_names_kinds_and_files_are_lm_evals(stock: Index, theirs: Mapping[str, Any]) -> None:
    assert set(stock.names()) == set(theirs)
    for name, entry in theirs.items():
        ours = stock.entry(name)
        assert ours.kind == KINDS[entry.kind.name], name
        assert ours.path == entry.yaml_path, name


def test_members_of_groups_and_tags_are_lm_evals(stock: Index, theirs: Mapping[str, Any]) -> None:
    compared = 0
    for name, entry in theirs.items():
        if entry.kind.name == "TAG":
            assert stock.entry(name).children == tuple(sorted(entry.tags)), name
        elif entry.kind.name == "GROUP" and set(entry.cfg) <= {"group", "task", "aggregate_metric_list", "metadata"}:
            listed = entry.cfg["task"]
            if all(isinstance(one, str) for one in listed):
                assert stock.entry(name).children == tuple(dict.fromkeys(listed)), name
                compared += 1
    assert compared > 500


def test_facts_of_tasks_are_those_of_lm_evals_configurations(stock: Index, theirs: Mapping[str, Any]) -> None:
    for name, entry in theirs.items():
        if entry.kind.name == "TASK":
            ours = stock.entry(name)
            assert ours.output_type == entry.cfg.get("output_type", ""), name
            assert ours.dataset_path == (entry.cfg.get("dataset_path") or ""), name
            assert ours.dataset_name == (entry.cfg.get("dataset_name") or ""), name
            listed = [one["metric"] for one in entry.cfg.get("metric_list") or [] if "/" not in str(one["metric"])]
            assert [score.metric for score in ours.scores if not score.metric.startswith("!")] == listed, name


@pytest.mark.parametrize(
    "name",
    [
        *(
            "xcopa_qu",
            "belebele_yor_Latn",
            "mgsm_direct_sw",
            "mlqa_ar_de",
            "truthfulqa_sv_mc2",
            "include_base_44_greek_stem",
        ),
        *("afrixnli_translate_amh", "afrimmlu_direct_yor_prompt_2", "global_mmlu_full_sw_anatomy", "mmlu_prox_sw_law"),
        *("mmlu_anatomy", "gsm8k", "masakhaner_am_prompt_1", "arc_easy", "wikitext", "toksuite_farsi_canonical"),
    ],
)
def test_configurations_are_lm_evals(stock: Index, name: str) -> None:
    from lm_eval.tasks._yaml_loader import load_yaml

    entry = stock.entry(name)
    assert entry.path is not None
    expected = load_yaml(entry.path)
    found = read_config(entry, trusted=False)
    kept = {key: value for key, value in expected.items() if key not in ("tag", "group", "task_list", "metadata")}
    assert found.keys() == kept.keys() | {"metadata"}
    for key, value in kept.items():
        assert _comparable(found[key]) == _comparable(value), key


def _comparable(value: Any) -> Any:
    """Functions by where they come from: each of two imports of a file has its own."""
    if isinstance(value, functools.partial):
        return _comparable(value.func), value.args, value.keywords
    if callable(value):
        return value.__module__, value.__qualname__
    if isinstance(value, dict):
        return {key: _comparable(one) for key, one in value.items()}
    return [_comparable(one) for one in value] if isinstance(value, list) else value


def test_index_is_made_without_importing_lm_eval(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": "task: ሀ\ninclude: b\n", "b": "output_type: multiple_choice\n"})
    script = (
        "import sys; from pathlib import Path; from harness.lm_eval_index import folder_index, stock_root\n"
        f"print(folder_index(Path({str(tmp_path)!r})).entry('ሀ').output_type, stock_root().is_dir(), "
        "sorted({'lm_eval', 'datasets', 'torch', 'transformers', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONUTF8": "1"},
        check=True,
    )
    assert done.stdout.strip() == "multiple_choice True []"


def test_kept_index_is_the_one_that_was_made(small_lm_eval: Path, tmp_path: Path) -> None:
    group = "group: g\ntask:\n  - {task: xcopa_et, num_fewshot: 3, process_docs: !function utils.doc_to_text_et}\n"
    write(small_lm_eval, {"xcopa/group.yaml": group + "  - {task: ለብቻ, dataset_path: csv, filter_list: [{name: n}]}\n"})
    made, kept = stock_index(None), [stock_index(tmp_path / "cache") for _ in range(2)][1]
    assert kept.names() == made.names()
    for name in [*made.names(), *made.leaves("g")]:
        assert kept.entry(name) == made.entry(name), name
    assert made.entry("g::xcopa_et").changes["num_fewshot"] == 3


def test_kept_index_is_used_until_a_file_changes(small_lm_eval: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert "xcopa_sw" in stock_index(cache).names()
    (kept,) = cache.iterdir()
    content = json.loads(kept.read_bytes())
    content["rows"]["kept_marker"] = ["tag"]
    kept.write_text(json.dumps(content), encoding="utf-8")
    assert "kept_marker" in stock_index(cache).names()
    write(small_lm_eval, {"xcopa/default_ኢት.yaml": "include: default_et.yaml\ntask: xcopa_ኢት\n"})
    names = stock_index(cache).names()
    assert "xcopa_ኢት" in names
    assert "kept_marker" not in names
    template = small_lm_eval / "xcopa" / "default_et.yaml"
    template.write_text(template.read_text(encoding="utf-8").replace("xcopa_et", "xcopa_ee"), encoding="utf-8")
    assert "xcopa_ee" in stock_index(cache).names()


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"key": 1, "rows": {}}', b"\xff\xfe", b'{"rows": 3}'])
def test_damaged_index_is_made_again(small_lm_eval: Path, tmp_path: Path, damage: bytes) -> None:
    cache = tmp_path / "cache"
    stock_index(cache)
    (kept,) = cache.iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(damage)
    assert stock_index(cache).leaves("xcopa")[0] == "xcopa_et"
    assert kept.read_bytes() == whole


def test_index_cut_off_while_it_was_written_is_made_again(small_lm_eval: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    stock_index(cache)
    (kept,) = cache.iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2])
    assert len(stock_index(cache).leaves("xcopa")) == 11


def test_a_cache_that_cannot_be_written_only_costs_time(small_lm_eval: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert len(stock_index(tmp_path / "file" / "cache").leaves("xcopa")) == 11


def test_unknown_name_suggests_the_nearest(stock: Index) -> None:
    with pytest.raises(UserError, match=r"no task or group 'xcopa_tha' \(did you mean 'xcopa_th'\?\)"):
        stock.entry("xcopa_tha")


def test_leaves(stock: Index) -> None:
    assert stock.leaves("xcopa")[:2] == ("xcopa_et", "xcopa_ht")
    assert stock.leaves("xcopa_et") == ("xcopa_et",)
    assert stock.leaves("xcopa_th+xcopa_et+xcopa_th") == ("xcopa_th", "xcopa_et")
    assert len(stock.leaves("belebele")) == 122
    assert len(stock.leaves("global_mmlu_full_sw")) == 57
    with pytest.raises(UserError, match="group 't0_eval'"):
        stock.leaves("t0_eval")


GROUPS = {
    "ሰላም.yaml": "task: ሰላም\ndataset_path: json\noutput_type: multiple_choice\ndescription: own\ntag: [greetings]\n",
    "two.yaml": "task: two\ndataset_path: json\ntag: greetings\n",
    "top.yaml": """\
        group: top
        num_fewshot: 3
        task:
          - two
          - {task: ሰላም, num_fewshot: 7}
          - {task: ሰላም, num_fewshot: 0, task_alias: again}
          - {task: written, dataset_path: csv, output_type: generate_until}
          - group: inner
            task: [two, greetings]
    """,
    "plain.yaml": "group: plain\ntask: [two, {task: ሰላም, task_alias: only another name}]\n",
}


def test_groups_change_their_members(tmp_path: Path) -> None:
    index = folder_index(write(tmp_path, GROUPS))
    assert index.names() == ("greetings", "plain", "top", "two", "ሰላም")
    assert index.leaves("plain") == ("two", "ሰላም")
    assert index.leaves("greetings") == ("two", "ሰላም")
    leaves = index.leaves("top")
    assert leaves == (
        "top::two",
        "top::ሰላም",
        "top::ሰላም::2",
        "top::written",
        "top::inner::two",
        "top::inner::greetings::two",
        "top::inner::greetings::ሰላም",
    )
    shots = [read_config(index.entry(leaf), trusted=False)["num_fewshot"] for leaf in leaves]
    assert shots == [3, 7, 0, 3, 3, 3, 3]
    changed = read_config(index.entry("top::ሰላም"), trusted=False)
    assert (changed["description"], changed["task"]) == ("own", "top::ሰላም")
    assert read_config(index.entry("top::written"), trusted=False)["dataset_path"] == "csv"


def test_group_may_have_members_of_lm_evals_own(tmp_path: Path, stock: Index) -> None:
    files = {"mine.yaml": "group: mine\ntask: [own_sw, xcopa_et, {task: xcopa_th, num_fewshot: 4}]\n"}
    files["own_sw.yaml"] = "task: own_sw\ndataset_path: json\noutput_type: multiple_choice\n"
    index = folder_index(write(tmp_path, files), lambda: stock)
    assert index.leaves("mine") == ("own_sw", "xcopa_et", "mine::xcopa_th")
    config = read_config(index.entry("mine::xcopa_th"), trusted=False)
    assert config["num_fewshot"] == 4
    assert config["dataset_name"] == "th"
    assert callable(config["doc_to_text"])


def test_group_that_holds_itself_or_nothing_known_is_an_error(tmp_path: Path) -> None:
    files = {"a.yaml": "group: ሀ\ntask: [ለ]\n", "b.yaml": "group: ለ\ntask: [ሀ]\n", "c.yaml": "group: c\ntask: [ሐ]\n"}
    index = folder_index(write(tmp_path, files))
    with pytest.raises(UserError, match="group 'ሀ' holds itself: ሀ > ለ > ሀ"):
        index.leaves("ሀ")
    with pytest.raises(UserError, match="group 'c': lm-eval has no task or group 'ሐ'"):
        index.leaves("c")


def test_inclusion_is_shallow_and_stays_in_the_folder(tmp_path: Path) -> None:
    write(tmp_path, {"outside.yaml": "description: ምስጢር\n"})
    folder = write(
        tmp_path / "tasks",
        {
            "common/_base": "generation_kwargs: {until: [ก], max_gen_toks: 9}\ntarget_delimiter: x\n",
            "common/_mid": "include: _base\ndescription: กลาง\n",
            "good.yaml": "task: good\ninclude: common/_mid\ngeneration_kwargs: {max_gen_toks: 3}\n",
            "up.yaml": "task: up\ninclude: ../outside.yaml\n",
            "absolute.yaml": f"task: absolute\ninclude: {tmp_path / 'outside.yaml'}\n",
            "linked.yaml": "task: linked\ninclude: link\n",
            "circle.yaml": "task: circle\ninclude: [circle.yaml]\n",
            "missing.yaml": "task: missing\ninclude: nowhere\n",
        },
    )
    (folder / "link").symlink_to(tmp_path / "outside.yaml")
    index = folder_index(folder)
    assert index.names() == ("good",)
    config = read_config(index.entry("good"), trusted=False)
    assert config["generation_kwargs"] == {"max_gen_toks": 3}
    assert (config["description"], config["target_delimiter"]) == ("กลาง", "x")
    problems = [problem for _, problem in index.problems]
    assert sum("only files in there are read" in problem for problem in problems) == 3
    assert any("includes a file twice, or itself" in problem for problem in problems)
    assert any("nowhere: cannot be read" in problem for problem in problems)
    assert all(f"(included by {path})" in problem for path, problem in index.problems)
    assert "ምስጢር" not in "".join(problems)


def test_damaging_files_are_told_and_leave_the_others_alone(tmp_path: Path) -> None:
    bomb = "task: bomb\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    folder = write(
        tmp_path,
        {
            "good.yaml": "task: ጥሩ\ndataset_path: json\n",
            "bomb.yaml": bomb,
            "deep.yaml": "task: deep\nx: " + "[" * 60_000,
            "list.yaml": "- a\n",
            "broken.yaml": "task: [\n",
            "nameless.yaml": "task: 3\ndataset_path: json\n",
            "twice.yaml": "task: ጥሩ\ndataset_path: csv\n",
        },
    )
    (folder / "latin.yaml").write_bytes(b"task: caf\xe9\n")
    index = folder_index(folder)
    assert index.names() == ("ጥሩ",)
    told = "\n".join(problem for _, problem in index.problems)
    for name in ("bomb", "deep", "list", "broken", "nameless", "twice", "latin"):
        assert f"{name}.yaml" in told
    assert "more than 30,000 values" in told
    assert "nested deeper than 50 levels" in told


CODE = {
    "utils.py": """\
        from pathlib import Path

        Path(__file__).with_name("ran").touch()


        def process(doc):
            return "ዝግጁ"
    """,
    "_common": "dataset_path: json\noutput_type: generate_until\n",
    "coded.yaml": "task: coded\ninclude: _common\ndoc_to_text: x\nmetric_list:\n  - metric: !function utils.process\n",
}


def test_code_of_others_does_not_run_unless_trusted(tmp_path: Path) -> None:
    folder = write(tmp_path, CODE)
    entry = folder_index(folder).entry("coded")
    assert entry.code
    with pytest.raises(SpecError) as caught:
        read_config(entry, trusted=False)
    assert str(caught.value).startswith(f"{folder}/coded.yaml:5: code ('!function utils.process') runs only with")
    assert not (folder / "ran").exists()
    config = read_config(entry, trusted=True)
    assert config["metric_list"][0]["metric"]({}) == "ዝግጁ"
    assert (folder / "ran").exists()


@pytest.mark.parametrize(
    "reference",
    ["os.system", "lm_eval.utils.simple_parse_args_string", "subprocess.run"],
)
def test_code_that_is_installed_is_refused_to_files_of_others(tmp_path: Path, reference: str) -> None:
    write(tmp_path, {"a.yaml": f"task: a\ndataset_path: json\nprocess_docs: !function {reference}\n"})
    with pytest.raises(SpecError, match="runs only with --trust-task-code"):
        read_config(folder_index(tmp_path).entry("a"), trusted=False)


def test_link_to_lm_evals_file_does_not_lend_its_trust(tmp_path: Path) -> None:
    """The function beside lm-eval's file, not the one beside the link; and links lead out of the folder anyway."""
    write(tmp_path, {"utils.py": CODE["utils.py"]})
    (tmp_path / "borrowed.yaml").symlink_to(stock_root() / "xcopa" / "default_et.yaml")
    index = folder_index(tmp_path)
    assert "xcopa_et" not in index
    assert "only files in there are read" in index.problems[0][1]
    write(tmp_path, {"group.yaml": "group: g\ntask: [{task: xcopa_et, process_docs: !function utils.process}]\n"})
    theirs = folder_index(stock_root() / "xcopa")
    changed = folder_index(tmp_path, lambda: theirs).entry("g::xcopa_et")
    with pytest.raises(SpecError, match=r"group\.yaml:2: code \('!function utils\.process'\)"):
        read_config(changed, trusted=False)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("reference", "what"),
    [
        ("utils.nothing", "has no 'nothing'"),
        ("bare", "no module is named"),
        ("no_such_module.f", "cannot be imported"),
        ("wrong.f", "cannot be imported"),
    ],
)
def test_trusted_code_that_is_not_there_is_explained(tmp_path: Path, reference: str, what: str) -> None:
    files = {"a.yaml": f"task: a\ndataset_path: json\nprocess_docs: !function {reference}\n", "wrong.py": "1 / 0\n"}
    write(tmp_path, {**CODE, **files})
    with pytest.raises(UserError, match=what) as caught:
        read_config(folder_index(tmp_path).entry("a"), trusted=True)
    assert f"a.yaml:3: !function {reference}" in str(caught.value)


def test_only_tasks_have_a_configuration(stock: Index) -> None:
    with pytest.raises(UserError, match="'xcopa' is a group of lm-eval's, not a task"):
        read_config(stock.entry("xcopa"), trusted=False)
