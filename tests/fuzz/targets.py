"""What is fuzzed: every place where a file, a reply or an argument that others wrote is read.

A target is real inputs, a way to make them wrong, and the reader. A new importer is one line in :func:`targets`::

    of_file("sacrebleu-json", "scores.json", [SCORES], of_json, lambda path: import_sacrebleu([path], out))
"""

from __future__ import annotations

import gzip
import importlib.util
import io
import json
import shutil
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from harness.resources import shipped_tasks
from tests.fuzz.mutation import (
    DIGITS,
    TOKENS,
    Mutator,
    of_bytes,
    of_grammar,
    of_json,
    of_json_lines,
    of_yaml,
)

ROOT = Path(__file__).resolve().parents[2]
TEXT = "ጀልባው ከእሁድ\tበስተቀር\nتغادر العبارة\tفي الساعة\nเรือข้ามฟาก\tออกทุกเช้า\nߒߞߏ ߞߊ߲\t👩🏽‍🔬\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One reader.

    Attributes:
        inputs: Real inputs. mutate: How they are made wrong.
        use: Reads one input; it may raise errors of ours alone.
        share: How many inputs it gets for one of a usual target.
    """

    name: str
    inputs: Sequence[bytes]
    mutate: Mutator
    use: Callable[[bytes], object]
    share: float = 1.0

    def made(self, random: Random) -> bytes:
        """One input."""
        return self.mutate(random, self.inputs)


def of_file(
    name: str,
    file: Path,
    inputs: Sequence[bytes],
    mutate: Mutator,
    read: Callable[[Path], object],
    share: float = 1.0,
) -> Target:
    """A target whose reader is given a file."""

    def use(content: bytes) -> object:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return read(file)

    return Target(name=name, inputs=inputs, mutate=mutate, use=use, share=share)


def targets(scratch: Path) -> list[Target]:
    """All of them.

    Args:
        scratch: An empty folder, which they write into.
    """
    return [
        *_settings(scratch / "settings"),
        *_data(scratch / "data"),
        *_runs(scratch / "runs"),
        *_results(scratch / "results"),
        *_models(scratch / "models"),
        *_texts(scratch / "texts"),
    ]


def _settings(folder: Path) -> list[Target]:
    """Task files, policies, lm-eval's files, READMEs of mirrors, manifests."""
    from harness.lm_eval_index import stock_index
    from harness.loader import load_policy, load_task, load_tasks, task_index
    from harness.manifest import read_manifest
    from harness.mirror import find_mirrored

    ours = [path.read_bytes() for path in sorted(shipped_tasks().rglob("*.yaml")) if path.stat().st_size < 5000]
    policy = (ROOT / "results" / "policy.yaml").read_bytes()
    theirs = folder / "lm-eval"
    mirror = folder / "mirror"

    stock_index(folder / "cache")

    def lm_eval(path: Path) -> object:
        (theirs / "_common").write_text("output_type: generate_until\ndataset_path: x\n", encoding="utf-8")
        (theirs / "_base.yaml").write_text("include: _common\ndoc_to_text: '{{q}}'\n", encoding="utf-8")
        return load_tasks([str(path)], [theirs], cache=folder / "cache")

    def readme(path: Path) -> object:
        for name in ("train.csv", "data/test-00000-of-00001.parquet"):
            (path.parent / name).parent.mkdir(parents=True, exist_ok=True)
            (path.parent / name).touch()
        return [find_mirrored(mirror, "org/name", config, "test", "t") for config in ("", "default", "fr")]

    def manifest(path: Path) -> object:
        found = read_manifest(path.parent)
        return [found.problem(path.parent, name) for name in found.files]

    def names(path: Path) -> object:
        return load_tasks(list(task_index([path.parent]))[:3], [path.parent])

    return [
        of_file("task file", folder / "tasks" / "t.yaml", ours, of_yaml, load_task, share=3),
        of_file("task file, by name", folder / "named" / "t.yaml", ours, of_yaml, names, share=0.5),
        of_file("policy", folder / "policy.yaml", [policy, POLICY], of_yaml, load_policy, share=2),
        of_file("lm-eval file", theirs / "t.yaml", _lm_eval_files(), of_yaml, lm_eval, share=2),
        of_file("README of a mirror", mirror / "org" / "name" / "README.md", README, of_bytes, readme),
        of_file("manifest", folder / "root" / "MANIFEST.json", [MANIFEST], of_json, manifest),
    ]


