"""Nothing that others wrote runs code, leaves its folder, fills the memory or takes a secret along."""

from __future__ import annotations

import ast
import datetime
import gzip
import json
import logging
import os
import re
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness import archives
from harness.archives import open_archive
from harness.baseline import bless
from harness.engine.models import parse_model
from harness.errors import DataError, RecordError, SpecError, UserError
from harness.filter_checks import check_filters
from harness.formats import DataFile, TableForm, rows_of
from harness.loader import load_tasks
from harness.mirror import find_mirrored
from harness.record_reading import checked_record
from harness.records import RunRecord
from harness.store import RunFolder
from harness.strict_json import strict_json
from harness.yaml_reader import read_yaml
from metrics.base import MetricError
from metrics.bounded_yaml import load_bounded
from metrics.comet.checkpoint import read as read_checkpoint
from tests.fuzz.hostile import Marker
from tests.harness.synthetic_runs import Unit, write_run

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [path for name in ("harness", "metrics", "leaderboard") for path in sorted((ROOT / name).rglob("*.py"))]
SECRET = "hf_" + "s3cr3tVALUE" * 3
JSON_MISTAKES = [
    (b'{"a": NaN}', "NaN is no number"),
    (b"[-Infinity]", "-Infinity is no number"),
    (b"[1e999]", "too large a number"),
    (b"9" * 5000, "a number of 5,000 digits"),
    (b'{"a": 1, "a": 2}', "'a' stands twice"),
    (b'["\\ud800"]', "half a character"),
    (b"\xff", "not UTF-8"),
    (b"[" * 100_000, "nested too deeply"),
    (b"", "Expecting value"),
    (b"[1]\x00", "Extra data"),
]


# Code


