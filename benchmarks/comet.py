"""COMET: our inference against unbabel-comet's ``predict``, same checkpoint, same cores, in turn. Writes JSON.

Run: python benchmarks/comet.py --mafand FOLDER [--systems 4 10] [--segments 1000] [--repeat 3] [--out FILE].

A checkpoint of the size asked for, with random weights, is made by the package. Sources, references and the first six
systems are MAFAND's, English into Hausa, Swahili and Yorùbá in equal parts; further systems are edits of these (two
words dropped, doubled or moved). Every side is a process of its own, timed from the loaded model to the last score;
loading is apart. ``unbabel-comet`` gets all systems in one call of ``predict``, which is its best case; ``with its
cache`` is one call a system with the package's embedding cache on, as its command line does. Ratios are of two runs
that follow each other, and the median counts. Ends with an error where segment scores are more than 1e-5 apart.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LANGUAGES = ("hau", "swa", "yor")
TOLERANCE = 1e-5
MODELS = {
    "regression": ("RegressionMetric", {"layer_transformation": "sparsemax", "layer_norm": False}),
    "unified": ("UnifiedMetric", {"layer_transformation": "softmax", "input_segments": ["mt", "src"]}),
    "xcomet": ("XCOMETMetric", {"encoder_model": "XLM-RoBERTa"}),
}
MEASURES = ("seconds", "processor_seconds", "loading")
UNBABEL, CACHED, GLOTBENCH = "unbabel-comet", "unbabel-comet with its cache", "glotbench"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mafand", type=Path, help="folder with hau, swa and yor of MAFAND's test sets and outputs")
    parser.add_argument("--systems", type=int, nargs="+", default=[4, 10])
    parser.add_argument("--segments", type=int, default=1000)
    parser.add_argument("--model", choices=MODELS, default="regression")
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--with-cache", action="store_true", help="also time the package with its embedding cache")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--side", nargs=2, metavar=("SIDE", "FILE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        print(json.dumps(run_side(*arguments.side)))
        return
    result = compare(arguments)
    text = json.dumps(result, indent=1)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


def compare(arguments: argparse.Namespace) -> dict:
    """Time both sides on every number of systems."""
    sys.path.insert(0, str(ROOT))
    from metrics.comet.environment import make_environment

    python = make_environment(lambda text: print(text, file=sys.stderr)) / "bin" / "python"
    sides = {UNBABEL: str(python), GLOTBENCH: sys.executable}
    if arguments.with_cache:
        sides[CACHED] = str(python)
    with tempfile.TemporaryDirectory() as folder:
        segments, systems = real_systems(arguments.mafand, arguments.segments, max(arguments.systems))
        checkpoint = make_checkpoint(Path(folder), str(python), arguments, segments)
        runs = []
        for count in arguments.systems:
            asked = Path(folder) / f"{count}.json"
            samples = [
                [{"src": src, "mt": mt, "ref": ref} for (src, ref), mt in zip(segments, system, strict=True)]
                for system in systems[:count]
            ]
            asked.write_text(json.dumps({**checkpoint, "systems": samples}), encoding="utf-8")
            texts = {text for system in samples for sample in system for text in sample.values()}
            runs.append({"systems": count, "distinct_sentences": len(texts), **timed(sides, asked, arguments)})
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}",
        "threads": arguments.threads,
        "model": arguments.model,
        "encoder": {"layers": arguments.layers, "hidden": arguments.hidden},
        "segments": len(segments),
        "repeat": arguments.repeat,
        "runs": runs,
    }


def timed(sides: dict[str, str], asked: Path, arguments: argparse.Namespace) -> dict:
    """Median seconds of every side, each in a process of its own, in turn; how much faster ours is; how far apart.

    Raises:
        SystemExit: Segment scores differ by more than the tolerance.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": str(arguments.threads), "HF_HUB_OFFLINE": "1", "PYTHONPATH": ""}
    answers: dict[str, list[dict]] = {side: [] for side in sides}
    for _ in range(arguments.repeat):
        for side, python in sides.items():
            command = [python, str(Path(__file__).resolve()), "--side", side, str(asked)]
            done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
            if done.returncode:
                raise SystemExit(f"benchmarks/comet.py: {side}: {done.stderr[-2000:]}")
            answers[side].append(json.loads(done.stdout.splitlines()[-1]))
    scores = {side: found[0]["scores"] for side, found in answers.items()}
    apart = max(abs(one - other) for one, other in zip(scores[UNBABEL], scores[GLOTBENCH], strict=True))
    if not apart <= TOLERANCE:
        raise SystemExit(f"benchmarks/comet.py: segment scores are {apart:.2g} apart; the figures would mean nothing")
    return {
        **{
            measure: {
                side: round(statistics.median(answer[measure] for answer in found), 2)
                for side, found in answers.items()
            }
            for measure in MEASURES
        },
        "times_faster": {
            f"than {side}, by {measure}": ratios(answers[side], answers[GLOTBENCH], measure)
            for side in sides
            for measure in MEASURES[:2]
            if side != GLOTBENCH
        },
        "largest_difference": apart,
    }