def _lm_eval_files() -> list[bytes]:
    """A few of lm-eval's own files, of every kind, without importing lm-eval; and one with all that a file may say."""
    spec = importlib.util.find_spec("lm_eval")
    assert spec is not None
    assert spec.origin is not None
    root = Path(spec.origin).parent / "tasks"
    names = ("xnli/xnli_de.yaml", "mgsm/direct/mgsm_direct_en.yaml", "arc/arc_easy.yaml", "gsm8k/gsm8k.yaml",
             "blimp/_blimp.yaml", "belebele/_belebele.yaml", "afrimgsm/afrimgsm.yaml", "mmlu/default/_mmlu.yaml")  # fmt: skip
    found = [root / name for name in names]
    return [path.read_bytes() for path in found if path.is_file()] + [LM_EVAL]


def _data(folder: Path) -> list[Target]:
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
        "parquet": ([_parquet(rows), _parquet([{"id": "1", "text": "ሀ"}])], of_bytes),
    }

    def reader(form: TableForm) -> Callable[[Path], object]:
        return lambda path: [list(rows_of(DataFile(path), form, wanted)) for wanted in (None, RowFilter({"id": [1]}))]

    found = []
    for kind, (inputs, mutate) in plain.items():
        name = "x.txt" if kind in ("lines", "squad") else f"x.{kind}"
        form = TableForm(format=kind, quotes=kind == "tsv")
        found.append(of_file(f"data, {kind}", folder / name, inputs, mutate, reader(form)))
    assert set(FORMATS.values()) <= set(plain)
    packed = {
        "jsonl.gz": ([gzip.compress(lines)], lambda path: list(rows_of(DataFile(path), TableForm()))),
        "zip": ([_zip({"a/x.jsonl": lines, "../y.tsv": b"a\tb\n"})], _members),
        "tar.gz": ([gzip.compress(_tar({"x.jsonl": lines, "/y.tsv": b"a\tb\n"}))], _members),
        "tar": ([_tar({"x.jsonl": lines, "../y.tsv": b"a\tb\n"})], _members),
    }
    for ending, (inputs, read) in packed.items():
        found.append(of_file(f"data, {ending}", folder / f"x.{ending}", inputs, of_bytes, read, share=0.5))

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


def _runs(folder: Path) -> list[Target]:
    """Records and tables of runs, and the store."""
    from harness.boards import boards
    from harness.doctor import examine
    from harness.export import scores_csv
    from harness.store import ResponseStore, RunFolder
    from tests.leaderboard_runs import write_run

    good = write_run(folder / "good")
    names = ("run.json", "segments.parquet", "statistics.parquet")
    contents = {name: (good / name).read_bytes() for name in names}
    small = _small_record(contents["run.json"])
    (good / "run.json.sha256").unlink()

    def record(path: Path) -> object:
        opened = RunFolder(path.parent)
        list(opened.problems())
        return scores_csv(opened.record), boards([opened.record]), opened.record.model_dump_json()

    def tables(path: Path) -> object:
        shutil.copyfile(good / "run.json", path.parent / "run.json")
        other = next(name for name in names[1:] if name != path.name)
        shutil.copyfile(good / other, path.parent / other)
        opened = RunFolder(path.parent)
        for unit in sorted(opened.units(), key=str)[:3]:
            opened.segments(unit)
            for metric in opened.metrics(unit):
                opened.statistics(unit, metric)
        return list(examine(opened))

    def responses(content: bytes) -> object:
        kind, _, body = content.partition(b"\n")
        place = folder / "responses.sqlite"
        place.parent.mkdir(parents=True, exist_ok=True)
        with ResponseStore(place) as store:
            db = sqlite3.connect(place)
            db.execute("DELETE FROM responses")
            db.execute("INSERT INTO responses VALUES ('k', ?, ?)", (kind.decode("latin-1"), body))
            db.commit()
            db.close()
            return store.get(["k"])

    bodies = [
        b"loglikelihood\n[-1.5, true, 3]",
        b"reward\n0.25",
        "generate\nሰላም".encode(),
        b'reasoned\n["because", "ok"]',
        b"embed\n" + bytes([1, 0, 0, 0, 3, 0, 0, 0]) + bytes(12),
    ]
    return [
        of_file("record", folder / "record" / "run.json", [small], of_json, record, share=3),
        of_file(
            "table of texts", folder / "texts" / "segments.parquet", [contents["segments.parquet"]], of_bytes, tables, 0.1
        ),
        of_file(
            "table of statistics",
            folder / "statistics" / "statistics.parquet",
            [contents["statistics.parquet"]],
            of_bytes,
            tables,
            0.1,
        ),
        Target(name="stored response", inputs=bodies, mutate=of_bytes, use=responses, share=0.5),
    ]


