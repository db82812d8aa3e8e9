"""Data files of every format, packed and plain; outputs and candidates."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from tests.fuzz.mutation import Mutator, changed_tree, of_bytes, of_json, of_json_lines
from tests.fuzz.target import Target, of_file

TEXT = "ጀልባው ከእሁድ\tበስተቀር\nتغادر العبارة\tفي الساعة\nเรือข้ามฟาก\tออกทุกเช้า\nߒߞߏ ߞߊ߲\t👩🏽‍🔬\n"


def data_targets(folder: Path) -> list[Target]:
    """Data files of every format, packed and plain; outputs, candidates, labels."""
    from harness.data import read_lines
    from harness.formats import FORMATS, DataFile, TableForm, rows_of
    from harness.nbest import read_candidates
    from harness.rows import RowFilter
    from harness.system_outputs import OutputFiles, read_outputs

    table = "id\ttext\tlabel\n" + "".join(f"{number}\t{line}\t{number % 3}\n" for number, line in enumerate("ሀلท日ߒ"))
    rows = [{"id": number, "text": line, "n": [1, 2], "o": {"a": 1.5}} for number, line in enumerate("ሀلท日ߒ")]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    squad = {"data": [{"title": "t", "paragraphs": [{"context": "c", "qas": [{"id": "1", "question": "q", "answers": [
        {"text": "c", "answer_start": 0}]}]}]}]}  # fmt: skip
    plain = {
        "tsv": ([table.encode(), TEXT.encode()], of_bytes),
        "csv": ([table.replace("\t", ",").encode(), b'a,b\n"x\ny","z ""q"""\n'], of_bytes),
        "json": ([json.dumps(rows).encode(), lines], of_json_lines),
        "jsonl": ([lines], of_json_lines),
        "squad": ([json.dumps(squad).encode()], of_json),
        "lines": ([TEXT.encode()], of_bytes),
        "parquet": ([_parquet(rows), _parquet([{"id": "1", "text": "ሀ"}])], _changed_parquet),
    }

    def reader(form: TableForm) -> Callable[[Path], object]:
        return lambda path: [list(rows_of(DataFile(path), form, wanted)) for wanted in (None, RowFilter({"id": [1]}))]

    found = []
    for kind, (inputs, mutate) in plain.items():
        name = "x.txt" if kind in ("lines", "squad") else f"x.{kind}"
        form = TableForm(format=kind, quotes=kind == "tsv")
        share = 2 if kind.startswith("json") else 1.5
        found.append(of_file(f"data, {kind}", folder / name, inputs, mutate, reader(form), share))
    assert set(FORMATS.values()) <= set(plain)
    packed = {
        "jsonl.gz": ([gzip.compress(lines)], lambda path: list(rows_of(DataFile(path), TableForm()))),
        "zip": ([_zip({"a/x.jsonl": lines, "../y.tsv": b"a\tb\n"})], _members),
        "tar.gz": ([gzip.compress(_tar({"x.jsonl": lines, "/y.tsv": b"a\tb\n"}))], _members),
        "tar": ([_tar({"x.jsonl": lines, "../y.tsv": b"a\tb\n"})], _members),
    }
    made = {"zip": _zip, "tar": _tar, "tar.gz": lambda files: gzip.compress(_tar(files))}
    for ending, (inputs, read) in packed.items():
        mutate = _packed(made[ending], lines) if ending in made else of_bytes
        found.append(of_file(f"data, {ending}", folder / f"x.{ending}", inputs, mutate, read))

    def outputs(path: Path) -> object:
        (folder / "reference.txt").write_bytes(TEXT.encode())
        files = OutputFiles(hypotheses=[path], references=[folder / "reference.txt"], target_language="hau")
        read_lines(path, encoding="utf-8")
        return read_outputs(files)

    nbest = [b'["a", "b"]\n{"candidates": ["c", "d"]}\n']
    found += [
        of_file("outputs", folder / "hyp.txt", [TEXT.encode()], of_bytes, outputs),
        of_file("candidates", folder / "n.jsonl", nbest, of_json_lines, lambda path: read_candidates(path, None)),
    ]
    return found


def _members(path: Path) -> object:
    from harness.archives import open_archive
    from harness.formats import DataFile, TableForm, rows_of

    archive = open_archive(path)
    for name in archive.names:
        assert not name.startswith("/"), name
        assert ".." not in name.split("/"), name
    return [list(rows_of(DataFile(path, name), TableForm())) for name in archive.names]


def _parquet(rows: list[dict[str, object]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


def _changed_parquet(random: Random, inputs: Sequence[bytes]) -> bytes:
    """Half the time sound Parquet of rows that nobody expects."""
    import pyarrow as pa

    if random.random() < 0.5:
        return of_bytes(random, inputs)
    rows = [{"id": number, "text": "ሀ", "n": [1, 2], "o": {"a": 1.5}} for number in range(random.choice((0, 1, 3)))]
    try:
        return _parquet(changed_tree(random, rows) if rows else [])
    except (pa.ArrowException, TypeError, ValueError, AttributeError, LookupError, OverflowError):
        return of_bytes(random, inputs)


def _packed(pack: Callable[[dict[str, bytes]], bytes], lines: bytes) -> Mutator:
    """Sound archives of members with any names and wrong content, or archives with wrong bytes."""

    def made(random: Random, inputs: Sequence[bytes]) -> bytes:
        if random.random() < 0.5:
            return of_bytes(random, inputs)
        names = (
            "x.jsonl",
            "a/../../x.csv",
            "/x.tsv",
            "x.json.gz",
            "x.parquet",
            "..",
            "",
            "x/",
            "\\x.csv",
            "ሀ.txt",
            "a" * 90,
        )
        try:
            return pack({random.choice(names): of_json_lines(random, [lines]) for _ in range(random.randrange(4))})
        except (ValueError, LookupError):
            return of_bytes(random, inputs)

    return made


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()
