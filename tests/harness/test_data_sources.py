"""Where rows are read from, in order: mirrors of the hub, repositories, archives, the hub, files beside the task."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness import hub
from harness.data import DataRoots, Direction, documents_hash, read_documents, read_pairs, read_rows, text_of
from harness.errors import DataError
from harness.rows import Row
from harness.sources import fill
from harness.spec import DatasetSpec, merged
from tests.harness.test_archives import packed

ROWS = [{"id": "1", "text": "ሰላም ለዓለም", "label": 0}, {"id": "2", "text": 'ውሃ "ይፈላል" \u2028', "label": 1}]


def roots(folder: Path) -> DataRoots:
    return DataRoots(task_folder=folder / "tasks", data_root=folder / "data")


def write(path: Path, rows: Sequence[Row]) -> Path:
    """Rows in the format of the path's ending, under folders made for them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(list(rows)), path)
    elif path.suffix == ".tsv":
        cells = [
            ["\t".join(rows[0])],
            *(['"' + str(value).replace('"', '""') + '"' for value in row.values()] for row in rows),
        ]
        path.write_text("\n".join("\t".join(line) for line in cells) + "\n", encoding="utf-8")
    elif path.suffix in (".json", ".jsonl"):
        texts = [json.dumps(row, ensure_ascii=False) for row in rows]
        path.write_text("[" + ",".join(texts) + "]" if path.suffix == ".json" else "\n".join(texts), encoding="utf-8")
    else:
        path.write_text("".join(f"{row['text']}\n" for row in rows), encoding="utf-8")
    return path


def read(
    folder: Path, dataset: Mapping[str, object], split: str = "test", names: Mapping[str, str] | None = None
) -> list[Row]:
    spec = DatasetSpec.model_validate(dataset)
    return [dict(row) for row in read_rows(spec, roots(folder), names or {"lang": "amh"}, "task amh", split)]


HUB = {"path": "org/nli", "name": "{lang}"}


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("org/nli/amh/test.parquet", "{lang}"),
        ("org/nli/amh/test.jsonl", "{lang}"),
        ("org/nli/amh/test.json", "{lang}"),
        ("org/nli/amh/test.tsv", "{lang}"),
        ("org/nli/data/amh/test.tsv", "{lang}"),
        ("org/nli/amh/test-00000-of-00001.parquet", "{lang}"),
        ("org/nli/amh/test/0000.parquet", "{lang}"),
        ("org/nli/test.parquet", None),
        ("org/nli/data/test.parquet", None),
        ("org/nli/data/test-00000-of-00001.parquet", None),
        ("org/nli/default/test.parquet", None),
        ("nli/test.jsonl", None),
    ],
)
def test_a_mirror_has_the_hubs_rows_with_their_types(tmp_path: Path, name: str, config: str | None) -> None:
    numbered = [{**row, "id": int(str(row["id"]))} for row in ROWS]
    write(tmp_path / "data" / name, numbered)
    assert read(tmp_path, {"path": "org/nli" if name.startswith("org") else "nli", "name": config}) == numbered


def test_shards_are_read_in_order_and_must_be_complete(tmp_path: Path) -> None:
    folder = tmp_path / "data/org/nli/amh"
    for number in range(3):
        write(folder / f"test-{number:05}-of-00003.parquet", [{"n": number * 10 + row} for row in range(3)])
    assert [row["n"] for row in read(tmp_path, HUB)] == [0, 1, 2, 10, 11, 12, 20, 21, 22]
    (folder / "test-00001-of-00003.parquet").unlink()
    with pytest.raises(DataError, match="2 of 3 shards of 'test'"):
        read(tmp_path, HUB)


def test_a_mirror_is_never_read_for_another_configuration_or_split(tmp_path: Path) -> None:
    write(tmp_path / "data/org/nli/test.parquet", [{"text": "all languages"}])
    write(tmp_path / "data/org/nli/amh/test_hard.parquet", [{"text": "another split"}])
    write(tmp_path / "data/org/nli/amh/latest-00000-of-00001.parquet", [{"text": "another split"}])
    write(tmp_path / "data/elsewhere.jsonl", [{"text": "the files"}])
    assert read(tmp_path, {**HUB, "files": "elsewhere.jsonl"}) == [{"text": "the files"}]


