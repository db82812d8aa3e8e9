"""What ``datasets`` raises becomes one line that says what to do, and what it loads is written without loss."""

from __future__ import annotations

import json
from pathlib import Path

import datasets
import pyarrow.parquet as pq
import pytest

from harness import hub
from harness.errors import DataError
from harness.hub import HubData, UnreachableError
from harness.rows import RowFilter

DATA = HubData(path="org/nli", config="amh", split="test")


def copy(folder: Path) -> HubData:
    """A copy of a repository that ``datasets`` reads, so that the errors are its own."""
    (folder / "a.jsonl").write_text('{"text": "ሰላም"}\n{"text": 7}\n', encoding="utf-8")
    header = "configs:\n- config_name: amh\n  data_files: [{split: test, path: a.jsonl}]\n"
    (folder / "README.md").write_text(f"---\n{header}---\n", encoding="utf-8")
    return HubData(path=str(folder), config="amh", split="test", local=True, streaming=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"config": "amhh"}, r"no configuration 'amhh' \(did you mean 'amh'\?\); it has amh"),
        ({"split": "tests"}, r"no split 'tests' \(did you mean 'test'\?\); it has test"),
        ({"split": "tests", "streaming": False}, "no split 'tests'"),
        ({"path": "/nowhere/org/nli"}, "cannot be read"),
    ],
)
def test_mistakes_that_datasets_finds(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    fields = {"path": "", "config": "amh", "split": "test", "local": True, "streaming": True, **changes}
    fields["path"] = fields["path"] or copy(tmp_path).path
    if fields["streaming"] is False:
        (tmp_path / "a.jsonl").write_text('{"text": "ሰላም"}\n', encoding="utf-8")
    with pytest.raises(DataError, match=message) as error:
        hub.load(HubData(**fields), "nli amh", tmp_path / "cache")  # type: ignore[arg-type]
    assert "\n" not in str(error.value)


def test_what_breaks_off_is_told(tmp_path: Path) -> None:
    data = copy(tmp_path)
    (tmp_path / "a.jsonl").write_text('{"text": "ሰላም"}\n{"text": \n', encoding="utf-8")
    with pytest.raises(DataError, match="cannot be read"):
        list(hub.rows_of_split(hub.load(data, "t"), data, "t", RowFilter({})))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RuntimeError("Dataset scripts are no longer supported, but found nli.py"), "a loading script .nli.py."),
        (
            datasets.exceptions.DatasetNotFoundError("Dataset 'org/nli' is a gated dataset on the Hub. You must be"),
            "ask for it at https://huggingface.co/datasets/org/nli, then log in",
        ),
        (datasets.exceptions.DatasetNotFoundError("Dataset 'org/nli' doesn't exist."), "Check 'path' and 'revision'"),
        (ConnectionError("Couldn't reach 'org/nli' on the Hub (OfflineModeIsEnabled)"), "'glotbench data fetch' makes"),
        (ValueError("\n first line \n second line"), "cannot be read .first line."),
        (KeyError(), "cannot be read .KeyError."),
    ],
)
def test_every_error_is_one_line(error: Exception, message: str) -> None:
    told = hub.explained(error, DATA, "nli amh")
    assert isinstance(told, UnreachableError) == isinstance(error, ConnectionError)
    assert str(told).startswith("nli amh: data set 'org/nli': ")
    assert "\n" not in str(told)
    with pytest.raises(DataError, match=message):
        raise told


def saved(folder: Path, loaded: object, monkeypatch: pytest.MonkeyPatch, first: int | None = None) -> tuple[Path, int]:
    monkeypatch.setattr(hub, "load", lambda data, where, cache: loaded)
    streaming = isinstance(loaded, datasets.IterableDataset)
    data = HubData(path="org/nli", config="", split="test", streaming=streaming)
    return hub.save(data, folder / "test", "t", folder, first)


def test_splits_are_written_with_their_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"text": "ሰላም \u2028", "label": 1, "choices": ["ሀ", None]}, {"text": None, "label": 0, "choices": []}]
    classes = datasets.ClassLabel(names=["no", "yes"])
    strings = datasets.List(datasets.Value("string"))
    features = datasets.Features({"text": datasets.Value("string"), "label": classes, "choices": strings})
    made = datasets.Dataset.from_list(rows, features=features)
    path, count = saved(tmp_path, made, monkeypatch)
    assert (path.name, count, pq.read_table(path).to_pylist()) == ("test.parquet", 2, rows)
    path, count = saved(tmp_path, made.to_iterable_dataset(), monkeypatch, first=1)
    assert (path.name, count, json.loads(path.read_text(encoding="utf-8"))) == ("test.jsonl", 1, rows[0])


def test_json_columns_are_written_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"meta": {"a": 1}}, {"meta": ["ለ", 2.5]}]
    made = datasets.Dataset.from_list(rows, features=datasets.Features({"meta": datasets.Json()}))
    path, count = saved(tmp_path, made, monkeypatch)
    assert (path.name, count) == ("test.jsonl", 2)
    assert [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] == list(made)


def test_rows_are_chosen_before_they_are_made() -> None:
    made = datasets.Dataset.from_list([{"lang": code, "n": n} for n in range(3000) for code in ("amh", "yor")])
    found = hub.rows_of_split(made, DATA, "t", RowFilter({"lang": ["yor"], "n": [7, 2999]}))
    assert list(found) == [{"lang": "yor", "n": 7}, {"lang": "yor", "n": 2999}]
