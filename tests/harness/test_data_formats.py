"""Bytes of one file to rows: the forms that releases come in, and what is wrong with damaged ones."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import formats
from harness.errors import DataError
from harness.formats import DataFile, TableForm, lines_of, rows_of
from harness.rows import Row, RowFilter, Shape
from harness.spec import DatasetSpec


def rows(path: Path, **form: object) -> list[Row]:
    return list(rows_of(DataFile(path), TableForm(**form)))  # type: ignore[arg-type]


def write(path: Path, text: str) -> Path:
    content = text.encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


ITEMS = [{"id": 1, "text": "ሰላም \u2028 ለዓለም"}, {"id": 2, "text": "สวัสดี\tชาวโลก 🦁"}]


@pytest.mark.parametrize("ending", ["jsonl", "json", "ndjson", "jsonl.gz", "json.gz"])
@pytest.mark.parametrize("whole", [True, False])
def test_json_is_a_list_or_an_object_a_line_whatever_its_ending(tmp_path: Path, ending: str, whole: bool) -> None:
    if whole and not ending.startswith("json."[:-1]):
        return
    text = json.dumps(ITEMS, indent=1) if whole else "\n".join(json.dumps(item) for item in ITEMS) + "\n\n"
    path = write(tmp_path / f"x.{ending}", text)
    if whole and ending.startswith(("jsonl", "ndjson")):
        with pytest.raises(DataError, match="not valid JSON"):
            rows(path)
    else:
        assert rows(path) == ITEMS


def test_a_member_of_an_archive_is_a_file_like_any_other(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ITEMS), buffer)
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.parquet", buffer.getvalue())
        archive.writestr("b.jsonl.gz", gzip.compress("\n".join(map(json.dumps, ITEMS)).encode()))
    for member in ("a.parquet", "b.jsonl.gz"):
        file = DataFile(tmp_path / "x.zip", member)
        assert list(rows_of(file, TableForm())) == ITEMS
        assert str(file).endswith(f"x.zip!{member}")


def test_squad_is_flattened_as_the_hub_has_it(tmp_path: Path) -> None:
    question = {
        "id": "q1",
        "question": "ማን?",
        "answers": [{"text": "እኔ", "answer_start": 3}, {"text": "እ", "answer_start": 3}],
    }
    other = {"id": "q2", "question": "ምን?", "answers": []}
    release = {
        "version": "1.1",
        "data": [
            {"title": "ርዕስ", "paragraphs": [{"context": "አለ እኔ", "qas": [question, other]}]},
            {"paragraphs": [{"context": "c", "qas": [{"id": "q3", "question": "?"}]}]},
        ],
    }
    found = rows(write(tmp_path / "x.json", json.dumps(release)), format="squad")
    assert found == [
        {
            "id": "q1",
            "question": "ማን?",
            "title": "ርዕስ",
            "context": "አለ እኔ",
            "answers": {"text": ["እኔ", "እ"], "answer_start": [3, 3]},
        },
        {
            "id": "q2",
            "question": "ምን?",
            "title": "ርዕስ",
            "context": "አለ እኔ",
            "answers": {"text": [], "answer_start": []},
        },
        {"id": "q3", "question": "?", "title": "", "context": "c", "answers": {"text": [], "answer_start": []}},
    ]
    with pytest.raises(DataError, match="'data' is not a list of objects"):
        rows(write(tmp_path / "y.json", json.dumps({"rows": []})), format="squad")


def test_quotes_in_tsv_are_text_unless_said_otherwise(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tsv", 'a\tb\n"ሰላም ""x"""\t1\n')
    assert rows(path) == [{"a": '"ሰላም ""x"""', "b": "1"}]
    assert rows(path, quotes=True) == [{"a": 'ሰላም "x"', "b": "1"}]
    path = write(tmp_path / "y.tsv", 'a\tb\n"one\ttwo\nthree"\t1\n')
    assert rows(path, quotes=True) == [{"a": "one\ttwo\nthree", "b": "1"}]


def test_columns_name_a_table_with_or_without_header(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tsv", "A\tB\n1\t2\n")
    assert rows(path, columns=("a", "b"), header=True) == [{"a": "1", "b": "2"}]
    assert rows(path, columns=("a", "b")) == [{"a": "A", "b": "B"}, {"a": "1", "b": "2"}]
    assert rows(path, columns=("a", "b"), skip=1) == [{"a": "1", "b": "2"}]


@pytest.mark.parametrize("form", ["jsonl", "tsv", "csv", "lines", "parquet"])
def test_who_wants_the_first_rows_reads_no_more(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"x.{form}"
    good = [{"text": f"ጽሑፍ {number}"} for number in range(2000)]
    if form == "parquet":
        pq.write_table(
            pa.Table.from_pylist(good + [{"text": "x" * 1000}] * 20), path, row_group_size=2000, compression="NONE"
        )
        content = bytearray(path.read_bytes())
        at = content.index(b"x" * 900)
        content[at - 60 : at] = b"\xff" * 60  # the page header of the second row group
        path.write_bytes(content)
    else:
        texts = [json.dumps(row) if form == "jsonl" else row["text"] for row in good]
        head = "" if form in ("jsonl", "lines") else "text\n"
        path.write_bytes((head + "\n".join(texts) + "\n").encode() + b"\xff\xfe\n" * 100_000)
    reading = rows_of(DataFile(path), TableForm())
    assert [next(reading) for _ in range(20)] == good[:20]
    with pytest.raises(DataError, match=r"x\."):
        list(reading)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), st.booleans())