def test_no_pickle_and_no_code_from_text_in_the_sources() -> None:
    """``pickle`` is imported once, for the name of an exception; what can unpickle is told not to."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name.partition(".")[0] for alias in node.names} | {getattr(node, "module", None)}
                forbidden = {"pickle", "cPickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"} & names
                assert not forbidden or (forbidden, path.name) == ({"pickle"}, "checkpoint.py"), where
            if isinstance(node, ast.Call):
                _check_call(node, where)


def _check_call(node: ast.Call, where: str) -> None:
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    owner = getattr(getattr(node.func, "value", None), "id", "")
    given = {keyword.arg: getattr(keyword.value, "value", None) for keyword in node.keywords}
    if called == "load" and owner in ("np", "numpy"):
        assert given.get("allow_pickle") is False, where
    if called == "load" and owner == "torch":
        assert given.get("weights_only") is True, where
    assert isinstance(node.func, ast.Attribute) or called not in ("eval", "exec", "compile", "__import__"), where
    assert (owner, called) not in (("pickle", "load"), ("pickle", "loads"), ("yaml", "unsafe_load")), where
    assert given.get("shell") is not True, where
    assert given.get("trust_remote_code", False) is False, where
    if owner == "yaml" and called in ("load", "parse"):
        assert re.search(r"BoundedLoader|_Loader", ast.unparse(node)), where


def test_code_of_models_is_never_trusted() -> None:
    said = [
        line for path in SOURCES for line in path.read_text(encoding="utf-8").splitlines() if "trust_remote" in line
    ]
    assert said
    assert all(re.search(r'"trust_remote_code": False|trust_remote_code=False', line) for line in said)


def test_a_checkpoint_that_would_run_code_is_refused_by_name(tmp_path: Path) -> None:
    import torch

    path = tmp_path / "checkpoints" / "model.ckpt"
    path.parent.mkdir()
    torch.save({"state_dict": {}, "x": Marker(tmp_path / "ran")}, path)
    with pytest.raises(MetricError, match=r"refused: the file holds more than weights"):
        read_checkpoint(path)
    assert not (tmp_path / "ran").exists()


def test_code_of_task_files_runs_only_by_flag(tmp_path: Path) -> None:
    (tmp_path / "utils.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\ndef gold(doc): return 'x'\n", "utf-8")
    text = "task: mine\ndataset_path: org/name\noutput_type: generate_until\ndoc_to_text: '{{q}}'\n"
    metrics = "metric_list: [{metric: exact_match}]\n"
    (tmp_path / "t.yaml").write_text(f"{text}doc_to_target: !function utils.gold\n{metrics}", "utf-8")
    with pytest.raises(
        SpecError, match=r"t\.yaml:5: code \('!function utils\.gold'\) runs only with --trust-task-code"
    ):
        load_tasks(["mine"], [tmp_path], cache=tmp_path / "cache")
    assert not (tmp_path / "ran").exists()


# Paths


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/b", "..", ".", "", "x\x00", "a\\b", "-x", ".hidden"])
def test_a_record_names_no_file_outside_its_folder(tmp_path: Path, name: str) -> None:
    run = write_run(tmp_path / "run", [Unit(values=np.arange(5.0))])
    body = json.loads((run.path / "run.json").read_text("utf-8"))
    body["files"] = {**body["files"], name: "0" * 64}
    (run.path / "run.json").write_text(json.dumps(body), "utf-8")
    (run.path / "run.json.sha256").unlink()
    with pytest.raises(RecordError, match=r"no name of a file in the run's folder"):
        RunFolder(run.path)


def test_blessing_copies_what_the_record_names_and_no_links_target(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [Unit(values=np.arange(5.0))])
    (tmp_path / "outside").write_text("secret", "utf-8")
    place = bless(run, tmp_path / "base", reason="r", today=datetime.date(2026, 1, 1))
    assert {path.name for path in place.iterdir()} == {
        *("run.json", "run.json.sha256", "segments.parquet", "statistics.parquet", "blessed.json")
    }


@pytest.mark.parametrize("field", ["decimals", "n", "n_failed"])
@pytest.mark.parametrize("value", [-1, 10**9 + 0.5, 2**60])
def test_numbers_of_a_record_that_would_fill_the_memory(tmp_path: Path, field: str, value: float) -> None:
    run = write_run(tmp_path / "run", [Unit(values=np.arange(5.0))])
    body = json.loads((run.path / "run.json").read_text("utf-8"))
    body["scores"][0][field] = value
    with pytest.raises(RecordError, match=rf"scores\.0\.{field}"):
        checked_record(json.dumps(body).encode(), tmp_path / "run.json")


# JSON, YAML, packed files


@pytest.mark.parametrize(("content", "told"), JSON_MISTAKES)
def test_json_that_is_none(tmp_path: Path, content: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)) as caught:
        strict_json(content)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200
    with pytest.raises(RecordError, match=re.escape(told)):
        checked_record(content, tmp_path / "run.json")


def test_json_that_is_some() -> None:
    value = {"a": [1, -2.5e-3, None, True, "ߒߞߏ \U0001f469"], "b": {}}
    assert strict_json(b"\xef\xbb\xbf" + json.dumps(value).encode()) == value
    assert np.isnan(strict_json(b"NaN", undefined=True))  # type: ignore[call-overload]
    assert strict_json(b"1" * 400) == int("1" * 400)


def test_halves_of_characters_in_data_are_told(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"q": "\\ud83d\\ude00"}\n{"q": "\\ud83d"}\n')
    rows = rows_of(DataFile(path), TableForm())
    assert next(rows) == {"q": "\U0001f600"}
    with pytest.raises(DataError, match=r"x\.jsonl:2: not valid JSON \(half a character"):
        next(rows)


MERGES = "a0: &a0 {k: v}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}], k{n}: v}}\n" for n in range(1, 40))
YAML_BOMBS = [
    (MERGES, "merged ones included"),
    ("[" * 1_000_000, "nested deeper"),
    ("- " * 100_000, "nested deeper"),
    ("a: 2001-99-99", "month must be in"),
    ("a: " + "1:" * 400 + "1.5", "too large"),
]


@pytest.mark.parametrize(("text", "told"), YAML_BOMBS, ids=["merges", "brackets", "dashes", "date", "number"])
def test_yaml_bombs(tmp_path: Path, text: str, told: str) -> None:
    import yaml

    with pytest.raises(yaml.YAMLError, match=told):
        load_bounded(text)
    folder = tmp_path / "root" / "org" / "name"
    folder.mkdir(parents=True)
    (folder / "README.md").write_text(f"---\nconfigs: []\n{text}\n---\n", "utf-8")
    assert find_mirrored(tmp_path / "root", "org/name", "fr", "test", "t") is None
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "t.yaml").write_text(f"task: t\ndataset_path: x\n{text}\n", "utf-8")
    with pytest.raises(SpecError, match=r"t\.yaml"):
        load_tasks([str(tmp_path / "tasks" / "t.yaml")], [])


def test_yaml_merges_of_usual_size_are_read() -> None:
    assert load_bounded("a: &a {x: 1}\nb: {<<: *a, y: 2}")["b"] == {"x": 1, "y": 2}


def test_what_unpacks_to_far_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "SMALL", 100_000)
    plain = tmp_path / "x.txt.gz"
    plain.write_bytes(gzip.compress(b"\n" * 3_000_000))
    with pytest.raises(DataError, match=r"x\.txt\.gz: damaged \(more than 100,000 bytes when decompressed, 200 times"):
        list(rows_of(DataFile(plain), TableForm()))
    usual = tmp_path / "y.txt.gz"
    usual.write_bytes(gzip.compress("".join(f"{number * 7919}\n" for number in range(30_000)).encode()))
    assert len(list(rows_of(DataFile(usual), TableForm()))) == 30_000
    tar = tmp_path / "x.tar.gz"
    tar.write_bytes(gzip.compress(bytes(3_000_000)))
    with pytest.raises(DataError, match="200 times as many as packed"):
        open_archive(tar)


def test_parquet_of_more_rows_than_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"a": pa.array(np.zeros(3_000_000, dtype=np.int8))}), path)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(DataError, match=r"x\.parquet: 3,000,000 rows in fewer bytes"):
        next(rows_of(DataFile(path), TableForm()))


def test_names_of_bytes_that_are_no_text_do_not_end_a_run(tmp_path: Path) -> None:
    """File names may be any bytes; Python has half characters for them, which no record can hold."""
    run = write_run(tmp_path / "run", [Unit(values=np.arange(5.0))])
    record = run.record.model_dump() | {"command": "glotbench run \udcff", "notes": ["\udcff \U0001f469"]}
    checked = RunRecord.model_validate(record)
    assert "\udcff" not in checked.model_dump_json()
    assert checked.notes[0].endswith("\U0001f469")
    with pytest.raises(UserError, match=r"bytes that are no UTF-8"):
        parse_model("echo:\udcff")


# Secrets


def test_no_secret_of_the_environment_is_collected(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What a run says of its machine is asked of the machine, not of the environment, and git gets no prompt."""
    from harness import machine

    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "OPENAI_API_KEY", "GLOTBENCH_API_KEY", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, SECRET)
    with caplog.at_level(logging.DEBUG):
        said = json.dumps([machine.versions(), machine.hardware(), machine.git_commit()])
    assert SECRET not in said
    assert SECRET not in caplog.text
    assert os.environ["HF_TOKEN"] == SECRET