def _small_record(content: bytes) -> bytes:
    """A record with a few of its scores, so that a change meets each field often."""
    body = json.loads(content)
    body["scores"] = body["scores"][:3]
    body["files"] = {"segments.parquet": "0" * 64}
    return json.dumps(body, ensure_ascii=False).encode()


def _results(folder: Path) -> list[Target]:
    """Results of other programs: the importers."""
    from harness.mteb_results import imported_run

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
        ),
    ]


def _models(folder: Path) -> list[Target]:
    """What a model is called, and COMET's files."""
    from harness.commands.output import label_files, metric_list
    from harness.engine.models import parse_model
    from harness.engine.reasoning import declared_end
    from harness.target_options import text_metric
    from metrics.comet.checkpoint import read
    from metrics.comet.places import checkpoint_file
    from tests.comet_toy import write_checkpoint, write_encoder

    toy = write_checkpoint(folder / "comet", write_encoder(folder / "encoder"))
    checkpoint, settings = toy / "checkpoints" / "model.ckpt", toy / "hparams.yaml"
    weights = checkpoint.read_bytes()

    def model(content: bytes) -> object:
        spec = parse_model(content.decode("utf-8", "surrogateescape"))
        declared_end(spec)
        spec.require_known(["dtype", "batch_size", "compile"])
        return spec.name, spec.tasks, spec.flag("compile"), spec.integer("batch_size", 3)

    def metric(content: bytes) -> object:
        text = content.decode("utf-8", "surrogateescape")
        label_files([text]) if "=" in text and "," not in text else None
        return [text_metric(one, "hau").signature() for one in metric_list(text) if not one.startswith("comet")]

    models = [b"hf:org/name,dtype=float32,batch_size=8", b"outputs:out/{lang}.txt,name=x,label=y,tasks=a;b"]
    parts = ["hf:", "outputs:", "name", ",batch_size=", "8", "-1", DIGITS, "\u0663", ",compile=", "true", ",label=", ","]
    metrics = ["chrf++", ":", "word_order=", "2", ",", "bleu", "tokenize=", "char", "lowercase=", "true", "@", "1e9", DIGITS]
    return [
        Target(name="model", inputs=models, mutate=of_grammar(parts, 6), use=model),
        Target(
            name="metric", inputs=[b"bleu:tokenize=13a", b"chrf:char_order=3"], mutate=of_grammar(metrics, 6), use=metric
        ),
        of_file("COMET's settings", settings, [settings.read_bytes()], of_yaml, lambda path: read(checkpoint), 0.3),
        of_file(
            "COMET's checkpoint",
            folder / "other" / "checkpoints" / "model.ckpt",
            [weights],
            of_bytes,
            lambda path: read(checkpoint_file(str(path))),
            share=0.3,
        ),
    ]


def _texts(folder: Path) -> list[Target]:  # noqa: ARG001
    """Languages, templates, patterns."""
    from harness.languages import identify
    from harness.patterns import check_search
    from harness.prompts import evaluate, render
    from harness.template_checks import check_template

    fields = {"q": "ሰላም ነው?", "n": 3, "choices": ["a", "b"], "o": {"a": [1, {"b": None}]}, "long": "x" * 20_000}

    def template(content: bytes) -> object:
        text = content.decode("utf-8", "surrogateescape")
        found = list(check_template(text, ("doc_to_text",), ()))
        for work in (render, evaluate):
            if work(text, fields, "t") and found:
                break
        return found

    def pattern(content: bytes) -> object:
        from harness.errors import UserError

        first, _, text = content.decode("utf-8", "surrogateescape").partition("\n")
        try:
            check_search(first, text)
        except ValueError as error:
            raise UserError(str(error)) from error
        import re

        return re.sub(first, "", text)

    codes = ["eng", "_", "-", "Latn", "yor", "zh", "CN", "Hans", "und", "Yoruba", "Arabic", " ", "(", "ߒߞߏ", "\x00", "İ"]
    return [
        Target(name="language", inputs=[b"yor_Latn", b"zh-Hans-CN", b"Norwegian"], mutate=of_grammar(codes, 6),
               use=lambda content: identify(content.decode("utf-8", "surrogateescape"))),
        Target(name="template", inputs=TEMPLATES, mutate=of_grammar(GRAMMAR), use=template, share=3),
        Target(name="pattern", inputs=[b"\\s*(a|b)+?[^c]{1,3}$\naaaab bbb"], mutate=of_grammar(PATTERNS), use=pattern),
    ]  # fmt: skip


