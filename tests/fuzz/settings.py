"""Task files, policies, lm-eval's files, READMEs of mirrors, manifests."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

from harness.resources import shipped_tasks
from tests.fuzz.mutation import of_bytes, of_json, of_yaml
from tests.fuzz.target import Target, of_file

ROOT = Path(__file__).resolve().parents[2]


def settings_targets(folder: Path) -> list[Target]:
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
        of_file("task file", folder / "tasks" / "t.yaml", ours, of_yaml, load_task),
        of_file("task file, by name", folder / "named" / "t.yaml", ours, of_yaml, names, share=0.2),
        of_file("policy", folder / "policy.yaml", [policy, POLICY], of_yaml, load_policy),
        of_file("lm-eval file", theirs / "t.yaml", _lm_eval_files(), of_yaml, lm_eval, share=0.5),
        of_file("README of a mirror", mirror / "org" / "name" / "README.md", README, of_bytes, readme),
        of_file("manifest", folder / "root" / "MANIFEST.json", [MANIFEST], of_json, manifest),
    ]


def _lm_eval_files() -> list[bytes]:
    """A few of lm-eval's own files, of every kind, without importing lm-eval; and one with all that a file may say."""
    spec = importlib.util.find_spec("lm_eval")
    assert spec is not None
    assert spec.origin is not None
    root = Path(spec.origin).parent / "tasks"
    names = [
        *("xcopa/default_et.yaml", "arc/arc_easy.yaml", "gsm8k/gsm8k.yaml", "hellaswag/hellaswag.yaml"),
        *("blimp/_blimp.yaml", "belebele/_belebele.yaml", "afrimgsm/afrimgsm.yaml", "mmlu/default/_mmlu.yaml"),
    ]
    found = [root / name for name in names]
    return [path.read_bytes() for path in found if path.is_file()] + [LM_EVAL, OURS]


POLICY = b"""baseline: {path: results/baseline, require_same: [dataset, metric_signature]}
rules:
- select: {task: flores, metric: chrf++}
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
OURS = re.sub(rb" !function [a-z.]+", b" acc", LM_EVAL)
README = [
    b"---\nlanguage: fr\nconfigs:\n- config_name: default\n  data_files:\n  - split: test\n    path: data/test-*\n"
    b"- config_name: fr\n  data_files:\n  - {split: test, path: [train.csv, 'x/*.csv']}\n  sep: ';'\n"
    b"dataset_info:\n- config_name: fr\n  features:\n  - {name: a, dtype: string}\n---\n# Text\n"
]
MANIFEST = json.dumps(
    {
        "version": 1,
        "files": {
            "org/name/test.parquet": {
                "sha256": "0" * 64,
                "bytes": 5,
                "source": "hub",
                "path": "org/name",
                "tasks": ["t"],
            },
            "MANIFEST.json": {"sha256": "0" * 64, "bytes": 0, "source": "found", "rows": None},
        },
    }
).encode()