def test_only_the_command_line_reads_the_environment() -> None:
    readers = {
        str(path.relative_to(ROOT))
        for path in SOURCES
        if re.search(r"os\.environ|getenv", path.read_text(encoding="utf-8"))
    }
    assert not {name for name in readers if name.startswith("leaderboard")}
    assert "harness/machine.py" not in readers
    assert "harness/records.py" not in readers
    assert sys.version_info >= (3, 11)


def test_settings_that_take_long_to_read_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text("task: t\na: " + "x " * 300_000, "utf-8")
    with pytest.raises(SpecError, match=r"t\.yaml: 600,011 bytes; a file of settings has at most 500,000"):
        read_yaml(path)
    path.write_text("a: [" + "1," * 40_000 + "1]", "utf-8")
    with pytest.raises(SpecError, match=r"t\.yaml:1: more than 30,000 values"):
        read_yaml(path)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*$", "((a)b?)*", "(x*y)*"])
def test_filters_of_answers_search_no_pattern_without_end(pattern: str) -> None:
    chain = [{"name": "f", "filter": [{"function": "regex", "regex_pattern": pattern}, {"function": "take_first"}]}]
    assert any("which can take for ever" in text for _, text in check_filters(chain, ("filter_list",)))
    usual = [{"name": "f", "filter": [{"function": "regex", "regex_pattern": r"(-?[0-9.,]{2,})|(-?[0-9]+)"}]}]
    assert not any("for ever" in text for _, text in check_filters(usual, ("filter_list",)))
