"""Records and tables of runs, the store, and results of other programs."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sqlite3
from pathlib import Path

from tests.fuzz.mutation import of_bytes, of_json, of_values
from tests.fuzz.target import Target, of_file


def run_targets(folder: Path) -> list[Target]:
    """Records and tables of runs, and the store."""
    from harness.boards import boards
    from harness.export import scores_csv
    from harness.mteb_results import result_files
    from harness.store import RunFolder
    from leaderboard.site import build
    from tests.leaderboard_runs import write_run

    good = write_run(folder / "good")
    names = ("run.json", "segments.parquet", "statistics.parquet")
    contents = {name: (good / name).read_bytes() for name in names}
    whole = _small_record(contents["run.json"], {})
    small = _small_record(contents["run.json"], {"segments.parquet": "0" * 64})
    (good / "run.json.sha256").unlink()
    policy = folder / "policy.yaml"
    policy.write_text("rules: [{scope: per_language}, {scope: macro}]\n", encoding="utf-8")

    def record(path: Path) -> object:
        opened = RunFolder(path.parent)
        list(opened.problems())
        return scores_csv(opened.record), boards([opened.record]), opened.record.model_dump_json()

    def opened_beside_tables(path: Path) -> RunFolder:
        for name in names[1:]:
            shutil.copyfile(good / name, path.parent / name)
        return RunFolder(path.parent)

    def reported(path: Path) -> object:
        """A record that is taken for one goes through everything that shows records."""
        run = str(path.parent)
        record = opened_beside_tables(path).record
        for by, form in zip(("language", "script", "prompt"), ("json", "csv", "markdown"), strict=True):
            _command(["report", run, "--by", by, "--format", form])
        _command(["compare", run])
        _command(["gate", run, "--baseline", run, "--policy", str(policy)])
        return list(result_files(record, folder / "cache"))

    def site(path: Path) -> object:
        opened_beside_tables(path)
        shutil.rmtree(folder / "site", ignore_errors=True)
        return build([path.parent], folder / "site")

    def tables(path: Path) -> object:
        (path.parent / "run.json").write_bytes(whole)  # without checksums, which would refuse every change
        other = next(name for name in names[1:] if name != path.name)
        shutil.copyfile(good / other, path.parent / other)
        opened = RunFolder(path.parent)
        for unit in sorted(opened.units(), key=str)[:3]:
            opened.segments(unit)
            for metric in opened.metrics(unit):
                opened.statistics(unit, metric)
        return list(opened.problems())

    return [
        of_file("record", folder / "record" / "run.json", [small], of_json, record, share=3),
        of_file(
            "record, reported", folder / "reported" / "run.json", [whole], of_values, reported, share=0.005, longest=3
        ),
        of_file("record, on pages", folder / "shown" / "run.json", [whole], of_values, site, share=0.005, longest=5),
        of_file(
            "table of texts",
            folder / "texts" / "segments.parquet",
            [contents["segments.parquet"]],
            of_bytes,
            tables,
            0.1,
        ),
        of_file(
            "table of statistics",
            folder / "statistics" / "statistics.parquet",
            [contents["statistics.parquet"]],
            of_bytes,
            tables,
            0.1,
        ),
        _stored_response(folder),
    ]


def _stored_response(folder: Path) -> Target:
    """Answers in a store, whose checksums are right."""
    from harness.errors import RecordError
    from harness.store import ResponseStore
    from harness.store.schema import checksum

    def responses(content: bytes) -> object:
        kind, _, body = content.partition(b"\n")
        place = folder / "responses.sqlite"
        place.parent.mkdir(parents=True, exist_ok=True)
        with ResponseStore(place) as store:
            name = kind.decode("latin-1")
            db = sqlite3.connect(place)
            db.execute("DELETE FROM responses")
            db.execute("INSERT INTO responses VALUES ('k', ?, ?, ?)", (name, body, checksum("k", name, body)))
            db.commit()
            db.close()
            found = store.get(["k"])
        if not found:
            raise RecordError("put aside")
        return found

    bodies = [
        b"loglikelihood\n[-1.5, true, 3]",
        b"reward\n0.25",
        "generate\nሰላም".encode(),
        b'reasoned\n["because", "ok"]',
        b"embed\n" + bytes([1, 0, 0, 0, 3, 0, 0, 0]) + bytes(12),
    ]
    return Target(name="stored response", inputs=bodies, mutate=of_bytes, use=responses)


def _command(words: list[str]) -> None:
    """A command as the command line runs it, with its output thrown away."""
    from harness.cli import cli

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        cli(words, standalone_mode=False)


def _small_record(content: bytes, files: dict[str, str]) -> bytes:
    """A record with a few of its scores, so that a change meets each field often."""
    body = json.loads(content)
    body["scores"] = body["scores"][:3]
    body["files"] = files
    return json.dumps(body, ensure_ascii=False).encode()


def result_targets(folder: Path) -> list[Target]:
    """Results of other programs: the importers."""
    from harness.exchange.sacrebleu_scores import ScoreOptions, import_sacrebleu
    from harness.exchange.tables import import_tables
    from harness.mteb_results import imported_run

    bleu = {
        "name": "BLEU",
        "score": 31.5,
        "signature": "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0",
        "verbose_score": "60.1/38.2/26.1/18.4 (BP = 0.97 ratio = 0.97 hyp_len = 970 ref_len = 1000)",
        "confidence_mean": 31.4,
        "confidence_var": 1.2,
    }
    wide = "model,prompt,eng,amh,nqo\nmodel α,p1,90.25,54.17,3\nb/🦁,p1,70,,50\n"
    long = "model\tlanguage\tmetric\tscore\nm\tyor\tacc\t0.5\nm\tmya\tacc\t0.25\n"
    options = ScoreOptions(task="quiz", language="eng-yor", model="m")
    score = {"main_score": 0.5, "hf_subset": "fr-en", "languages": ["fra-Latn", "eng-Latn"], "accuracy": 0.5}
    mteb = {
        "task_name": "Tatoeba",
        "dataset_revision": "abc",
        "mteb_version": "2.26",
        "scores": {"test": [score, {**score, "hf_subset": "default", "languages": ["deu-Latn"]}]},
        "evaluation_time": 1.0,
        "date": 1.7e9,
    }
    return [
        of_file(
            "mteb result",
            folder / "x.json",
            [json.dumps(mteb).encode()],
            of_json,
            lambda path: imported_run([path], "model", folder / "out", folder / "cache", "import"),
            share=0.5,
        ),
        of_file(
            "sacrebleu's JSON",
            folder / "s.json",
            [json.dumps(bleu).encode(), json.dumps([bleu, {**bleu, "name": "chrF2", "score": 50.1}]).encode()],
            of_json,
            lambda path: import_sacrebleu([path], folder / "out", "import", options),
            share=0.5,
        ),
        of_file(
            "table of scores",
            folder / "t.csv",
            [wide.encode()],
            of_bytes,
            lambda path: import_tables([path], folder / "out", "import"),
            share=0.5,
        ),
        of_file(
            "long table of scores",
            folder / "t.tsv",
            [long.encode()],
            of_bytes,
            lambda path: import_tables([path], folder / "out", "import"),
            share=0.5,
        ),
    ]