def test_the_hubs_other_names_of_a_split(tmp_path: Path) -> None:
    write(tmp_path / "data/org/nli/amh/dev.jsonl", ROWS)
    assert read(tmp_path, HUB, split="validation") == ROWS
    write(tmp_path / "data/org/nli/amh/validation.jsonl", ROWS[:1])
    assert read(tmp_path, HUB, split="validation") == ROWS[:1]


README = """---
license: apache-2.0
configs:
- config_name: amh
  data_files:
  - split: validation
    path: data/amh/dev.tsv
  - split: test
    path: data/amh/test*.tsv
- config_name: yor
  data_files: [{split: test, path: data/yor/test.tsv}]
---
# ጥቅል
"""


def test_a_copy_of_the_hubs_repository_is_read_as_its_readme_says(tmp_path: Path) -> None:
    repository = tmp_path / "data/org/nli"
    write(repository / "data/amh/dev.tsv", ROWS[:1])
    write(repository / "data/amh/test_a.tsv", ROWS)
    write(repository / "data/amh/test.jsonl", [{"text": "not what the README says"}])
    (repository / "README.md").write_text(README, encoding="utf-8")
    typed = [{**row, "id": int(str(row["id"]))} for row in ROWS]
    assert read(tmp_path, HUB) == typed
    assert read(tmp_path, HUB, split="validation") == typed[:1]
    with pytest.raises(DataError, match=r"no split 'tests' .did you mean 'test'.*it has validation, test"):
        read(tmp_path, HUB, split="tests")


TYPED = """dataset_info:
- config_name: amh
  features:
  - {name: text, dtype: string}
  - {name: label, dtype: {class_label: {names: {'0': 'no', '1': 'yes'}}}}
"""


@pytest.mark.parametrize("types", ["", TYPED])
@pytest.mark.parametrize("more", ["", "  sep: ';'\n"])
@pytest.mark.parametrize("form", ["tsv", "jsonl", "parquet"])
def test_a_copy_of_a_repository_has_the_rows_that_datasets_reads(
    tmp_path: Path, form: str, more: str, types: str
) -> None:
    import datasets

    folder = tmp_path / "data/org/nli"
    rows = [{"text": "ሰላም; 'ለ'", "label": "yes"}, {"text": "မင်္ဂလာပါ", "label": "no"}]
    write(folder / f"x/a-1.{form}", rows)
    write(folder / f"x/a-2.{form}", rows[::-1])
    files = f"configs:\n- config_name: amh\n  data_files: [{{split: test, path: x/a-*.{form}}}]\n{more}"
    (folder / "README.md").write_text(f"---\n{files}{types}---\n")
    try:
        expected = list(datasets.load_dataset(str(folder), "amh", split="test", streaming=True))
    except (ValueError, TypeError, datasets.exceptions.DatasetGenerationError):
        with pytest.raises(DataError, match="cannot be read"):
            read(tmp_path, HUB)
    else:
        assert read(tmp_path, HUB) == expected


@pytest.mark.parametrize(
    "data_files", ["../../secret.tsv", "/etc/passwd", "https://x.org/x.tsv", "[{split: test, path: [a.tsv, ../b.tsv]}]"]
)
def test_a_readme_cannot_lead_out_of_its_repository(tmp_path: Path, data_files: str) -> None:
    write(tmp_path / "data/org/nli/a.tsv", ROWS)
    text = f"---\nconfigs:\n- config_name: amh\n  data_files: {data_files}\n---\n"
    (tmp_path / "data/org/nli/README.md").write_text(text)
    with pytest.raises(DataError, match=r"README\.md names '.*', which is outside of it"):
        read(tmp_path, HUB)