def ratios(theirs: list[dict], ours: list[dict], measure: str) -> dict:
    """Median, smallest and largest ratio of runs that followed each other."""
    found = [their[measure] / our[measure] for their, our in zip(theirs, ours, strict=True)]
    return {
        "median": round(statistics.median(found), 2),
        "smallest": round(min(found), 2),
        "largest": round(max(found), 2),
    }


def run_side(side: str, asked_file: str) -> dict:
    """One side: load the checkpoint, score all systems."""
    sys.path.remove(str(Path(__file__).resolve().parent))  # this file is called as the package is
    asked = json.loads(Path(asked_file).read_text(encoding="utf-8"))
    samples = [sample for system in asked["systems"] for sample in system]
    begin = time.perf_counter()
    if side == GLOTBENCH:
        sys.path.insert(0, str(ROOT))
        from metrics.base import Segment
        from metrics.comet.metric import comet

        metric = comet(model=asked["checkpoint"], encoder=asked["encoder"], device="cpu")
        systems = [
            [Segment(hypothesis=one["mt"], references=(one["ref"],), source=one["src"]) for one in system]
            for system in asked["systems"]
        ]
        metric.segment_stats(systems[0][:0])
        loaded, used = time.perf_counter(), time.process_time()
        scores = [float(row[0]) for system in systems for row in metric.segment_stats(system)]
    else:
        from comet.models import load_from_checkpoint

        model = load_from_checkpoint(asked["checkpoint"])
        options = {"batch_size": 16, "gpus": 0, "progress_bar": False}
        loaded, used = time.perf_counter(), time.process_time()
        if side == CACHED:
            model.set_embedding_cache()
            scores = [score for system in asked["systems"] for score in model.predict(system, **options).scores]
        else:
            scores = model.predict(samples, **options).scores
    seconds, processor = time.perf_counter() - loaded, time.process_time() - used
    return {"loading": loaded - begin, "seconds": seconds, "processor_seconds": processor, "scores": scores}


def real_systems(folder: Path | None, segments: int, systems: int) -> tuple[list[tuple[str, str]], list[list[str]]]:
    """Pairs of source and reference, and as many systems' outputs of them."""
    if folder is None or not (folder / LANGUAGES[0]).is_dir():
        raise SystemExit("benchmarks/comet.py: --mafand: needs a folder with hau, swa and yor of MAFAND's test sets")
    pairs: list[tuple[str, str]] = []
    outputs: list[list[str]] = []
    for number, language in enumerate(LANGUAGES):
        share = segments // len(LANGUAGES) + (number < segments % len(LANGUAGES))
        own = folder / language
        pairs += list(zip(lines(own / "test.en"), lines(own / f"test.{language}"), strict=True))[:share]
        files = sorted(own.glob(f"*_en_{language}_news.txt"))
        outputs = outputs or [[] for _ in files]
        for output, file in zip(outputs, files, strict=True):
            output.extend(lines(file)[:share])
    real = len(outputs)
    outputs += [[edited(text, number) for text in outputs[number % real]] for number in range(real, systems)]
    return pairs, outputs[:systems]


def lines(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text(encoding="utf-8").rstrip("\n").split("\n")]


def edited(text: str, seed: int) -> str:
    """The text with two words dropped, doubled or moved."""
    draw = random.Random(f"{seed} {text}")
    words = text.split() or ["-"]
    for _ in range(2):
        place = draw.randrange(len(words))
        what = draw.choice(["drop", "double", "move"])
        word = words.pop(place)
        if what != "drop" or not words:
            words.insert(draw.randrange(len(words) + 1), word)
        if what == "double":
            words.insert(place, word)
    return " ".join(words)


def make_checkpoint(
    folder: Path, python: str, arguments: argparse.Namespace, segments: list[tuple[str, str]]
) -> dict[str, str]:
    """A checkpoint with random weights, and its encoder, made by the package."""
    kind, options = MODELS[arguments.model]
    sizes = {
        "vocab_size": 16000,
        "hidden_size": arguments.hidden,
        "num_hidden_layers": arguments.layers,
        "num_attention_heads": arguments.hidden // 64,
        "intermediate_size": 4 * arguments.hidden,
        "max_position_embeddings": 514,
    }
    tagged = {"word_layer": arguments.layers} if arguments.model == "xcomet" else {}
    plan = {
        "texts": [text for pair in segments for text in pair],
        "encoders": {"encoder": {"kind": "XLM-RoBERTa", "sizes": sizes}},
        "models": {
            "model": {
                "class": kind,
                "encoder": "encoder",
                "options": {**options, **tagged, "hidden_sizes": [3 * arguments.hidden, arguments.hidden]},
            }
        },
        "samples": [],
    }
    (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    script = ROOT / "tests" / "comet_checkpoints.py"
    command = [python, str(script), str(folder / "plan.json"), str(folder / "made")]
    environment = {**os.environ, "PYTHONPATH": "", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"benchmarks/comet.py: no checkpoint could be made: {done.stderr[-2000:]}")
    made = folder / "made"
    return {"checkpoint": str(made / "model" / "checkpoints" / "model.ckpt"), "encoder": str(made / "encoder")}


if __name__ == "__main__":
    main()