def _parquet(rows: list[dict[str, object]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


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


POLICY = b"""baseline: {path: results/baseline, require_same: [dataset, metric_signature]}
rules:
- id: macro
  select: {task: flores, metric: chrf++, language: "eng_Latn-*"}
  scope: macro
  margin: 0.5
  floor: chance+0.05
  hard_drop: 5
coverage: {missing_language: fail, max_error_rate: 0.01}
waivers: [{language: yor, reason: known, expires: 2030-01-01}]
"""
LM_EVAL = b"""include: _base.yaml
task: mine
tag: [a, b]
dataset_path: org/name
dataset_name: fr
output_type: multiple_choice
doc_to_text: "{{q}}\\nAnswer:"
doc_to_target: !function utils.gold
doc_to_choice: ["A", "B"]
repeats: 2
generation_kwargs: {until: ["\\n"], do_sample: false}
filter_list:
- name: strict
  filter: [{function: regex, regex_pattern: "(-?[0-9.]+)"}, {function: take_first}]
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}, {metric: !function utils.f}]
metadata: {version: 1.0}
"""
README = [
    b"---\nlanguage: fr\nconfigs:\n- config_name: default\n  data_files:\n  - split: test\n    path: data/test-*\n"
    b"- config_name: fr\n  data_files:\n  - {split: test, path: [train.csv, 'x/*.csv']}\n  sep: ';'\n"
    b"dataset_info:\n- config_name: fr\n  features:\n  - {name: a, dtype: string}\n---\n# Text\n"
]
MANIFEST = json.dumps(
    {
        "version": 1,
        "files": {
            "org/name/test.parquet": {"sha256": "0" * 64, "bytes": 5, "source": "hub", "path": "org/name", "tasks": ["t"]},
            "MANIFEST.json": {"sha256": "0" * 64, "bytes": 0, "source": "found", "rows": None},
        },
    }
).encode()
TEMPLATES = [
    b"Question: {{q}}\nAnswer:",
    b"{% for c in choices %}{{ loop.index }}. {{ c|upper }}\n{% endfor %}",
    b"{{ choices.index('a') }}",
    b"{% if n > 2 %}{{ q[:3] ~ '!' }}{% else %}{{ o.a[1].b|default('x') }}{% endif %}",
    b"{{ q|regex_replace('\\\\s+', ' ')|trim }}",
    b"{% set x = q.split(' ') %}{{ x|join('-')|title }}",
]
GRAMMAR = (
    *("{{", "}}", "{{ ", " }}", "{% for a in ", " %}", "{% endfor %}", "{% if ", "{% endif %}", "{% set a = ", "{% else %}"),
    *("q", "n", "choices", "o.a", "long", "range(", "99999", ")", "(", "[", "]", ".", "|", " ~ ", " * ", " + ", " ** "),
    *("'x'", "10**9", "|join(long)", "|replace('x', long)", "|list", "|tojson", "|sort", "|groupby('a')", "|map('upper')"),
    *("|center(99999)", "|wordwrap(1)", "|batch(3)", "|sum", "|round(9)", "|regex_replace('(a|b)*', 'x')", "|int(base=36)"),
    *("|regex_replace('x*x*$', '')", ".split('x')", ".join(choices)", ".format(q)", ".__class__", "['__class__']", "|attr('x')"),
    *("namespace(a=1)", "cycler('a','b')", "joiner()", ".next()", "loop.index", "loop.cycle(1,2)", "dict(a=q)", "self", "super()"),
    *("{% macro f() %}", "{% include 'x' %}", "{% import 'os' as o %}", "{% raw %}", "{% filter upper %}", "{# c #}", "-%}", "{{-"),
    *(" is defined", " in ", " not ", " and ", "==", "<", "1e308", "0x7f", "None", "true", "none|length", "\n", "a", DIGITS),
    *(text.decode("utf-8", "surrogatepass") for text in TOKENS[:12]),
)  # fmt: skip
PATTERNS = (
    *("a", "b", ".", "\\s", "\\w+", "[ab]", "[^a]*", "(", ")", "(?:", "|", "*", "+", "?", "{2,}", "{1,3}", "$", "^", "\\1"),
    *("(?=", "(?<=", "(?P<x>", "(?P=x)", "(?i)", ".*", ".*?", "\\", "[", "]", "\n", "aaaaaaaaaaaaaaaaaaaaaaaa", "b" * 300),
)