def test_sources_in_order(tmp_path: Path) -> None:
    """The mirror of the hub, the files there, their archive; the files beside the task are last."""
    dataset = {
        "path": "org/nli",
        "name": "{lang}",
        "files": ["first/{lang}.jsonl", "second/{lang}.jsonl"],
        "archive": "x.zip",
    }
    places = {
        "beside the task": write(tmp_path / "tasks/first/amh.jsonl", [{"text": "beside the task"}]),
        "archive": packed(write(tmp_path / "data/x.zip", ROWS), {"second/amh.jsonl": b'{"text": "archive"}'}),
        "unpacked archive": write(tmp_path / "data/x/second/amh.jsonl", [{"text": "unpacked archive"}]),
        "second": write(tmp_path / "data/second/amh.jsonl", [{"text": "second"}]),
        "first": write(tmp_path / "data/first/amh.jsonl", [{"text": "first"}]),
        "mirror": write(tmp_path / "data/org/nli/amh/test.jsonl", [{"text": "mirror"}]),
    }
    for name in reversed(places):
        wanted = {key: value for key, value in dataset.items() if key not in ("path", "name") or name == "mirror"}
        assert read(tmp_path, wanted) == [{"text": name}]
        places[name].unlink()
    with pytest.raises(DataError, match=r"no file 'first/amh.jsonl' or 'second/amh.jsonl'.*nor in the archive 'x.zip'"):
        read(tmp_path, {"files": dataset["files"], "archive": "x.zip"})


def test_files_beside_the_task_stand_in_for_a_hub_that_has_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    write(tmp_path / "tasks/amh.jsonl", [{"text": "beside the task"}])
    dataset = {
        "path": "org/nli",
        "name": "{lang}",
        "files": "{lang}.jsonl",
        "where": {"text": ["hub", "beside the task"]},
    }
    there = datasets.Dataset.from_list([{"text": "ሌላ", "n": 1}, {"text": "hub", "n": 2}])
    monkeypatch.setattr(hub, "load", lambda data, where: there)
    assert read(tmp_path, dataset) == [{"text": "hub", "n": 2}]

    def unreachable(data: hub.HubData, where: str) -> None:
        raise hub.explained(ConnectionError("Couldn't reach 'org/nli' on the Hub"), data, where)

    monkeypatch.setattr(hub, "load", unreachable)
    assert read(tmp_path, dataset) == [{"text": "beside the task"}]
    (tmp_path / "tasks/amh.jsonl").unlink()
    with pytest.raises(DataError, match=r"'org/nli': the hub cannot be reached .*'glotbench data fetch' makes"):
        read(tmp_path, dataset)


def test_files_without_a_split_are_those_of_the_splits_alone(tmp_path: Path) -> None:
    """Few-shot examples must not come from the test set because a pattern has no ``{split}``."""
    write(tmp_path / "data/amh.jsonl", ROWS)
    assert read(tmp_path, {"files": "{lang}.jsonl"}) == ROWS
    with pytest.raises(
        DataError, match=r"no file for split 'train'; without {split}, '{lang}.jsonl' is that of 'test'"
    ):
        read(tmp_path, {"files": "{lang}.jsonl"}, split="train")


def test_a_release_may_call_its_splits_otherwise(tmp_path: Path) -> None:
    write(tmp_path / "data/x-final/am/test_2k.jsonl", ROWS)
    dataset = {"files": "x-final/{lang}/{split}.jsonl", "split_names": {"test": "test_2k", "validation": "dev_2k"}}
    assert read(tmp_path, dataset, names={"lang": "am"}) == ROWS
    with pytest.raises(DataError, match=r"x-final/am/dev_2k\.jsonl"):
        read(tmp_path, dataset, split="validation", names={"lang": "am"})


def test_placeholders_are_filled_once_and_cannot_leave() -> None:
    names = {"lang": "{split}", "split": "test", "other": "ߒߞߏ"}
    assert fill("{lang}/{split}.{other}.{unknown}.{", names) == "{split}/test.ߒߞߏ.{unknown}.{"


