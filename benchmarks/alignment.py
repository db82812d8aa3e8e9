"""MEXA against the original's procedure, all directions of a bitext task, and memory over languages. JSON out.

Run: python benchmarks/alignment.py --data SIB200 [--languages 40] [--sentences 100] [--layers 8] [--hidden 512]
[--vocabulary 128000] [--directions 84] [--device cpu] [--out FILE].
The original encodes one sentence a forward pass, output layer included, and computes every cosine in Python; here it is
written down again from its definition, over the same model and sentences. Scores are compared at every layer. The
decoder has random weights; its tokenizer (BPE, 16,000) is trained on the sentences, its output layer is as large as
those of multilingual models. Both sides use as many threads as there are processors.
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
from pathlib import Path
from typing import Any

os.environ.setdefault("TQDM_DISABLE", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
from numpy.typing import NDArray

from harness.engine.base import ModelSpec
from harness.engine.models import load_model
from harness.types import Embed, EmbedResponse
from metrics import registry
from metrics.alignment import mexa_stats
from metrics.base import VectorMetric


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="Folder LANG/test.tsv: index_id, category, text.")
    parser.add_argument("--languages", type=int, default=40)
    parser.add_argument("--sentences", type=int, default=100)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--vocabulary", type=int, default=128_000)
    parser.add_argument("--directions", type=int, default=84, help="Languages of the bitext part.")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.memory_of:
        print(peak_of_run(arguments.data, arguments.memory_of))
        return
    texts = read(arguments.data, arguments.languages, arguments.sentences)
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        write_model(model, texts, arguments)
        result = {
            "machine": f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}",
            "device": arguments.device,
            "mexa": mexa(model, texts, arguments),
            "bitext": bitext(arguments.directions),
            "memory_mb": memory(arguments.data),
        }
    text = json.dumps(result, indent=1)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")


def read(folder: Path, languages: int, sentences: int) -> dict[str, list[str]]:
    """Parallel sentences, English first, in the order of their ids."""
    codes = sorted(path.name for path in folder.iterdir() if (path / "test.tsv").is_file())
    codes.remove("eng_Latn")
    found = {}
    for code in ["eng_Latn", *codes[: languages - 1]]:
        lines = (folder / code / "test.tsv").read_text(encoding="utf-8").strip("\n").split("\n")[1:]
        rows = sorted((int(line.split("\t")[0]), line.split("\t")[2]) for line in lines)
        found[code] = [text for _, text in rows[:sentences]]
    return found


def write_model(folder: Path, texts: dict[str, list[str]], arguments: argparse.Namespace) -> None:
    """A decoder with random weights, and a tokenizer trained on the sentences."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=16_000, special_tokens=["<s>", "</s>"], show_progress=False)
    tokenizer.train_from_iterator([text for own in texts.values() for text in own], trainer)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>", model_max_length=2048
    ).save_pretrained(folder)
    config = Qwen3Config(
        vocab_size=arguments.vocabulary,
        hidden_size=arguments.hidden,
        intermediate_size=4 * arguments.hidden,
        num_hidden_layers=arguments.layers,
        num_attention_heads=arguments.hidden // 64,
        num_key_value_heads=max(1, arguments.hidden // 128),
        head_dim=64,
        max_position_embeddings=2048,
    )
    torch.manual_seed(0)
    Qwen3ForCausalLM(config).save_pretrained(folder)


def mexa(model: Path, texts: dict[str, list[str]], arguments: argparse.Namespace) -> dict[str, Any]:
    """Extraction and scoring by both, and whether the scores are equal at every layer."""
    begin = time.perf_counter()
    ours = extract(model, texts, arguments.device)
    extraction = time.perf_counter() - begin
    begin = time.perf_counter()
    theirs = extract_as_the_original(model, texts, arguments.device)
    original = time.perf_counter() - begin
    begin = time.perf_counter()
    found = {code: mexa_stats(ours["eng_Latn"], own)[:, :-1].mean(axis=0) for code, own in ours.items()}
    scoring = time.perf_counter() - begin
    some = list(texts)[1:4]  # the original's cosines take long, and as long for every language
    begin = time.perf_counter()
    expected = {code: score_as_the_original(theirs["eng_Latn"], theirs[code]) for code in some}
    original_scoring = (time.perf_counter() - begin) / len(some) * len(texts)
    by_ours = {code: mexa_stats(theirs["eng_Latn"], theirs[code])[:, :-1].mean(axis=0) for code in some}
    return {
        "languages": len(texts),
        "sentences": len(texts["eng_Latn"]),
        "original_extraction_s": round(original, 2),
        "extraction_s": round(extraction, 2),
        "extraction_ratio": round(original / extraction, 2),
        "original_scoring_s": round(original_scoring, 2),
        "scoring_s": round(scoring, 3),
        "scoring_ratio": round(original_scoring / scoring, 1),
        "largest_difference_of_states": max(float(np.abs(ours[code] - theirs[code]).max()) for code in texts),
        "scores_equal_on_equal_states": all(np.array_equal(expected[code], by_ours[code]) for code in some),
        "scores_equal_end_to_end": all(np.array_equal(expected[code], found[code]) for code in some),
    }


def extract(model: Path, texts: dict[str, list[str]], device: str) -> dict[str, NDArray[np.float32]]:
    """Language -> ``[layers + 1, n, d]`` weighted states, by the engine."""
    engine = load_model(ModelSpec(backend="hf", target=str(model), options={"device": device, "dtype": "float32"}))
    found = {}
    for code, own in texts.items():
        requests = [Embed(text=text, pooling=("weighted",), language=code) for text in own]
        vectors: dict[int, NDArray[np.float32]] = {}
        for batch in engine.plan(requests):
            for position, response in zip(batch, engine.answer([requests[index] for index in batch]), strict=True):
                assert isinstance(response, EmbedResponse)
                vectors[position] = response.vectors[0]
        found[code] = np.stack([vectors[index] for index in range(len(own))], axis=1)
    engine.close()
    return found


def extract_as_the_original(model: Path, texts: dict[str, list[str]], device: str) -> dict[str, NDArray[np.float32]]:
    """The same, one sentence a pass, with all states and the output layer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    loaded = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).to(device).eval()
    found = {}
    for code, own in texts.items():
        rows = []
        for text in own:
            encoded = tokenizer(text, return_tensors="pt").to(device)
            with torch.no_grad():
                states = loaded(**encoded, output_hidden_states=True).hidden_states
            weights = torch.arange(1, encoded["input_ids"].shape[1] + 1, device=device).float()
            rows.append([(layer[0] * weights[:, None]).sum(0).cpu().numpy() / float(weights.sum()) for layer in states])
        found[code] = np.array(rows, dtype=np.float32).transpose(1, 0, 2)
    return found


def score_as_the_original(pivot: NDArray[np.float32], language: NDArray[np.float32]) -> NDArray[np.float64]:
    """MEXA of every layer by a cosine for each pair of sentences."""
    from scipy.spatial.distance import cosine

    scores = []
    for first, second in zip(pivot.astype(np.float64), language.astype(np.float64), strict=True):
        size = len(first)
        matrix = [[1 - cosine(one, other) for other in second] for one in first]
        count = 0
        for index in range(size):
            own = matrix[index][index]
            row = [matrix[index][other] for other in range(size) if other != index]
            column = [matrix[other][index] for other in range(size) if other != index]
            count += own > max(row) and own > max(column)
        scores.append(count / size)
    return np.array(scores)


def bitext(languages: int) -> dict[str, Any]:
    """F1 of all directions after encoding: stand-in vectors of 384 numbers for 1,004 sentences a language."""
    metric = registry.create("bitext_f1")
    assert isinstance(metric, VectorMetric)
    rng = np.random.default_rng(0)
    common = rng.normal(size=(1004, 384)).astype(np.float32)
    vectors = [common + rng.normal(scale=4, size=common.shape).astype(np.float32) for _ in range(languages)]
    begin = time.perf_counter()
    total = 0.0
    for source in vectors:
        for target in vectors:
            if source is not target:
                total += metric.value(metric.vector_stats(source, target))
    seconds = time.perf_counter() - begin
    count = languages * (languages - 1)
    return {"directions": count, "sentences": 1004, "seconds": round(seconds, 1), "mean_f1": round(total / count, 4)}


def memory(folder: Path) -> dict[str, float]:
    """Peak resident memory of an alignment run over 10 and over 84 languages, each in a process of its own."""
    found = {}
    for languages in (10, 84):
        command = [sys.executable, __file__, "--data", str(folder), "--memory-of", str(languages)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
        found[str(languages)] = float(done.stdout.strip().splitlines()[-1])
    return {**found, "growth": round(found["84"] / found["10"] - 1, 3)}


def peak_of_run(folder: Path, languages: int) -> float:
    """Megabytes at the most, of ``glotbench run sib200_alignment`` with stand-in states."""
    from harness.engine.models import parse_model
    from harness.loader import load_tasks
    from harness.resources import shipped_tasks
    from harness.runner import RunPlan, run
    from harness.tasks.base import Selection

    tasks = load_tasks(["sib200_alignment"], [shipped_tasks()])
    codes = list(tasks[0].spec.languages)
    codes.remove("eng_Latn")
    with tempfile.TemporaryDirectory() as out:
        plan = RunPlan(
            tasks=tasks,
            models=[parse_model("echo:x")],
            selection=Selection(languages=("eng_Latn", *codes[: languages - 1])),
            out=Path(out),
            data_root=folder.parent,
        )
        run(plan, lambda *_: None)
    # Not getrusage's figure: after a fork that starts at what the parent held.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return round(int(status.partition("VmHWM:")[2].split()[0]) / 1024, 1)


if __name__ == "__main__":
    main()
