"""Reading and joining data as people have it: many formats, scripts and mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.data import DataRoots, Direction, documents_hash, read_documents, read_pairs
from harness.errors import DataError
from harness.spec import DatasetSpec

TEXTS = {
    "amh": ["ሰላም ለዓለም", "ውሃ ይፈላል"],
    "arb": ["مرحبا \u2028 بالعالم", "الماء يغلي"],
    "nqo": ["ߊߟߎ߫ ߣߌ߫ ߖߏ߬", "ߖߌ ߦߋ߫ ߓߊ߯ߙߊ"],
    "eng": ["hello 🦁", 'the "water" boils'],
}


@pytest.fixture
def roots(tmp_path: Path) -> DataRoots:
    return DataRoots(task_folder=tmp_path)


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8"))


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("ending", ["\n", "\r\n", ""])
def test_every_format_gives_the_same_documents(tmp_path: Path, roots: DataRoots, language: str, ending: str) -> None:
    import csv
    import io
    import json

    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{"id": f"s{index}", "text": text} for index, text in enumerate(TEXTS[language], 1)]
    write(tmp_path, "a.tsv", "id\ttext\n" + "\n".join(f"{row['id']}\t{row['text']}" for row in rows) + ending)
    write(tmp_path, "a.jsonl", "\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + ending)
    write(tmp_path, "a.json", json.dumps(rows))
    buffer = io.StringIO()
    csv.writer(buffer).writerows([["id", "text"], *[[row["id"], row["text"]] for row in rows]])
    write(tmp_path, "a.csv", buffer.getvalue())
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    found = [
        read_documents(DatasetSpec(files=f"a.{suffix}", key="id"), roots, language, "task")
        for suffix in ("tsv", "jsonl", "json", "csv", "parquet")
    ]
    assert [[document.fields["text"] for document in documents] for documents in found] == [TEXTS[language]] * 5
    assert len({documents_hash(documents) for documents in found}) == 1


def test_lines_are_cut_at_line_feeds_alone(tmp_path: Path, roots: DataRoots) -> None:
    write(tmp_path, "x.eng", "one\u2028still one\u0085and on\x0b\ntwo\r\nthree")
    documents = read_documents(DatasetSpec(files="x.{lang}"), roots, "eng", "task")
    assert [document.fields["text"] for document in documents] == ["one\u2028still one\u0085and on\x0b", "two", "three"]
    assert [document.id for document in documents] == ["1", "2", "3"]


def test_words_that_look_missing_are_text(tmp_path: Path, roots: DataRoots) -> None:
    write(tmp_path, "x.tsv", "text\nnan\nNULL\n\n-\n1e5\n")
    documents = read_documents(DatasetSpec(files="x.tsv"), roots, "eng", "task")
    assert [document.fields["text"] for document in documents] == ["nan", "NULL", "", "-", "1e5"]


def test_languages_are_joined_on_the_key_in_the_order_of_the_source(tmp_path: Path, roots: DataRoots) -> None:
    write(tmp_path, "eng.tsv", "id\ttext\n3\tthree\n1\tone\n2\ttwo\n")
    write(tmp_path, "amh.tsv", "id\ttext\n1\tአንድ\n4\tአራት\n3\tሦስት\n")
    pairs = read_pairs(
        DatasetSpec(files="{lang}.tsv", key="id"), roots, Direction(source="eng", target="amh", other="amh"), "task"
    )
    assert [(pair.id, pair.fields["source"], pair.fields["target"]) for pair in pairs] == [
        ("3", "three", "ሦስት"),
        ("1", "one", "አንድ"),
    ]


def test_splits_are_joined_and_clusters_are_read(tmp_path: Path, roots: DataRoots) -> None:
    write(tmp_path, "eng/dev.tsv", "id\tdoc\ttext\n1\ta\tone\n")
    write(tmp_path, "eng/test.tsv", "id\tdoc\ttext\n2\ta\ttwo\n3\tb\tthree\n")
    dataset = DatasetSpec(files="{lang}/{split}.tsv", key="id", cluster="doc", splits=("dev", "test"))
    documents = read_documents(dataset, roots, "eng", "task")
    assert [(document.id, document.cluster) for document in documents] == [("1", "1"), ("2", "1"), ("3", "3")]


def test_the_data_root_comes_first(tmp_path: Path) -> None:
    write(tmp_path, "task/x.tsv", "text\nbeside the task\n")
    write(tmp_path, "data/x.tsv", "text\nunder the data root\n")
    roots = DataRoots(task_folder=tmp_path / "task", data_root=tmp_path / "data")
    assert read_documents(DatasetSpec(files="x.tsv"), roots, "eng", "t")[0].fields["text"] == "under the data root"


def test_a_mirror_is_laid_out_like_the_hub(tmp_path: Path) -> None:
    write(tmp_path, "org/name/amh/test.jsonl", '{"text": "ሰላም"}\n')
    roots = DataRoots(task_folder=tmp_path, data_root=tmp_path)
    dataset = DatasetSpec(path="org/name", name="{lang}")
    assert read_documents(dataset, roots, "amh", "t")[0].fields["text"] == "ሰላም"


@pytest.mark.parametrize(
    ("content", "dataset", "message"),
    [
        ("id\ttext\n", {"key": "id"}, "empty"),
        ("id\ttext\n1\n", {"key": "id"}, "x.tsv:2: 1 columns, expected 2"),
        ("id\ttext\n1\ta\n1\tb\n", {"key": "id"}, "'1' twice"),
        ("idd\ttext\n1\ta\n", {"key": "id"}, "no column 'id' (did you mean 'idd'?)"),
        ("id\ttext\n1\ta\n", {"key": "id", "cluster": "doc"}, "no column 'doc'"),
    ],
)
def test_mistakes_in_data_are_named(
    tmp_path: Path, roots: DataRoots, content: str, dataset: dict[str, str], message: str
) -> None:
    write(tmp_path, "x.tsv", content)
    with pytest.raises(DataError) as error:
        read_documents(DatasetSpec(files="x.tsv", **dataset), roots, "eng", "mytask eng")
    assert message in str(error.value)


@pytest.mark.parametrize("pattern", ["../secret.tsv", "/etc/passwd", "a/../../b.tsv"])
def test_patterns_cannot_leave_their_root(roots: DataRoots, pattern: str) -> None:
    with pytest.raises(DataError, match="leaves the data folder"):
        read_documents(DatasetSpec(files=pattern), roots, "eng", "task")


def test_files_that_are_not_utf8_and_not_json_are_named(tmp_path: Path, roots: DataRoots) -> None:
    (tmp_path / "x.tsv").write_bytes(b"text\n\xff\xfe\n")
    with pytest.raises(DataError, match="not UTF-8"):
        read_documents(DatasetSpec(files="x.tsv"), roots, "eng", "task")
    write(tmp_path, "x.jsonl", "{broken\n")
    with pytest.raises(DataError, match="not valid JSON"):
        read_documents(DatasetSpec(files="x.jsonl"), roots, "eng", "task")


def test_line_aligned_sides_must_have_equal_lengths(tmp_path: Path, roots: DataRoots) -> None:
    write(tmp_path, "t.en", "one\ntwo\n")
    write(tmp_path, "t.am", "አንድ\n")
    dataset = DatasetSpec(source_files="t.{source}", target_files="t.{target}", format="lines")
    with pytest.raises(DataError, match="same number"):
        read_pairs(dataset, roots, Direction(source="en", target="am", other="am"), "task")


def test_sib200_languages_are_parallel(shared_data: Path) -> None:
    dataset = DatasetSpec(files="sib200/{lang}/{split}.tsv", splits=("train", "dev", "test"), key="index_id")
    roots = DataRoots(task_folder=shared_data, data_root=shared_data)
    pairs = read_pairs(dataset, roots, Direction(source="eng_Latn", target="amh_Ethi", other="amh_Ethi"), "sib200")
    assert len(pairs) == 1004
    assert all(pair.fields["source"] and pair.fields["target"] for pair in pairs)