@pytest.mark.parametrize(
    ("dataset", "code"),
    [
        ({"files": "{lang}.jsonl"}, "../secret"),
        ({"files": "{lang}"}, "/etc/passwd"),
        ({"path": "org/nli", "name": "{lang}"}, "../../secret"),
        ({"path": "../secret"}, "amh"),
        ({"files": "b", "archive": "../x.zip"}, "amh"),
        ({"files": "a", "texts": {"book": "../book.txt"}}, "amh"),
        ({"files": "a", "cluster_files": "../ids"}, "amh"),
    ],
)
def test_nothing_leaves_its_root(tmp_path: Path, dataset: dict[str, object], code: str) -> None:
    write(tmp_path / "data/a", ROWS)
    write(tmp_path / "secret/test.jsonl", ROWS)
    with pytest.raises(DataError, match=r"leaves the data folder|no file"):
        read_documents(DatasetSpec.model_validate(dataset), roots(tmp_path), code, "task")


def test_links_may_lead_out_of_the_data_root_but_not_out_of_a_tasks_folder(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere/amh.jsonl", ROWS)
    for folder in ("data", "tasks"):
        (tmp_path / folder).mkdir()
    (tmp_path / "data/amh.jsonl").symlink_to(tmp_path / "elsewhere/amh.jsonl")
    assert read(tmp_path, {"files": "{lang}.jsonl"}) == ROWS
    (tmp_path / "data/amh.jsonl").rename(tmp_path / "tasks/amh.jsonl")
    with pytest.raises(DataError, match="a link that leaves the task's folder"):
        read(tmp_path, {"files": "{lang}.jsonl"})


def test_a_name_that_no_file_system_takes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file system takes"):
        read(tmp_path, {"files": "{lang}"}, names={"lang": "አ" * 200})


@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
def test_one_file_for_all_languages(tmp_path: Path, ending: str) -> None:
    """FLORES+: a language is two columns; the selection is made from the parts of the code."""
    rows = [
        {"id": number, "iso_639_3": code, "iso_15924": script, "text": f"{code} {script} {number}"}
        for code, script in (("amh", "Ethi"), ("zho", "Hans"), ("zho", "Hant"), ("eng", "Latn"))
        for number in (1, 2)
    ]
    write(tmp_path / f"data/plus/devtest.{ending}", rows)
    dataset = {
        "path": "plus",
        "splits": ["devtest"],
        "key": "id",
        "where": {"iso_639_3": "{lang_code}", "iso_15924": "{lang_script}"},
    }
    found = read(tmp_path, dataset, split="devtest", names={"lang": "zho_Hant"})
    assert [row["text"] for row in found] == ["zho Hant 1", "zho Hant 2"]
    spec = DatasetSpec.model_validate(dataset)
    pairs = read_pairs(spec, roots(tmp_path), Direction(source="amh_Ethi", target="zho_Hans", other="amh_Ethi"), "t")
    assert [tuple(pair.fields.values()) for pair in pairs] == [
        ("amh Ethi 1", "zho Hans 1"),
        ("amh Ethi 2", "zho Hans 2"),
    ]
    with pytest.raises(DataError, match=r"no row has iso_639_3 = yor; the column has amh, zho, eng"):
        read(tmp_path, dataset, split="devtest", names={"lang": "yor_Latn"})
    with pytest.raises(DataError, match="no row has iso_639_3 = amh and iso_15924 = Latn together"):
        read(tmp_path, dataset, split="devtest", names={"lang": "amh_Latn"})
    with pytest.raises(DataError, match=r"no column 'iso_639' \(did you mean 'iso_639_3'\?\)"):
        read(tmp_path, {**dataset, "where": {"iso_639": "amh"}}, split="devtest")


def test_rows_are_chosen_by_several_values_and_by_nested_columns(tmp_path: Path) -> None:
    rows = [
        {"meta": {"domain": name}, "bad": name == "news", "n": name} for name in ("news", "social", "canary", "ሰነድ")
    ]
    write(tmp_path / "data/x.jsonl", rows)
    write(tmp_path / "data/x.parquet", rows)
    for name in ("x.jsonl", "x.parquet"):
        wanted = {"files": name, "where": {"meta.domain": ["social", "ሰነድ", "news"], "bad": False}}
        assert [row["n"] for row in read(tmp_path, wanted)] == ["social", "ሰነድ"]


def test_both_sides_in_one_row(tmp_path: Path) -> None:
    """WMT24++: a file for each language, English in a column of its own; SALT: a column for each language."""
    rows = [
        {"source": "Water boils.", "target": "ውሃ ይፈላል።", "document_id": "d1", "domain": "news"},
        {"source": "BENCHMARK", "target": "BENCHMARK", "document_id": "c", "domain": "canary"},
    ]
    write(tmp_path / "data/google/wmt24pp/en-am_ET/train.jsonl", rows)
    dataset = DatasetSpec(
        path="google/wmt24pp",
        name="en-{other}",
        splits=("train",),
        text="target",
        pivot_text="source",
        cluster="document_id",
        where={"domain": "news"},
    )
    for source, target in (("en", "am_ET"), ("am_ET", "en")):
        pairs = read_pairs(dataset, roots(tmp_path), Direction(source=source, target=target, other="am_ET"), "t")
        texts = {"en": "Water boils.", "am_ET": "ውሃ ይፈላል።"}
        assert [(pair.cluster, pair.fields) for pair in pairs] == [
            ("d1", {"source": texts[source], "target": texts[target]})
        ]
    write(tmp_path / "data/salt/test.parquet", [{"id": 7, "eng_text": "water", "lug_text": "amazzi", "ach_text": None}])
    salt = DatasetSpec(path="salt", key="id", text="{lang}_text")
    pairs = read_pairs(salt, roots(tmp_path), Direction(source="eng", target="lug", other="lug"), "t")
    assert [(pair.id, pair.fields) for pair in pairs] == [("7", {"source": "water", "target": "amazzi"})]
    row = {"lug_text": "amazzi", "ach_text": None}
    assert text_of(salt, row, "lug", "t") == "amazzi"
    with pytest.raises(DataError, match="nothing in column 'ach_text'"):
        text_of(salt, row, "ach", "t")
    with pytest.raises(DataError, match="nothing in column 'ach_text'"):
        read_pairs(salt, roots(tmp_path), Direction(source="eng", target="ach", other="ach"), "t")


def test_sides_of_a_repository_beside_the_hubs_translation_column(tmp_path: Path) -> None:
    """MAFAND: the hub has a mapping by language; its repository has a file a side."""
    dataset = DatasetSpec(
        path="masakhane/mafand",
        name="en-{other}",
        text="translation.{lang}",
        source_files="mafand/{other}/{split}.{source}",
        target_files="mafand/{other}/{split}.{target}",
        format="lines",
    )
    direction = Direction(source="en", target="hau", other="hau")
    for code, text in (("en", "Water boils."), ("hau", "Ruwa yana tafasa.")):
        write(tmp_path / f"data/mafand/hau/test.{code}", [{"text": text}])
    expected = {"source": "Water boils.", "target": "Ruwa yana tafasa."}
    assert [pair.fields for pair in read_pairs(dataset, roots(tmp_path), direction, "t")] == [expected]
    rows = [{"translation": {"en": "Fire.", "hau": "Wuta."}}]
    write(tmp_path / "data/masakhane/mafand/en-hau/test.jsonl", rows)
    assert [pair.fields for pair in read_pairs(dataset, roots(tmp_path), direction, "t")] == [
        {"source": "Fire.", "target": "Wuta."}
    ]


def test_whole_texts_are_shared_by_all_documents(tmp_path: Path) -> None:
    book = "ሰዋስው 📖\n" * 10_000
    write(tmp_path / "data/x.jsonl", ROWS)
    (tmp_path / "data/book.txt").write_bytes(b"\xef\xbb\xbf" + book.encode())
    dataset = DatasetSpec(files="x.jsonl", texts={"book": "book.txt"}, key="id")
    documents = read_documents(dataset, roots(tmp_path), "kgv", "t")
    assert [document.fields["book"] for document in documents] == [book, book]
    assert documents[0].fields["book"] is documents[1].fields["book"]
    (tmp_path / "data/book.txt").write_text(book + ".", encoding="utf-8")
    assert documents_hash(read_documents(dataset, roots(tmp_path), "kgv", "t")) != documents_hash(documents)
    pairs = read_pairs(dataset, roots(tmp_path), Direction(source="a", target="b", other="b"), "t")
    assert set(pairs[0].fields) == {"source", "target", "book"}


def test_items_named_by_several_columns(tmp_path: Path) -> None:
    rows = [{"link": "https://a", "question_number": number, "text": f"ጥያቄ {number}"} for number in (1, 2)]
    write(tmp_path / "data/amh.jsonl", rows)
    write(tmp_path / "data/mya.jsonl", [{**row, "text": f"မေးခွန်း {row['question_number']}"} for row in reversed(rows)])
    dataset = DatasetSpec(files="{lang}.jsonl", key=("link", "question_number"), cluster="link")
    pairs = read_pairs(dataset, roots(tmp_path), Direction(source="amh", target="mya", other="mya"), "t")
    assert [(pair.id, pair.cluster, pair.fields["target"]) for pair in pairs] == [
        ("https://a#1", "https://a", "မေးခွန်း 1"),
        ("https://a#2", "https://a", "မေးခွန်း 2"),
    ]
    with pytest.raises(DataError, match="column 'link' has 'https://a' twice"):
        read_documents(merged(dataset, {"key": "link"}), roots(tmp_path), "amh", "t")


def test_only_as_many_items_as_wanted(tmp_path: Path) -> None:
    """The files break off after the first items: whoever reads on would fail."""
    for code in ("eng", "amh"):
        write(tmp_path / f"data/{code}.jsonl", [{"id": number, "text": f"{code} {number}"} for number in range(5)])
        with (tmp_path / f"data/{code}.jsonl").open("ab") as handle:
            handle.write(b"\n{broken")
    direction = Direction(source="eng", target="amh", other="amh")
    for key in ("id", None):
        dataset = DatasetSpec(files="{lang}.jsonl", max_items=3, key=key)
        assert len(read_documents(dataset, roots(tmp_path), "eng", "t")) == 3
        pairs = read_pairs(dataset, roots(tmp_path), direction, "t")
        assert [pair.fields["target"] for pair in pairs] == ["amh 0", "amh 1", "amh 2"]
    with pytest.raises(DataError, match="not valid JSON"):
        read_documents(DatasetSpec(files="{lang}.jsonl"), roots(tmp_path), "eng", "t")


def test_items_that_are_not_parallel_are_different_items(tmp_path: Path) -> None:
    for code in ("amh", "yor"):
        write(tmp_path / f"data/{code}.jsonl", ROWS)
    dataset = DatasetSpec(files="{lang}.jsonl", key="id", parallel=False)
    found = [document.id for code in ("amh", "yor") for document in read_documents(dataset, roots(tmp_path), code, "t")]
    assert found == ["amh:1", "amh:2", "yor:1", "yor:2"]


def test_changes_are_validated_with_what_they_change() -> None:
    dataset = DatasetSpec(files="{lang}.jsonl", where={"domain": "news"}, splits=("test",))
    changed = merged(dataset, {"where": {"domain": ["social", "speech"], "bad": False}, "splits": ["dev", "test"]})
    assert changed.where == {"domain": ("social", "speech"), "bad": False}
    assert changed.splits == ("dev", "test")
    assert changed.files == dataset.files
    with pytest.raises(DataError, match="t: dataset: splits: "):
        merged(dataset, {"splits": []}, "t: dataset")
    with pytest.raises(DataError, match="not both"):
        merged(dataset, {"source_files": "a", "target_files": "b"})


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ({}, "no source; give 'files', 'source_files' with 'target_files', or 'path'"),
        ({"source_files": "a", "target_files": "b"}, "'source_files' belongs to directions"),
        ({"files": "{lang}.txt"}, "no file 'amh.txt' under"),
        ({"files": "{lang}.txt", "url": "https://x.org/{lang}"}, "'glotbench data fetch' gets it"),
    ],
)
def test_what_is_nowhere_is_named(tmp_path: Path, dataset: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, dataset)


