"""AfriMMLU's 18 languages by 5 prompts, end to end, by ``glotbench run`` and by the ``lm_eval`` command. JSON out.

Run: python benchmarks/irokobench.py --data SIB200 [--questions 20] [--prompts 5] [--layers 4] [--hidden 256]
[--vocabulary 128000] [--batch-sizes 8] [--rounds 1] [--device cpu] [--out FILE]. Questions are made of real sentences
in the 18 languages, in the data set's own layout; both sides read the same files, start from nothing and write their
results. The model has random weights and a byte-level tokenizer trained on the sentences. Accuracies are compared in
every language and prompt; the time is that of the whole command, start-up included.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.alignment import write_model

LANGUAGES = {
    "amh": "amh_Ethi",
    "eng": "eng_Latn",
    "ewe": "ewe_Latn",
    "fra": "fra_Latn",
    "hau": "hau_Latn",
    "ibo": "ibo_Latn",
    "kin": "kin_Latn",
    "lin": "lin_Latn",
    "lug": "lug_Latn",
    "orm": "gaz_Latn",
    "sna": "sna_Latn",
    "sot": "sot_Latn",
    "swa": "swh_Latn",
    "twi": "twi_Latn",
    "wol": "wol_Latn",
    "xho": "xho_Latn",
    "yor": "yor_Latn",
    "zul": "zul_Latn",
}
FOLDER = "masakhane/afrimmlu"


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="Folder LANG/{dev,test}.tsv: index_id, category, text."
    )
    parser.add_argument("--questions", type=int, default=20)
    parser.add_argument("--prompts", type=int, default=5)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--vocabulary", type=int, default=128_000)
    parser.add_argument("--batch-sizes", type=int, nargs="*", default=[8])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts = write_mirror(folder / "mirror", arguments.data, arguments.questions)
        write_model(folder / "model", texts, arguments)
        ours: list[float] = []
        theirs: dict[int, list[float]] = {size: [] for size in arguments.batch_sizes}
        unequal = 0
        for number in range(arguments.rounds):
            seconds, found = glotbench(folder, number, arguments)
            ours.append(seconds)
            for size in arguments.batch_sizes:
                seconds, expected = lm_eval(folder, number, size, arguments)
                theirs[size].append(seconds)
                unequal += sum(abs(found[key] - expected[key]) > 1e-9 for key in expected)
    best = min(theirs, key=lambda size: statistics.median(theirs[size]))
    result = {
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}",
        "device": arguments.device,
        "requests": len(LANGUAGES) * arguments.prompts * arguments.questions * 4,
        "lm_eval_s": round(statistics.median(theirs[best]), 1),
        "lm_eval_batch_size": best,
        "glotbench_s": round(statistics.median(ours), 1),
        "ratio": round(statistics.median(one / other for one, other in zip(theirs[best], ours, strict=True)), 2),
        "accuracies": len(LANGUAGES) * arguments.prompts,
        "unequal_accuracies": unequal,
    }
    text = json.dumps(result, indent=1)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")


def write_mirror(mirror: Path, data: Path, questions: int) -> dict[str, list[str]]:
    """Questions in AfriMMLU's layout; the sentences they are made of."""
    texts = {}
    for own, code in LANGUAGES.items():
        folder = mirror / FOLDER / own
        folder.mkdir(parents=True)
        for split, source, count in (("validation", "dev", 8), ("test", "test", questions)):
            lines = (data / code / f"{source}.tsv").read_text(encoding="utf-8").strip("\n").split("\n")[1:]
            sentences = [line.split("\t")[2] for line in lines]
            texts[code] = sentences
            rows = [question(sentences, number) for number in range(count)]
            body = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            (folder / f"{split}.jsonl").write_text(body, encoding="utf-8")
    lines = ["---", "configs:"]
    for own in LANGUAGES:
        lines += [f"- config_name: {own}", "  data_files:"]
        lines += [f"  - split: {split}\n    path: {own}/{split}.jsonl" for split in ("validation", "test")]
    (mirror / FOLDER / "README.md").write_text("\n".join([*lines, "---", ""]), encoding="utf-8")
    return texts


def question(sentences: list[str], number: int) -> dict[str, str]:
    """One row: a sentence, and the ends of four as answers."""
    ends = [" ".join(sentences[(number + step) % len(sentences)].split()[-4:]) for step in range(4)]
    return {
        "subject": "global_facts",
        "question": sentences[number % len(sentences)],
        "choices": repr(ends),
        "answer": "ABCD"[number % 4],
    }


def glotbench(folder: Path, number: int, arguments: argparse.Namespace) -> tuple[float, dict[tuple[str, str], float]]:
    """Seconds, and accuracy by the data set's language and prompt."""
    out = folder / f"ours-{number}"
    prompts = ",".join(f"prompt_{index}" for index in range(1, arguments.prompts + 1))
    model = f"hf:{folder / 'model'},device={arguments.device},dtype=float32"
    command = ["-m", "harness", "run", "afrimmlu", "--variants", "direct", "--prompts", prompts, "--model", model]
    seconds = timed([*command, "--data-root", str(folder / "mirror"), "--out", str(out)], Path.cwd(), folder)
    record = json.loads(next(out.glob("*/run.json")).read_text(encoding="utf-8"))
    codes = {code: own for own, code in LANGUAGES.items()}
    return seconds, {
        (codes[score["language"]], score["prompt"]): score["value"]
        for score in record["scores"]
        if score["metric"] == "acc"
    }


def lm_eval(
    folder: Path, number: int, size: int, arguments: argparse.Namespace
) -> tuple[float, dict[tuple[str, str], float]]:
    """The same by lm_eval, started where the mirror's folders are those of the hub."""
    out = folder / f"theirs-{number}-{size}"
    names = {
        f"afrimmlu_direct_{own}_prompt_{index}": (own, f"prompt_{index}")
        for own in LANGUAGES
        for index in range(1, arguments.prompts + 1)
    }
    model = f"pretrained={folder / 'model'},dtype=float32,max_length=2048"
    command = ["-m", "lm_eval", "run", "--model", "hf", "--model_args", model, "--tasks", ",".join(names)]
    command += ["--device", arguments.device, "--batch_size", str(size), "--output_path", str(out)]
    seconds = timed(command, folder / "mirror", folder)
    results: dict[str, Any] = json.loads(next(out.rglob("results_*.json")).read_text(encoding="utf-8"))["results"]
    return seconds, {names[name]: results[name]["acc,none"] for name in names}


def timed(command: list[str], place: Path, scratch: Path) -> float:
    """Seconds that a Python command takes in ``place``, offline, with a fresh cache; its errors are shown."""
    quiet = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TQDM_DISABLE": "1", "TOKENIZERS_PARALLELISM": "false"}
    path = os.pathsep.join([str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")])
    cache = tempfile.mkdtemp(dir=scratch)
    environment = {**os.environ, **quiet, "PYTHONPATH": path, "HF_DATASETS_CACHE": cache, "GLOTBENCH_CACHE": cache}
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *command], cwd=place, env=environment, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - begin
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr[-3000:]}")
    return seconds


if __name__ == "__main__":
    main()
