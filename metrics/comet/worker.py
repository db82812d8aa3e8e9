"""Scores one batch of samples with unbabel-comet; runs in that package's environment and imports nothing of ours.

Standard input: one JSON object with ``checkpoint`` and ``samples``. Standard output, last line: one JSON object with
``scores`` and, where the model tags words, ``error_spans``. float32, on the CPU unless there is a GPU.
"""

import json
import logging
import sys
import warnings


def main() -> None:
    """Read, predict, write."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    import torch
    from comet.models import load_from_checkpoint

    asked = json.load(sys.stdin)
    model = load_from_checkpoint(asked["checkpoint"])
    gpus = 1 if torch.cuda.is_available() else 0
    found = model.predict(asked["samples"], batch_size=8, gpus=gpus, progress_bar=False, num_workers=0)
    answer = {"scores": [float(score) for score in found.scores]}
    if "metadata" in found and "error_spans" in found.metadata:
        answer["error_spans"] = found.metadata.error_spans
    sys.stdout.write("\n" + json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