def test_lines_are_those_of_splitting_at_line_feeds(text: str, final: bool) -> None:
    content = text.encode() + (b"\n" if final else b"")
    expected = content.decode().removeprefix("\ufeff").split("\n")
    expected = expected[:-1] if expected[-1] == "" else expected
    found = list(lines_of(io.BytesIO(content), "x"))
    assert found == [line.removesuffix("\r") for line in expected]


def test_lines_without_end_and_damage_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "x.txt", "ሰላም" * 100)
    monkeypatch.setattr(formats, "MAX_LINE", 100)
    with pytest.raises(DataError, match="a line of more than 100 bytes"):
        rows(path)
    packed = write(tmp_path / "y.jsonl.gz", '{"a": 1}\n' * 10_000)
    packed.write_bytes(packed.read_bytes()[:-30])
    with pytest.raises(DataError, match=r"y\.jsonl\.gz: damaged"):
        rows(packed)
    monkeypatch.setattr(formats, "MAX_WHOLE", 100)
    with pytest.raises(DataError, match="more than 100 bytes"):
        rows(write(tmp_path / "z.json", "[" + "1," * 100 + "1]"))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.json", "[1]", "row 1: expected an object, found int"),
        ("x.json", '"text"', "expected a list of objects, found str"),
        ("x.jsonl", '{"a": 1}\n[2]\n', "x.jsonl:2: expected an object, found list"),
        ("x.jsonl", '{"a": 1}\n{"a": \n', "x.jsonl:2: not valid JSON"),
        ("x.json", "[" * 100_000, "not valid JSON"),
        ("x.csv", "a\n" + '"' + "x" * 200_000, "not readable as csv"),
        ("x.parquet", "PAR1 no", "not a readable parquet file"),
    ],
)
def test_what_is_not_of_its_format_is_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        rows(write(tmp_path / name, text))


CELLS = st.one_of(st.text(max_size=3), st.integers(-2, 12), st.booleans(), st.sampled_from(["1", "True", "አማርኛ"]))


@given(st.lists(CELLS, max_size=12), st.lists(st.one_of(CELLS), min_size=1, max_size=3))
def test_columns_and_rows_are_filtered_alike(values: Sequence[object], wanted: Sequence[object]) -> None:
    kinds: dict[type, list[object]] = {}
    for value in values:
        kinds.setdefault(type(value), []).append(value)
    for column in kinds.values():
        table = [{"c": value, "n": number} for number, value in enumerate(column)]
        by_row = list(RowFilter({"c": wanted}).rows(table))
        batches = RowFilter({"c": wanted}).batches(pa.Table.from_pylist(table).to_batches(max_chunksize=3))
        assert [row for batch in batches for row in batch.to_pylist()] == by_row


def test_values_compare_as_they_are_written() -> None:
    table = [{"v": value} for value in (1, "1", 1.0, 1.5, True, "True", "true", None, "ኣ")]
    kept = {
        str(wanted): [row["v"] for row in RowFilter({"v": [wanted]}).rows(table)] for wanted in (1, True, "ኣ", "1.5")
    }
    assert kept == {"1": [1, "1", 1.0], "True": [True, "True", "true"], "ኣ": ["ኣ"], "1.5": [1.5]}


def test_release_rows_become_the_hubs() -> None:
    dataset = DatasetSpec(
        files="x",
        rename={"sentence1": "premise", "nested.en": "english"},
        types={"label": {"entailment": 0, "neutral": 1}, "n": "int", "choices": "json", "share": "float"},
        constants={"answer": None, "source": "release"},
    )
    row = {
        "sentence1": "ሰላም",
        "nested": {"en": "peace"},
        "label": "neutral",
        "n": "70,000",
        "choices": '["ሀ", "ለ"]',
        "share": "0.5",
    }
    assert list(Shape(dataset).rows([row], "x")) == [
        {
            "premise": "ሰላም",
            "nested": {"en": "peace"},
            "english": "peace",
            "label": 1,
            "n": 70000,
            "choices": ["ሀ", "ለ"],
            "share": 0.5,
            "answer": None,
            "source": "release",
        }
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"types": {"label": {"a": 0}}}, "x: row 1: label: 'b' is not among the values of 'types' .a.; add it"),
        ({"types": {"label": "int"}}, "x: row 1: label: 'b' cannot be read as int"),
        ({"types": {"lable": "int"}}, "no column 'lable' .did you mean 'label'"),
        ({"rename": {"lable": "y"}}, "no column 'lable' .did you mean 'label'"),
    ],
)
def test_what_cannot_be_made_the_hubs_is_named(fields: dict[str, object], message: str) -> None:
    dataset = DatasetSpec.model_validate({"files": "x", **fields})
    with pytest.raises(DataError, match=message):
        list(Shape(dataset).rows([{"label": "b"}], "x"))
