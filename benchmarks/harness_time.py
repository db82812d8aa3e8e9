"""The harness's own time, and its memory over the number of requests. JSON out.

Run: python benchmarks/harness_time.py [--requests 10000] [--many 100000] [--layers 8] [--hidden 512]
[--only time memory] [--clock wall|cpu] [--profile] [--out FILE]. A model with random weights and a task of questions
with four answers in several scripts are made on the spot; every run is ``harness.runner.run`` in a process of its own,
with an empty results folder.

``time``: so many requests through a model of some weight (own time is everything but the model's passes and the loading
of libraries and weights) and through the echo backend, which takes no time. ``memory``: most memory of a process with
so many and with many requests through a small model, the requests in one language or spread over many. ``--clock cpu``
counts seconds on the processor instead of the wall, which other programs on the machine disturb less.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TQDM_DISABLE", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np

ANSWERS = 4
DOCUMENTS = 250
"""Questions a language where requests are spread over languages."""

WORDS = (
    *("water", "bread", "river", "morning", "teacher", "window", "harvest"),
    *("ውሃ", "ዳቦ", "ወንዝ", "ጠዋት"),
    *("ماء", "خبز", "نهر", "صباح"),
    *("น้ำ", "ขนมปัง", "แม่น้ำ"),
    *("水", "パン", "川", "朝"),
    *("ရေ", "မုန့်", "ߖߌ", "ߓߎ߬ߙߎ", "🍞", "🌾"),
)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--many", type=int, default=100_000)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--only", nargs="*", default=["time", "memory"], choices=["time", "memory"])
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="What seconds are of.")
    parser.add_argument("--profile", action="store_true", help="Print where the time of every run went (cProfile).")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--child", nargs=3, metavar=("TASKS", "OUT", "MODEL"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        if arguments.clock == "cpu":
            time.perf_counter = time.process_time  # before the harness is imported, which then counts in it
        child(*arguments.child, profile=arguments.profile)
        return
    options = ["--clock", arguments.clock, *(["--profile"] if arguments.profile else [])]
    result: dict[str, Any] = {"machine": f"{platform.machine()}, {os.cpu_count()} processors", "clock": arguments.clock}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if "time" in arguments.only:
            write_model(place / "model", arguments.layers, arguments.hidden)
            write_task(place / "time", arguments.requests, languages=10)
            result["time"] = {
                "model": measured(place, "time", f"hf:{place / 'model'},device=cpu", options=options),
                "echo": measured(place, "time", "echo:x", options=options),
            }
            print(json.dumps(result["time"], indent=1), flush=True)
        if "memory" in arguments.only:
            write_model(place / "small", 2, 64)
            result["memory"] = memory(place, (arguments.requests, arguments.many), options=options)
            print(json.dumps(result["memory"], indent=1), flush=True)
    result["requests"] = {"few": arguments.requests, "many": arguments.many}
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def memory(place: Path, counts: Sequence[int], *, options: Sequence[str]) -> dict[str, Any]:
    """Most memory of runs with few and with many requests, and how many times the second is the first."""
    found: dict[str, Any] = {}
    for shape in ("one language", "many languages"):
        for backend in (f"hf:{place / 'small'},device=cpu", "echo:x"):
            name = f"{shape}, {backend.partition(':')[0]}"
            peaks = []
            for count in counts:
                folder = f"{name} {count}".replace(" ", "-").replace(",", "")
                languages = 1 if shape == "one language" else max(1, count // ANSWERS // DOCUMENTS)
                write_task(place / folder, count, languages=languages)
                peaks.append(measured(place, folder, backend, options=options))
            few, many = peaks[0]["peak_memory_mb"], peaks[-1]["peak_memory_mb"]
            found[name] = {"few": peaks[0], "many": peaks[-1], "ratio": round(many / few, 3)}
            print(name, json.dumps(found[name]), flush=True)
    return found


def measured(place: Path, task: str, model: str, *, options: Sequence[str]) -> dict[str, Any]:
    """One run in a process of its own."""
    with tempfile.TemporaryDirectory(dir=place) as out:
        command = [sys.executable, __file__, *options, "--child", str(place / task), out, model]
        begin = time.perf_counter()
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        process = time.perf_counter() - begin
    if "--profile" in options:
        print(done.stdout.rpartition("\n{")[0])
    return {**json.loads("{" + done.stdout.rpartition("\n{")[2]), "process_s": round(process, 2)}


def child(tasks: str, out: str, model: str, *, profile: bool) -> None:
    """A run, and what its record says of it as one line of JSON."""
    import cProfile
    import pstats

    from harness.engine.models import parse_model
    from harness.loader import load_tasks
    from harness.runner import RunPlan, run
    from harness.store import RunFolder

    watch = cProfile.Profile()
    plan = RunPlan(tasks=load_tasks(["questions"], [Path(tasks)]), models=[parse_model(model)], out=Path(out))
    folder = watch.runcall(run, plan, _silent) if profile else run(plan, _silent)
    if profile:
        pstats.Stats(watch).sort_stats("tottime").print_stats(45)
    record = RunFolder(folder).record
    (stage,) = record.stages
    total, loading = record.seconds["total"], record.seconds["loading"]
    own = total - loading - stage.seconds_by_part["model"]
    print()
    print(
        json.dumps(
            {
                "requests": stage.requests,
                "total_s": total,
                "loading_s": loading,
                "checking_s": record.seconds["checking"],
                **{f"{name}_s": round(value, 3) for name, value in stage.seconds_by_part.items()},
                "own_s": round(own, 2),
                "own_share": round(own / total, 4),
                "tokens": stage.tokens,
                "saved_share": stage.saved_share,
                "peak_memory_mb": round((stage.peak_memory or 0) / 1e6, 1),
            }
        )
    )


def _silent(*_: object) -> None:
    pass


def write_task(folder: Path, requests: int, *, languages: int) -> None:
    """Questions of 20 to 40 words with four answers of 1 to 3, as many a language."""
    from harness.languages import known

    rng = np.random.default_rng(5)
    codes = [language.code for language in known()][:languages]
    folder.mkdir()
    for code in codes:
        with (folder / f"{code}.jsonl").open("w", encoding="utf-8") as file:
            for number in range(requests // ANSWERS // languages):
                question = f"{number} {code} " + " ".join(rng.choice(WORDS, int(rng.integers(20, 40))))
                answers = [
                    " ".join(rng.choice(WORDS, int(rng.integers(1, 4)))) + f" {index}" for index in range(ANSWERS)
                ]
                row = {"id": str(number), "question": question, "answers": answers, "gold": number % ANSWERS}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
    prompt = {"doc_to_text": "{{question}}?", "doc_to_choice": "{{answers}}", "doc_to_target": "{{gold}}"}
    spec = {
        "task": "questions",
        "kind": "multiple_choice",
        "dataset": {"files": "{lang}.jsonl", "key": "id"},
        "languages": codes,
        "prompts": {"plain": prompt},
        "metrics": ["acc", "acc_norm"],
    }
    text = "".join(f"{name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in spec.items())
    (folder / "questions.yaml").write_text(text, encoding="utf-8")


def write_model(folder: Path, layers: int, hidden: int) -> None:
    """A Llama-shaped model with random weights and a tokenizer of one token a word."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    vocabulary = {"<pad>": 0, "<s>": 1, "</s>": 2, **{word: index for index, word in enumerate(WORDS, start=3)}}
    vocabulary.update({f"w{index}": index for index in range(len(vocabulary), 32_000)})
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>", model_max_length=1024
    )
    fast.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=32_000,
        hidden_size=hidden,
        intermediate_size=4 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=max(1, hidden // 64),
        max_position_embeddings=1024,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)


if __name__ == "__main__":
    main()