def test_tsv_archive_and_language_column_of_a_real_release(tmp_path: Path) -> None:
    """XNLI's release: a zip, one table for all languages, other column names and words for labels than the hub's."""
    lines = [
        "language\tgold_label\tsentence1\tsentence2",
        'sw\tneutral\t"Maji\tyanachemka',
        "th\tentailment\tน้ำเดือด\tร้อน",
    ]
    (tmp_path / "data").mkdir()
    packed(tmp_path / "data/XNLI-1.0.zip", {"XNLI-1.0/xnli.dev.tsv": "\n".join(lines).encode()})
    dataset = {
        "path": "facebook/xnli",
        "name": "{lang}",
        "archive": "XNLI-1.0.zip",
        "files": "XNLI-1.0/xnli.{split}.tsv",
        "split_names": {"validation": "dev"},
        "rename": {"sentence1": "premise", "sentence2": "hypothesis", "gold_label": "label"},
        "types": {"label": {"entailment": 0, "neutral": 1, "contradiction": 2}},
        "where": {"language": "{lang}"},
    }
    assert read(tmp_path, dataset, split="validation", names={"lang": "th"}) == [
        {"language": "th", "label": 0, "premise": "น้ำเดือด", "hypothesis": "ร้อน"}
    ]


def test_a_release_archive_of_line_aligned_files(tmp_path: Path) -> None:
    """FLORES-200's tarball, as it is under the data root."""
    texts = {"eng_Latn": "Water boils.\nFire burns.\n", "nqo_Nkoo": "ߖߌ ߦߋ߫ ߓߊ߯ߙߊ\nߕߊ ߦߋ߫ ߡߊ߲߬ߞߊ߲\n"}
    members = {
        f"./flores200_dataset/{split}/{code}.{split}": text.encode()
        for split in ("dev", "devtest")
        for code, text in texts.items()
    }
    (tmp_path / "data").mkdir()
    packed(tmp_path / "data/flores200_dataset.tar.gz", members)
    dataset = DatasetSpec(
        files="flores200_dataset/{split}/{lang}.{split}",
        archive="flores200_dataset.tar.gz",
        format="lines",
        splits=("dev", "devtest"),
    )
    pairs = read_pairs(dataset, roots(tmp_path), Direction(source="eng_Latn", target="nqo_Nkoo", other="nqo_Nkoo"), "t")
    assert [pair.fields["target"] for pair in pairs] == texts["nqo_Nkoo"].split("\n")[:2] * 2
    assert [pair.id for pair in pairs] == ["1", "2", "3", "4"]


