"""Scores segments with unbabel-comet; runs in that package's environment and imports nothing of ours.

Standard input: a JSON object a line, with ``checkpoint``, ``encoder`` (folder with the encoder's configuration and
tokenizer, or empty) and ``samples`` (``src``, ``mt`` and, alike for all of them, ``ref``). Standard output: for each
line one JSON object, ``scores`` with ``error_spans`` where the model tags words, or ``error``. float32, on the GPU
where the package finds one. Whatever the package prints goes to standard error.
"""

import functools
import json
import logging
import os
import sys
import types
import warnings
from typing import Any

BATCH_SIZE = 16
"""The package's own default."""


def load(checkpoint: str, encoder: str) -> Any:
    """The model, by the package's own loader; ``encoder`` takes the place of the hub name in the checkpoint."""
    from comet import models

    if not encoder:
        return models.load_from_checkpoint(checkpoint)
    original = dict(models.str2model)
    try:
        for name, kind in original.items():
            loader = functools.partial(kind.load_from_checkpoint, pretrained_model=encoder)
            models.str2model[name] = types.SimpleNamespace(load_from_checkpoint=loader)
        return models.load_from_checkpoint(checkpoint)
    finally:
        models.str2model.update(original)


def predict(model: Any, samples: list[dict[str, str]]) -> dict[str, Any]:
    """What the package's ``predict`` gives."""
    import torch

    gpus = 1 if torch.cuda.is_available() else 0
    found = model.predict(samples, batch_size=BATCH_SIZE, gpus=gpus, progress_bar=False, num_workers=0)
    answer = {"scores": [float(score) for score in found.scores]}
    if "metadata" in found and "error_spans" in found.metadata:
        answer["error_spans"] = found.metadata.error_spans
    return answer


def main() -> None:
    """Answer every line."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    loaded: dict[tuple[str, str], Any] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        key = (asked["checkpoint"], asked["encoder"])
        try:
            if key not in loaded:
                loaded.clear()
                loaded[key] = load(*key)
            answer = predict(loaded[key], asked["samples"])
        except Exception as error:  # noqa: BLE001 - the package raises bare Exception; whoever asked says it
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