def test_nested_questions_and_a_canary_in_front(tmp_path: Path) -> None:
    """XQuAD's repository; MTOB's examples, which begin with a row that is none."""
    question = {"id": "56be", "question": "ስንት?", "answers": [{"text": "ሁለት", "answer_start": 0}]}
    article = {"title": "t", "paragraphs": [{"context": "ሁለት ወንዞች", "qas": [question]}]}
    (tmp_path / "data").mkdir()
    (tmp_path / "data/xquad.am.json").write_text(json.dumps({"data": [article], "version": "1.1"}), encoding="utf-8")
    squad = DatasetSpec(files="xquad.{lang}.json", format="squad", key="id", cluster="context")
    (document,) = read_documents(squad, roots(tmp_path), "am", "t")
    assert (document.id, document.cluster) == ("56be", "56be")
    assert document.fields["answers"] == {"text": ["ሁለት"], "answer_start": [0]}
    examples = [{"big-bench-canary": "..."}, {"original": "Mu he jie.", "ground_truth": "They came."}]
    (tmp_path / "data/ke.json").write_text(json.dumps(examples), encoding="utf-8")
    mtob = DatasetSpec(files="ke.json", skip=1, text="original", pivot_text="ground_truth")
    pairs = read_pairs(mtob, roots(tmp_path), Direction(source="kgv", target="eng", other="kgv"), "t")
    assert [pair.fields for pair in pairs] == [{"source": "Mu he jie.", "target": "They came."}]
